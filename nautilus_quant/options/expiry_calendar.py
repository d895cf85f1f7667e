"""When something has to be looked at before an expiry: the moments of everything held, in order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from nautilus_quant.signals.sequence import require

SECOND = 1_000_000_000
_FOREVER = 1 << 62


class Stage(StrEnum):
    """What a moment is for."""

    WARN = "warn"
    PREPARE = "prepare"  # hear the quotes that will be needed
    ROLL = "roll"
    CLOSE = "close"
    CHECK = "check"  # once more, for what was left to expire
    SETTLE = "settle"  # the settlement price begins to form
    EXPIRY = "expiry"
    OVERDUE = "overdue"


_WORK = frozenset({Stage.ROLL, Stage.CLOSE, Stage.CHECK})
_BEFORE_EXPIRY = frozenset({*_WORK, Stage.PREPARE, Stage.SETTLE})


class Moment(NamedTuple):
    """
    One moment of one expiry.

    Parameters
    ----------
    ts
        When it is, UNIX time [ns].
    stage
        What it is for.
    before
        How long before the expiry [s]; negative afterwards.

    """

    ts: int
    stage: Stage
    before: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryTimes:
    """
    How long before an expiry each thing happens [s].

    Parameters
    ----------
    warnings
        When a person is told, longest first.
    prepare
        How long before `roll`, and before `close`, quotes are subscribed.
    roll
        From when on what is in the money is rolled.
    close
        From when on what is left is closed or left to expire, and nothing is rolled any more.
    checks
        When what was left to expire is looked at again, longest first.
    average
        How long the venue averages the index for its settlement price; 30 minutes at Deribit and OKX.
    grace
        How long after the expiry a position may still be there.

    Raises
    ------
    ValueError
        If they do not come one after the other.

    """

    warnings: tuple[float, ...] = (86_400.0, 14_400.0)
    prepare: float = 60.0
    roll: float = 14_400.0
    close: float = 7_200.0
    checks: tuple[float, ...] = (3_600.0, 1_800.0, 600.0)
    average: float = 1_800.0
    grace: float = 300.0

    def __post_init__(self) -> None:
        for name in ("warnings", "checks"):
            times = getattr(self, name)
            require(
                all(0.0 < t < 1e9 for t in times) and list(times) == sorted(set(times), reverse=True),
                f"{name} > 0, longest first [s]",
                times,
            )
        require(0.0 <= self.prepare < 1e9, "0 <= prepare [s]", self.prepare)
        require(0.0 < self.close < self.roll < 1e9, "0 < close < roll [s]", (self.close, self.roll))
        require(
            not self.checks or self.checks[0] < self.close, "checks < close [s]", (self.checks, self.close)
        )
        require(0.0 <= self.average < 1e9, "average >= 0 [s]", self.average)
        require(0.0 < self.grace < 1e9, "grace > 0 [s]", self.grace)

    def moments(self, expiry: int) -> tuple[Moment, ...]:
        """
        Return all moments of one expiry, in order.

        An expiry is an instant, so nothing here knows of days, months or clocks that change: the same number
        of nanoseconds lies before every expiry.

        Parameters
        ----------
        expiry
            UNIX time [ns].

        """
        return _moments(self, expiry)


@lru_cache(maxsize=1_024)
def _moments(times: ExpiryTimes, expiry: int) -> tuple[Moment, ...]:
    found = [(t, Stage.WARN) for t in times.warnings]
    found += [(times.roll + times.prepare, Stage.PREPARE), (times.close + times.prepare, Stage.PREPARE)]
    found += [(times.roll, Stage.ROLL), (times.close, Stage.CLOSE)]
    found += [(t, Stage.CHECK) for t in times.checks]
    found += [(times.average, Stage.SETTLE), (0.0, Stage.EXPIRY), (-times.grace, Stage.OVERDUE)]
    order = list(Stage)
    found.sort(key=lambda pair: (-pair[0], order.index(pair[1])))
    return tuple(Moment(expiry - round(t * SECOND), stage, t) for t, stage in found)


class ExpiryCalendar:
    """
    The moments of all positions that expire, and which of them have passed.

    Parameters
    ----------
    times
        How long before an expiry each thing happens.

    """

    def __init__(self, times: ExpiryTimes | None = None) -> None:
        self._times = times or ExpiryTimes()
        self._held: dict[str, tuple[int, int]] = {}  # expiry, and the time up to which its moments are done

    def __contains__(self, key: str) -> bool:
        return key in self._held

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, key: str, expiry: int, *, since: int = -1) -> None:
        """
        Count a position from now on; nothing changes for one that is counted already.

        Parameters
        ----------
        key
            Of the position.
        expiry
            When it expires, UNIX time [ns].
        since
            Moments up to this time are none of its business, UNIX time [ns]; -1 for all that were missed.

        """
        self._held.setdefault(key, (expiry, since))

    def drop(self, key: str) -> None:
        """Count a position no more."""
        self._held.pop(key, None)

    def expiries(self) -> list[int]:
        """Return the times at which something held expires, soonest first, UNIX time [ns]."""
        return sorted({expiry for expiry, _ in self._held.values()})

    def next(self) -> int | None:
        """Return the next moment there is, UNIX time [ns]; in the past when one is due."""
        times = [
            moment.ts
            for expiry, done in self._held.values()
            for moment in self._times.moments(expiry)
            if moment.ts > done
        ]
        return min(times, default=None)

    def due(self, now: int) -> list[tuple[str, Moment]]:
        """
        Return what is due, oldest first, each once.

        Of several moments that were missed only what still has a meaning comes: the latest warning, and of
        rolling, closing and checking the latest; none of them once it has expired.

        Parameters
        ----------
        now
            UNIX time [ns].

        """
        found: list[tuple[str, Moment]] = []
        for key, (expiry, done) in self._held.items():
            passed = [m for m in self._times.moments(expiry) if done < m.ts <= now]
            if passed:
                found += [(key, moment) for moment in _meaningful(passed, expired=now >= expiry)]
                self._held[key] = (expiry, now)
        found.sort(key=lambda pair: pair[1].ts)
        return found

    def stage(self, key: str, now: int) -> Stage | None:
        """Return the latest of rolling, closing and checking that holds for a position; ``None`` before."""
        expiry, _ = self._held.get(key, (_FOREVER, 0))
        passed = [m.stage for m in self._times.moments(expiry) if m.ts <= now and m.stage in _WORK]
        return passed[-1] if passed and now < expiry else None

    def to_dict(self) -> dict[str, Any]:
        """Return what a restart needs."""
        return {key: [expiry, done] for key, (expiry, done) in self._held.items()}

    def restore(self, state: Mapping[str, Any], keys: Iterable[str]) -> None:
        """
        Go on from what `to_dict` gave.

        Parameters
        ----------
        state
            What was kept.
        keys
            Positions that are still there.

        """
        for key in keys:
            if key in state:
                expiry, done = state[key]
                self._held[key] = (int(expiry), int(done))


def _meaningful(passed: list[Moment], *, expired: bool) -> list[Moment]:
    last: dict[str, Moment] = {}
    for moment in passed:
        if expired and (moment.stage in _BEFORE_EXPIRY or moment.stage is Stage.WARN):
            continue
        last["work" if moment.stage in _WORK else moment.stage] = moment
    return sorted(last.values(), key=lambda moment: moment.ts)
