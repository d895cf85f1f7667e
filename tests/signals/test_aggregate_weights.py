"""Trust learnt from what following a source would have earned."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.signals.aggregate import Aggregator, AggregatorParams, Signal
from nautilus_quant.signals.aggregate_weights import LearningParams, LearntWeights

SECOND = 1_000_000_000


def test_one_observation_by_hand() -> None:
    """The first return is typical by definition: gains are ±1/3 for values of ±1."""
    learnt = LearntWeights({"a": 1.0, "b": 1.0}, LearningParams(rate=0.3, floor=0.1))
    learnt.learn({"a": 1.0, "b": -1.0}, 0.02)
    a = math.exp(0.1) / (math.exp(0.1) + math.exp(-0.1))
    assert learnt.shares == pytest.approx({"a": a, "b": 1 - a})


def test_the_floor_is_paid_by_those_above_it() -> None:
    """Shares 0.04, 0.32 and 0.64 with a floor of 0.1: excesses 0, 0.22 and 0.54 share the other 0.7."""
    learnt = LearntWeights({"a": 1.0, "b": 8.0, "c": 16.0}, LearningParams(floor=0.1))
    assert learnt.shares == pytest.approx(
        {"a": 0.1, "b": 0.1 + 0.7 * 0.22 / 0.76, "c": 0.1 + 0.7 * 0.54 / 0.76}
    )


def test_who_sleeps_keeps_his_share() -> None:
    learnt = LearntWeights({"a": 1.0, "b": 1.0, "c": 2.0}, LearningParams())
    learnt.learn({"a": 1.0, "b": -1.0}, 0.02)
    assert learnt.shares["c"] == pytest.approx(0.5)
    assert learnt.shares["a"] > 0.25 > learnt.shares["b"]
    alone = dict(learnt.shares)
    learnt.learn({"c": -1.0}, 0.02)  # nobody to compare it with
    assert learnt.shares == pytest.approx(alone)


def test_one_wild_return_teaches_no_more_than_a_large_one() -> None:
    def after(wild: float) -> float:
        learnt = LearntWeights({"a": 1.0, "b": 1.0}, LearningParams(rate=0.3, floor=1e-9))
        for _ in range(400):
            learnt.learn({"a": 0.0, "b": 0.0}, 0.01)
        learnt.learn({"a": 1.0, "b": -1.0}, wild)
        return learnt.shares["a"]

    most = math.exp(0.3) / (math.exp(0.3) + math.exp(-0.3))
    assert after(1.0) == after(100.0) == pytest.approx(most)
    assert after(0.01) < most


@pytest.mark.parametrize("realised", [math.nan, math.inf, 0.0])
def test_no_return_teaches_nothing(realised: float) -> None:
    learnt = LearntWeights({"a": 1.0, "b": 3.0}, LearningParams())
    before = learnt.to_dict()["shares"]
    learnt.learn({"a": 1.0, "b": -1.0}, realised)
    assert learnt.shares == before


def test_the_best_source_is_followed_when_the_world_changes() -> None:
    """One source is right 60 times of 100 in the first half, the other in the second."""
    rng = np.random.default_rng(6)
    learnt = LearntWeights({"a": 1.0, "b": 1.0}, LearningParams(rate=0.2, floor=0.05))
    seen = []
    for n in range(2_000):
        move = rng.choice([-1.0, 1.0])
        right = rng.random(2) < ((0.6, 0.4) if n < 1_000 else (0.4, 0.6))
        a, b = np.where(right, move, -move)
        learnt.learn({"a": float(a), "b": float(b)}, 0.01 * move)
        seen.append(learnt.shares["a"])
    assert np.mean(seen[200:1_000]) > 0.85
    assert np.mean(seen[1_200:]) < 0.15


def test_signals_are_judged_by_the_return_that_follows() -> None:
    """Only what was said before a return is judged by it: a source that repeats the past learns nothing."""
    params = AggregatorParams(weights={"a": 1.0, "b": 1.0}, learning=LearningParams(), max_age=10.0)
    made = Aggregator(params)
    made.put(Signal("a", 1.0, 1.0, 0))
    made.put(Signal("b", -1.0, 1.0, 0))
    made.learn(0.05, 0)  # of the time before anybody spoke
    assert made.shares == {"a": 0.5, "b": 0.5}
    made.put(Signal("a", -1.0, 1.0, SECOND))
    made.put(Signal("b", 1.0, 1.0, SECOND))
    made.learn(0.05, SECOND)  # a had said up
    assert made.shares["a"] > 0.5 > made.shares["b"]
    before = made.shares["a"]
    made.learn(-0.05, 30 * SECOND)  # a had said down; both are stale now
    after = made.shares["a"]
    assert after > before
    made.learn(-0.05, 31 * SECOND)
    assert made.shares["a"] == after


@given(
    st.lists(st.tuples(st.floats(-1.0, 1.0), st.floats(-1.0, 1.0), st.floats(-0.5, 0.5)), max_size=40),
    st.floats(0.01, 10.0),
    st.floats(0.001, 0.33),
)
def test_shares_are_shares_and_nobody_falls_through_the_floor(seen, rate, floor) -> None:
    learnt = LearntWeights({"a": 1.0, "b": 2.0, "c": 3.0}, LearningParams(rate=rate, floor=floor))
    for a, b, realised in seen:
        learnt.learn({"a": a, "b": b}, realised)
        assert math.fsum(learnt.shares.values()) == pytest.approx(1.0)
        assert min(learnt.shares.values()) >= floor * (1.0 - 1e-9)


def test_it_goes_on_where_it_was() -> None:
    params, start = LearningParams(rate=0.3), {"a": 1.0, "b": 2.0}
    whole, first = LearntWeights(start, params), LearntWeights(start, params)
    for one in (whole, first):
        one.learn({"a": 1.0, "b": -0.5}, 0.02)
    second = LearntWeights(start, params).restore(json.loads(json.dumps(first.to_dict())))
    for one in (whole, second):
        one.learn({"a": -1.0, "b": 0.5}, 0.03)
    assert second.to_dict() == whole.to_dict()
    for other in (LearntWeights(start, LearningParams()), LearntWeights({"a": 1.0, "b": 3.0}, params)):
        before = dict(other.shares)
        assert other.restore(first.to_dict()).shares == before


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        ({"rate": 0.0}, "0 < rate <= 10"),
        ({"rate": math.inf}, "0 < rate <= 10"),
        ({"floor": 0.0}, "0 < floor < 1"),
        ({"half_life": 0.0}, "half_life > 0"),
    ],
)
def test_impossible_values_are_refused(bad: dict, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        LearningParams(**bad)


def test_floors_must_leave_something() -> None:
    with pytest.raises(ValueError, match=r"floor < 0.5 for 2 sources"):
        LearntWeights({"a": 1.0, "b": 1.0}, LearningParams(floor=0.5))
