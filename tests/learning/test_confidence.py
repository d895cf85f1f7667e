"""Intervals that hold at every look: against hand-computed values, slow twins, and simulated worlds."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nautilus_quant.learning.confidence import (
    BETS,
    BettingSequence,
    NormalMixture,
    log_mixture,
    mixture_radius,
    prior_ratio,
)
from nautilus_quant.learning.power import stopping_times

ALPHA, RUNS, LOOKS, BOUND = 0.05, 2_000, 1_000, 6.0
TOLERATED = ALPHA + 3.0 * math.sqrt(ALPHA * (1.0 - ALPHA) / RUNS)
"""What a test whose true rate is alpha stays below in 999 of 1000 such simulations: 6.5 %."""


def gaussian(rng: np.random.Generator) -> np.ndarray:
    return np.clip(rng.normal(0.0, 1.0, (RUNS, LOOKS)), -BOUND, BOUND)


def skewed(rng: np.random.Generator) -> np.ndarray:
    """Many small gains and rare large losses, as carry and grids earn; the clipped mean is zero exactly."""
    crash = rng.random((RUNS, LOOKS)) < 0.05
    losses = -np.minimum(0.5 + rng.pareto(1.5, (RUNS, LOOKS)), BOUND)
    # E min(Y, b) = 1 / 0.5 (1 − (1 + b)^−0.5) for a Lomax(1.5) Y, here cut at b = 5.5
    mean_loss = 0.5 + 2.0 * (1.0 - (1.0 + BOUND - 0.5) ** -0.5)
    return np.where(crash, losses, 0.05 * mean_loss / 0.95)


def garch(rng: np.random.Generator) -> np.ndarray:
    """Volatility that comes in clusters: GARCH(1, 1) of persistence 0.98, clipped symmetrically."""
    shocks = rng.normal(size=(RUNS, LOOKS))
    variance = np.ones(RUNS)
    seen = np.empty_like(shocks)
    for i in range(LOOKS):
        seen[:, i] = np.sqrt(variance) * shocks[:, i]
        variance = 0.02 + 0.15 * seen[:, i] ** 2 + 0.83 * variance
    return np.clip(seen, -BOUND, BOUND)


NULLS = [gaussian, skewed, garch]


def false_positives(differences: np.ndarray) -> float:
    more, less = stopping_times(differences, BOUND, ALPHA)
    return float(np.mean(np.isfinite(np.minimum(more, less))))


@pytest.mark.parametrize("null", NULLS)
def test_looking_after_each_observation_does_not_inflate_false_positives(null: Callable) -> None:
    differences = null(np.random.default_rng(7))
    assert abs(differences.mean()) < 4.0 * differences.std() / math.sqrt(differences.size)  # it is a null
    assert false_positives(differences) <= TOLERATED


@pytest.mark.parametrize("null", NULLS)
def test_a_t_test_looked_at_so_often_fails_the_same_check(null: Callable) -> None:
    x = null(np.random.default_rng(7))
    n = np.arange(1, LOOKS + 1)
    mean = np.cumsum(x, axis=1) / n
    sd = np.sqrt(np.maximum(np.cumsum(x * x, axis=1) / n - mean**2, 1e-12) * n / np.maximum(n - 1, 1))
    p = 2.0 * stats.t.sf(np.abs(mean) / sd * np.sqrt(n), np.maximum(n - 1, 1))
    wrong = float(np.mean((p[:, 19:] <= ALPHA).any(axis=1)))
    assert wrong > 0.25
    assert wrong > TOLERATED


def test_the_normal_mixture_holds_where_it_promises_to() -> None:
    """Known deviation from the first look on; the deviation seen, from the hundredth."""
    x = np.random.default_rng(7).normal(0.0, 1.0, (RUNS, LOOKS))
    n = np.arange(1, LOOKS + 1)
    mean = np.cumsum(x, axis=1) / n
    radius = np.array([mixture_radius(i, 1.0, ALPHA, prior_ratio(ALPHA, 100)) for i in n])
    assert np.mean((np.abs(mean) >= radius).any(axis=1)) <= TOLERATED
    sd = np.sqrt((np.cumsum(x * x, axis=1) - n * mean**2)[:, 99:] / (n[99:] - 1))
    late = np.array([mixture_radius(i, 1.0, ALPHA, prior_ratio(ALPHA, 500)) for i in n])[99:]
    assert np.mean((np.abs(mean[:, 99:]) >= late * sd).any(axis=1)) <= TOLERATED


@pytest.mark.parametrize("mean", [-0.4, 0.0, 0.25])
def test_the_interval_covers_at_every_time(mean: float) -> None:
    """120 sequences of 150 looks; at most alpha and three errors of a proportion may ever miss."""
    rng, missed = np.random.default_rng(11), 0
    for _ in range(120):
        sequence = BettingSequence((-2.0, 3.0), ALPHA)
        for value in rng.choice([-1.0, 1.0], 150) + mean:
            sequence.update(value)
        missed += not sequence.lower < mean < sequence.upper  # it only shrinks: the last interval tells
    assert missed <= 120 * (ALPHA + 3.0 * math.sqrt(ALPHA * (1.0 - ALPHA) / 120))


def test_the_interval_narrows_on_the_mean() -> None:
    sequence, rng = BettingSequence((-6.0, 6.0)), np.random.default_rng(3)
    widths = []
    for value in rng.normal(0.5, 1.0, 4_000):
        sequence.update(value)
        widths.append(sequence.upper - sequence.lower)
    assert np.all(np.diff(widths) <= 0.0)
    assert sequence.lower < 0.5 < sequence.upper
    assert widths[-1] < 0.2


def test_wealth_is_that_of_a_bettor_with_paper_and_pencil() -> None:
    """Bounds ±2, observations 1 and −0.5: stakes are BETS / 2 per unit, against a mean of zero."""
    sequence = BettingSequence((-2.0, 2.0))
    assert sequence.p_value == 1.0
    for value in (1.0, -0.5, 1.0, 1.0, 1.0, 1.0, 1.0):
        sequence.update(value)
    growth = [(1 + b / 2 * 1.0) ** 6 * (1 + b / 2 * -0.5) for b in BETS]
    assert sequence.p_value == pytest.approx(1.0 / (0.5 * sum(growth) / len(growth)), rel=1e-12)


def test_online_equals_batch() -> None:
    differences = np.random.default_rng(5).normal(0.15, 1.0, (4, 900))
    more, less = stopping_times(differences, BOUND, ALPHA)
    assert np.isfinite(more).any()
    for run, (up, down) in enumerate(zip(more, less, strict=True)):
        sequence = BettingSequence((-BOUND, BOUND), ALPHA)
        found = [math.inf, math.inf]
        for i, value in enumerate(differences[run]):
            sequence.update(value)
            if sequence.lower >= 0.0:
                found[0] = min(found[0], i + 1)
            if sequence.upper <= 0.0:
                found[1] = min(found[1], i + 1)
        assert found == [up, down]


values = st.lists(st.floats(-3.0, 3.0), min_size=1, max_size=60)


@given(values, st.sampled_from([0.01, 0.05, 0.3]))
def test_the_p_value_never_grows_and_agrees_with_the_interval(seen: list[float], alpha: float) -> None:
    for sequence in (BettingSequence((-2.0, 3.0), alpha), NormalMixture(alpha, tuned_for=20, start=2)):
        last = 1.0
        for value in seen:
            sequence.update(value)
            assert 0.0 <= sequence.p_value <= last
            last = sequence.p_value
            zero_is_out = sequence.lower >= 0.0 or sequence.upper <= 0.0
            assert zero_is_out == (last <= alpha) or last == pytest.approx(alpha)


@given(values)
def test_swapping_the_sign_swaps_the_interval(seen: list[float]) -> None:
    one, other = BettingSequence((-2.0, 3.0)), BettingSequence((-3.0, 2.0))
    for value in seen:
        one.update(value)
        other.update(-value)
    assert (other.lower, other.upper) == pytest.approx((-one.upper, -one.lower))
    assert one.p_value == pytest.approx(other.p_value)


def test_a_mark_is_an_end_the_interval_can_have() -> None:
    ends = set()
    for seed in range(20):
        sequence = BettingSequence((-1.0, 1.0), marks=(-0.123, 0.123))
        for value in np.random.default_rng(seed).choice([-0.5, 0.5], 500):
            sequence.update(value)
            ends |= {sequence.lower, sequence.upper}
    assert {-0.123, 0.123} <= ends


def test_observations_outside_the_bounds_are_cut() -> None:
    one, other = BettingSequence((-1.0, 1.0)), BettingSequence((-1.0, 1.0))
    for _ in range(30):
        one.update(50.0)
        other.update(1.0)
    assert one.to_dict() == other.to_dict()
    assert one.p_value < 1e-3


def test_a_mean_that_changes_leaves_nothing() -> None:
    sequence = BettingSequence((-2.0, 2.0))
    for value in [0.5] * 300 + [-0.5] * 900:
        sequence.update(value)
    assert sequence.lower >= sequence.upper


def test_the_normal_mixture_by_hand() -> None:
    """Theorem 2.2 with t = 4, sigma = 2, rho² = 0.5: 2 √(2 (4·0.5 + 1) / (16·0.5) ln(√3 / 0.05))."""
    assert mixture_radius(4, 2.0, 0.05, 0.5) == pytest.approx(
        2 * math.sqrt(2 * 3 / 8 * math.log(math.sqrt(3) / 0.05))
    )
    # e^(0.5·S² / (2·3)) / √3 with S = 5
    assert log_mixture(4, 5.0, 0.5) == pytest.approx(0.5 * 25 / 6 - 0.5 * math.log(3))
    sequence = NormalMixture(0.05, tuned_for=10.0, sd=2.0, start=1)
    for value in (1.0, 3.0):
        sequence.update(value)
    ratio = prior_ratio(0.05, 10.0)
    assert sequence.upper == pytest.approx(
        min(1 + mixture_radius(1, 2.0, 0.05, ratio), 2 + mixture_radius(2, 2.0, 0.05, ratio))
    )
    assert sequence.p_value == pytest.approx(min(1.0, math.exp(-log_mixture(2, 2.0, ratio))))


def test_the_likelihood_ratio_is_the_integral_over_the_prior() -> None:
    """The closed form against ∫ exp(θ S − n θ² / 2) N(0, ratio)(dθ), summed on a fine grid."""
    theta = np.linspace(-12.0, 12.0, 200_001)
    prior = stats.norm.pdf(theta, 0.0, math.sqrt(0.3))
    mixed = np.trapezoid(np.exp(theta * 4.2 - 7 * theta**2 / 2) * prior, theta)
    assert log_mixture(7, 4.2, 0.3) == pytest.approx(math.log(mixed), abs=1e-9)


@pytest.mark.parametrize("n", [30.0, 500.0])
def test_the_prior_is_the_best_for_its_time(n: float) -> None:
    best = prior_ratio(0.05, n)
    at = [mixture_radius(n, 1.0, 0.05, best * factor) for factor in (0.9, 1.0, 1.1)]
    assert at[1] < min(at[0], at[2])


def test_nothing_is_said_before_the_start_or_of_what_stands_still() -> None:
    early = NormalMixture(0.05, start=50)
    for value in [1.0, 1.1] * 24:
        early.update(value)
    assert (early.lower, early.upper, early.p_value) == (-math.inf, math.inf, 1.0)
    still = NormalMixture(0.05, start=2)
    for _ in range(200):
        still.update(0.0)
    assert (still.lower, still.upper, still.p_value) == (-math.inf, math.inf, 1.0)


@pytest.mark.parametrize(
    "make",
    [lambda alpha: BettingSequence((-3.0, 4.0), alpha, (-0.1, 0.1)), lambda a: NormalMixture(a, start=5)],
)
def test_it_goes_on_where_it_was(make: Callable) -> None:
    rng = np.random.default_rng(2)
    whole, first = make(0.05), make(0.05)
    for value in rng.normal(0.2, 1.0, 40):
        whole.update(value)
        first.update(value)
    saved = json.loads(json.dumps(first.to_dict(), allow_nan=True))
    second = make(0.05).restore(saved)
    for value in rng.normal(0.2, 1.0, 40):
        whole.update(value)
        second.update(value)
    assert second.to_dict() == whole.to_dict()
    other = make(0.01)
    fresh = other.to_dict()
    assert other.restore(saved).to_dict() == fresh


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-1.0, 0.0), (1.0, -1.0), (-math.inf, 1.0), (math.nan, 1.0)])
def test_bounds_must_enclose_zero(bounds: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="low < 0 < high"):
        BettingSequence(bounds)


@pytest.mark.parametrize("alpha", [0.0, 1.0, math.nan])
def test_alpha_must_be_a_probability(alpha: float) -> None:
    for make in (lambda: BettingSequence((-1.0, 1.0), alpha), lambda: NormalMixture(alpha)):
        with pytest.raises(ValueError, match="0 < alpha < 1"):
            make()


def test_other_values_must_be_possible_too() -> None:
    with pytest.raises(ValueError, match="tuned_for > 0"):
        NormalMixture(0.05, tuned_for=0.0)
    with pytest.raises(ValueError, match="sd > 0"):
        NormalMixture(0.05, sd=0.0)
    with pytest.raises(ValueError, match="start >= 1, or >= 2 without sd"):
        NormalMixture(0.05, start=1)
