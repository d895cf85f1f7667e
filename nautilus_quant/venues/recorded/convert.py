"""From rows to NautilusTrader objects, and from a recorded time of arrival to another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from nautilus_trader.core.data import Data
from nautilus_trader.model.data import (
    Bar,
    BarType,
    FundingRateUpdate,
    IndexPriceUpdate,
    InstrumentStatus,
    MarkPriceUpdate,
    OrderBookDelta,
    OrderBookDeltas,
    OrderBookDepth10,
    QuoteTick,
    TradeTick,
)
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.model.identifiers import TradeId
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.venues.recorded.frame import Frame
from nautilus_quant.venues.recorded.naming import bar_spec

_AGGRESSORS = {1: AggressorSide.BUYER, -1: AggressorSide.SELLER, 0: AggressorSide.NO_AGGRESSOR}


def bar_type(frame: Frame, instrument: Instrument) -> BarType:
    """Return the external last-price bar type of a frame of bars."""
    return BarType.from_str(f"{instrument.id}-{bar_spec(frame.interval)}-EXTERNAL")


def objects(frame: Frame, instrument: Instrument, start: int, stop: int) -> list[Data]:
    """Return the rows start <= row < stop as objects with ts_init = ts_event."""
    part = frame.take(slice(start, stop))  # type: ignore[arg-type]  # a slice does not copy
    return _MAKERS[frame.kind](part, instrument)


def data_class(frame: Frame) -> type[Data]:
    """Return the class of the objects a frame gives."""
    return _CLASSES[frame.kind]


def _bars(frame: Frame, instrument: Instrument) -> list[Data]:
    kind, places, sizes = bar_type(frame, instrument), instrument.price_precision, instrument.size_precision
    return [
        Bar(
            kind,
            Price(row[0], places),
            Price(row[1], places),
            Price(row[2], places),
            Price(row[3], places),
            Quantity(row[4], sizes),
            row[5],
            row[5],
        )
        for row in _rows(frame, "open", "high", "low", "close", "volume")
    ]


def _trades(frame: Frame, instrument: Instrument) -> list[Data]:
    places, sizes = instrument.price_precision, instrument.size_precision
    return [
        TradeTick(
            instrument.id,
            Price(price, places),
            Quantity(size, sizes),
            _AGGRESSORS[side],
            TradeId(name),
            ts,
            ts,
        )
        for price, size, side, name, ts in _rows(frame, "price", "size", "side", "id")
    ]


def _quotes(frame: Frame, instrument: Instrument) -> list[Data]:
    places, sizes = instrument.price_precision, instrument.size_precision
    return [
        QuoteTick(
            instrument.id,
            Price(bid, places),
            Price(ask, places),
            Quantity(bid_size, sizes),
            Quantity(ask_size, sizes),
            ts,
            ts,
        )
        for bid, ask, bid_size, ask_size, ts in _rows(frame, "bid", "ask", "bid_size", "ask_size")
    ]


def _rates(frame: Frame, instrument: Instrument) -> list[Data]:
    return [
        FundingRateUpdate(instrument.id, Decimal(repr(rate)), ts, ts) for rate, ts in _rows(frame, "rate")
    ]


def _marks(frame: Frame, instrument: Instrument) -> list[Data]:
    # Mark prices are averages with more decimals than the tick; nothing is matched against them
    return [MarkPriceUpdate(instrument.id, Price(price, 8), ts, ts) for price, ts in _rows(frame, "price")]


def _rows(frame: Frame, *names: str) -> Iterable[Any]:
    return zip(*(frame.columns[name].tolist() for name in names), frame.ts.tolist(), strict=True)


_MAKERS: dict[str, Callable[[Frame, Instrument], list[Data]]] = {
    "bar": _bars,
    "trade": _trades,
    "quote": _quotes,
    "funding": _rates,
    "mark": _marks,
}
_CLASSES: dict[str, type[Data]] = {
    "bar": Bar,
    "trade": TradeTick,
    "quote": QuoteTick,
    "funding": FundingRateUpdate,
    "mark": MarkPriceUpdate,
}


def stamped(item: Data, now: int) -> Data:
    """
    Return the same data as if it had arrived at UNIX time `now` [ns]; its ts_event stays.

    Raises
    ------
    TypeError
        For a kind of data that is not known here.
    """
    restamp = _STAMPS.get(type(item))
    if restamp is None:
        raise TypeError(f"cannot replay {type(item).__name__}")
    return restamp(item, now)


def _stamp(names: Sequence[str]) -> Callable[[Any, int], Data]:
    def stamp(item: Any, now: int) -> Data:
        return type(item)(*(getattr(item, name) for name in names), item.ts_event, now)

    return stamp


def _stamp_deltas(item: Any, now: int) -> Data:
    return OrderBookDeltas(item.instrument_id, [stamped(delta, now) for delta in item.deltas])


def _stamp_status(item: Any, now: int) -> Data:
    return InstrumentStatus.from_dict(InstrumentStatus.to_dict(item) | {"ts_init": now})


def _stamp_funding(item: Any, now: int) -> Data:
    return FundingRateUpdate(
        item.instrument_id, item.rate, item.ts_event, now, item.interval, item.next_funding_ns
    )


_STAMPS: dict[type[Data], Callable[[Any, int], Data]] = {
    Bar: _stamp(("bar_type", "open", "high", "low", "close", "volume")),
    TradeTick: _stamp(("instrument_id", "price", "size", "aggressor_side", "trade_id")),
    QuoteTick: _stamp(("instrument_id", "bid_price", "ask_price", "bid_size", "ask_size")),
    MarkPriceUpdate: _stamp(("instrument_id", "value")),
    IndexPriceUpdate: _stamp(("instrument_id", "value")),
    FundingRateUpdate: _stamp_funding,
    OrderBookDelta: _stamp(("instrument_id", "action", "order", "flags", "sequence")),
    OrderBookDeltas: _stamp_deltas,
    OrderBookDepth10: _stamp(
        ("instrument_id", "bids", "asks", "bid_counts", "ask_counts", "flags", "sequence")
    ),
    InstrumentStatus: _stamp_status,
}
