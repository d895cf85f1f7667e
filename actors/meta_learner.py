"""Chooses which strategies trade, and how large, by what each of them earns while the market changes."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from nautilus_trader.model.instruments import CryptoPerpetual

from nautilus_quant.actors.meta_learner_config import MetaLearnerConfig, contest_of
from nautilus_quant.gating.intent import Verdict
from nautilus_quant.host.arms import CostSettings
from nautilus_quant.host.contests import NAMESPACE, ContestDesk
from nautilus_quant.host.entries import cancel_entries
from nautilus_quant.host.gate_actor import GateActor
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.messages import (
    AllocationUpdate,
    RegimeUpdate,
    TargetUpdate,
    everything,
    publish,
    topic_of,
)
from nautilus_quant.host.valuation import Valuer
from nautilus_quant.learning.agenda import ARMS, REGIME, WOKEN, Agenda
from nautilus_quant.learning.contest import Arm, Contest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nautilus_trader.common.events import TimeEvent
    from nautilus_trader.model.data import Bar, FundingRateUpdate
    from nautilus_trader.model.events import PositionEvent

    from nautilus_quant.gating.intent import Intent
    from nautilus_quant.host.gate_actor import Heard
    from nautilus_quant.host.gateway import OrderGateway
    from nautilus_quant.host.state import StateStore
    from nautilus_quant.learning.record import Evaluation

GATE = "selector"
"""Name of the gate."""

_MARKET = "MARKET"
_TIMER = "meta_learner.evaluate"
_ROUNDING = 1e-9
_BETWEEN = 10  # after the regime gate and the valuer, before the strategies

__all__ = ["MetaLearner", "MetaLearnerConfig"]


class MetaLearner(GateActor):
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

    name = GATE
    namespace = NAMESPACE

    def __init__(self, config: MetaLearnerConfig | None = None) -> None:
        super().__init__(config or MetaLearnerConfig())
        contest_of(self.config, "", [Arm("", 1.0)], 0)  # impossible parameters are refused at once
        self._interval = timedelta(seconds=float(self.config.evaluation_interval))
        self._agenda = Agenda(int(float(self.config.evaluation_interval) * 1e9))
        self._graces = self._wake_ups("grace", lambda _key, _ts: self._evaluate_due())
        self._allotted: dict[str, float] = {}
        self._desk: ContestDesk | None = None  # until all who compete are known

    @property
    def contests(self) -> dict[str, Contest]:
        """The contest of each market, by instrument id."""
        return {} if self._desk is None else self._desk.contests

    # -- life --------------------------------------------------------------------------------------

    def _topics(self) -> tuple[Heard, ...]:
        return (
            ("data.bars.*", self._on_any_bar, _BETWEEN),
            ("data.funding_rates.*", self._on_rate, _BETWEEN),
            ("events.position.*", self._on_position, _BETWEEN),
            (topic_of(TargetUpdate), self._on_target, _BETWEEN),
            (topic_of(RegimeUpdate), self._on_regime, _BETWEEN),
        )

    def _resume(self, gateway: OrderGateway, store: StateStore) -> None:
        self._desk = None
        self._desk = self._gather(gateway, store)
        budgets = self._desk.budgets
        if budgets > 1.0 + _ROUNDING:
            self.log.warning(
                f"the arms' allocations add up to {budgets:.0%} of the equity, and a market gives its whole "
                "share to the arms it chooses: `allocation` is what a strategy may use of the whole"
            )

    def _gather(self, gateway: OrderGateway, store: StateStore) -> ContestDesk:
        config = self.config
        desk = ContestDesk(
            find_kernel(self.msgbus),
            gateway,
            Valuer.on(self.msgbus),
            clock=self.clock,
            log=self.log,
            costs=CostSettings(float(config.half_spread), config.impact),
            gates=config.gates,
        )
        desk.gather(config.arms, config.exclude, partial(contest_of, config), store)
        return desk

    def _begin(self) -> None:
        assert self._desk is not None  # made in `_resume`
        for update in everything(self.msgbus, TargetUpdate).values():
            self._on_target(update)
        for instrument in self._desk.prices.instruments.values():
            if isinstance(instrument, CryptoPerpetual):
                self.subscribe_funding_rates(instrument.id)
        self.clock.set_timer(
            _TIMER, self._interval, start_time=self._last_boundary(), callback=self._on_timer
        )
        self._agenda.begin(self.contests)
        for contest in self.contests.values():
            if contest.started:
                # The old choice holds until a bar comes: what the gates say before is of bars long past.
                self._allot(contest, self.clock.timestamp_ns())
                self._cancel_entries(contest)
        self._evaluate_due("")

    def _last_boundary(self) -> datetime:
        origin = datetime(1970, 1, 1, tzinfo=UTC)
        return origin + (self.clock.utc_now() - origin) // self._interval * self._interval

    def on_reset(self) -> None:
        """Forget what was learnt."""
        self._desk = None
        self._agenda.forget()
        self._allotted.clear()

    # -- what comes in -----------------------------------------------------------------------------

    def _on_timer(self, event: TimeEvent) -> None:
        """Wait for each market's bar of this moment, unless it is here; not for one that never comes."""
        for market in self._agenda.boundary(event.ts_event):
            self._evaluate_due(market)
        if self._agenda.due:
            self._graces.set("bars", event.ts_event + self._agenda.patience)

    def _on_regime(self, update: RegimeUpdate) -> None:
        """Wait for the bar it comes with to reach the valuation, then evaluate."""
        self._agenda.want(REGIME, "" if update.key == _MARKET else update.key)

    def _on_any_bar(self, bar: Bar) -> None:
        desk = self._desk
        if desk is None:
            return
        instrument = bar.bar_type.instrument_id.value
        if self._agenda.may_wake(instrument) and desk.has_woken(instrument):
            self._agenda.want(WOKEN, instrument)
        with self._closes(*desk.contests):
            if desk.bar(bar):
                self._agenda.heard(instrument, bar.ts_event)
        if self._agenda.due:
            self._evaluate_due(instrument)
        self._save_sometimes(bar.ts_init)

    def _on_target(self, update: TargetUpdate) -> None:
        desk = self._desk
        market = "" if desk is None else desk.market_wanted(update)
        if desk is not None and market:
            with self._closes(market):
                if desk.target(market, update):
                    self._agenda.want(ARMS, market)

    def _on_rate(self, update: FundingRateUpdate) -> None:
        if self._desk is not None:
            with self._closes(*self._desk.contests):
                self._desk.rate(update)

    def _on_position(self, event: PositionEvent) -> None:
        market = None if self._desk is None else self._desk.market_of.get(event.strategy_id.value)
        if self._desk is not None and market is not None:
            with self._closes(market):
                self._desk.closed(market, event)

    @contextmanager
    def _closes(self, *markets: str) -> Iterator[None]:
        """Let whoever published what could not be taken, strategies and data engine, not suffer for it."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 (see `_fail`)
            self._fail(error, *markets)

    def _fail(self, error: Exception, *markets: str) -> None:
        """Close the gate of some markets until an evaluation succeeds, nothing missed before; said once."""
        if self._agenda.fail(markets):
            self.log.exception(f"cannot select on {', '.join(markets)}, nothing is opened there", error)  # noqa: LOG004 (told which)

    # -- evaluation --------------------------------------------------------------------------------

    def _evaluate_due(self, bar_of: str | None = None) -> None:
        """Evaluate what is due and does not wait, see `Agenda.ripe`."""
        desk = self._desk
        if desk is None:
            return
        try:
            now, equity = desk.standing()
        except Exception as error:  # noqa: BLE001 (see `_fail`)
            self._fail(error, *self._agenda.due)
            return
        for market, trigger in self._agenda.ripe(bar_of, lambda name: desk.contests[name].started):
            contest = desk.contests[market]
            if not contest.started and not equity > 0.0:
                continue  # how large a position would be is not known yet: the gate stays closed
            self._agenda.take(market)
            try:
                record = desk.evaluate(contest, now, equity, trigger)
            except Exception as error:  # noqa: BLE001 (see `_fail`)
                self._fail(error, market)
                self._agenda.tried(market)
                continue
            self._tell(contest, record)

    def _tell(self, contest: Contest, record: Evaluation) -> None:
        if self._agenda.done(contest.market, asleep=not any(record.awake)):
            self.log.info(f"selects on {contest.market} again")
        text = f"{record.market} in {record.regime} ({record.trigger}): {record.reason}"
        (self.log.info if any(record.awake) else self.log.warning)(text)
        self._allot(contest, record.ts)
        self._cancel_entries(contest)
        self._write_down("selection", record.to_dict(), record.ts)

    def _allot(self, contest: Contest, ts: int) -> None:
        """Tell each arm its allocation, if it has changed."""
        assert self._desk is not None
        # What is left is closed before what is chosen is opened: both at once might not fit the margin.
        for arm, multiple in sorted(contest.multiples().items(), key=lambda item: item[1]):
            if self._allotted.get(arm) == multiple:
                continue  # every strategy hears every allocation: fifty of them need not hear it again
            self._allotted[arm] = multiple
            for traded in self._desk.trades[arm]:
                key = f"{arm}|{traded}"
                publish(self.msgbus, AllocationUpdate(key=key, ts=ts, allocation=multiple, source=GATE))

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
        desk = self._desk
        market = None if desk is None else desk.market_of.get(intent.strategy)
        if desk is None or market in self._agenda.faulty:
            return Verdict.deny(GATE, "SELECTOR_ERROR", f"cannot select on {market or 'any market'} now")
        if market is None or desk.contests[market].allows(intent.strategy):
            return Verdict.allow(GATE)
        return Verdict.deny(GATE, "NOT_CHOSEN", f"{intent.strategy} is not chosen on {market} now")

    def _save_all(self, ts: int) -> None:
        for key, document in () if self._desk is None else self._desk.documents():
            self._save(key, document, ts)
