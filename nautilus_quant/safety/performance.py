"""Performance guard: a strategy that loses for long enough pauses, and comes back on probation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Self

from nautilus_quant.safety import stored
from nautilus_quant.safety.limits import Block
from nautilus_quant.safety.trade_window import TradeStatistics, TradeWindow, is_result
from nautilus_quant.signals.sequence import require

VERSION = 1
_SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceLimits:
    """
    What a strategy must achieve, and what happens when it does not.

    Parameters
    ----------
    window
        Closed trades the statistics look back on. More judges surer and later. Typical 30-200.
    min_trades
        Trades needed before anything is judged; at most `window`. Of 20 fair coins, fewer than 4 show heads
        in 1 of 776 cases; fewer trades pause good strategies for bad luck. Typical 10-50.
    min_win_rate
        Floor of the share of trades that make money [fraction]; 0 never binds. Trend followers win a third.
    min_profit_factor
        Floor of what winners made over what losers lost [-]; 0 never binds. At 1 nothing was earned.
    min_expectancy
        Floor of profit after costs per value traded [fraction of notional at entry]; may be negative.
    pause
        Length of the first pause [s].
    max_pause
        Bound of the pauses, each of which is twice the one before while the strategy does not recover [s].
    probation
        Trades which decide, after a pause, whether it is over; at most `window`. Typical 5-20.
    max_unknown
        Trades in a row without a known result (no price, no exchange rate) that pause as a breach does:
        what cannot be judged must not go on for ever.

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    window: int = 50
    min_trades: int = 20
    min_win_rate: float = 0.2
    min_profit_factor: float = 0.7
    min_expectancy: float = -0.002
    pause: float = 14_400.0
    max_pause: float = 604_800.0
    probation: int = 10
    max_unknown: int = 5

    def __post_init__(self) -> None:
        window = self.window
        require(
            1 <= self.min_trades <= window <= 100_000,
            "1 <= min_trades <= window <= 100000 [trades]",
            (self.min_trades, window),
        )
        require(1 <= self.probation <= window, "1 <= probation <= window [trades]", (self.probation, window))
        require(self.max_unknown >= 1, "max_unknown >= 1 [trades]", self.max_unknown)
        require(0.0 <= self.min_win_rate <= 1.0, "0 <= min_win_rate <= 1 [fraction]", self.min_win_rate)
        require(
            0.0 <= self.min_profit_factor < math.inf, "min_profit_factor >= 0 [-]", self.min_profit_factor
        )
        require(math.isfinite(self.min_expectancy), "a finite min_expectancy [fraction]", self.min_expectancy)
        require(
            0.0 < self.pause <= self.max_pause, "0 < pause <= max_pause [s]", (self.pause, self.max_pause)
        )
        require(self.max_pause <= 3.2e7, "max_pause of at most a year [s]", self.max_pause)

    def breach(self, stats: TradeStatistics) -> tuple[str, str] | None:
        """Return code and reason of the first floor the statistics are below, or ``None``."""
        said = f"over the last {stats.trades} trades"
        if stats.win_rate < self.min_win_rate:
            return "WIN_RATE", f"won {stats.win_rate:.1%} {said}, the floor is {self.min_win_rate:.1%}"
        if stats.profit_factor < self.min_profit_factor:
            bound = self.min_profit_factor
            return (
                "PROFIT_FACTOR",
                f"profit factor {stats.profit_factor:.3g} {said}, the floor is {bound:.3g}",
            )
        if stats.expectancy < self.min_expectancy:
            got, bound = stats.expectancy, self.min_expectancy
            return "EXPECTANCY", f"made {got:.4%} of the value traded {said}, the floor is {bound:.4%}"
        return None


class Stage(StrEnum):
    """Where a strategy stands."""

    OK = "OK"
    PAUSED = "PAUSED"
    PROBATION = "PROBATION"


class Change(NamedTuple):
    """A strategy went from one stage to another."""

    ts: int
    """When, UNIX time [ns]."""
    stage: Stage
    previous: Stage
    until: int
    """End of the pause [ns]; 0 unless paused."""
    code: str
    reason: str
    statistics: TradeStatistics


class PerformanceMonitor:
    """
    Judges the closed trades of one strategy.

    Definition
    ----------
    1. A *result* is a finite profit after costs and a positive notional. Anything else is *unknown*: it is
       counted, and changes no statistic. `max_unknown` of them in a row are a breach (``UNKNOWN_RESULTS``).
    2. **OK**: each result enters the window of the last `window`. With `min_trades` or more in it, statistics
       below a floor are a breach.
    3. A breach at ``t`` pauses until ``t + pause × 2^n``, at most ``t + max_pause``, where ``n`` counts the
       breaches since the strategy was last OK. The window is emptied. **PAUSED**: nothing new may be opened.
       What closes now was opened before, and counts for nothing.
    4. The first trade or `advance` at or after the end of the pause begins **PROBATION**: entries are
       allowed, and results enter the empty window. After `probation` of them it is judged: a breach pauses
       again, for twice as long; otherwise the strategy is OK, and goes on with these results in its window.
    5. ``t`` is the latest time seen so far, and the end of a pause is an absolute time. So a clock that steps
       back, or a restart, prolongs a pause, and nothing shortens one.

    Parameters
    ----------
    limits
        What it must achieve.

    """

    __slots__ = (
        "_blind", "_now", "_strikes", "_why", "_window", "limits", "paused_by", "stage", "unknown", "until"
    )  # fmt: skip

    def __init__(self, limits: PerformanceLimits) -> None:
        self.limits = limits
        self.stage = Stage.OK
        self.until = 0
        """End of the last pause, UNIX time [ns]; 0 before the first."""
        self.unknown = 0
        """Trades whose result nobody knows, since the beginning."""
        self.paused_by = TradeStatistics(0, math.nan, math.nan, math.nan)
        """The statistics that were below a floor last."""
        self._why = ("", "")
        self._strikes = 0
        self._blind = 0
        self._now = 0
        self._window = TradeWindow(limits.window)

    @property
    def statistics(self) -> TradeStatistics:
        """Of the window as it is now."""
        return self._window.statistics

    def closed(self, ts: int, pnl: float, notional: float) -> tuple[Change, ...]:
        """
        Take a closed trade, and return what it changed.

        Parameters
        ----------
        ts
            When it closed, UNIX time [ns].
        pnl
            Profit after all costs [reporting currency]; NaN when unknown.
        notional
            Its value at entry [reporting currency], positive; NaN when unknown.

        """
        self._now = max(self._now, ts)
        resumed = self.advance(ts)
        known = is_result(pnl, notional)
        self._blind = 0 if known else self._blind + 1
        self.unknown += not known
        if self.stage is Stage.PAUSED:
            return ()
        if known:
            self._window.push(pnl, notional)
        judged = self._judge()
        return tuple(change for change in (resumed, judged) if change is not None)

    def advance(self, ts: int) -> Change | None:
        """End a pause that is over at `ts` [ns]."""
        self._now = max(self._now, ts)
        if self.stage is not Stage.PAUSED or ts < self.until:
            return None
        self._window.clear()
        self._blind = 0
        reason = f"the pause is over; the next {self.limits.probation} trades decide"
        return self._go(Stage.PROBATION, "PROBATION", reason)

    def distrust(self, ts: int, reason: str) -> Change:
        """Pause for a full first pause because what was stored cannot be read."""
        self._now = max(self._now, ts)
        return self._pause("STATE_DAMAGED", reason)

    def blocked(self, ts: int) -> Block | None:
        """Return code, reason and numbers of why nothing may be opened at `ts` [ns], or ``None``."""
        if self.stage is not Stage.PAUSED or ts >= self.until:
            return None
        left, (code, why) = (self.until - ts) / _SECOND, self._why
        reason = f"{why}; paused for another {left:.0f} s"
        return code, reason, {**_numbers(self.paused_by), "seconds_left": left}

    def _judge(self) -> Change | None:
        limits, count = self.limits, len(self._window)
        if self._blind >= limits.max_unknown:
            return self._pause("UNKNOWN_RESULTS", f"the results of {self._blind} trades in a row are unknown")
        if self._blind or count < (limits.probation if self.stage is Stage.PROBATION else limits.min_trades):
            return None
        breach = limits.breach(self._window.statistics)
        if breach is not None:
            return self._pause(*breach)
        if self.stage is Stage.PROBATION:
            self._strikes = 0
            return self._go(Stage.OK, "OK", f"{count} trades on probation without a breach")
        return None

    def _pause(self, code: str, reason: str) -> Change:
        limits = self.limits
        seconds = min(limits.pause * 2.0 ** min(self._strikes, 60), limits.max_pause)
        self._strikes += 1
        self.until = max(self.until, self._now + round(seconds * _SECOND))
        self._why = (code, reason)
        self.paused_by = self._window.statistics
        change = self._go(Stage.PAUSED, code, reason)
        self._window.clear()
        self._blind = 0
        return change

    def _go(self, stage: Stage, code: str, reason: str) -> Change:
        previous, self.stage = self.stage, stage
        until = self.until if stage is Stage.PAUSED else 0
        return Change(self._now, stage, previous, until, code, reason, self._window.statistics)

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs; the limits belong to the config."""
        return {
            "version": VERSION,
            "stage": self.stage.value,
            "until": self.until,
            "strikes": self._strikes,
            "why": list(self._why),
            "paused_by": list(self.paused_by),
            "unknown": self.unknown,
            "blind": self._blind,
            "now": self._now,
            "trades": self._window.to_list(),
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """
        Go on from what `to_dict` gave, under the limits of now; a pause ends when it was to end.

        Raises
        ------
        DamagedStateError
            When it is not what was written; nothing is taken over then.

        """
        stored.check_version("performance", state, VERSION)
        stage, until = stored.choice(state, "stage", Stage), stored.moment(state, "until")
        counts = [stored.moment(state, key) for key in ("strikes", "unknown", "blind", "now")]
        why = [str(text) for text in _items(state, "why", 2)]
        numbers = [float(value) for value in _items(state, "paused_by", 4)]
        trades = [_trade(item) for item in _items(state, "trades")]
        paused_by = TradeStatistics(int(numbers[0]), *numbers[1:])
        self.stage, self.until = stage, until
        self._strikes, self.unknown, self._blind, self._now = counts
        self._why = (why[0], why[1])
        self.paused_by = paused_by
        self._window.restore(trades)
        return self


def _numbers(stats: TradeStatistics) -> dict[str, float | str]:
    return {name: float(value) for name, value in zip(stats._fields, stats, strict=True)}


def _items(state: Mapping[str, Any], key: str, count: int | None = None) -> list[Any]:
    found = stored.field(state, key)
    if not isinstance(found, list) or count not in (None, len(found)):
        raise stored.DamagedStateError(f"stored {key!r} must be a list, was {found!r:.200}")
    return found


def _trade(item: Any) -> tuple[float, float]:
    if isinstance(item, list) and len(item) == 2 and all(isinstance(x, int | float) for x in item):
        pnl, notional = float(item[0]), float(item[1])
        if is_result(pnl, notional):
            return pnl, notional
    raise stored.DamagedStateError(f"a stored trade must be profit and notional, was {item!r:.200}")
