"""The best venues for an order, after fees, depth, impact and latency: which get how much of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from nautilus_quant.carry.routing_lots import WHOLE, Offer, Shared, allot, fill
from nautilus_quant.gating.book import MAX_LEVELS
from nautilus_quant.gating.intent import Side
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nautilus_quant.gating.book import BookView

_INF = math.inf
_CLOSE = 1e-12
_new = tuple.__new__  # what a named tuple does, without the detour through a Python function
_DRIFT = 1.0 / math.sqrt(2.0 * math.pi)


class VenueTerms(NamedTuple):
    """
    What holds for an order at one venue.

    All shares are of the price; what is given back is negative.

    Parameters
    ----------
    fee
        Of taking, by the tier of the account [fraction].
    lot
        Step of sizes there [base coin].
    smallest
        Least order there [base coin].
    most
        What may go there at most: a balance, a position, what gates allow [base coin].
    rate
        Worth of its quote currency in that of the order [-].
    delay
        What the time until it answers costs on average, see `delay_cost` [fraction].
    penalty
        Added for a venue that is not well [fraction].
    impact
        ``k`` of the impact that comes on top of walking the book: ``k·sqrt(q)`` on average over ``q``
        [fraction per square root of a base coin].
    excluded
        Why nothing may go there; empty when it may.

    """

    fee: float
    lot: float
    smallest: float = 0.0
    most: float = _INF
    rate: float = 1.0
    delay: float = 0.0
    penalty: float = 0.0
    impact: float = 0.0
    excluded: str = ""


class Part(NamedTuple):
    """
    What one venue gets.

    Parameters
    ----------
    venue
        As the books are named.
    lots
        Its size in lots of the venue.
    quantity
        Its size [base coin].
    cost
        What it is expected to cost with all terms; what a sale brings is negative [currency of the order].

    """

    venue: str
    lots: int
    quantity: float
    cost: float


class Route(NamedTuple):
    """
    How an order is shared out.

    Parameters
    ----------
    parts
        By venue, in the order of the books.
    unrouted
        What no venue can take, of what is seen and allowed [base coin].
    cost
        Of all parts [currency of the order].
    excluded
        Why venues were left out.

    """

    parts: tuple[Part, ...]
    unrouted: float
    cost: float
    excluded: Mapping[str, str]

    @property
    def quantity(self) -> float:
        """What is shared out [base coin]."""
        return sum(part.quantity for part in self.parts)

    @property
    def price(self) -> float:
        """What one coin costs, or brings, with all terms [currency of the order]; NaN for nothing."""
        return abs(self.cost) / self.quantity if self.parts else math.nan


def delay_cost(volatility: float, latency: float) -> float:
    """
    Return what prices move against an order until it is there, on average [fraction].

    ``σ·sqrt(latency/2π)``: the mean of ``max(X, 0)`` of a normal ``X`` of variance ``σ²·latency``. What moves
    in its favour does not count: quotes that would have been better are taken or gone by then.

    Parameters
    ----------
    volatility
        ``σ`` of one second [fraction].
    latency
        Until the venue answers [s]; what is unknown costs nothing.

    """
    return _DRIFT * volatility * math.sqrt(latency) if volatility > 0.0 and latency > 0.0 else 0.0


def route(
    side: Side,
    quantity: float,
    books: Mapping[str, BookView],
    terms: Mapping[str, VenueTerms],
    limit: float | None = None,
) -> Route:
    """
    Share an order out so that as much as can be is done, and all of it costs least.

    Each level of each book counts with all that it costs there, the cheapest are taken first, and sizes are
    whole lots. With one lot for all venues no other split of whole lots costs less; where lots differ, it is
    within one of the coarsest of that, and never worse than the best venue alone. Of smallest orders all
    combinations that matter are tried.

    Parameters
    ----------
    side
        Of the order.
    quantity
        Its size [base coin].
    books
        By venue, sizes in base coin; at most `MAX_LEVELS` of a side count, and nothing is known beyond.
    terms
        By venue.
    limit
        Worst price that is taken [currency of the order], before fees.

    Returns
    -------
    Route
        A book that is empty, crossed, out of order, or holds what is no price or size, leaves its venue out.

    Raises
    ------
    ValueError
        If the quantity is not a positive number.

    """
    require(0.0 < quantity < _INF, "0 < quantity < inf [base coin]", quantity)
    sign = 1.0 if side > 0 else -1.0
    worst = _worst(sign, limit)
    names: list[str] = []
    lots: list[tuple[float, float]] = []
    offers: list[Offer] = []
    excluded: dict[str, str] = {}
    for name, book in books.items():
        one = terms[name]
        found, why = _offers(len(names), book, one, (sign, quantity, worst))
        if why:
            excluded[name] = why
            continue
        offers += found
        names.append(name)
        lots.append((one[1], one[2]))
    offers.sort()
    shared = fill(offers, quantity, len(names))
    parts = _parts(names, lots, shared)
    if parts is None:
        shared = allot(offers, quantity, lots, shared[0])
        parts = _parts(names, lots, shared) or []
    return _new(Route, (tuple(parts), shared[2], sum(shared[1]), excluded))


def singles(
    side: Side,
    quantity: float,
    books: Mapping[str, BookView],
    terms: Mapping[str, VenueTerms],
    limit: float | None = None,
) -> dict[str, Route]:
    """Return what each venue could do of an order alone; as `route`, venue by venue."""
    return {name: route(side, quantity, {name: book}, terms, limit) for name, book in books.items()}


def _worst(sign: float, limit: float | None) -> float:
    """Return up to where prices are taken; those of sales are negative, so that lower is better."""
    return _INF if limit is None else sign * limit + _CLOSE * abs(limit)


def _offers(
    place: int, book: BookView, terms: VenueTerms, order: tuple[float, float, float]
) -> tuple[list[Offer], str]:
    """Return what a venue offers with all it costs, or what is wrong with it."""
    sign, quantity, worst = order
    fee, lot, _, most, rate, delay, penalty, impact, why = terms
    bids, asks = book
    levels = asks if sign > 0.0 else bids
    if len(levels) > MAX_LEVELS:
        levels = levels[:MAX_LEVELS]
    share = 1.0 + sign * (fee + delay + penalty)
    factor = sign * rate * share
    # NaN fails every comparison.
    if why or not (0.0 < rate < _INF and 0.0 < share < _INF and lot > 0.0 and most > 0.0):
        return [], why or "its fees, currency, lot, or what may go there is unknown or nothing"
    if not levels or (bids and asks and not bids[0][0] < asks[0][0]):
        return [], "its book is crossed, or empty on that side"
    before = 0.0 if sign > 0.0 else -_INF
    # One pass in which each price must be worse than the one before: it is most of the time this takes.
    if impact > 0.0:
        found, before = _with_impact(place, levels, (before, factor), impact * levels[0][0] * rate)
    else:
        found = [
            (before, size, place)
            for price, size in levels
            if before < (before := price * factor) and size > 0.0
        ]
    if len(found) < len(levels) or not (before < _INF if sign > 0.0 else before < 0.0):
        return [], "its prices and sizes are not those of a book"
    if before > worst * share or most < quantity:
        found = _within(found, [price * sign * rate for price, _ in levels], worst, most)
    return found, "" if found else "it has nothing within the limit"


def _within(found: list[Offer], prices: list[float], worst: float, most: float) -> list[Offer]:
    """Leave out what is beyond the worst price, or more than may go there."""
    kept: list[Offer] = []
    for (key, size, place), price in zip(found, prices, strict=True):
        if price > worst or not most > 0.0:
            break
        kept.append((key, min(size, most), place))
        most -= size
    return kept


def _with_impact(
    place: int, levels: Sequence[tuple[float, float]], scale: tuple[float, float], slope: float
) -> tuple[list[Offer], float]:
    """Return offers with what ``slope·q^1.5`` grows by over each, per coin, and the last one without it."""
    before, factor = scale
    done = total = 0.0
    root = math.sqrt
    found = [
        (before + (-total + (total := slope * (done := done + size) * root(done))) / size, size, place)
        for price, size in levels
        if before < (before := price * factor) and size > 0.0
    ]
    return found, before


def _parts(names: list[str], lots: list[tuple[float, float]], shared: Shared) -> list[Part] | None:
    """Return what each venue gets, or ``None`` if that is no whole number of lots, or too small."""
    parts = []
    for name, (lot, smallest), size, cost in zip(names, lots, shared[0], shared[1], strict=True):
        if size > 0.0:
            count = size / lot
            whole = round(count)
            if not -WHOLE < count - whole < WHOLE or size < smallest * (1.0 - WHOLE):
                return None
            parts.append(_new(Part, (name, whole, size, cost)))
    return parts
