"""Synthetic markets whose structure is known."""

from __future__ import annotations

from typing import Any

import numpy as np

from nautilus_quant.learning.measures import Floats, Market

HOUR = 3_600_000_000_000


def walk(seed: int, count: int = 4_000, sigma: float = 0.008) -> Floats:
    """Log prices without any structure, with volatility that comes and goes."""
    rng = np.random.default_rng(seed)
    calm = 1.0 + 0.8 * np.sin(np.arange(count) / 150.0)
    return 10.0 + np.cumsum(sigma * calm * rng.standard_normal(count))


def returning(seed: int, half_life: float, count: int = 4_000, sigma: float = 0.008) -> Floats:
    """An Ornstein-Uhlenbeck process seen once a bar."""
    noise = np.random.default_rng(seed).standard_normal(count) * sigma
    keep, level, made = 0.5 ** (1.0 / half_life), 0.0, np.empty(count)
    for n in range(count):
        level = made[n] = keep * level + noise[n]
    return made


def trending(seed: int, count: int = 4_000) -> Floats:
    """Log prices whose drift lasts a day or so."""
    noise = np.random.default_rng(seed).standard_normal(count)
    return 10.0 + np.cumsum(returning(seed + 1_000, 20.0, count, 0.0008) + 0.006 * noise)


def market(log_prices: Floats, instrument: str = "AAA.X", **known: Any) -> Market:
    closes = np.exp(log_prices)
    facts: dict[str, Any] = {
        "highs": closes * 1.001,
        "lows": closes * 0.999,
        "volumes": np.full(len(closes), 3.0),
        "spreads": np.array([1e-4, 2e-4, 9e-4]),
        "depths": np.array([500.0, 700.0, 1_000.0]),
        "tick": 0.01,
        "maker_fee": 2e-4,
        "taker_fee": 5e-4,
    }
    return Market(instrument=instrument, interval=HOUR, closes=closes, **{**facts, **known})
