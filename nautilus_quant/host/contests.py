"""The contests of a node: what they hear of prices, targets, funding and closed positions, and of gates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from nautilus_trader.model.events import PositionClosed

from nautilus_quant.account.funding import FundingClock
from nautilus_quant.host.arm_prices import ArmPrices
from nautilus_quant.host.arms import CostSettings, Leave, find_arms, instruments_of, leave_to_open
from nautilus_quant.host.messages import RegimeUpdate, latest
from nautilus_quant.learning.contest import Arm, Contest, Standing, Want

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from nautilus_trader.common.component import Clock, Logger
    from nautilus_trader.model.data import Bar, BarType, FundingRateUpdate
    from nautilus_trader.model.events import PositionEvent
    from nautilus_trader.system.kernel import NautilusKernel

    from nautilus_quant.host.gateway import OrderGateway
    from nautilus_quant.host.messages import TargetUpdate
    from nautilus_quant.host.state import StateStore
    from nautilus_quant.host.valuation import Valuer
    from nautilus_quant.learning.record import Evaluation

NAMESPACE = "learning"
"""Of what is saved."""

_FUNDING = "funding clock"
_MARKET = "MARKET"
_CRISIS = "CRISIS"
_ANY = "ANY"  # the regime where nobody tells one

type MakeContest = Callable[[str, list[Arm], int], Contest]
"""Makes a fresh contest of a market, its arms, and its number among those of the node."""


class ContestDesk:
    """
    The contest of each market, and the strategies that take part.

    Parameters
    ----------
    kernel, gateway, valuer
        The node, its gates and its prices.
    clock
        Of the one who asks.
    log
        Where to say what of an earlier run cannot be used.
    costs
        Of would-be trades.
    gates
        Names of the gates that put an arm to sleep.

    """

    def __init__(
        self,
        kernel: NautilusKernel,
        gateway: OrderGateway,
        valuer: Valuer,
        *,
        clock: Clock,
        log: Logger,
        costs: CostSettings,
        gates: Collection[str],
    ) -> None:
        self._kernel = kernel
        self._gateway = gateway
        self._valuer = valuer
        self._clock = clock
        self._log = log
        self._costs = costs
        self._gates = gates
        self._funding = FundingClock()
        self._sources: dict[str, BarType] = {}
        self.contests: dict[str, Contest] = {}
        self.market_of: dict[str, str] = {}
        self.trades: dict[str, tuple[str, ...]] = {}
        self._prices = ArmPrices(kernel, valuer, (), with_pace=False)

    # -- what there is -----------------------------------------------------------------------------

    def gather(
        self, arms: Mapping[str, str], excluded: Collection[str], make: MakeContest, store: StateStore
    ) -> None:
        """
        Find who competes, and go on with what was saved.

        Parameters
        ----------
        arms, excluded
            See `nautilus_quant.host.arms.find_arms`.
        make
            Makes a contest.
        store
            Of the last run.

        Raises
        ------
        ArmsError
            When a strategy named is not on the node, or its market is not.

        """
        self._restore_funding(store)
        found = find_arms(self._kernel, arms, excluded, self._costs)
        for number, (market, those) in enumerate(found.items()):
            self.contests[market] = self._contest(market, those, number, make, store)
            self.market_of.update({arm.name: market for arm in those})
        legs = {leg for contest in self.contests.values() for leg in contest.legs}
        with_pace = self._costs.impact > 0.0
        self._prices = ArmPrices(self._kernel, self._valuer, sorted(legs), with_pace=with_pace)
        for strategy in self._kernel.trader.strategies():
            name = strategy.id.value
            self.trades[name] = instruments_of(strategy, self.market_of.get(name, ""))

    def _contest(
        self, market: str, arms: list[Arm], number: int, make: MakeContest, store: StateStore
    ) -> Contest:
        """Go on with a contest that was saved; what is damaged is left, and the contest begins anew."""
        contest, now = make(market, arms, number), self._clock.timestamp_ns()
        try:
            saved = store.get(NAMESPACE, market)
            if saved is None:
                return contest
            if saved["ts"] > now:
                self._log.warning(f"what was saved of {market} is of later than now, its books begin anew")
            return contest.restore(saved, now)
        except Exception as error:  # noqa: BLE001 (whatever is wrong with it, it must not stop the node)
            self._log.error(f"what was learnt on {market} cannot be read, begins anew: {error!r}")
            return make(market, arms, number)

    def _restore_funding(self, store: StateStore) -> None:
        try:
            self._funding.restore(store.get(NAMESPACE, _FUNDING) or {})
        except Exception as error:  # noqa: BLE001 (the same)
            self._log.error(f"the last funding times cannot be read, begin anew: {error!r}")
            self._funding = FundingClock()

    @property
    def prices(self) -> ArmPrices:
        """Of all legs."""
        return self._prices

    @property
    def budgets(self) -> float:
        """What all arms together may use of the equity [-]."""
        return sum(contest.budget for contest in self.contests.values())

    def documents(self) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
        """Give what is to be saved, by key."""
        yield _FUNDING, self._funding.to_dict
        for market, contest in self.contests.items():
            yield market, contest.to_dict

    # -- what comes in -----------------------------------------------------------------------------

    def bar(self, bar: Bar) -> bool:
        """
        Take a bar; tell whether a market has closed with it.

        Bars of two lengths would count the same moves and volume twice: the first type seen is followed.
        """
        instrument = bar.bar_type.instrument_id.value
        if self._sources.setdefault(instrument, bar.bar_type) != bar.bar_type:
            return False
        contest = self.contests.get(instrument)
        if contest is not None:
            contest.close(bar.ts_event, bar.close.as_double())
        self._prices.follow(instrument, bar)
        return contest is not None

    def market_wanted(self, update: TargetUpdate) -> str:
        """Return the market a target counts on; empty when its strategy does not compete with it."""
        market = self.market_of.get(update.strategy, "")
        return market if market and update.instrument in self.trades[update.strategy] else ""

    def target(self, market: str, update: TargetUpdate) -> bool:
        """Take a target of an arm; tell whether that is the first time it is heard of."""
        price, unit = self._prices.price(update.instrument, update.price)
        want = Want(
            arm=update.strategy,
            instrument=update.instrument,
            exposure=update.exposure,
            price=price,
            unit=unit,
            ts=self._clock.timestamp_ns(),
            passive=update.passive,
            half_spread=self._prices.half_spread(update.instrument),
            pace=self._prices.pace(update.instrument),
        )
        return self.contests[market].target(want)

    def rate(self, update: FundingRateUpdate) -> None:
        """Take a funding rate, and let the arms pay the one before it when it is paid."""
        instrument = update.instrument_id.value
        paid = self._funding.update(instrument, float(update.rate), update.next_funding_ns)
        if paid is None or instrument not in self._prices.instruments:
            return
        price, unit = self._prices.price(instrument)
        for contest in self.contests.values():
            contest.mark(instrument, price, unit, self._clock.timestamp_ns())
            contest.funding(instrument, paid)

    def closed(self, market: str, event: PositionEvent) -> None:
        """Learn from a closed position of a strategy that publishes no targets."""
        if isinstance(event, PositionClosed):
            money = event.realized_pnl
            rate = self._valuer.rate(money.currency.code, self._clock.timestamp_ns())
            self.contests[market].realised(event.strategy_id.value, money.as_double() * rate)

    # -- evaluation --------------------------------------------------------------------------------

    def standing(self) -> tuple[int, float]:
        """Return the time [ns] and the equity [reporting currency], NaN while that is not known."""
        now = self._clock.timestamp_ns()
        valuation = self._valuer.value(now)
        return now, valuation.equity if valuation.fresh else float("nan")

    def evaluate(self, contest: Contest, now: int, equity: float, trigger: str) -> Evaluation:
        """Judge the arms of a market and choose, at `now`, UNIX time [ns]."""
        for leg in contest.legs:
            price, unit = self._prices.price(leg)
            contest.mark(leg, price, unit, now)
        leave = [self._leave(arm, now) for arm in contest.arms]
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

    def has_woken(self, market: str) -> bool:
        """Tell whether an arm of a market may be chosen."""
        contest, now = self.contests[market], self._clock.timestamp_ns()
        return any(contest.speaks(arm) and self._leave(arm, now) is Leave.YES for arm in contest.arms)

    def _leave(self, arm: Arm, now: int) -> Leave:
        return leave_to_open(self._gateway, self._gates, arm.name, self.trades[arm.name], now)

    def _regime_of(self, market: str) -> str:
        whole, own = (latest(self._kernel.msgbus, RegimeUpdate, key) for key in (_MARKET, market))
        if whole is not None and whole.regime == _CRISIS:
            return _CRISIS
        return _ANY if own is None else own.regime
