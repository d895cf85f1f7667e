"""Feeds a carry scaler with what a node hears: rates, premiums, quotes and fills."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderSubmitted
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.carry.funding_schedule import FundingSchedule, Untimed
from nautilus_quant.host.fees import FeeBook
from nautilus_quant.host.funding import take_rate
from nautilus_quant.host.touch import touch_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.cache.cache import Cache
    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.model.data import (
        FundingRateUpdate,
        IndexPriceUpdate,
        MarkPriceUpdate,
        QuoteTick,
    )
    from nautilus_trader.model.events import OrderEvent
    from nautilus_trader.model.orders import Order

    from nautilus_quant.carry.funding_ledger import Stamp
    from nautilus_quant.carry.scaler import CarryScaler
    from nautilus_quant.host.valuation import Valuer

_MINUTE = 60_000_000_000
_ORDERS = 256
"""Orders on their way whose price at the start is remembered."""
_LOOK = 0.05
"""What a look at a quote or a book counts, where a fill counts 1."""
_FRESH = 10_000_000_000
"""How old a book may be [ns]."""
_LEVELS = 20
"""Of a side of a book that are looked at."""


class CarryFeed:
    """
    Takes what is heard of the instruments of a scaler; subscribing them is the owner's.

    Parameters
    ----------
    scaler
        What is fed.
    msgbus, cache
        Of the node.
    valuer
        Prices and rates.
    untimed
        How to read rates that do not say when they are paid.
    interval
        Between two payments where the venue does not say [ns].
    on_stamps
        Told when a rate has come, so that its time can be waited for.

    """

    def __init__(
        self,
        scaler: CarryScaler,
        msgbus: MessageBus,
        cache: Cache,
        valuer: Valuer,
        *,
        untimed: str,
        interval: int,
        on_stamps: Callable[[], None],
    ) -> None:
        self._scaler = scaler
        self._bus = msgbus
        self._cache = cache
        self._valuer = valuer
        self._on_stamps = on_stamps
        self.schedule = FundingSchedule(Untimed(untimed), interval)
        self._ids = {name: InstrumentId.from_str(name) for name in scaler.markets}
        self._names = {instrument_id: name for name, instrument_id in self._ids.items()}
        self._index: dict[str, float] = {}
        self._looked: dict[str, int] = {}
        self._arrivals: dict[str, float] = {}
        self._topics: list[tuple[str, Callable[[Any], None]]] = []

    # -- life ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Listen."""
        for instrument_id in self._ids.values():
            place = f"{instrument_id.venue}.{instrument_id.symbol}"
            self._topics += [
                (f"data.quotes.{place}", self._on_quote),
                (f"data.funding_rates.{place}", self._on_rate),
                (f"data.mark_prices.{place}", self._on_mark),
                (f"data.index_prices.{place}", self._on_index),
            ]
        self._topics.append(("events.order.*", self._on_order))
        for topic, handler in self._topics:
            self._bus.subscribe(topic, handler)

    def stop(self) -> None:
        """Listen no more."""
        for topic, handler in self._topics:
            self._bus.unsubscribe(topic, handler)
        self._topics.clear()

    def read_fees(self) -> None:
        """Ask what a fill costs each instrument now."""
        book = FeeBook.on(self._bus)
        for name, market in self._scaler.markets.items():
            instrument = self._cache.instrument(self._ids[name])
            market.fee = math.nan if instrument is None else book.rate(instrument)

    def settle(self, now: int) -> list[Stamp]:
        """Hand the rates that were due before `now` [ns] to the forecasts, and return them."""
        stamps = [stamp for stamp in self.schedule.due(now) if stamp.instrument in self._ids]
        for stamp in stamps:
            self._scaler.markets[stamp.instrument].settled(stamp.ts, float(stamp.rate))
        return stamps

    # -- what comes in -------------------------------------------------------------------------------

    def _on_rate(self, update: FundingRateUpdate) -> None:
        market = self._scaler.markets[self._names[update.instrument_id]]
        if update.interval:
            market.every(int(update.interval) * _MINUTE)
        take_rate(self.schedule, update)
        if update.next_funding_ns:
            market.announced(update.ts_event, float(update.rate), int(update.next_funding_ns))
        self._on_stamps()

    def _on_index(self, update: IndexPriceUpdate) -> None:
        self._index[self._names[update.instrument_id]] = update.value.as_double()

    def _on_mark(self, update: MarkPriceUpdate) -> None:
        name = self._names[update.instrument_id]
        index = self._index.get(name, 0.0)
        if index > 0.0:
            self._scaler.markets[name].premium(update.ts_init, update.value.as_double() / index - 1.0)

    def _on_quote(self, quote: QuoteTick) -> None:
        name, ts = self._names[quote.instrument_id], quote.ts_init
        if 0 <= ts - self._looked.get(name, -_MINUTE) < _MINUTE:
            return
        self._looked[name] = ts
        bid, ask = touch_of(quote)
        mid = 0.5 * (bid + ask)
        instrument = self._cache.instrument(quote.instrument_id)
        if instrument is None or not mid > 0.0:
            return
        unit = self._valuer.unit(instrument, ts, mid)
        if not self._look_at_book(name, quote.instrument_id, mid, unit, ts):
            size = min(quote.bid_size.as_double(), quote.ask_size.as_double())
            self._scaler.markets[name].curve.observe(size * unit, 0.5 * (ask - bid) / mid, _LOOK)

    def _look_at_book(self, name: str, instrument_id: InstrumentId, mid: float, unit: float, ts: int) -> int:
        """Learn from the book that somebody in the node has subscribed, if there is a fresh one."""
        book = self._cache.order_book(instrument_id)
        if book is None or abs(ts - book.ts_last) > _FRESH:
            return 0
        curve, worth = self._scaler.markets[name].curve, unit / mid
        sides = (
            [(level.price.as_double(), level.size() * worth) for level in levels[:_LEVELS]]
            for levels in (book.bids(), book.asks())
        )
        return sum(curve.observe_book(mid, levels, 0.5 * _LOOK) for levels in sides)

    # -- own fills -----------------------------------------------------------------------------------

    def _on_order(self, event: OrderEvent) -> None:
        name = self._names.get(event.instrument_id)
        if name is None:
            return
        if isinstance(event, OrderSubmitted):
            self._note_arrival(name, event)
        elif event.client_order_id.value in self._arrivals:
            order = self._cache.order(event.client_order_id)
            if order is not None and order.is_closed:
                self._learn(name, order, event.ts_event)

    def _note_arrival(self, name: str, event: OrderSubmitted) -> None:
        price = self._valuer.price(name, event.ts_event)
        if not price.problem and price.value > 0.0:
            self._arrivals[event.client_order_id.value] = price.value
            if len(self._arrivals) > _ORDERS:
                del self._arrivals[next(iter(self._arrivals))]

    def _learn(self, name: str, order: Order, now: int) -> None:
        """Take what a whole order cost: part by part, each would look as dear as the deepest level."""
        arrival = self._arrivals.pop(order.client_order_id.value)
        filled = float(order.filled_qty)
        if not filled or not order.avg_px:
            return
        notional = filled * self._valuer.unit(self._cache.instrument(order.instrument_id), now, arrival)
        worse = float(order.avg_px) / arrival - 1.0
        cost = worse if order.side == OrderSide.BUY else -worse
        self._scaler.markets[name].curve.observe(notional, cost)
