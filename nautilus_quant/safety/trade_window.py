"""Win rate, profit factor and expectancy of the last so many trades, without rounding errors."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

LARGEST = 1e15
"""Amounts from here on are no trade result but a mistake [reporting currency]."""

_UNITS = 1e12  # amounts are whole numbers of 1e-12, so that what is added and taken away again leaves nothing


class TradeStatistics(NamedTuple):
    """What a window of closed trades says."""

    trades: int
    """How many."""
    win_rate: float
    """Share of them that made money after costs [-]; NaN without any."""
    profit_factor: float
    """What winners made over what losers lost [-]; infinite without a loser, NaN without winner or loser."""
    expectancy: float
    """Profit per traded notional: sum of results over sum of values at entry [fraction]; NaN without any."""


def is_result(pnl: float, notional: float) -> bool:
    """Tell whether these are a trade's result: finite, and with a positive value traded."""
    return abs(pnl) < LARGEST and 0.0 < notional < LARGEST


class TradeWindow:
    """
    The last trades and their sums; O(1) for each trade.

    Parameters
    ----------
    size
        Trades it keeps.

    """

    __slots__ = ("_gains", "_losses", "_notional", "_size", "_trades", "_wins")

    def __init__(self, size: int) -> None:
        self._size = size
        self._trades: deque[tuple[float, float]] = deque()
        self.clear()

    def __len__(self) -> int:
        return len(self._trades)

    def clear(self) -> None:
        """Forget all trades."""
        self._trades.clear()
        self._wins = self._gains = self._losses = self._notional = 0

    def push(self, pnl: float, notional: float) -> None:
        """Add a trade: profit after costs, and value at entry [reporting currency, see `is_result`]."""
        self._trades.append((pnl, notional))
        self._count(pnl, notional, 1)
        if len(self._trades) > self._size:
            self._count(*self._trades.popleft(), -1)

    def _count(self, pnl: float, notional: float, sign: int) -> None:
        units = sign * round(pnl * _UNITS)
        self._notional += sign * round(notional * _UNITS)
        if pnl > 0.0:
            self._wins += sign
            self._gains += units
        else:
            self._losses -= units

    @property
    def statistics(self) -> TradeStatistics:
        """What they say now."""
        count = len(self._trades)
        if not count:
            return TradeStatistics(0, math.nan, math.nan, math.nan)
        total = self._gains - self._losses
        return TradeStatistics(
            count,
            self._wins / count,
            _ratio(self._gains, self._losses),
            total / self._notional if self._notional else math.nan,
        )

    def to_list(self) -> list[list[float]]:
        """Return the trades, oldest first, as pairs of profit and notional."""
        return [list(trade) for trade in self._trades]

    def restore(self, trades: Iterable[tuple[float, float]]) -> None:
        """Take over trades, oldest first; of too many the last ones."""
        self.clear()
        for pnl, notional in trades:
            self.push(pnl, notional)


def _ratio(gains: int, losses: int) -> float:
    if losses > 0:
        return gains / losses
    return math.inf if gains > 0 else math.nan
