"""What orders on their way, or resting, may still make of the positions of a node."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from nautilus_trader.model.enums import ContingencyType, OrderSide
from nautilus_trader.model.events import OrderModifyRejected, OrderUpdated

from nautilus_quant.host.margin_orders import adds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nautilus_trader.cache.base import CacheFacade
    from nautilus_trader.model.events import OrderEvent
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.orders import Order

    from nautilus_quant.gating.intent import Intent

_EITHER = (ContingencyType.OCO, ContingencyType.OUO)


class Reach(NamedTuple):
    """
    How far orders may move a position, before anything is said of the position itself [contracts].

    Parameters
    ----------
    buys, sells
        Of orders that may open.
    closing_buys, closing_sells
        Of orders that their venue keeps from opening anything.

    """

    buys: float = 0.0
    sells: float = 0.0
    closing_buys: float = 0.0
    closing_sells: float = 0.0

    def ends(self, held: float) -> tuple[float, float]:
        """Return the least and the most that may be held, whichever orders fill."""
        low, high = held - self.sells, held + self.buys
        if low > 0.0:
            low = max(low - self.closing_sells, 0.0)
        if high < 0.0:
            high = min(high + self.closing_buys, 0.0)
        return low, high


class _Way:
    """An order, and the most that was let through of it while its venue has not answered a change."""

    __slots__ = ("asked", "most", "order")

    def __init__(self, order: Order) -> None:
        self.order = order
        self.most = 0.0
        self.asked = 0

    @property
    def leaves(self) -> float:
        """What may still fill; NaN where it is counted in money."""
        order = self.order
        if order.is_quote_quantity:
            return math.nan
        return max(float(order.leaves_qty), self.most - float(order.filled_qty))


class OrdersOnTheWay:
    """
    All orders of a node that may still fill, of instruments that matter.

    Parameters
    ----------
    cache
        Of the node.

    """

    def __init__(self, cache: CacheFacade) -> None:
        self._cache = cache
        self._ways: dict[str, _Way] = {}

    def __len__(self) -> int:
        return len(self._ways)

    def __iter__(self) -> Iterator[Order]:
        """Go through the orders that are not over."""
        for name, way in list(self._ways.items()):
            if way.order.is_closed:
                del self._ways[name]
            else:
                yield way.order

    def adopt(self, orders: Iterable[Order]) -> None:
        """Count orders that were there before anybody listened."""
        for order in orders:
            self._ways.setdefault(order.client_order_id.value, _Way(order))

    def approve(self, intent: Intent) -> None:
        """Count an order, or the change of one, that passed all gates just now."""
        if intent.source is None:
            return
        way = self._ways.get(intent.order)
        if way is None:
            way = self._ways[intent.order] = _Way(intent.source)
        if intent.command == "modify":
            order, asked = way.order, float(intent.quantity)
            before = float(order.leaves_qty) if adds(intent) else 0.0
            way.most = max(way.most, float(order.filled_qty) + before + asked)
            way.asked += 1

    def on_event(self, event: OrderEvent) -> None:
        """Follow an order."""
        name = event.client_order_id.value
        order = self._cache.order(event.client_order_id)
        if order is None or order.is_closed:
            self._ways.pop(name, None)
            return
        way = self._ways.get(name)
        if way is None:
            way = self._ways[name] = _Way(order)
        way.order = order
        if isinstance(event, (OrderUpdated, OrderModifyRejected)):
            way.asked -= 1
            if way.asked <= 0:
                way.asked, way.most = 0, 0.0

    def replaces(self, intent: Intent) -> bool:
        """Tell whether an intent is a whole order that is counted already, and not an addition to it."""
        return intent.order in self._ways and not adds(intent)

    def reaches(self, without: str = "") -> dict[InstrumentId, Reach]:
        """
        Return how far orders may move each instrument.

        Of orders that take each other's place the largest counts, and nothing of those that wait for another
        one to fill: they only take back what it will have built.

        Parameters
        ----------
        without
            Client order id of one that is left out.

        """
        largest: dict[tuple[InstrumentId, bool, bool, str], float] = {}
        for order in self:
            name = order.client_order_id.value
            if name == without or self._waits(order):
                continue
            is_buy = order.side == OrderSide.BUY
            link = name
            if order.contingency_type in _EITHER:
                link = min(name, *(other.value for other in order.linked_order_ids or ()))
            key = (order.instrument_id, is_buy, bool(order.is_reduce_only), link)
            leaves = self._ways[name].leaves
            known = largest.get(key, 0.0)
            largest[key] = leaves if math.isnan(leaves) else max(known, leaves)
        sums: dict[InstrumentId, list[float]] = {}
        for (instrument_id, is_buy, closes, _), leaves in largest.items():
            place = 2 * closes + (not is_buy)
            sums.setdefault(instrument_id, [0.0] * 4)[place] += leaves
        return {instrument_id: Reach(*found) for instrument_id, found in sums.items()}

    def _waits(self, order: Order) -> bool:
        parent = None if order.parent_order_id is None else self._cache.order(order.parent_order_id)
        return parent is not None and not parent.is_closed
