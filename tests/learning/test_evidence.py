"""Sums by regime and arm: what fades, what slides out, what other regimes lend, what the prior says."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.learning.evidence import COUNT, SQUARES, SUM, WINS, Evidence
from nautilus_quant.learning.params import PolicyParams, Priors

FOREVER = {"half_life": math.inf}
rewards = st.floats(-3.0, 3.0) | st.just(math.nan)
histories = st.lists(
    st.tuples(
        st.lists(rewards, min_size=2, max_size=2), st.sampled_from("abc"), st.sampled_from([1.0, 0.5, 0.25])
    ),
    max_size=25,
)


def evidence(arms: int = 2, mean: object = 0.0, strength: object = 2.0, **params: object) -> Evidence:
    return Evidence(Priors.of(arms, mean, strength), PolicyParams(**params))  # type: ignore[arg-type]


def told(made: Evidence, history: list[tuple[list[float], str, float]]) -> Evidence:
    for seen, regime, weight in history:
        made.update(np.array(seen), regime, weight)
    return made


def naive(history, regime: str, params: PolicyParams) -> np.ndarray:
    """The sums of one regime, each evaluation weighed by all that came after it."""
    sums = np.zeros((4, 2))
    kept = [at for at, (_, where, _) in enumerate(history) if where == regime][-(params.window or 10**6) :]
    for at in kept:
        seen, _, weight = history[at]
        for _, where, passed in history[at + 1 :]:
            weight *= params.discount ** (passed if where == regime else passed * params.absent_ageing)
        for arm, x in enumerate(seen):
            if math.isfinite(x):
                sums[:, arm] += weight * np.array([1.0, x, x * x, x > 0.0])
    return sums


@given(
    histories,
    st.sampled_from([1.0, 7.0, math.inf]),
    st.sampled_from([None, 1, 3]),
    st.sampled_from([0.0, 0.3]),
)
def test_sums_equal_those_over_the_whole_history(history, half_life, window, absent):
    params = {"half_life": half_life, "window": window, "absent_ageing": absent, "pooling": 0.0}
    made = told(evidence(**params), history)
    for regime in "abc":
        assert made.sums(regime) == pytest.approx(naive(history, regime, PolicyParams(**params)), abs=1e-9)


def test_an_evaluation_counts_half_after_one_half_life():
    made = told(evidence(half_life=1.0), [([1.0, math.nan], "a", 1.0), ([3.0, -1.0], "a", 1.0)])
    assert made.sums("a")[:, 0].tolist() == pytest.approx([1.5, 3.5, 9.5, 1.5])
    assert made.sums("a")[:, 1].tolist() == pytest.approx([1.0, -1.0, 1.0, 0.0])


def test_a_part_of_an_evaluation_counts_and_ages_in_part():
    made = told(evidence(half_life=1.0), [([1.0, 1.0], "a", 1.0), ([0.0, 0.0], "a", 0.5)])
    assert made.sums("a")[COUNT].tolist() == pytest.approx([math.sqrt(0.5) + 0.5] * 2)


def test_an_absent_regime_ages_more_slowly():
    made = told(
        evidence(half_life=1.0, absent_ageing=0.5, pooling=0.0),
        [([1.0, 1.0], "a", 1.0), ([1.0, 1.0], "b", 1.0)],
    )
    assert made.sums("a")[COUNT].tolist() == pytest.approx([math.sqrt(0.5)] * 2)
    assert made.sums("b")[COUNT].tolist() == pytest.approx([1.0] * 2)


def test_an_arm_not_observed_ages_too():
    made = told(evidence(half_life=1.0), [([1.0, 1.0], "a", 1.0), ([math.nan, math.inf], "a", 1.0)])
    assert made.sums("a")[COUNT].tolist() == pytest.approx([0.5, 0.5])
    assert made.sums("a")[SQUARES].tolist() == pytest.approx([0.5, 0.5])


def test_a_rarely_seen_regime_borrows_up_to_the_cap():
    # elsewhere 4 rewards of 1; here one of 3; 2 evaluations may be borrowed; the prior is 2 rewards of 0 +- 1
    made = told(
        evidence(pooling=2.0, **FOREVER), [([1.0, 1.0], "a", 1.0)] * 4 + [([3.0, math.nan], "b", 1.0)]
    )
    assert made.sums("b")[:, 0].tolist() == pytest.approx([3.0, 5.0, 11.0, 3.0])
    mean, sd, count = made.beliefs("b")
    assert (mean[0], count[0]) == pytest.approx((1.0, 3.0))  # 5 / (2 + 3)
    assert sd[0] == pytest.approx(math.sqrt(1.6 / 5.0))  # variance (2 + 11) / 5 - 1
    assert (mean[1], count[1]) == pytest.approx((0.5, 2.0))  # 2 / (2 + 2)


def test_a_regime_never_seen_borrows_from_all_and_one_seen_enough_in_all_borrows_everything():
    history = [([1.0, 1.0], "a", 1.0)] * 4 + [([3.0, math.nan], "b", 1.0)]
    made = told(evidence(pooling=2.0, **FOREVER), history)
    assert made.beliefs("new").mean.tolist() == pytest.approx([0.7, 0.5])  # 7 * 2/5 / (2 + 2), 4 * 2/4 / 4
    lent = told(evidence(pooling=50.0, **FOREVER), history)
    assert lent.sums("new")[COUNT].tolist() == pytest.approx([5.0, 4.0])


def test_without_anything_seen_the_prior_stands():
    made = evidence(2, [0.5, -1.0], [4.0, 8.0], reward_sd=2.0)
    mean, sd, count = made.beliefs("a")
    assert mean.tolist() == pytest.approx([0.5, -1.0])
    assert sd.tolist() == pytest.approx([1.0, math.sqrt(0.5)])
    assert count.tolist() == [0.0, 0.0]


@given(
    st.lists(st.floats(-3.0, 3.0), min_size=1, max_size=40),
    st.floats(-1.0, 1.0),
    st.floats(0.1, 50.0),
    st.floats(0.2, 3.0),
)
def test_the_posterior_is_the_textbook_one(seen, prior_mean, strength, sd):
    made = evidence(1, prior_mean, strength, reward_sd=sd, **FOREVER)
    for x in seen:
        made.update(np.array([x]), "a", 1.0)
    # Murphy (2007), in batch form: the sum of squares around the sample's own mean
    n, mean = len(seen), float(np.mean(seen))
    kappa = strength + n
    alpha = 1.0 + strength / 2.0 + n / 2.0
    beta = (
        sd**2 * strength / 2.0
        + 0.5 * float(np.sum((np.array(seen) - mean) ** 2))
        + strength * n * (mean - prior_mean) ** 2 / (2.0 * kappa)
    )
    posterior = made.posterior("a")
    assert posterior.strength[0] == pytest.approx(kappa)
    assert posterior.mean[0] == pytest.approx((strength * prior_mean + n * mean) / kappa, abs=1e-9)
    assert posterior.variance[0] == pytest.approx(beta / (alpha - 1.0), rel=1e-6, abs=1e-9)


def test_the_posterior_by_hand():
    made = told(evidence(1, 0.0, 1.0, **FOREVER), [([1.0], "a", 1.0), ([3.0], "a", 1.0)])
    # kappa 3, mean 4/3; beta = 1/2 + 2/2 + 1*2*4/(2*3) = 17/6, alpha - 1 = 3/2
    mean, variance, strength = made.posterior("a")
    assert (mean[0], variance[0], strength[0]) == pytest.approx((4 / 3, 17 / 9, 3.0))


@given(histories, histories, st.sampled_from([None, 2]))
def test_what_is_restored_goes_on_as_if_nothing_had_happened(before, after, window):
    made = told(evidence(half_life=5.0, window=window), before)
    saved = json.loads(json.dumps(made.to_dict(), allow_nan=False))
    again = told(evidence(half_life=5.0, window=window).restore(saved, [0, 1]), after)
    told(made, after)
    for regime in ("a", "b", "never"):
        assert np.array_equal(made.sums(regime), again.sums(regime))


@pytest.mark.parametrize("window", [None, 3])
def test_arms_may_come_and_go(window):
    history = [([1.0, -1.0], "a", 1.0), ([2.0, math.nan], "b", 1.0)]
    made = told(evidence(window=window), history)
    other = evidence(3, window=window).restore(made.to_dict(), [1, None, 0])
    for regime in "ab":
        assert other.sums(regime)[:, [2, 0]].tolist() == made.sums(regime).tolist()
        assert other.sums(regime)[:, 1].tolist() == [0.0] * 4
    other.update(np.array([math.nan, 1.0, math.nan]), "a", 1.0)
    assert other.sums("a")[SUM, 1] > 0.0


def test_a_window_holds_no_more_than_it_should():
    made = told(evidence(window=3), [([1.0, 1.0], "a", 1.0)] * 50)
    assert len(made.to_dict()["windows"]["a"]["left"]) == 3
    assert made.sums("a")[WINS, 0] < 3.0


@pytest.mark.parametrize(("shape", "weight"), [((3,), 1.0), ((2,), 0.0), ((2,), 1.5), ((2,), math.nan)])
def test_what_cannot_be_added_is_refused_and_changes_nothing(shape, weight):
    made = evidence()
    with pytest.raises(ValueError, match="need "):
        made.update(np.zeros(shape), "a", weight)
    assert made.to_dict() == {"sums": {}, "windows": {}}


@pytest.mark.parametrize(
    "wrong",
    [
        {"half_life": 0.0},
        {"half_life": math.nan},
        {"absent_ageing": 1.1},
        {"window": 0},
        {"pooling": -1.0},
        {"pooling": math.inf},
        {"reward_sd": 0.0},
        {"reward_low": 3.0},
        {"reward_high": math.nan},
        {"rate": "fast"},
        {"rate": 0.0},
        {"share": 1.0},
    ],
)
def test_impossible_parameters_are_named(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong)).removesuffix("_high")):
        PolicyParams(**wrong)


@pytest.mark.parametrize(
    ("mean", "strength"), [(math.nan, 1.0), (0.0, 0.0), (0.0, math.inf), ([0.0] * 3, 1.0)]
)
def test_impossible_priors_are_refused(mean, strength):
    with pytest.raises(ValueError):
        Priors.of(2, mean, strength)
