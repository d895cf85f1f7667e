"""How a selection has done, against the same worked out record by record and arm by arm."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.learning.paired import Outcome, compare
from nautilus_quant.learning.record import Evaluation
from nautilus_quant.learning.track import FLAT, Track, leader, track

HOUR = 3_600_000_000_000
NAMES = ("A", "B", "C", "D")


def record(ts: int, arms: dict[str, tuple[float, float]], **options: Any) -> Evaluation:
    """Arms by name with their return and the weight from then on."""
    return Evaluation(
        **{"ts": ts * HOUR, "market": "M", "regime": "calm", "trigger": "interval", **options},
        arms=tuple(arms),
        returns=tuple(value for value, _ in arms.values()),
        rewards=(math.nan,) * len(arms),
        awake=(True,) * len(arms),
        weights=tuple(weight for _, weight in arms.values()),
    )


def followed(*records: Evaluation) -> Track:
    found = Track()
    for one in records:
        found.add(one)
    return found


@st.composite
def stories(draw: st.DrawFn) -> list[Evaluation]:
    out, ts = [], 0
    for _ in range(draw(st.integers(0, 12))):
        ts += draw(st.integers(1, 9))
        names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1))
        raw = [draw(st.sampled_from([0.0, 1.0, 2.0])) for _ in names]
        total = sum(raw) or 1.0
        value = st.one_of(st.floats(-0.1, 0.1), st.just(math.nan))
        arms = {name: (draw(value), weight / total) for name, weight in zip(names, raw, strict=True)}
        regime = draw(st.sampled_from(["calm", "rough", ""]))
        out.append(record(ts, arms, regime=regime, cost=draw(st.sampled_from([0.0, 0.001, math.nan]))))
    return out


# -- the second implementation: everything from the whole list, one question at a time ---------------


def number(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def of(one: Evaluation, what: str, arm: str) -> float:
    values = dict(zip(one.arms, getattr(one, what), strict=True))
    return number(values.get(arm, 0.0))


def in_regime(story: list[Evaluation], regime: str | None) -> list[tuple[Evaluation, Evaluation]]:
    return [(a, b) for a, b in pairwise(story) if regime is None or a.regime == regime]


def first_max(values: dict[str, float]) -> str:
    return next((name for name, value in values.items() if value == max(values.values())), FLAT)


def choice(one: Evaluation) -> str:
    weights = {arm: of(one, "weights", arm) for arm in one.arms}
    return first_max(weights) if max(weights.values()) > 0.0 else FLAT


@given(stories())
def test_curves_are_those_worked_out_arm_by_arm(story):
    curves = followed(*story).curves()
    arms = {arm: None for one in story for arm in one.arms}
    pairs = list(pairwise(story))
    assert curves.ts.tolist() == [one.ts for one in story]
    selector = [sum(of(a, "weights", arm) * of(b, "returns", arm) for arm in arms) for a, b in pairs]
    selector = [earned - number(one.cost) for earned, one in zip([0.0, *selector], story, strict=False)]
    assert curves.selector.tolist() == pytest.approx(selector)
    equal = [np.mean([of(b, "returns", arm) for arm in a.arms]) for a, b in pairs]
    assert curves.equal.tolist() == pytest.approx([0.0, *equal][: len(story)])
    for arm, series in followed(*story).arms.items():
        assert series.tolist() == [0.0, *(of(b, "returns", arm) for _, b in pairs)]
    sums = {arm: sum(of(b, "returns", arm) for _, b in pairs) for arm in arms}
    assert sum(curves.best) == pytest.approx(max(sums.values(), default=0.0))
    last = sums.get(choice(story[-1]), 0.0) if story else 0.0
    assert sum(curves.last) == pytest.approx(last)


@given(stories())
def test_sums_are_those_worked_out_regime_by_regime(story):
    found = followed(*story)
    cases: list[tuple[Any, str | None]] = [(found.summary(), None)]
    cases += [(summary, regime) for regime, summary in found.by_regime().items()]
    for summary, regime in cases:
        spans = in_regime(story, regime)
        begun = [b for a, b in pairwise(story) if regime in (None, b.regime)]
        paid = [number(one.cost) for one in story if regime in (None, one.regime)]
        hours = sum(b.ts - a.ts for a, b in spans)
        assert summary.days == pytest.approx(hours / (24 * HOUR))
        assert summary.costs == pytest.approx(sum(paid))
        earned = sum(of(a, "weights", arm) * of(b, "returns", arm) for a, b in spans for arm in a.arms)
        assert summary.selector == pytest.approx(earned - sum(paid))
        arms = {arm for one in (story if regime is None else [b for _, b in spans]) for arm in one.arms}
        sums = {arm: sum(of(b, "returns", arm) for _, b in spans) for arm in arms}
        assert summary.best == pytest.approx(max(sums.values(), default=0.0))
        assert summary.regret == pytest.approx(summary.best - summary.selector)
        assert summary.regret_of_equal == pytest.approx(summary.equal - summary.selector)
        before = {id(b): a for a, b in pairwise(story)}
        assert summary.switches == sum(choice(b) != choice(before[id(b)]) for b in begun)
        churn = sum(
            abs(of(b, "weights", arm) - of(before[id(b)], "weights", arm)) for b in begun for arm in NAMES
        )
        assert summary.churn == pytest.approx(churn / 2.0)
        assert summary.churn_per_day == pytest.approx(churn / 2.0 / summary.days if hours else 0.0)
        for arm in NAMES:
            held = sum(of(a, "weights", arm) * (b.ts - a.ts) for a, b in spans)
            assert summary.shares.get(arm, 0.0) == pytest.approx(held / hours if hours else 0.0)
        assert sum(summary.shares.values()) == pytest.approx(1.0 if hours else 0.0)


@given(stories())
def test_the_parts_make_the_whole(story):
    found = followed(*story)
    whole, parts = found.summary(), found.by_regime().values()
    for name in ("days", "selector", "equal", "costs", "switches", "churn"):
        assert sum(getattr(part, name) for part in parts) == pytest.approx(getattr(whole, name))
    assert found.curves().selector.sum() == pytest.approx(whole.selector)
    sums = {arm: series.sum() for arm, series in found.arms.items()}
    assert sums.get(whole.best_arm, 0.0) == pytest.approx(whole.best)


@given(stories())
def test_what_was_no_number_is_counted(story):
    found = followed(*story)
    assert found.missing == sum(sum(map(math.isnan, (*one.returns, one.cost))) for one in story)
    held = sum(
        math.isnan(value) and of(a, "weights", arm) > 0.0
        for a, b in pairwise(story)
        for arm, value in zip(b.arms, b.returns, strict=True)
    )
    assert found.missing_held == held


# -- worked examples --------------------------------------------------------------------------------


def test_weights_earn_the_returns_of_the_next_record_and_pay_at_their_own():
    found = followed(
        record(0, {"A": (0.5, 1.0), "B": (0.5, 0.0)}, cost=0.001),
        record(6, {"A": (0.02, 0.0), "B": (-0.01, 1.0)}, cost=0.002, regime="rough"),
        record(12, {"A": (0.04, 0.0), "B": (0.01, 1.0)}),
    )
    assert found.curves().selector.tolist() == pytest.approx([-0.001, 0.018, 0.01])
    assert found.curves().equal.tolist() == pytest.approx([0.0, 0.005, 0.025])
    assert found.curves().best.tolist() == pytest.approx([0.0, 0.02, 0.04])
    assert found.curves().last.tolist() == pytest.approx([0.0, -0.01, 0.01])
    assert found.last_choice == "B"
    whole = found.summary()
    assert (whole.switches, whole.churn, whole.churn_per_day, whole.days) == (1, 1.0, 2.0, 0.5)
    assert whole.shares == {"A": 0.5, "B": 0.5, FLAT: 0.0}
    assert whole.regret == pytest.approx(0.06 - 0.027)
    calm, rough = found.by_regime()["calm"], found.by_regime()["rough"]
    assert (calm.selector, rough.selector) == pytest.approx((0.019, 0.008))
    assert (calm.switches, rough.switches) == (0, 1)
    assert (calm.best_arm, rough.best_arm) == ("A", "A")


def test_a_record_that_does_not_go_on_in_time_is_passed_over():
    one, two = record(6, {"A": (0.0, 1.0)}), record(12, {"A": (0.01, 1.0)})
    found = followed(one, one, record(5, {"A": (0.9, 1.0)}), two)
    assert found.ignored == 2
    assert len(found) == 2
    assert found.curves().selector.tolist() == [0.0, 0.01]


def test_markets_are_followed_apart():
    records = [record(n, {"A": (0.1 * n, 1.0)}, market="XY"[n % 2]) for n in range(6)]
    found = track(iter(records))
    assert list(found) == ["X", "Y"]
    assert [len(one) for one in found.values()] == [3, 3]
    assert found["Y"].summary().selector == pytest.approx(0.3 + 0.5)


@pytest.mark.parametrize(
    ("weights", "arm"),
    [({}, FLAT), ({"A": 0.0, "B": 0.0}, FLAT), ({"A": 0.5, "B": 0.5}, "A"), ({"A": 0.1, "B": 0.9}, "B")],
)
def test_the_leader_has_most(weights: dict[str, float], arm: str):
    assert leader(weights) == arm


def test_of_nothing_there_is_nothing_to_say():
    found = Track()
    assert found.last_choice == FLAT
    assert found.summary().shares == {}
    assert found.by_regime() == {}
    assert found.verdict().words.startswith("Not enough evidence")
    assert found.verdict().words.endswith("costs: there was no evaluation.")


# -- verdict ----------------------------------------------------------------------------------------


def chosen(edge: float, cost: float, count: int = 400) -> Track:
    """Hold always the first of two arms, which earns `edge` more than the other."""
    noise = np.random.default_rng(11).normal(0.0, 0.01, (count, 2))
    return followed(
        *(
            record(6 * n, {"A": (float(a) + edge, 1.0), "B": (float(b), 0.0)}, cost=cost)
            for n, (a, b) in enumerate(noise)
        )
    )


def test_it_says_when_the_selector_is_better():
    said = chosen(0.005, 0.0).verdict()
    assert said.paired.outcome is Outcome.BETTER
    assert said.words.startswith("The selector beats equal weight after costs: +0.")


def test_it_says_when_costs_eat_it_all():
    said = chosen(0.005, 0.01).verdict()
    assert said.paired.outcome is Outcome.WORSE
    assert said.words.startswith("The selector does worse than equal weight after costs: -0.")


def test_it_says_when_nobody_can_tell():
    found = chosen(0.0, 0.0)
    said = found.verdict()
    assert said.words.startswith("Not enough evidence")
    assert said.words.endswith("400 evaluations.")
    assert said.paired == compare(found.curves().selector - found.curves().equal)
    assert found.verdict(level=0.999).paired.outcome is not Outcome.UNDECIDED


def test_an_arm_that_left_before_it_was_seen_to_lose_counts_as_nothing_lost():
    found = followed(record(0, {"A": (0.0, 1.0), "B": (0.0, 0.0)}), record(6, {"A": (-0.1, 1.0)}))
    assert (found.summary().best_arm, found.summary().regret) == ("B", pytest.approx(0.1))
    assert (found.by_regime()["calm"].best_arm, found.by_regime()["calm"].regret) == ("A", 0.0)
