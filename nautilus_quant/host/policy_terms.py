"""What the order policy reads: instruments and orders, from NautilusTrader's words to ours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from nautilus_trader.model.enums import InstrumentClass
from nautilus_trader.model.orders import (
    LimitIfTouchedOrder,
    LimitOrder,
    MarketIfTouchedOrder,
    MarketOrder,
    MarketToLimitOrder,
    StopLimitOrder,
    StopMarketOrder,
    TrailingStopLimitOrder,
    TrailingStopMarketOrder,
)

from nautilus_quant.gating.policy import TIMES, OrderTerms, Written
from nautilus_quant.gating.policy_merge import InstrumentFacts
from nautilus_quant.gating.policy_venues import DERIVATIVE, OPTION, SPOT

if TYPE_CHECKING:
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.objects import Money
    from nautilus_trader.model.orders import Order

    from nautilus_quant.gating.intent import Intent

_NAN = math.nan

# Asking an order for its type costs more than looking up its class.
_TYPE_OF: dict[type, str] = {
    MarketOrder: "MARKET",
    LimitOrder: "LIMIT",
    StopMarketOrder: "STOP_MARKET",
    StopLimitOrder: "STOP_LIMIT",
    MarketToLimitOrder: "MARKET_TO_LIMIT",
    MarketIfTouchedOrder: "MARKET_IF_TOUCHED",
    LimitIfTouchedOrder: "LIMIT_IF_TOUCHED",
    TrailingStopMarketOrder: "TRAILING_STOP_MARKET",
    TrailingStopLimitOrder: "TRAILING_STOP_LIMIT",
}
_TIME_OF = ("", *TIMES)  # NautilusTrader numbers them from 1 in this order
_PRODUCT_OF = {
    InstrumentClass.SPOT: SPOT,
    InstrumentClass.OPTION: OPTION,
    InstrumentClass.OPTION_SPREAD: OPTION,
}


def facts_of(instrument: Instrument) -> InstrumentFacts:
    """Return what a NautilusTrader instrument says of its orders."""
    currency = instrument.quote_currency
    return InstrumentFacts(
        product=_PRODUCT_OF.get(instrument.instrument_class, DERIVATIVE),
        price_increment=instrument.price_increment.as_decimal(),
        size_increment=instrument.size_increment.as_decimal(),
        min_quantity=_maybe(instrument.min_quantity),
        max_quantity=_maybe(instrument.max_quantity),
        min_notional=_money(instrument.min_notional, currency),
        max_notional=_money(instrument.max_notional, currency),
        min_price=_maybe(instrument.min_price),
        max_price=_maybe(instrument.max_price),
        multiplier=float(instrument.multiplier),
        inverse=bool(instrument.is_inverse),
    )


def _maybe(value: Any) -> float | None:
    return None if value is None else float(value)


def _money(value: Money | None, currency: object) -> float | None:
    """Return a bound in quote currency; one in another cannot be compared, and is left to the venue."""
    return None if value is None or value.currency != currency else float(value)


def terms_of(intent: Intent) -> Written:
    """Return what is written on the order of an intent, as it would be sent or changed."""
    order: Any = intent.source
    if order is None:
        return _previewed(intent)
    return _changed(intent, order) if intent.command == "modify" else _written(intent, order)


def _previewed(intent: Intent) -> Written:
    price = _NAN if intent.price is None else intent.price
    size = float(intent.quantity)
    return ("", "", intent.side, size, price, _NAN, False, False, False, 0, intent.ts, False)


def _written(intent: Intent, order: Any) -> Written:
    ts, _, _, side, quantity, price, _, _, _, _, command, _ = intent
    kind = _TYPE_OF.get(type(order)) or order.type_string()
    trigger, posts = _NAN, False
    if kind == "MARKET" or price is None:
        price = _NAN
    if kind == "LIMIT":  # the price of its intent is its own; others may have two
        posts = order.is_post_only
    elif kind != "MARKET":
        posts = order.is_post_only
        price, trigger = _prices_of(order)
    time = _TIME_OF[order.time_in_force]
    return (
        kind,
        time,
        side,
        float(quantity),
        price,
        trigger,
        order.is_reduce_only,
        posts,
        order.is_quote_quantity,
        order.expire_time_ns if time == "GTD" else 0,
        ts,
        command == "rest",
    )


def _prices_of(order: Order) -> tuple[float, float]:
    """Return limit and trigger price; NaN where an order has none, or not yet."""
    trigger = order.trigger_price if order.has_trigger_price else None
    return (
        order.price.as_double() if order.has_price else _NAN,
        _NAN if trigger is None else trigger.as_double(),
    )


def _changed(intent: Intent, order: Order) -> OrderTerms:
    """
    Return the terms of an order as changed: the intent has the new price, and what is new of the quantity.

    Only a change that leaves the price alone tells the quantity by what it adds. One that names the old
    price again looks the same and is taken for that, too: its bound is then stricter than it need be.
    """
    terms, new = OrderTerms(*_written(intent, order)), intent.price
    price, trigger = _prices_of(order)
    by_trigger = math.isnan(price)
    added = new is None or new == (trigger if by_trigger else price)
    base = order.quantity if added else order.filled_qty
    if new is not None:
        price, trigger = (price, new) if by_trigger else (new, trigger)
    quantity = base.as_double() + terms.quantity
    return terms._replace(quantity=quantity, price=price, trigger=trigger, resting=True)


def family_of(source: Any) -> str:
    """Return what an order shares with those which are like it on purpose; empty for nothing."""
    if source is None:
        return ""
    for name in (source.exec_spawn_id, source.parent_order_id, source.order_list_id):
        if name is not None:
            return str(name.value)
    return ""
