"""Which funding rate is settled when: from announcements, from records of what was paid, or by the clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from nautilus_quant.carry.funding_ledger import Stamp
from nautilus_quant.signals.sequence import require

_HOUR = 3_600_000_000_000


class Untimed(StrEnum):
    """How to read a rate that comes without the time it is paid at."""

    PAID = "paid"
    """It is paid at its own time: records of past funding."""
    PREDICTED = "predicted"
    """It is the next one's: paid at the next whole multiple of the interval, UTC."""
    IGNORED = "ignored"
    """It says nothing."""


@dataclass(slots=True)
class _Announced:
    rate: Decimal
    at: int


class FundingSchedule:
    """
    Turns funding rates into settlements, each of them once, in order of time.

    Definition
    ----------
    1. A rate that says when it is paid is announced. Until then a later one replaces it, rate and time: the
       last one known at its time counts, also one that comes at that very moment.
    2. A rate that does not say when belongs to what is announced already, if that lies ahead. Otherwise
       `untimed` decides; where the venue has announced times before, it is the next one's, never a payment.
    3. A stamp that is not later than the one before it is none: a repeated record pays nothing twice.
    4. A rate that is not finite is unknown, and passed over. A time that has passed when it is told is no
       time.

    Parameters
    ----------
    untimed
        How to read rates without a time.
    interval
        Between two payments, where the venue does not say [ns].

    """

    def __init__(self, untimed: Untimed = Untimed.PAID, interval: int = 8 * _HOUR) -> None:
        require(interval > 0, "a funding interval > 0 [ns]", interval)
        self.untimed = Untimed(untimed)
        self.interval = interval
        self._announced: dict[str, _Announced] = {}
        self._timed: set[str] = set()
        self._last: dict[str, int] = {}
        self._waiting: deque[Stamp] = deque()

    def update(
        self, instrument: str, rate: Decimal, ts: int, next_ns: int | None = None, interval: int | None = None
    ) -> None:
        """
        Take a rate.

        Parameters
        ----------
        instrument
            Whose.
        rate
            Per interval [fraction of the position's value]; positive when longs pay.
        ts
            When the venue said it, UNIX time [ns].
        next_ns
            When it will be paid, UNIX time [ns]; ``None`` when the venue does not say.
        interval
            Between two payments [ns]; ``None`` when the venue does not say.

        """
        if next_ns is not None and next_ns < ts:
            next_ns = None
        self._pass(instrument, ts, next_ns)
        if not rate.is_finite():
            return
        if next_ns is not None:
            self._timed.add(instrument)
            at: int | None = next_ns
        else:
            at = self._time_of(instrument, ts, interval)
        if at is None or at <= self._last.get(instrument, -1):
            return
        self._announced[instrument] = _Announced(rate, at)

    def _time_of(self, instrument: str, ts: int, interval: int | None) -> int | None:
        """Return when a rate is paid whose venue does not say so."""
        known = self._announced.get(instrument)
        timed = instrument in self._timed
        if known is not None and known.at >= ts and (timed or self.untimed is Untimed.PREDICTED):
            return known.at
        if self.untimed is Untimed.PAID and not timed:
            return ts
        if self.untimed is Untimed.IGNORED and not timed:
            return None
        every = interval or self.interval
        return -(-ts // every) * every

    def _pass(self, instrument: str, ts: int, next_ns: int | None) -> None:
        """Let what was announced become due, once something later is told."""
        known = self._announced.get(instrument)
        if known is not None and (ts > known.at or (ts == known.at and next_ns is not None and next_ns > ts)):
            self._settle(instrument, known)

    def _settle(self, instrument: str, known: _Announced) -> None:
        del self._announced[instrument]
        self._last[instrument] = known.at
        self._waiting.append(Stamp(instrument, known.at, known.rate))

    @property
    def next(self) -> int | None:
        """When the next settlement is, UNIX time [ns]; ``None`` when none is known."""
        times = [known.at for known in self._announced.values()]
        if self._waiting:
            times.append(self._waiting[0].ts)
        return min(times, default=None)

    def due(self, now: int, *, last: bool = False) -> list[Stamp]:
        """
        Take out what is due before `now`, in order of time.

        Parameters
        ----------
        now
            UNIX time [ns].
        last
            Whether nothing more will come at `now`, so that what is due at it can be settled, too.

        """
        until = now if last else now - 1
        for instrument, known in list(self._announced.items()):
            if known.at <= until:
                self._settle(instrument, known)
        due = sorted(self._waiting, key=lambda stamp: (stamp.ts, stamp.instrument))
        self._waiting.clear()
        return due

    def to_dict(self) -> dict[str, Any]:
        """Return what is announced and what was settled last; take out first what is due."""
        return {
            "announced": {name: [str(known.rate), known.at] for name, known in self._announced.items()},
            "timed": sorted(self._timed),
            "last": dict(self._last),
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave."""
        self._announced = {
            str(name): _Announced(Decimal(str(rate)), int(at))
            for name, (rate, at) in state.get("announced", {}).items()
        }
        self._timed = {str(name) for name in state.get("timed", ())}
        self._last = {str(name): int(at) for name, at in state.get("last", {}).items()}
        return self


class RecentFills:
    """
    Fills of the last while, to know what was held at a moment that has just passed.

    An order that is sent because of what happens at the time of a settlement is filled after it: the position
    that is settled is the one held just before.

    Parameters
    ----------
    memory
        How long a fill is remembered [ns]: longer than a rate takes to arrive.

    """

    def __init__(self, memory: int = _HOUR // 6) -> None:
        require(memory > 0, "memory > 0 [ns]", memory)
        self.memory = memory
        self._fills: deque[tuple[int, str, str, Decimal]] = deque()

    def note(self, ts: int, instrument: str, position: str, change: Decimal) -> None:
        """Remember that a position changed by so much [base units or contracts] at `ts` [ns]."""
        fills = self._fills
        fills.append((ts, instrument, position, change))
        while fills[0][0] < ts - self.memory:
            fills.popleft()

    def held_before(self, ts: int, instrument: str, now: Mapping[str, Decimal]) -> dict[str, Decimal]:
        """
        Return what was held just before `ts`, by position; positions of nothing are left out.

        Parameters
        ----------
        ts
            UNIX time [ns].
        instrument
            Whose positions.
        now
            What is held now, by position.

        """
        held = dict(now)
        for at, name, position, change in self._fills:
            if at >= ts and name == instrument:
                held[position] = held.get(position, Decimal(0)) - change
        return {position: size for position, size in held.items() if size}
