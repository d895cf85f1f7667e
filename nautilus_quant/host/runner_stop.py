"""Bring a live node to rest before it is stopped: no new risk, no working orders, flat if wanted."""

from __future__ import annotations

import asyncio
from types import MethodType
from typing import TYPE_CHECKING

from nautilus_quant.gating.intent import Verdict
from nautilus_quant.host.exits_rest import NodeStopping, closes_everything
from nautilus_quant.host.gateway import OrderGateway
from nautilus_quant.host.liquidator import TAG, Liquidator, send_cancel
from nautilus_quant.host.messages import SafetyStatus, latest, publish
from nautilus_quant.host.runner_keep import KeptExits

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from nautilus_trader.common.messages import ShutdownSystem
    from nautilus_trader.model.orders import Order
    from nautilus_trader.system.kernel import NautilusKernel

    from nautilus_quant.gating.intent import Intent

_SHUTDOWN_TOPIC = "commands.system.shutdown"
_STEP = 0.2
_RETRY = 2.0


class ShutdownGate:
    """
    Denies all new risk once the node is on its way down.

    A node stops its actors before its strategies, so without this gate a strategy could open a
    position while the other gates are gone.
    """

    name = "shutdown"

    def check(self, intent: Intent) -> Verdict:
        """Deny; what reduces is never asked about."""
        reason = f"the node is stopping, {intent.strategy} may not add risk"
        return Verdict.deny(self.name, "SHUTDOWN", reason)


class Shutdown:
    """
    What a node does between the wish to stop and the stop itself.

    Positions that stay keep their exits where a venue lives on without the node. Everything else that works
    is cancelled, and nothing is sent in its place.

    Parameters
    ----------
    kernel
        The node.
    flatten
        Close open positions, by reduce-only orders at market; their exits go with them.
    lasting
        Venues that live on without the node.
    patience
        How long the venue gets to confirm [s]; typically 10 to 60. More delays the stop when a
        venue does not answer.

    """

    def __init__(
        self,
        kernel: NautilusKernel,
        *,
        flatten: bool,
        lasting: Collection[str] = (),
        patience: float = 30.0,
    ) -> None:
        self._kernel = kernel
        self._flatten = flatten
        self._kept = KeptExits(kernel, () if flatten else lasting)
        self._patience = patience
        self._liquidator = Liquidator(kernel)
        self._gate = ShutdownGate()
        self._gateway: OrderGateway | None = None

    def begin(self) -> None:
        """Close the gateway for new risk and cancel what works, at once."""
        if self._gateway is None:
            self._gateway = OrderGateway.join(self._kernel.msgbus, self._gate)
            self._kept.begin(self._gateway)
            publish(self._kernel.msgbus, NodeStopping(ts=self._kernel.clock.timestamp_ns()))
            self._cancel()

    async def run(self) -> str:
        """Begin, then wait until the venue has confirmed; return what is left, or an empty text."""
        self.begin()
        self._close()
        loop = asyncio.get_running_loop()
        deadline, again = loop.time() + self._patience, loop.time() + _RETRY
        while (left := self._left()) and loop.time() < deadline:
            if loop.time() >= again and not self._kill_switch_works():
                self._cancel()
                self._close()
                again = loop.time() + _RETRY
            await asyncio.sleep(_STEP)
        return f"stopped with {left}, not confirmed within {self._patience:g} s" if left else ""

    def end(self) -> None:
        """Leave the gateway; when no strategy runs any more it goes as well."""
        if self._gateway is not None:
            self._kept.end()
            self._gateway.leave(self._gate)

    def bare(self) -> list[str]:
        """Return in words the positions that stay without the exits they should have, or had."""
        return self._kept.bare()

    def resting(self) -> list[str]:
        """Return in words the exits that stay at their venues."""
        return self._kept.resting()

    def _kill_switch_works(self) -> bool:
        """Tell whether the safety engine is closing everything already: it must not be done twice."""
        return closes_everything(latest(self._kernel.msgbus, SafetyStatus, "safety"))

    def _working(self) -> list[Order]:
        """Return every order which could still trade, but for the exits that stay."""
        return [order for order in self._liquidator.working() if not self._kept.keeps(order)]

    def _cancel(self) -> None:
        for order in self._working():
            if TAG not in (order.tags or ()) and not self._kept.spares(order):
                send_cancel(self._kernel, order)

    def _close(self) -> None:
        if not self._flatten or self._kill_switch_works():
            return
        under_way = self._liquidator.working_closes()
        for name, size in self._liquidator.exposed().items():
            missing = abs(size) - under_way.get(name, 0)
            if missing > 0:
                self._liquidator.close(name, missing)

    def _left(self) -> str:
        """Say what still has to go, in words; empty when nothing has."""
        orders = len(self._working())
        closing = self._flatten or self._kill_switch_works()
        exposed = self._liquidator.exposed() if closing else {}
        positions = [p for p in self._liquidator.positions() if p.id.value in exposed]
        parts = [f"{orders} working orders"] if orders else []
        parts += [f"{p.signed_qty:g} {p.instrument_id} of {p.strategy_id} open" for p in positions]
        return ", ".join(parts)


def take_over_shutdown(kernel: NautilusKernel, handler: Callable[[ShutdownSystem], None]) -> None:
    """
    Call `handler` when a component wants the system down, in place of the kernel.

    The kernel would stop at once, with orders working and positions as they are. The method put in
    its place is bound to the kernel all the same, since that is how the kernel is found on the bus.
    """
    msgbus = kernel.msgbus
    for subscription in list(msgbus.subscriptions(_SHUTDOWN_TOPIC)):
        if getattr(subscription.handler, "__self__", None) is kernel:
            msgbus.unsubscribe(_SHUTDOWN_TOPIC, subscription.handler)

    def on_shutdown(owner: NautilusKernel, command: ShutdownSystem) -> None:
        if command.trader_id == owner.trader_id:
            handler(command)

    msgbus.subscribe(_SHUTDOWN_TOPIC, MethodType(on_shutdown, kernel))
