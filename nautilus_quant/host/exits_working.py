"""The exit orders of one position that are sent and not over, and what is on its way to change them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nautilus_trader.model.identifiers import ClientOrderId
    from nautilus_trader.model.orders import Order
    from nautilus_trader.model.position import Position

    from nautilus_quant.host.exits_orders import Rung
    from nautilus_quant.portfolio.exits import Kind


class Sent(NamedTuple):
    """An order, and which exit it is for."""

    order: Order
    rung: Rung


class WorkingExits:
    """Knows the orders of a desk; forgets those that are over when told to look."""

    def __init__(self) -> None:
        self._sent: dict[ClientOrderId, Sent] = {}
        self._leaving: set[ClientOrderId] = set()
        self._changing: dict[ClientOrderId, tuple[Decimal, Decimal]] = {}

    def __len__(self) -> int:
        """Count them."""
        return len(self._sent)

    def __contains__(self, name: ClientOrderId) -> bool:
        """Tell whether an order is one of them."""
        return name in self._sent

    def get(self, name: ClientOrderId) -> Sent | None:
        """Return one by its id."""
        return self._sent.get(name)

    def all(self) -> list[Sent]:
        """Return all of them."""
        return list(self._sent.values())

    def add(self, order: Order, rung: Rung) -> None:
        """Take one in."""
        self._sent[order.client_order_id] = Sent(order, rung)

    def forget_closed(self) -> None:
        """Let go of orders that are over."""
        for name in [name for name, sent in self._sent.items() if sent.order.is_closed]:
            del self._sent[name]
            self._leaving.discard(name)
            self._changing.pop(name, None)

    # -- what is on its way ------------------------------------------------------------------------

    def leave(self, order: Order) -> bool:
        """Note that one is being cancelled, and tell whether that is news."""
        name = order.client_order_id
        if name in self._leaving or order.is_closed:
            return False
        self._leaving.add(name)
        return True

    def stay(self, name: ClientOrderId) -> None:
        """Note that a venue did not cancel one."""
        self._leaving.discard(name)

    def is_leaving(self, order: Order) -> bool:
        """Tell whether one is being cancelled."""
        return order.client_order_id in self._leaving

    def change(self, order: Order, price: Decimal, quantity: Decimal) -> None:
        """Note that one is being changed."""
        self._changing[order.client_order_id] = (price, quantity)

    def changed(self, name: ClientOrderId) -> None:
        """Note that a venue has answered to a change."""
        self._changing.pop(name, None)

    def is_on_its_way(self, order: Order) -> bool:
        """Tell whether its venue has still to answer for one."""
        return not order.is_open or order.client_order_id in self._changing

    def terms(self, order: Order) -> tuple[Decimal, Decimal]:
        """Return price and quantity left, as they will be when what was sent has arrived."""
        changed = self._changing.get(order.client_order_id)
        if changed is not None:
            return changed
        price = order.trigger_price if order.has_trigger_price else order.price
        return price.as_decimal(), order.leaves_qty.as_decimal()

    # -- some of them ------------------------------------------------------------------------------

    def standing(self, kind: Kind) -> list[Order]:
        """Return those of a kind which a venue has accepted, but for those being cancelled."""
        return [
            order
            for name, (order, rung) in self._sent.items()
            if rung.kind is kind and not rung.market and order.is_open and name not in self._leaving
        ]

    def of(self, kind: Kind, position: Position) -> list[Sent]:
        """Return those of a kind that do not go to market, without those of the side it had before."""
        return [
            sent
            for sent in self._sent.values()
            if sent.rung.kind is kind and not sent.rung.market and _closes(sent.order, position)
        ]

    def closing(self) -> Decimal:
        """Return what those at market will still close."""
        return leaves(sent.order for sent in self._sent.values() if sent.rung.market)


def leaves(orders: Iterable[Order]) -> Decimal:
    """Return what orders may still trade."""
    return sum((order.leaves_qty.as_decimal() for order in orders if not order.is_closed), Decimal(0))


def _closes(order: Order, position: Position) -> bool:
    return position.is_closed or bool(order.is_sell) is bool(position.is_long)
