"""Plug-ins for drills: a strategy that is fully invested, a safety engine that dies when told to."""

from __future__ import annotations

import os
import signal
from decimal import Decimal
from pathlib import Path

from nautilus_trader.config import StrategyConfig
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.trading.strategy import Strategy

from nautilus_quant.actors import SafetyEngine, SafetyEngineConfig


class AllInConfig(StrategyConfig, kw_only=True, frozen=True):
    instrument: InstrumentId
    quantity: str


class AllIn(Strategy):
    """Buys at the first quote and leaves a bid in the book; wants more at every further quote."""

    def __init__(self, config: AllInConfig) -> None:
        super().__init__(config)
        self.bought = False

    def on_start(self) -> None:
        self.subscribe_quote_ticks(self.config.instrument)

    def on_order_rejected(self, event) -> None:
        if not self.cache.positions_open(strategy_id=self.id):
            self.bought = False

    def on_quote_tick(self, tick: QuoteTick) -> None:
        if not self.bought:
            self.bought = True
            instrument = self.cache.instrument(self.config.instrument)
            quantity = instrument.make_qty(Decimal(self.config.quantity))
            self.submit_order(self.order_factory.market(instrument.id, OrderSide.BUY, quantity))
            bid = instrument.make_price(float(tick.bid_price) * 0.5)
            self.submit_order(self.order_factory.limit(instrument.id, OrderSide.BUY, quantity, bid))


class DyingSafetyEngineConfig(SafetyEngineConfig, kw_only=True, frozen=True):
    die_in: str = ""
    die_after_closes: int = 0
    mark: str = ""


class DyingSafetyEngine(SafetyEngine):
    """Kills its own process, once, right after writing a given state, or after sending a closing order."""

    def _latch(self) -> None:
        super()._latch()
        if str(self._guard.kill.state) == self.config.die_in:
            self._die()

    def _carry_out(self, action) -> None:
        super()._carry_out(action)
        if type(action).__name__ == "Close" and self.config.die_after_closes:
            self._die()

    def _die(self) -> None:
        mark = Path(self.config.mark)
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
