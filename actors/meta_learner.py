"""Chooses which strategies trade, and how large, by what each of them earns while the market changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from nautilus_trader.common.actor import Actor
from nautilus_trader.model.events import PositionClosed
from nautilus_trader.model.instruments import CryptoPerpetual

from nautilus_quant.account.funding import FundingClock
from nautilus_quant.actors.meta_learner_config import MetaLearnerConfig, contest_of
from nautilus_quant.gating.intent import Verdict
from nautilus_quant.host.arm_prices import ArmPrices
from nautilus_quant.host.arms import CostSettings, Leave, find_arms, instruments_of, leave_to_open
from nautilus_quant.host.cadence import SaveCadence
from nautilus_quant.host.entries import cancel_entries
from nautilus_quant.host.gateway import OrderGateway
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.messages import (
    AllocationUpdate,
    RegimeUpdate,
    TargetUpdate,
    everything,
    latest,
    publish,
    topic_of,
)
from nautilus_quant.host.state import StateError, StateStore, shared_store
from nautilus_quant.host.valuation import Valuer
from nautilus_quant.learning.contest import Arm, Contest, Standing, Want

if TYPE_CHECKING:
    from nautilus_trader.common.events import TimeEvent
    from nautilus_trader.model.data import Bar, BarType, FundingRateUpdate
    from nautilus_trader.model.events import PositionEvent

    from nautilus_quant.gating.intent import Intent
    from nautilus_quant.learning.record import Evaluation

GATE = "selector"
"""Name of the gate."""

_NAMESPACE = "learning"
_FUNDING = "funding clock"
_MARKET = "MARKET"
_CRISIS = "CRISIS"
_ANY = "ANY"  # the regime where nobody tells one
_BARS = "data.bars.*"
_RATES = "data.funding_rates.*"
_POSITIONS = "events.position.*"
_TIMER = "meta_learner.evaluate"
_GRACE = "meta_learner.grace"
_ROUNDING = 1e-9
_PATIENCE = 5_000_000_000  # [ns]
_BETWEEN = 10  # after the regime gate and the valuer, before the strategies

__all__ = ["MetaLearner", "MetaLearnerConfig"]


class MetaLearner(Actor):  # type: ignore[misc]
    """
    Lets the strategies of each market compete: the chosen trade, the others are observed and stay flat.

    Every strategy that trades targets is judged by what its targets would have earned, chosen or not; one of
    other people's by its closed positions, and then it can only be let through or blocked: its entries that
    rest are cancelled, its positions and what closes them are left to it.

    When something fails, nothing is opened on that market until an evaluation has succeeded again.

    Parameters
    ----------
    config
        A `MetaLearnerConfig`.

    Raises
    ------
    ValueError
        If a parameter is impossible, or the policy is unknown.

    """

    def __init__(self, config: MetaLearnerConfig | None = None) -> None:
        super().__init__(config or MetaLearnerConfig())
        contest_of(self.config, "", [Arm("", 1.0)], 0)  # impossible parameters are refused at once
        self._contests: dict[str, Contest] = {}
        self._market_of: dict[str, str] = {}
        self._trades: dict[str, tuple[str, ...]] = {}
        self._prices: ArmPrices | None = None
        self._sources: dict[str, BarType] = {}
        self._last_bar: dict[str, int] = {}
        self._allotted: dict[str, float] = {}
        self._due: dict[str, str] = {}
        self._ready = False
        self._faulty: set[str] = set()  # markets on which nothing may be opened
        self._dormant: set[str] = set()  # markets whose arms all were asleep at the last evaluation
        self._missed: set[str] = set()  # those of which something was missed since the last evaluation
        self._cadence: SaveCadence | None = None
        self._funding = FundingClock()
        self._store: StateStore | None = None
        self._gateway: OrderGateway | None = None
        self._valuer: Valuer | None = None

    @property
    def name(self) -> str:
        """Of the gate."""
        return GATE

    @property
    def contests(self) -> dict[str, Contest]:
        """The contest of each market, by instrument id."""
        return self._contests

    # -- life --------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Stand in the chain of gates first, then go on where the last run ended, then listen."""
        self._gateway = OrderGateway.join(self.msgbus, self)
        self._valuer = Valuer.on(self.msgbus)
        self._store = shared_store(self.config.state)
        self._cadence = SaveCadence(self.msgbus, self.config.state)
        self._gather()
        self._listen()
        self._due = dict.fromkeys(self._contests, "start")
        for contest in self._contests.values():
            if contest.started:
                # The old choice holds until a bar comes: what the gates say before is of bars long past.
                self._allot(contest, self.clock.timestamp_ns())
                self._cancel_entries(contest)
        self._evaluate_due("")

    def on_stop(self) -> None:
        """Stop listening, save, and leave the chain."""
        self.clock.cancel_timers()
        for topic, handler in self._topics():
            self.msgbus.unsubscribe(topic, handler)
        if self._store is not None:
            self._save(self.clock.timestamp_ns())
            self._store.close()
            self._store = None
        if self._gateway is not None:
            self._gateway.leave(self)
            self._gateway = None

    def on_reset(self) -> None:
        """Forget what was learnt."""
        self._ready = False
        memories = (self._contests, self._market_of, self._trades, self._due)
        faults = (self._faulty, self._missed, self._dormant)
        for memory in (*memories, self._sources, self._last_bar, self._allotted, *faults):
            memory.clear()
        self._funding = FundingClock()

    def _gather(self) -> None:
        assert self._store is not None
        config, kernel = self.config, find_kernel(self.msgbus)
        costs = CostSettings(float(config.half_spread), config.impact)
        self._restore_funding(self._store)
        for seed, (market, arms) in enumerate(find_arms(kernel, config.arms, config.exclude, costs).items()):
            self._contests[market] = self._contest(market, arms, seed, self._store)
            self._market_of.update({arm.name: market for arm in arms})
        legs = {leg for contest in self._contests.values() for leg in contest.legs}
        assert self._valuer is not None
        self._prices = ArmPrices(kernel, self._valuer, sorted(legs), with_pace=config.impact > 0.0)
        for strategy in kernel.trader.strategies():
            market = self._market_of.get(strategy.id.value, "")
            self._trades[strategy.id.value] = instruments_of(strategy, market)
        self._ready = True
        budgets = sum(contest.budget for contest in self._contests.values())
        if budgets > 1.0 + _ROUNDING:
            self.log.warning(
                f"the arms' allocations add up to {budgets:.0%} of the equity, and a market gives its whole "
                "share to the arms it chooses: `allocation` is what a strategy may use of the whole"
            )

    def _contest(self, market: str, arms: list[Arm], number: int, store: StateStore) -> Contest:
        """Go on with a contest that was saved; what is damaged is left, and the contest begins anew."""
        contest, now = contest_of(self.config, market, arms, number), self.clock.timestamp_ns()
        try:
            saved = store.get(_NAMESPACE, market)
            if saved is None:
                return contest
            if saved["ts"] > now:
                self.log.warning(f"what was saved of {market} is of later than now, its books begin anew")
            return contest.restore(saved, now)
        except Exception as error:  # noqa: BLE001 (whatever is wrong with it, it must not stop the node)
            self.log.error(f"what was learnt on {market} cannot be read, begins anew: {error!r}")
            return contest_of(self.config, market, arms, number)

    def _restore_funding(self, store: StateStore) -> None:
        try:
            self._funding.restore(store.get(_NAMESPACE, _FUNDING) or {})
        except Exception as error:  # noqa: BLE001 (the same)
            self.log.error(f"the last funding times cannot be read, begin anew: {error!r}")
            self._funding = FundingClock()

    def _topics(self) -> tuple[tuple[str, Any], ...]:
        return (
            (_BARS, self._on_any_bar),
            (_RATES, self._on_rate),
            (_POSITIONS, self._on_position),
            (topic_of(TargetUpdate), self._on_target),
            (topic_of(RegimeUpdate), self._on_regime),
        )

    def _listen(self) -> None:
        for topic, handler in self._topics():
            self.msgbus.subscribe(topic, handler, priority=_BETWEEN)
        for update in everything(self.msgbus, TargetUpdate).values():
            self._on_target(update)
        assert self._prices is not None
        for instrument in self._prices.instruments.values():
            if isinstance(instrument, CryptoPerpetual):
                self.subscribe_funding_rates(instrument.id)
        interval = timedelta(seconds=float(self.config.evaluation_interval))
        self.clock.set_timer(
            _TIMER, interval, start_time=self._last_boundary(interval), callback=self._on_timer
        )

    def _last_boundary(self, interval: timedelta) -> datetime:
        origin = datetime(1970, 1, 1, tzinfo=UTC)
        passed = (self.clock.utc_now() - origin) // interval
        return origin + passed * interval

    # -- what comes in -----------------------------------------------------------------------------

    def _on_timer(self, event: TimeEvent) -> None:
        """Wait for each market's bar of this moment, unless it is here; not for one that never comes."""
        self._due = dict.fromkeys(self._contests, "interval") | self._due
        for market in self._contests:
            if self._last_bar.get(market, 0) >= event.ts_event:
                self._evaluate_due(market)
        if self._due:
            patience = min(_PATIENCE, int(float(self.config.evaluation_interval) * 1e9 / 2.0))
            if _GRACE in self.clock.timer_names:  # after a standstill several events come at once
                self.clock.cancel_timer(_GRACE)
            self.clock.set_time_alert_ns(_GRACE, event.ts_event + patience, self._on_grace)

    def _on_grace(self, _event: TimeEvent) -> None:
        self._evaluate_due()

    def _on_regime(self, update: RegimeUpdate) -> None:
        """Wait for the bar it comes with to reach the valuation, then evaluate."""
        for market in self._contests if update.key == _MARKET else (update.key,):
            if market in self._contests:
                self._due[market] = "regime"

    def _on_any_bar(self, bar: Bar) -> None:
        instrument = bar.bar_type.instrument_id.value
        if instrument in self._dormant and instrument not in self._due and self._has_woken(instrument):
            self._due[instrument] = "gate"
        # Bars of two lengths would count the same moves and volume twice: the first type seen is followed.
        if self._sources.setdefault(instrument, bar.bar_type) == bar.bar_type:
            self._follow(instrument, bar)
        if self._due:
            self._evaluate_due(instrument)
        if self._cadence is not None and self._cadence.is_due(bar.ts_init):
            self._save(bar.ts_init)

    def _has_woken(self, market: str) -> bool:
        """Tell whether an arm of a market where all were asleep may be chosen again: no need to wait."""
        contest, now = self._contests[market], self.clock.timestamp_ns()
        return any(contest.speaks(arm) and self._leave(arm.name, now) is Leave.YES for arm in contest.arms)

    def _follow(self, instrument: str, bar: Bar) -> None:
        close = bar.close.as_double()
        contest = self._contests.get(instrument)
        try:
            if contest is not None:
                contest.close(bar.ts_event, close)
                self._last_bar[instrument] = bar.ts_event
            if self._prices is not None:
                self._prices.follow(instrument, bar)
        except Exception as error:  # noqa: BLE001 (see `_fail`)
            self._fail(error, *self._contests)

    def _on_target(self, update: TargetUpdate) -> None:
        market = self._market_of.get(update.strategy)
        if market is None or update.instrument not in self._trades[update.strategy]:
            return
        try:
            if self._contests[market].target(self._want(update)):
                self._due.setdefault(market, "arms")
        except Exception as error:  # noqa: BLE001 (see `_fail`)
            self._fail(error, market)

    def _want(self, update: TargetUpdate) -> Want:
        assert self._prices is not None
        price, unit = self._prices.price(update.instrument, update.price)
        return Want(
            arm=update.strategy,
            instrument=update.instrument,
            exposure=update.exposure,
            price=price,
            unit=unit,
            ts=self.clock.timestamp_ns(),
            passive=update.passive,
            half_spread=self._prices.half_spread(update.instrument),
            pace=self._prices.pace(update.instrument),
        )

    def _on_rate(self, update: FundingRateUpdate) -> None:
        instrument = update.instrument_id.value
        try:
            paid = self._funding.update(instrument, float(update.rate), update.next_funding_ns)
            if paid is None or self._prices is None or instrument not in self._prices.instruments:
                return
            price, unit = self._prices.price(instrument)
            for contest in self._contests.values():
                contest.mark(instrument, price, unit, self.clock.timestamp_ns())
                contest.funding(instrument, paid)
        except Exception as error:  # noqa: BLE001 (see `_fail`)
            self._fail(error, *self._contests)

    def _on_position(self, event: PositionEvent) -> None:
        """Learn from the closed positions of strategies that publish no targets."""
        strategy = event.strategy_id.value
        market = self._market_of.get(strategy)
        if market is None or not isinstance(event, PositionClosed) or self._valuer is None:
            return
        money = event.realized_pnl
        try:
            rate = self._valuer.rate(money.currency.code, self.clock.timestamp_ns())
            self._contests[market].realised(strategy, money.as_double() * rate)
        except Exception as error:  # noqa: BLE001 (see `_fail`)
            self._fail(error, market)

    def _fail(self, error: Exception, *markets: str) -> None:
        """
        Close the gate of some markets until an evaluation succeeds, nothing missed before it; said once.

        Whoever published what could not be taken, the strategies and the data engine, must not suffer for it.
        """
        if not self._faulty.issuperset(markets):
            self.log.exception(f"cannot select on {', '.join(markets)}, nothing is opened there", error)  # noqa: LOG004 (told which)
        self._faulty.update(markets)
        self._missed.update(markets)

    # -- evaluation --------------------------------------------------------------------------------

    def _evaluate_due(self, bar_of: str | None = None) -> None:
        """
        Evaluate what is due, but the markets that wait for a bar of theirs.

        Parameters
        ----------
        bar_of
            Whose bar has come, empty for none; ``None`` waits for no bar any more.

        """
        try:
            now, equity = self._standing()
        except Exception as error:  # noqa: BLE001 (see `_fail`)
            self._fail(error, *self._due)
            return
        for market, trigger in list(self._due.items()):
            contest = self._contests[market]
            waits = trigger == "interval" or (trigger == "start" and contest.started)
            if bar_of is not None and market != bar_of and waits:
                continue
            if not contest.started and not equity > 0.0:
                continue  # how large a position would be is not known yet: the gate stays closed
            del self._due[market]
            try:
                record = self._evaluate(contest, now, equity, trigger)
            except Exception as error:  # noqa: BLE001 (see `_fail`)
                self._fail(error, market)
                self._missed.discard(market)
                continue
            self._recover(market)
            self._tell(contest, record)

    def _standing(self) -> tuple[int, float]:
        """Return the time [ns] and the equity [reporting currency], NaN while that is not known."""
        assert self._valuer is not None
        now = self.clock.timestamp_ns()
        valuation = self._valuer.value(now)
        return now, valuation.equity if valuation.fresh else float("nan")

    def _recover(self, market: str) -> None:
        if market in self._missed:
            self._missed.discard(market)
        elif market in self._faulty:
            self._faulty.discard(market)
            self.log.info(f"selects on {market} again")

    def _evaluate(self, contest: Contest, now: int, equity: float, trigger: str) -> Evaluation:
        assert self._prices is not None
        for leg in contest.legs:
            price, unit = self._prices.price(leg)
            contest.mark(leg, price, unit, now)
        leave = [self._leave(arm.name, now) for arm in contest.arms]
        speaks = np.array([contest.speaks(arm) for arm in contest.arms])
        standing = Standing(
            ts=now,
            regime=self._regime_of(contest.market),
            awake=speaks & np.array([said is Leave.YES for said in leave]),
            capital=equity,
            trigger=trigger,
            unclear=speaks & np.array([said is Leave.UNKNOWN for said in leave]),
        )
        return contest.evaluate(standing)

    def _leave(self, strategy: str, now: int) -> Leave:
        assert self._gateway is not None
        return leave_to_open(self._gateway, self.config.gates, strategy, self._trades[strategy], now)

    def _regime_of(self, market: str) -> str:
        whole, own = (latest(self.msgbus, RegimeUpdate, key) for key in (_MARKET, market))
        if whole is not None and whole.regime == _CRISIS:
            return _CRISIS
        return _ANY if own is None else own.regime

    def _tell(self, contest: Contest, record: Evaluation) -> None:
        text = f"{record.market} in {record.regime} ({record.trigger}): {record.reason}"
        (self.log.info if any(record.awake) else self.log.warning)(text)
        (self._dormant.discard if any(record.awake) else self._dormant.add)(contest.market)
        self._allot(contest, record.ts)
        self._cancel_entries(contest)
        self._journal(record)

    def _allot(self, contest: Contest, ts: int) -> None:
        """Tell each arm its allocation, if it has changed."""
        # What is left is closed before what is chosen is opened: both at once might not fit the margin.
        for arm, multiple in sorted(contest.multiples().items(), key=lambda item: item[1]):
            if self._allotted.get(arm) == multiple:
                continue  # every strategy hears every allocation: fifty of them need not hear it again
            self._allotted[arm] = multiple
            for traded in self._trades[arm]:
                update = AllocationUpdate(key=f"{arm}|{traded}", ts=ts, allocation=multiple)
                publish(self.msgbus, update)

    def _cancel_entries(self, contest: Contest) -> None:
        """Cancel what rests of strategies that hear no allocation, and would open a position if it filled."""
        assert self._gateway is not None
        deaf = {arm.name for arm in contest.arms if not arm.legs and not contest.allows(arm.name)}
        if deaf:
            cancel_entries(
                find_kernel(self.msgbus), self._gateway, lambda order: order.strategy_id.value in deaf
            )

    # -- orders ------------------------------------------------------------------------------------

    def check(self, intent: Intent) -> Verdict:
        """Let only chosen arms open positions; strategies that do not compete are none of its business."""
        market = self._market_of.get(intent.strategy)
        if market in self._faulty or not self._ready:
            return Verdict.deny(GATE, "SELECTOR_ERROR", f"cannot select on {market or 'any market'} now")
        if market is None:
            return Verdict.allow(GATE)
        if self._contests[market].allows(intent.strategy):
            return Verdict.allow(GATE)
        return Verdict.deny(GATE, "NOT_CHOSEN", f"{intent.strategy} is not chosen on {market} now")

    # -- state -------------------------------------------------------------------------------------

    def _save(self, ts: int) -> None:
        if self._store is None or self.config.state is None:
            return
        self._store.put(_NAMESPACE, _FUNDING, self._funding.to_dict(), ts=ts)
        for market, contest in self._contests.items():
            self._store.put(_NAMESPACE, market, contest.to_dict(), ts=ts)

    def _journal(self, record: Evaluation) -> None:
        if self._store is None:
            return
        try:
            self._store.append("selection", record.to_dict(), ts=record.ts)
        except StateError as error:
            self.log.warning(f"an evaluation of {record.market} is not in the journal: {error}")
