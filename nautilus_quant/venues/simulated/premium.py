"""What a perpetual costs over its index, what the mark makes of it, and the funding it leads to.

Funding follows the usual exchange formula: the mean premium of the interval plus a fixed interest, the
difference of the two bounded: F = P + clamp(I - P, -0.05 %, 0.05 %) (Binance, "Introduction to Funding
Rates").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.venues.simulated.market import SECOND, SLOT_SECONDS, SLOTS, MarketConfig
from nautilus_quant.venues.simulated.params import BP, COINS
from nautilus_quant.venues.simulated.state import Premia

FUNDING_UPDATE: Final = 60 * SECOND
"""Predicted rates are published on the minute [ns]."""

_MEAN: Final = 0.5 * BP
_SLOW_SD: Final = 6.0 * BP
_SLOW_KEEP: Final = math.exp(-SLOT_SECONDS * math.log(2) / (6 * 3_600))
_FAST_SD: Final = 1.5 * BP
_FAST_KEEP: Final = math.exp(-SLOT_SECONDS * math.log(2) / 300)
_LEAN: Final = 0.15 * BP
"""How much a slot's move pulls the premium along."""

_SMOOTH_KEEP: Final = math.exp(-SLOT_SECONDS / 30.0)
_INTEREST: Final = 1.0 * BP / 28_800
"""Per second."""

_BAND: Final = 5.0 * BP
_CAP: Final = 200.0 * BP

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Basis:
    """
    One block of premia.

    Parameters
    ----------
    premium, smooth
        Perpetual and mark over index [share of index]. Shape: (coins, steps).
    rates
        Predicted (on a payment's own minute: final) funding rate [share of notional], in units of 1e-8.
        Shape: (coins,).
    at
        Step at which they are published.
    payment
        The payment they are for, UNIX time [ns].

    """

    premium: Floats
    smooth: Floats
    rates: NDArray[np.int64]
    at: int
    payment: int


def advance(
    config: MarketConfig,
    premia: Premia,
    drive: Floats,
    ts: NDArray[np.int64],
    rng: np.random.Generator,
    *,
    apart: Floats | None = None,
) -> tuple[Basis, Premia]:
    """
    Move premia through one block.

    Parameters
    ----------
    config
        The market.
    premia
        What the block before left.
    drive
        Return of each slot over its usual size [-]. Shape: (coins, slots).
    ts
        When the steps of the block happen, UNIX time [ns]. Shape: (steps,).
    rng
        Where chance comes from.
    apart
        What a venue adds of its own at the beginning and after each slot [share of index].
        Shape: (slots + 1, coins).

    """
    noise = rng.standard_normal((SLOTS, 2, len(COINS)))
    slow, fast, smooth = premia.slow, premia.fast, premia.smooth
    own = np.zeros((SLOTS + 1, len(COINS))) if apart is None else apart
    levels, averages = [_level(slow, fast) + own[0]], [smooth]
    for slot in range(SLOTS):
        slow = _SLOW_KEEP * slow + math.sqrt(1 - _SLOW_KEEP**2) * _SLOW_SD * noise[slot, 0]
        fast = _FAST_KEEP * fast + math.sqrt(1 - _FAST_KEEP**2) * _FAST_SD * noise[slot, 1]
        fast = fast + _LEAN * np.tanh(drive[:, slot])
        level = _level(slow, fast) + own[slot + 1]
        smooth = _SMOOTH_KEEP * smooth + (1 - _SMOOTH_KEEP) * level
        levels.append(level)
        averages.append(smooth)
    premium, mark = (between(config, np.array(knots).T) for knots in (levels, averages))
    rates, at, payment, total, count = _funding(config, premia, premium, ts)
    after = Premia(slow=slow, fast=fast, smooth=smooth, total=total, count=count)
    return Basis(premium, mark, rates, at, payment), after


def _level(slow: Floats, fast: Floats) -> Floats:
    return _MEAN + slow + fast


def between(config: MarketConfig, knots: Floats) -> Floats:
    """Straight lines through the values at slot ends. Shape: (coins, slots + 1) -> (coins, steps)."""
    share = np.arange(1, config.steps_per_slot + 1) / config.steps_per_slot
    lines = knots[:, :-1, None] + (knots[:, 1:] - knots[:, :-1])[:, :, None] * share
    return np.asarray(lines.reshape(len(COINS), -1))


def _funding(
    config: MarketConfig, premia: Premia, premium: Floats, ts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], int, int, Floats, Floats]:
    """Average up to the minute's step; a payment on that minute ends the interval."""
    at = int(np.flatnonzero(ts % FUNDING_UPDATE == 0)[0])
    interval = round(config.funding_interval) * SECOND
    before, behind = premium[:, : at + 1], premium[:, at + 1 :]
    total, count = premia.total + before.sum(axis=1), premia.count + before.shape[1]
    rates = np.round(_rate(config, total / count) * 1e8).astype(np.int64)
    moment = int(ts[at])
    payment = -(-moment // interval) * interval
    if payment == moment:
        total, count = np.zeros_like(total), np.zeros_like(count)
    return rates, at, payment, total + behind.sum(axis=1), count + behind.shape[1]


def _rate(config: MarketConfig, mean: Floats) -> Floats:
    interest = _INTEREST * config.funding_interval
    return np.clip(mean + np.clip(interest - mean, -_BAND, _BAND), -_CAP, _CAP)
