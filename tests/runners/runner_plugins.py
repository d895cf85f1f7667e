"""Strategies for the runners' tests, loaded by path as anybody's would be."""

import asyncio
from decimal import Decimal

from nautilus_trader.config import StrategyConfig
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.trading.strategy import Strategy


class HolderConfig(StrategyConfig, kw_only=True, frozen=True):
    instrument: InstrumentId


class Holder(Strategy):
    """Buys the least there is at once, and keeps a bid far below, putting it back when it is cancelled."""

    def on_start(self):
        self.bought = False
        self.subscribe_quote_ticks(self.config.instrument)

    def on_quote_tick(self, tick):
        if not self.bought:
            self.bought = True
            instrument = self.cache.instrument(tick.instrument_id)
            size = instrument.make_qty(Decimal("0.001"))
            self.submit_order(self.order_factory.market(tick.instrument_id, OrderSide.BUY, size))
            self.bid(float(tick.bid_price) * 0.8)

    def on_order_canceled(self, event):
        order = self.cache.order(event.client_order_id)
        if not order.is_reduce_only:  # exits are sent in its name
            self.bid(float(order.price))

    def bid(self, price):
        instrument = self.cache.instrument(self.config.instrument)
        size = instrument.make_qty(Decimal("0.001"))
        self.submit_order(
            self.order_factory.limit(instrument.id, OrderSide.BUY, size, instrument.make_price(price))
        )


class BreaksConfig(HolderConfig, kw_only=True, frozen=True):
    after: int = 3


class Breaks(Holder):
    """Holder with a bug: the third quote raises."""

    def on_quote_tick(self, tick):
        super().on_quote_tick(tick)
        self.seen = getattr(self, "seen", 0) + 1
        if self.seen > self.config.after:
            raise ZeroDivisionError("a bug in somebody's strategy")


class ForgetsConfig(HolderConfig, kw_only=True, frozen=True):
    pass


class Forgets(Holder):
    """Holder which leaves a callback in the loop that fails later, with nobody to hear it."""

    def on_order_filled(self, event):
        asyncio.get_running_loop().call_later(0.1, lambda: {}["forgotten"])


class LeavesConfig(HolderConfig, kw_only=True, frozen=True):
    pass


class Leaves(Holder):
    """Holder which asks for the end of the system once it has bought."""

    def on_order_filled(self, event):
        self.shutdown_system("target reached")


class StumblesConfig(HolderConfig, kw_only=True, frozen=True):
    pass


class Stumbles(Holder):
    """Holder which cannot start."""

    def on_start(self):
        raise LookupError("cannot start without my file")
