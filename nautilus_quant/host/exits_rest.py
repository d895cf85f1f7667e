"""Which orders at a venue protect a position, and when no more of them are sent."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_quant.host.exits_orders import is_exit
from nautilus_quant.host.messages import Message
from nautilus_quant.safety.kill_state import KillState

if TYPE_CHECKING:
    from nautilus_trader.cache.cache import Cache
    from nautilus_trader.model.orders import Order
    from nautilus_trader.model.position import Position

    from nautilus_quant.host.messages import SafetyStatus

_CLOSING = frozenset({KillState.TRIPPED, KillState.CANCELLING, KillState.FLATTENING})


@dataclass(frozen=True, kw_only=True)
class NodeStopping(Message):
    """The node is on its way down (key: ``"node"``): from now on nobody sends what would have to rest."""

    key: str = "node"


def closes_everything(status: SafetyStatus | None) -> bool:
    """Tell whether the kill switch is at work: what it cancels must not be sent again."""
    return status is not None and status.state in _CLOSING


def closes_position(cache: Cache, order: Order, position: Position) -> bool:
    """Tell whether an order is on the side, and in the name, that closes a position."""
    if bool(order.is_sell) is not bool(position.is_long) or order.instrument_id != position.instrument_id:
        return False
    named = cache.position_id(order.client_order_id)
    return bool(named == position.id if named is not None else order.strategy_id == position.strategy_id)


def stops_of(cache: Cache, position: Position) -> list[Order]:
    """Return the stops that a venue has accepted for a position, whoever's they are."""
    orders = cache.orders_open(instrument_id=position.instrument_id, strategy_id=position.strategy_id)
    return [order for order in orders if order.has_trigger_price and closes_position(cache, order, position)]


def protected(cache: Cache, position: Position) -> Decimal:
    """Return how much of a position is behind stops at its venue [base coin, or contracts]."""
    stops = [order for order in stops_of(cache, position) if not order.is_pending_cancel]
    behind = sum((order.leaves_qty.as_decimal() for order in stops), Decimal(0))
    return min(behind, Decimal(position.quantity.as_decimal()))


def is_protective(order: Order) -> bool:
    """Tell an order that can only protect: an exit of an exit book, or anybody's stop that only reduces."""
    return bool(order.is_reduce_only and (order.has_trigger_price or is_exit(order)))
