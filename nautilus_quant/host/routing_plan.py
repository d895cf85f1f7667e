"""How an order is shared out: what closes goes where positions are held, the rest where it costs least."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from nautilus_quant.carry.routing import Route, VenueTerms, route, singles
from nautilus_quant.gating.book import BookView
from nautilus_quant.gating.intent import Side
from nautilus_quant.host.routing_market import without

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.instruments import Instrument

    from nautilus_quant.host.routing_market import Ask, RoutingMarket

_ZERO = Decimal(0)


class Wish(NamedTuple):
    """
    What an order wants of its router.

    Parameters
    ----------
    limit
        Worst price [currency of the order]; ``None`` at market.
    reduce_only
        Whether it may only close.
    close_first
        Whether positions of its strategy are closed where they are before any is opened elsewhere.
    split
        Whether several venues may share what opens; otherwise the one that does most of it at least cost gets
        all of that.
    whole
        Whether it is done wholly or not at all.

    """

    limit: float | None = None
    reduce_only: bool = False
    close_first: bool = True
    split: bool = True
    whole: bool = False


class Send(NamedTuple):
    """What one market gets [base coin]."""

    instrument: Instrument
    coins: Decimal


class Plan(NamedTuple):
    """
    What is sent now.

    Parameters
    ----------
    sends
        By market, what closes first.
    price
        What a coin is expected to cost or bring with all terms; NaN for nothing [currency of the order].
    alone
        The same of the best venue alone, if one could do as much; NaN otherwise.
    excluded
        Why markets were left out.

    """

    sends: tuple[Send, ...]
    price: float
    alone: float
    excluded: Mapping[str, str]


def plan(
    market: RoutingMarket,
    ask: Ask,
    group: Sequence[Instrument],
    *,
    wish: Wish,
    refused: Mapping[str, str],
    now: int,
) -> Plan:
    """
    Share an order out.

    Parameters
    ----------
    market
        Books and terms.
    ask
        The order.
    group
        Markets it may go to.
    wish
        What it wants.
    refused
        Markets that did not want it, and why.
    now
        UNIX time [ns].

    """
    books, terms = _look(market, ask, group, refused, now)
    # What is done wholly or not at all goes to one venue, whatever is held elsewhere.
    closes = wish.reduce_only or (wish.close_first and not wish.whole)
    held = market.held(ask, group) if closes else {}
    most = ask.quantity if wish.whole else min(ask.quantity, sum(held.values(), _ZERO))
    closing = _share(ask, most if held else _ZERO, books, _closers(terms, held), wish)
    sends = _sends(closing, group)
    if wish.reduce_only:
        sends = sends or ([] if wish.whole else _by_force(ask, group, held, refused))
        return Plan(tuple(sends), closing.price, math.nan, closing.excluded)
    done = {send.instrument.id.value: send.coins for send in sends}
    openers = {one.id.value: _opener(market, ask, one, terms[one.id.value], done) for one in group}
    rest = {name: _minus(book, ask.side, done.get(name, _ZERO)) for name, book in books.items()}
    left = ask.quantity - sum(done.values(), _ZERO)
    opening = _share(ask, left, rest, openers, wish)
    sends += _sends(opening, group)
    if not sends:
        sends = _by_force(ask, group, held, refused)  # held is empty where nothing closes
    alone = math.nan
    if not done and len(opening.parts) > 1:
        best = _alone(ask, left, rest, openers, wish)
        alone = best.price if best.unrouted <= opening.unrouted else math.nan
    cost, coins = closing.cost + opening.cost, closing.quantity + opening.quantity
    return Plan(tuple(sends), abs(cost) / coins if coins else math.nan, alone, opening.excluded)


def _look(
    market: RoutingMarket, ask: Ask, group: Sequence[Instrument], refused: Mapping[str, str], now: int
) -> tuple[dict[str, BookView], dict[str, VenueTerms]]:
    books, terms = {}, {}
    for one in group:
        name = one.id.value
        books[name], fault = market.book(one, now)
        known = market.terms(ask, one, now)
        terms[name] = known._replace(excluded=refused.get(name) or known.excluded or fault)
    return books, terms


def _closers(terms: Mapping[str, VenueTerms], held: Mapping[InstrumentId, Decimal]) -> dict[str, VenueTerms]:
    """Allow no more anywhere than is held there."""
    most = {instrument_id.value: float(coins) for instrument_id, coins in held.items()}
    return {
        name: one._replace(most=min(one.most, most[name]))
        if name in most
        else one._replace(excluded="no position is held there")
        for name, one in terms.items()
    }


def _opener(
    market: RoutingMarket, ask: Ask, instrument: Instrument, terms: VenueTerms, done: Mapping[str, Decimal]
) -> VenueTerms:
    """Allow what gates do, less what closes there."""
    if terms.excluded:
        return terms
    allowed, why = market.allowed(ask, instrument)
    most = min(terms.most, allowed) - float(done.get(instrument.id.value, _ZERO))
    return terms._replace(most=most, excluded="" if most >= terms.lot else why or "nothing may go there")


def _share(
    ask: Ask, coins: Decimal, books: Mapping[str, BookView], terms: Mapping[str, VenueTerms], wish: Wish
) -> Route:
    if not coins > 0:
        return Route((), 0.0, 0.0, {})
    if wish.split and not wish.whole:
        return route(ask.side, float(coins), books, terms, wish.limit)
    best = _alone(ask, coins, books, terms, wish)
    return best if not (wish.whole and best.unrouted) else best._replace(parts=(), cost=0.0)


def _alone(
    ask: Ask, coins: Decimal, books: Mapping[str, BookView], terms: Mapping[str, VenueTerms], wish: Wish
) -> Route:
    """Return the venue that does most at least cost, with why all others were left out."""
    found = singles(ask.side, float(coins), books, terms, wish.limit)
    best = min(found.values(), key=lambda one: (one.unrouted, one.cost))
    excluded = {name: why for one in found.values() for name, why in one.excluded.items()}
    return best._replace(excluded=excluded)


def _sends(found: Route, group: Sequence[Instrument]) -> list[Send]:
    """Translate lots into exact sizes."""
    by_name = {one.id.value: one for one in group}
    sends = []
    for part in found.parts:
        one = by_name[part.venue]
        sends.append(Send(one, part.lots * one.size_increment.as_decimal() * one.multiplier.as_decimal()))
    return sends


def _by_force(
    ask: Ask, group: Sequence[Instrument], held: Mapping[InstrumentId, Decimal], refused: Mapping[str, str]
) -> list[Send]:
    """Close what is held although nobody knows at which price: a closing order is never held back."""
    left, sends = ask.quantity, []
    for one in sorted(group, key=lambda one: held.get(one.id, _ZERO), reverse=True):
        step = one.size_increment.as_decimal() * one.multiplier.as_decimal()
        coins = min(left, held.get(one.id, _ZERO)) // step * step
        if coins > 0 and one.id.value not in refused:
            sends.append(Send(one, coins))
            left -= coins
    return sends


def _minus(book: BookView, side: Side, coins: Decimal) -> BookView:
    """Return a book without what is sent to it already."""
    gone = float(coins)
    if not gone:
        return book
    bids, asks = book
    return BookView(bids, without(asks, gone)) if side is Side.BUY else BookView(without(bids, gone), asks)
