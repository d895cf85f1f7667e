"""The health of every venue a node trades at, heard once and shared by all who ask: `HealthBook.on`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from nautilus_trader.live.data_client import LiveDataClient
from nautilus_trader.live.execution_client import LiveExecutionClient
from nautilus_trader.model.enums import MarketStatusAction, market_status_action_to_str
from nautilus_trader.model.events import (
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderSubmitted,
)

from nautilus_quant.carry.venue_health import Health, HealthState, VenueHealth, VenueHealthParams
from nautilus_quant.host.board import share_on_bus
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.messages import Message, publish
from nautilus_quant.host.routing import clients
from nautilus_quant.host.subscribing import data_clients, serves

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.model.data import InstrumentStatus
    from nautilus_trader.model.events import OrderEvent
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.system.kernel import NautilusKernel

_PLACE = "nautilus_quant.venue_health"
_EARLY = 17
"""Before strategies hear of a price, and before what asks for the health of its venue."""
_SAYS_NOTHING = (MarketStatusAction.NONE, MarketStatusAction.SHORT_SELL_RESTRICTION_CHANGE)
"""Actions that do not tell whether an instrument trades."""


@dataclass(frozen=True, kw_only=True)
class VenueHealthUpdate(Message):
    """
    A venue does better or worse (key: its name, e.g. ``"BINANCE"``).

    Parameters
    ----------
    health, previous
        ``UP``, ``DEGRADED`` or ``DOWN``.
    reasons
        In words; empty when it is UP.
    latency
        Time within which 95 % of its last orders were answered [s]; NaN before the first.

    """

    health: str
    previous: str
    reasons: tuple[str, ...] = ()
    latency: float


class HealthBook:
    """
    Hears prices, status messages, and the orders of everybody, and asks clients whether they are connected.

    Parameters
    ----------
    kernel
        The node.

    """

    def __init__(self, kernel: NautilusKernel) -> None:
        self._kernel = kernel
        self._msgbus: MessageBus = kernel.msgbus
        self._params = VenueHealthParams()
        self._venues: dict[str, VenueHealth] = {}
        self._told: dict[str, Health] = {}
        self._names: dict[InstrumentId, tuple[VenueHealth, str]] = {}
        self._answers: dict[type, Any] = {
            OrderSubmitted: self._on_sent,
            OrderAccepted: self._on_accepted,
            OrderFilled: self._on_accepted,
            OrderRejected: self._on_rejected,
            OrderCanceled: self._on_accepted,
            OrderExpired: self._on_accepted,
        }
        for topic, handler in (
            ("data.quotes.*", self._on_data),
            ("data.book.depth.*", self._on_data),
            ("data.book.deltas.*", self._on_data),
            ("data.status.*", self._on_status),
            ("events.order.*", self._on_order),
        ):
            kernel.msgbus.subscribe(topic, handler, priority=_EARLY)

    @classmethod
    def on(cls, msgbus: MessageBus) -> HealthBook:
        """Return the one of this bus, making it the first time; from then on it hears."""
        return share_on_bus(msgbus, _PLACE, cls, lambda: cls(find_kernel(msgbus)))

    def on_ping(self, _message: object) -> None:
        """Make the book findable; nothing is published there."""

    @property
    def params(self) -> VenueHealthParams:
        """When a venue is not well, as was set last."""
        return self._params

    def configure(self, params: VenueHealthParams) -> Self:
        """Judge by other parameters from now on, all that was heard as well."""
        self._params = params
        for known in self._venues.values():
            known.params = params
        return self

    def reset(self) -> None:
        """Forget everything heard."""
        self._venues.clear()
        self._told.clear()
        self._names.clear()

    # -- what is asked -----------------------------------------------------------------------------

    def state(self, venue: str, ts: int, instrument: str = "") -> HealthState:
        """
        Return how a venue does at `ts`, UNIX time [ns].

        Parameters
        ----------
        venue
            Its name, e.g. ``"BINANCE"``.
        ts
            Now.
        instrument
            Id of one of its instruments: what is wrong with that alone counts, too.

        """
        known = self.of(venue)
        known.on_connection(connected=self._is_connected(venue))
        return known.state(ts, instrument)

    def latency(self, venue: str, share: float = 0.95) -> float:
        """Return the time within which a share of its last orders was answered [s]; NaN before the first."""
        return self.of(venue).latency(share)

    def of(self, venue: str) -> VenueHealth:
        """Return what is known of a venue, e.g. to `plan` a maintenance."""
        known = self._venues.get(venue)
        if known is None:
            known = self._venues[venue] = VenueHealth(venue, self._params)
        return known

    def check(self, ts: int) -> Mapping[str, HealthState]:
        """Return how all venues do that were heard of or asked about, and publish what changed."""
        found = {venue: self.state(venue, ts) for venue in self._venues}
        for venue, (health, reasons) in found.items():
            previous = self._told.get(venue)
            if previous is health:
                continue
            self._told[venue] = health
            update = VenueHealthUpdate(
                key=venue,
                ts=ts,
                health=health.name,
                previous=previous.name if previous is not None else "",
                reasons=reasons,
                latency=self.latency(venue),
            )
            publish(self._msgbus, update)
        return found

    def _is_connected(self, venue: str) -> bool:
        """Tell whether the clients of a venue are connected; simulated ones always are."""
        for client in clients(self._kernel.exec_engine):
            if isinstance(client, LiveExecutionClient) and serves(client, venue) and not client.is_connected:
                return False
        for client in data_clients(self._kernel):
            if isinstance(client, LiveDataClient) and serves(client, venue) and not client.is_connected:
                return False
        return True

    # -- what is heard -----------------------------------------------------------------------------

    def _place(self, instrument_id: InstrumentId) -> tuple[VenueHealth, str]:
        place = self._names.get(instrument_id)
        if place is None:
            place = self._names[instrument_id] = (self.of(instrument_id.venue.value), instrument_id.value)
        return place

    def _on_data(self, data: Any) -> None:
        venue, name = self._place(data.instrument_id)
        venue.on_data(name, data.ts_init, data.ts_event)

    def _on_status(self, status: InstrumentStatus) -> None:
        if not says_something(status):
            return
        trades = status.is_trading
        if trades is None:
            trades = status.action == MarketStatusAction.TRADING
        venue, name = self._place(status.instrument_id)
        reason = status.reason or market_status_action_to_str(status.action)
        venue.on_status(name, "" if trades else reason)

    def _on_order(self, event: OrderEvent) -> None:
        handler = self._answers.get(type(event))
        if handler is not None:
            handler(event)

    def _on_sent(self, event: OrderSubmitted) -> None:
        self._place(event.instrument_id)[0].on_sent(event.client_order_id.value, event.ts_init)

    def _on_accepted(self, event: OrderEvent) -> None:
        venue, name = self._place(event.instrument_id)[0], event.client_order_id.value
        if event.reconciliation:
            venue.on_gone(name)  # what it was only asked about afterwards is no answer
        else:
            venue.on_answer(name, event.ts_init, accepted=True)

    def _on_rejected(self, event: OrderRejected) -> None:
        venue, name = self._place(event.instrument_id)[0], event.client_order_id.value
        # An order that would have taken and may only rest is turned away by design.
        if event.reconciliation or event.due_post_only:
            venue.on_gone(name)
        else:
            venue.on_answer(name, event.ts_init, accepted=False)


def says_something(status: InstrumentStatus) -> bool:
    """Tell whether a status says if its instrument trades."""
    return status.action not in _SAYS_NOTHING or status.is_trading is not None
