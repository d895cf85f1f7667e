"""What the kill switch gets to see: the node's orders and positions, checked against the venues."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_trader.live.execution_client import LiveExecutionClient

from nautilus_quant.host.liquidator import TAG, Liquidator
from nautilus_quant.host.routing import client_for
from nautilus_quant.host.venue_truth import VenueTruth
from nautilus_quant.safety.slicing import max_slice
from nautilus_quant.safety.venue import VenueView

if TYPE_CHECKING:
    from nautilus_trader.model.orders import Order
    from nautilus_trader.model.position import Position
    from nautilus_trader.system.kernel import NautilusKernel


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
        self._truth = VenueTruth(kernel, liquidator)

    @property
    def problem(self) -> str:
        """Why the venues could not be asked last time; empty when they could."""
        return self._truth.problem

    def look(self, *, resting: bool = False) -> VenueView:
        """
        Return what is open now; in a live node an answer of the venues counts for one look.

        Parameters
        ----------
        resting
            Nothing is expected to change, so the venues need not be asked often.

        """
        confirmed = self._truth.confirmed(resting=resting)
        ghosts = self._truth.ghosts
        held = self._liquidator.exposed()
        positions = [p for p in self._liquidator.positions() if p.id.value in held]
        working = [o for o in self._liquidator.working() if o.client_order_id not in ghosts]
        orders = [o for o in working if TAG not in (o.tags or ())]
        reachable = [self._reachable(item) for item in (*positions, *orders)]
        return VenueView(
            open_orders=len(orders),
            positions=held,
            confirmed=confirmed,
            connected=any(reachable) or not reachable,
            working_closes=self._liquidator.working_closes(ghosts),
            max_slice={p.id.value: self._slice(p, abs(held[p.id.value])) for p in positions},
            unreachable=frozenset(p.id.value for p in positions if not self._reachable(p)),
        )

    def _reachable(self, item: Position | Order) -> bool:
        client = client_for(self._kernel.exec_engine, item)
        if client is None:
            return False
        return bool(client.is_connected) if isinstance(client, LiveExecutionClient) else True

    def _slice(self, position: Position, size: Decimal) -> Decimal:
        """Return the most one order may close: what the book bears, and what an order may be."""
        instrument = self._kernel.cache.instrument(position.instrument_id)
        if instrument is None:
            return size
        if instrument.max_quantity is not None:
            size = min(size, instrument.max_quantity.as_decimal())
        book = self._kernel.cache.order_book(position.instrument_id)
        if book is None:
            return size
        levels = book.bids() if position.is_long else book.asks()
        visible = [(float(level.price), float(level.size())) for level in levels[:10]]
        least = instrument.min_quantity
        return max_slice(
            size,
            visible,
            lot=instrument.size_increment.as_decimal(),
            smallest=None if least is None else least.as_decimal(),
            max_impact_bps=self._max_impact_bps,
        )
