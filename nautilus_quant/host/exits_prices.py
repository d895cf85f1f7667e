"""What a book of exits knows of prices: the last quote of each instrument, and how far it usually moves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nautilus_quant.gating.intent import Side
from nautilus_quant.host.bars import bar_type_of
from nautilus_quant.portfolio.exits_range import AverageTrueRange

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.common.actor import Actor
    from nautilus_trader.model.data import Bar, BarType, QuoteTick
    from nautilus_trader.model.identifiers import InstrumentId

    from nautilus_quant.host.exits_settings import ExitSettings

_SECOND = 1_000_000_000
_UNKNOWN = (math.nan, math.nan)

type Heard = Callable[[InstrumentId, tuple[float, float] | None], None]
"""Takes an instrument and its bid and ask; ``None`` for a bar, after which true ranges differ."""


class ExitPrices:
    """
    Quotes and true ranges of the instruments in which positions are protected.

    Parameters
    ----------
    host
        Actor or strategy whose bus, cache and subscriptions it uses.
    heard
        Called for each quote and each bar.
    feeds
        Whether it subscribes through the host, whose handlers then hear quotes and bars as well.

    """

    def __init__(self, host: Actor, heard: Heard, *, feeds: bool) -> None:
        self._host = host
        self._heard = heard
        self._feeds = feeds
        self._watched: set[InstrumentId] = set()
        self._quotes: dict[InstrumentId, tuple[float, float]] = {}
        self._ranges: dict[InstrumentId, tuple[BarType, AverageTrueRange]] = {}

    def price(self, instrument_id: InstrumentId, side: Side) -> float:
        """Return what a position on that side can be left at now [quote currency]; NaN before the first."""
        bid, ask = self._quotes.get(instrument_id, _UNKNOWN)
        return bid if side is Side.BUY else ask

    def true_range(self, instrument_id: InstrumentId) -> float:
        """Return the average true range [quote currency]; NaN while there is none."""
        known = self._ranges.get(instrument_id)
        return math.nan if known is None else known[1].value

    def watch(self, instrument_id: InstrumentId, settings: ExitSettings, *, needs_range: bool) -> None:
        """Listen to an instrument; once is enough."""
        if instrument_id in self._watched:
            return
        self._watched.add(instrument_id)
        host = self._host
        host.msgbus.subscribe(_quotes(instrument_id), self._on_quote)
        quote = host.cache.quote_tick(instrument_id)
        if quote is not None:
            self._quotes[instrument_id] = (float(quote.bid_price), float(quote.ask_price))
        if instrument_id not in self._ranges:
            bar_type = bar_type_of(instrument_id, settings.atr_bar)
            self._ranges[instrument_id] = (bar_type, AverageTrueRange(settings.atr_period))
        bar_type = self._ranges[instrument_id][0]
        host.msgbus.subscribe(_bars(bar_type), self._on_bar)
        if self._feeds:
            host.subscribe_quote_ticks(instrument_id)
            if needs_range:
                host.subscribe_bars(bar_type)

    def unwatch(self, instrument_id: InstrumentId) -> None:
        """Listen to an instrument no more."""
        if instrument_id not in self._watched:
            return
        self._watched.discard(instrument_id)
        self._host.msgbus.unsubscribe(_quotes(instrument_id), self._on_quote)
        self._host.msgbus.unsubscribe(_bars(self._ranges[instrument_id][0]), self._on_bar)

    def stop(self) -> None:
        """Listen to nothing any more."""
        for instrument_id in list(self._watched):
            self.unwatch(instrument_id)

    def _on_quote(self, quote: QuoteTick) -> None:
        known = self._quotes[quote.instrument_id] = (float(quote.bid_price), float(quote.ask_price))
        self._heard(quote.instrument_id, known)

    def _on_bar(self, bar: Bar) -> None:
        instrument_id = bar.bar_type.instrument_id
        close = float(bar.close)
        self._ranges[instrument_id][1].update(bar.ts_event, float(bar.high), float(bar.low), close)
        quote = self._host.cache.quote_tick(instrument_id)
        if quote is None or quote.ts_event < bar.ts_init - 60 * _SECOND:
            self._quotes[instrument_id] = (close, close)  # nobody quotes it
        self._heard(instrument_id, None)


def _quotes(instrument_id: InstrumentId) -> str:
    return f"data.quotes.{instrument_id.venue}.{instrument_id.symbol}"


def _bars(bar_type: BarType) -> str:
    return f"data.bars.{bar_type}"
