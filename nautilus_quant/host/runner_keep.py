"""What protects positions that stay open when a node stops: exits that stay at their venues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import BatchCancelOrders, CancelAllOrders, CancelOrder
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderCancelRejected

from nautilus_quant.host.exits_rest import closes_everything, is_protective, protected
from nautilus_quant.host.liquidator import send_cancel
from nautilus_quant.host.messages import SafetyStatus, latest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from nautilus_trader.execution.messages import TradingCommand
    from nautilus_trader.model.orders import Order
    from nautilus_trader.system.kernel import NautilusKernel

    from nautilus_quant.host.gateway import OrderGateway

_EXEC = "ExecEngine.execute"


class KeptExits:
    """
    Knows which exits stay, and does not let the node's own strategies cancel them on their way out.

    Strategies cancel all their orders when they stop, and exits are sent in their names. The suite's own
    hands and the kill switch still cancel what they want.

    Parameters
    ----------
    kernel
        The node.
    lasting
        Venues that live on without the node. Where the market is embedded, or fills are simulated here,
        orders end with the node.

    """

    def __init__(self, kernel: NautilusKernel, lasting: Collection[str]) -> None:
        self._kernel = kernel
        self._lasting = frozenset(lasting)
        self._next: Callable[[TradingCommand], None] | None = None
        self._before: dict[str, float] = {}

    def begin(self, gateway: OrderGateway) -> None:
        """Remember what is protected now, and stand before the gateway, which is there till `end`."""
        self._before = self._protected()
        if self._lasting:
            self._next = gateway.on_execution
            self._swap(self._next, self.on_command)

    def end(self) -> None:
        """Step aside."""
        if self._next is not None:
            self._swap(self.on_command, self._next)
            self._next = None

    def spares(self, order: Order) -> bool:
        """Tell whether an order is not to be cancelled; all are once the kill switch is at work."""
        there = order.is_open or order.is_inflight
        if not there or order.instrument_id.venue.value not in self._lasting or not is_protective(order):
            return False
        return not closes_everything(latest(self._kernel.msgbus, SafetyStatus, "safety"))

    def keeps(self, order: Order) -> bool:
        """Tell whether an order stays as it rests now, with nothing on its way that would change it."""
        changes = order.is_pending_cancel or order.is_pending_update
        return bool(order.is_open and not changes and self.spares(order))

    def resting(self) -> list[str]:
        """Return in words what stays at venues."""
        orders = [order for order in self._kernel.cache.orders_open() if self.keeps(order)]
        return [f"{order.info()} of {order.strategy_id}" for order in orders]

    def bare(self) -> list[str]:
        """
        Return in words the positions that stay without exits, and should or used to have some.

        Where nothing rests without the node anyway, only those count whose exits this stop has taken away.
        """
        found = []
        now = self._protected()
        for position in self._kernel.cache.positions_open():
            name, venue = position.id.value, position.instrument_id.venue.value
            lasts, held = venue in self._lasting, float(position.quantity)
            behind = now.get(name, 0.0)
            if behind < (held if lasts else min(held, self._before.get(name, 0.0))):
                why = "no stop rests for it" if lasts else f"orders at {venue} end with the node"
                found.append(
                    f"{position.signed_qty:g} {position.instrument_id} of {position.strategy_id} stays open, "
                    f"{held - behind:g} of it without exits: {why}"
                )
        return found

    def _protected(self) -> dict[str, float]:
        cache = self._kernel.cache
        return {p.id.value: float(protected(cache, p)) for p in cache.positions_open()}

    # -- cancels of strategies ---------------------------------------------------------------------

    def on_command(self, command: TradingCommand) -> None:
        """Pass on everything but cancels by which a strategy would leave its own position bare."""
        assert self._next is not None
        orders = self._cancelled_by(command)
        if not any(map(self._is_taken, orders)):
            self._next(command)
            return
        for order in orders:
            if self._is_taken(order):
                self._refuse(order)
            else:
                send_cancel(self._kernel, order)

    def _cancelled_by(self, command: TradingCommand) -> list[Order]:
        cache = self._kernel.cache
        if isinstance(command, CancelOrder):
            found = [cache.order(command.client_order_id)]
        elif isinstance(command, BatchCancelOrders):
            found = [cache.order(cancel.client_order_id) for cancel in command.cancels]
        elif isinstance(command, CancelAllOrders):
            of = {"instrument_id": command.instrument_id, "strategy_id": command.strategy_id}
            side = command.order_side
            found = [*cache.orders_open(**of), *cache.orders_inflight(**of)]
            found = [o for o in dict.fromkeys(found) if side in {OrderSide.NO_ORDER_SIDE, o.side}]
        else:
            return []
        return [order for order in found if order is not None and not order.is_closed]

    def _is_taken(self, order: Order) -> bool:
        """Tell a strategy's cancel of an exit: strategies mark orders before they send, nobody else does."""
        return bool(order.is_pending_cancel and self.spares(order))

    def _refuse(self, order: Order) -> None:
        now = self._kernel.clock.timestamp_ns()
        event = OrderCancelRejected(
            trader_id=order.trader_id,
            strategy_id=order.strategy_id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id,
            account_id=order.account_id,
            reason="the node is stopping and keeps its positions: their exits stay",
            event_id=UUID4(),
            ts_event=now,
            ts_init=now,
        )
        self._kernel.msgbus.send("ExecEngine.process", event)

    def _swap(self, old: Callable[[TradingCommand], None], new: Callable[[TradingCommand], None]) -> None:
        self._kernel.msgbus.deregister(_EXEC, old)
        self._kernel.msgbus.register(_EXEC, new)
