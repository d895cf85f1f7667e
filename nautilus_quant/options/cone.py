"""
The volatility cone: how volatile the underlying was over each horizon, against what options imply for it.

Burghardt, Lane, "How to tell if options are cheap", Journal of Portfolio Management 16 (1990).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nautilus_quant.options.surface import Surface

type Floats = NDArray[np.float64]

DAY: Final = 86_400_000_000_000
YEAR: Final = 365 * DAY
HORIZONS: Final = (1.0, 3.0, 7.0, 14.0, 30.0, 60.0, 90.0)
"""Of the cone [days]."""

QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
_WHOLE = 0.9  # share of a horizon whose returns must be known
_FEWEST = 4  # returns of a window
_LONGEST_GAP = 36  # intervals without a price between two that still make a return


class Horizon(NamedTuple):
    """
    One horizon of the cone. Volatilities are annual, decimal.

    Parameters
    ----------
    days
        Its length.
    quantiles
        Of the realised volatility over all windows of that length in the past, at `QUANTILES`.
    now
        Realised over the last one; NaN with gaps in it.
    windows
        How many there are, overlapping.
    independent
        How many would fit one after another: what the quantiles really rest on.
    implied
        At the money for that horizon; NaN without a surface.
    rank
        Share of windows that were less volatile than what is implied [-]; NaN without.

    """

    days: float
    quantiles: tuple[float, ...]
    now: float
    windows: int
    independent: float
    implied: float
    rank: float


def cone(
    closes: Floats,
    interval: int,
    *,
    horizons: Sequence[float] = HORIZONS,
    surface: Surface | None = None,
) -> tuple[Horizon, ...]:
    """
    Return the cone of prices at equal intervals.

    Realised volatility is the root of the mean squared log return a year, no mean taken off: over weeks it
    is far smaller than its own error.

    Parameters
    ----------
    closes
        Prices, the latest last; NaN where none is known.
    interval
        Between them [ns].
    horizons
        Lengths [days]; those with less than two windows of four returns are left out.
    surface
        What is implied now.

    """
    sums, counts, looks = _running_sums(np.asarray(closes, dtype=np.float64))
    found = []
    for days in horizons:
        size = round(days * DAY / interval)
        if size < 2 or size + 2 > len(sums):
            continue
        count = counts[size:] - counts[:-size]
        whole = (count >= _WHOLE * size) & (looks[size:] - looks[:-size] >= _FEWEST)
        with np.errstate(invalid="ignore", divide="ignore"):
            realised = np.sqrt((sums[size:] - sums[:-size]) / count * (YEAR / interval))
        past = realised[whole]
        if len(past) < 2:
            continue
        implied = math.nan if surface is None else surface.atm(surface.ts + round(days * DAY))
        now = float(realised[-1]) if whole[-1] else math.nan
        found.append(_horizon(float(days), size, past, now, implied))
    return tuple(found)


def _horizon(days: float, size: int, past: Floats, now: float, implied: float) -> Horizon:
    return Horizon(
        days=days,
        quantiles=tuple(np.quantile(past, QUANTILES).tolist()),
        now=now,
        windows=len(past),
        independent=len(past) / size + 1.0 - 1.0 / size,
        implied=implied,
        rank=float(np.mean(past < implied)) if math.isfinite(implied) else math.nan,
    )


def _running_sums(closes: Floats) -> tuple[Floats, Floats, Floats]:
    """
    Return sums of squared log returns, of the intervals they span, and of one for each, from the beginning.

    A return over a gap counts for all its intervals, as the variance of a price does not depend on how often
    one looks; what lies within longer gaps is unknown.
    """
    sums, counts = np.zeros(len(closes)), np.zeros(len(closes))
    known = np.flatnonzero(closes > 0.0)
    gap = np.diff(known)
    near = gap <= _LONGEST_GAP
    sums[known[1:]] = np.where(near, np.diff(np.log(closes[known])) ** 2, 0.0)
    counts[known[1:]] = np.where(near, gap, 0)
    return np.cumsum(sums), np.cumsum(counts), np.cumsum(counts > 0.0)


class PriceGrid:
    """
    The last prices of an underlying at equal intervals: the last one heard in each.

    Parameters
    ----------
    interval
        Between prices [ns].
    size
        How many are kept.

    """

    def __init__(self, interval: int = 3_600_000_000_000, size: int = 2_400) -> None:
        require(interval > 0, "interval > 0 [ns]", interval)
        require(size >= 2, "size >= 2 [prices]", size)
        self.interval = interval
        self._prices = np.full(size, np.nan)
        self._slot = -1

    def add(self, ts: int, price: float) -> None:
        """Take a price heard at `ts`, UNIX time [ns]; what is no price, or late, is left out."""
        slot = ts // self.interval
        if not 0.0 < price < math.inf or slot < self._slot:
            return
        size = len(self._prices)
        if self._slot < 0 or slot - self._slot >= size:
            self._prices[:] = np.nan
        else:
            self._prices[np.arange(self._slot + 1, slot) % size] = np.nan
        self._prices[slot % size] = price
        self._slot = slot

    @property
    def closes(self) -> Floats:
        """Prices from the first known to the last, NaN in gaps."""
        if self._slot < 0:
            return np.empty(0)
        ordered = np.roll(self._prices, -(self._slot % len(self._prices)) - 1)
        first = int(np.flatnonzero(np.isfinite(ordered))[0])
        return ordered[first:]

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        closes = [value if math.isfinite(value) else None for value in self.closes.tolist()]
        return {"interval": self.interval, "slot": self._slot, "closes": closes}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; prices at another interval are left out."""
        if int(state["interval"]) != self.interval:
            return self
        last = int(state["slot"])
        closes = state["closes"][-len(self._prices) :]
        for back, price in enumerate(reversed(closes)):
            self._prices[(last - back) % len(self._prices)] = math.nan if price is None else float(price)
        self._slot = last
        return self
