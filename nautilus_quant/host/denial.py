"""Tell a strategy that its order will not be sent, in the events it already understands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import SubmitOrder
from nautilus_trader.model.enums import OrderStatus
from nautilus_trader.model.events import OrderDenied, OrderModifyRejected

if TYPE_CHECKING:
    from nautilus_trader.execution.messages import SubmitOrderList
    from nautilus_trader.model.orders import Order
    from nautilus_trader.system.kernel import NautilusKernel

_DENIABLE = (OrderStatus.INITIALIZED, OrderStatus.RELEASED)


def deny_order(kernel: NautilusKernel, order: Order, reason: str) -> None:
    """Send ``OrderDenied`` for an order which has not left the node."""
    if order.status not in _DENIABLE:
        return
    if not kernel.cache.order_exists(order.client_order_id):
        kernel.cache.add_order(order)
    event = OrderDenied(
        trader_id=order.trader_id,
        strategy_id=order.strategy_id,
        instrument_id=order.instrument_id,
        client_order_id=order.client_order_id,
        reason=reason,
        event_id=UUID4(),
        ts_init=kernel.clock.timestamp_ns(),
    )
    kernel.msgbus.send("ExecEngine.process", event)


def deny_modify(kernel: NautilusKernel, order: Order, reason: str) -> None:
    """Send ``OrderModifyRejected``; the order stays as it was."""
    now = kernel.clock.timestamp_ns()
    event = OrderModifyRejected(
        trader_id=order.trader_id,
        strategy_id=order.strategy_id,
        instrument_id=order.instrument_id,
        client_order_id=order.client_order_id,
        venue_order_id=order.venue_order_id,
        account_id=order.account_id,
        reason=reason,
        event_id=UUID4(),
        ts_event=now,
        ts_init=now,
    )
    kernel.msgbus.send("ExecEngine.process", event)


def single(command: SubmitOrderList, order: Order) -> SubmitOrder:
    """Return the command that submits one order of a list by itself."""
    return SubmitOrder(
        trader_id=command.trader_id,
        strategy_id=command.strategy_id,
        order=order,
        command_id=UUID4(),
        ts_init=command.ts_init,
        position_id=command.position_id,
        client_id=command.client_id,
        params=command.params,
    )
