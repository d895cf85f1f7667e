"""What the node is worth and why, what it pays, and how much all strategies together may open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import field
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig, PositiveInt
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.instruments import CryptoPerpetual

from nautilus_quant.account.snapshots import SnapshotBook
from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.host.budget import BudgetGate
from nautilus_quant.host.budget_settings import BudgetSettings
from nautilus_quant.host.fee_terms import FeeTerms
from nautilus_quant.host.fees import FeeBook
from nautilus_quant.host.funding import FundingWatch
from nautilus_quant.host.kernel import find_kernel, is_backtest
from nautilus_quant.host.portfolio_book import PortfolioBook
from nautilus_quant.host.state import StateStore, shared_store
from nautilus_quant.host.valuation import Valuer

if TYPE_CHECKING:
    from nautilus_trader.common.events import TimeEvent
    from nautilus_trader.model.events import PositionEvent

_NANOS = 1_000_000_000
_SAVE_EVERY = 10.0
_POSITIONS = "events.position.*"


class PortfolioMonitorConfig(ActorConfig, kw_only=True, frozen=True):
    """
    What the portfolio monitor can be told.

    Parameters
    ----------
    valuation
        Whether it keeps the book and takes snapshots.
    snapshot_interval
        Time between two snapshots, aligned to the UTC day [s]. Typically 5 minutes.
    full_days, hourly_days, kept_days
        Days all snapshots are kept, days after those one an hour is, and days after which nothing is; in
        between the last of each day.
    subscribe
        Whether it subscribes quotes, mark prices and funding of what is held, and prices of the currencies
        held; without them equity goes stale and funding is taken for a transfer, unless others subscribe.
    settle
        How long a balance change may wait for the trade or payment that explains it [s]; longer mistakes
        fewer late fills for transfers.
    tolerance
        Largest difference of book and account without an alert, as a share of the equity.
    fees
        What accounts pay, by venue, e.g. ``{BINANCE: {schedule: auto}}``; instruments' own fees at venues
        that are not named. ``null`` follows no fees.
    fee_tolerance, fee_alert_after
        By how much paid fees may differ from expected ones, as a share, and for how many fills in a row,
        before an alert.
    budget
        Limits of all strategies together: see `nautilus_quant.host.budget_settings.BudgetSettings`, e.g.
        ``{max_gross: 2, max_var: 3%}``. ``null`` sets no limits.
    reporting_currency
        Currency everything is counted in; ``None`` takes the account's.
    state
        URL of the state store; ``None`` keeps nothing over a restart.

    """

    valuation: bool = True
    snapshot_interval: Seconds = 300.0
    full_days: PositiveInt = 7
    hourly_days: PositiveInt = 90
    kept_days: PositiveInt = 3_650
    subscribe: bool = True
    settle: Seconds = 2.0
    tolerance: Fraction = 0.0001
    fees: dict[str, FeeTerms] | None = field(default_factory=dict)
    fee_tolerance: Fraction = 0.02
    fee_alert_after: PositiveInt = 5
    budget: BudgetSettings | None = field(default_factory=BudgetSettings)
    reporting_currency: str | None = None
    state: str | None = None


class PortfolioMonitor(Actor):  # type: ignore[misc]
    """
    Keeps the book of a node, follows its fees, and holds all its strategies within one budget.

    Parameters
    ----------
    config
        A `PortfolioMonitorConfig`.

    Raises
    ------
    ValueError
        If a setting is impossible.

    """

    def __init__(self, config: PortfolioMonitorConfig | None = None) -> None:
        super().__init__(config or PortfolioMonitorConfig())
        if self.config.snapshot_interval < 1.0:
            raise ValueError(
                f"snapshot_interval must be 1 or more [s], was {self.config.snapshot_interval}; typical 300"
            )
        self._snapshots()  # so that impossible numbers are refused at once
        if self.config.budget is not None:
            self.config.budget.limits()
            self.config.budget.risk()
        self._store: StateStore | None = None
        self._gate: BudgetGate | None = None
        self._fees: FeeBook | None = None
        self._book: PortfolioBook | None = None
        self._funding: FundingWatch | None = None
        self._heard: set[InstrumentId] = set()

    @property
    def book(self) -> PortfolioBook | None:
        """Book, snapshots and closed trades; ``None`` before it starts, and where it is switched off."""
        return self._book

    @property
    def gate(self) -> BudgetGate | None:
        """The budget; ``None`` before it starts, and where it is switched off."""
        return self._gate

    # -- life --------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Stand in the chain of gates first, then follow fees, then go on with the book."""
        config = self.config
        self._store = shared_store(config.state)
        if config.budget is not None:
            self._gate = BudgetGate(self.msgbus, self.clock, config.budget, self._store, config.state)
            self._gate.start()
        if config.fees is not None:
            fees = FeeBook.on(self.msgbus)
            fees.start(
                self.clock,
                config.fees,
                state=config.state,
                tolerance=config.fee_tolerance,
                alert_after=config.fee_alert_after,
            )
            self._fees = fees
        if config.valuation:
            self._start_book(self._store)

    def _start_book(self, store: StateStore) -> None:
        config = self.config
        self._book = PortfolioBook(
            self.msgbus,
            self.clock,
            config.reporting_currency,
            store,
            config.state,
            snapshots=self._snapshots(),
            settle=config.settle,
            tolerance=config.tolerance,
        )
        if config.subscribe:
            self.msgbus.subscribe(_POSITIONS, self._on_position)
            for position in self.cache.positions_open():
                self._hear(position.instrument_id)
        self._book.start()
        self._hear_currencies()
        self._every("snapshot", config.snapshot_interval, self._on_snapshot)
        if is_backtest(find_kernel(self.msgbus)):
            return
        self._funding = FundingWatch(self.msgbus, self.cache, self.clock)
        self._book.accounting.on_funding = self._funding.on_funding
        self._funding.start()
        if config.state is not None:
            self._every("save", _SAVE_EVERY, self._on_save)

    def on_stop(self) -> None:
        """Write everything down, and leave the chain last."""
        for what in ("snapshot", "save"):
            if self._timer(what) in self.clock.timer_names:
                self.clock.cancel_timer(self._timer(what))
        if self._funding is not None:
            self._funding.stop()
            self._funding = None
        if self._book is not None:
            self._book.stop()
            if self.config.subscribe:
                self.msgbus.unsubscribe(_POSITIONS, self._on_position)
        if self._fees is not None:
            self._fees.stop()
            self._fees = None
        if self._gate is not None:
            self._gate.stop()
        if self._store is not None:
            self._store.close()
            self._store = None

    def on_reset(self) -> None:
        """Forget the book, and what is reserved."""
        self._book = None
        self._gate = None
        self._heard.clear()

    def _snapshots(self) -> SnapshotBook:
        config = self.config
        return SnapshotBook(config.full_days, config.hourly_days, config.kept_days)

    # -- prices ------------------------------------------------------------------------------------

    def _on_position(self, event: PositionEvent) -> None:
        self._hear(event.instrument_id)

    def _hear(self, instrument_id: InstrumentId) -> None:
        """Subscribe what the worth of an instrument is known by."""
        if instrument_id in self._heard:
            return
        self._heard.add(instrument_id)
        self.subscribe_quote_ticks(instrument_id)
        if isinstance(self.cache.instrument(instrument_id), CryptoPerpetual):
            Valuer.on(self.msgbus).want_marks(instrument_id.value)
            self.subscribe_mark_prices(instrument_id)
            self.subscribe_funding_rates(instrument_id)

    def _hear_currencies(self) -> None:
        """Subscribe prices of the currencies held, as far as there are markets."""
        if self.config.subscribe and self._book is not None:
            for market in self._book.valuer.markets():
                self._hear(InstrumentId.from_str(market))

    # -- time --------------------------------------------------------------------------------------

    def _timer(self, what: str) -> str:
        return f"{self.id.value}-{what}"

    def _every(self, what: str, seconds: float, handler: object) -> None:
        interval, now = int(seconds * _NANOS), self.clock.timestamp_ns()
        # It first rings an interval after its start: at the next full one of the UTC day.
        self.clock.set_timer_ns(self._timer(what), interval, now - now % interval, 0, handler)

    def _on_snapshot(self, event: TimeEvent) -> None:
        if self._book is not None:
            self._hear_currencies()
            self._book.snap(event.ts_event)

    def _on_save(self, event: TimeEvent) -> None:
        if self._book is not None:
            self._book.save_sometimes(event.ts_event)
