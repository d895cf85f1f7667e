import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.signals.hedge_ratio import KalmanHedge, Moments, RollingOls

BOTH = pytest.mark.parametrize("kind", [RollingOls, KalmanHedge])


def walk(count: int, seed: int, volatility: float = 0.005, start: float = 8.0) -> np.ndarray:
    return start + np.cumsum(np.random.default_rng(seed).normal(0.0, volatility, count))


def pair(count: int, seed: int, beta: float = 1.4, keep: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """A walk, and another price that follows it with a gap which closes by itself. Shape: (count,) both."""
    x, noise = walk(count, seed), np.random.default_rng(seed + 1000).normal(0.0, 0.002, count)
    gap = np.zeros(count)
    for at in range(1, count):
        gap[at] = keep * gap[at - 1] + noise[at]
    return -2.0 + beta * x + gap, x


def feed(hedge, y, x):
    for one, other in zip(y.tolist(), x.tolist(), strict=True):
        hedge.update(one, other)
    return hedge


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_rolling_is_least_squares_of_the_window(offset: float) -> None:
    y, x = pair(700, 3)
    y, x = y + offset, x + offset
    hedge = RollingOls(60)
    for at, (one, other) in enumerate(zip(y.tolist(), x.tolist(), strict=True)):
        hedge.update(one, other)
        assert hedge.ready == (at >= 59)
        if at < 59 or at % 7:
            continue
        ys, xs = y[at - 59 : at + 1], x[at - 59 : at + 1]
        (beta, level), *_ = np.linalg.lstsq(np.stack([xs - xs.mean(), np.ones(60)]).T, ys, rcond=None)
        residuals = ys - level - beta * (xs - xs.mean())
        assert hedge.beta == pytest.approx(beta, rel=1e-6)
        assert hedge.alpha == pytest.approx(level - beta * xs.mean(), rel=1e-6)
        assert hedge.residual == pytest.approx(residuals[-1], rel=1e-5, abs=1e-9)
        assert hedge.sigma == pytest.approx(math.sqrt(residuals @ residuals / 58), rel=1e-6)


def test_rounding_does_not_pile_up_over_a_year_of_jumps() -> None:
    hedge = RollingOls(24)
    rng = np.random.default_rng(1)
    x = np.where(rng.random(8_760) < 0.01, 1e6, 0.0) + walk(8_760, 2)
    y = 2.0 * x + 1.0
    x[-24:] = walk(24, 5)
    y[-24:] = 3.0 * x[-24:] - 7.0
    feed(hedge, y, x)
    hedge.update(3.0 * 8.1 - 7.0, 8.1)
    fresh = feed(RollingOls(24), np.append(y[-23:], 3.0 * 8.1 - 7.0), np.append(x[-23:], 8.1))
    assert fresh.beta == pytest.approx(3.0)
    assert hedge.beta == pytest.approx(3.0, rel=0.5)  # at most a window of jumps' rounding
    feed(hedge, 3.0 * x[-24:] - 7.0, x[-24:])
    assert hedge.beta == pytest.approx(3.0, rel=1e-9)


@BOTH
@pytest.mark.parametrize("beta", [0.6, 1.4, 2.5])
def test_a_known_ratio_is_found(kind, beta: float) -> None:
    hedge = kind(400)
    found = []
    for one, other in zip(*(series.tolist() for series in pair(4_000, 11, beta)), strict=True):
        hedge.update(one, other)
        found.append(hedge.beta)
    assert np.mean(found[400:]) == pytest.approx(beta, abs=0.05)
    assert max(abs(np.array(found[400:]) - beta)) < 0.25
    assert hedge.alpha == pytest.approx(-2.0, abs=0.25 * 8.5)


@BOTH
def test_a_ratio_that_moves_is_followed(kind) -> None:
    x = walk(3_000, 4, 0.01)
    beta = np.where(np.arange(3_000) < 1_500, 1.0, 1.5)
    steps = beta[1:] * np.diff(x)
    y = 3.0 + np.concatenate([[0.0], np.cumsum(steps)])
    y += np.random.default_rng(9).normal(0.0, 0.002, 3_000)
    hedge = feed(kind(200), y[:1_500], x[:1_500])
    assert hedge.beta == pytest.approx(1.0, abs=0.05)
    feed(hedge, y[1_500:], x[1_500:])
    assert hedge.beta == pytest.approx(1.5, abs=0.05)


@BOTH
def test_deviations_are_of_unit_size_where_the_noise_is_white(kind) -> None:
    y, x = pair(6_000, 21, keep=0.0)
    hedge, scores = kind(300), []
    for one, other in zip(y.tolist(), x.tolist(), strict=True):
        hedge.update(one, other)
        if hedge.ready:
            scores.append(hedge.residual / hedge.sigma)
    assert np.std(scores) == pytest.approx(1.0, abs=0.05)
    assert np.mean(scores) == pytest.approx(0.0, abs=0.05)


def test_the_filter_is_the_textbook_s_with_matrices() -> None:
    y, x = pair(300, 8)
    memory, hedge = 50, KalmanHedge(50)
    feed(hedge, y[:50], x[:50])
    mean, spread = x[:50].mean(), x[:50].var()
    slope, level = np.polyfit(x[:50] - mean, y[:50], 1)
    residuals = y[:50] - level - slope * (x[:50] - mean)
    noise, weight = residuals @ residuals / 48, 50.0
    state = np.array([level, slope])
    covariance = np.diag([1 / 50, 1 / (50 * spread)])
    for one, other in zip(y[50:].tolist(), x[50:].tolist(), strict=True):
        moved = (other - mean) / memory
        spread = (1 - 1 / memory) * (spread + (other - mean) ** 2 / memory)
        mean += moved
        shift = np.array([[1.0, moved], [0.0, 1.0]])
        state, covariance = shift @ state, shift @ covariance @ shift.T
        covariance += np.diag([1.0, 1.0 / spread]) / memory**2
        row = np.array([1.0, other - mean])
        variance = 1.0 + row @ covariance @ row
        error = one - row @ state
        gain = covariance @ row / variance
        hedge.update(one, other)
        assert hedge.residual == pytest.approx(error, rel=1e-6, abs=1e-12)
        assert hedge.sigma == pytest.approx(math.sqrt(noise * variance), rel=1e-8)
        state = state + gain * error
        covariance = covariance - np.outer(gain, row) @ covariance
        weight = (1 - 1 / memory) * weight + 1
        noise = noise * (1 - 1 / weight) + error**2 / variance / weight
        assert hedge.beta == pytest.approx(state[1], rel=1e-8)


finite = st.floats(-1.0, 1.0, allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(finite, finite), min_size=20, max_size=120))
def test_the_covariance_stays_positive_whatever_comes(pairs) -> None:
    hedge = KalmanHedge(10)
    for y, x in pairs:
        hedge.update(8.0 + y, 9.0 + x)
        p00, p01, p11 = hedge._p
        assert p00 >= 0.0
        assert p11 >= 0.0
        assert p00 * p11 - p01 * p01 >= -1e-9 * max(p00 * p11, 1e-300)
    assert math.isfinite(hedge.beta)
    assert hedge.sigma >= 0.0


@BOTH
def test_prices_that_stand_still_have_no_deviation_and_no_end(kind) -> None:
    hedge = kind(20)
    for _ in range(500):
        hedge.update(3.0, 5.0)
    assert not hedge.sigma > 0.0
    y, x = pair(200, 5)
    feed(hedge, y, x)
    assert hedge.beta == pytest.approx(1.4, abs=0.6)


@BOTH
@pytest.mark.parametrize("at", [0, 5, 29, 30, 31, 150])
def test_a_restart_at_any_bar_changes_nothing(kind, at: int) -> None:
    y, x = pair(200, 6)
    whole = feed(kind(30), y, x)
    before = feed(kind(30), y[:at], x[:at])
    after = kind(30).restore(json.loads(json.dumps(before.to_dict())))
    feed(after, y[at:], x[at:])
    assert after.to_dict() == whole.to_dict()


def test_moments_of_a_window_are_those_of_its_values() -> None:
    moments, rng = Moments(), np.random.default_rng(2)
    values = rng.normal(size=(50, 2))
    for y, x in values.tolist():
        moments.add(y, x)
    for y, x in values[:20].tolist():
        moments.remove(y, x)
    rest = values[20:] - values[20:].mean(axis=0)
    assert moments.to_list() == pytest.approx(
        [
            30,
            *values[20:].mean(axis=0)[::-1],
            rest[:, 1] @ rest[:, 1],
            rest[:, 0] @ rest[:, 1],
            rest[:, 0] @ rest[:, 0],
        ]
    )


@BOTH
def test_windows_too_short_to_fit_are_refused(kind) -> None:
    with pytest.raises(ValueError, match=">= 3"):
        kind(2)
