"""Keeps orders within what their venue takes, by form, price, size and number, and says what would pass."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from nautilus_trader.model.events import (
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderSubmitted,
)
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.actors.order_policy_config import OrderPolicyGateConfig
from nautilus_quant.gating.intent import ALLOW, Verdict
from nautilus_quant.gating.policy_book import GATE, Desk, PolicyBook, RateLimit
from nautilus_quant.host.gate_actor import BEFORE_STRATEGIES, GateActor
from nautilus_quant.host.policy_terms import facts_of, family_of, terms_of
from nautilus_quant.host.valuation import Valuer

if TYPE_CHECKING:
    from nautilus_trader.model.events import OrderEvent
    from nautilus_trader.model.instruments import Instrument

    from nautilus_quant.gating.intent import Decision, Intent
    from nautilus_quant.host.gate_actor import Heard
    from nautilus_quant.host.gateway import OrderGateway
    from nautilus_quant.host.state import StateStore

_ORDERS = "events.order.*"
_INSTRUMENTS = "data.instrument.*"
_NAN = math.nan
_FRESH = 1_000_000_000  # younger than any patience with prices is short


class OrderPolicyGate(GateActor):
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

    name = GATE

    def __init__(self, config: OrderPolicyGateConfig | None = None) -> None:
        super().__init__(config or OrderPolicyGateConfig())
        self._book = self._new_book()
        self._desks = self._book.desks
        self._valuer: Valuer | None = None
        self._throttles = self._wake_ups("rate", self._look_again)
        self.exits_without_reduce_only: Counter[str] = Counter()

    @property
    def throttled(self) -> Counter[str]:
        """Orders denied because there were too many, by venue."""
        return Counter(self._book.throttled)

    # -- life --------------------------------------------------------------------------------------

    def _topics(self) -> tuple[Heard, ...]:
        return (
            (_ORDERS, self._on_order, BEFORE_STRATEGIES),
            (_INSTRUMENTS, self._on_instrument, BEFORE_STRATEGIES),
        )

    def _resume(self, gateway: OrderGateway, store: StateStore) -> None:
        gateway.listen(self._on_decision)
        self._valuer = Valuer.on(self.msgbus)
        for venue, document in store.documents(GATE).items():
            self._book.bucket(venue).restore(document)

    def _save_all(self, ts: int) -> None:
        for venue, bucket in self._book.buckets.items():
            self._save(venue, bucket.to_dict, ts)

    def _save_sent(self, venue: str, ts: int) -> None:
        """Write each order down while it can be lost: a backtest that is killed is run again as a whole."""
        if self._live:
            self._save(venue, self._book.bucket(venue).to_dict, ts)

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
            family=family_of,
        )

    # -- orders ------------------------------------------------------------------------------------

    def check(self, intent: Intent) -> Verdict:
        """Judge an order by the policy of its instrument, and by the orders before it."""
        instrument = intent.instrument
        desk = self._desks.get(instrument) or self._open_desk(instrument)
        if desk is None:
            reason = f"{instrument} is not in the cache, so nobody can tell its steps and bounds"
            return Verdict.deny(GATE, "NO_INSTRUMENT", reason)
        needed = desk.policy.valued if intent.price is None else desk.policy.collared
        mid = self._mid(instrument, intent.ts) if needed else _NAN
        return self._book.judge(intent, terms_of(intent), desk, mid)

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
        return None if found is None else self._book.put(instrument, facts_of(found))

    def _on_instrument(self, instrument: Instrument) -> None:
        self._book.forget(instrument.id.value)

    # -- what became of them -----------------------------------------------------------------------

    def _on_decision(self, decision: Decision) -> None:
        intent = decision.intent
        venue = self._book.decided(decision)
        if decision.outcome == ALLOW:
            self._save_sent(intent.venue, intent.ts)
        if venue:
            bucket = self._book.bucket(venue)
            text = (
                f"{venue}: {bucket.rate:g} orders/min are used up, orders that open risk are denied for now; "
                "closing orders and cancels pass"
            )
            numbers = {"tokens": bucket.tokens(intent.ts), "rate": bucket.rate, "reserve": bucket.reserve}
            self._alert(f"rate|{venue}", intent.ts, "WARNING", text, numbers)
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
        self._save_sent(venue, ts)
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
            self._alert(f"exits|{strategy}", ts, "WARNING", text)

    def _on_filled(self, event: OrderFilled) -> None:
        name = event.client_order_id
        if name.value not in self._book.guard:
            return
        order = self.cache.order(name)
        if order is None or (order.is_closed and order.has_price):
            self._book.guard.forget(name.value)

    def _look_again(self, venue: str, ts: int) -> None:
        """Wait until a throttled venue has room for opening orders again, and tell."""
        if self._book.is_over(venue, ts):
            text = f"{venue}: orders that open risk may be sent again"
            self._alert(f"rate|{venue}", ts, "INFO", text, {"tokens": self._book.bucket(venue).tokens(ts)})
        else:
            self._throttles.set(venue, max(self._book.ready_at(venue, ts), ts + 1))
