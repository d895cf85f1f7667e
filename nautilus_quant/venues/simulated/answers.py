"""Subscriptions and requests of the simulated market's data client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from nautilus_trader.core.datetime import dt_to_unix_nanos
from nautilus_trader.live.data_client import LiveMarketDataClient
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.venues.simulated.config import SimulatedDataClientConfig
from nautilus_quant.venues.simulated.feed import Feed, Kind, Wanted, bar_length, bars_of
from nautilus_quant.venues.simulated.option_feed import GREEKS, QUOTES
from nautilus_quant.venues.simulated.player import Player

if TYPE_CHECKING:
    _Base = LiveMarketDataClient
else:
    _Base = object

_EVERYTHING: Final = 2**63 - 1


class Forward(NamedTuple):
    """A forward as NautilusTrader's data engine reads it."""

    instrument_id: InstrumentId
    forward_price: str


class Answers(_Base):
    """
    The half of a data client that listens.

    Kinds subscribed are noted in `_wanted`, which the other half reads at each step. Requests are always
    answered: bars from the market's history, the rest with nothing.
    """

    _market: SimulatedDataClientConfig
    _feed: Feed
    _wanted: Wanted
    _player: Player | None

    # -- subscriptions --

    def _want(self, kind: Kind, instrument_id: InstrumentId) -> None:
        options = self._feed.options
        if options is not None and instrument_id in options.speakers:
            self._want_option(kind.value, instrument_id)
        elif self._knows(instrument_id):
            self._wanted.ids[kind].add(instrument_id)
            self._wanted.ids[Kind.QUOTE].add(instrument_id)

    def _want_option(self, kind: str, instrument_id: InstrumentId) -> None:
        options = self._feed.options
        if options is None or instrument_id not in options.speakers:
            self._log.error(f"No option {instrument_id} in the simulated market, or it has expired")
        elif kind not in options.wanted:
            self._log.error(
                f"The simulated market has no {kind} of {instrument_id}; "
                f"options have {', '.join(options.wanted)}"
            )
        else:
            options.wanted[kind].add(instrument_id)
            options.wanted[QUOTES].add(instrument_id)  # simulated fills need them

    def _drop(self, kind: Kind, instrument_id: InstrumentId) -> None:
        if self._feed.options is not None and instrument_id not in self._feed.translators:
            self._drop_option(kind.value, instrument_id)
            return
        self._wanted.ids[kind].discard(instrument_id)
        self._settle_quotes(instrument_id)

    def _drop_option(self, kind: str, instrument_id: InstrumentId) -> None:
        if self._feed.options is None:
            return
        wanted = self._feed.options.wanted
        wanted.get(kind, set()).discard(instrument_id)
        others = any(instrument_id in ids for name, ids in wanted.items() if name != QUOTES)
        if not others and instrument_id not in self.subscribed_quote_ticks():
            wanted[QUOTES].discard(instrument_id)

    def _settle_quotes(self, instrument_id: InstrumentId) -> None:
        """Quotes end with the last subscription of any kind."""
        self._wanted.ids[Kind.QUOTE].discard(instrument_id)
        if self._wanted.anything_of(instrument_id) or instrument_id in self.subscribed_quote_ticks():
            self._wanted.ids[Kind.QUOTE].add(instrument_id)

    def _knows(self, instrument_id: InstrumentId) -> bool:
        options = self._feed.options
        if instrument_id in self._feed.translators or (options and instrument_id in options.speakers):
            return True
        offered = ", ".join(str(key) for key in self._feed.translators)
        self._log.error(f"No {instrument_id} in the simulated market, which offers {offered}")
        return False

    async def _subscribe_quote_ticks(self, command: Any) -> None:
        self._want(Kind.QUOTE, command.instrument_id)

    async def _subscribe_trade_ticks(self, command: Any) -> None:
        self._want(Kind.TRADE, command.instrument_id)

    async def _subscribe_order_book_depth(self, command: Any) -> None:
        self._want(Kind.DEPTH, command.instrument_id)

    async def _subscribe_mark_prices(self, command: Any) -> None:
        self._want(Kind.MARK, command.instrument_id)

    async def _subscribe_index_prices(self, command: Any) -> None:
        self._want(Kind.INDEX, command.instrument_id)

    async def _subscribe_funding_rates(self, command: Any) -> None:
        self._want(Kind.FUNDING, command.instrument_id)

    async def _subscribe_option_greeks(self, command: Any) -> None:
        self._want_option(GREEKS, command.instrument_id)

    async def _subscribe_bars(self, command: Any) -> None:
        length = self._length(command.bar_type)
        if length is not None:
            self._wanted.add_bar(command.bar_type, length)
            self._want(Kind.QUOTE, command.bar_type.instrument_id)

    async def _subscribe_order_book_deltas(self, command: Any) -> None:
        self._log.error(
            f"The simulated market has no deltas for {command.instrument_id}; subscribe to "
            "order book depth (ten levels) instead"
        )

    async def _subscribe_instrument(self, command: Any) -> None:
        self._knows(command.instrument_id)

    async def _subscribe_instruments(self, command: Any) -> None:
        """All were published on connecting, and options are as they are listed."""

    async def _subscribe_instrument_status(self, command: Any) -> None:
        """Announced incidents are told anyway, and nothing else halts trading."""

    async def _subscribe_instrument_close(self, command: Any) -> None:
        """Settlements of options are published anyway; perpetuals and spot have no close."""

    async def _unsubscribe_quote_ticks(self, command: Any) -> None:
        self._drop(Kind.QUOTE, command.instrument_id)

    async def _unsubscribe_trade_ticks(self, command: Any) -> None:
        self._drop(Kind.TRADE, command.instrument_id)

    async def _unsubscribe_order_book_depth(self, command: Any) -> None:
        self._drop(Kind.DEPTH, command.instrument_id)

    async def _unsubscribe_mark_prices(self, command: Any) -> None:
        self._drop(Kind.MARK, command.instrument_id)

    async def _unsubscribe_index_prices(self, command: Any) -> None:
        self._drop(Kind.INDEX, command.instrument_id)

    async def _unsubscribe_funding_rates(self, command: Any) -> None:
        self._drop(Kind.FUNDING, command.instrument_id)

    async def _unsubscribe_option_greeks(self, command: Any) -> None:
        self._drop_option(GREEKS, command.instrument_id)

    async def _unsubscribe_bars(self, command: Any) -> None:
        self._wanted.drop_bar(command.bar_type)
        self._settle_quotes(command.bar_type.instrument_id)

    async def _unsubscribe_order_book_deltas(self, command: Any) -> None:
        """Nothing was subscribed."""

    async def _unsubscribe_instrument(self, command: Any) -> None:
        """Nothing to stop."""

    async def _unsubscribe_instruments(self, command: Any) -> None:
        """Nothing to stop."""

    async def _unsubscribe_instrument_status(self, command: Any) -> None:
        """Nothing to stop."""

    async def _unsubscribe_instrument_close(self, command: Any) -> None:
        """Nothing to stop."""

    # -- requests --

    async def _request_instrument(self, request: Any) -> None:
        item = self._cache.instrument(request.instrument_id)
        if item is None:
            self._knows(request.instrument_id)
            return
        self._handle_instrument(item, request.id, request.start, request.end, request.params)

    async def _request_instruments(self, request: Any) -> None:
        items = self._cache.instruments(venue=self.venue)
        self._handle_instruments(self.venue, items, request.id, request.start, request.end, request.params)

    async def _request_bars(self, request: Any) -> None:
        bars = self._past_bars(request)
        self._handle_bars(request.bar_type, bars, request.id, request.start, request.end, request.params)

    async def _request_quote_ticks(self, request: Any) -> None:
        self._handle_quote_ticks(request.instrument_id, [], *_about(request))

    async def _request_trade_ticks(self, request: Any) -> None:
        self._handle_trade_ticks(request.instrument_id, [], *_about(request))

    async def _request_funding_rates(self, request: Any) -> None:
        self._handle_funding_rates(request.instrument_id, [], *_about(request))

    async def _request_order_book_depth(self, request: Any) -> None:
        self._handle_order_book_depths(request.instrument_id, [], *_about(request))

    async def _request_order_book_deltas(self, request: Any) -> None:
        self._handle_order_book_deltas(request.instrument_id, [], *_about(request))

    async def _request_order_book_snapshot(self, request: Any) -> None:
        self._handle_order_book_deltas(request.instrument_id, [], *_about(request))

    async def _request_forward_prices(self, request: Any) -> None:
        """Tell the forward of an option's expiry: what an option chain is centred on until greeks come."""
        sample, options, forward = request.sample_instrument_id, self._feed.options, None
        if sample is not None and options is not None and self._player is not None:
            forward = options.forward(sample, self._player.step)
        found = [] if forward is None else [Forward(sample, f"{forward:.2f}")]
        self._handle_forward_prices(found, request.id, request.params or {})

    async def _request(self, request: Any) -> None:
        self._handle_data_response(request.data_type, [], *_about(request))

    def _past_bars(self, request: Any) -> list[Bar]:
        bar_type: BarType = request.bar_type
        length = self._length(bar_type)
        if self._player is None or length is None:
            return []
        start = dt_to_unix_nanos(request.start) if request.start is not None else 0
        end = dt_to_unix_nanos(request.end) if request.end is not None else _EVERYTHING
        span = (start, min(end, self._player.now))
        translator = self._feed.translators[bar_type.instrument_id]
        bars = bars_of(translator, self._player.history, bar_type, length, span)
        return bars[-request.limit :] if request.limit else bars

    def _length(self, bar_type: BarType) -> int | None:
        length = bar_length(bar_type)
        if length is None:
            self._log.error(
                f"The simulated market has no {bar_type}; it has external bars of last prices, of whole "
                f"seconds, minutes, hours or days, such as {bar_type.instrument_id}-1-MINUTE-LAST-EXTERNAL"
            )
            return None
        longest = max(self._market.history, self._market.longest_bar)
        if length > longest:
            self._log.warning(f"{bar_type} needs history of {length} s to be complete, was {longest:.0f} s")
        if bar_type.instrument_id in self._feed.translators:
            return length
        if self._knows(bar_type.instrument_id):
            self._log.error(f"The simulated market has no bars of options, was {bar_type}")
        return None


def _about(request: Any) -> tuple[Any, ...]:
    """Collect what every answer repeats of its request."""
    return request.id, request.start, request.end, request.params
