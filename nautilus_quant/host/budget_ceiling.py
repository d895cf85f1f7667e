"""The most a portfolio of one instrument may come to: enough to know that no limit is near."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nautilus_trader.model.events import (
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderSubmitted,
)

from nautilus_quant.gating.intent import Intent

if TYPE_CHECKING:
    from nautilus_trader.cache.base import CacheFacade
    from nautilus_trader.model.events import OrderEvent
    from nautilus_trader.model.instruments import Instrument

    from nautilus_quant.host.budget_orders import BudgetOrders


_OVER = frozenset({OrderCanceled, OrderDenied, OrderExpired, OrderFilled, OrderRejected})


class Ceiling:
    """
    Bounds what is held and on its way, without looking at every order.

    All open positions by their sizes, long and short alike, and every order sent since somebody looked at all
    of them, as if none had been filled, closed anything or been refused. So it is never too low. It is known
    only while all of that is in one instrument, and every order fills at the market: infinite otherwise.

    Parameters
    ----------
    cache
        Positions and orders.
    orders
        What is looked at when this is not enough.

    """

    def __init__(self, cache: CacheFacade, orders: BudgetOrders) -> None:
        self._cache = cache
        self._orders = orders
        self._names: set[str] = set()
        self._sent = math.inf
        self._held: float | None = None
        self._waiting: list[tuple[Intent, float]] = []
        self.instrument: Instrument | None = None
        """Of all that is held or on its way; ``None`` before the first order."""

    def moved(self) -> None:
        """Take note that a position changed."""
        self._held = None

    def __contains__(self, name: str) -> bool:
        """Tell whether an order is counted, by its client order id."""
        return name in self._names

    def heard(self, event: OrderEvent) -> None:
        """Take note of an order that is not counted yet, or may have become larger."""
        kind = type(event)
        if kind in _OVER:
            return
        order = self._cache.order(event.client_order_id) if kind is OrderSubmitted else None
        known = self.instrument
        if (
            order is None
            or known is None
            or order.instrument_id != known.id
            or order.has_price
            or order.has_trigger_price
            or order.is_quote_quantity
        ):
            self._sent = math.inf
        else:
            self._names.add(event.client_order_id.value)
            self._sent += order.quantity.as_double()

    def approve(self, intent: Intent, unit: float, *, fits: bool) -> None:
        """Take an order that may go; one that `fits` is reserved when somebody looks at all of them."""
        if fits:
            self._waiting.append((intent, unit))
        else:
            self._orders.approve(intent, unit)
        self._names.add(intent.order)
        self._sent += float(intent.quantity) if _is_plain(intent) else math.inf

    def look(self, now: int) -> None:
        """Look at all orders and positions that were noted, and begin anew; UNIX time [ns]."""
        orders = self._orders
        waiting, self._waiting = self._waiting, []
        for intent, unit in waiting:
            if intent.source is not None and not intent.source.is_closed:  # type: ignore[attr-defined]
                orders.approve(intent, unit)
        orders.catch_up(now)
        self._names.clear()
        self._sent = math.inf if len(orders.budget.reservations) else 0.0

    def value(self, unit: float) -> float:
        """Return the most everything may come to, at the value of one unit [reporting currency]."""
        if self._held is None:
            self._held = self._read()
        return (self._held + self._sent) * unit

    def fits(self, intent: Intent, unit: float, most: float) -> bool:
        """Tell whether everything is below `most` with an order besides [reporting currency]."""
        known = self.instrument
        if known is None or known.id.value != intent.instrument:
            self.instrument, self._held = self._orders.known.get(intent.instrument), None
            return False
        return _is_plain(intent) and self.value(unit) + float(intent.quantity) * unit < most

    def _read(self) -> float:
        total, known = 0.0, self.instrument
        for position in self._cache.positions_open():
            if known is None or position.instrument_id != known.id:
                return math.inf
            total += abs(position.signed_qty)
        return total


def _is_plain(intent: Intent) -> bool:
    """Tell a new order that fills at the market, and whose size is in units."""
    order = intent.source
    if order is None or intent.command != "submit" or intent.price is not None:
        return False
    return not order.is_quote_quantity  # type: ignore[attr-defined]
