"""Which side of the book leans on the price, and for how long it has."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nautilus_quant.gating.book import BookView, Level

LEVELS = 5
"""Levels of a side that are looked at."""
_NANOS = 1e9


def imbalance(book: BookView, decay: float = 0.7) -> float:
    """
    Return ``Σ wₖ(bidₖ − askₖ) / Σ wₖ(bidₖ + askₖ)`` of the sizes of five levels, ``wₖ = decay^(k−1)``.

    Parameters
    ----------
    book
        The best levels of each side.
    decay
        What a level counts of the one before it (0, 1]; less looks more at the best price.

    Returns
    -------
    float
        [-1, 1], positive when buyers wait; NaN for a book without sizes, or with what is none.

    """
    bids, asks = _weigh(book.bids, decay), _weigh(book.asks, decay)
    total = bids + asks
    return (bids - asks) / total if 0.0 < total < math.inf else math.nan


def _weigh(levels: Sequence[Level], decay: float) -> float:
    weight, total = 1.0, 0.0
    for _, size in levels[:LEVELS]:
        if not size >= 0.0:
            return math.nan
        total += weight * size
        weight *= decay
    return total


class BookPressure:
    """
    Averages the imbalance over the time it stood, so that what only flashes up counts for little.

    Each imbalance holds until the next is seen, and the average goes after it by half-life. It starts from
    zero: a lean must last to count.

    Parameters
    ----------
    half_life
        Time in which the average goes half the way [s].
    decay
        Of the levels: see `imbalance`.

    """

    __slots__ = ("_average", "_decay", "_half_life", "_latest", "ts")

    def __init__(self, half_life: float = 5.0, decay: float = 0.7) -> None:
        require(0.0 < half_life < math.inf, "0 < book_half_life < inf [s]", half_life)
        require(0.0 < decay <= 1.0, "0 < level_decay <= 1 [fraction]", decay)
        self._half_life = half_life * _NANOS
        self._decay = decay
        self._average = self._latest = 0.0
        self.ts = 0
        """When the last usable book was heard, UNIX time [ns]; 0 before the first."""

    def observe(self, book: BookView, ts: int) -> None:
        """Take a book heard at `ts`, UNIX time [ns]; one that cannot be used is left out."""
        seen = imbalance(book, self._decay)
        if math.isnan(seen):
            return
        self._average = self.read(ts) if self.ts else 0.0
        self._latest = seen
        self.ts = max(ts, self.ts)

    def read(self, now: int) -> float:
        """Return the average at `now`, UNIX time [ns], in [-1, 1]."""
        passed = now - self.ts
        if passed <= 0:
            return self._average
        return self._latest + (self._average - self._latest) * math.exp2(-passed / self._half_life)
