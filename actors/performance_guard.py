"""Pauses the entries of a strategy whose closed trades fall below a floor, and lets it back on probation."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Literal

from msgspec import field
from nautilus_trader.common.config import NautilusConfig
from nautilus_trader.config import ActorConfig, NonNegativeFloat, PositiveInt

from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.host.entries import cancel_entries
from nautilus_quant.host.gate_actor import BEFORE_STRATEGIES, GateActor
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.messages import publish
from nautilus_quant.host.performance import PerformanceUpdate, RoundTrips
from nautilus_quant.host.valuation import Valuer
from nautilus_quant.safety.performance import Change, PerformanceLimits, Stage
from nautilus_quant.safety.performance_book import GATE, Per, PerformanceBook

if TYPE_CHECKING:
    from nautilus_trader.model.events import OrderFilled, PositionEvent
    from nautilus_trader.model.orders import Order

    from nautilus_quant.gating.intent import Intent, Verdict
    from nautilus_quant.host.gate_actor import Heard
    from nautilus_quant.host.gateway import OrderGateway
    from nautilus_quant.host.state import StateStore

_POSITIONS = "events.position.*"
_FILLS = "events.fills.*"


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


class PerformanceGuard(GateActor):
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

    name = GATE

    def __init__(self, config: PerformanceGuardConfig | None = None) -> None:
        super().__init__(config or PerformanceGuardConfig())
        self._book = self._new_book()
        self._trades: RoundTrips | None = None
        self._pauses = self._wake_ups("resume", self._advance)

    @property
    def stages(self) -> dict[str, Stage]:
        """Where each strategy stands, by strategy id or ``strategy|instrument``."""
        return {key: monitor.stage for key, monitor in self._book.monitors.items()}

    # -- life --------------------------------------------------------------------------------------

    def _topics(self) -> tuple[Heard, ...]:
        return (
            (_FILLS, self._on_fill, BEFORE_STRATEGIES),
            (_POSITIONS, self._on_position, BEFORE_STRATEGIES),
        )

    def _resume(self, _gateway: OrderGateway, store: StateStore) -> None:
        now = self.clock.timestamp_ns()
        self._trades = RoundTrips.on(self.msgbus, Valuer.on(self.msgbus, self.config.reporting_currency))
        for key, document in store.documents(GATE).items():
            if not self._book.takes(key):
                continue
            change = self._book.restore(key, document, now)
            if change is not None:
                self._follow(key, (change,), now)
        for key in self._book.due():
            self._set_alert(key)
        for position in self.cache.positions_open():
            self._trades.adopt(position, now)

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

    def _advance(self, key: str, ts: int) -> None:
        change = self._book.monitor(key).advance(ts)
        if change is not None:
            self._follow(key, (change,), ts)

    def _set_alert(self, key: str) -> None:
        self._pauses.set(key, self._book.monitor(key).until)

    def _follow(self, key: str, changes: tuple[Change, ...], ts: int) -> None:
        paused = any(change.stage is Stage.PAUSED for change in changes)
        self._save(key, self._book.monitor(key).to_dict, ts, now=paused)
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
        body = {
            "key": key,
            "stage": change.stage.value,
            "previous": change.previous.value,
            "until": change.until,
            "code": change.code,
            "reason": change.reason,
            **change.statistics._asdict(),
        }
        self._write_down("performance", body, change.ts)

    def _new_book(self) -> PerformanceBook:
        limits = PerformanceLimits(**{item.name: getattr(self.config, item.name) for item in _LIMITS})
        overrides = {name: _override(limits, other) for name, other in self.config.overrides.items()}
        return PerformanceBook(limits, overrides, Per(self.config.per))


_LIMITS = fields(PerformanceLimits)


def _override(limits: PerformanceLimits, other: PerformanceOverride) -> PerformanceLimits:
    given = {item.name: getattr(other, item.name) for item in _LIMITS}
    return replace(limits, **{name: value for name, value in given.items() if value is not None})
