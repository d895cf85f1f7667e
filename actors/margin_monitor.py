"""Keeps accounts within the margin of the hour and of the next: gate, alerts, and a plan of what to cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from nautilus_trader.common.actor import Actor
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import ClientOrderId

from nautilus_quant.account.margin_book import ALLOWED, GATE, MARGIN_UNKNOWN, Demand, Pool
from nautilus_quant.actors.margin_monitor_config import (
    MarginMonitorConfig,
    MarginWindowConfig,
    VenueMargin,
    limits_of,
    maintenance_of,
    schedules_of,
)
from nautilus_quant.gating.intent import ALLOW, Verdict
from nautilus_quant.host.gateway import OrderGateway
from nautilus_quant.host.kernel import find_kernel, is_backtest
from nautilus_quant.host.liquidator import Liquidator, send_cancel
from nautilus_quant.host.margin import MarginUpdate, plan, report
from nautilus_quant.host.margin_desk import MarginDesk, Watched
from nautilus_quant.host.messages import Alert, publish
from nautilus_quant.host.state import StateError, StateStore, shared_store
from nautilus_quant.host.valuation import Valuer

if TYPE_CHECKING:
    from nautilus_trader.core.data import Data
    from nautilus_trader.model.events import AccountState, OrderEvent, PositionEvent
    from nautilus_trader.model.orders import Order

    from nautilus_quant.account.margin_plan import Cut
    from nautilus_quant.gating.intent import Decision, Intent

__all__ = ["MarginMonitor", "MarginMonitorConfig", "MarginUpdate", "MarginWindowConfig", "VenueMargin"]

_SECOND = 1_000_000_000
_NEVER = 2**63 - 1
_MARKET = ("data.quotes.*", "data.trades.*", "data.mark_prices.*", "data.bars.*")
_AFTER_VALUER = 12  # which books the price first
_BEFORE_STRATEGIES = 20  # handlers of higher priority hear a message first; strategies have 0
_TAG, _PREFIX = "MARGIN", "MM"


class MarginMonitor(Actor):  # type: ignore[misc]
    """
    Lets new risk through while it fits the margin of this window and the next, and says what must go.

    Parameters
    ----------
    config
        A `MarginMonitorConfig`.

    Raises
    ------
    ValueError
        If windows overlap or leave gaps, or a bound is impossible.

    """

    def __init__(self, config: MarginMonitorConfig | None = None) -> None:
        super().__init__(config or MarginMonitorConfig())
        self._limits = limits_of(self.config)
        self._maintenance = maintenance_of(self.config)
        self._schedule, self._schedules = schedules_of(self.config)
        self._interval = round(self.config.interval * _SECOND)
        self._report_interval = round(self.config.report_interval * _SECOND)
        self._desk: MarginDesk | None = None
        self._store: StateStore | None = None
        self._gateway: OrderGateway | None = None
        self._forget()

    def _forget(self) -> None:
        self._orders: dict[str, tuple[Order, Pool]] = {}
        self._demands: dict[str, Demand] = {}
        self._told: dict[str, tuple[str, int]] = {}  # window, and when figures are due again
        self._accounts: set[str] = set()
        self._next = 0

    @property
    def name(self) -> str:
        """Of the gate."""
        return GATE

    # -- life --------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Stand in the chain of gates first, then look at the accounts, then listen."""
        self._gateway = OrderGateway.join(self.msgbus, self)
        self._forget()
        kernel = self._kernel = find_kernel(self.msgbus)
        self._live = not is_backtest(kernel)
        valuer = Valuer.on(self.msgbus, self.config.reporting_currency)
        self._liquidator = Liquidator(kernel, _TAG, _PREFIX)
        self._store = shared_store(self.config.state)
        self._desk = MarginDesk(
            kernel,
            valuer,
            self._make_pool,
            maintenance=self._maintenance,
            fallback=float(self.config.maintenance),
            interval=self._interval,
        )
        self._desk.discover()
        self._adopt_orders(self._gateway)
        self._gateway.listen(self._on_decision)
        for topic in _MARKET:
            self.msgbus.subscribe(topic, self._on_market, priority=_AFTER_VALUER)
        for topic, handler in self._events():
            self.msgbus.subscribe(topic, handler, priority=_BEFORE_STRATEGIES)
        if self._live and self._interval:
            every = pd.Timedelta(self._interval, "ns")
            self.clock.set_timer(self._timer("poll"), every, callback=self._on_time)
        self._set_alert()

    def on_stop(self) -> None:
        """Stop listening, and leave the chain."""
        for topic in _MARKET:
            self.msgbus.unsubscribe(topic, self._on_market)
        for topic, handler in self._events():
            self.msgbus.unsubscribe(topic, handler)
        for name in (self._timer("poll"), self._timer("window")):
            if name in self.clock.timer_names:
                self.clock.cancel_timer(name)
        if self._store is not None:
            self._store.close()
            self._store = None
        if self._gateway is not None:
            self._gateway.leave(self)
            self._gateway = None
        self._desk = None

    def on_reset(self) -> None:
        """Forget all accounts and orders."""
        self._desk = None
        self._forget()

    def _events(self) -> tuple[tuple[str, Any], ...]:
        return (
            ("events.order.*", self._on_order),
            ("events.position.*", self._on_change),
            ("events.account.*", self._on_account),
        )

    def _make_pool(self, account: str, venue: str) -> Pool:
        pool = Pool(account, self._schedules.get(venue, self._schedule), self._limits)
        document = None if self._store is None else self._store.get(GATE, account)
        if document is not None and not pool.restore(document):
            self.log.warning(f"{account}: its stored alerts cannot be read, they may be repeated")
        return pool

    def _adopt_orders(self, gateway: OrderGateway) -> None:
        """Count what an earlier run left working."""
        for order in self._liquidator.working():
            position_id = self.cache.position_id(order.client_order_id)
            self._reserve(gateway.exposure.submit(order, position_id, "rest"))

    # -- orders ------------------------------------------------------------------------------------

    def check(self, intent: Intent) -> Verdict:
        """Judge an order by the margin it needs, now and in the next window."""
        desk = self._desk
        listed = None if desk is None else desk.listed(intent.instrument)
        if desk is None or listed is None:
            reason = f"{intent.instrument} is not listed yet, or its venue has no account yet"
            return Verdict.deny(GATE, MARGIN_UNKNOWN, reason)
        line, watched = listed
        if watched is None:
            return ALLOWED  # what is bought on a cash account is paid in full
        if intent.ts >= watched.due:
            desk.refresh(watched, intent.ts)
        return watched.pool.judge(intent, line, more=_adds(intent))

    def _on_decision(self, decision: Decision) -> None:
        if decision.outcome == ALLOW:
            self._reserve(decision.intent)

    def _reserve(self, intent: Intent) -> None:
        listed = None if self._desk is None else self._desk.listed(intent.instrument)
        if listed is None or listed.watched is None or not intent.notional > 0.0:
            return
        pool = listed.watched.pool
        opening = float(intent.opening)
        pool.reserve.put(intent.order, listed.line.floor, intent.notional, opening, more=_adds(intent))
        self._orders[intent.order] = (intent.source, pool)  # type: ignore[assignment]

    def _on_order(self, event: OrderEvent) -> None:
        if isinstance(event, OrderFilled):
            self._touch()
        kept = self._orders.get(event.client_order_id.value)
        if kept is not None:
            self._release(*kept)

    def _release(self, order: Order, pool: Pool) -> None:
        """Keep room for no more than is left of an order."""
        closed = order.is_closed
        pool.reserve.update(order.client_order_id.value, 0.0 if closed else order.leaves_qty.as_double())
        if closed:
            del self._orders[order.client_order_id.value]

    # -- events ------------------------------------------------------------------------------------

    def _on_account(self, event: AccountState) -> None:
        self._touch()
        if self._desk is not None and event.account_id.value not in self._accounts:
            self._accounts.add(event.account_id.value)
            self._desk.discover()
            self._set_alert()

    def _on_change(self, _event: PositionEvent) -> None:
        self._touch()

    def _touch(self) -> None:
        if self._desk is not None:
            self._desk.touch()
            self._next = 0

    def _on_market(self, _data: Data) -> None:
        # Read once for each price: nearly always nothing is held, or it was looked at just now.
        if self._next != _NEVER and self.clock.timestamp_ns() >= self._next:
            self._look(self.clock.timestamp_ns())

    def _on_time(self, _event: object) -> None:
        self._look(self.clock.timestamp_ns())

    def _on_window(self, _event: object) -> None:
        self._look(self.clock.timestamp_ns())
        self._set_alert()

    def _timer(self, what: str) -> str:
        return f"{self.id.value}-{what}"

    def _set_alert(self) -> None:
        """Wake up when the schedule of an account says something else."""
        name, now = self._timer("window"), self.clock.timestamp_ns()
        if name in self.clock.timer_names:
            self.clock.cancel_timer(name)
        until = min((watched.pool.outlook(now).until for watched in self._desk or ()), default=_NEVER)
        if until < _NEVER:
            self.clock.set_time_alert_ns(name, until, self._on_window)

    # -- watching ----------------------------------------------------------------------------------

    def _look(self, now: int) -> None:
        """Measure every account, alert, and act where its positions do not fit."""
        if self._desk is None:
            return
        for order, pool in list(self._orders.values()):
            self._release(order, pool)  # of some, nobody ever tells that they are over
        idle = True
        for watched in self._desk:
            self._desk.refresh(watched, now)
            idle = idle and watched.pool.is_idle
            self._follow(watched, now)
        # Aligned to the interval, so that a live node and a backtest look at the same moments.
        self._next = (
            _NEVER if idle else now - now % self._interval + self._interval if self._interval else now
        )

    def _follow(self, watched: Watched, now: int) -> None:
        pool = watched.pool
        if pool.problem:  # nothing begins or ends while nothing is known
            self._publish(pool, (), now, at_once=False)
            return
        changes = pool.watch(now)
        for name, on, share in changes:
            self._alert_of_use(pool, name, share, now, on=on)
        if changes:
            self._save(pool, now)
        demand = None if self.config.enforce == "off" else pool.demand(now)
        known = self._demands.get(pool.name)
        cuts: tuple[Cut, ...] = ()
        if demand is not None:
            target = self._limits.target_utilisation
            cuts = plan(self.cache, self._liquidator, watched, demand.window.leverage, target)
        changed = (demand is None) != (known is None) or (
            demand is not None and known is not None and demand.window != known.window
        )
        if changed:
            self._tell_demand(pool, demand, cuts, now)
        if demand is not None and demand.act and self.config.enforce == "reduce":
            self._reduce(pool, demand, cuts, now)
        self._publish(pool, cuts, now, at_once=bool(changes) or changed)

    def _publish(self, pool: Pool, cuts: tuple[Cut, ...], now: int, *, at_once: bool) -> None:
        window, due = self._told.get(pool.name, ("", 0))
        outlook = pool.outlook(now)
        seen = f"{outlook.window.name}{outlook.quiet is not None}{bool(pool.problem)}"
        if at_once or seen != window or now >= due:
            self._told[pool.name] = (seen, now + self._report_interval)
            publish(self.msgbus, report(pool, now, cuts))

    # -- cutting -----------------------------------------------------------------------------------

    def _reduce(self, pool: Pool, demand: Demand, cuts: tuple[Cut, ...], now: int) -> None:
        """Cancel what would open more, and close what does not fit; once, until that has been filled."""
        if self._liquidator.working_closes():
            return
        for name in pool.reserve.orders:
            order = self.cache.order(ClientOrderId(name))
            if order is not None and not (order.is_closed or order.is_pending_cancel):
                send_cancel(self._kernel, order)
        sent = [cut for cut in cuts if self._liquidator.close(cut.position, cut.quantity)]
        if not sent:
            return
        self._journal("reduce", pool, now, window=demand.window.name, cuts=[_body(cut) for cut in sent])
        said = ", ".join(f"{cut.quantity} {cut.instrument} of {cut.strategy}" for cut in sent)
        self.log.warning(f"{pool.name}: closing {said} for the {demand.window.name} window")

    # -- words -------------------------------------------------------------------------------------

    def _alert_of_use(self, pool: Pool, name: str, share: float, now: int, *, on: bool) -> None:
        bound = self._limits.alert_at if on else self._limits.alert_clear
        text = f"{pool.name}: {name} margin {'uses' if on else 'is back to'} {share:.1%} of the equity of "
        text += f"{pool.equity:,.2f}, {'at least' if on else 'below'} {bound:.0%}"
        severity = "INFO" if not on else "WARNING" if name == "initial" else "CRITICAL"
        self._alert(pool, name, severity, text, now, utilisation=share, equity=pool.equity, bound=bound)

    def _tell_demand(self, pool: Pool, demand: Demand | None, cuts: tuple[Cut, ...], now: int) -> None:
        if demand is None:
            del self._demands[pool.name]
            self._alert(pool, "reduction", "INFO", f"{pool.name}: what is held fits the coming window", now)
            return
        self._demands[pool.name] = demand
        used = pool.used(demand.window.leverage)
        text = (
            f"{pool.name}: the {demand.window.name} window ({demand.window.leverage:g}x) takes {used:.1%} "
            f"of the equity, at most {self._limits.max_utilisation:.0%} may be used: "
        )
        text += ", ".join(f"close {cut.quantity} {cut.instrument} of {cut.strategy}" for cut in cuts)
        self._alert(
            pool, "reduction", "WARNING", text, now, utilisation=used, leverage=demand.window.leverage
        )
        self._journal("plan", pool, now, window=demand.window.name, cuts=[_body(cut) for cut in cuts])

    def _alert(self, pool: Pool, what: str, severity: str, text: str, now: int, **numbers: float) -> None:
        (self.log.info if severity == "INFO" else self.log.warning)(text)
        key = f"{GATE}|{pool.name}|{what}"
        publish(
            self.msgbus,
            Alert(key=key, ts=now, source=GATE, severity=severity, text=text, numbers=numbers),
        )
        self._journal("alert", pool, now, about=what, severity=severity, text=text, **numbers)

    def _journal(self, what: str, pool: Pool, now: int, **body: Any) -> None:
        if self._store is None:
            return
        try:
            self._store.append(GATE, {"what": what, "account": pool.name, **body}, ts=now)
        except StateError as error:
            self.log.warning(f"{what} of {pool.name} is not in the journal: {error}")

    def _save(self, pool: Pool, now: int) -> None:
        if self._store is None or self.config.state is None:
            return
        try:
            self._store.put(GATE, pool.name, pool.to_dict(), ts=now)
        except StateError as error:
            self.log.error(f"{pool.name}: its alerts are not saved, a restart would repeat them: {error}")


def _adds(intent: Intent) -> bool:
    """Tell whether a change of an order asks for more of it alone: one that moves is judged as a whole."""
    if intent.command != "modify" or intent.source is None:
        return False
    order: Any = intent.source
    now = order.price if order.has_price else order.trigger_price if order.has_trigger_price else None
    return now is None or intent.price == float(now)


def _body(cut: Cut) -> dict[str, Any]:
    return {**cut._asdict(), "quantity": str(cut.quantity)}
