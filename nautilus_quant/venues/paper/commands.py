"""What becomes of a paper venue's orders on their way to the matching engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nautilus_trader.adapters.sandbox.execution import SandboxExecutionClient
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId, StrategyId
from nautilus_trader.model.orders import Order

from nautilus_quant.venues.paper.expiry import Expiry
from nautilus_quant.venues.paper.faults import FaultPlan
from nautilus_quant.venues.paper.funding import PaperFunding
from nautilus_quant.venues.paper.remainder import Remainders
from nautilus_quant.venues.paper.uplink import Uplink
from nautilus_quant.venues.settlement import is_option, outliving

if TYPE_CHECKING:
    _Base = SandboxExecutionClient
else:
    _Base = object

UNREACHABLE = "venue unreachable"


class Commands(_Base):
    """The half of a paper venue's client that takes commands: each is looked at when it arrives."""

    _expiry: Expiry
    _faults: FaultPlan
    _funding: PaperFunding
    _remainders: Remainders
    _uplink: Uplink

    def submit_order(self, command: Any) -> None:
        """Submit an order, or reject it when a drill or a missing market says so."""
        self._send_off([command.order])
        self._uplink.send(lambda: self._take(command, [command.order], self._client.submit_order))

    def submit_order_list(self, command: Any) -> None:
        """Submit all orders of a list, or reject all."""
        orders = command.order_list.orders
        self._send_off(orders)
        self._uplink.send(lambda: self._take(command, orders, self._client.submit_order_list))

    def modify_order(self, command: Any) -> None:
        """Modify a working order."""
        self._uplink.send(lambda: self._take_modify(command))

    def cancel_order(self, command: Any) -> None:
        """Cancel a working order."""
        self._uplink.send(lambda: self._take_cancel(command))

    def cancel_all_orders(self, command: Any) -> None:
        """Cancel all working orders of an instrument."""
        self._uplink.send(lambda: self._take_cancel_all(command))

    def batch_cancel_orders(self, command: Any) -> None:
        """Cancel several working orders."""
        for cancel in command.cancels:
            self.cancel_order(cancel)

    # -- commands that have arrived ----------------------------------------------------------------

    def _take_modify(self, command: Any) -> None:
        if self._reachable(self.generate_order_modify_rejected, command):
            self._client.modify_order(command)

    def _take_cancel(self, command: Any) -> None:
        if self._reachable(self.generate_order_cancel_rejected, command):
            self._client.cancel_order(command)

    def _take_cancel_all(self, command: Any) -> None:
        if self._tick():
            self._log.error(f"Cannot cancel all orders of {command.instrument_id}: {UNREACHABLE}")
        elif self._listed(command.instrument_id):
            self._client.cancel_all_orders(command)

    def _send_off(self, orders: list[Order]) -> None:
        """Tell that orders are under way; those that arrive at once are told of as they do."""
        for order in () if self._uplink.is_instant else orders:
            self.generate_order_submitted(*_key(order), self._clock.timestamp_ns())

    def _take(self, command: Any, orders: list[Order], submit: Callable[[Any], None]) -> None:
        refusal = self._refusal(orders[0].instrument_id)
        if refusal:
            for order in orders:
                self._refuse(order, refusal)
            return
        self._funding.watch(orders[0].instrument_id)
        (submit if self._uplink.is_instant else self.exchange.send)(command)
        self._remainders.complete()

    def _refusal(self, instrument_id: InstrumentId) -> str:
        if self._tick():
            return UNREACHABLE
        if not self._listed(instrument_id):
            return f"{instrument_id} is not listed at {self.venue}"
        if self._expiry.is_over(instrument_id, self._clock.timestamp_ns()):
            return f"{instrument_id} has expired"
        return "drill" if self._faults.rejects(self._clock.timestamp_ns()) else ""

    def _refuse(self, order: Order, reason: str) -> None:
        now = self._clock.timestamp_ns()
        if self._uplink.is_instant:
            self.generate_order_submitted(*_key(order), now)
        self.generate_order_rejected(*_key(order), reason, now)

    def _reachable(self, reject: Any, command: Any) -> bool:
        down = self._tick()
        if down:
            reject(
                command.strategy_id,
                command.instrument_id,
                command.client_order_id,
                command.venue_order_id,
                UNREACHABLE,
                self._clock.timestamp_ns(),
            )
        return not down

    def _tick(self) -> bool:
        """Set the venue's clock to now, and return whether it is unreachable."""
        now = self._clock.timestamp_ns()
        self.test_clock.set_time(max(now, self.test_clock.timestamp_ns()))
        return self._faults.down(now)

    def _listed(self, instrument_id: InstrumentId) -> bool:
        if instrument_id in self.exchange.instruments:
            return True
        instrument = self._cache.instrument(instrument_id)
        if instrument is not None:
            self.exchange.add_instrument(outliving(instrument) if is_option(instrument) else instrument)
        return instrument is not None


def _key(order: Order) -> tuple[StrategyId, InstrumentId, ClientOrderId]:
    return order.strategy_id, order.instrument_id, order.client_order_id
