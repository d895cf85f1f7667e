"""Premia and the funding they lead to."""

from __future__ import annotations

import numpy as np
import pytest

from nautilus_quant.venues.simulated.market import MarketConfig
from tests.venues.simulated.conftest import blocks_of

HOUR = 3_600 * 10**9
ORIGIN = 472_222 * HOUR - 30_000_000_000


def by_hand(mean: float, interval: float) -> float:
    interest = 0.0001 * interval / 28_800
    return max(min(mean + max(min(interest - mean, 0.0005), -0.0005), 0.02), -0.02)


def test_the_rate_is_the_interval_s_mean_premium_with_bounded_interest():
    config = MarketConfig(seed=4, step=1.0, history=60.0, funding_interval=300.0)
    seen: list[np.ndarray] = []
    paid = []
    for block in blocks_of(config, 12, ORIGIN):
        basis = block.basis
        moment = int(block.ts[basis.at])
        seen += list(basis.premium.T[: basis.at + 1])
        expected = [by_hand(float(mean), 300.0) for mean in np.mean(seen, axis=0)]
        assert basis.rates.tolist() == pytest.approx([rate * 1e8 for rate in expected], abs=0.51)
        assert moment % (60 * 10**9) == 0
        assert basis.payment % (300 * 10**9) == 0
        assert 0 <= basis.payment - moment < 300 * 10**9
        if basis.payment == moment:
            paid.append(moment)
            seen = []
        seen += list(basis.premium.T[basis.at + 1 :])
    assert np.diff(paid).tolist() == [300 * 10**9] * (len(paid) - 1)
    assert len(paid) >= 2


def test_the_mark_follows_the_perpetual_but_smoother(long_blocks):
    premium = np.concatenate([block.basis.premium for block in long_blocks], axis=1)
    smooth = np.concatenate([block.basis.smooth for block in long_blocks], axis=1)
    assert np.abs(premium - smooth).mean() < premium.std()
    assert (np.diff(smooth, axis=1).std(axis=1) < np.diff(premium, axis=1).std(axis=1)).all()
