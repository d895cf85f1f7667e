"""Keeps accounts within the margin of the hour and of the next: gate, alerts, and a plan of what to cut."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import ClientOrderId

from nautilus_quant.account.margin_book import ALLOWED, GATE, MARGIN_UNKNOWN, Demand, Pool
from nautilus_quant.account.margin_watch import MarginWatch, Notice, say_demand, say_use
from nautilus_quant.actors.margin_monitor_config import (
    MarginMonitorConfig,
    MarginWindowConfig,
    VenueMargin,
    limits_of,
    maintenance_of,
    schedules_of,
)
from nautilus_quant.gating.intent import ALLOW, Verdict
from nautilus_quant.host.gate_actor import BEFORE_STRATEGIES, GateActor
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.liquidator import Liquidator, send_cancel
from nautilus_quant.host.margin import MarginUpdate, plan, report
from nautilus_quant.host.margin_desk import MarginDesk, Watched
from nautilus_quant.host.margin_lookout import NEVER, MarginLookout
from nautilus_quant.host.margin_orders import MarginOrders, adds
from nautilus_quant.host.messages import defer, everything, is_heard, publish
from nautilus_quant.host.valuation import Valuer

if TYPE_CHECKING:
    from nautilus_trader.model.events import AccountState, OrderEvent, PositionEvent
    from nautilus_trader.model.identifiers import PositionId

    from nautilus_quant.account.margin_plan import Cut
    from nautilus_quant.gating.intent import Decision, Intent
    from nautilus_quant.host.gate_actor import Heard
    from nautilus_quant.host.gateway import OrderGateway
    from nautilus_quant.host.state import StateStore

__all__ = ["MarginMonitor", "MarginMonitorConfig", "MarginUpdate", "MarginWindowConfig", "VenueMargin"]

_SECOND = 1_000_000_000
_MARKET = ("data.quotes.*", "data.trades.*", "data.mark_prices.*", "data.bars.*")
_AFTER_VALUER = 12  # which books the price first
_TAG, _PREFIX = "MARGIN", "MM"


class MarginMonitor(GateActor):
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

    name = GATE

    def __init__(self, config: MarginMonitorConfig | None = None) -> None:
        super().__init__(config or MarginMonitorConfig())
        self._limits = limits_of(self.config)
        self._maintenance = maintenance_of(self.config)
        self._schedule, self._schedules = schedules_of(self.config)
        self._interval = round(self.config.interval * _SECOND)
        self._watch = MarginWatch(round(self.config.report_interval * _SECOND))
        self._windows = self._wake_ups("window", self._on_window)
        self._desk: MarginDesk | None = None
        self._orders: MarginOrders | None = None
        self._lookout: MarginLookout | None = None
        self._forget()

    def _forget(self) -> None:
        self._watch.forget()
        self._accounts: set[str] = set()

    # -- life --------------------------------------------------------------------------------------

    def _topics(self) -> list[Heard]:
        lookout = self._lookout
        if lookout is None:
            return []
        return [
            *((topic, lookout.hear, _AFTER_VALUER) for topic in _MARKET),
            ("events.order.*", self._on_order, BEFORE_STRATEGIES),
            ("events.position.*", self._on_change, BEFORE_STRATEGIES),
            ("events.account.*", self._on_account, BEFORE_STRATEGIES),
        ]

    def _resume(self, gateway: OrderGateway, _store: StateStore) -> None:
        self._forget()
        kernel = self._kernel = find_kernel(self.msgbus)
        self._liquidator = Liquidator(kernel, _TAG, _PREFIX)
        self._desk = MarginDesk(
            kernel,
            Valuer.on(self.msgbus, self.config.reporting_currency),
            self._make_pool,
            maintenance=self._maintenance,
            fallback=float(self.config.maintenance),
            interval=self._interval,
        )
        self._desk.discover()
        self._orders = MarginOrders(self._desk)
        self._lookout = MarginLookout(self.clock, self._desk, self._orders, self._interval, self._look)
        for order in self._liquidator.working():  # what an earlier run left
            position_id = self.cache.position_id(order.client_order_id)
            self._orders.put(gateway.exposure.submit(order, position_id, "rest"))
        gateway.listen(self._on_decision)

    def _begin(self) -> None:
        if self._live and self._interval:
            every = pd.Timedelta(self._interval, "ns")
            self.clock.set_timer(f"{self.id.value}-poll", every, callback=self._on_time)
        self._wait_for_window()

    def on_stop(self) -> None:
        """Stop listening, and leave the chain."""
        everything(self.msgbus, MarginUpdate)  # which makes what was deferred, while it can be
        super().on_stop()
        self._desk = self._orders = self._lookout = None

    def on_reset(self) -> None:
        """Forget all accounts and orders."""
        self._desk = self._orders = self._lookout = None
        self._forget()

    def _make_pool(self, account: str, venue: str) -> Pool:
        pool = Pool(account, self._schedules.get(venue, self._schedule), self._limits)
        document = None if self._store is None else self._store.get(GATE, account)
        if document is not None and not pool.restore(document):
            self.log.warning(f"{account}: its stored alerts cannot be read, they may be repeated")
        return pool

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
        return watched.pool.judge(intent, line, more=adds(intent))

    def _on_decision(self, decision: Decision) -> None:
        if decision.outcome == ALLOW and self._orders is not None:
            self._orders.put(decision.intent)

    def _on_order(self, event: OrderEvent) -> None:
        if type(event) is OrderFilled:
            self._touch(event.position_id)
        orders = self._orders
        if orders is not None and orders.kept:
            orders.update(event.client_order_id.value)

    # -- events ------------------------------------------------------------------------------------

    def _on_account(self, event: AccountState) -> None:
        if self._desk is None or self._lookout is None:
            return
        self._desk.touch_balances()
        self._lookout.wake()
        if event.account_id.value not in self._accounts:
            self._accounts.add(event.account_id.value)
            self._desk.discover()
            self._wait_for_window()

    def _on_change(self, event: PositionEvent) -> None:
        self._touch(event.position_id)

    def _touch(self, position_id: PositionId | None) -> None:
        desk, lookout = self._desk, self._lookout
        if desk is not None and lookout is not None:
            desk.touch(position_id)
            lookout.wake()

    def _on_time(self, _event: object) -> None:
        self._look(self.clock.timestamp_ns())

    def _on_window(self, _key: str, _ts: int) -> None:
        self._look(self.clock.timestamp_ns())
        self._wait_for_window()

    def _wait_for_window(self) -> None:
        """Wake up when the schedule of an account says something else."""
        now = self.clock.timestamp_ns()
        until = min((watched.pool.outlook(now).until for watched in self._desk or ()), default=NEVER)
        if until < NEVER:
            self._windows.set("next", until)

    # -- watching ----------------------------------------------------------------------------------

    def _look(self, now: int) -> None:
        """Measure every account, alert, and act where its positions do not fit."""
        desk, orders, lookout = self._desk, self._orders, self._lookout
        if desk is None or orders is None or lookout is None:
            return
        if orders.kept:
            orders.update_all()
        idle = rests = True
        for watched in desk:
            if self._rests(desk, watched, now):
                idle = False
                continue
            rests = False
            desk.refresh(watched, now)
            idle = idle and watched.pool.is_idle
            self._follow(watched, now)
        lookout.looked(now, self._watch.next_due if rests else 0, idle=idle)

    def _rests(self, desk: MarginDesk, watched: Watched, now: int) -> bool:
        """Tell whether to measure an account is for nothing: no change, and nobody who hears figures."""
        told = self._watch.waits(watched.pool, now)
        if (self._live and not told) or not desk.is_calm(watched, now):
            return False
        if not told:
            if is_heard(self.msgbus, MarginUpdate, now):
                return False
            self._watch.postpone(watched.pool, now)
            self._defer(watched)
        return True

    def _measured(self, watched: Watched) -> MarginUpdate:
        """Return the figures of now, for somebody who asks."""
        now = self.clock.timestamp_ns()
        if self._desk is not None:
            self._desk.refresh(watched, now)
        demand = self._demand(watched.pool, now)
        return report(watched.pool, now, () if demand is None else self._plan(watched, demand))

    def _demand(self, pool: Pool, now: int) -> Demand | None:
        return None if self.config.enforce == "off" else pool.demand(now)

    def _follow(self, watched: Watched, now: int) -> None:
        pool = watched.pool
        if pool.problem:  # nothing begins or ends while nothing is known
            self._report(watched, (), now, at_once=False)
            return
        alerts = pool.watch(now)
        for name, on, share in alerts:
            self._tell(pool, say_use(pool, name, share, on=on), now)
        if alerts:
            self._save(pool.name, pool.to_dict, now)
        demand = self._demand(pool, now)
        cuts = () if demand is None else self._plan(watched, demand)
        changed = self._watch.changes(pool, demand)
        if changed:
            self._tell(pool, say_demand(pool, demand, cuts), now)
        if demand is not None:
            self._enforce(pool, demand, cuts, now, new=changed)
        self._report(watched, cuts, now, at_once=bool(alerts) or changed)

    def _report(self, watched: Watched, cuts: tuple[Cut, ...], now: int, *, at_once: bool) -> None:
        pool = watched.pool
        if not self._watch.is_due(pool, now, at_once=at_once):
            return
        if at_once or self._live or is_heard(self.msgbus, MarginUpdate, now):
            publish(self.msgbus, report(pool, now, cuts))
        else:
            self._defer(watched)

    def _defer(self, watched: Watched) -> None:
        """Let figures nobody hears be measured when somebody asks."""
        defer(self.msgbus, MarginUpdate, watched.pool.name, partial(self._measured, watched))

    # -- cutting -----------------------------------------------------------------------------------

    def _plan(self, watched: Watched, demand: Demand) -> tuple[Cut, ...]:
        leverage, target = demand.window.leverage, self._limits.target_utilisation
        return plan(self.cache, self._liquidator, watched, leverage, target)

    def _enforce(self, pool: Pool, demand: Demand, cuts: tuple[Cut, ...], now: int, *, new: bool) -> None:
        if new:
            self._journal("plan", pool, now, window=demand.window.name, cuts=[_body(cut) for cut in cuts])
        if demand.act and self.config.enforce == "reduce":
            self._reduce(pool, demand, cuts, now)

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

    def _tell(self, pool: Pool, notice: Notice, now: int) -> None:
        about, severity, text = notice.about, notice.severity, notice.text
        self._alert(f"{pool.name}|{about}", now, severity, text, notice.numbers)
        self._journal("alert", pool, now, about=about, severity=severity, text=text, **notice.numbers)

    def _journal(self, what: str, pool: Pool, now: int, **body: Any) -> None:
        self._write_down(GATE, {"what": what, "account": pool.name, **body}, now)


def _body(cut: Cut) -> dict[str, Any]:
    return {**cut._asdict(), "quantity": str(cut.quantity)}
