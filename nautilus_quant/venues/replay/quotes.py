"""Quotes for instruments of which only bars or trades were recorded."""

from __future__ import annotations

import math
from collections.abc import Iterable

from nautilus_trader.core.data import Data
from nautilus_trader.model.data import (
    Bar,
    BarType,
    OrderBookDelta,
    OrderBookDeltas,
    OrderBookDepth10,
    QuoteTick,
    TradeTick,
)
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import Quantity

from nautilus_quant.venues.recorded.stream import Stream

# any of these moves the simulated venue by itself
_MARKET = (QuoteTick, TradeTick, OrderBookDelta, OrderBookDeltas, OrderBookDepth10)


def quoted_bar_types(streams: Iterable[Stream]) -> set[BarType]:
    """Return, for each instrument without quotes, trades or books, its shortest bar type."""
    known = list(streams)
    moving = {stream.instrument.id for stream in known if stream.data_class in _MARKET}
    shortest: dict[InstrumentId, BarType] = {}
    for stream in known:
        kind, instrument_id = stream.bar_type, stream.instrument.id
        if kind is None or instrument_id in moving:
            continue
        best = shortest.get(instrument_id)
        if best is None or kind.spec.timedelta < best.spec.timedelta:
            shortest[instrument_id] = kind
    return set(shortest.values())


def quote(  # noqa: PLR0917 its arguments stand in the order of NautilusTrader's QuoteTick
    instrument: Instrument, price: float, size: Quantity, half_spread_bps: float, ts_event: int, ts_init: int
) -> QuoteTick:
    """
    Return a quote around a price, rounded away from it to whole ticks.

    Parameters
    ----------
    instrument : Instrument
        Instrument of the quote.
    price : float
        Middle [quote currency].
    size : Quantity
        Size of both sides; the smallest possible one if zero.
    half_spread_bps : float
        Distance of each side [bp of the price].
    ts_event, ts_init : int
        UNIX times [ns].
    """
    tick = instrument.price_increment.as_double()
    away = price * half_spread_bps / 1e4
    # the tolerance keeps a price that is a whole number of ticks where it is
    bid = math.floor((price - away) / tick + 1e-6) * tick
    ask = math.ceil((price + away) / tick - 1e-6) * tick
    shown = size if size.as_double() > 0 else instrument.size_increment
    return QuoteTick(
        instrument.id,
        instrument.make_price(max(bid, tick)),
        instrument.make_price(ask),
        shown,
        shown,
        ts_event,
        ts_init,
    )


def first_quote(instrument: Instrument, item: Data, half_spread_bps: float, now: int) -> QuoteTick | None:
    """
    Return a quote for the time before anything is played: the first price, and no later one.

    None when the item has no price to quote.
    """
    if isinstance(item, QuoteTick):
        return QuoteTick(
            item.instrument_id,
            item.bid_price,
            item.ask_price,
            item.bid_size,
            item.ask_size,
            item.ts_event,
            now,
        )
    price = item.open if isinstance(item, Bar) else getattr(item, "price", None)
    if price is None:
        return None
    return quote(
        instrument, price.as_double(), instrument.size_increment, half_spread_bps, item.ts_event, now
    )
