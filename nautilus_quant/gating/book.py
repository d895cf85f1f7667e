"""What an order book says: depth, imbalance, microprice, and the price of walking into it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_LEVELS = 20
"""Levels of a side that are looked at."""

type Level = tuple[float, float]
"""Price [quote currency] and size [base coin, or contracts]."""

_INF = math.inf
_NAN = math.nan


class BookView(NamedTuple):
    """
    The top of an order book.

    Parameters
    ----------
    bids, asks
        Levels of each side, best first; more than `MAX_LEVELS` are not looked at.

    """

    bids: Sequence[Level]
    asks: Sequence[Level]


class Terms(NamedTuple):
    """
    What a size is worth.

    Parameters
    ----------
    multiplier
        Of the contract [-].
    inverse
        Whether a contract is worth a fixed amount of quote currency.

    """

    multiplier: float = 1.0
    inverse: bool = False

    def notional(self, price: float, size: float) -> float:
        """Return the worth of a size at a price [quote currency]."""
        return size * self.multiplier if self.inverse else price * size * self.multiplier


class Measures(NamedTuple):
    """
    A book in numbers; all NaN when `fault` says why it cannot be used.

    Parameters
    ----------
    bid, ask, mid
        Best prices and the middle [quote currency].
    spread
        ``(ask − bid) / mid`` [fraction].
    microprice
        ``(bid·ask size + ask·bid size) / (bid size + ask size)`` of the best level: where the mid is about
        to go [quote currency].
    imbalance
        ``(bids − asks) / (bids + asks)`` of the worth of five levels [-1, 1]; positive when buyers wait.
    bid_1, bid_5, bid_10, ask_1, ask_5, ask_10
        Worth of the first levels of a side [quote currency].
    bid_worth, ask_worth
        Worth of all that is seen of a side [quote currency].
    bid_size, ask_size
        Size of all that is seen of a side [base coin, or contracts].
    fault
        What is wrong; empty for a good book.

    """

    bid: float
    ask: float
    mid: float
    spread: float
    microprice: float
    imbalance: float
    bid_1: float
    bid_5: float
    bid_10: float
    ask_1: float
    ask_5: float
    ask_10: float
    bid_worth: float
    ask_worth: float
    bid_size: float
    ask_size: float
    fault: str = ""


_NOTHING = Measures(
    _NAN, _NAN, _NAN, _NAN, _NAN, _NAN, _NAN, _NAN, _NAN, _NAN, _NAN, _NAN, _NAN, _NAN, _NAN, _NAN
)


def _unusable(fault: str) -> Measures:
    return _NOTHING._replace(fault=fault)


def measure(book: BookView, terms: Terms = Terms()) -> Measures:  # noqa: B008 (immutable)
    """
    Look at every level once.

    Parameters
    ----------
    book
        At most `MAX_LEVELS` of each side count.
    terms
        What a size is worth.

    Returns
    -------
    Measures
        With a `fault` for a book that is empty, crossed, out of order, or holds what is no price or size.

    """
    bids, asks = book
    if not bids or not asks:
        return _unusable(f"the {'ask' if bids else 'bid'} side is empty")
    bid, bid_amount = bids[0]
    ask, ask_amount = asks[0]
    if not bid < ask:
        return _unusable(f"the best bid {bid} is not below the best ask {ask}")
    below = _add_up(bids, -1.0, terms)
    above = _add_up(asks, 1.0, terms)
    if below is None or above is None:
        side = "bid" if below is None else "ask"
        return _unusable(f"{side} prices and sizes must be positive numbers, from the best price on")
    bid_1, bid_5, bid_10, bid_worth, bid_size = below
    ask_1, ask_5, ask_10, ask_worth, ask_size = above
    mid = 0.5 * (bid + ask)
    # What `Measures(...)` does, without its detour through a Python function.
    made: Measures = tuple.__new__(
        Measures,
        (
            bid,
            ask,
            mid,
            (ask - bid) / mid,
            (bid * ask_amount + ask * bid_amount) / (bid_amount + ask_amount),
            (bid_5 - ask_5) / (bid_5 + ask_5),
            bid_1,
            bid_5,
            bid_10,
            ask_1,
            ask_5,
            ask_10,
            bid_worth,
            ask_worth,
            bid_size,
            ask_size,
            "",
        ),
    )
    return made


def _add_up(
    levels: Sequence[Level], direction: float, terms: Terms
) -> tuple[float, float, float, float, float] | None:
    """Return the worth of 1, 5, 10 and all levels, and the size of all; ``None`` for what is no book."""
    multiplier, inverse = terms
    before = -_INF if direction > 0.0 else 0.0
    first = five = ten = worth = total = 0.0
    for count, (price, size) in enumerate(levels, 1):
        # NaN fails every comparison.
        if not (0.0 < price < _INF and 0.0 < size < _INF) or (
            count > 1 and not direction * (price - before) > 0.0
        ):
            return None
        before = price
        worth += size * multiplier if inverse else price * size * multiplier
        total += size
        if count == 1:
            first = worth
        if count <= 5:
            five = worth
        if count <= 10:
            ten = worth
        if count == MAX_LEVELS:
            break
    return first, five, ten, worth, total


def walk(levels: Sequence[Level], quantity: float) -> tuple[float, float]:
    """
    Return the average price of taking `quantity` [quote currency], and how much of it is there.

    Parameters
    ----------
    levels
        The side that is traded against, best first, of a book without fault.
    quantity
        How much to take [base coin, or contracts]; NaN price when it is not positive.

    """
    left, cost = quantity, 0.0
    for price, size in levels[:MAX_LEVELS]:
        taken = min(left, size)
        cost += price * taken
        left -= taken
        if not left > 0.0:
            break
    done = quantity - left
    return (cost / done if done > 0.0 else _NAN), done


def walk_cost(levels: Sequence[Level], mid: float, quantity: float) -> float:
    """
    Return the distance of the average price of `quantity` from the mid [fraction of the mid].

    Infinite beyond what is seen: nobody knows what stands there.
    """
    if not quantity > 0.0:
        return 0.0
    average, done = walk(levels, quantity)
    # A sum of sizes may miss the last bit of the quantity it was read from.
    return abs(average - mid) / mid if done >= quantity * (1.0 - 1e-12) else _INF


def quantity_within(levels: Sequence[Level], mid: float, bound: float) -> float:
    """
    Return the largest quantity whose average price is within `bound` of the mid, of what is seen.

    Parameters
    ----------
    levels
        The side that is traded against, best first, of a book without fault.
    mid
        Between the best prices [quote currency].
    bound
        Largest distance of the average price from it [fraction].

    Returns
    -------
    float
        In base coin or contracts; 0 when half the spread alone is beyond the bound.

    """
    taken = cost = 0.0
    for price, size in levels[:MAX_LEVELS]:
        distance = abs(price - mid) / mid
        # Largest x with (cost + distance·x) / (taken + x) <= bound.
        if distance > bound:
            room = (bound * taken - cost) / (distance - bound)
            if room < size:
                return taken + max(room, 0.0)
        taken += size
        cost += distance * size
    return taken
