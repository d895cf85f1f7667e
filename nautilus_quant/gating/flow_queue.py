"""How much rests in front of our own orders: an estimate, since venues do not say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nautilus_quant.gating.intent import Side

if TYPE_CHECKING:
    from nautilus_quant.gating.book import BookView

MOST = 256
"""Resting orders of one instrument that are followed; of more, the newest."""


class QueueEstimate:
    """
    The size in front of one resting order.

    It joins at the end of its level. Trades at its price take from the front. What else leaves the level is
    cancelled, and of that a part is in front: the share of the level that is. The estimate never grows, and
    is never more than the level holds.

    Parameters
    ----------
    side, price
        Of the order [quote currency].

    """

    __slots__ = ("_level", "_traded", "ahead", "price", "side")

    def __init__(self, side: Side, price: float) -> None:
        self.side = side
        self.price = price
        self.ahead = math.nan
        """Size in front [base coin, or contracts]; NaN until its level was seen."""
        self._level = math.nan
        self._traded = 0.0

    def trade(self, price: float, size: float, sign: int) -> None:
        """
        Take somebody's trade.

        Parameters
        ----------
        price, size
            Of the trade [quote currency; base coin, or contracts].
        sign
            Who was in haste: +1 the buyer, −1 the seller, 0 unknown.

        """
        if sign == self.side or not size > 0.0:
            return
        beyond = self.side * (self.price - price)
        if beyond > 0.0:
            self.ahead = 0.0  # what traded behind our price went through it
        elif beyond == 0.0:
            self.ahead = max(0.0, self.ahead - size) if self.ahead == self.ahead else self.ahead
            self._traded += size

    def observe(self, book: BookView) -> None:
        """Take the newest book; one in which nobody can see the level changes nothing."""
        level = size_at(book, self.side, self.price)
        if math.isnan(level):
            return
        before, self._level = self._level, level
        traded, self._traded = self._traded, 0.0
        if math.isnan(self.ahead):
            self.ahead = level
            return
        # What is left of the level without trades would be `before - traded`; less than that was cancelled.
        stayed = before - traded
        cancelled = stayed - level
        if cancelled > 0.0 and stayed > 0.0:
            self.ahead -= cancelled * min(1.0, self.ahead / stayed)
        self.ahead = max(0.0, min(self.ahead, level))


def size_at(book: BookView, side: Side, price: float) -> float:
    """
    Return the size that rests at a price [base coin, or contracts].

    Parameters
    ----------
    book
        The best levels of each side.
    side, price
        Of an order that would rest there [quote currency].

    Returns
    -------
    float
        0 where nobody rests, NaN behind all levels that are seen.

    """
    levels = book.bids if side is Side.BUY else book.asks
    for at, size in levels:
        better = side * (at - price)
        if better == 0.0:
            return size
        if better < 0.0:
            return 0.0
    return math.nan


class Queues:
    """The resting orders of one instrument, by their ids."""

    __slots__ = ("_orders",)

    def __init__(self) -> None:
        self._orders: dict[str, QueueEstimate] = {}

    def place(self, order: str, side: Side, price: float, book: BookView | None) -> None:
        """Let an order join the end of its level; a book of ``None`` will be seen later."""
        made = QueueEstimate(side, price)
        if book is not None:
            made.observe(book)
        self._orders.pop(order, None)  # moved, it stands at the end again
        self._orders[order] = made
        if len(self._orders) > MOST:
            del self._orders[next(iter(self._orders))]

    def reached(self, order: str) -> None:
        """Note that an order was filled in part: nothing is in front of it."""
        made = self._orders.get(order)
        if made is not None:
            made.ahead = 0.0

    def remove(self, order: str) -> None:
        """Forget an order that is gone."""
        self._orders.pop(order, None)

    def trade(self, price: float, size: float, sign: int) -> None:
        """Take somebody's trade."""
        for made in self._orders.values():
            made.trade(price, size, sign)

    def observe(self, book: BookView) -> None:
        """Take the newest book."""
        for made in self._orders.values():
            made.observe(book)

    def ahead(self, order: str) -> float:
        """Return the size in front of an order [base coin, or contracts]; NaN when that is unknown."""
        made = self._orders.get(order)
        return math.nan if made is None else made.ahead

    def price_of(self, order: str) -> float | None:
        """Return the price at which an order rests [quote currency]; ``None`` when it is not followed."""
        made = self._orders.get(order)
        return None if made is None else made.price

    def __len__(self) -> int:
        """Count the orders."""
        return len(self._orders)
