"""New orders of those who trade in a strategy's name without being it: what they are called, how they go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import SubmitOrder
from nautilus_trader.model.identifiers import ClientOrderId

if TYPE_CHECKING:
    from nautilus_trader.model.identifiers import PositionId
    from nautilus_trader.model.orders import Order
    from nautilus_trader.system.kernel import NautilusKernel

COUNTS = 46_656
"""How far orders are counted before it begins anew: three letters."""

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def order_name(mark: str, now: int, count: int) -> ClientOrderId:
    """
    Return the id of an order: letters and digits only, and at most 32 of them, as every venue takes it.

    Parameters
    ----------
    mark
        Whose it is and what for; at most 15 letters.
    now
        UNIX time [ns]; an id names the millisecond.
    count
        Tells orders of one millisecond apart, below `COUNTS`.

    """
    return ClientOrderId(f"{mark}T{_short(now // 1_000_000)}N{_short(count)}")


def send_new(kernel: NautilusKernel, order: Order, position_id: PositionId | None) -> None:
    """Make an order known and send it as its strategy would, through the gateway; name what it closes."""
    kernel.msgbus.publish(f"events.order.{order.strategy_id}", order.init_event)
    kernel.cache.add_order(order, position_id, None)
    command = SubmitOrder(
        trader_id=order.trader_id,
        strategy_id=order.strategy_id,
        order=order,
        command_id=UUID4(),
        ts_init=order.ts_init,
        position_id=position_id,
    )
    kernel.msgbus.send("RiskEngine.execute", command)


def _short(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
