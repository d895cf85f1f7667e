"""Lets each strategy take new risk only in the market regimes it is made for."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from typing import TYPE_CHECKING

from msgspec import field
from nautilus_trader.config import ActorConfig, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.gating.market import MarketRegime
from nautilus_quant.gating.matrix import DEFAULT, Compatibility
from nautilus_quant.gating.regime_book import GATE, REGIME_UNKNOWN, RegimeBook, RegimeChange
from nautilus_quant.gating.regime_rule import Regime, RegimeParams
from nautilus_quant.host.bars import bar_type_of
from nautilus_quant.host.gate_actor import BEFORE_STRATEGIES, GateActor
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.messages import RegimeUpdate, publish
from nautilus_quant.host.options_contract import contract_of
from nautilus_quant.host.options_underlying import moves_like
from nautilus_quant.host.regime_bars import RegimeBars

if TYPE_CHECKING:
    from nautilus_trader.model.data import BarType

    from nautilus_quant.gating.intent import Intent, Verdict
    from nautilus_quant.host.gate_actor import Heard
    from nautilus_quant.host.gateway import OrderGateway
    from nautilus_quant.host.regime_bars import Source
    from nautilus_quant.host.state import StateStore

_LIVE_BARS = "data.bars.*"
_PAST_BARS = "historical.data.bars.*"


class RegimeGateConfig(ActorConfig, kw_only=True, frozen=True):
    """
    What the regime gate can be told; without anything it follows every instrument that has bars.

    Parameters
    ----------
    bar
        The only bars listened to, e.g. ``"1-MINUTE"``; ``None`` takes the first type seen of each instrument.
        Longer bars give slower regimes.
    instruments
        Instruments whose bars the gate subscribes by itself (`bar` must be given); others are followed when
        somebody else subscribes theirs.
    matrix
        Regimes in which each kind of strategy may open positions, e.g.
        ``{momentum: [STRONG_TREND_UP], default: [ALL]}``; kinds left out keep the shipped row.
    kinds
        Kind by strategy id, e.g. ``{EMACross-001: momentum}``; a strategy left out is of the kind its class
        name is in snake_case, or of the ``default`` kind.
    proxies
        Instruments judged by the bars of another, e.g. ``{BTCUSDT.SIM: BTCUSDT-PERP.SIM}``. Options need
        none: they are judged by a market of their underlying, at best of their venue.
    market_share, market_least
        The market is in CRISIS when this share of its instruments is, and at least so many [instruments].
    stale_after
        Silence after which a regime is unknown, unless the bars are so long that it is normal [s].
    state
        URL of the state store; ``None`` keeps nothing over a restart.
    adx_period, trend_enter, trend_leave, fast_half_life, slow_half_life, vol_enter, vol_leave
        See `nautilus_quant.gating.regime.RegimeParams`, also for all that follow.
    crisis_window, crisis_enter, crisis_leave, crisis_vol_enter, crisis_vol_leave, min_fall
        When a fall, or a burst of volatility, is a crisis.
    dwell, crisis_dwell, warm_up, recovery, max_gap, max_move, min_vol
        How long regimes last at least, and what is done about missing and absurd bars.

    """

    bar: str | None = None
    instruments: tuple[InstrumentId, ...] = ()
    matrix: dict[str, list[str] | str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    proxies: dict[str, str] = field(default_factory=dict)
    market_share: Fraction = 0.5
    market_least: PositiveInt = 2
    stale_after: Seconds = 30.0
    state: str | None = None

    adx_period: PositiveInt = 14
    trend_enter: PositiveFloat = 30.0
    trend_leave: PositiveFloat = 20.0
    fast_half_life: PositiveFloat = 10.0
    slow_half_life: PositiveFloat = 200.0
    vol_enter: PositiveFloat = 1.75
    vol_leave: PositiveFloat = 1.35
    crisis_window: PositiveInt = 24
    crisis_enter: PositiveFloat = 4.0
    crisis_leave: PositiveFloat = 2.0
    crisis_vol_enter: PositiveFloat = 3.5
    crisis_vol_leave: PositiveFloat = 2.0
    min_fall: Fraction = 0.005
    dwell: PositiveInt = 10
    crisis_dwell: PositiveInt = 24
    warm_up: PositiveInt = 100
    recovery: PositiveInt = 3
    max_gap: NonNegativeInt = 3
    max_move: NonNegativeFloat = 0.5
    min_vol: PositiveFloat = 1e-6


class RegimeGate(GateActor):
    """
    Tells the regime of each instrument and of the market, and blocks entries of strategies made for others.

    Parameters
    ----------
    config
        A `RegimeGateConfig`.

    Raises
    ------
    ValueError
        If a parameter is impossible, or the matrix names an unknown regime.

    """

    name = GATE

    def __init__(self, config: RegimeGateConfig | None = None) -> None:
        super().__init__(config or RegimeGateConfig())
        if self.config.instruments and self.config.bar is None:
            raise ValueError("`instruments` needs `bar`: which bars to subscribe, e.g. bar: 1-MINUTE")
        self._book = self._new_book()
        self._bars: RegimeBars | None = None
        self._kinds: dict[str, str] = dict(self.config.kinds)

    @property
    def regimes(self) -> dict[str, Regime]:
        """The regime of every instrument by its id, and of the market under ``"MARKET"``."""
        return self._book.regimes

    # -- life --------------------------------------------------------------------------------------

    def _topics(self) -> tuple[Heard, ...]:
        bars = self._bars
        if bars is None:
            return ()
        return (
            (_LIVE_BARS, bars.on_live, BEFORE_STRATEGIES),
            (_PAST_BARS, bars.on_past, BEFORE_STRATEGIES),
        )

    def _resume(self, _gateway: OrderGateway, store: StateStore) -> None:
        for instrument, document in store.documents(GATE).items():
            self._restore(instrument, document)
        after = None if self._cadence is None else self._save_sometimes
        self._bars = RegimeBars(self.msgbus, self._source_of, self._change, after)

    def _begin(self) -> None:
        for instrument_id in self.config.instruments:
            self.subscribe_bars(bar_type_of(instrument_id, self.config.bar))

    def on_reset(self) -> None:
        """Forget all bars."""
        self._book = self._new_book()
        self._kinds = dict(self.config.kinds)

    # -- bars --------------------------------------------------------------------------------------

    def _change(self, instrument: str, regime: Regime, ts: int) -> None:
        for change in self._book.changed(instrument, regime, ts):
            self._tell(change)
        if self._cadence is not None:
            self._save(instrument, partial(self._book.to_dict, instrument), ts)

    def _source_of(self, bar_type: BarType) -> Source | None:
        instrument_id, wanted = bar_type.instrument_id, self.config.bar
        if wanted is not None and bar_type != bar_type_of(instrument_id, wanted):
            return None
        interval = bar_type.spec.get_interval_ns() if bar_type.spec.is_time_aggregated() else 0
        instrument: str = instrument_id.value
        followed = self._book.follow(instrument, str(bar_type), interval)
        return None if followed is None else (instrument, followed)

    def _tell(self, change: RegimeChange) -> None:
        update = RegimeUpdate(
            key=change.key,
            ts=change.ts,
            regime=change.regime.value,
            previous=change.previous.value,
            numbers=change.numbers,
        )
        publish(self.msgbus, update)
        text = f"{change.key}: {change.previous} -> {change.regime}"
        (self.log.warning if change.regime is Regime.CRISIS else self.log.info)(text)
        body = {
            "key": change.key,
            "regime": change.regime.value,
            "previous": change.previous.value,
            "numbers": dict(change.numbers),
        }
        self._write_down("regime", body, change.ts)

    # -- orders ------------------------------------------------------------------------------------

    def check(self, intent: Intent) -> Verdict:
        """Judge an order by the regime of its instrument and the kind of its strategy."""
        kind = self._kind_of(intent.strategy)
        verdict = self._book.judge(intent, kind)
        if verdict.code == REGIME_UNKNOWN and self._is_of_a_market_followed(intent.instrument):
            return self._book.judge(intent, kind)
        return verdict

    def _is_of_a_market_followed(self, option: str) -> bool:
        """Tell whether an instrument is an option whose underlying has bars, and judge it by these."""
        instrument = self.cache.instrument(InstrumentId.from_str(option))
        contract = contract_of(instrument)
        if contract is None:
            return False
        markets = [self.cache.instrument(InstrumentId.from_str(name)) for name in self._book.followed]
        sources = [each for each in markets if each is not None and moves_like(each, contract.underlying)]
        if not sources:
            return False
        nearest = min(sources, key=lambda each: each.id.venue != instrument.id.venue)
        self._book.judge_by(option, nearest.id.value)
        return True

    def _kind_of(self, strategy: str) -> str:
        kind = self._kinds.get(strategy)
        if kind is not None:
            return kind
        for running in find_kernel(self.msgbus).trader.strategies():
            self._kinds.setdefault(running.id.value, self._book.kind_of(type(running)))
        return self._kinds.get(strategy, DEFAULT)

    # -- state -------------------------------------------------------------------------------------

    def _new_book(self) -> RegimeBook:
        config = self.config
        return RegimeBook(
            RegimeParams(**{item.name: getattr(config, item.name) for item in fields(RegimeParams)}),
            Compatibility(config.matrix),
            MarketRegime(float(config.market_share), config.market_least),
            proxies=config.proxies,
            stale_after=float(config.stale_after),
        )

    def _restore(self, instrument: str, document: dict[str, object]) -> None:
        wanted = self.config.bar
        if wanted is not None:
            listened = bar_type_of(InstrumentId.from_str(instrument), wanted)
            if document.get("bar_type") != str(listened):
                return
        for change in self._book.restore(instrument, document, now=self.clock.timestamp_ns()):
            self._tell(change)

    def _save_all(self, ts: int) -> None:
        for instrument in () if self._bars is None else self._bars.instruments:
            self._save(instrument, partial(self._book.to_dict, instrument), ts)
