"""The portfolio budget as a gate: how much all strategies together may still open."""

from __future__ import annotations

import math
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING

from nautilus_trader.common.component import Logger
from nautilus_trader.model.events import (
    OrderAccepted,
    OrderFilled,
    OrderInitialized,
    OrderPendingCancel,
    OrderPendingUpdate,
    OrderSubmitted,
)
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.account.marks import SOURCES
from nautilus_quant.gating.intent import ALLOW, Decision, Intent, Side, Verdict
from nautilus_quant.host.alarm import Alarm
from nautilus_quant.host.budget_ceiling import Ceiling
from nautilus_quant.host.budget_orders import BudgetOrders
from nautilus_quant.host.budget_settings import BudgetSettings, BudgetUpdate
from nautilus_quant.host.cadence import SaveCadence
from nautilus_quant.host.gateway import OrderGateway
from nautilus_quant.host.kernel import find_kernel, is_backtest
from nautilus_quant.host.messages import Alert, defer, everything, is_heard, publish
from nautilus_quant.host.state import StateError, StateStore
from nautilus_quant.host.valuation import Valuer
from nautilus_quant.portfolio.budget import Budget, Room, Use
from nautilus_quant.portfolio.budget_alarms import BudgetAlarms
from nautilus_quant.portfolio.budget_groups import by_instrument, correlated
from nautilus_quant.portfolio.reservations import SCALE
from nautilus_quant.portfolio.value_at_risk_room import RiskModel
from nautilus_quant.portfolio.value_at_risk_window import ReturnsWindow

if TYPE_CHECKING:
    from nautilus_trader.common.component import Clock, MessageBus, TimeEvent
    from nautilus_trader.model.events import OrderEvent, PositionEvent

GATE = "budget"
_FILLS, _ORDERS, _POSITIONS = "events.fills.*", "events.order.*", "events.position.*"
_BEFORE_STRATEGIES = 20  # handlers of higher priority hear a message first; strategies have 0
_NANOS = 1_000_000_000
_NEARLY = 1.0 - 1e-6  # so that rounding to minor units never matters
_NOTHING_NEW = (
    OrderFilled,
    OrderInitialized,
    OrderPendingUpdate,
    OrderPendingCancel,
)  # fills come by themselves
_UNDER_WAY = (OrderSubmitted, OrderAccepted)
_RETURNS = "returns"
_TIMERS = frozenset({"budget-review", "budget-period"})


class BudgetGate:
    """
    Keep all strategies of a node within the limits of one portfolio.

    What an order may open is reserved when it has passed every gate of the chain, so orders of the same
    instant cannot use the same room; an order that another gate denies never reserves anything.

    Parameters
    ----------
    msgbus, clock
        Of the actor that runs the gate.
    settings
        Limits.
    store
        Where returns are kept over a restart; orders and positions are read from the cache.
    state
        URL of that store; ``None`` keeps nothing.

    Raises
    ------
    ValueError
        If a limit is impossible.

    """

    name = GATE

    def __init__(
        self,
        msgbus: MessageBus,
        clock: Clock,
        settings: BudgetSettings | None = None,
        store: StateStore | None = None,
        state: str | None = None,
    ) -> None:
        self._msgbus = msgbus
        self._clock = clock
        self._soon = Alarm(clock, "budget-tell", self._on_review)
        self._settings = settings = settings or BudgetSettings()
        self._store = None if state is None else store
        self._state = state
        self._log = Logger("BudgetGate")
        self._kernel = find_kernel(msgbus)
        self._valuer = Valuer.on(msgbus)
        self._gateway: OrderGateway | None = None
        self._cadence: SaveCadence | None = None
        self._allow = Verdict(GATE, Verdict.allow(GATE).allowed)
        self._risk_params = settings.risk()
        self._measures = self._risk_params.binds
        self._learns = self._measures or settings.correlation is not None
        self._every = int(settings.revalue * _NANOS)
        self._simulated = is_backtest(self._kernel)
        self._pause = self._publish_pause()
        self.reset()

    def reset(self) -> None:
        """Forget everything; start again with `start`."""
        settings = self._settings
        self._budget = Budget(settings.limits())
        self._budget.regroup(by_instrument(settings.groups))
        self.risk = RiskModel(self._risk_params)
        self.window = ReturnsWindow(settings.window, int(settings.period * _NANOS))
        self.orders = BudgetOrders(self._kernel, self._valuer, self._budget)
        self._ceiling = Ceiling(self._kernel.cache, self.orders)
        self._alarms = BudgetAlarms(settings.alert_at, settings.clear_at)
        self._equity, self._valued_at = math.nan, -1
        self._learnt, self._telling = -1, False
        self._told: tuple[tuple[float, ...], int] | None = None
        self._asked = math.nan
        self._asked_of: Intent | None = None
        self._fits = False

    @property
    def budget(self) -> Budget:
        """What is held and reserved, and what the limits leave."""
        self._ceiling.look(self._clock.timestamp_ns())
        return self._budget

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Stand in the chain of gates first, then count what is open, then listen."""
        self._gateway = OrderGateway.join(self._msgbus, self)
        now = self._clock.timestamp_ns()
        self._cadence = SaveCadence(self._msgbus, self._state)
        self._restore()
        self.orders.reconcile(now)
        self._gateway.listen(self._on_decision)
        self._msgbus.subscribe(_FILLS, self._on_fill, priority=_BEFORE_STRATEGIES)
        self._msgbus.subscribe(_ORDERS, self._on_order, priority=_BEFORE_STRATEGIES)
        self._msgbus.subscribe(_POSITIONS, self._on_position, priority=_BEFORE_STRATEGIES)
        self._every_so_often("review", self._settings.review, self._on_review)
        if self._learns:
            self._every_so_often("period", self._settings.period, self._on_period)

    def stop(self) -> None:
        """Stop listening, and leave the chain."""
        if self._gateway is None:
            return
        for topic, handler in (
            (_FILLS, self._on_fill),
            (_ORDERS, self._on_order),
            (_POSITIONS, self._on_position),
        ):
            self._msgbus.unsubscribe(topic, handler)
        for timer in _TIMERS & set(self._clock.timer_names):
            self._clock.cancel_timer(timer)
        self._soon.cancel()
        if self._telling:
            self._tell(self._clock.timestamp_ns())
        if self._learns:
            self._save(self._clock.timestamp_ns())
        self._ceiling.look(self._clock.timestamp_ns())
        everything(self._msgbus, BudgetUpdate)  # which makes what was deferred, while it can be
        gateway, self._gateway = self._gateway, None
        gateway.leave(self)

    def _every_so_often(self, what: str, seconds: float, handler: object) -> None:
        if seconds > 0.0:
            self._clock.set_timer_ns(f"budget-{what}", int(seconds * _NANOS), 0, 0, handler)

    # -- orders ------------------------------------------------------------------------------------

    def check(self, intent: Intent) -> Verdict:
        """Say how much of an order fits into what is left of every limit."""
        self._fits = not self._measures and self._is_small(intent)
        if self._fits:
            return self._allow
        self._ceiling.look(intent.ts)
        if not 0 <= intent.ts - self._valued_at < self._every:
            self._value(intent.ts)
        equity, budget = self._equity, self._budget
        if not equity > 0.0:
            reason = f"equity must be known and positive to measure limits by, was {equity:g}"
            return Verdict.deny(GATE, "BUDGET_EQUITY", reason, equity=equity)
        if intent is not self._asked_of:
            self._asked, self._asked_of = self._unit(intent), intent
        unit = self._asked
        if not 0.0 < unit < math.inf:
            reason = f"no price to tell what {intent.instrument} is worth"
            return Verdict.deny(GATE, "BUDGET_PRICE", reason)
        notional = float(intent.opening) * unit
        replaced = None
        if intent.order in budget.reservations and self._is_whole(intent):
            replaced = budget.reservations.order(intent.order)
            budget.drop(intent.order)
        try:
            if not budget.is_known:
                reason = "the value of a position or of a working order is unknown"
                return Verdict.deny(GATE, "BUDGET_UNKNOWN", reason)
            room = self._room(intent, equity, notional)
        finally:
            if replaced is not None:
                budget.put(intent.order, replaced)
        return self._allow if notional <= room.amount else self._cut(intent, room, notional, unit)

    def _is_small(self, intent: Intent) -> bool:
        """Tell in a hurry that no limit would be reached by an order and all that may be open besides."""
        known = self._valuer.fresh_equity(intent.ts)
        if known is None or not known[0] > 0.0:
            return False
        self._asked = unit = self._unit(intent)
        self._asked_of = intent
        if not 0.0 < unit < math.inf:
            return False
        return self._ceiling.fits(intent, unit, _NEARLY * self._budget.least(known[0]))

    def _is_whole(self, intent: Intent) -> bool:
        """Tell whether an order already counted is asked about as a whole, and not about what is added."""
        return intent.command != "modify" or self.orders.is_moved(intent)

    def _unit(self, intent: Intent) -> float:
        name = intent.instrument
        instrument = self.orders.known.get(name)
        if instrument is None:
            instrument = self.orders.instrument(InstrumentId.from_str(name), name)
        if instrument is None:
            return math.nan
        source = intent.source
        limit = source is not None and source.has_price  # type: ignore[attr-defined]
        return self.orders.unit_of(instrument, intent.side, intent.ts, intent.price, limit=limit)

    def _room(self, intent: Intent, equity: float, notional: float) -> Room:
        side, instrument, budget = intent.side, intent.instrument, self._budget
        room = budget.room(side, intent.strategy, instrument, equity)
        if not self._measures or room.amount <= 0.0:
            return room
        cell = budget.exposures.cells.get((intent.strategy, instrument))
        first = 0.0
        if cell is not None:
            own = cell.up if side is Side.BUY else cell.down
            first = (cell.base(side, signed=True) - own) / SCALE
        risk = self.risk.room(side, instrument, budget.exposures, equity, first=first, asked=notional)
        return risk if risk.amount < room.amount else room

    def _cut(self, intent: Intent, room: Room, notional: float, unit: float) -> Verdict:
        kind, _, name = room.limit.partition(":")
        step = self.orders.known[intent.instrument].size_increment.as_decimal()
        most = Decimal(repr(room.amount / unit))
        allowed = (most / step).to_integral_value(rounding=ROUND_DOWN) * step
        currency = self._valuer.currency
        what = f"{kind} of {name}" if name else kind
        reason = (
            f"{what}: {room.used:.2f} of {room.bound:.2f} {currency} used, "
            f"room for {room.amount:.2f}, the order opens {notional:.2f}"
        )
        return Verdict.limit(
            GATE, allowed, f"BUDGET_{kind.upper()}", reason,
            used=room.used, bound=room.bound, room=room.amount, asked=notional, equity=self._equity,
        )  # fmt: skip

    def _on_decision(self, decision: Decision) -> None:
        """Reserve for what passed the whole chain."""
        intent = decision.intent
        if self._gateway is None or decision.outcome != ALLOW or intent.source is None:
            return
        asked, self._asked_of = intent is self._asked_of, None
        fits = asked and self._fits
        if not fits:
            self._ceiling.look(intent.ts)
        self._ceiling.approve(intent, self._asked if asked else self._unit(intent), fits=fits)
        self._tell_soon()

    def _on_order(self, event: OrderEvent) -> None:
        kind = type(event)
        if kind in _NOTHING_NEW:
            return
        if kind in _UNDER_WAY:
            name = event.client_order_id.value
            if name in self._ceiling or name in self._budget.reservations:
                return
        self._ceiling.heard(event)
        self.orders.note(event)
        self._tell_soon()

    def _on_fill(self, fill: OrderFilled) -> None:
        self._ceiling.moved()
        self.orders.note_position(fill)
        self.orders.note(fill)
        self._tell_soon()

    def _on_position(self, event: PositionEvent) -> None:
        self._ceiling.moved()
        self.orders.note_position(event)
        self._tell_soon()

    # -- values ------------------------------------------------------------------------------------

    def _value(self, now: int) -> None:
        """Value positions and equity anew; an equity that is unknown is asked for again next time."""
        budget, orders = self._budget, self.orders
        names = {cell.instrument for cell in budget.exposures.cells.values()}
        budget.exposures.mark(orders.units(names, now))
        if not budget.reservations.is_known:
            orders.reconcile(now)
        known = self._valuer.fresh_equity(now)
        if known is not None:
            self._equity = known[0]
        else:
            valuation = self._valuer.value(now)
            self._equity = valuation.equity if valuation.fresh else math.nan
        self._valued_at = now if math.isfinite(self._equity) and budget.is_known else -1

    def _on_period(self, event: TimeEvent) -> None:
        """Take the prices at the end of a period, and learn from them when it is time."""
        now = event.ts_event
        prices = {}
        heard = self._valuer.book.heard
        for instrument in self._kernel.cache.instrument_ids():
            name = instrument.value
            if any(heard(name, source) >= 0 for source in SOURCES):
                price = self._valuer.price(name, now)
                if not price.problem:
                    prices[name] = price.value
        self.window.sample(now, prices)
        if self._learnt < 0 or now - self._learnt >= int(self._settings.relearn * _NANOS):
            self._learn(now)
        if self._cadence is not None and self._cadence.is_due(now):
            self._save(now)

    def _learn(self, now: int) -> None:
        names, returns = self.window.matrix(self._settings.min_window)
        if not names:
            return
        self._learnt = now
        self.risk.learn(names, returns)
        threshold = self._settings.correlation
        if threshold is not None:
            found = correlated(names, returns, threshold) if threshold > 0.0 else {}
            named = {f"corr-{group}": members for group, members in found.items()}
            self._budget.regroup(by_instrument({**self._settings.groups, **named}))

    # -- words -------------------------------------------------------------------------------------

    def _publish_pause(self) -> int | None:
        pause = self._settings.publish
        if pause is None:
            return None if is_backtest(self._kernel) else _NANOS
        return int(pause * _NANOS)

    def _tell_soon(self) -> None:
        """Say how far limits are used once this burst of events is over."""
        if not self._telling and self._pause is not None:
            self._telling = True
            at = self._clock.timestamp_ns() + self._pause
            self._soon.set(at)

    def _on_review(self, event: TimeEvent) -> None:
        self._tell(event.ts_event)

    def _uses(self) -> list[Use]:
        uses = list(self._budget.uses(self._equity))
        if self._measures:
            uses += self.risk.uses(self._budget.exposures, self._equity)
        return uses

    def _tell(self, ts: int) -> None:
        """Publish how far limits are used when that changed, and what is nearly used up."""
        self._telling = False
        if self._is_far(ts):
            defer(self._msgbus, BudgetUpdate, BudgetUpdate.key, self._update)
            return
        self._ceiling.look(ts)
        self._value(ts)
        if not self._equity > 0.0:
            return
        uses = self._uses()
        self._alert(ts, uses)
        told = (tuple(use.used for use in uses), len(self._budget.reservations))
        if told == self._told:
            return
        self._told = told
        publish(self._msgbus, self._update_of(uses, ts))

    def _is_far(self, ts: int) -> bool:
        """Tell in a hurry, of a backtest in which nobody hears figures, that no alarm is on or near."""
        if not self._simulated or self._measures or self._alarms.is_raised:
            return False
        known, instrument = self._valuer.fresh_equity(ts), self._ceiling.instrument
        if known is None or not known[0] > 0.0 or instrument is None:
            return False
        most = self._alarms.raise_at * _NEARLY * self._budget.least(known[0])
        if not self._ceiling.value(self._valuer.unit(instrument, ts)) < most:
            return False
        return not is_heard(self._msgbus, BudgetUpdate, ts)

    def _update(self) -> BudgetUpdate:
        """Return the figures of now, for somebody who asks."""
        now = self._clock.timestamp_ns()
        self._ceiling.look(now)
        self._value(now)
        return self._update_of(self._uses(), now)

    def _update_of(self, uses: list[Use], ts: int) -> BudgetUpdate:
        used, bounds = {use.limit: use.used for use in uses}, {use.limit: use.bound for use in uses}
        orders = len(self._budget.reservations)
        return BudgetUpdate(ts=ts, equity=self._equity, used=used, bounds=bounds, orders=orders)

    def _alert(self, ts: int, uses: list[Use]) -> None:
        for use, raised in self._alarms.step(uses):
            share = f"{use.share:.1%}" if math.isfinite(use.share) else "more than all"
            text = f"{use.limit}: {share} of its limit used ({use.used:.2f} of {use.bound:.2f})"
            publish(
                self._msgbus,
                Alert(
                    key=f"{GATE}|{use.limit}", ts=ts, source=GATE,
                    severity="WARNING" if raised else "INFO", text=text,
                    numbers={"used": use.used, "bound": use.bound, "equity": self._equity},
                ),
            )  # fmt: skip

    # -- state -------------------------------------------------------------------------------------

    def _restore(self) -> None:
        document = None if self._store is None or not self._learns else self._store.get(GATE, _RETURNS)
        if document is None:
            return
        try:
            self.window.restore(document)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._log.warning(f"returns of the last run cannot be read, they are gathered anew: {error!r}")
            return
        self._learn(self._clock.timestamp_ns())

    def _save(self, ts: int) -> None:
        if self._store is None:
            return
        try:
            self._store.put(GATE, _RETURNS, self.window.to_dict(), ts=ts)
        except StateError as error:
            self._log.warning(f"returns are not saved, a restart would gather them anew: {error}")
