import json
import math

import numpy as np
import pytest

from nautilus_quant.learning.paired import Outcome
from nautilus_quant.learning.report import arms_report, by_market, summary
from nautilus_quant.learning.track import FLAT
from tests.learning.evaluations import BTC, DAY, ETH, NAN, START, both, btc, evaluation


def approx(value):
    return pytest.approx(value, abs=1e-12)


@pytest.fixture(scope="module")
def report():
    return arms_report(both())


def test_a_market_in_numbers(report):
    market = report.markets[BTC]
    assert (market.evaluations, market.regime, market.last) == (5, "UP", "X-1")
    assert (market.since, market.until) == (START, START + 5 * DAY)
    summed = market.summary
    assert summed.days == 5.0
    assert summed.selector == approx(0.02 + 0.01 + 0.04 - 0.007)
    assert summed.equal == approx(0.025)
    assert (summed.best_arm, summed.best) == ("Y-2", approx(0.04))
    assert summed.last == approx(0.01)
    assert summed.regret == approx(-0.023)
    assert summed.regret_of_equal == approx(-0.038)
    assert (summed.switches, summed.churn_per_day, summed.costs) == (3, approx(0.4), approx(0.007))


def test_the_arms_as_they_stand(report):
    first, second = report.markets[BTC].arms
    assert tuple(first.belief) == ("X-1", 0.25, 0.125, 4.5)
    assert (first.awake, first.weight, first.share, first.net) == (True, 0.5, approx(0.4), approx(0.01))
    assert second.belief.arm == "Y-2"
    assert math.isnan(second.belief.mean)
    assert (second.awake, second.weight, second.share, second.net) == (
        False,
        0.5,
        approx(0.4),
        approx(0.04),
    )
    assert report.markets[BTC].summary.shares[FLAT] == approx(0.2)


def test_an_arm_that_competes_no_more_is_still_told(report):
    later = evaluation(6, (0.0,), (1.0,), arms=("Y-2",), means=(1.0,), sds=(2.0,), evidence=(3.0,))
    rows = arms_report([*btc(), later]).markets[BTC].arms
    assert [(row.belief.arm, row.awake, row.weight) for row in rows] == [
        ("Y-2", True, 1.0),
        ("X-1", None, 0.0),
    ]
    assert rows[1].net == approx(0.01)


def test_regimes_by_what_was_chosen_in_them(report):
    regimes = report.markets[BTC].regimes
    assert list(regimes) == ["UP", "DOWN"]
    up, down = regimes["UP"], regimes["DOWN"]
    assert (up.days, down.days) == (3.0, 2.0)
    assert (up.selector, down.selector) == (approx(0.025), approx(0.038))
    assert (up.equal, down.equal) == (approx(0.02), approx(0.005))
    assert (up.best_arm, up.best, down.best_arm, down.best) == ("X-1", approx(0.04), "Y-2", approx(0.04))


def test_beliefs_are_the_last_of_each_regime(report):
    beliefs = report.markets[BTC].beliefs
    assert [tuple(item) for item in beliefs["DOWN"]] == [("X-1", -0.25, 0.4, 0.0), ("Y-2", 0.75, 0.6, 0.5)]
    assert beliefs["UP"][0].mean == 0.25
    assert all(math.isnan(item.mean) for item in report.markets[ETH].beliefs["UP"])


def test_all_markets_have_the_same_capital(report):
    total = report.total.summary
    assert total.selector == approx((0.063 - 0.02) / 2)
    assert total.equal == approx((0.025 + 0.04) / 2)
    assert total.best == approx((0.04 + 0.10) / 2)
    assert total.last == approx((0.01 - 0.02) / 2)
    assert (total.days, total.switches, total.costs) == (5.0, 3, approx(0.0035))
    assert total.churn == approx(1.0)
    assert total.shares == {
        "X-1": approx(0.2),
        "Y-2": approx(0.2),
        "P-1": approx(0.0),
        "Q-2": approx(0.5),
        FLAT: approx(0.1),
    }
    regimes = report.total.regimes
    assert regimes["DOWN"].selector == approx(0.038 / 2)
    assert regimes["UP"].selector == approx((0.025 - 0.02) / 2)
    assert regimes["DOWN"].days == 1.0


def test_curves_of_all_markets_are_bucketed_by_the_slowest(report):
    curves = report.total.curves
    assert curves.ts.tolist() == [START, START + 5 * DAY]
    assert curves.selector == approx([-0.0005, (0.064 - 0.02) / 2])
    assert curves.equal == approx([0.0, 0.0325])
    assert report.total.paired.pairs == 2


def test_a_market_of_its_own_is_its_own_total():
    report = arms_report(btc())
    assert report.total.summary.best_arm == "Y-2"
    assert report.total.summary.selector == report.markets[BTC].summary.selector


def test_it_says_when_the_selector_does_not_beat_equal_weight(report):
    assert report.words == (
        "The selector does NOT beat equal weight after costs: it has earned 1.10 % of capital less. "
        "Not enough evidence to tell this from chance: 2 periods, at least 30 are needed."
    )
    assert report.markets[BTC].words == (
        "The selector is ahead of equal weight after costs by 3.80 % of capital. "
        "Not enough evidence to tell this from chance: 5 evaluations, at least 30 are needed."
    )
    one = arms_report(btc()[:1]).markets[BTC].words
    assert one.endswith("1 evaluation, at least 30 are needed.")
    same = arms_report([evaluation(0, (0.0, 0.0), (1.0, 0.0))]).words
    assert "NOT beat equal weight after costs: both have earned the same." in same


def long_run(edge):
    """Two arms, of which the selector holds the first; the difference to equal weight is half their edge."""
    noise = np.random.default_rng(6).normal(0.0, 0.001, (2, 100))
    return [
        evaluation(day, (edge + noise[0, day], noise[1, day]), (1.0, 0.0), arms=("X-1", "Y-2"))
        for day in range(100)
    ]


@pytest.mark.parametrize(
    ("edge", "start", "end"),
    [
        (0.01, "The selector is ahead of equal weight", "Hardly chance: t = "),
        (-0.01, "The selector does NOT beat equal weight", "Hardly chance: t = -"),
        (0.0, "The selector", "Not enough evidence to tell this from chance: t = "),
    ],
)
def test_evidence_is_weighed(edge, start, end):
    report = arms_report(long_run(edge))
    assert report.words.startswith(start)
    assert end in report.words
    assert report.words.endswith(" on 100 periods.")
    found = {0.01: Outcome.BETTER, -0.01: Outcome.WORSE, 0.0: Outcome.UNDECIDED}[edge]
    assert report.markets[BTC].paired.outcome is found


def test_what_is_odd_in_the_data_is_noted(report):
    assert report.markets[BTC].notes == ()  # the first evaluation earns nothing, known or not
    odd = [*btc(), evaluation(4, (0.5, 0.5), (1.0, 0.0)), evaluation(6, (NAN, 0.0), (1.0, 0.0))]
    market = arms_report(odd).markets[BTC]
    assert market.notes == (
        "evaluations passed over, as they are not later than the one before: 1",
        "unknown returns, which count as 0: 1, 1 of them of an arm that was held",
    )
    assert market.evaluations == 6


def test_a_run_over_the_same_time_replaces_the_one_before():
    again = [evaluation(0, (0.0, 0.0), (0.0, 1.0), trigger="start"), evaluation(1, (0.0, 0.03), (0.0, 1.0))]
    report = arms_report([*btc(), *again])
    assert report.markets[BTC].evaluations == 2
    assert report.markets[BTC].summary.selector == approx(0.03)
    # A restart of a live node goes on.
    later = evaluation(6, (0.0, 0.0), (0.0, 1.0), trigger="start")
    assert len(by_market([*btc(), later])[BTC]) == 6
    # A clock set back costs what was seen twice, and no more.
    back = evaluation(5, (0.0, 0.0), (0.0, 1.0), trigger="start")
    assert len(by_market([*btc(), back])[BTC]) == 5


def test_two_evaluations_at_one_time_are_one():
    second = evaluation(5, (NAN, 0.02), (0.0, 1.0), cost=0.004, regime="DOWN", trigger="regime")
    (*_, last) = by_market([*btc(), second])[BTC]
    assert (last.returns, last.weights, last.regime) == ((0.01, approx(0.03)), (0.0, 1.0), "DOWN")
    assert last.cost == approx(0.007)
    assert last.rewards == (0.01, approx(0.03))
    unknown = [evaluation(0, (0.0, NAN), (1.0, 0.0)), evaluation(0, (0.0, NAN), (1.0, 0.0))]
    assert math.isnan(by_market(unknown)[BTC][0].returns[1])
    market = arms_report([*btc(), second]).markets[BTC]
    assert (market.evaluations, market.notes, market.last) == (5, (), "Y-2")
    assert market.summary.selector == approx(0.063 - 0.004)


def test_the_document(report):
    document = summary(both())
    json.dumps(document, allow_nan=False)
    assert document["words"] == report.words
    assert document["total"]["selector"] == approx(0.0215)
    assert document["total"]["outcome"] == "not enough evidence"
    assert document["total"]["evaluations"] == 2
    assert document["total"]["best_arm"] is None
    assert list(document["total"]["regimes"]) == ["UP", "DOWN"]
    market = document["markets"][BTC]
    assert (market["regime"], market["last_arm"], market["evaluations"]) == ("UP", "X-1", 5)
    assert market["arms"][0] == {
        "arm": "X-1",
        "mean": 0.25,
        "sd": 0.125,
        "evidence": 4.5,
        "awake": True,
        "weight": 0.5,
        "share_of_time": approx(0.4),
        "net": approx(0.01),
    }
    assert market["arms"][1]["mean"] is None
    assert market["total"] == {
        "days": 5.0,
        "selector": approx(0.063),
        "equal_weight": approx(0.025),
        "best_single": approx(0.04),
        "best_arm": "Y-2",
        "last_chosen": approx(0.01),
        "regret_to_best": approx(-0.023),
        "regret_to_equal_weight": approx(-0.038),
        "switching_cost": approx(0.007),
        "switches": 3,
        "churn_per_day": approx(0.4),
        "flat_share_of_time": approx(0.2),
        "outcome": "not enough evidence",
        "t": approx(report.markets[BTC].paired.t),
        "evaluations": 5,
    }
    assert market["regimes"]["DOWN"]["best_arm"] == "Y-2"
    assert market["beliefs"]["DOWN"][1] == {"arm": "Y-2", "mean": 0.75, "sd": 0.6, "evidence": 0.5}
    assert market["notes"] == []


def test_nothing_is_a_report_too():
    report = arms_report([])
    assert report.to_dict() == {"words": "There are no evaluations yet.", "total": None, "markets": {}}


def test_markets_evaluated_at_other_times_are_added_up_in_full():
    often = [evaluation(day, (0.001, 0.0), (1.0, 0.0), market=ETH, cost=1e-5) for day in range(3, 40)]
    report = arms_report([*long_run(0.01)[::2], *often])
    curves = report.total.curves
    assert curves.selector.sum() == approx(report.total.summary.selector)
    assert curves.equal.sum() == approx(report.total.summary.equal)
    assert np.all(np.diff(curves.ts) > 0)
    assert report.total.paired.pairs == 50  # every two days, as the market evaluated least often
