"""An order book kept from its changes, whose top is always at hand."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from typing import TYPE_CHECKING

from nautilus_quant.gating.book import MAX_LEVELS, BookView

if TYPE_CHECKING:
    from nautilus_quant.gating.book import Level

MOST = 5_000
"""Levels of a side that are kept: the best; venues show fewer."""


class _Levels:
    """One side; keys ascend from the best price."""

    __slots__ = ("_keys", "_most", "_sign", "_sizes")

    def __init__(self, sign: float, most: int) -> None:
        self._sign = sign
        self._most = most
        self._keys: list[float] = []
        self._sizes: dict[float, float] = {}

    def put(self, price: float, size: float) -> None:
        key = price * self._sign
        if size > 0.0:
            if key not in self._sizes:
                insort(self._keys, key)
            self._sizes[key] = size
            if len(self._keys) > self._most:
                del self._sizes[self._keys.pop()]
        elif self._sizes.pop(key, None) is not None:
            del self._keys[bisect_left(self._keys, key)]

    def clear(self) -> None:
        self._keys.clear()
        self._sizes.clear()

    def top(self, count: int) -> tuple[Level, ...]:
        sign, sizes = self._sign, self._sizes
        return tuple([(key * sign, sizes[key]) for key in self._keys[:count]])

    def __len__(self) -> int:
        return len(self._keys)


class LevelBook:
    """
    Both sides of a book, by price.

    Parameters
    ----------
    most
        Levels kept of each side; of more, the best.

    """

    __slots__ = ("_asks", "_bids")

    def __init__(self, most: int = MOST) -> None:
        if most < MAX_LEVELS:
            raise ValueError(f"a book keeps at least {MAX_LEVELS} levels of a side, was {most}")
        self._bids = _Levels(-1.0, most)
        self._asks = _Levels(1.0, most)

    def put(self, price: float, size: float, *, bid: bool) -> None:
        """Set the size at a price [quote currency; base coin, or contracts]; 0 takes the level away."""
        # A level that cannot be read would spoil the order of all others.
        if math.isfinite(price) and not math.isnan(size):
            (self._bids if bid else self._asks).put(price, size)

    def clear(self, *, bids: bool = True, asks: bool = True) -> None:
        """Forget all levels of a side, or of both."""
        if bids:
            self._bids.clear()
        if asks:
            self._asks.clear()

    def view(self, count: int = MAX_LEVELS) -> BookView:
        """Return the best `count` levels of each side."""
        return BookView(self._bids.top(count), self._asks.top(count))

    def __len__(self) -> int:
        """Count the levels of both sides."""
        return len(self._bids) + len(self._asks)
