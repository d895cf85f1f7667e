"""When the arms of which market are judged anew, and where nothing may be opened until they have been."""

from __future__ import annotations

from collections.abc import Callable, Iterable

START, INTERVAL, REGIME, ARMS, WOKEN = "start", "interval", "regime", "arms", "gate"
"""Why an evaluation is due."""

_PATIENCE = 5_000_000_000  # [ns]


class Agenda:
    """
    What is due on each market, what it waits for, and what went wrong there.

    A market waits for its own bar of the moment, so that arms are judged by its close; not for one that never
    comes. An error closes a market until an evaluation has succeeded before which nothing was missed.

    Parameters
    ----------
    interval
        Between two evaluations [ns].

    """

    def __init__(self, interval: int) -> None:
        self.patience = min(_PATIENCE, interval // 2)
        """How long a bar is waited for [ns]."""
        self.due: dict[str, str] = {}
        """Why, by market."""
        self.faulty: set[str] = set()
        """Markets on which nothing may be opened."""
        self._markets: tuple[str, ...] = ()
        self._bars: dict[str, int] = {}
        self._asleep: set[str] = set()
        self._missed: set[str] = set()  # markets of which something was missed since the last evaluation

    def begin(self, markets: Iterable[str]) -> None:
        """Take the markets there are: all are due."""
        self._markets = tuple(markets)
        self.due = dict.fromkeys(self._markets, START)

    def heard(self, market: str, ts: int) -> None:
        """Note the close of a market's bar, UNIX time [ns]."""
        self._bars[market] = ts

    def boundary(self, ts: int) -> list[str]:
        """Let all be due at the end of an interval [ns]; return the markets whose bar of then is here."""
        self.due = dict.fromkeys(self._markets, INTERVAL) | self.due
        return [market for market in self._markets if self._bars.get(market, 0) >= ts]

    def want(self, trigger: str, market: str = "") -> None:
        """Let a market be due as soon as it can be, or all of them; a change of regime says so first."""
        for name in (market,) if market else self._markets:
            if name not in self._markets:
                continue
            if trigger == REGIME:
                self.due[name] = trigger
            else:
                self.due.setdefault(name, trigger)

    def may_wake(self, market: str) -> bool:
        """Tell whether all arms of a market slept when they were last judged, and nothing is due there."""
        return market in self._asleep and market not in self.due

    def ripe(self, bar_of: str | None, started: Callable[[str], bool]) -> list[tuple[str, str]]:
        """
        Return what is due and waits for nothing, with the reason.

        Parameters
        ----------
        bar_of
            Market whose bar has come, empty for none; ``None`` waits for no bar any more.
        started
            Whether the arms of a market were ever judged: the first time waits for nothing.

        """
        return [
            (market, trigger)
            for market, trigger in self.due.items()
            if bar_of is None
            or market == bar_of
            or not (trigger == INTERVAL or (trigger == START and started(market)))
        ]

    def take(self, market: str) -> None:
        """Begin an evaluation."""
        del self.due[market]

    def done(self, market: str, *, asleep: bool) -> bool:
        """Note an evaluation, and whether all its arms sleep; return whether the market is open again."""
        (self._asleep.add if asleep else self._asleep.discard)(market)
        if market in self._missed:
            self._missed.discard(market)
            return False
        again = market in self.faulty
        self.faulty.discard(market)
        return again

    def fail(self, markets: Iterable[str]) -> bool:
        """Close markets of which something was missed; return whether that is new for one of them."""
        failed = set(markets)
        new = not self.faulty.issuperset(failed)
        self.faulty |= failed
        self._missed |= failed
        return new

    def tried(self, market: str) -> None:
        """Note that it was the evaluation itself that failed: the next one makes up for it."""
        self._missed.discard(market)

    def forget(self) -> None:
        """Forget markets, bars and errors."""
        self.begin(())
        for memory in (self.faulty, self._asleep, self._missed):
            memory.clear()
        self._bars.clear()
