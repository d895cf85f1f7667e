"""Pauses the entries of a strategy whose closed trades fall below a floor, and lets it back on probation."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Literal

from msgspec import field
from nautilus_trader.common.actor import Actor
from nautilus_trader.common.config import NautilusConfig
from nautilus_trader.config import ActorConfig, NonNegativeFloat, PositiveInt

from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.host.entries import cancel_entries
from nautilus_quant.host.gateway import OrderGateway
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.messages import publish
from nautilus_quant.host.performance import PerformanceUpdate, RoundTrips
from nautilus_quant.host.state import StateError, StateStore, shared_store
from nautilus_quant.host.valuation import Valuer
from nautilus_quant.safety.performance import Change, PerformanceLimits, Stage
from nautilus_quant.safety.performance_book import GATE, Per, PerformanceBook

if TYPE_CHECKING:
    from nautilus_trader.common.events import TimeEvent
    from nautilus_trader.model.events import OrderFilled, PositionEvent
    from nautilus_trader.model.orders import Order

    from nautilus_quant.gating.intent import Intent, Verdict

_POSITIONS = "events.position.*"
_FILLS = "events.fills.*"
_BEFORE_STRATEGIES = 20  # handlers of higher priority hear a message first; strategies have 0


class PerformanceOverride(NautilusConfig, kw_only=True, frozen=True):
    """
    Other limits for one strategy; what is left out is that of all.

    Parameters
    ----------
    window, min_trades, min_win_rate, min_profit_factor, min_expectancy
        Floors, and the trades they are judged on.
    pause, max_pause, probation, max_unknown
        How long it pauses, and how it comes back.

    """

    window: PositiveInt | None = None
    min_trades: PositiveInt | None = None
    min_win_rate: Fraction | None = None
    min_profit_factor: NonNegativeFloat | None = None
    min_expectancy: float | None = None
    pause: Seconds | None = None
    max_pause: Seconds | None = None
    probation: PositiveInt | None = None
    max_unknown: PositiveInt | None = None


class PerformanceGuardConfig(ActorConfig, kw_only=True, frozen=True):
    """
    What the performance guard can be told.

    Parameters
    ----------
    per
        Whether a ``strategy`` is judged as a whole, or on each ``instrument`` by itself.
    window, min_trades, min_win_rate, min_profit_factor, min_expectancy
        Closed trades looked back on, those needed at least, and the floors of their share of winners, of
        winners' profit over losers' loss, and of profit per value traded: see
        `nautilus_quant.safety.performance.PerformanceLimits`, also for what follows.
    pause, max_pause, probation, max_unknown
        Length of the first pause and bound of the later ones [s], trades on probation, and unknown results
        in a row which count as a breach.
    overrides
        Other limits by strategy id, e.g. ``{EMACross-001: {min_win_rate: 30%}}``.
    cancel
        Whether a pause cancels the resting orders of the strategy that would open a position.
    reporting_currency
        Currency results are counted in; ``None`` takes the account's.
    state
        URL of the state store; ``None`` keeps nothing over a restart.

    """

    per: Literal["strategy", "instrument"] = "strategy"
    window: PositiveInt = 50
    min_trades: PositiveInt = 20
    min_win_rate: Fraction = 0.2
    min_profit_factor: NonNegativeFloat = 0.7
    min_expectancy: float = -0.002
    pause: Seconds = 14_400.0
    max_pause: Seconds = 604_800.0
    probation: PositiveInt = 10
    max_unknown: PositiveInt = 5
    overrides: dict[str, PerformanceOverride] = field(default_factory=dict)
    cancel: bool = True
    reporting_currency: str | None = None
    state: str | None = None


class PerformanceGuard(Actor):  # type: ignore[misc]
    """
    Judges every strategy of a node by its closed positions, whoever wrote it.

    Parameters
    ----------
    config
        A `PerformanceGuardConfig`.

    Raises
    ------
    ValueError
        If a limit is impossible.

    """

    def __init__(self, config: PerformanceGuardConfig | None = None) -> None:
        super().__init__(config or PerformanceGuardConfig())
        self._book = self._new_book()
        self._trades: RoundTrips | None = None
        self._store: StateStore | None = None
        self._gateway: OrderGateway | None = None

    @property
    def name(self) -> str:
        """Of the gate."""
        return GATE

    @property
    def stages(self) -> dict[str, Stage]:
        """Where each strategy stands, by strategy id or ``strategy|instrument``."""
        return {key: monitor.stage for key, monitor in self._book.monitors.items()}

    # -- life --------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Stand in the chain of gates first, then go on with the pauses of the last run, then listen."""
        self._gateway = OrderGateway.join(self.msgbus, self)
        valuer = Valuer.on(self.msgbus, self.config.reporting_currency)
        self._trades = RoundTrips(self.cache, valuer)
        self._store = shared_store(self.config.state)
        self._restore(self._store)
        now = self.clock.timestamp_ns()
        for position in self.cache.positions_open():
            self._trades.adopt(position, now)
        self.msgbus.subscribe(_FILLS, self._on_fill, priority=_BEFORE_STRATEGIES)
        self.msgbus.subscribe(_POSITIONS, self._on_position, priority=_BEFORE_STRATEGIES)

    def on_stop(self) -> None:
        """Stop listening, and leave the chain."""
        self.msgbus.unsubscribe(_FILLS, self._on_fill)
        self.msgbus.unsubscribe(_POSITIONS, self._on_position)
        for key in self._book.due():
            self._forget_alert(key)
        if self._store is not None:
            self._store.close()
            self._store = None
        if self._gateway is not None:
            self._gateway.leave(self)
            self._gateway = None

    def on_reset(self) -> None:
        """Forget all trades and pauses."""
        self._book = self._new_book()
        self._trades = None

    # -- trades ------------------------------------------------------------------------------------

    def _on_fill(self, fill: OrderFilled) -> None:
        if self._trades is not None:
            self._trades.on_fill(fill)

    def _on_position(self, event: PositionEvent) -> None:
        trade = None if self._trades is None else self._trades.on_event(event)
        if trade is None:
            return
        strategy, instrument, ts = event.strategy_id.value, event.instrument_id.value, event.ts_event
        key = self._book.key_of(strategy, instrument)
        before = self._book.monitor(key).unknown
        changes = self._book.closed(strategy, instrument, ts, *trade)
        if self._book.monitor(key).unknown > before:
            self.log.warning(
                f"{key}: result of {event.position_id} unknown: profit {trade[0]}, value {trade[1]}"
            )
        self._follow(key, changes, ts)

    def _on_alert(self, event: TimeEvent) -> None:
        key = event.name.removeprefix(self._alert(""))
        change = self._book.monitor(key).advance(event.ts_event)
        if change is not None:
            self._follow(key, (change,), event.ts_event)

    def _follow(self, key: str, changes: tuple[Change, ...], ts: int) -> None:
        paused = any(change.stage is Stage.PAUSED for change in changes)
        self._save(key, ts, now=paused)
        for change in changes:
            self._tell(key, change)
        if paused:
            self._set_alert(key)
            if self.config.cancel:
                self._cancel_entries(key)

    def _cancel_entries(self, key: str) -> None:
        """Cancel what rests and would open a position: an old order must not enter in a pause."""
        if self._gateway is None:
            return

        def is_its(order: Order) -> bool:
            return self._book.key_of(order.strategy_id.value, order.instrument_id.value) == key

        cancel_entries(find_kernel(self.msgbus), self._gateway, is_its)

    # -- orders ------------------------------------------------------------------------------------

    def check(self, intent: Intent) -> Verdict:
        """Judge an order by the results of its strategy."""
        return self._book.judge(intent)

    # -- time --------------------------------------------------------------------------------------

    def _alert(self, key: str) -> str:
        return f"{self.id.value}-resume-{key}"

    def _set_alert(self, key: str) -> None:
        self._forget_alert(key)
        until = self._book.monitor(key).until
        self.clock.set_time_alert_ns(self._alert(key), until, self._on_alert)

    def _forget_alert(self, key: str) -> None:
        if self._alert(key) in self.clock.timer_names:
            self.clock.cancel_timer(self._alert(key))

    # -- words -------------------------------------------------------------------------------------

    def _tell(self, key: str, change: Change) -> None:
        text = f"{key}: {change.previous} -> {change.stage}: {change.reason}"
        (self.log.warning if change.stage is Stage.PAUSED else self.log.info)(text)
        update = PerformanceUpdate(
            key=key,
            ts=change.ts,
            stage=change.stage.value,
            until=change.until,
            code=change.code,
            reason=change.reason,
        )
        publish(self.msgbus, update)
        if self._store is None:
            return
        body: dict[str, Any] = {
            "key": key,
            "stage": change.stage.value,
            "previous": change.previous.value,
            "until": change.until,
            "code": change.code,
            "reason": change.reason,
            **change.statistics._asdict(),
        }
        try:
            self._store.append("performance", body, ts=change.ts)
        except StateError as error:
            self.log.warning(f"{key}: its change is not in the journal: {error}")

    # -- state -------------------------------------------------------------------------------------

    def _new_book(self) -> PerformanceBook:
        limits = PerformanceLimits(**{item.name: getattr(self.config, item.name) for item in _LIMITS})
        overrides = {name: _override(limits, other) for name, other in self.config.overrides.items()}
        return PerformanceBook(limits, overrides, Per(self.config.per))

    def _restore(self, store: StateStore) -> None:
        now = self.clock.timestamp_ns()
        for key, document in store.documents(GATE).items():
            if not self._book.takes(key):
                continue
            change = self._book.restore(key, document, now)
            if change is not None:
                self._follow(key, (change,), now)
        for key in self._book.due():
            self._set_alert(key)

    def _save(self, key: str, ts: int, *, now: bool) -> None:
        if self._store is None or self.config.state is None:
            return
        document = self._book.monitor(key).to_dict()
        try:
            (self._store.put_now if now else self._store.put)(GATE, key, document, ts=ts)
        except StateError as error:
            self.log.error(f"{key}: its performance is not saved, a restart would forget it: {error}")


_LIMITS = fields(PerformanceLimits)


def _override(limits: PerformanceLimits, other: PerformanceOverride) -> PerformanceLimits:
    given = {item.name: getattr(other, item.name) for item in _LIMITS}
    return replace(limits, **{name: value for name, value in given.items() if value is not None})
