"""Surfaces that are known beforehand, and the quotes they make."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nautilus_quant.options import black76
from nautilus_quant.options.chain import Chain
from nautilus_quant.options.contract import years
from nautilus_quant.options.svi import Svi, total_variance

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
NOW = 1_767_225_600 * SECOND  # 2026-01-01 00:00 UTC
SPOT = 90_000.0
DAYS = (2, 9, 23, 60, 150)


def svi(days: float, vol: float = 0.5, *, rho: float = -0.25, skew: float = 1.0) -> Svi:
    """A smile of the shape markets have, free of arbitrage: its units grow with the root of time."""
    root = vol * np.sqrt(days / 365.0)
    b = 0.35 * root * skew
    sigma, m = 0.9 * root, 0.1 * root
    # At the money: a + b·(−ρ·m + √(m² + σ²)) = root².
    a = root**2 - b * (-rho * m + np.sqrt(m * m + sigma * sigma))
    return Svi(*(float(value) for value in (a, b, rho, m, sigma)))


def smiles(vol: float = 0.5, days: Sequence[float] = DAYS, **shape: float) -> dict[int, Svi]:
    return {NOW + round(d * DAY): svi(d, vol, **shape) for d in days}


def forward_of(expiry: int, spot: float = SPOT, carry: float = 0.08) -> float:
    return float(spot * np.exp(carry * years(NOW, expiry)))


def chain_of(
    slices: dict[int, Svi],
    *,
    ts: int = NOW,
    strikes: int = 31,
    spread: float = 0.004,
    spot: float = SPOT,
    noise: np.ndarray | None = None,
    reach: float = 2.5,
    **columns: Any,
) -> Chain:
    """Calls and puts around each forward; bid and ask lie `spread` in volatility apart."""
    rows: list[tuple[int, float, bool, float, float, float]] = []
    for expiry, params in slices.items():
        forward, left = forward_of(expiry, spot), years(ts, expiry)
        root = np.sqrt(total_variance(np.array([0.0]), params))[0]
        for k in np.linspace(-reach * root, reach * root, strikes):
            strike = forward * np.exp(k)
            vol = np.sqrt(total_variance(np.array([k]), params)[0] / left)
            if noise is not None:
                vol += noise[len(rows) // 2]
            for call in (True, False):
                bid, ask = (
                    float(black76.price(forward, strike, left, vol + side * spread / 2, call))
                    for side in (-1, 1)
                )
                rows.append((expiry, strike, call, bid, ask, forward))
    expiry, strike, call, bid, ask, _ = zip(*rows, strict=True)
    given: dict[str, Any] = {
        "expiry": expiry,
        "strike": strike,
        "call": call,
        "bid": bid,
        "ask": ask,
        **columns,
    }
    return Chain.of(ts, "BTC", **given)
