"""The account of a node over time: its book, snapshots of its equity, and its closed trades."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nautilus_trader.common.component import Logger

from nautilus_quant.account.curve import Growth, profit
from nautilus_quant.account.snapshots import DAY, PORTFOLIO, SNAPSHOTS, Snapshot, SnapshotBook, take
from nautilus_quant.account.statement import PARTS, number_of
from nautilus_quant.host.accounting import Accounting, Reconciliation
from nautilus_quant.host.cadence import SaveCadence
from nautilus_quant.host.kernel import find_kernel, is_backtest
from nautilus_quant.host.messages import Alert, Message, defer, everything, is_heard, publish
from nautilus_quant.host.performance import RoundTrips
from nautilus_quant.host.state import StateError, StateStore
from nautilus_quant.host.valuation import Valuer
from nautilus_quant.safety.trade_window import TradeWindow, is_result

if TYPE_CHECKING:
    from nautilus_trader.common.component import Clock, MessageBus
    from nautilus_trader.model.events import OrderFilled, PositionEvent

    from nautilus_quant.account.equity import Valuation

TRADES = 1_000
"""Closed trades that are remembered."""
RECONCILED = "portfolio|reconciliation"
"""Key of the alert."""
_BEFORE_STRATEGIES = 20
_PARTS = tuple(part.value for part in PARTS)
_FILLS, _POSITIONS = "events.fills.*", "events.position.*"


@dataclass(frozen=True, kw_only=True)
class PortfolioStatus(Message):
    """
    What the node is worth, and why (key: ``"portfolio"``).

    Parameters
    ----------
    currency
        Reporting currency of all that follows.
    equity
        Of everything; NaN while it is unknown.
    fresh
        Whether every price in it is fresh and credible.
    opening
        What the book began with.
    parts
        What was added since: ``realised``, ``fees``, ``funding``, ``transfers``, ``rounding`` and
        ``revaluation``.
    unrealised
        P&L of open positions.
    daily_pnl
        Change of the equity less transfers since the end of the last UTC day.
    drawdown
        Fall from the highest point, net of transfers [-].
    gross, net
        Value of all positions, and of long less short ones; NaN while a price is unknown.
    positions
        How many are open.

    """

    key: str = "portfolio"
    currency: str
    equity: float
    fresh: bool
    opening: float = math.nan
    parts: Mapping[str, float] = field(default_factory=dict)
    unrealised: float = math.nan
    daily_pnl: float = math.nan
    drawdown: float = math.nan
    gross: float = math.nan
    net: float = math.nan
    positions: int = 0


class PortfolioBook:
    """
    Keep the book of a node, take snapshots of it, and compare it with the account.

    Parameters
    ----------
    msgbus, clock
        Of the actor that keeps it.
    currency
        Reporting currency; ``None`` takes the account's.
    store
        Where it is kept over a restart.
    state
        URL of that store; ``None`` keeps nothing.
    snapshots
        How many are kept how long.
    settle
        How long balance changes may wait for their explanation [s].
    tolerance
        Largest difference of book and account without an alert [fraction of the equity].

    Attributes
    ----------
    valuer
        What everything is worth; shared with all others on the bus.

    """

    def __init__(
        self,
        msgbus: MessageBus,
        clock: Clock,
        currency: str | None = None,
        store: StateStore | None = None,
        state: str | None = None,
        *,
        snapshots: SnapshotBook | None = None,
        settle: float = 2.0,
        tolerance: float = 1e-4,
    ) -> None:
        self._msgbus = msgbus
        self._clock = clock
        self._kernel = find_kernel(msgbus)
        self._simulated = is_backtest(self._kernel)
        self.valuer = Valuer.on(msgbus, currency)
        self._store = None if state is None else store
        self._cadence = SaveCadence(msgbus, state)
        self._log = Logger("PortfolioBook")
        self._tolerance = tolerance
        self._round_trips = RoundTrips.on(self._kernel.msgbus, self.valuer)
        self._wanted = False
        self.snapshots = snapshots or SnapshotBook()
        self.trades = TradeWindow(TRADES)
        self.growth = Growth()
        self.differs = False
        self.accounting = self._restore(settle)

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Go on with the book, take a first snapshot, and listen."""
        now = self._clock.timestamp_ns()
        for position in self._kernel.cache.positions_open():
            self._round_trips.adopt(position, now)
        self.accounting.begin(now, self._on_settled)
        self._msgbus.subscribe(_FILLS, self._on_fill, priority=_BEFORE_STRATEGIES)
        self._msgbus.subscribe(_POSITIONS, self._on_position, priority=_BEFORE_STRATEGIES)
        self.snap(now)  # what the first interval earns is measured from here

    def stop(self) -> None:
        """Take a last snapshot, write everything down, and listen no more."""
        now = self._clock.timestamp_ns()
        self.snap(now)
        everything(self._msgbus, PortfolioStatus)  # which makes what was deferred, while it can be
        self._msgbus.unsubscribe(_FILLS, self._on_fill)
        self._msgbus.unsubscribe(_POSITIONS, self._on_position)
        self.accounting.stop()
        self.save(now)

    def _on_fill(self, fill: OrderFilled) -> None:
        self._round_trips.on_fill(fill)

    def _on_position(self, event: PositionEvent) -> None:
        trade = self._round_trips.on_event(event)
        if trade is not None and is_result(*trade):
            self.trades.push(*trade)

    def _on_settled(self, now: int) -> None:
        if self._wanted:
            self.snap(now)

    # -- snapshots ---------------------------------------------------------------------------------

    def snap(self, now: int) -> Snapshot | None:
        """
        Take a snapshot, tell what the node is worth, and compare book and account.

        Returns
        -------
        Snapshot or None
            ``None`` when the equity is unknown. While a balance change waits for its explanation, none is
            taken either: it comes as soon as there is one.

        """
        settled = self.accounting.settle(now)
        valuation = self.valuer.fresh_value(now)
        self._wanted = not settled
        snapshot = self._take(now, valuation) if settled else None
        if self._simulated and not is_heard(self._msgbus, PortfolioStatus, now):
            defer(self._msgbus, PortfolioStatus, PortfolioStatus.key, self._status_now)
        else:
            publish(self._msgbus, self._status(valuation, snapshot))
        if settled:
            self._compare(valuation)
        if self._cadence.is_due(now):
            self.save(now)
        return snapshot

    def _take(self, now: int, valuation: Valuation) -> Snapshot | None:
        snapshot = self._look(now, valuation)
        if snapshot is not None and self.snapshots.add(snapshot):
            self.growth.update(snapshot)
        return snapshot

    def _look(self, now: int, valuation: Valuation) -> Snapshot | None:
        statement = self.accounting.statement
        if statement is None:
            return None
        beside = valuation.unrealised + valuation.funding
        positions = self._kernel.cache.positions_open_count()
        return take(now, statement, beside, positions, fresh=valuation.fresh)

    def _status_now(self) -> PortfolioStatus:
        """Return what is told of now, for somebody who asks."""
        now = self._clock.timestamp_ns()
        valuation = self.valuer.value(now)
        settled = not self.accounting.detector.unsettled
        return self._status(valuation, self._look(now, valuation) if settled else None)

    def _status(self, valuation: Valuation, snapshot: Snapshot | None) -> PortfolioStatus:
        gross, net = self._exposure(valuation.ts)
        common: dict[str, Any] = {
            "ts": valuation.ts,
            "currency": self.valuer.currency or "",
            "equity": valuation.equity,
            "fresh": valuation.fresh,
            "unrealised": valuation.unrealised + valuation.funding,
            "gross": gross,
            "net": net,
            "positions": self._kernel.cache.positions_open_count(),
        }
        if snapshot is not None:
            before = self.snapshots.before(snapshot.ts) or next(iter(self.snapshots.curve()), snapshot)
            parts = zip(_PARTS, snapshot.parts, strict=True)
            common |= {
                "opening": number_of(snapshot.opening),
                "parts": {name: number_of(value) for name, value in parts},
                "daily_pnl": profit(before, snapshot),
                "drawdown": self.growth.drawdown,
            }
        return PortfolioStatus(**common)

    def _exposure(self, now: int) -> tuple[float, float]:
        values = []
        for position in self._kernel.cache.positions_open():
            instrument = self._kernel.cache.instrument(position.instrument_id)
            unit = math.nan if instrument is None else self.valuer.unit(instrument, now)
            values.append(position.signed_qty * unit)
        return math.fsum(map(abs, values)), math.fsum(values)

    # -- reconciliation ----------------------------------------------------------------------------

    def _compare(self, valuation: Valuation) -> None:
        """Alert once when book and account part, and once when they meet again."""
        found = self.accounting.reconcile(valuation)
        if found is None:
            return
        differs = not found.gap <= self._tolerance
        if differs == self.differs:
            return
        self.differs = differs
        text = self._words(found)
        (self._log.warning if differs else self._log.info)(text)
        publish(
            self._msgbus,
            Alert(
                key=RECONCILED, ts=valuation.ts, source=PORTFOLIO,
                severity="WARNING" if differs else "INFO", text=text, numbers=found._asdict(),
            ),
        )  # fmt: skip

    def _words(self, found: Reconciliation) -> str:
        currency = self.valuer.currency
        return (
            f"book {found.book:.2f}, accounts {found.account:.2f}, valuation {found.equity:.2f} {currency} "
            f"differ by {found.gap:.4%} of the equity, at most {self._tolerance:.4%} is rounding"
        )

    # -- state -------------------------------------------------------------------------------------

    def _restore(self, settle: float) -> Accounting:
        def book(state: Mapping[str, Any] | None) -> Accounting:
            return Accounting(
                self._kernel, self.valuer, self._clock, state, settle=settle, tolerance=self._tolerance
            )

        if self._store is None:
            return book(None)
        try:
            self.snapshots.restore(self._store.documents(SNAPSHOTS).values())
            self.trades.restore((self._store.get(PORTFOLIO, "trades") or {}).get("trades", ()))
        except (ValueError, TypeError) as error:
            self._log.error(f"stored snapshots or trades cannot be read, they begin anew: {error}")
        for snapshot in self.snapshots.curve():
            self.growth.update(snapshot)
        document = self._store.get(PORTFOLIO, "book")
        try:
            return book(document)
        except (ValueError, TypeError, KeyError) as error:
            self._log.error(f"the stored book cannot be read, it begins anew: {error}")
            return book(None)

    def save_sometimes(self, now: int) -> None:
        """Write everything down if it is time to [UNIX ns]."""
        if self._cadence.is_due(now):
            self.save(now)

    def save(self, now: int) -> None:
        """Write everything down at `now` [UNIX ns]."""
        if self._store is None:
            return
        book = self.accounting.to_dict()
        try:
            if book is not None:
                self._store.put(PORTFOLIO, "book", book, ts=now)
            self._store.put(PORTFOLIO, "trades", {"trades": self.trades.to_list()}, ts=now)
            for day in sorted(self.snapshots.dirty):
                self._save_day(self._store, day, now)
            self.snapshots.dirty.clear()
        except StateError as error:
            self._log.error(f"the book is not saved, a restart would begin where it was before: {error}")

    def _save_day(self, store: StateStore, day: int, now: int) -> None:
        document = self.snapshots.document(day)
        if document is None:
            store.delete(SNAPSHOTS, day_name(day))
        else:
            store.put(SNAPSHOTS, day_name(day), document, ts=now)


def day_name(day: int) -> str:
    """Return the date of a UTC day [days since 1970], as its document is named."""
    return datetime.fromtimestamp(day * DAY / 1e9, tz=UTC).strftime("%Y-%m-%d")
