"""What the kill switch gets to see: the node's orders and positions, checked against the venues."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import GenerateOrderStatusReports, GeneratePositionStatusReports
from nautilus_trader.live.execution_client import LiveExecutionClient

from nautilus_quant.host.liquidator import TAG, Liquidator
from nautilus_quant.host.routing import client_of, clients
from nautilus_quant.safety.slicing import max_slice
from nautilus_quant.safety.venue import VenueView

if TYPE_CHECKING:
    from nautilus_trader.execution.reports import OrderStatusReport, PositionStatusReport
    from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId
    from nautilus_trader.model.orders import Order
    from nautilus_trader.model.position import Position
    from nautilus_trader.system.kernel import NautilusKernel

SETTLE = 3_000_000_000
"""An order of the last few seconds may be missing from a venue's list and yet be on its way [ns]."""


class VenueWatch:
    """
    Look at the node, and in a live node ask the venues whether it is true.

    An order which the node takes for open and no venue lists is a ghost: it neither holds up the
    flatten nor counts as closing anything.

    Parameters
    ----------
    kernel
        The node.
    liquidator
        Whose closing orders are on the way.
    max_impact_bps
        How far one closing order may walk a visible book [bps].

    """

    def __init__(self, kernel: NautilusKernel, liquidator: Liquidator, max_impact_bps: float) -> None:
        self._kernel = kernel
        self._liquidator = liquidator
        self._max_impact_bps = max_impact_bps
        self._asked: asyncio.Task[None] | None = None
        self._confirmed = False
        self._ghosts: set[ClientOrderId] = set()
        self._failed = ""

    @property
    def problem(self) -> str:
        """Why the venues could not be asked last time; empty when they could."""
        return self._failed

    def look(self) -> VenueView:
        """Return what is open now; in a live node an answer of the venues counts for one look."""
        positions = self._liquidator.positions()
        working = [o for o in self._liquidator.working() if o.client_order_id not in self._ghosts]
        orders = [o for o in working if TAG not in (o.tags or ())]
        confirmed = self._confirm(self._live_clients())
        return VenueView(
            open_orders=len(orders),
            positions={p.id.value: p.signed_decimal_qty() for p in positions},
            confirmed=confirmed,
            connected=all(self._reachable(p.instrument_id) for p in (*positions, *orders)),
            working_closes=self._liquidator.working_closes(self._ghosts),
            max_slice={p.id.value: self._slice(p) for p in positions},
        )

    def _live_clients(self) -> list[LiveExecutionClient]:
        found = clients(self._kernel.exec_engine)
        return [c for c in found if isinstance(c, LiveExecutionClient)]

    def _reachable(self, instrument_id: InstrumentId) -> bool:
        client = client_of(self._kernel.exec_engine, instrument_id.venue)
        if client is None:
            return False
        return bool(client.is_connected) if isinstance(client, LiveExecutionClient) else True

    def _slice(self, position: Position) -> Decimal:
        """Return the most one order may close, from the visible depth on the other side."""
        book = self._kernel.cache.order_book(position.instrument_id)
        size: Decimal = abs(position.signed_decimal_qty())
        if book is None:
            return size
        levels = book.bids() if position.is_long else book.asks()
        visible = [(float(level.price), float(level.size())) for level in levels[:10]]
        instrument = self._kernel.cache.instrument(position.instrument_id)
        least = instrument.min_quantity
        return max_slice(
            size,
            visible,
            lot=instrument.size_increment.as_decimal(),
            smallest=None if least is None else least.as_decimal(),
            max_impact_bps=self._max_impact_bps,
        )

    # -- asking the venues -------------------------------------------------------------------------

    def _confirm(self, live: list[LiveExecutionClient]) -> bool:
        if not live:
            return True  # a simulated exchange fills into the cache directly: the cache is the venue
        if self._asked is None or self._asked.done():
            answer, self._confirmed = self._confirmed, False
            self._asked = self._kernel.loop.create_task(self._ask(live))
            return answer
        return False

    async def _ask(self, live: list[LiveExecutionClient]) -> None:
        asked = self._kernel.clock.timestamp_ns()
        try:
            reports = [r for client in live for r in await self._positions_at(client)]
            known = {o.client_order_id for client in live for o in await self._orders_at(client)}
        except Exception as error:  # noqa: BLE001 (whatever a venue's client raises: not confirmed)
            self._failed = repr(error)
            return
        self._failed = ""
        self._ghosts = {o.client_order_id for o in self._settled_orders(asked)} - known
        unknown = [r for r in reports if r.signed_decimal_qty != 0 and not self._is_known(r)]
        for report in unknown:
            self._kernel.exec_engine.reconcile_execution_report(report)
        self._confirmed = not any(r.signed_decimal_qty != 0 for r in reports)

    async def _positions_at(self, client: LiveExecutionClient) -> list[PositionStatusReport]:
        now = self._kernel.clock.timestamp_ns()
        command = GeneratePositionStatusReports(
            instrument_id=None, start=None, end=None, command_id=UUID4(), ts_init=now
        )
        return await client.generate_position_status_reports(command)

    async def _orders_at(self, client: LiveExecutionClient) -> list[OrderStatusReport]:
        command = GenerateOrderStatusReports(
            instrument_id=None,
            start=None,
            end=None,
            open_only=True,
            command_id=UUID4(),
            ts_init=self._kernel.clock.timestamp_ns(),
        )
        return await client.generate_order_status_reports(command)

    def _settled_orders(self, asked: int) -> list[Order]:
        """Return orders which the node takes for open since well before the venues were asked."""
        return [
            order
            for order in self._kernel.cache.orders_open()
            if order.is_open and order.ts_last < asked - SETTLE
        ]

    def _is_known(self, report: PositionStatusReport) -> bool:
        return bool(self._kernel.cache.positions_open(instrument_id=report.instrument_id))
