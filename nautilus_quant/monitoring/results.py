"""The usual statistics of a finished run: from its equity curve, and from its closed positions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

_DAY = 86_400 * 1_000_000_000
_DAYS_PER_YEAR = 365.0
"""Crypto trades every day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveStatistics:
    """
    What an equity curve says.

    Parameters
    ----------
    max_drawdown
        Largest fall from an earlier peak, as a fraction of that peak [-]; NaN without a curve.
    sharpe
        Mean over standard deviation of daily returns, times √365 [-]; NaN with fewer than two
        daily returns, or when they are all the same.
    days
        How many daily returns that rests on.

    """

    max_drawdown: float
    sharpe: float
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeStatistics:
    """
    What closed positions say.

    Parameters
    ----------
    trades
        How many.
    win_rate
        Share of them that made money after fees [-]; NaN without any.
    profit_factor
        What winners made over what losers lost [-]; infinite without a loser, NaN without any.
    expectancy
        Mean profit of a trade [currency]; NaN without any.

    """

    trades: int
    win_rate: float
    profit_factor: float
    expectancy: float


def curve_statistics(curve: Sequence[tuple[int, float]]) -> CurveStatistics:
    """
    Return statistics of an equity curve.

    Parameters
    ----------
    curve
        Pairs of UNIX time [ns], ascending, and equity; unknown equity (NaN) is left out.

    """
    known = [(ts, equity) for ts, equity in curve if math.isfinite(equity)]
    returns = daily_returns(known)
    return CurveStatistics(
        max_drawdown=max_drawdown([equity for _, equity in known]),
        sharpe=sharpe(returns),
        days=len(returns),
    )


def max_drawdown(equities: Iterable[float]) -> float:
    """Return the largest fall from an earlier peak as a fraction of it; NaN for an empty curve."""
    peak, worst = -math.inf, math.nan
    for equity in equities:
        peak = max(peak, equity)
        fall = (peak - equity) / peak if peak > 0.0 else math.nan
        worst = fall if math.isnan(worst) else max(worst, fall)
    return worst


def daily_returns(curve: Sequence[tuple[int, float]]) -> list[float]:
    """Return the returns between the last equities of consecutive UTC days that have one."""
    closes: dict[int, float] = {}
    for ts, equity in curve:
        closes[ts // _DAY] = equity
    values = list(closes.values())
    return [after / before - 1.0 for before, after in pairwise(values) if before > 0.0]


def sharpe(returns: Sequence[float]) -> float:
    """Return the annualised Sharpe ratio of daily returns, risk-free rate 0 (Sharpe 1994, eq. 3 and 4)."""
    count = len(returns)
    if count < 2:
        return math.nan
    mean = math.fsum(returns) / count
    variance = math.fsum((r - mean) ** 2 for r in returns) / (count - 1)
    return mean / math.sqrt(variance) * math.sqrt(_DAYS_PER_YEAR) if variance > 0.0 else math.nan


def trade_statistics(profits: Iterable[float]) -> TradeStatistics:
    """
    Return statistics of closed positions.

    Parameters
    ----------
    profits
        Realised profit of each, after fees [currency].

    """
    known = [profit for profit in profits if math.isfinite(profit)]
    won = math.fsum(p for p in known if p > 0.0)
    lost = -math.fsum(p for p in known if p < 0.0)
    if not known:
        return TradeStatistics(trades=0, win_rate=math.nan, profit_factor=math.nan, expectancy=math.nan)
    return TradeStatistics(
        trades=len(known),
        win_rate=sum(p > 0.0 for p in known) / len(known),
        profit_factor=won / lost if lost > 0.0 else (math.inf if won > 0.0 else math.nan),
        expectancy=math.fsum(known) / len(known),
    )
