"""Follows how liquid markets are, and lets no order open more than they bear."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Literal

from msgspec import field
from nautilus_trader.config import ActorConfig, NonNegativeFloat, PositiveFloat
from nautilus_trader.model.enums import OrderType
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.gating.liquidity import LiquidityParams
from nautilus_quant.gating.liquidity_impact import ImpactParams
from nautilus_quant.gating.liquidity_score import LiquidityClass, ScoreParams
from nautilus_quant.gating.liquidity_verdict import GATE, LiquidityRule, judge
from nautilus_quant.host.gate_actor import GateActor
from nautilus_quant.host.liquidity import LiquidityBook, LiquidityUpdate
from nautilus_quant.host.messages import everything, topic_of

if TYPE_CHECKING:
    from nautilus_quant.gating.intent import Intent, Verdict
    from nautilus_quant.host.gate_actor import Heard
    from nautilus_quant.host.gateway import OrderGateway
    from nautilus_quant.host.state import StateStore


class LiquidityMonitorConfig(ActorConfig, kw_only=True, frozen=True):
    """
    What the liquidity monitor can be told; without anything it follows all books and quotes others subscribe.

    Parameters
    ----------
    instruments
        Instruments whose book and trades the monitor subscribes by itself. Mind that a paper venue moves its
        market by all it hears: with depth, its fills walk ten levels, where quotes alone fill at one price.
    book
        What is subscribed of them: ``depth10`` (ten levels), ``deltas`` (changes, of which the best twenty
        levels follow), or ``quotes`` (best prices; no more than the best size then passes). Whatever is heard
        besides counts too: levels go before quotes while they are fresh.
    trades
        Whether their trades are subscribed: without trades, the volume is taken to be what the book shows.
    max_impact
        Largest expected distance of the average fill from the mid, half the spread included [fraction], as in
        ``15bps``. Less cuts more orders down.
    max_impacts
        Others by instrument id, e.g. ``{DOGEUSDT.SIM: 30bps}``.
    without_book
        What happens to orders in an instrument of which no book and no quote was ever heard: ``deny``, or
        ``allow`` for runs on bars alone. An instrument that fell silent is denied in any case.
    stale_after
        Age from which on a book is not used [s].
    every
        Least time between two updates of an instrument [s]; less follows it more closely and costs more.
    half_life
        Of the usual spread and depth [s].
    state
        URL of the state store; ``None`` keeps nothing over a restart.
    tight_spread, wide_spread, deep_depth, dry_depth, deep_volume, dry_volume
        What is worth all points and none: see `nautilus_quant.gating.liquidity_score.ScoreParams`, also for
        the classes.
    deep, normal, thin, margin
        Bounds of the classes.
    prior, prior_error, lowest, highest, noise
        Of the coefficient of impact: see `nautilus_quant.gating.liquidity_impact.ImpactParams`, also for
        what follows.
    forgetting, huber, caution, market_weight
        How it is learnt, and how carefully it is used.

    """

    instruments: tuple[InstrumentId, ...] = ()
    book: Literal["depth10", "deltas", "quotes"] = "depth10"
    trades: bool = True
    max_impact: Fraction = 0.0015
    max_impacts: dict[str, Fraction] = field(default_factory=dict)
    without_book: Literal["deny", "allow"] = "deny"
    stale_after: Seconds = 10.0
    every: Seconds = 1.0
    half_life: Seconds = 300.0
    state: str | None = None

    tight_spread: Fraction = 0.0001
    wide_spread: Fraction = 0.005
    deep_depth: PositiveFloat = 1_000_000.0
    dry_depth: PositiveFloat = 5_000.0
    deep_volume: PositiveFloat = 20_000_000.0
    dry_volume: PositiveFloat = 50_000.0
    deep: PositiveFloat = 75.0
    normal: PositiveFloat = 45.0
    thin: PositiveFloat = 15.0
    margin: NonNegativeFloat = 4.0

    prior: PositiveFloat = 0.003
    prior_error: PositiveFloat = 0.002
    lowest: PositiveFloat = 0.0003
    highest: PositiveFloat = 0.03
    noise: PositiveFloat = 0.0005
    forgetting: Fraction = 0.999
    huber: PositiveFloat = 1.345
    caution: NonNegativeFloat = 1.0
    market_weight: Fraction = 0.1

    @property
    def data_kinds(self) -> tuple[str, ...]:
        """Kinds of data it subscribes beside quotes and bars, which a backtest of it must play."""
        kinds = {"depth": self.book == "depth10", "trades": self.trades}
        return tuple(kind for kind, wanted in kinds.items() if wanted)


class LiquidityMonitor(GateActor):
    """
    Tells the liquidity of each instrument, and cuts orders to what costs no more than a bound.

    Strategies that preview their orders come smaller; an order of anybody else that is too large is denied,
    with the largest size that would pass. What it knows is for all to ask: `nautilus_quant.host.liquidity`.

    Parameters
    ----------
    config
        A `LiquidityMonitorConfig`.

    Raises
    ------
    ValueError
        If a parameter is impossible.

    """

    name = GATE

    def __init__(self, config: LiquidityMonitorConfig | None = None) -> None:
        super().__init__(config or LiquidityMonitorConfig())
        given = self.config
        self._params = LiquidityParams(
            impact=ImpactParams(**{f.name: float(getattr(given, f.name)) for f in fields(ImpactParams)}),
            score=ScoreParams(**{f.name: float(getattr(given, f.name)) for f in fields(ScoreParams)}),
            half_life=float(given.half_life),
            stale_after=float(given.stale_after),
        )
        self._rule = LiquidityRule(
            max_impact=float(given.max_impact),
            max_impacts={name: float(bound) for name, bound in given.max_impacts.items()},
            allow_unheard=given.without_book == "allow",
        )
        self._classes: dict[str, LiquidityClass] = {}
        self._book: LiquidityBook | None = None

    @property
    def classes(self) -> dict[str, LiquidityClass]:
        """The class last told of every instrument, by its id."""
        return dict(self._classes)

    # -- life --------------------------------------------------------------------------------------

    def _topics(self) -> tuple[Heard, ...]:
        return ((topic_of(LiquidityUpdate), self._on_update, 0),)

    def _resume(self, _gateway: OrderGateway, store: StateStore) -> None:
        self._book = LiquidityBook.on(self.msgbus).configure(self._params, float(self.config.every))
        self._book.restore(store.documents(GATE))

    def _begin(self) -> None:
        for update in list(everything(self.msgbus, LiquidityUpdate).values()):
            self._on_update(update)
        for instrument_id in self.config.instruments:
            self._subscribe(instrument_id)

    def _subscribe(self, instrument_id: InstrumentId) -> None:
        if self.config.book == "depth10":
            self.subscribe_order_book_depth(instrument_id, managed=False)
        elif self.config.book == "deltas":
            self.subscribe_order_book_deltas(instrument_id)
        else:
            self.subscribe_quote_ticks(instrument_id)
        if self.config.trades:
            self.subscribe_trade_ticks(instrument_id)

    def on_reset(self) -> None:
        """Forget all books."""
        self._classes.clear()
        if self._book is not None:
            self._book.reset()

    # -- orders ------------------------------------------------------------------------------------

    def check(self, intent: Intent) -> Verdict:
        """Judge an order by what it is expected to cost."""
        assert self._book is not None  # set before the gate is asked
        feed = self._book.feed_of(intent.instrument, intent.ts)
        if feed is None:
            return judge(intent, None, self._rule)
        verdict = judge(intent, feed.market, self._rule, step=feed.step, limited=_is_limited(intent))
        if intent.order:
            self._book.expect(intent.order, intent.instrument, intent.side, intent.ts)
        return verdict

    # -- words -------------------------------------------------------------------------------------

    def _on_update(self, update: LiquidityUpdate) -> None:
        now = LiquidityClass(update.liquidity)
        before = self._classes.get(update.key)
        if now is not before:
            self._classes[update.key] = now
            self._tell(update, now, before)
        self._save_sometimes(update.ts)

    def _tell(self, update: LiquidityUpdate, now: LiquidityClass, before: LiquidityClass | None) -> None:
        text = f"{update.key}: {before or LiquidityClass.UNKNOWN} -> {now}"
        numbers = {"points": update.points, "spread": update.spread, "volume": update.volume}
        numbers = {name: value for name, value in numbers.items() if math.isfinite(value)}
        if now is LiquidityClass.DRY:
            self._alert(update.key, update.ts, "WARNING", f"{text}; nothing new is opened", numbers)
        elif before is LiquidityClass.DRY:
            self._alert(update.key, update.ts, "INFO", text, numbers)
        else:
            self.log.info(text)
        body = {
            "key": update.key,
            "liquidity": now.value,
            "previous": (before or "UNKNOWN"),
            "numbers": numbers,
        }
        self._write_down(GATE, body, update.ts)

    def _save_all(self, ts: int) -> None:
        documents = () if self._book is None or self._state_url is None else self._book.documents()
        for instrument, document in documents:
            self._save(instrument, lambda saved=document: saved, ts)


def _is_limited(intent: Intent) -> bool:
    """Tell whether the price of an intent is a limit, and not one that sets off an order at market."""
    if intent.price is None:
        return False
    order: Any = intent.source
    return order is None or order.order_type == OrderType.LIMIT
