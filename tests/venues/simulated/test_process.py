"""Prices trend, range, and go together."""

from __future__ import annotations

import numpy as np
import pytest

from nautilus_quant.venues.simulated.market import MarketConfig
from nautilus_quant.venues.simulated.process import Fast, walk
from nautilus_quant.venues.simulated.state import CHAINS, MarketState


def test_a_slow_obvious_twin_of_the_range(market):
    """A ranging swing, one step at a time, by the recursion in words."""
    config = MarketConfig(seed=1, step=0.5, history=60.0, pace=1e9)
    rng, twin = np.random.default_rng(5), np.random.default_rng(5)
    chains = MarketState.initial(8).chains
    _, after = walk(config, chains, rng)
    assert (after.regime == Fast.RANGE).all()
    twin.random((12, 5, CHAINS))
    normals = twin.standard_normal((12, 3, CHAINS))
    noise = twin.standard_normal((12, 10, CHAINS))
    swing, heat = 0.0, 0.0
    keep = np.exp(-5 / 600)
    for slot in range(12):
        heat = keep * heat + np.sqrt(1 - keep**2) * 0.35 * normals[slot, 0, 0]
        for step in range(10):
            shock = noise[slot, step, 0] * 0.6e-4 * np.exp(heat) * 1.5 * np.sqrt(0.5)
            swing = swing * np.exp(-0.5 / 20) + shock
    assert after.swing[0] == pytest.approx(swing, abs=1e-15)


def closes(long_blocks) -> np.ndarray:
    prices = np.concatenate([block.groups[0].seconds.close for block in long_blocks], axis=1)
    return np.log(prices.astype(float))


def test_coins_move_together(long_blocks):
    minutes = np.diff(closes(long_blocks)[:, ::60], axis=1)
    correlation = np.corrcoef(minutes)
    assert (correlation[np.triu_indices(8, 1)] > 0.35).all()
    assert (correlation[np.triu_indices(8, 1)] < 0.95).all()


def test_a_minute_shows_a_trend_or_a_range(long_blocks):
    """Some minutes go one way by many times their noise; others end where they began."""
    bitcoin = closes(long_blocks)[0]
    spans = bitcoin[: len(bitcoin) // 60 * 60].reshape(-1, 60)
    path = np.abs(np.diff(spans, axis=1)).sum(axis=1)
    efficiency = np.abs(spans[:, -1] - spans[:, 0]) / path
    assert np.quantile(efficiency, 0.85) > 0.35
    assert np.quantile(efficiency, 0.25) < 0.15
    minutes = np.diff(bitcoin[::60])
    assert np.corrcoef(minutes[1:], minutes[:-1])[0, 1] > 0.1


def test_volatility_comes_in_spells_with_fat_tails(long_blocks):
    seconds = np.diff(closes(long_blocks)[0])
    kurtosis = ((seconds - seconds.mean()) ** 4).mean() / seconds.var() ** 2
    assert kurtosis > 4
    size = np.abs(seconds)
    assert np.corrcoef(size[30:], size[:-30])[0, 1] > 0.05


def test_volatility_scales(market):
    def spread_of(volatility: float) -> float:
        config = MarketConfig(seed=1, history=60.0, volatility=volatility)
        path, _ = walk(config, MarketState.initial(8).chains, np.random.default_rng(1))
        return float(np.diff(path.log_price[0]).std())

    assert spread_of(3.0) == pytest.approx(3 * spread_of(1.0), rel=1e-9)
