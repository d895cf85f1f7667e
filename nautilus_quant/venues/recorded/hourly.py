"""Recorded hours as a market that can be traded: quotes and books around each close, marks and funding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain, pairwise

import numpy as np
import pandas as pd
from nautilus_trader.core.data import Data
from nautilus_trader.model.data import BookOrder, FundingRateUpdate, OrderBookDepth10, QuoteTick
from nautilus_trader.model.enums import OrderSide, RecordFlag
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import Price, Quantity
from numpy.typing import NDArray

from nautilus_quant.carry.depth import DepthParams, depth, rolling_day
from nautilus_quant.venues.recorded.frame import Frame, RecordedError
from nautilus_quant.venues.recorded.source import Source
from nautilus_quant.venues.recorded.stream import nanoseconds
from nautilus_quant.venues.recorded.streams import FrameStream, open_sources

type Ints = NDArray[np.int64]

_MINUTE = 60_000_000_000
_DAY = 86_400_000_000_000
# A new book: what was taken from the one before is there again.
_SNAPSHOT = RecordFlag.F_SNAPSHOT | RecordFlag.F_LAST
_KINDS = ("bar", "mark", "funding")


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """
    Books of one instrument at the closes of its bars.

    Parameters
    ----------
    instrument : Instrument
        Whose.
    ts : ndarray of int64
        UNIX times [ns]. Shape: (books,).
    bids, asks : ndarray of int64
        Prices in ticks, the best first. Shape: (books, levels).
    sizes : ndarray of int64
        In steps of the instrument, the same on both sides. Shape: (books, levels).
    """

    instrument: Instrument
    ts: Ints
    bids: Ints
    asks: Ints
    sizes: Ints

    def depths(self, start: int, stop: int) -> Iterator[OrderBookDepth10]:
        """Yield the books start <= row < stop."""
        ones = [1] * self.bids.shape[1]
        for row in range(start, stop):
            sizes = self._quantities(row)
            bids = self._side(OrderSide.BUY, self.bids[row], sizes)
            asks = self._side(OrderSide.SELL, self.asks[row], sizes)
            ts = int(self.ts[row])
            yield OrderBookDepth10(self.instrument.id, bids, asks, ones, ones, _SNAPSHOT, 0, ts, ts)

    def quotes(self, start: int, stop: int) -> Iterator[QuoteTick]:
        """Yield the best prices of the rows start <= row < stop."""
        for row in range(start, stop):
            (bid,), (ask,) = self._prices(self.bids[row, :1]), self._prices(self.asks[row, :1])
            size, ts = self._quantities(row)[0], int(self.ts[row])
            yield QuoteTick(self.instrument.id, bid, ask, size, size, ts, ts)

    def _side(self, side: OrderSide, ticks: Ints, sizes: Sequence[Quantity]) -> list[BookOrder]:
        prices = self._prices(ticks)
        return [BookOrder(side, price, size, 0) for price, size in zip(prices, sizes, strict=True)]

    def _prices(self, ticks: Ints) -> list[Price]:
        places, tick = self.instrument.price_precision, self.instrument.price_increment.as_double()
        return [Price(count * tick, places) for count in ticks.tolist()]

    def _quantities(self, row: int) -> list[Quantity]:
        places, step = self.instrument.size_precision, self.instrument.size_increment.as_double()
        return [Quantity(count * step, places) for count in self.sizes[row].tolist()]


def books_of(frame: Frame, instrument: Instrument, params: DepthParams) -> Books:
    """
    Return books around the closes of bars, as deep as volume and volatility of the day before let expect.

    There is none until a day is known, and none at the last close before a hole: trading had ended somewhere
    in that bar, and nobody could have traded at the price it ended with.

    Parameters
    ----------
    frame : Frame
        Bars.
    instrument : Instrument
        Theirs.
    params : DepthParams
        Spread and impact.
    """
    closes, volumes = frame.columns["close"], frame.columns["volume"]
    volatility, volume = rolling_day(closes, volumes, _DAY // frame.interval)
    steps = np.diff(frame.ts, append=frame.ts[-1] + frame.interval)
    keep = np.isfinite(volatility) & (volume > 0.0) & (steps == frame.interval)
    side = depth(volatility[keep], volume[keep], params)
    tick, step = instrument.price_increment.as_double(), instrument.size_increment.as_double()
    middles = closes[keep][:, None] / tick
    # Rounded away from the middle; a price that is a whole number of ticks stays where it is.
    bids = np.floor(middles * (1.0 - side.distances) + 1e-6).astype(np.int64)
    asks = np.ceil(middles * (1.0 + side.distances) - 1e-6).astype(np.int64)
    for level in range(1, bids.shape[1]):
        bids[:, level] = np.minimum(bids[:, level], bids[:, level - 1] - 1)
        asks[:, level] = np.maximum(asks[:, level], asks[:, level - 1] + 1)
    good = bids[:, -1] > 0
    sizes = np.maximum(np.rint(side.sizes / step), 1).astype(np.int64)
    return Books(
        instrument=instrument, ts=frame.ts[keep][good], bids=bids[good], asks=asks[good], sizes=sizes[good]
    )


@dataclass(frozen=True, slots=True)
class Rates:
    """
    Funding rates of one instrument.

    Parameters
    ----------
    instrument : Instrument
        Whose.
    ts : ndarray of int64
        UNIX times of the payments [ns], full minutes. Shape: (payments,).
    rates : tuple of Decimal
        Per interval [fraction].
    interval : int
        Between two payments, usually [min].
    """

    instrument: Instrument
    ts: Ints
    rates: tuple[Decimal, ...]
    interval: int

    def updates(self, start: int, stop: int) -> Iterator[FundingRateUpdate]:
        """Yield the rates start <= row < stop, as records of what was paid."""
        for row in range(start, stop):
            ts = int(self.ts[row])
            yield FundingRateUpdate(self.instrument.id, self.rates[row], ts, ts, self.interval)


def rates_of(frame: Frame, instrument: Instrument) -> Rates:
    """Return the rates of a frame of funding, each time once."""
    # Some are recorded milliseconds after the hour they are of: who traded at that hour came too late.
    ts = frame.ts - frame.ts % _MINUTE
    ts, first = np.unique(ts, return_index=True)
    rates = tuple(Decimal(repr(rate)) for rate in frame.columns["rate"][first].tolist())
    interval = int(np.median(np.diff(ts))) // _MINUTE if len(ts) > 1 else 0
    return Rates(instrument, ts, rates, interval)


@dataclass(slots=True)
class HourlyMarket:
    """
    What was recorded, ready to be played to an engine piece by piece.

    Parameters
    ----------
    instruments : dict of InstrumentId to Instrument
        All of them.
    books : dict of InstrumentId to Books
        Of those with bars.
    bars, marks : list of FrameStream
        By instrument.
    funding : list of Rates
        By instrument.
    findings : tuple of str
        Rows that were dropped, or kept against a rule, in words.
    """

    instruments: dict[InstrumentId, Instrument] = field(default_factory=dict)
    books: dict[InstrumentId, Books] = field(default_factory=dict)
    bars: list[FrameStream] = field(default_factory=list)
    marks: list[FrameStream] = field(default_factory=list)
    funding: list[Rates] = field(default_factory=list)
    findings: tuple[str, ...] = ()

    def pieces(self, start: int, end: int) -> Iterator[list[Data]]:
        """
        Yield what happens at start <= time < end [ns], by kind and instrument, none of them empty.

        Books of all instruments come first, then quotes, marks, bars, and last funding: sorted by time
        with a stable sort, that is also the order within one moment. Nothing is told of an instrument before
        there is a book of it.
        """
        known = [books for books in self.books.values() if len(books.ts) and books.ts[0] < end]
        ids = {books.instrument.id for books in known}
        found: list[Iterable[Data]] = []
        # Whoever acts on the first quote of an hour must not be filled in another's book of the hour before.
        found += [books.depths(*_between(books.ts, start, end)) for books in known]
        found += [books.quotes(*_between(books.ts, start, end)) for books in known]
        for stream in (*self.marks, *self.bars):
            if stream.instrument.id in ids:
                found.append(stream.window(start, end - 1, 0))
        for rates in self.funding:
            if rates.instrument.id in ids:
                found.append(rates.updates(*_between(rates.ts, start, end)))
        yield from filter(None, map(list, found))

    def window(self, start: int, end: int) -> list[Data]:
        """Return all pieces as one, in order of time."""
        return sorted(chain.from_iterable(self.pieces(start, end)), key=lambda item: item.ts_init)

    def only(self, instrument_ids: Sequence[InstrumentId]) -> HourlyMarket:
        """Return the market of some of its instruments."""
        wanted = set(instrument_ids)
        missing = sorted(str(one) for one in wanted - set(self.instruments))
        if missing:
            raise RecordedError(f"no recorded hours of {', '.join(missing)}")
        return HourlyMarket(
            {one: self.instruments[one] for one in instrument_ids},
            {one: books for one, books in self.books.items() if one in wanted},
            [stream for stream in self.bars if stream.instrument.id in wanted],
            [stream for stream in self.marks if stream.instrument.id in wanted],
            [rates for rates in self.funding if rates.instrument.id in wanted],
            self.findings,
        )


def _between(ts: Ints, start: int, end: int) -> tuple[int, int]:
    first, last = np.searchsorted(ts, [start, end])
    return int(first), int(last)


def open_hours(
    sources: Sequence[Source], params: Mapping[InstrumentId, DepthParams], usual: DepthParams
) -> HourlyMarket:
    """
    Read sources of bars, marks and funding.

    Parameters
    ----------
    sources : sequence of Source
        What to read; bars of a day before the first moment that matters belong to it.
    params : mapping of InstrumentId to DepthParams
        Spread and impact, where they are not the usual ones.
    usual : DepthParams
        The usual ones.

    Raises
    ------
    RecordedError
        When a source cannot be read or is refused, or holds anything else.
    """
    recording = open_sources(sources)
    market = HourlyMarket(findings=tuple(map(str, recording.findings)))
    for stream in recording.streams:
        instrument = stream.instrument
        if not isinstance(stream, FrameStream) or stream.frame.kind not in _KINDS:
            raise RecordedError(f"need bars, marks or funding rates of {instrument.id}, from files")
        market.instruments[instrument.id] = instrument
        if stream.frame.kind == "bar":
            depths = params.get(instrument.id, usual)
            market.books[instrument.id] = books_of(stream.frame, instrument, depths)
            market.bars.append(stream)
        elif stream.frame.kind == "mark":
            market.marks.append(stream)
        else:
            market.funding.append(rates_of(stream.frame, instrument))
    return market


def months(start: str, end: str) -> list[tuple[int, int]]:
    """
    Cut a time into pieces of a month at most, in UNIX time [ns].

    Parameters
    ----------
    start, end
        ISO 8601 times, UTC; the end is not part of it.

    Raises
    ------
    RecordedError
        When they are no times, or the end is not after the start.
    """
    first, last = nanoseconds(start), nanoseconds(end)
    if first is None or last is None or not first < last:
        raise RecordedError(f"need a start before the end, was {start} and {end}")
    turns = [int(turn.value) for turn in pd.date_range(start, end, freq="MS", tz="UTC").as_unit("ns")]
    return list(pairwise(dict.fromkeys((first, *(turn for turn in turns if first < turn < last), last))))
