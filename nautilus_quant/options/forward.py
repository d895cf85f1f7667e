"""
The forward of each expiry by put-call parity: ``call − put = D·(F − strike)``.

A line through the differences of calls and puts of the same strike crosses zero at the forward, whatever the
premiums were discounted by or converted from coin at, as that is its slope. The line is fitted robustly
(Huber's weights, by iterated least squares), each strike weighing by its spreads and by how near the money it
is: far from there one of the two is nearly all intrinsic value, and its spread wide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from nautilus_quant.options.chain import Chain

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

FEWEST = 4
"""Strikes with both options from which on the slope of the line is fitted too."""

_NEAR = 1.5  # reach in prices of the straddle at the money, each about 0.8 standard deviations of the price
_ROUNDS = 4
_MOST_BENT = 0.1


class Forwards(NamedTuple):
    """
    The forwards of a chain, one row for each expiry, the nearest first.

    Parameters
    ----------
    expiry
        UNIX time [ns], int64[m].
    forward
        NaN where nothing tells it.
    error
        One standard error by parity [currency]; NaN where parity does not tell the forward.
    slope
        What premiums must be divided by to be in the forward's currency at the expiry [-]: a discount
        factor, or a conversion from coin at another price than the forward.
    pairs
        Strikes parity rests on, int64[m]; 0 where the venue's own forward is taken.
    straddle
        Premium of call and put nearest the money together [currency]; NaN for unknown.

    """

    expiry: Ints
    forward: Floats
    error: Floats
    slope: Floats
    pairs: Ints
    straddle: Floats


def forwards(chain: Chain, good: NDArray[np.bool_]) -> Forwards:
    """
    Find the forward of each expiry of a chain.

    Parameters
    ----------
    chain
        The chain.
    good
        Rows whose quotes are worth something, bool[n].

    Returns
    -------
    Forwards
        By parity where there is a strike with two good quotes; else by the venue's own forward; else NaN.

    """
    expiry, row = np.unique(chain.expiry, return_inverse=True)
    known = _venue_forwards(chain, row, len(expiry))
    pairs = _Pairs.of(chain, good, row)
    if not len(pairs.row):
        none = np.full(len(expiry), np.nan)
        return Forwards(expiry, known, none, np.ones(len(expiry)), np.zeros(len(expiry), np.int64), none)
    first, straddle = pairs.nearest(len(expiry))
    found, error, slope, used = _line(pairs, first, straddle, len(expiry))
    by_parity = np.isfinite(found)
    return Forwards(
        expiry,
        np.where(by_parity, found, known),
        np.where(by_parity, error, np.nan),
        np.where(by_parity, slope, 1.0),
        np.where(by_parity, used, 0),
        straddle,
    )


def _venue_forwards(chain: Chain, row: NDArray[np.intp], count: int) -> Floats:
    """Median of what the venue says of each expiry: its rows were not all read at the same time."""
    reference = chain.references
    known = np.full(count, np.nan)
    rows = np.flatnonzero(np.isfinite(reference) & (reference > 0.0))
    if len(rows):
        order = rows[np.lexsort((reference[rows], row[rows]))]
        which, start, size = np.unique(row[order], return_index=True, return_counts=True)
        known[which] = reference[order[start + size // 2]]
    return known


class _Pairs(NamedTuple):
    """Strikes with a good call and a good put."""

    row: NDArray[np.intp]
    strike: Floats
    difference: Floats
    total: Floats
    spread: Floats

    @classmethod
    def of(cls, chain: Chain, good: NDArray[np.bool_], row: NDArray[np.intp]) -> _Pairs:
        rows = np.flatnonzero(good)
        order = rows[np.lexsort((chain.call[rows], chain.strike[rows], row[rows]))]
        put, call = order[:-1], order[1:]
        same = (row[put] == row[call]) & (chain.strike[put] == chain.strike[call])
        same &= ~chain.call[put] & chain.call[call]
        put, call = put[same], call[same]
        mid = chain.mid
        spread = (chain.ask - chain.bid)[put] + (chain.ask - chain.bid)[call]
        # A locked market is not known better than to a part in ten thousand.
        spread = np.maximum(spread, 1e-4 * chain.strike[call])
        return cls(row[put], chain.strike[call], mid[call] - mid[put], mid[call] + mid[put], spread)

    def nearest(self, count: int) -> tuple[Floats, Floats]:
        """Return a first forward and the straddle of each expiry, by the strike with the least difference."""
        order = np.lexsort((np.abs(self.difference), self.row))
        which, start = np.unique(self.row[order], return_index=True)
        best = order[start]
        first, straddle = np.full(count, np.nan), np.full(count, np.nan)
        first[which] = self.strike[best] + self.difference[best]
        straddle[which] = self.total[best]
        return first, straddle


def _line(pairs: _Pairs, first: Floats, straddle: Floats, count: int) -> tuple[Floats, Floats, Floats, Ints]:
    """Fit the lines of all expiries together; sums by expiry are all that is needed."""
    row = pairs.row
    reach = _NEAR * np.maximum(straddle[row], 2e-3 * first[row])
    x = pairs.strike - first[row]
    distance = x / reach
    near = np.abs(pairs.difference) <= 2.0 * reach
    precision = np.where(near, np.exp(-0.5 * distance * distance) / pairs.spread**2, 0.0)
    used = np.bincount(row, near, count).astype(np.int64)
    free = used >= FEWEST
    weight = precision
    slope, level, error = np.ones(count), np.zeros(count), np.full(count, np.nan)
    for _ in range(_ROUNDS):
        slope, level, error = _least_squares(row, x, pairs.difference, weight, free)
        off = np.abs(pairs.difference - level[row] + slope[row] * x) / pairs.spread
        weight = precision * np.minimum(1.0, 0.5 / np.maximum(off, 1e-12))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = first + level / slope
        found = np.where((used > 0) & (found > 0.0), found, np.nan)
    return found, error, slope, used


def _least_squares(
    row: NDArray[np.intp], x: Floats, y: Floats, weight: Floats, free: NDArray[np.bool_]
) -> tuple[Floats, Floats, Floats]:
    """Return slope (downwards), level at x = 0 and its standard error by unit weight, for each expiry."""
    count = len(free)
    sum_w, sum_x, sum_y, sum_xx, sum_xy = (
        np.bincount(row, weight * values, count) for values in (np.ones_like(x), x, y, x * x, x * y)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_x, mean_y = sum_x / sum_w, sum_y / sum_w
        spread_x = sum_xx - mean_x * sum_x
        slope = -(sum_xy - mean_x * sum_y) / spread_x
        # Few strikes, or all on one side, do not tell the slope: then it is as if nothing was discounted.
        certain = 1.0 / np.sqrt(spread_x) < np.abs(slope - 1.0)
        bent = free & certain & (np.abs(slope - 1.0) <= _MOST_BENT)
        slope = np.where(bent, slope, 1.0)
        level = mean_y + slope * mean_x
        error = np.sqrt(1.0 / sum_w + np.where(bent, mean_x**2 / spread_x, 0.0))
    return slope, level, error
