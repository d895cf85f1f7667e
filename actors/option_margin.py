"""Keeps what options could lose in stress below a share of the equity: gate, alerts, and a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_trader.config import ActorConfig, NonNegativeFloat, PositiveFloat, PositiveInt

from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.gating.intent import Verdict
from nautilus_quant.host.gate_actor import BEFORE_STRATEGIES, GateActor
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.messages import publish
from nautilus_quant.host.option_margin import OptionBook, OptionRiskUpdate, reports
from nautilus_quant.host.valuation import Valuer
from nautilus_quant.options.stress_book import ALLOWED, GATE, OPTION_RISK_UNKNOWN, StressBook, StressLimits
from nautilus_quant.options.stress_grid import StressParams
from nautilus_quant.options.stress_watch import StressWatch

if TYPE_CHECKING:
    from nautilus_trader.model.events import OrderEvent, PositionEvent

    from nautilus_quant.gating.intent import Decision, Intent
    from nautilus_quant.host.gate_actor import Heard
    from nautilus_quant.host.gateway import OrderGateway
    from nautilus_quant.host.state import StateStore

__all__ = ["OptionMargin", "OptionMarginConfig", "OptionRiskUpdate"]

_SECOND = 1_000_000_000


class OptionMarginConfig(ActorConfig, kw_only=True, frozen=True):
    """
    What the gate of options can be told.

    Parameters
    ----------
    max_stress_loss
        Most that may be lost in the worst scenario of each underlying, all underlyings together [fraction of
        equity]. Less leaves room for worse than the grid knows.
    alert
        Share of that limit from which on people are told [fraction].
    spot_range, spot_steps
        Largest move of the price to either side [fraction], and how many even steps lead there: see
        `nautilus_quant.options.stress_grid.StressParams`, also for what follows.
    vol_up, vol_down, least_up
        Shocks of volatility at 30 days [fraction of it], and what it is at least after one upwards [vol].
    short_power, long_power
        How shocks grow for nearer and shrink for later expiries [-].
    days
        Time that passes [days]; 0 must be among them.
    far, far_fraction
        Larger moves of the price [fraction], and how much of their losses counts.
    gap
        Jump of the price at an expiry that is reported [fraction].
    interval
        How old a measurement may be when an order is judged [s]; positions and orders always count at once.
    report_interval
        Time between two reports [s].
    max_vol_age
        How long the last volatility known of an option is taken while there is none [s].
    reporting_currency
        Currency losses are counted in; ``None`` takes the account's.

    """

    max_stress_loss: Fraction = 0.25
    alert: Fraction = 0.8
    spot_range: Fraction = 0.16
    spot_steps: PositiveInt = 4
    vol_up: NonNegativeFloat = 0.50
    vol_down: Fraction = 0.25
    least_up: NonNegativeFloat = 0.50
    short_power: Fraction = 0.30
    long_power: Fraction = 0.13
    days: tuple[float, ...] = (0.0, 1.0)
    far: tuple[float, ...] = (-0.66, -0.33, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0)
    far_fraction: Fraction = 0.16
    gap: Fraction = 0.10
    interval: Seconds = 1.0
    report_interval: PositiveFloat = 10.0
    max_vol_age: Seconds = 300.0
    reporting_currency: str | None = None


class OptionMargin(GateActor):
    """
    Lets new risk in options, and in what moves with them, through while its stress loss is bearable.

    Orders in everything else pass untouched.

    Parameters
    ----------
    config
        An `OptionMarginConfig`.

    Raises
    ------
    ValueError
        If a bound is impossible.

    """

    name = GATE

    def __init__(self, config: OptionMarginConfig | None = None) -> None:
        super().__init__(config or OptionMarginConfig())
        self._limits = _limits(self.config)
        self._options: OptionBook | None = None
        self._watch = StressWatch(self.config.alert)
        self._wakes_up = self._wake_ups("report", self._on_wake)
        self._awake = False

    # -- life --------------------------------------------------------------------------------------

    def _topics(self) -> tuple[Heard, ...]:
        return (
            ("events.order.*", self._on_order, BEFORE_STRATEGIES),
            ("events.position.*", self._on_position, BEFORE_STRATEGIES),
        )

    def _resume(self, gateway: OrderGateway, _store: StateStore) -> None:
        self._watch = StressWatch(self.config.alert)
        self._awake = False
        self._options = OptionBook(
            find_kernel(self.msgbus),
            Valuer.on(self.msgbus, self.config.reporting_currency),
            StressBook(self._limits),
            interval=round(self.config.interval * _SECOND),
            max_vol_age=round(self.config.max_vol_age * _SECOND),
        )
        cache = self.cache
        self._options.orders.adopt([*cache.orders_open(), *cache.orders_inflight(), *cache.orders_emulated()])
        gateway.listen(self._on_decision)

    def _begin(self) -> None:
        self._wait()

    def on_stop(self) -> None:
        """Stop listening, and leave the chain."""
        super().on_stop()
        self._options = None

    def on_reset(self) -> None:
        """Forget everything."""
        self._options = None

    # -- orders ------------------------------------------------------------------------------------

    def check(self, intent: Intent) -> Verdict:
        """Judge an order by what the book would lose with it in stress."""
        options = self._options
        term = None if options is None else options.term(intent.instrument)
        if options is None or term is None:
            reason = f"{intent.instrument} is not listed yet, or is an option that cannot be priced"
            return Verdict.deny(GATE, OPTION_RISK_UNKNOWN, reason)
        if not options.matters(term):
            return ALLOWED
        options.refresh(intent.ts)
        return options.book.judge(intent, term.underlying, options.ask(intent, term))

    def _on_decision(self, decision: Decision) -> None:
        if self._options is not None and decision.outcome == ALLOWED.code:
            self._options.orders.approve(decision.intent)
            self._options.touch(decision.intent.instrument)
            self._wait()

    def _on_order(self, event: OrderEvent) -> None:
        if self._options is not None:
            self._options.orders.on_event(event)
            self._options.touch(event.instrument_id.value)

    def _on_position(self, event: PositionEvent) -> None:
        if self._options is not None:
            self._options.touch(event.instrument_id.value)
            self._wait()

    # -- words -------------------------------------------------------------------------------------

    def _wait(self) -> None:
        """Wake up for the next report while there is anything to report."""
        if self._options is not None and not self._awake and self._options.underlyings:
            self._awake = True
            every = round(self.config.report_interval * _SECOND)
            self._wakes_up.set("next", self.clock.timestamp_ns() + every)

    def _on_wake(self, _key: str, now: int) -> None:
        self._awake = False
        if self._options is None:
            return
        self._options.refresh(now)
        for update in reports(self._options.book, now):
            publish(self.msgbus, update)
        for note in self._watch.tell(self._options.book):
            self._alert(note.about, now, note.severity, note.text, note.numbers)
        self._wait()


def _limits(config: OptionMarginConfig) -> StressLimits:
    params = StressParams(
        spot_range=config.spot_range,
        spot_steps=config.spot_steps,
        vol_up=config.vol_up,
        vol_down=config.vol_down,
        least_up=config.least_up,
        short_power=config.short_power,
        long_power=config.long_power,
        days=config.days,
        far=config.far,
        far_fraction=config.far_fraction,
    )
    return StressLimits(max_loss=config.max_stress_loss, gap=config.gap, params=params)
