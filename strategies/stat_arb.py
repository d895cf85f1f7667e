"""Trade two instruments that belong together back to each other, both legs or none."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from nautilus_trader.config import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from nautilus_trader.model.data import Bar
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.config.units import Fraction
from nautilus_quant.host.bars import bar_type_of, seconds_of
from nautilus_quant.host.legged import LeggedStrategy, LeggedStrategyConfig
from nautilus_quant.host.rule_memory import RuleMemory, history_length
from nautilus_quant.signals.pair import PairParams, PairRule
from nautilus_quant.signals.pairing import ClosePair, Pairing

if TYPE_CHECKING:
    from nautilus_trader.core.uuid import UUID4
    from nautilus_trader.model.data import BarType

    from nautilus_quant.signals.pair import PairTarget

_NAMESPACE = "pair"


class StatArbConfig(LeggedStrategyConfig, kw_only=True, frozen=True):
    """
    What it can be told; see `nautilus_quant.signals.pair.PairParams` for more.

    Parameters
    ----------
    partner
        The other leg, e.g. ``"BTCUSDT-PERP.SIM"``; its price explains that of `instrument`.
    partner_bar
        Bars of the partner; ``None`` takes a specification such as ``"1-MINUTE"`` from `bar`.
    hedge
        How the hedge ratio is estimated: ``"kalman"`` or ``"ols"``.
    hedge_window
        Memory of that estimate [bars].
    window
        Bars the test for cointegration looks at [bars].
    retest
        Bars between two tests [bars].
    enter_p, leave_p
        p-value of the test below which the pair may be entered, and above which it is left [-].
    lags
        Lagged differences in the test [bars].
    entry, exit
        Deviation of the spread at which a position is opened, and below which it is closed [standard
        deviations].
    stop
        Loss since the entry at which it is given up [standard deviations at the entry].
    max_holding
        Half-lives of the spread after which it is given up [half-lives].
    max_half_life
        Half-life of the spread above which the pair is not traded [bars].
    min_beta, max_beta
        Bounds of a hedge ratio that makes sense [-].
    max_gap
        Missing bars after which a position is left [bars].
    cap
        Sum of both legs' sizes [fraction of a full position].
    history
        Whether to ask the data client for past bars at the start, to warm up at once.

    """

    partner: InstrumentId
    partner_bar: str | None = None
    hedge: str = "kalman"
    hedge_window: PositiveInt = 500
    window: PositiveInt = 500
    retest: PositiveInt = 24
    enter_p: PositiveFloat = 0.05
    leave_p: PositiveFloat = 0.2
    lags: NonNegativeInt = 1
    entry: PositiveFloat = 2.0
    exit: NonNegativeFloat = 0.5
    stop: PositiveFloat = 2.0
    max_holding: PositiveFloat = 3.0
    max_half_life: PositiveFloat = 100.0
    min_beta: PositiveFloat = 0.2
    max_beta: PositiveFloat = 5.0
    max_gap: PositiveInt = 3
    cap: Fraction = 1.0
    history: bool = True


class StatArb(LeggedStrategy):
    """
    A pair by rolling cointegration, hedged by a Kalman filter or rolling least squares, traded by z-score.

    How legs are kept together is told in `nautilus_quant.host.legged.LeggedStrategy`.

    Parameters
    ----------
    config
        A `StatArbConfig`.

    Raises
    ------
    ValueError
        If a parameter is impossible, the legs are one instrument, or their bars differ in length.

    """

    def __init__(self, config: StatArbConfig) -> None:
        super().__init__(config)
        if config.partner == config.instrument:
            raise ValueError(f"need a partner other than the instrument, was {config.partner} for both")
        self.partner_bar_type: BarType = bar_type_of(config.partner, config.partner_bar or config.bar)
        if self.partner_bar_type.spec.timedelta != self.bar_type.spec.timedelta:
            raise ValueError(
                f"need bars of one length [s], was {self.bar_type.spec} and {self.partner_bar_type.spec}"
            )
        self._memory: RuleMemory | None = None
        self._forget()

    def _forget(self) -> None:
        self._rule = self._new_rule()
        self._live = Pairing()
        self._past = Pairing(self._history)
        self._found: list[ClosePair] = []
        self._heard: deque[ClosePair] = deque(maxlen=self._history)
        self._asked: set[UUID4] = set()

    def _new_rule(self) -> PairRule:
        config = self.config
        params = PairParams(**{name: getattr(config, name) for name in PairParams.__dataclass_fields__})
        return PairRule(params, interval=int(self.bar_type.spec.get_interval_ns()))

    @property
    def legs(self) -> tuple[InstrumentId, ...]:
        """The instrument and its partner."""
        return (self.config.instrument, self.config.partner)

    @property
    def _history(self) -> int:
        return history_length(self._rule.warm_up)

    def on_target_start(self) -> None:
        """Go on from the saved state, and ask for the bars since."""
        self._memory = RuleMemory(self.msgbus, self.config.state, self._key, self._documents)
        try:
            saved = self._memory.get(_NAMESPACE)
            if saved is not None:
                self.restore_plan(saved)
                self._rule.restore(saved["rule"])
        except Exception as error:  # noqa: BLE001 (whatever is wrong with it, it must not stop the node)
            self.log.error(f"the saved state of {self._key} cannot be read, begins anew: {error!r}")
            self._rule = self._new_rule()
        self.subscribe_bars(self.partner_bar_type)
        if self.config.history:
            start = self.clock.utc_now() - timedelta(seconds=self._history * seconds_of(self.bar_type))
            for bar_type in (self.bar_type, self.partner_bar_type):
                self._asked.add(self.request_bars(bar_type, start=start, callback=self._on_answer))

    def on_stop(self) -> None:
        """Save the rule after what the base does."""
        super().on_stop()
        if self._memory is not None:
            self._memory.close(self.clock.timestamp_ns())
            self._memory = None

    def on_reset(self) -> None:
        """Forget all bars, too."""
        super().on_reset()
        self._forget()

    def on_historical_data(self, data: Any) -> None:
        """Warm up; the past is not traded on."""
        leg = self._leg_of(data) if isinstance(data, Bar) else None
        pair = None if leg is None else self._past.add(leg, data.ts_event, float(data.close))
        if pair is not None:
            self._found.append(pair)
            if not self._heard:
                self._rule.update(*pair)

    def _on_answer(self, request_id: UUID4) -> None:
        """Learn the past before what came while it was asked for, once the history of both legs is here."""
        self._asked.discard(request_id)
        if self._asked:
            return
        if self._heard and not self._rule.ready:
            self._rule = self._new_rule()
            for pair in sorted({*self._found, *self._heard}):
                self._rule.update(*pair)
        self._found.clear()
        self._heard.clear()

    def on_bar(self, bar: Bar) -> None:
        """Want what the rule says, once the bars of both legs are here."""
        leg = self._leg_of(bar)
        if leg is None:
            return
        pair = self._live.add(leg, bar.ts_event, float(bar.close))
        if pair is None:
            target = self._rule.missed(bar.ts_event)
        else:
            if self._asked:
                self._heard.append(pair)
            target = self._rule.update(*pair)
        if self._memory is not None:
            self._memory.save_sometimes(bar.ts_init)
        if target is not None:
            self._aim(target, bar.ts_event)

    def _aim(self, target: PairTarget, ts: int) -> None:
        legs = dict(zip(self.legs, (target.a, target.b), strict=True))
        self.set_targets(legs, ts=ts, reason=target.reason)

    def on_plan(self) -> None:
        """Save at once: a restart needs to know which positions belong together."""
        if self._memory is not None:
            self._memory.save(self.clock.timestamp_ns())

    def _leg_of(self, bar: Bar) -> int | None:
        if bar.bar_type == self.bar_type:
            return 0
        return 1 if bar.bar_type == self.partner_bar_type else None

    @property
    def _key(self) -> str:
        return f"{self.id.value}|{self.bar_type}|{self.partner_bar_type}"

    def _documents(self) -> dict[str, dict[str, Any]]:
        return {_NAMESPACE: {"rule": self._rule.to_dict(), **self.plan_to_dict()}}
