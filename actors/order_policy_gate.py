"""Keeps orders within what their venue takes, by form, price, size and number, and says what would pass."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from nautilus_trader.common.actor import Actor
from nautilus_trader.model.enums import InstrumentClass
from nautilus_trader.model.events import (
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderSubmitted,
)
from nautilus_trader.model.identifiers import InstrumentId
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

from nautilus_quant.actors.order_policy_config import OrderPolicyGateConfig
from nautilus_quant.gating.intent import ALLOW, Verdict
from nautilus_quant.gating.policy import TIMES, OrderTerms
from nautilus_quant.gating.policy_book import GATE, Desk, PolicyBook, RateLimit
from nautilus_quant.gating.policy_merge import InstrumentFacts
from nautilus_quant.gating.policy_venues import DERIVATIVE, OPTION, SPOT
from nautilus_quant.host.gateway import OrderGateway
from nautilus_quant.host.kernel import find_kernel, is_backtest
from nautilus_quant.host.messages import Alert, publish
from nautilus_quant.host.state import StateError, StateStore, shared_store
from nautilus_quant.host.valuation import Valuer

if TYPE_CHECKING:
    from nautilus_trader.common.events import TimeEvent
    from nautilus_trader.model.events import OrderEvent
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.objects import Money
    from nautilus_trader.model.orders import Order

    from nautilus_quant.gating.intent import Decision, Intent

_ORDERS = "events.order.*"
_INSTRUMENTS = "data.instrument.*"
_BEFORE_STRATEGIES = 20  # handlers of higher priority hear a message first; strategies have 0
_NAN = math.nan
_FRESH = 1_000_000_000  # younger than any patience with prices is short

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


class OrderPolicyGate(Actor):  # type: ignore[misc]
    """
    Denies orders that their venue does not take, that look like a slip, or that are too many.

    Parameters
    ----------
    config
        An `OrderPolicyGateConfig`.

    Raises
    ------
    ValueError
        If a parameter or an override is impossible.

    Attributes
    ----------
    exits_without_reduce_only
        Orders that only closed and did not say so, by strategy, where their venue knows reduce-only.

    """

    def __init__(self, config: OrderPolicyGateConfig | None = None) -> None:
        super().__init__(config or OrderPolicyGateConfig())
        self._book = self._new_book()
        self._desks = self._book.desks
        self._store: StateStore | None = None
        self._valuer: Valuer | None = None
        self._gateway: OrderGateway | None = None
        self._keeps = False
        self.exits_without_reduce_only: Counter[str] = Counter()

    @property
    def name(self) -> str:
        """Of the gate."""
        return GATE

    @property
    def throttled(self) -> Counter[str]:
        """Orders denied because there were too many, by venue."""
        return Counter(self._book.throttled)

    # -- life --------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Stand in the chain of gates first, then go on with the counts of the last run, then listen."""
        self._gateway = OrderGateway.join(self.msgbus, self)
        self._gateway.listen(self._on_decision)
        self._valuer = Valuer.on(self.msgbus)
        self._store = shared_store(self.config.state)
        self._keeps = self.config.state is not None and not is_backtest(find_kernel(self.msgbus))
        for venue, document in self._store.documents(GATE).items():
            self._book.bucket(venue).restore(document)
        self.msgbus.subscribe(_ORDERS, self._on_order, priority=_BEFORE_STRATEGIES)
        self.msgbus.subscribe(_INSTRUMENTS, self._on_instrument, priority=_BEFORE_STRATEGIES)

    def on_stop(self) -> None:
        """Stop listening, save, and leave the chain."""
        self.msgbus.unsubscribe(_ORDERS, self._on_order)
        self.msgbus.unsubscribe(_INSTRUMENTS, self._on_instrument)
        for name in list(self.clock.timer_names):
            self.clock.cancel_timer(name)
        if self._store is not None:
            self._keeps = self.config.state is not None
            for venue in self._book.buckets:
                self._save(venue, self.clock.timestamp_ns())
            self._store.close()
            self._store = None
        if self._gateway is not None:
            self._gateway.leave(self)
            self._gateway = None

    def on_reset(self) -> None:
        """Forget all orders and instruments."""
        self._book = self._new_book()
        self._desks = self._book.desks
        self.exits_without_reduce_only.clear()

    def _new_book(self) -> PolicyBook:
        config = self.config
        limit = RateLimit(config.orders_per_minute, config.burst, config.reserve, config.rates)
        return PolicyBook(
            limit,
            float(config.duplicate_window),
            everywhere=config.defaults.wishes(),
            venues={name: override.wishes() for name, override in config.venues.items()},
            instruments={name: override.wishes() for name, override in config.instruments.items()},
            require_reduce_only=config.require_reduce_only,
            family=_family,
        )

    # -- orders ------------------------------------------------------------------------------------

    def check(self, intent: Intent) -> Verdict:
        """Judge an order by the policy of its instrument, and by the orders before it."""
        instrument, price, order = intent.instrument, intent.price, intent.source
        desk = self._desks.get(instrument) or self._open_desk(instrument)
        if desk is None:
            reason = f"{instrument} is not in the cache, so nobody can tell its steps and bounds"
            return Verdict.deny(GATE, "NO_INSTRUMENT", reason)
        if order is None:
            terms = _previewed(intent)
        else:
            terms = _changed(intent, order) if intent.command == "modify" else _written(intent, order)
        needed = desk.policy.valued if price is None else desk.policy.collared
        mid = self._mid(instrument, intent.ts) if needed else _NAN
        return self._book.judge(intent, terms, desk, mid)

    def _mid(self, instrument: str, ts: int) -> float:
        valuer = self._valuer
        if valuer is None:
            return _NAN
        # What `price` would say in nearly every case, at a third of its cost.
        only = valuer.book.only.get(instrument)
        if only is not None and 0 <= ts - only[1] <= _FRESH:
            return only[0]
        price = valuer.price(instrument, ts)
        return _NAN if price.problem else price.value

    def _open_desk(self, instrument: str) -> Desk | None:
        found = self.cache.instrument(InstrumentId.from_str(instrument))
        return None if found is None else self._book.put(instrument, _facts_of(found))

    def _on_instrument(self, instrument: Instrument) -> None:
        self._book.forget(instrument.id.value)

    # -- what became of them -----------------------------------------------------------------------

    def _on_decision(self, decision: Decision) -> None:
        intent = decision.intent
        venue = self._book.decided(decision)
        if self._keeps and decision.outcome == ALLOW:
            self._save(intent.venue, intent.ts)
        if venue:
            bucket = self._book.bucket(venue)
            text = (
                f"{venue}: {bucket.rate:g} orders/min are used up, orders that open risk are denied for now; "
                "closing orders and cancels pass"
            )
            self.log.warning(text)
            numbers = {"tokens": bucket.tokens(intent.ts), "rate": bucket.rate, "reserve": bucket.reserve}
            self._tell(f"rate|{venue}", intent.ts, "WARNING", text, numbers)
            self._look_again(venue, intent.ts)

    def _on_order(self, event: OrderEvent) -> None:
        kind = type(event)
        if kind is OrderSubmitted:
            self._on_submitted(event)
        elif kind is OrderFilled:
            self._on_filled(event)
        elif kind is OrderDenied:
            self._book.denied(event.client_order_id.value)
        elif kind in (OrderCanceled, OrderExpired, OrderRejected):
            self._book.guard.forget(event.client_order_id.value)

    def _on_submitted(self, event: OrderSubmitted) -> None:
        venue, ts = event.instrument_id.venue.value, event.ts_event
        if self._book.sent(event.client_order_id.value, venue, ts):
            return
        if self._keeps:
            self._save(venue, ts)
        order = self.cache.order(event.client_order_id)
        desk = self._desks.get(event.instrument_id.value) or self._open_desk(event.instrument_id.value)
        if order is None or order.is_reduce_only or desk is None or not desk.policy.reduce_only:
            return
        strategy = event.strategy_id.value
        self.exits_without_reduce_only[strategy] += 1
        if self.exits_without_reduce_only[strategy] == 1:
            text = (
                f"{strategy} closes with orders that are not reduce-only, first {event.client_order_id}: one "
                "that fills after the position is gone would open another"
            )
            self._tell(f"exits|{strategy}", ts, "WARNING", text, {})

    def _on_filled(self, event: OrderFilled) -> None:
        name = event.client_order_id
        if name.value not in self._book.guard:
            return
        order = self.cache.order(name)
        if order is None or (order.is_closed and order.has_price):
            self._book.guard.forget(name.value)

    # -- words -------------------------------------------------------------------------------------

    def _look_again(self, venue: str, ts: int) -> None:
        when = max(self._book.ready_at(venue, ts), ts + 1)
        self.clock.set_time_alert_ns(f"{self.id.value}-rate-{venue}", when, self._on_alert)

    def _on_alert(self, event: TimeEvent) -> None:
        venue, ts = event.name.removeprefix(f"{self.id.value}-rate-"), event.ts_event
        if not self._book.is_over(venue, ts):
            self._look_again(venue, ts)
            return
        text = f"{venue}: orders that open risk may be sent again"
        self.log.info(text)
        self._tell(f"rate|{venue}", ts, "INFO", text, {"tokens": self._book.bucket(venue).tokens(ts)})

    def _tell(self, about: str, ts: int, severity: str, text: str, numbers: dict[str, float]) -> None:
        alert = Alert(
            key=f"{GATE}|{about}", ts=ts, source=GATE, severity=severity, text=text, numbers=numbers
        )
        publish(self.msgbus, alert)

    # -- state -------------------------------------------------------------------------------------

    def _save(self, venue: str, ts: int) -> None:
        if self._store is None or not self._keeps:
            return
        try:
            self._store.put(GATE, venue, self._book.bucket(venue).to_dict(), ts=ts)
        except StateError as error:
            self.log.error(f"{venue}: orders sent are not saved, a restart would forget them: {error}")


# -- from NautilusTrader's words to ours ---------------------------------------------------------------


def _facts_of(instrument: Instrument) -> InstrumentFacts:
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


def _previewed(intent: Intent) -> OrderTerms:
    price = _NAN if intent.price is None else intent.price
    size = float(intent.quantity)
    fields = ("", "", intent.side, size, price, _NAN, False, False, False, 0, intent.ts, False)
    return tuple.__new__(OrderTerms, fields)


def _written(intent: Intent, order: Any) -> OrderTerms:
    ts, _, _, side, quantity, price, _, _, _, _, command, _ = intent
    kind = _TYPE_OF.get(type(order)) or order.type_string()
    trigger, posts = _NAN, False
    if kind == "MARKET":
        price = _NAN
    elif kind == "LIMIT":  # the price of its intent is its own; others may have two
        posts = order.is_post_only
    else:
        posts = order.is_post_only
        price, trigger = _prices_of(order)
    time = _TIME_OF[order.time_in_force]
    # What `OrderTerms(...)` does, without its detour through a Python function.
    return tuple.__new__(
        OrderTerms,
        (
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
        ),
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
    terms, new = _written(intent, order), intent.price
    price, trigger = _prices_of(order)
    by_trigger = math.isnan(price)
    added = new is None or new == (trigger if by_trigger else price)
    base = order.quantity if added else order.filled_qty
    if new is not None:
        price, trigger = (price, new) if by_trigger else (new, trigger)
    quantity = base.as_double() + terms.quantity
    return terms._replace(quantity=quantity, price=price, trigger=trigger, resting=True)


def _family(source: Any) -> str:
    """Return what an order shares with those which are like it on purpose; empty for nothing."""
    if source is None:
        return ""
    for name in (source.exec_spawn_id, source.parent_order_id, source.order_list_id):
        if name is not None:
            return str(name.value)
    return ""
