"""The equity curve net of transfers: what was earned each day, and the usual statistics."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nautilus_quant.account.snapshots import DAY, Snapshot
from nautilus_quant.account.statement import PARTS, Part, number_of
from nautilus_quant.monitoring.results import curve_statistics, daily_returns

_DAYS_PER_YEAR = 365.0


class Growth:
    """
    Follows what one unit of capital has become, whatever was paid in and out.

    Definition
    ----------
    Between two snapshots ``r = (E₁ − E₀ − F) / (E₀ + max(F, 0))``: what was paid in worked all of the time,
    what was taken out none of it. The index is the product of all ``1 + r`` (time-weighted return, linked as
    in the GIPS standards, 2020).

    Attributes
    ----------
    index
        Value of one unit of capital; 1 at the beginning.
    peak
        Its largest value so far.

    """

    __slots__ = ("_before", "index", "peak")

    def __init__(self) -> None:
        self.index = self.peak = 1.0
        self._before: tuple[float, int] | None = None

    def update(self, snapshot: Snapshot) -> float:
        """Take the next snapshot, and return the index."""
        transfers = snapshot.part(Part.TRANSFERS)
        if self._before is not None:
            equity, transferred = self._before
            flow = number_of(transfers - transferred) if transfers != transferred else 0.0
            capital = equity + max(flow, 0.0)
            if capital > 0.0:
                self.index *= max(0.0, 1.0 + (snapshot.equity - equity - flow) / capital)
        self.peak = max(self.peak, self.index)
        self._before = snapshot.equity, transfers
        return self.index

    @property
    def drawdown(self) -> float:
        """Fall from the peak as a fraction of it [-]."""
        return 1.0 - self.index / self.peak


class Day(NamedTuple):
    """
    One UTC day.

    Parameters
    ----------
    start
        Its beginning, UNIX time [ns].
    equity
        At its end [reporting currency].
    profit
        Change of the equity less transfers [reporting currency].
    growth
        The same as a return on the capital [-].
    unrealised
        Change of the P&L of open positions [reporting currency].
    parts
        Change of each of `PARTS` [1e-28 reporting currency].

    """

    start: int
    equity: float
    profit: float
    growth: float
    unrealised: float
    parts: tuple[int, ...]

    def part(self, kind: Part) -> float:
        """Return the change of one part [reporting currency]."""
        return number_of(self.parts[PARTS.index(kind)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """
    What a curve says.

    Parameters
    ----------
    profit
        Change of the equity less transfers [reporting currency].
    growth
        The same as a return on the capital [-].
    sharpe
        Annualised, of daily returns [-]; NaN with fewer than two.
    volatility
        Standard deviation of daily returns, times √365 [-]; NaN with fewer than two.
    max_drawdown
        Largest fall from an earlier peak, as a fraction of it, net of transfers [-].
    drawdown
        From the peak at the end [-].
    days
        Daily returns these rest on.

    """

    profit: float
    growth: float
    sharpe: float
    volatility: float
    max_drawdown: float
    drawdown: float
    days: int


def indexed(snapshots: Iterable[Snapshot]) -> list[tuple[int, float]]:
    """Return the curve of one unit of capital: pairs of UNIX time [ns] and its value."""
    growth = Growth()
    return [(snapshot.ts, growth.update(snapshot)) for snapshot in snapshots]


def days_of(snapshots: Sequence[Snapshot]) -> list[Day]:
    """Return each UTC day that has a snapshot, measured from the end of the one before it."""
    if not snapshots:
        return []
    closes: dict[int, tuple[Snapshot, float]] = {}
    for snapshot, (ts, index) in zip(snapshots, indexed(snapshots), strict=True):
        closes[ts // DAY] = snapshot, index
    made: list[Day] = []
    before, index_before = snapshots[0], 1.0
    for day, (close, index) in closes.items():
        growth = index / index_before - 1.0 if index_before > 0.0 else 0.0
        made.append(_day(day * DAY, before, close, growth))
        before, index_before = close, index
    return made


def profit(before: Snapshot, after: Snapshot) -> float:
    """Return the change of the equity less transfers [reporting currency]."""
    flow = after.part(Part.TRANSFERS) - before.part(Part.TRANSFERS)
    return after.equity - before.equity - number_of(flow)


def _day(start: int, before: Snapshot, close: Snapshot, growth: float) -> Day:
    parts = tuple(after - earlier for after, earlier in zip(close.parts, before.parts, strict=True))
    moved = close.unrealised - before.unrealised
    return Day(start, close.equity, profit(before, close), growth, moved, parts)


def performance(snapshots: Sequence[Snapshot]) -> Performance:
    """
    Return the statistics of a curve.

    Parameters
    ----------
    snapshots
        In order.

    Raises
    ------
    ValueError
        If there are none.

    """
    if not snapshots:
        raise ValueError("need a snapshot for statistics, there were none")
    curve = indexed(snapshots)
    found = curve_statistics(curve)
    index = curve[-1][1]
    return Performance(
        profit=profit(snapshots[0], snapshots[-1]),
        growth=index - 1.0,
        sharpe=found.sharpe,
        volatility=volatility(daily_returns(curve)),
        max_drawdown=found.max_drawdown,
        drawdown=1.0 - index / max(value for _, value in curve),
        days=found.days,
    )


def volatility(returns: Sequence[float]) -> float:
    """Return the annualised standard deviation of daily returns [-]; NaN with fewer than two."""
    return statistics.stdev(returns) * math.sqrt(_DAYS_PER_YEAR) if len(returns) > 1 else math.nan
