"""Hear what the gates of a system say, from the first to join until after the last has left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_quant.gating.intent import ALLOW, DENY, SIZED_DOWN
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.monitoring.gates import CutCodes, GateLine

if TYPE_CHECKING:
    from nautilus_trader.common.component import MessageBus

    from nautilus_quant.host.gateway import OrderGateway

_LIFECYCLE = "events.system.*"


class GateWatch:
    """
    Counts what gates say, previews that were cut included: a strategy that may not trade sends no order.

    Parameters
    ----------
    msgbus
        Of the system.

    """

    def __init__(self, msgbus: MessageBus) -> None:
        self._msgbus = msgbus
        self._gateway: OrderGateway | None = None
        self._codes = CutCodes()
        # The gateway comes with the first gate and goes with the last: both are steps of some component.
        msgbus.subscribe(_LIFECYCLE, self._on_lifecycle)

    def lines(self) -> dict[str, GateLine]:
        """Return every gate that is or was in the chain, in the order asked."""
        gateway = self._look()
        if gateway is None:
            return {}
        return {
            gate: GateLine(
                allow=counts[ALLOW],
                sized_down=counts[SIZED_DOWN],
                deny=counts[DENY],
                codes=self._codes.of(gate),
            )
            for gate, counts in gateway.counts.items()
        }

    def _on_lifecycle(self, _event: object) -> None:
        self._look()

    def _look(self) -> OrderGateway | None:
        gateway = find_gateway(self._msgbus)
        if gateway is not None and gateway is not self._gateway:
            self._gateway = gateway
            gateway.listen(self._codes.add)
        return self._gateway
