"""Tests of prices against processes whose answer is known, and against other people's code."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.regression.linear_model import OLS
from statsmodels.tsa.adfvalues import mackinnonp
from statsmodels.tsa.stattools import adfuller

from nautilus_quant.learning.market_tests import (
    efficiency_ratio,
    reversion,
    sidak,
    spread_of_bars,
    variance_ratio,
)
from tests.learning.markets import returning, trending, walk


def test_variance_ratio_is_its_definition():
    """The sums of the source, written out."""
    prices = walk(5, 60)
    q, n = 4, 59
    mean = (prices[-1] - prices[0]) / n
    one = sum((prices[t] - prices[t - 1] - mean) ** 2 for t in range(1, n + 1)) / (n - 1)
    m = q * (n - q + 1) * (1 - q / n)
    many = sum((prices[t] - prices[t - q] - q * mean) ** 2 for t in range(q, n + 1)) / m
    squares = [(prices[t] - prices[t - 1] - mean) ** 2 for t in range(1, n + 1)]
    theta = sum(
        (2 * (q - j) / q) ** 2 * n * sum(squares[t] * squares[t - j] for t in range(j, n)) / sum(squares) ** 2
        for j in range(1, q)
    )
    got = variance_ratio(prices, q)
    assert got.ratio == pytest.approx(many / one, rel=1e-12)
    assert got.z == pytest.approx(math.sqrt(n) * (many / one - 1) / math.sqrt(theta), rel=1e-12)


@pytest.mark.parametrize("q", [2, 16])
def test_a_random_walk_is_told_from_itself_as_rarely_as_promised(q):
    """Heteroscedastic on purpose: 5 % of 400 walks may fail a test at 5 %."""
    failed = [variance_ratio(walk(seed, 1_000), q).p < 0.05 for seed in range(400)]
    assert 0.02 < np.mean(failed) < 0.085


def test_variance_ratio_of_known_autocorrelation():
    """VR(2) = 1 + rho for returns that are a first-order autoregression."""
    returns = returning(7, 1.0, 50_000)  # half-life of one bar: rho = 0.5
    assert variance_ratio(np.cumsum(returns), 2).ratio == pytest.approx(1.5, abs=0.02)


def test_trends_are_above_one_and_reversion_below():
    assert variance_ratio(trending(1), 16).z > 4.0
    assert variance_ratio(returning(1, 10.0), 16).z < -4.0


def test_efficiency_of_a_line_a_zigzag_and_a_walk():
    line = np.arange(65) * 0.01
    assert efficiency_ratio(line, 16) == pytest.approx(4.0)
    zigzag = np.tile([0.0, 0.01], 33)
    assert efficiency_ratio(zigzag, 16) == pytest.approx(0.0, abs=1e-12)
    rng = np.random.default_rng(3)
    assert efficiency_ratio(np.cumsum(rng.standard_normal(64_001)), 32) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("half_life", [5.0, 20.0, 60.0])
def test_the_half_life_of_a_known_process_is_found(half_life):
    found = [reversion(returning(seed, half_life, 4_000)) for seed in range(20)]
    assert np.median([item.half_life for item in found]) == pytest.approx(half_life, rel=0.12)
    assert max(item.p for item in found) < 0.01
    spread = 0.008 / math.sqrt(1.0 - 0.25 ** (1.0 / half_life))
    assert np.median([item.deviation for item in found]) == pytest.approx(spread, rel=0.08)


def test_short_samples_do_not_look_faster_than_they_are():
    """Without the correction the middle of these would be 19 bars."""
    found = [reversion(returning(seed, 30.0, 300)).half_life for seed in range(200)]
    assert np.median(found) == pytest.approx(30.0, rel=0.2)


def test_a_walk_rarely_passes_for_reversion():
    passed = [reversion(walk(seed, 1_000)).p < 0.05 for seed in range(300)]
    assert np.mean(passed) < 0.09


@pytest.mark.parametrize("lags", [0, 1, 4])
def test_the_test_is_that_of_statsmodels_with_robust_errors(lags):
    for prices in (walk(2, 400), returning(3, 8.0, 400)):
        changes = np.diff(prices)
        rows = range(lags, len(changes))
        columns = [[1.0, prices[t], *(changes[t - i] for i in range(1, lags + 1))] for t in rows]
        fitted = OLS(changes[lags:], np.array(columns)).fit(cov_type="HC0")
        ours = reversion(prices, lags=lags)
        assert ours.t == pytest.approx(fitted.tvalues[1], rel=1e-9)
        assert ours.p == pytest.approx(mackinnonp(fitted.tvalues[1], "c", 1), rel=1e-6)
        plain = adfuller(prices, maxlag=lags, regression="c", autolag=None, result_object=False)
        assert ours.t == pytest.approx(plain[0], abs=0.6)


def test_a_bouncing_walk_does_not_pass_for_reversion():
    """Prices that alternate between bid and ask are pulled back each bar, but to no mean."""
    rng = np.random.default_rng(11)
    passed = []
    for seed in range(100):
        bounce = 0.002 * rng.choice([-1.0, 1.0], 1_000)
        passed.append(reversion(walk(seed, 1_000, 0.002) + bounce).p < 0.05)
    assert np.mean(passed) < 0.12


@pytest.mark.parametrize("spread", [0.002, 0.01])
def test_a_known_spread_is_estimated_from_bars(spread):
    """Trades at bid or ask around a walk of 60 steps a bar."""
    rng = np.random.default_rng(4)
    middle = np.cumsum(rng.standard_normal(60 * 5_000) * 0.0002)
    trades = np.exp(middle + 0.5 * spread * rng.choice([-1.0, 1.0], len(middle))).reshape(-1, 60)
    got = spread_of_bars(trades.max(axis=1), trades.min(axis=1), trades[:, -1])
    assert got == pytest.approx(spread, rel=0.15)


def test_bars_that_show_no_spread_give_zero():
    closes = np.exp(np.arange(100) * 0.001)
    assert spread_of_bars(closes, closes, closes) == 0.0


def test_standing_prices_give_nothing():
    flat = np.full(300, 2.0)
    assert math.isnan(variance_ratio(flat, 4).ratio)
    assert math.isnan(efficiency_ratio(flat, 4))
    assert math.isnan(reversion(flat).p)


@given(st.floats(0.0, 1.0), st.integers(1, 50))
def test_sidak(p, tests):
    assert sidak(p, tests) == pytest.approx(1.0 - (1.0 - p) ** tests, abs=1e-12)
    assert p <= sidak(p, tests) + 1e-15 <= 1.0 + 1e-12


def test_impossible_requests_are_refused():
    prices = walk(1, 100)
    with pytest.raises(ValueError, match="2 <= q <= 49"):
        variance_ratio(prices, 50)
    with pytest.raises(ValueError, match="1 <= span < 100"):
        efficiency_ratio(prices, 100)
    with pytest.raises(ValueError, match="at least 28 bars"):
        reversion(prices[:27])
