import json
import math
from decimal import Decimal

import numpy as np
import pytest

from nautilus_quant.account.costs import CostModel
from nautilus_quant.account.pace import Pace
from nautilus_quant.learning.contest import Arm, Contest, Standing, Want
from nautilus_quant.learning.legs import Leg
from nautilus_quant.learning.reward import RewardScale
from nautilus_quant.learning.selector import Selector, SelectorParams
from nautilus_quant.portfolio.sizing import Lot
from tests.learning.policies_probe import Scripted

BTC = "BTCUSDT-PERP.SIM"
ETH = "ETHUSDT-PERP.SIM"
HOUR = 3600 * 1_000_000_000
SIX = 6 * HOUR
START = 1_700_000_000 * 1_000_000_000
FREE = CostModel(taker=0.0, maker=0.0, half_spread=0.0)
ALL = np.array([True, True])
NONE = np.array([False, False])


def leg(instrument=BTC, costs=FREE, leverage=1.0):
    return Leg(
        instrument=instrument, leverage=leverage, threshold=0.0, lot=Lot(step=Decimal("0.001")), costs=costs
    )


def contest(*answers, arms=None, **params):
    arms = arms or [Arm("a", 0.1, (leg(),)), Arm("b", 0.3, (leg(),))]
    policy = Scripted(*answers, arms=len(arms))
    selector = Selector([arm.name for arm in arms], policy, SelectorParams(min_dwell=0.0, **params))
    made = Contest(BTC, arms, selector, RewardScale(spacing=0.0, least=1), interval=21_600.0)
    made.policy = policy
    return made


def at(ts, awake=ALL, regime="RANGING", capital=100_000.0, trigger="interval"):
    return Standing(START + ts, regime, awake, capital, trigger)


def want(arm, exposure, price=100.0, ts=0, instrument=BTC, **more):
    return Want(arm, instrument, exposure, price, price, START + ts, **more)


def test_nobody_may_open_before_the_first_evaluation():
    held = contest([1, 0])

    assert not held.allows("a")
    held.evaluate(at(0))
    assert held.allows("a")
    assert not held.allows("b")


def test_every_arm_is_observed_with_the_whole_budget_chosen_or_not():
    held = contest([1, 0], [1, 0])
    held.evaluate(at(0))
    held.target(want("a", 0.0))
    held.target(want("b", 1.0))
    held.mark(BTC, 101.0, 101.0, START + SIX)

    record = held.evaluate(at(SIX))

    assert record.returns == (0.0, pytest.approx(0.01))  # 40 % of 100 000 is bought at 100
    assert held.ledger("b").capital + held.ledger("b").split.net == pytest.approx(40_000.0)


def test_the_return_divided_by_the_volatility_over_the_time_is_what_the_policy_hears():
    held = contest([1, 0], [1, 0])
    held.evaluate(at(0))
    held.close(START, 100.0)
    held.close(START + HOUR, 101.0)
    held.target(want("a", -0.5))
    held.target(want("b", 1.0))
    held.mark(BTC, 101.0, 101.0, START + 3 * HOUR)

    held.evaluate(at(3 * HOUR, regime="CRISIS"))

    sigma = math.log(1.01) / 60.0  # per square root of a second
    reward = 0.01 / (sigma * math.sqrt(3 * 3600.0))
    ((heard, regime, weight),) = held.policy.heard
    assert heard == pytest.approx([-reward / 2, reward], rel=1e-3)
    assert (regime, weight) == ("RANGING", 0.5)


def test_an_arm_asleep_opens_nothing_even_on_paper_and_hears_nothing():
    held = contest([1, 0], [1, 0])
    held.evaluate(at(0, awake=np.array([True, False])))
    held.close(START, 100.0)
    held.close(START + HOUR, 101.0)
    held.target(want("a", 1.0))
    held.target(want("b", 1.0))
    held.mark(BTC, 101.0, 101.0, START + SIX)

    record = held.evaluate(at(SIX))

    assert record.returns == (pytest.approx(0.01), 0.0)
    assert not math.isnan(record.rewards[0])
    assert math.isnan(record.rewards[1])


def test_an_arm_that_never_said_anything_is_not_observed():
    held = contest([1, 0], [1, 0])
    held.evaluate(at(0))
    held.target(want("a", 0.0))

    record = held.evaluate(at(SIX))

    assert record.returns[0] == 0.0
    assert math.isnan(record.returns[1])


def test_a_price_that_is_unknown_at_the_evaluation_moves_the_return_to_the_next():
    held = contest([1, 0], [1, 0], [1, 0])
    held.evaluate(at(0))
    held.target(want("a", 1.0))
    held.mark(BTC, math.nan, math.nan, START + 2 * SIX)
    unknown = held.evaluate(at(2 * SIX))
    held.mark(BTC, 110.0, 110.0, START + 3 * SIX)

    assert math.isnan(unknown.returns[0])
    assert held.evaluate(at(3 * SIX)).returns[0] == pytest.approx(0.1)


def test_a_return_that_covers_two_evaluations_is_scaled_by_the_time_of_both():
    held = contest([1, 0], [1, 0], [1, 0])
    held.evaluate(at(0))
    held.close(START, 100.0)
    held.close(START + HOUR, 101.0)
    held.target(want("a", 1.0))
    held.evaluate(at(2 * SIX))
    held.mark(BTC, 102.0, 102.0, START + 4 * SIX)

    sigma = math.log(1.01) / 60.0
    record = held.evaluate(at(4 * SIX))
    assert record.rewards[0] == pytest.approx(0.02 / (sigma * math.sqrt(4 * 6 * 3600.0)), rel=1e-3)


def test_impact_is_paid_where_the_pace_of_the_market_is_known():
    arms = [Arm("a", 0.1, (leg(costs=CostModel(taker=0.0, half_spread=0.0, impact=1.0)),))]
    held = contest([1], [1], arms=arms)
    held.evaluate(at(0, awake=ALL[:1]))
    held.target(want("a", 1.0, pace=Pace(volatility=0.04, volume=10_000.0)))

    # 10 000 of capital at 100 are 100 coins, a hundredth of the day's volume.
    assert held.ledger("a").split.impact == pytest.approx(10_000.0 * 0.04 * 0.1, rel=1e-2)


def test_with_every_arm_forbidden_nobody_may_open_and_the_record_says_so():
    held = contest([1, 0])
    held.evaluate(at(0))

    record = held.evaluate(at(HOUR, awake=NONE, regime="CRISIS", trigger="regime"))

    assert record.weights == (0.0, 0.0)
    assert "all flat" in record.reason
    assert not held.allows("a")
    assert held.multiples() == {"a": 0.0, "b": 0.0}


def test_a_change_costs_what_closing_and_opening_cost():
    costs = CostModel(taker=0.0004, half_spread=0.0001)
    arms = [Arm("a", 0.1, (leg(costs=costs),)), Arm("b", 0.1, (leg(costs=costs, leverage=2.0),))]
    held = contest([1, 0], [0, 1], arms=arms)
    held.evaluate(at(0))
    held.target(want("a", -1.0))
    held.target(want("b", 1.0))

    record = held.evaluate(at(SIX))

    assert record.cost == pytest.approx(0.0005 + 2 * 0.0005, rel=1e-2)


def test_the_chosen_arm_gets_the_budget_of_all():
    held = contest([0.25, 0.75])
    held.evaluate(at(0))

    assert held.multiples() == {
        "a": pytest.approx(1.0),
        "b": pytest.approx(1.0),
    }  # 0.4 / 0.1 / 4, 0.4 / 0.3 * 3/4


def test_a_pair_is_one_arm_with_two_legs():
    arms = [Arm("pair", 0.1, (leg(), leg(ETH))), Arm("b", 0.1, (leg(),))]
    held = contest([1, 0], [1, 0], arms=arms)
    held.evaluate(at(0))
    held.target(want("pair", 1.0))
    held.target(want("pair", -1.0, instrument=ETH, price=10.0))
    held.mark(BTC, 102.0, 102.0, START + SIX)
    held.mark(ETH, 10.1, 10.1, START + SIX)

    assert held.legs == {BTC, ETH}
    assert held.evaluate(at(SIX)).returns[0] == pytest.approx(0.02 - 0.01)


def test_funding_is_part_of_what_is_earned():
    held = contest([1, 0], [1, 0])
    held.evaluate(at(0))
    held.target(want("a", 1.0))
    held.funding(BTC, 0.001)
    held.mark(BTC, 100.0, 100.0, START + SIX)

    assert held.evaluate(at(SIX)).returns[0] == pytest.approx(-0.001)


def test_an_arm_without_targets_is_judged_by_closed_positions():
    arms = [Arm("a", 0.1, (leg(),)), Arm("Foreign-1", 0.4)]
    held = contest([0, 1], [0, 1], [0, 1], arms=arms)
    held.evaluate(at(0))
    held.realised("Foreign-1", 600.0)
    held.realised("Foreign-1", -100.0)

    assert held.evaluate(at(SIX)).returns[1] == pytest.approx(500.0 / 10_000.0)
    assert math.isnan(held.evaluate(at(2 * SIX)).returns[1])


def test_a_clock_that_goes_backwards_teaches_nothing():
    held = contest([1, 0], [1, 0])
    held.evaluate(at(SIX))
    held.close(START, 100.0)
    held.close(START + HOUR, 101.0)
    held.target(want("a", 1.0, ts=SIX))
    held.evaluate(at(HOUR))

    assert held.policy.heard == []


def test_without_capital_known_the_choice_is_made_and_targets_are_only_noted():
    held = contest([1, 0], [1, 0])
    held.evaluate(at(0, capital=math.nan))
    held.target(want("a", 1.0))

    assert held.ledger("a").quantity(BTC) == 0.0
    held.evaluate(at(SIX))
    assert held.ledger("a").equity == pytest.approx(40_000.0)


def test_it_goes_on_after_a_restart_in_the_middle():
    def story(restart):
        held = contest([1, 0], [0, 1])
        held.evaluate(at(0))
        held.close(START, 100.0)
        held.close(START + HOUR, 101.0)
        held.target(want("a", 1.0))
        held.target(want("b", -1.0))
        if restart:
            saved = json.loads(json.dumps(held.to_dict()))
            held = contest([0, 1]).restore(saved)
            held.policy = held._selector.policy
        held.mark(BTC, 103.0, 103.0, START + SIX)
        record = held.evaluate(at(SIX))
        return record.to_dict(), held.policy.heard

    assert story(restart=True) == story(restart=False)


def test_with_other_arms_those_that_remain_keep_their_books():
    before = contest([1, 0])
    before.evaluate(at(0))
    before.target(want("b", 1.0))
    arms = [Arm("new", 0.1, (leg(),)), Arm("b", 0.3, (leg(),))]
    after = contest([1, 0], arms=arms).restore(before.to_dict())
    after.mark(BTC, 101.0, 101.0, START + SIX)

    record = after.evaluate(at(SIX))

    assert after.policy.places == [None, 1]
    assert record.arms == ("new", "b")
    assert math.isnan(record.returns[0])
    assert record.returns[1] == pytest.approx(0.01)


def test_what_is_held_stays_while_the_gates_do_not_know_and_goes_when_they_forbid():
    held = contest([1, 0], [0, 1])
    speak = [held.target(want(name, 0.0)) for name in "ab"]
    held.evaluate(at(0))
    unclear = Standing(START + HOUR, "RANGING", NONE, 1e5, "regime", unclear=ALL)
    forbidden = Standing(START + 2 * HOUR, "RANGING", NONE, 1e5, "regime", unclear=np.array([False, True]))

    kept = held.evaluate(unclear)
    left = held.evaluate(forbidden)

    assert speak == [True, True]
    assert kept.weights == (1.0, 0.0)
    assert kept.awake == (False, False)
    assert "do not know" in kept.reason
    assert left.weights == (0.0, 0.0)
