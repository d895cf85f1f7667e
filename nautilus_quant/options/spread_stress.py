"""
What a spread can be worth after prices and volatilities have moved: for what has no payoff of its own.

A calendar's later leg still lives when the first one expires, and what is sold naked has no worst price. Both
are valued on a grid of moves, as margin systems do (CME, "SPAN: How it works": the worst of sixteen scenarios
of price and volatility), here now and at the first expiry.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nautilus_quant.options.black76 import price
from nautilus_quant.options.contract import years
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from nautilus_quant.options.spreads import Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class StressGrid:
    """
    Which moves are looked at.

    Parameters
    ----------
    move
        Largest move of the price either way [fraction]; typically 0.15 to 0.5.
    steps
        Prices either side of the present one [-]; strikes within the moves are added.
    vol_up, vol_down
        Rise and fall of all volatilities [fraction of each]; typically 0.3 to 1, and 0.2 to 0.5.

    Raises
    ------
    ValueError
        If one is impossible.

    """

    move: float = 0.3
    steps: int = 10
    vol_up: float = 0.5
    vol_down: float = 0.3

    def __post_init__(self) -> None:
        require(0.0 < self.move < 1.0, "0 < move < 1 [fraction]", self.move)
        require(1 <= self.steps <= 200, "1 <= steps <= 200", self.steps)
        require(0.0 <= self.vol_up < math.inf, "vol_up >= 0 [fraction]", self.vol_up)
        require(0.0 <= self.vol_down < 1.0, "0 <= vol_down < 1 [fraction]", self.vol_down)


class Worst(NamedTuple):
    """
    The worst scenario of a unit of a spread.

    Parameters
    ----------
    value
        What the unit is worth then [currency of the strikes]; NaN when it cannot be told.
    move, vol
        By how much price and volatilities have moved [fraction].
    at_expiry
        Whether it is at the first expiry; at once otherwise.

    """

    value: float
    move: float
    vol: float
    at_expiry: bool


UNKNOWN = Worst(math.nan, math.nan, math.nan, at_expiry=False)


def value_of(
    spread: Spread,
    forwards: ArrayLike,
    vols: ArrayLike,
    now: int,
    *,
    moves: ArrayLike = 0.0,
    vol: float = 0.0,
) -> np.ndarray:
    """
    Return what a unit is worth after moves [currency of the strikes]; shape of `moves`.

    Parameters
    ----------
    spread
        Of n legs.
    forwards, vols
        Of each leg, shape (n,).
    now
        Time [ns UTC]; a leg that has expired is worth what it pays.
    moves
        Of all forwards alike [fraction].
    vol
        Of all volatilities alike [fraction of each].

    """
    moved = np.asarray(moves, np.float64)
    worth = np.zeros(moved.shape)
    rows = zip(spread.legs, np.asarray(forwards, float), np.asarray(vols, float), strict=True)
    for (contract, ratio), forward, own in rows:
        left = years(now, contract.expiry)
        unit = price(forward * (1.0 + moved), contract.strike, left, own * (1.0 + vol), contract.call)
        worth += ratio * contract.multiplier * unit
    return worth


def worst_case(
    spread: Spread, forwards: ArrayLike, vols: ArrayLike, now: int, grid: StressGrid | None = None
) -> Worst:
    """
    Return the worst scenario of a grid, exact at strikes and at both ends.

    Parameters
    ----------
    spread
        Of n legs; they may expire at different times.
    forwards, vols
        Of each leg, shape (n,) [currency of the strikes; annual, decimal].
    now
        Time [ns UTC].
    grid
        Which moves.

    Returns
    -------
    Worst
        Its value is NaN as soon as one forward or volatility is.

    """
    chosen = grid or StressGrid()
    prices = np.asarray(forwards, np.float64)
    if not (np.isfinite(prices).all() and np.isfinite(np.asarray(vols, np.float64)).all()):
        return UNKNOWN
    moves = _moves(spread, prices, chosen)
    best: Worst | None = None
    for ts, at_expiry in ((now, False), (spread.expiry, True)):
        for vol in (-chosen.vol_down, 0.0, chosen.vol_up):
            values = value_of(spread, prices, vols, ts, moves=moves, vol=vol)
            at = int(np.argmin(values))
            if not np.isfinite(values[at]):
                return UNKNOWN
            if best is None or values[at] < best.value:
                best = Worst(float(values[at]), float(moves[at]), vol, at_expiry)
    return best or UNKNOWN


def _moves(spread: Spread, forwards: np.ndarray, grid: StressGrid) -> np.ndarray:
    strikes = np.array([leg.contract.strike for leg in spread.legs])
    kinks = strikes / forwards - 1.0
    even = np.linspace(-grid.move, grid.move, 2 * grid.steps + 1)
    return np.unique(np.concatenate((even, kinks[np.abs(kinks) < grid.move])))
