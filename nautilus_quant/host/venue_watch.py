"""What the kill switch gets to see: the node's orders and positions, checked against the venues."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import GeneratePositionStatusReports
from nautilus_trader.live.execution_client import LiveExecutionClient

from nautilus_quant.host.liquidator import TAG, Liquidator
from nautilus_quant.safety.slicing import max_slice
from nautilus_quant.safety.venue import VenueView

if TYPE_CHECKING:
    from nautilus_trader.execution.client import ExecutionClient
    from nautilus_trader.execution.reports import PositionStatusReport
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.position import Position
    from nautilus_trader.system.kernel import NautilusKernel


class VenueWatch:
    """
    Look at the node, and in a live node ask the venues whether it is true.

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
        self._failed = ""

    @property
    def problem(self) -> str:
        """Why the venues could not be asked last time; empty when they could."""
        return self._failed

    def look(self) -> VenueView:
        """Return what is open now; in a live node an answer of the venues counts for one look."""
        positions = self._liquidator.positions()
        orders = [o for o in self._liquidator.working() if TAG not in (o.tags or ())]
        clients = self._clients()
        confirmed = self._confirm(clients)
        return VenueView(
            open_orders=len(orders),
            positions={p.id.value: p.signed_decimal_qty() for p in positions},
            confirmed=confirmed,
            connected=all(self._reachable(p.instrument_id) for p in (*positions, *orders)),
            working_closes=self._liquidator.working_closes(),
            max_slice={p.id.value: self._slice(p) for p in positions},
        )

    def _clients(self) -> list[LiveExecutionClient]:
        clients: list[ExecutionClient] = list(self._kernel.exec_engine._clients.values())
        return [c for c in clients if isinstance(c, LiveExecutionClient)]

    def _reachable(self, instrument_id: InstrumentId) -> bool:
        engine = self._kernel.exec_engine
        client = engine._routing_map.get(instrument_id.venue, engine._default_client)
        if client is None:
            return False
        return bool(client.is_connected) if isinstance(client, LiveExecutionClient) else True

    def _slice(self, position: Position) -> Decimal:
        """Return the most one order may close, from the visible depth on the other side."""
        book = self._kernel.cache.order_book(position.instrument_id)
        size = abs(position.signed_decimal_qty())
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

    def _confirm(self, clients: list[LiveExecutionClient]) -> bool:
        if not clients:
            return True  # a simulated exchange fills into the cache directly: the cache is the venue
        if self._asked is None or self._asked.done():
            answer, self._confirmed = self._confirmed, False
            self._asked = self._kernel.loop.create_task(self._ask(clients))
            return answer
        return False

    async def _ask(self, clients: list[LiveExecutionClient]) -> None:
        try:
            reports = [r for client in clients for r in await self._positions_at(client)]
        except Exception as error:  # whatever a venue's client raises: not confirmed
            self._failed = repr(error)
            return
        self._failed = ""
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

    def _is_known(self, report: PositionStatusReport) -> bool:
        return bool(self._kernel.cache.positions_open(instrument_id=report.instrument_id))
