"""Hedge orders: made and sent under a strategy id of their own."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zlib import crc32

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.enums import OmsType, OrderSide, TimeInForce
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId, StrategyId
from nautilus_trader.model.orders import LimitOrder, MarketOrder

from nautilus_quant.gating.intent import Side
from nautilus_quant.host.liquidator import send_cancel
from nautilus_quant.host.new_orders import COUNTS, order_name, send_new
from nautilus_quant.host.routing import oms_of
from nautilus_quant.options.hedging_market import Style

if TYPE_CHECKING:
    from nautilus_trader.model.orders import Order
    from nautilus_trader.model.position import Position
    from nautilus_trader.system.kernel import NautilusKernel

    from nautilus_quant.options.hedging import Plan

TAG = "HEDGE"
"""The first tag of every order."""


class HedgeOrders:
    """
    The hands of a hedging book.

    Parameters
    ----------
    kernel
        The node.
    owner
        Name of the book, the same after a restart.
    strategy_id
        Whose the hedges are.

    """

    def __init__(self, kernel: NautilusKernel, owner: str, strategy_id: StrategyId) -> None:
        self._kernel = kernel
        self._owner = owner
        self.strategy_id = strategy_id
        self._mark = f"NH{crc32(owner.encode()):08X}"
        self._count = 0

    def make(self, plan: Plan) -> tuple[Order, Position | None]:
        """
        Return an order for a plan, and the position it closes where the venue keeps several.

        There an order closes one position at most, and may be smaller than planned.
        """
        instrument = self._kernel.cache.instrument(InstrumentId.from_str(plan.instrument))
        closes = self._opposite(instrument.id, plan.side)
        quantity = plan.quantity
        if closes is not None:
            quantity = min(quantity, Decimal(closes.quantity.as_decimal()))
        now = self._kernel.clock.timestamp_ns()
        self._count = (self._count + 1) % COUNTS
        common: dict[str, Any] = {
            "trader_id": self._kernel.trader_id,
            "strategy_id": self.strategy_id,
            "instrument_id": instrument.id,
            "client_order_id": order_name(self._mark, now, self._count),
            "order_side": OrderSide.BUY if plan.side is Side.BUY else OrderSide.SELL,
            "quantity": instrument.make_qty(quantity),
            "init_id": UUID4(),
            "ts_init": now,
            "tags": [TAG, f"{TAG}:{self._owner}", str(plan.mode)],
        }
        if plan.style is Style.MARKET or plan.price is None:
            return MarketOrder(**common), closes
        rests = plan.style is Style.REST
        force = TimeInForce.GTC if rests else TimeInForce.IOC
        price = instrument.make_price(plan.price)
        return LimitOrder(**common, price=price, time_in_force=force, post_only=rests), closes

    def submit(self, order: Order, closes: Position | None) -> None:
        """Send an order, through the gateway as anybody's."""
        send_new(self._kernel, order, None if closes is None else closes.id)

    def order(self, name: str) -> Order | None:
        """Return an order by its id."""
        return self._kernel.cache.order(ClientOrderId(name))

    def cancel(self, name: str) -> bool:
        """Ask an order back; tell whether there is one that could be."""
        order = self.order(name)
        if order is None or order.is_closed or order.is_pending_cancel:
            return False
        send_cancel(self._kernel, order)
        return True

    def _opposite(self, instrument_id: InstrumentId, side: Side) -> Position | None:
        """Return the largest own position that an order would close, where a venue keeps several."""
        oms = oms_of(self._kernel.exec_engine, self.strategy_id, instrument_id.venue)
        if oms != OmsType.HEDGING:
            return None
        held = self._kernel.cache.positions_open(instrument_id=instrument_id, strategy_id=self.strategy_id)
        against = [position for position in held if position.signed_qty * side < 0.0]
        return max(against, key=lambda position: abs(position.signed_qty), default=None)
