"""Room kept in margin accounts for the orders that are on their way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nautilus_trader.model.orders import Order

    from nautilus_quant.account.margin_book import Pool
    from nautilus_quant.gating.intent import Intent
    from nautilus_quant.host.margin_desk import MarginDesk


class MarginOrders:
    """
    Keeps room for what is left of each order, until it is over.

    Parameters
    ----------
    desk
        Knows on which account an instrument is traded.

    Attributes
    ----------
    kept
        Orders, and the accounts room is kept in, by client order id.

    """

    __slots__ = ("_desk", "kept")

    def __init__(self, desk: MarginDesk) -> None:
        self._desk = desk
        self.kept: dict[str, tuple[Order, Pool]] = {}

    def put(self, intent: Intent) -> None:
        """Keep room for an order that may go; what a cash account pays needs none."""
        listed = self._desk.listed(intent.instrument)
        if listed is None or listed.watched is None or not intent.notional > 0.0:
            return
        pool, opening = listed.watched.pool, float(intent.opening)
        pool.reserve.put(intent.order, listed.line.floor, intent.notional, opening, more=adds(intent))
        self.kept[intent.order] = (intent.source, pool)

    def update(self, name: str) -> None:
        """Keep room for no more than is left of an order, by client order id."""
        kept = self.kept.get(name)
        if kept is None:
            return
        order, pool = kept
        pool.reserve.update(name, 0.0 if order.is_closed else order.leaves_qty.as_double())
        if order.is_closed:
            del self.kept[name]

    def update_all(self) -> None:
        """Look at every order: of some, nobody ever tells that they are over."""
        for name in list(self.kept):
            self.update(name)


def adds(intent: Intent) -> bool:
    """Tell whether a change of an order asks for more of it alone: one that moves is judged as a whole."""
    if intent.command != "modify" or intent.source is None:
        return False
    order: Any = intent.source
    now = order.price if order.has_price else order.trigger_price if order.has_trigger_price else None
    return now is None or intent.price == float(now)
