"""How much leverage is allowed when: windows of the week in UTC, and the hours before funding is paid."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nautilus_quant.signals.sequence import require

MINUTE = 60_000_000_000
DAY = 24 * 60
WEEK = 7 * DAY
EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
FOREVER = 2**63 - 1

_EPOCH = 3 * DAY  # 1970-01-01 was a Thursday, and weeks begin on Monday
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class MarginWindow:
    """
    A part of the day with its leverage.

    Parameters
    ----------
    name
        Told to people.
    start, end
        First minute, and first minute after it [minutes of the UTC day]. An end that is not after its start
        lies on the next day: 21:00 to 06:00 is a night, and 0 to 0 a whole day.
    leverage
        Largest notional per equity [-]; an initial margin of ``1 / leverage``.
    days
        Weekdays it begins on, Monday is 0.

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    name: str
    start: int
    end: int
    leverage: float
    days: tuple[int, ...] = EVERY_DAY

    def __post_init__(self) -> None:
        require(bool(self.name), "a name for each margin window", repr(self.name))
        require(0 <= self.start < DAY, f"0 <= start of {self.name} < {DAY} [minutes of day]", self.start)
        require(0 <= self.end <= DAY, f"0 <= end of {self.name} <= {DAY} [minutes of day]", self.end)
        require(0.0 < self.leverage < math.inf, f"leverage of {self.name} > 0 [-]", self.leverage)
        known = bool(self.days) and set(self.days) <= set(EVERY_DAY)
        require(known, f"days of {self.name} from 0 (Monday) to 6 (Sunday)", self.days)

    def minutes(self) -> Iterator[int]:
        """Yield every minute of the week it covers."""
        length = (self.end - self.start) % DAY or DAY
        for day in self.days:
            first = day * DAY + self.start
            yield from (minute % WEEK for minute in range(first, first + length))


@dataclass(frozen=True, slots=True)
class FundingCalendar:
    """
    When funding is paid, and how much leverage is allowed before.

    Parameters
    ----------
    interval
        Time between two payments [minutes]; a whole number of them makes a week. 480 at most venues.
    offset
        First payment after midnight on Monday [minutes].
    lead
        How long before a payment the window begins [minutes]; it ends with the payment.
    leverage
        Largest notional per equity in it [-].
    name
        Told to people.

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    interval: int = 480
    offset: int = 0
    lead: int = 30
    leverage: float = 4.0
    name: str = "pre-funding"

    def __post_init__(self) -> None:
        fits = 0 < self.interval <= WEEK and WEEK % self.interval == 0
        require(fits, f"a funding interval of which a whole number makes {WEEK} [minutes]", self.interval)
        require(0 <= self.offset < self.interval, "0 <= offset < interval of funding [minutes]", self.offset)
        require(0 < self.lead <= self.interval, "0 < lead <= interval of funding [minutes]", self.lead)
        require(0.0 < self.leverage < math.inf, "leverage before funding > 0 [-]", self.leverage)

    def minutes(self) -> Iterator[int]:
        """Yield every minute of the week that lies before a payment."""
        for payment in range(self.offset, WEEK, self.interval):
            yield from (minute % WEEK for minute in range(payment - self.lead, payment))


DEFAULT_WINDOWS = (
    MarginWindow("normal", 6 * 60, 13 * 60, 10.0),
    MarginWindow("intraday", 13 * 60, 21 * 60, 6.67),
    MarginWindow("overnight", 21 * 60, 6 * 60, 5.0),
)
"""
Calm hours, those of the American session (which move most), and the night (when nobody looks).

The leverages are the house's; that derivatives venues ask for more margin by the clock is seen e.g. in
Coinbase Derivatives' intraday and overnight margin rates.
"""
DEFAULT_FUNDING = FundingCalendar()
"""Payments at 00:00, 08:00 and 16:00 UTC, as at Binance, Bybit and OKX."""


class Window(NamedTuple):
    """What is in force: the name and leverage of a margin window, or of the time before funding."""

    name: str
    leverage: float


class Transition(NamedTuple):
    """
    A change of windows.

    Parameters
    ----------
    ts
        When `window` begins, UNIX time [ns].
    window
        What is in force from then on.

    """

    ts: int
    window: Window


class MarginSchedule:
    """
    The window in force at any time; no day has 23 hours, since all is UTC.

    The windows must cover every minute of the week once. The time before a funding payment takes precedence
    over them, unless the window already allows less leverage.

    Parameters
    ----------
    windows
        Parts of the day, by weekday where they differ.
    funding
        Payments before which less is allowed; ``None`` where none are made, or at every moment (Deribit).

    Raises
    ------
    ValueError
        If two windows overlap, or a minute has none.

    """

    __slots__ = ("_starts", "_windows")

    def __init__(
        self,
        windows: Sequence[MarginWindow] = DEFAULT_WINDOWS,
        funding: FundingCalendar | None = DEFAULT_FUNDING,
    ) -> None:
        grid = _lay_out(windows)
        if funding is not None:
            before = Window(funding.name, float(funding.leverage))
            for minute in funding.minutes():
                if before.leverage < grid[minute].leverage:
                    grid[minute] = before
        # With a single window all week there is no change, and index -1 of both lists is that window.
        self._starts = [minute for minute in range(WEEK) if grid[minute] != grid[minute - 1]]
        self._windows = [grid[minute] for minute in self._starts] or [grid[0]]

    def window(self, ts: int) -> Window:
        """Return what is in force at `ts`, UNIX time [ns]."""
        return self._windows[bisect_right(self._starts, _minute_of_week(ts)) - 1]

    def next_transition(self, ts: int) -> Transition | None:
        """Return the first change after `ts`, UNIX time [ns]; ``None`` when nothing ever changes."""
        return next(self.transitions(ts), None)

    def transitions(self, ts: int) -> Iterator[Transition]:
        """Yield every change after `ts`, UNIX time [ns], without end unless nothing ever changes."""
        count = len(self._starts)
        if not count:
            return
        now = _minute_of_week(ts)
        week = (ts // MINUTE - now) * MINUTE
        index = bisect_right(self._starts, now)
        while True:
            weeks, place = divmod(index, count)
            at = week + (weeks * WEEK + self._starts[place]) * MINUTE
            yield Transition(at, self._windows[place])
            index += 1

    def tighter(self, ts: int, horizon: int, *, any_change: bool = False) -> Transition | None:
        """
        Return the change within `horizon` [ns] after `ts` to the least leverage, if it is less than now.

        Parameters
        ----------
        ts
            UNIX time [ns].
        horizon
            How far to look [ns]; a change exactly that far away counts.
        any_change
            Whether a change to more leverage counts, too.

        """
        now, found = self.window(ts).leverage, None
        for change in self.transitions(ts):
            if change.ts - ts > horizon:
                break
            counts = any_change or change.window.leverage < now
            if counts and (found is None or change.window.leverage < found.window.leverage):
                found = change
        return found

    def same_until(self, ts: int, horizons: Sequence[int]) -> int:
        """Return until when [ns] `window` and `tighter` with each horizon [ns] answer the same as at `ts`."""
        until = FOREVER
        for change in self.transitions(ts):
            ahead = [change.ts - horizon for horizon in (0, *horizons)]
            until = min([until, *(moment for moment in ahead if moment > ts)])
            if min(ahead) >= until:
                break
        return until


def _minute_of_week(ts: int) -> int:
    return (ts // MINUTE + _EPOCH) % WEEK


def _lay_out(windows: Sequence[MarginWindow]) -> list[Window]:
    """Write the window of every minute of the week."""
    grid: list[Window | None] = [None] * WEEK
    for window in windows:
        mine = Window(window.name, float(window.leverage))
        for minute in window.minutes():
            other = grid[minute]
            if other is not None:
                raise ValueError(
                    f"margin windows must not overlap: {other.name} and {mine.name} do on {_say(minute)}"
                )
            grid[minute] = mine
    found = [window for window in grid if window is not None]
    if len(found) < WEEK:
        raise ValueError(
            f"margin windows must cover the whole week, none holds on {_say(grid.index(None))}; "
            "an end that is not after its start lies on the next day"
        )
    return found


def _say(minute: int) -> str:
    day, rest = divmod(minute, DAY)
    return f"{_DAYS[day]} at {rest // 60:02d}:{rest % 60:02d} UTC"
