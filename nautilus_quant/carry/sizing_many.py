"""The sizes of many pairs at once: the same as `nautilus_quant.carry.sizing.size`, column by column."""

from __future__ import annotations

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
        known = np.isfinite(edge + table.fixed + table.linear + table.root + table.held + table.scale)
        known &= np.isfinite(equity) & (table.most >= 0.0)
        best = _best(edge - table.fixed, table)
        wanted = params.share * best
        why = np.where(best == table.most, LIMIT, PROFIT)
        bound = _kelly(edge - table.fixed, table.error, equity, params.kelly)
        why = np.where(bound <= wanted, KELLY, why)
        wanted = np.minimum(wanted, bound) * table.scale
        kept = np.where(edge > 0.0, np.minimum(table.held, table.most), 0.0) * table.scale
        why = np.where(kept > wanted, HELD, why)
        wanted = np.maximum(wanted, kept)
        small = wanted < params.smallest
        why = np.where(wanted <= 0.0, NO_EDGE, np.where(small, TOO_SMALL, why))
        wanted = np.where(known & (wanted > 0.0) & ~small, wanted, 0.0)
    return Sizes(wanted, np.where(known, best, 0.0), bound, np.where(known, why, UNKNOWN))


def _best(margin: Floats, table: Table) -> Floats:
    """Return the sizes of `nautilus_quant.carry.sizing.optimum`."""
    gain = np.maximum(margin, 0.0)
    slope = 1.5 * table.root
    below = slope + np.sqrt(slope * slope + 8.0 * table.linear * gain)
    root = np.where(below > 0.0, 2.0 * gain / below, np.where(gain > 0.0, np.inf, 0.0))
    best: Floats = np.minimum(table.most, root * root)
    return best


def _kelly(mean: Floats, error: Floats, equity: float, fraction: float) -> Floats:
    if not fraction > 0.0:
        return np.full(len(mean), np.inf)
    bet = np.where(error * error > 0.0, fraction * mean / (error * error) * equity, np.inf)
    return np.where((mean > 0.0) & (equity > 0.0) & (error >= 0.0), bet, 0.0)
