"""NautilusTrader's events from a block, one instrument and one step at a time."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.model.data import (
    Bar,
    BarType,
    BookOrder,
    FundingRateUpdate,
    IndexPriceUpdate,
    InstrumentStatus,
    MarkPriceUpdate,
    OrderBookDepth10,
    QuoteTick,
    TradeTick,
)
from nautilus_trader.model.enums import AggressorSide, MarketStatusAction, OrderSide
from nautilus_trader.model.identifiers import TradeId
from nautilus_trader.model.objects import FIXED_PRECISION, PRICE_MAX, Price, Quantity

from nautilus_quant.venues.simulated.blocks import Block
from nautilus_quant.venues.simulated.book import LEVELS
from nautilus_quant.venues.simulated.instruments import instrument_id
from nautilus_quant.venues.simulated.listing import Listing
from nautilus_quant.venues.simulated.market import MarketConfig
from nautilus_quant.venues.simulated.params import COINS
from nautilus_quant.venues.simulated.stress import NAN_TICKS

_MILLISECOND: Final = 1_000_000
_SIDES: Final = {1: AggressorSide.BUYER, -1: AggressorSide.SELLER}
_ONES: Final = [1] * LEVELS


class Translator:
    """
    Speaks for one instrument.

    Parameters
    ----------
    config
        The market.
    listing
        The instrument.
    venue
        Where it is listed.
    latency
        How long its events are under way [ns].

    """

    def __init__(self, config: MarketConfig, listing: Listing, venue: str, latency: int = 0) -> None:
        self.listing = listing
        self.id = instrument_id(listing, venue)
        self._config = config
        self._latency = latency
        self._last: tuple[tuple[int, ...], int] | None = None
        self._coin = listing.row % len(COINS)
        self._group = listing.row // len(COINS)
        # Exact: prices and sizes are whole ticks and lots, and a raw value is a whole multiple of either.
        self._tick = 10 ** (FIXED_PRECISION - listing.price_precision)
        self._lot = 10 ** (FIXED_PRECISION - listing.size_precision)

    def begin(self, block: Block, stale: Sequence[bool] | None = None) -> None:
        """Turn to a block; at steps that are `stale` the quote is the last one before."""
        group = block.groups[self._group]
        books, row = group.books, self._coin
        self._block = block
        self._ts: list[int] = block.ts.tolist()
        self._seen = self._ts
        self._quotes = list(
            zip(
                *(x[row].tolist() for x in (books.bid, books.ask, books.bid_size, books.ask_size)),
                strict=True,
            )
        )
        self._mark: list[int] = group.mark[row].tolist()
        self._index: list[int] = group.index[row].tolist()
        self._silent = None if block.silent is None else block.silent[row].tolist()
        if stale is not None:
            self._repeat(stale)

    def _repeat(self, stale: Sequence[bool]) -> None:
        """Put the last quote, and when it was seen, in place of those of stale steps."""
        self._seen = list(self._ts)
        for step, frozen in enumerate(stale):
            if frozen and self._last is not None:
                self._quotes[step], self._seen[step] = self._last
            else:
                self._last = self._quotes[step], self._seen[step]

    def silent(self, step: int) -> bool:
        """Tell whether the feed says nothing at this step."""
        return self._silent is not None and self._silent[step]

    def quote(self, step: int) -> QuoteTick:
        """Best bid and ask."""
        bid, ask, bid_size, ask_size = self._quotes[step]
        price, size = self.listing.price_precision, self.listing.size_precision
        return QuoteTick.from_raw(
            self.id,
            bid * self._tick,
            ask * self._tick,
            price,
            price,
            bid_size * self._lot,
            ask_size * self._lot,
            size,
            size,
            self._seen[step],
            self._ts[step] + self._latency,
        )

    def depth(self, step: int) -> OrderBookDepth10 | None:
        """Ten levels, on the steps that have them."""
        nth, odd = divmod(step + 1, self._config.depth_every)
        if odd:
            return None
        books = self._block.groups[self._group].books
        bids = self._orders(OrderSide.BUY, books.bids[self._coin, nth - 1], books.bid_sizes, nth - 1)
        asks = self._orders(OrderSide.SELL, books.asks[self._coin, nth - 1], books.ask_sizes, nth - 1)
        ts, sequence = self._ts[step], self._block.first_step + step
        come = ts + self._latency
        return OrderBookDepth10(self.id, bids, asks, list(_ONES), list(_ONES), 0, sequence, ts, come)

    def _orders(self, side: OrderSide, prices: Any, sizes: Any, nth: int) -> list[BookOrder]:
        price, size = self.listing.price_precision, self.listing.size_precision
        return [
            BookOrder.from_raw(side, ticks * self._tick, price, lots * self._lot, size, 0)
            for ticks, lots in zip(prices.tolist(), sizes[self._coin, nth].tolist(), strict=True)
        ]

    def trades(self, step: int) -> list[TradeTick]:
        """All trades of a step, in order."""
        tape = self._block.groups[self._group].tape
        cell, ts = self._coin * self._config.steps + step, self._ts[step]
        first, last = tape.offset[cell : cell + 2].tolist()
        return [
            TradeTick.from_raw(
                self.id,
                int(tape.price[i]) * self._tick,
                self.listing.price_precision,
                int(tape.size[i]) * self._lot,
                self.listing.size_precision,
                _SIDES[int(tape.side[i])],
                TradeId(f"{ts // _MILLISECOND}-{i - first}"),
                ts,
                ts + self._latency,
            )
            for i in range(first, last)
        ]

    def mark(self, step: int) -> MarkPriceUpdate:
        """Mark price of a perpetual."""
        ts = self._ts[step]
        return MarkPriceUpdate(self.id, self._price(self._mark[step]), ts, ts + self._latency)

    def index(self, step: int) -> IndexPriceUpdate:
        """Index price of a perpetual."""
        ts = self._ts[step]
        return IndexPriceUpdate(self.id, self._price(self._index[step]), ts, ts + self._latency)

    def funding(self, step: int) -> FundingRateUpdate | None:
        """
        Funding rate, on the minute.

        It is a prediction until ``next_funding_ns`` equals the event's own time: that one is paid.
        """
        if step != self._block.basis.at:
            return None
        return self.last_funding(self._ts[step])

    def last_funding(self, ts: int) -> FundingRateUpdate:
        """Tell the funding rate of this block's minute, whatever the step."""
        basis = self._block.basis
        return FundingRateUpdate(
            self.id,
            Decimal(int(basis.rates[self._coin])).scaleb(-8),
            ts,
            ts + self._latency,
            interval=round(self._config.funding_interval / 60),
            next_funding_ns=basis.payment,
        )

    def bar(self, bar_type: BarType, end: int, values: Any) -> Bar:
        """Bar from ticks and lots, as `History.bars` gives them."""
        *prices, volume = values.tolist()
        size = Quantity.from_raw(volume * self._lot, self.listing.size_precision)
        return Bar(bar_type, *(self._price(ticks) for ticks in prices), size, end, end + self._latency)

    def status(self, step: int, halted: bool) -> InstrumentStatus:
        """Tell whether it trades."""
        ts = self._ts[step]
        action = MarketStatusAction.HALT if halted else MarketStatusAction.TRADING
        return InstrumentStatus(self.id, action, ts, ts + self._latency, is_trading=not halted)

    def _price(self, ticks: int) -> Price:
        if ticks == NAN_TICKS:
            return Price(PRICE_MAX, self.listing.price_precision)
        return Price.from_raw(ticks * self._tick, self.listing.price_precision)
