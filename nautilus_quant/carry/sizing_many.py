"""The sizes of many pairs at once: the same as `nautilus_quant.carry.sizing.size`, column by column."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from nautilus_quant.carry.sizing import SizingParams

type Floats = npt.NDArray[np.float64]
type Ints = npt.NDArray[np.int64]
type Flags = npt.NDArray[np.bool_]

WHY: Final = ("profit", "limit", "kelly", "held", "no edge", "too small", "unknown", "capture", "capital")
"""What decides, by its number; the last two are for who uses this."""
PROFIT, LIMIT, KELLY, HELD, NO_EDGE, TOO_SMALL, UNKNOWN, CAPTURE, CAPITAL = range(len(WHY))


class Table(NamedTuple):
    """
    What pairs earn and cost, float64[n] each; see `nautilus_quant.carry.sizing.Opportunity` and `Cost`.

    Parameters
    ----------
    expected, error, borrow
        Over the holding time [fraction].
    fixed, linear, root
        Of getting in and out.
    most
        Largest size other limits allow [currency].
    held
        Size held now [currency].
    scale
        What is held of it all [-].

    """

    expected: Floats
    error: Floats
    borrow: Floats
    fixed: Floats
    linear: Floats
    root: Floats
    most: Floats
    held: Floats
    scale: Floats

    def edge(self, caution: float) -> Floats:
        """Return what a unit earns before trading costs, with so many errors taken off [fraction]."""
        return self.expected - caution * self.error - self.borrow


class Sizes(NamedTuple):
    """
    What should be held, and why.

    Parameters
    ----------
    size, best
        To hold, and where profit is largest [currency], float64[n].
    bound
        By the Kelly bet [currency], float64[n]; infinite where it sets none.
    why
        Index into `WHY`, int64[n].

    """

    size: Floats
    best: Floats
    bound: Floats
    why: Ints


def sizes(table: Table, params: SizingParams, equity: float) -> Sizes:
    """Return what `size` returns for each row."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        edge = table.edge(params.caution)
        unknown = ~np.isfinite(edge + table.fixed + table.linear + table.root + table.held + table.scale)
        unknown |= ~(table.most >= 0.0)
        if not math.isfinite(equity):
            unknown[:] = True
        margin = edge - table.fixed
        best = _best(margin, table)
        wanted = params.share * best
        bound = _kelly(margin, table.error, equity, params.kelly)
        why = np.full(len(edge), PROFIT)
        np.putmask(why, best == table.most, LIMIT)
        np.putmask(why, bound <= wanted, KELLY)
        wanted = np.minimum(wanted, bound) * table.scale
        kept = np.minimum(table.held, table.most)
        np.putmask(kept, ~(edge > 0.0), 0.0)
        kept *= table.scale
        np.putmask(why, kept > wanted, HELD)
        wanted = np.maximum(wanted, kept)
        small = wanted < params.smallest
        np.putmask(why, small, TOO_SMALL)
        np.putmask(why, wanted <= 0.0, NO_EDGE)
        np.putmask(why, unknown, UNKNOWN)
        np.putmask(wanted, unknown | ~(wanted > 0.0) | small, 0.0)
        np.putmask(best, unknown, 0.0)
    return Sizes(wanted, best, bound, why)


def _best(margin: Floats, table: Table) -> Floats:
    """Return the sizes of `nautilus_quant.carry.sizing.optimum`."""
    gain = np.maximum(margin, 0.0)
    slope = 1.5 * table.root
    below = slope + np.sqrt(slope * slope + 8.0 * table.linear * gain)
    root = 2.0 * gain / below
    free = ~(below > 0.0)
    if free.any():
        root = np.where(free, np.where(gain > 0.0, np.inf, 0.0), root)
    best: Floats = np.minimum(table.most, root * root)
    return best


def _kelly(mean: Floats, error: Floats, equity: float, fraction: float) -> Floats:
    if not fraction > 0.0:
        return np.full(len(mean), np.inf)
    if not equity > 0.0:
        return np.zeros(len(mean))
    bet: Floats = fraction * mean / (error * error) * equity  # infinite without an error
    np.putmask(bet, ~((mean > 0.0) & (error >= 0.0)), 0.0)
    return bet
