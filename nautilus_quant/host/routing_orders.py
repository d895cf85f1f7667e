"""
The orders a router makes of another order, on whatever instrument.

NautilusTrader's ``spawn_*`` methods know the instrument of the primary order alone, and what is made by
hand in their way is booked wrongly: the execution engine gives a primary the position of whatever was
spawned from it and filled first, also on another instrument, and on a hedging venue that of a sibling. So
each part is the first order of a chain of its own (its ``exec_spawn_id`` is its own id): it belongs to the
strategy and to the router, its fills are booked on its own instrument, and its name and a tag tell which
order it was made of.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, NamedTuple

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.enums import ContingencyType, OrderStatus, OrderType, TimeInForce
from nautilus_trader.model.events import OrderCanceled
from nautilus_trader.model.identifiers import ClientOrderId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.model.orders import LimitOrder, MarketOrder

from nautilus_quant.host.denial import deny_order

if TYPE_CHECKING:
    from nautilus_trader.model.identifiers import ExecAlgorithmId
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.orders import Order
    from nautilus_trader.system.kernel import NautilusKernel

TAG = "ROUTED"
"""Begins the tag of every part; after the colon follows the id of the order it was made of."""

LOCAL = (OrderStatus.INITIALIZED, OrderStatus.RELEASED)
"""States of an order that no venue has been sent."""

_KINDS = (OrderType.MARKET, OrderType.LIMIT)
_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


class Part(NamedTuple):
    """
    What goes to one venue.

    Parameters
    ----------
    instrument
        There.
    quantity
        In its own units [base coin, or contracts].
    price
        Limit in its own currency; ``None`` at market.
    force
        How long it works.

    """

    instrument: Instrument
    quantity: Quantity
    price: Price | None
    force: TimeInForce


def can_route(order: Order) -> bool:
    """Tell whether an order may be made into others: plain, at market or limit, and hanging on no other."""
    return bool(
        order.order_type in _KINDS
        and order.contingency_type == ContingencyType.NO_CONTINGENCY
        and order.parent_order_id is None
        and not order.is_quote_quantity
        and not (order.has_price and order.display_qty is not None)
    )


def takes_at_once(order: Order) -> bool:
    """Tell whether an order is to be filled or to end at once."""
    return bool(order.order_type == OrderType.MARKET or order.time_in_force in _AT_ONCE)


def is_part(order: Order) -> bool:
    """Tell whether an order was made of another one by a router."""
    return any(tag.startswith(f"{TAG}:") for tag in order.tags or ())


def part_name(primary: Order, count: int) -> ClientOrderId:
    """Return the id of a part, as NautilusTrader names what is spawned."""
    name = primary.client_order_id.value
    return ClientOrderId(f"{name}-E{count}" if "-" in name else f"{name}E{count}")


def make_part(
    primary: Order, part: Part, name: ClientOrderId, router: ExecAlgorithmId, now: int
) -> MarketOrder | LimitOrder:
    """Make a part of an order: the same but for where it goes, how much it is, and for how long."""
    common = {
        "trader_id": primary.trader_id,
        "strategy_id": primary.strategy_id,
        "instrument_id": part.instrument.id,
        "client_order_id": name,
        "order_side": primary.side,
        "quantity": part.quantity,
        "init_id": UUID4(),
        "ts_init": now,
        "time_in_force": part.force,
        "reduce_only": primary.is_reduce_only,
        "exec_algorithm_id": router,
        "exec_spawn_id": name,
        "tags": [*(primary.tags or ()), f"{TAG}:{primary.client_order_id}"],
    }
    if part.price is None:
        return MarketOrder(**common)
    rests = part.force not in _AT_ONCE
    expires = primary.expire_time_ns if part.force == TimeInForce.GTD else 0
    return LimitOrder(
        **common, price=part.price, post_only=rests and primary.is_post_only, expire_time_ns=expires
    )


def limit_at(primary: Order, instrument: Instrument, rate: float) -> Price | None:
    """
    Return the limit of an order in the currency of another venue, in its ticks, no worse than it was.

    Parameters
    ----------
    primary
        Whose limit it is.
    instrument
        Where it is to hold.
    rate
        Worth of that venue's currency in the order's [-].

    """
    if not primary.has_price:
        return None
    if rate == 1.0 and primary.instrument_id == instrument.id:
        return primary.price
    exact = primary.price.as_decimal() / Decimal(repr(rate))
    tick = instrument.price_increment.as_decimal()
    rounding = ROUND_FLOOR if primary.is_buy else ROUND_CEILING
    return Price((exact / tick).to_integral_value(rounding) * tick, instrument.price_precision)


def shown_size(instrument: Instrument, coins: Decimal) -> Quantity:
    """Return what is left of an order, in its own units, at least a step: orders of size 0 there are none."""
    step = instrument.size_increment.as_decimal()
    steps = (coins / instrument.multiplier.as_decimal() / step).to_integral_value(ROUND_CEILING)
    return Quantity(max(steps, Decimal(1)) * step, instrument.size_precision)


def finish(kernel: NautilusKernel, primary: Order, reason: str) -> None:
    """End an order that no venue holds: denied for a reason, or else cancelled."""
    if primary.status not in LOCAL:
        return
    if reason:
        deny_order(kernel, primary, reason)
        return
    now = kernel.clock.timestamp_ns()
    event = OrderCanceled(
        trader_id=primary.trader_id,
        strategy_id=primary.strategy_id,
        instrument_id=primary.instrument_id,
        client_order_id=primary.client_order_id,
        venue_order_id=primary.venue_order_id,
        account_id=primary.account_id,
        event_id=UUID4(),
        ts_event=now,
        ts_init=now,
    )
    kernel.msgbus.send("ExecEngine.process", event)
