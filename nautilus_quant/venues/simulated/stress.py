"""Ordered accidents: a crash, a wide spread, a silent feed, a price that cannot be.

They are pure functions of time laid over the market, so they change nothing in what is carried from block
to block, and a market restarted after a crash goes on at the crashed price without crashing again.

NautilusTrader's ``Price`` refuses NaN, so no strategy can ever receive one. What a venue's NaN becomes on
its way through an adapter is either nothing (the update is dropped: that is `gap`) or a number no market
shows. ``nan`` therefore publishes a mark at NautilusTrader's largest price (17 014 118 346 046), ``zero``
one at 0. Both must be taken as absurd downstream.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.venues.simulated.params import COINS, coin_index

NAN_TICKS: Final = -1
"""Stands for "not a number" where prices are counted in ticks."""

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Stress(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    One accident.

    Parameters
    ----------
    kind
        ``crash`` and ``rally`` move the price by `size` within `over`, and back within `recover` (0: never);
        ``spread`` multiplies spreads and divides depth by `factor`; ``gap`` publishes nothing at all;
        ``zero`` and ``nan`` publish an impossible `target`. The last four hold for `duration`.
    at
        When it begins, after the market's opening (`origin`) [s].
    symbol
        Which coin; empty for all of them.
    size
        How far the price moves [share of price].
    over
        How long the move takes [s].
    recover
        How long it takes to come back after `duration` [s]; 0 never does.
    duration
        How long the others last [s].
    factor
        By how much a spread widens [-].
    target
        Which price is impossible: the ``mark`` (and index), or the ``quote`` (``zero`` only).

    """

    kind: Literal["crash", "rally", "spread", "gap", "zero", "nan"]
    at: Seconds
    symbol: str = ""
    size: Fraction = 0.2
    over: Seconds = 10.0
    recover: Seconds = 0.0
    duration: Seconds = 30.0
    factor: float = 20.0
    target: Literal["mark", "quote"] = "mark"

    def __post_init__(self) -> None:
        if self.symbol:
            coin_index(self.symbol)
        if self.kind == "crash" and not self.size < 1.0:
            raise ValueError(f"a crash takes less than the whole price, was size={self.size}; try 0.2")
        if not 1.0 <= self.factor < math.inf:
            raise ValueError(f"factor must be at least 1 [times the usual spread], was {self.factor}")
        if self.kind == "nan" and self.target == "quote":
            raise ValueError("kind nan only knows target mark; a quote can be zero")


@dataclass(frozen=True, slots=True)
class Overlay:
    """What the accidents of a schedule do at given times. Shape of each: (coins, times)."""

    shift: Floats
    spread: Floats
    silent: Bools
    zero_mark: Bools
    nan_mark: Bools
    zero_quote: Bools


def overlay(schedule: tuple[Stress, ...], seconds: Floats) -> Overlay | None:
    """
    Lay the schedule over some times.

    Parameters
    ----------
    schedule
        The accidents.
    seconds
        Times since the market's opening [s].

    Returns
    -------
    Overlay or None
        ``None`` when there is no schedule, or none of it has begun.

    """
    begun = [event for event in schedule if event.at <= seconds[-1]]
    if not begun:
        return None
    shape = (len(COINS), len(seconds))
    masks = [np.zeros(shape, dtype=np.bool_) for _ in range(4)]
    result = Overlay(np.zeros(shape), np.ones(shape), *masks)
    for event in begun:
        _lay(event, seconds, result)
    return result


def _lay(event: Stress, seconds: Floats, onto: Overlay) -> None:
    rows = slice(None) if not event.symbol else coin_index(event.symbol)
    if event.kind in ("crash", "rally"):
        onto.shift[rows] += _move(event, seconds)
        return
    during = (seconds >= event.at) & (seconds < event.at + event.duration)
    if event.kind == "spread":
        onto.spread[rows] *= np.where(during, event.factor, 1.0)
    else:
        _mask(event, onto)[rows] |= during


def _mask(event: Stress, onto: Overlay) -> Bools:
    if event.kind == "gap":
        return onto.silent
    if event.kind == "nan":
        return onto.nan_mark
    return onto.zero_mark if event.target == "mark" else onto.zero_quote


def _move(event: Stress, seconds: Floats) -> Floats:
    depth = math.log1p(-event.size if event.kind == "crash" else event.size)
    done = np.clip((seconds - event.at) / max(event.over, 1e-9), 0.0, 1.0)
    if event.recover:
        back = (seconds - event.at - event.over - event.duration) / event.recover
        done = done * (1.0 - np.clip(back, 0.0, 1.0))
    return np.asarray(depth * done)
