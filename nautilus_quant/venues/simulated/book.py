"""Quotes and ten-level books around a mid price: spreads and sizes answer to volatility and to stress."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.venues.simulated.listing import Listing
from nautilus_quant.venues.simulated.market import SLOTS, MarketConfig

LEVELS: Final = 10

_SIZE_SD: Final = 0.6
_GROWTH: Final = 0.35
"""How much deeper each further level is [share of the best one]."""

_GAP: Final = 0.8
"""Mean number of empty ticks between levels."""

_LEAN_NOISE: Final = 0.30
_LEAN_DRIVE: Final = 0.35
_LEAN_BOUND: Final = 0.8

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Scale:
    """Units of a group of instruments. Shape of each: (instruments, 1)."""

    tick: Floats
    lot: Floats
    spread: Floats
    depth: Floats
    trades: Floats
    ticket: Floats


@dataclass(frozen=True, slots=True)
class Tide:
    """
    What books and trades answer to.

    Parameters
    ----------
    mid
        Price between bid and ask. Shape: (instruments, steps).
    widen
        Factor on the spread [-]. Shape: (instruments, steps).
    heat
        Volatility over its usual level [-]. Shape: (instruments, slots).
    drive
        The move of each slot over its usual size [-]. A book leans the way its slot is about to go, as real
        ones do. Shape: (instruments, slots).

    """

    mid: Floats
    widen: Floats
    heat: Floats
    drive: Floats


@dataclass(frozen=True, slots=True)
class Books:
    """
    One block of a group of instruments, in whole ticks and lots.

    Parameters
    ----------
    bid, ask, bid_size, ask_size
        Best prices and what is there. Shape: (instruments, steps).
    bids, asks, bid_sizes, ask_sizes
        Ten levels, best first. Shape: (instruments, books, levels).
    lean
        Which side is heavier, from -1 (asks) to 1 (bids). Shape: (instruments, slots).

    """

    bid: Ints
    ask: Ints
    bid_size: Ints
    ask_size: Ints
    bids: Ints
    asks: Ints
    bid_sizes: Ints
    ask_sizes: Ints
    lean: Floats


@lru_cache(maxsize=16)
def scale_of(group: tuple[Listing, ...]) -> Scale:
    """Collect the units of some instruments into columns."""

    def column(values: list[float]) -> Floats:
        return np.array(values)[:, None]

    return Scale(
        tick=column([10.0**-item.price_precision for item in group]),
        lot=column([10.0**-item.size_precision for item in group]),
        spread=column([item.coin.spread for item in group]),
        depth=column([item.coin.depth for item in group]),
        trades=column([item.coin.trades for item in group]),
        ticket=column([item.coin.ticket for item in group]),
    )


def quote(config: MarketConfig, group: tuple[Listing, ...], tide: Tide, rng: np.random.Generator) -> Books:
    """Put books of some instruments around their mid prices."""
    scale = scale_of(group)
    lean = _LEAN_NOISE * rng.standard_normal((len(group), SLOTS)) + _LEAN_DRIVE * np.tanh(tide.drive)
    lean = np.clip(lean, -_LEAN_BOUND, _LEAN_BOUND)
    hot = np.repeat(tide.heat, config.steps_per_slot, axis=1)
    bid, ask = _best(scale, tide, hot, rng)
    usual = scale.depth / (tide.mid * scale.lot * np.sqrt(hot) * tide.widen)
    tilt = np.repeat(lean, config.steps_per_slot, axis=1)
    bid_size, ask_size = (_sizes(usual * (1 + side * tilt), rng) for side in (1, -1))
    at = slice(config.depth_every - 1, None, config.depth_every)
    below, below_sizes = _levels(-bid[:, at], bid_size[:, at], (usual * (1 + tilt))[:, at], rng)
    above, above_sizes = _levels(ask[:, at], ask_size[:, at], (usual * (1 - tilt))[:, at], rng)
    return Books(bid, ask, bid_size, ask_size, -below, above, below_sizes, above_sizes, lean)


def _best(scale: Scale, tide: Tide, hot: Floats, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Best bid and ask around the mid, at least one tick apart and above nothing."""
    price = tide.mid / scale.tick
    jitter = np.exp(0.25 * rng.standard_normal(price.shape))
    spread = np.maximum(np.round(scale.spread * price * hot * jitter * tide.widen), 1.0)
    bid = np.maximum(np.floor(price - (spread - 1.0) / 2.0), LEVELS * 4.0)
    return bid.astype(np.int64), (bid + spread).astype(np.int64)


def _sizes(usual: Floats, rng: np.random.Generator) -> Ints:
    """Lognormal around the usual size, never less than a lot."""
    drawn = usual * np.exp(_SIZE_SD * rng.standard_normal(usual.shape) - _SIZE_SD**2 / 2)
    return np.maximum(np.round(drawn), 1.0).astype(np.int64)


def _levels(best: Ints, first: Ints, usual: Floats, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Nine more levels further out. Prices rise with the level: bids come in, and go out, negative."""
    gaps = 1 + rng.poisson(_GAP, (*best.shape, LEVELS - 1))
    prices = np.concatenate([best[..., None], best[..., None] + np.cumsum(gaps, axis=-1)], axis=-1)
    growth = 1.0 + _GROWTH * np.arange(1, LEVELS)
    sizes = np.concatenate([first[..., None], _sizes(usual[..., None] * growth, rng)], axis=-1)
    return prices, sizes
