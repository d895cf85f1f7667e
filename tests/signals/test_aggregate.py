"""One opinion out of many: exact values, and what must hold for any signals."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.signals.aggregate import Aggregator, AggregatorParams, Combined, Signal, Vote
from nautilus_quant.signals.aggregate_weights import LearningParams

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND
WEIGHTS = {"technical": 1.0, "model": 2.0, "order_flow": 5.0}
PARAMS = AggregatorParams(weights=WEIGHTS, max_age=100.0)


def told(params: AggregatorParams, *signals: tuple[str, float, float], age: float = 0.0) -> Aggregator:
    made = Aggregator(params)
    for source, value, confidence in signals:
        made.put(Signal(source, value, confidence, NOW - round(age * SECOND)))
    return made


def test_the_weighted_mean_by_hand() -> None:
    """Trust 1/8 and 2/8, confidences 0.8 and 0.4: masses 0.1 and 0.1; values 1 and −0.5."""
    combined = told(PARAMS, ("technical", 1.0, 0.8), ("model", -0.5, 0.4)).combine(NOW)
    assert combined.value == pytest.approx(0.25)
    assert combined.confidence == pytest.approx(0.2)
    assert combined.agreement == pytest.approx(0.05 / 0.15)
    assert combined.exposure == pytest.approx(0.05)
    assert combined.used == ("model", "technical")
    assert combined.reason == "weighted of 2: +0.25"


def test_confidence_halves_with_age() -> None:
    """Ages of one and two half-lives: masses (1/8)·½ and (2/8)·¼ are the same."""
    made = Aggregator(AggregatorParams(weights=WEIGHTS, half_life=10.0, max_age=100.0))
    made.put(Signal("technical", 1.0, 1.0, NOW - 10 * SECOND))
    made.put(Signal("model", 0.0, 1.0, NOW - 20 * SECOND))
    combined = made.combine(NOW)
    assert combined.value == pytest.approx(0.5)
    assert combined.confidence == pytest.approx(0.125)


def test_nothing_is_made_of_nothing() -> None:
    silent = Aggregator(PARAMS).combine(NOW)
    assert silent == Combined(reason="0 of 1 sources needed are heard")
    assert (silent.value, silent.confidence, silent.exposure, silent.used) == (0.0, 0.0, 0.0, ())


@pytest.mark.parametrize(
    "signal",
    [
        Signal("technical", math.nan, 1.0, NOW),
        Signal("technical", math.inf, 1.0, NOW),
        Signal("technical", 1.0, math.nan, NOW),
        Signal("rumour", 1.0, 1.0, NOW),
        Signal("technical", 1.0, 1.0, NOW - 100 * SECOND - 1),
        Signal("technical", 1.0, 1.0, NOW + SECOND + 1),
    ],
)
def test_what_is_no_signal_is_not_heard(signal: Signal) -> None:
    made = Aggregator(PARAMS)
    made.put(signal)
    assert made.combine(NOW).used == ()
    assert made.combine(NOW).exposure == 0.0


def test_just_in_time_is_heard() -> None:
    for ts in (NOW - 100 * SECOND, NOW + SECOND):
        made = Aggregator(PARAMS)
        made.put(Signal("technical", 1.0, 1.0, ts))
        assert made.combine(NOW).confidence == pytest.approx(0.125)


def test_a_source_that_lost_its_way_takes_back_what_it_said() -> None:
    made = told(PARAMS, ("technical", 1.0, 1.0))
    made.put(Signal("technical", math.nan, 1.0, NOW))
    assert made.combine(NOW).used == ()


def test_a_late_signal_changes_nothing_and_a_clock_set_back_does() -> None:
    made = told(PARAMS, ("technical", 1.0, 1.0))
    made.put(Signal("technical", -1.0, 1.0, NOW - 1))
    assert made.combine(NOW).value == 1.0
    made.put(Signal("technical", -1.0, 1.0, NOW - 1_000 * SECOND))
    assert made.combine(NOW - 1_000 * SECOND).value == -1.0


def test_values_and_confidences_beyond_their_range_are_cut() -> None:
    combined = told(PARAMS, ("technical", 7.0, 3.0), ("model", -0.5, -1.0)).combine(NOW)
    assert (combined.value, combined.confidence) == (1.0, 0.125)


def test_quorum_and_least_confidence() -> None:
    params = AggregatorParams(weights=WEIGHTS, quorum=2, min_confidence=0.3)
    made = told(params, ("technical", 1.0, 0.9), ("model", 1.0, 0.29))
    assert made.combine(NOW).reason == "1 of 2 sources needed are heard"
    assert made.combine(NOW).used == ("technical",)
    made.put(Signal("model", 1.0, 0.3, NOW))
    assert made.combine(NOW).value == 1.0


def test_nobody_confident_is_no_opinion() -> None:
    combined = told(PARAMS, ("technical", 1.0, 0.0), ("model", 1.0, 0.0)).combine(NOW)
    assert (combined.value, combined.confidence, combined.reason) == (0.0, 0.0, "nobody is confident")


@pytest.mark.parametrize(
    ("values", "value", "confidence", "reason"),
    [
        # two of three against the heaviest: (1·0.8 + 2·0.2) / 3 with 3/8 of the trust
        ((0.8, 0.2, -1.0), 0.4, 0.375, "majority of 3: +0.40"),
        ((-0.8, -0.2, 1.0), -0.4, 0.375, "majority of 3: -0.40"),
        ((0.8, 0.05, -1.0), 0.0, 0.0, "not majority: 1 up, 1 down, 1 neither"),
    ],
)
def test_a_majority_counts_heads(values, value, confidence, reason) -> None:
    params = AggregatorParams(weights=WEIGHTS, vote=Vote.MAJORITY, neutral=0.1)
    made = told(params, *((name, v, 1.0) for name, v in zip(WEIGHTS, values, strict=True)))
    combined = made.combine(NOW)
    assert (combined.value, combined.confidence) == pytest.approx((value, confidence))
    assert combined.reason == reason
    assert len(combined.used) == 3


def test_half_is_no_majority() -> None:
    params = AggregatorParams(weights=WEIGHTS, vote=Vote.MAJORITY)
    assert told(params, ("technical", 1.0, 1.0), ("model", -1.0, 0.1)).combine(NOW).value == 0.0


def test_one_voice_breaks_unanimity() -> None:
    params = AggregatorParams(weights=WEIGHTS, vote=Vote.UNANIMOUS)
    agreed = told(params, ("technical", 0.6, 1.0), ("model", 0.3, 1.0))
    assert agreed.combine(NOW).value == pytest.approx(0.4)
    assert agreed.combine(NOW).agreement == 1.0
    agreed.put(Signal("order_flow", 0.0, 0.01, NOW))
    assert agreed.combine(NOW).reason == "not unanimous: 2 up, 0 down, 1 neither"
    assert agreed.combine(NOW).exposure == 0.0


units = st.floats(0.0, 1.0)
opinions = st.dictionaries(
    st.sampled_from(sorted(WEIGHTS)), st.tuples(st.floats(-1.0, 1.0), units, st.integers(0, 150)), max_size=3
)


def heard(spoken: dict[str, tuple[float, float, int]], params: AggregatorParams, *, backwards=False):
    made, items = Aggregator(params), list(spoken.items())
    for source, (value, confidence, age) in reversed(items) if backwards else items:
        made.put(Signal(source, value, confidence, NOW - age * SECOND))
    return made.combine(NOW)


@given(opinions, st.sampled_from(Vote), st.integers(1, 3), units)
def test_the_result_is_bounded_and_order_does_not_matter(spoken, vote, quorum, least) -> None:
    params = AggregatorParams(
        weights=WEIGHTS, vote=vote, half_life=30.0, max_age=100.0, quorum=quorum, min_confidence=least
    )
    combined = heard(spoken, params)
    assert -1.0 <= combined.value <= 1.0
    assert 0.0 <= combined.confidence <= 1.0
    assert 0.0 <= combined.agreement <= 1.0
    assert combined.value == 0.0 or len(combined.used) >= quorum
    assert heard(spoken, params, backwards=True) == combined


@given(opinions, st.sampled_from(Vote))
def test_turning_everybody_around_turns_the_result(spoken, vote) -> None:
    params = AggregatorParams(weights=WEIGHTS, vote=vote, max_age=100.0)
    turned = {source: (-value, *rest) for source, (value, *rest) in spoken.items()}
    one, other = heard(spoken, params), heard(turned, params)
    assert other.value == pytest.approx(-one.value, abs=1e-12)
    assert other.confidence == pytest.approx(one.confidence)


@given(opinions.filter(len), units, st.data())
def test_a_surer_source_is_followed_more(spoken, more, data) -> None:
    source = data.draw(st.sampled_from(sorted(spoken)))
    value, confidence, _ = spoken[source]
    spoken[source] = (value, confidence, 0)
    surer = spoken | {source: (value, max(more, confidence), 0)}
    before, after = heard(spoken, PARAMS), heard(surer, PARAMS)
    assert after.confidence >= before.confidence - 1e-12
    if before.confidence > 1e-9:
        assert abs(after.value - value) <= abs(before.value - value) + 1e-9


def test_the_state_survives_json() -> None:
    params = AggregatorParams(weights=WEIGHTS, half_life=50.0, max_age=100.0, learning=LearningParams())
    made = told(params, ("technical", 1.0, 0.8), ("model", -0.5, 0.4), age=5.0)
    made.learn(math.nan, NOW)
    made.learn(0.01, NOW)
    again = Aggregator(params).restore(json.loads(json.dumps(made.to_dict())))
    for one in (made, again):
        one.learn(-0.02, NOW)
    assert again.combine(NOW) == made.combine(NOW)
    assert again.shares == made.shares
    assert again.to_dict() == made.to_dict()
    stranger = Aggregator(AggregatorParams(weights={"other": 1.0})).restore(made.to_dict())
    assert stranger.combine(NOW).used == ()
    assert dict(stranger.shares) == {"other": 1.0}
    fixed = Aggregator(AggregatorParams(weights=WEIGHTS)).restore(made.to_dict())
    assert fixed.combine(NOW).used == ("model", "technical")
    assert fixed.shares["order_flow"] == 0.625


def test_forgetting_keeps_what_was_learnt() -> None:
    params = AggregatorParams(weights={"a": 1.0, "b": 1.0}, learning=LearningParams())
    made = told(params, ("a", 1.0, 1.0), ("b", -1.0, 1.0))
    made.learn(0.0, NOW)
    made.learn(0.01, NOW)
    learnt = dict(made.shares)
    made.forget()
    assert learnt["a"] > learnt["b"]
    assert made.shares == learnt
    assert made.combine(NOW).used == ()
    made.learn(-0.01, NOW)  # nothing is judged any more
    assert made.shares == learnt


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        ({"weights": {}}, "at least one source"),
        ({"weights": {"a": 0.0}}, "positive, finite weight of 'a'"),
        ({"weights": {"a": math.nan}}, "positive, finite weight of 'a'"),
        ({"vote": "loudest"}, "vote in weighted, majority, unanimous"),
        ({"half_life": 0.0}, "half_life > 0"),
        ({"max_age": math.inf}, "max_age < inf"),
        ({"quorum": 4}, "1 <= quorum <= 3"),
        ({"quorum": 0}, "1 <= quorum <= 3"),
        ({"min_confidence": 1.1}, "min_confidence <= 1"),
        ({"neutral": 1.0}, "neutral < 1"),
    ],
)
def test_impossible_values_are_refused(bad: dict, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        AggregatorParams(**({"weights": WEIGHTS} | bad))
