"""Actors and strategies that live in the option market, for nodes and backtests alike."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig, StrategyConfig
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import OptionKind, OrderSide
from nautilus_trader.model.instruments import CryptoOption
from nautilus_trader.trading.strategy import Strategy

S = 10**9


class ListenerConfig(ActorConfig, frozen=True, kw_only=True):
    """Which expiries to listen to: those between two times [ns]."""

    first: int
    last: int


class Listener(Actor):
    """Subscribes to everything of every option that expires within a span, and keeps all it hears."""

    def __init__(self, config: ListenerConfig) -> None:
        super().__init__(config)
        self.events: list[Any] = []
        self.heard_of: set[Any] = set()

    def on_start(self) -> None:
        for option in self.cache.instruments():
            if isinstance(option, CryptoOption):
                self.on_instrument(option)
        self.msgbus.subscribe("data.instrument.SIM.*", self.on_instrument)

    def on_instrument(self, option: Any) -> None:
        if isinstance(option, CryptoOption) and self.config.first <= option.expiration_ns <= self.config.last:
            if option.id in self.heard_of:
                return
            self.heard_of.add(option.id)
            self.subscribe_instrument_close(option.id)
            self.subscribe_quote_ticks(option.id)
            self.subscribe_mark_prices(option.id)
            self.subscribe_option_greeks(option.id)

    def _keep(self, event: Any) -> None:
        self.events.append(event)

    on_quote_tick = on_mark_price = on_option_greeks = on_instrument_close = _keep


class OptionBuyerConfig(StrategyConfig, frozen=True, kw_only=True):
    """When the options to buy expire [ns], how they are settled, and how many to buy."""

    expiry: int
    currency: str = "USDT"
    size: str = "1"
    short: bool = False


class OptionBuyer(Strategy):
    """Buys (or sells) the call and the put nearest to the money of one expiry, once, and lets them expire."""

    def __init__(self, config: OptionBuyerConfig) -> None:
        super().__init__(config)
        self.chosen: list[CryptoOption] = []
        self.fills: list[Any] = []
        self.closes: list[Any] = []
        self.closed: list[Any] = []

    def on_start(self) -> None:
        options = [
            item
            for item in self.cache.instruments()
            if isinstance(item, CryptoOption)
            and item.expiration_ns == self.config.expiry
            and item.quote_currency.code == self.config.currency
            and str(item.underlying) == "BTC"
        ]
        strikes = sorted({float(item.strike_price) for item in options})
        middle = strikes[len(strikes) // 2]
        self.chosen = [item for item in options if float(item.strike_price) == middle]
        assert {item.option_kind for item in self.chosen} == {OptionKind.CALL, OptionKind.PUT}
        for item in self.chosen:
            self.subscribe_quote_ticks(item.id)
            self.subscribe_instrument_close(item.id)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        if self.cache.orders(instrument_id=tick.instrument_id):
            return
        item = self.cache.instrument(tick.instrument_id)
        side = OrderSide.SELL if self.config.short else OrderSide.BUY
        self.submit_order(self.order_factory.market(item.id, side, item.make_qty(Decimal(self.config.size))))
        far = item.make_price(float(tick.ask_price) * 1000.0)  # rests until the option expires
        self.submit_order(self.order_factory.limit(item.id, OrderSide.SELL, item.make_qty(1), far))

    def on_order_filled(self, event: Any) -> None:
        self.fills.append(event)

    def on_instrument_close(self, update: Any) -> None:
        self.closes.append(update)

    def on_position_closed(self, event: Any) -> None:
        self.closed.append(event)
