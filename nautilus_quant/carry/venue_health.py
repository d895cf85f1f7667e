"""How a venue does: whether what it shows is current, whether it takes orders, and how fast it answers."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from nautilus_quant.signals.sequence import require

_SECOND = 1_000_000_000
_MOST_ANSWERS = 256
_MOST_WAITING = 1_024
_MOST_LATENCIES = 128


class Health(IntEnum):
    """What a venue may be used for; the larger, the worse."""

    UP = 0
    """For everything."""
    DEGRADED = 1
    """For what nobody else can do better."""
    DOWN = 2
    """For nothing new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueHealthParams:
    """
    When a venue is not well.

    Parameters
    ----------
    stale_after, dead_after
        Age of its newest data from which on a venue, or one market of it, is DEGRADED and DOWN [s]. Take a
        few times the gap that is usual between two messages.
    late_by
        By how much data comes later than the quickest that came [s], from which on it is DEGRADED; DOWN from
        four times that. Infinite does not look.
    memory
        For how long the quickest is remembered, and for twice that at most [s]: clocks drift and jump, and
        one wrong time must not count for ever. What is always late is usual after that.
    window
        How far back answers to orders are looked at [s].
    least_rejects
        Rejects within the window before anything is said [-].
    reject_share
        Share of rejects among the answers from which on it is DEGRADED [-].
    rejects_in_a_row
        From so many on without an acceptance it is DOWN [-], until the last of them is `recovery` old.
    answer_within
        How long an order may go unanswered before it is DEGRADED [s]; DOWN from three times that.
    recovery
        How long it stays DEGRADED after it was DOWN for what was heard of it, or of its orders [s].

    """

    stale_after: float = 10.0
    dead_after: float = 30.0
    late_by: float = 5.0
    memory: float = 21_600.0
    window: float = 300.0
    least_rejects: int = 3
    reject_share: float = 0.2
    rejects_in_a_row: int = 4
    answer_within: float = 5.0
    recovery: float = 30.0

    def __post_init__(self) -> None:
        ages = (self.stale_after, self.dead_after)
        require(0.0 < ages[0] <= ages[1], "0 < stale_after <= dead_after [s]", ages)
        require(self.late_by > 0.0, "late_by > 0 [s]", self.late_by)
        require(0.0 < self.memory < math.inf, "0 < memory < inf [s]", self.memory)
        require(0.0 < self.window < math.inf, "0 < window < inf [s]", self.window)
        require(self.least_rejects >= 1, "least_rejects >= 1 [-]", self.least_rejects)
        require(0.0 < self.reject_share <= 1.0, "0 < reject_share <= 1 [-]", self.reject_share)
        require(self.rejects_in_a_row >= 1, "rejects_in_a_row >= 1 [-]", self.rejects_in_a_row)
        require(self.answer_within > 0.0, "answer_within > 0 [s]", self.answer_within)
        require(0.0 <= self.recovery < math.inf, "0 <= recovery < inf [s]", self.recovery)


class HealthState(NamedTuple):
    """
    How a venue, or one market of it, does.

    Parameters
    ----------
    health
        The worst that any reason says.
    reasons
        In words, with value and bound; empty when it is UP.

    """

    health: Health
    reasons: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether anything new may be done there."""
        return self.health < Health.DOWN


class Market:
    """What is heard of one market of a venue: when, how late, and whether it trades."""

    __slots__ = ("halted", "heard", "late")

    def __init__(self) -> None:
        self.heard = -1
        """When data came last, UNIX time [ns]; -1 before the first."""
        self.late = 0
        """By how much it came later than the quickest [ns]."""
        self.halted = ""
        """Why it does not trade; empty when it does."""


class VenueHealth:
    """
    Judges one venue by its data, its answers to orders, its own words, and its connection.

    Nothing heard at all counts as DOWN. All times are those at which this node heard of things.

    Parameters
    ----------
    venue
        Its name.
    params
        When it is not well.

    """

    def __init__(self, venue: str, params: VenueHealthParams | None = None) -> None:
        self.venue = venue
        self.params = params or VenueHealthParams()
        self.markets: dict[str, Market] = {}
        """What is heard, by market."""
        self._quickest = [0, 0]  # before, and since
        self._since: int | None = None
        self._answers: deque[tuple[int, bool]] = deque(maxlen=_MOST_ANSWERS)
        self._row = 0
        self._last_reject = 0
        self._waiting: dict[str, int] = {}
        self._latencies: deque[int] = deque(maxlen=_MOST_LATENCIES)
        self._connected = True
        self._maintenance: list[tuple[int, int]] = []
        self._down_at: dict[str, int] = {}

    # -- what is heard -----------------------------------------------------------------------------

    def on_data(self, market: str, ts: int, ts_event: int) -> None:
        """
        Take note of a price of a market.

        Parameters
        ----------
        market
            Its name.
        ts, ts_event
            When it was heard here, and when it was made there; their clocks may differ [ns].

        """
        known = self.markets.get(market)
        if known is None:
            known = self.markets[market] = Market()
        known.heard = ts
        delay = ts - ts_event
        if self._since is None or not 0 <= ts - self._since < self.params.memory * _SECOND:
            before = delay if self._since is None else self._quickest[1]
            self._quickest, self._since = [before, delay], ts
        elif delay < self._quickest[1]:
            self._quickest[1] = delay
        known.late = delay - min(self._quickest)

    def on_status(self, market: str, halted: str) -> None:
        """Take the venue's word that a market does not trade, and why; empty when it trades again."""
        self.markets.setdefault(market, Market()).halted = halted

    def on_connection(self, *, connected: bool) -> None:
        """Take note of whether the venue is connected."""
        self._connected = connected

    def plan(self, start: int, end: int) -> None:
        """Know of a maintenance from `start` to `end`, UNIX time [ns]."""
        require(start < end, "start < end of a maintenance [ns]", (start, end))
        self._maintenance.append((start, end))

    def on_sent(self, order: str, ts: int) -> None:
        """Take note that an order is on its way."""
        self._waiting[order] = ts
        if len(self._waiting) > _MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]

    def on_answer(self, order: str, ts: int, *, accepted: bool) -> None:
        """Take the venue's answer to an order; one that was not waited for says nothing."""
        sent = self._waiting.pop(order, None)
        if sent is None:
            return
        self._latencies.append(max(0, ts - sent))
        self._answers.append((ts, accepted))
        if accepted:
            self._row = 0
        else:
            self._row += 1
            self._last_reject = ts

    def on_gone(self, order: str) -> None:
        """Wait no more for the answer to an order that ended without one."""
        self._waiting.pop(order, None)

    # -- what it says ------------------------------------------------------------------------------

    def latency(self, share: float = 0.95) -> float:
        """
        Return the time within which a share of the last orders was answered [s].

        Parameters
        ----------
        share
            Of the last orders, in (0, 1]; by the nearest rank.

        Returns
        -------
        float
            NaN before the first answer.

        """
        require(0.0 < share <= 1.0, "0 < share <= 1 [-]", share)
        if not self._latencies:
            return math.nan
        ranked = sorted(self._latencies)
        return ranked[math.ceil(share * len(ranked)) - 1] / _SECOND

    def state(self, ts: int, market: str = "") -> HealthState:
        """
        Return how the venue does at `ts`, UNIX time [ns].

        Parameters
        ----------
        ts
            Now.
        market
            One market of it: what is wrong there alone counts, too. Without, the newest data of any market
            shows that the venue is there, and it is halted when all markets are.

        """
        found = [
            *self._of_data(ts, market),
            *self._of_status(ts, market),
            *self._of_rejects(ts),
            *self._of_silence(ts),
        ]
        if not found:
            return HealthState(Health.UP)
        return HealthState(max(health for health, _ in found), tuple(reason for _, reason in found))

    def _of_data(self, ts: int, market: str) -> list[tuple[Health, str]]:
        params = self.params
        known = self._market(market)
        if known is None or known.heard < 0:
            return [(Health.DOWN, f"no data heard of {market or self.venue} yet")]
        found: list[tuple[Health, str]] = []
        place = market or self.venue
        age = (ts - known.heard) / _SECOND
        if age > params.stale_after:
            dead = age > params.dead_after
            bound = params.dead_after if dead else params.stale_after
            text = f"data of {place} is {age:.1f} s old, bound {bound:g} s"
            found.append((self._remembered(place, ts, dead=dead), text))
        late = known.late / _SECOND
        if late > params.late_by:
            dead = late > 4.0 * params.late_by
            bound = 4.0 * params.late_by if dead else params.late_by
            text = f"data of {place} comes {late:.1f} s late, bound {bound:g} s"
            found.append((self._remembered(place, ts, dead=dead), text))
        return found or self._of_memory(place, ts)

    def _remembered(self, place: str, ts: int, *, dead: bool) -> Health:
        if not dead:
            return Health.DEGRADED
        self._down_at[place] = ts
        return Health.DOWN

    def _of_memory(self, place: str, ts: int) -> list[tuple[Health, str]]:
        """Trust what comes back only after a while: a feed that comes and goes is none."""
        since = self._down_at.get(place)
        if since is None:
            return []
        age = (ts - since) / _SECOND
        if not 0.0 <= age < self.params.recovery:
            del self._down_at[place]
            return []
        return [(Health.DEGRADED, f"{place} was down {age:.1f} s ago, recovery {self.params.recovery:g} s")]

    def _market(self, market: str) -> Market | None:
        if market:
            return self.markets.get(market)
        return max(self.markets.values(), key=lambda known: known.heard, default=None)

    def _of_status(self, ts: int, market: str) -> list[tuple[Health, str]]:
        found: list[tuple[Health, str]] = []
        if not self._connected:
            self._down_at[self.venue] = ts
            found.append((Health.DOWN, f"{self.venue} is not connected"))
        elif market:
            found += self._of_memory(self.venue, ts)
        self._maintenance = [(start, end) for start, end in self._maintenance if ts < end]
        if any(start <= ts for start, _ in self._maintenance):
            found.append((Health.DOWN, f"{self.venue} is under maintenance"))
        known = self.markets.get(market)
        if known is not None and known.halted:
            found.append((Health.DOWN, f"{market}: {known.halted}"))
        elif not market and self.markets and all(one.halted for one in self.markets.values()):
            found.append((Health.DOWN, f"no market of {self.venue} trades"))
        return found

    def _of_rejects(self, ts: int) -> list[tuple[Health, str]]:
        params = self.params
        since = ts - round(params.window * _SECOND)
        while self._answers and self._answers[0][0] < since:
            self._answers.popleft()
        rejects = sum(not accepted for _, accepted in self._answers)
        if rejects == 0:
            self._row = 0  # what is older than the window is forgotten
            return []
        age = (ts - self._last_reject) / _SECOND
        if self._row >= params.rejects_in_a_row and age < params.recovery:
            return [(Health.DOWN, f"{self._row} orders rejected in a row, the last {age:.1f} s ago")]
        share = rejects / len(self._answers)
        if rejects >= params.least_rejects and share >= params.reject_share:
            text = f"{rejects} of {len(self._answers)} orders rejected, bound {params.reject_share:.0%}"
            return [(Health.DEGRADED, text)]
        return []

    def _of_silence(self, ts: int) -> list[tuple[Health, str]]:
        if not self._waiting:
            return []
        age = (ts - min(self._waiting.values())) / _SECOND
        bound = self.params.answer_within
        if age <= bound:
            return []
        health = Health.DOWN if age > 3.0 * bound else Health.DEGRADED
        return [(health, f"an order is unanswered for {age:.1f} s, bound {bound:g} s")]
