"""A circuit breaker for one hedge instrument: after failures nothing is sent until a trial succeeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from nautilus_quant.signals.sequence import require

SECOND = 1_000_000_000


class BreakerState(StrEnum):
    """Whether orders may be sent."""

    CLOSED = "closed"
    """They may."""
    OPEN = "open"
    """They may not, until the pause is over."""
    HALF_OPEN = "half_open"
    """One may, and decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerParams:
    """
    When a venue has failed, and for how long.

    Parameters
    ----------
    failures
        Rejects and timeouts in a row that open the breaker [orders].
    pause
        How long it stays open the first time; twice as long after each trial that fails [s].
    longest
        The longest pause [s].

    Raises
    ------
    ValueError
        If one is impossible.

    """

    failures: int = 3
    pause: float = 30.0
    longest: float = 600.0

    def __post_init__(self) -> None:
        require(self.failures >= 1, "failures >= 1 [orders]", self.failures)
        require(0.0 < self.pause < math.inf, "0 < pause < inf [s]", self.pause)
        require(self.pause <= self.longest < math.inf, "pause <= longest < inf [s]", self.longest)


class Breaker:
    """
    Counts failures in a row, and keeps away from what fails.

    Parameters
    ----------
    params
        When and how long.

    """

    def __init__(self, params: BreakerParams | None = None) -> None:
        self._params = params or BreakerParams()
        self._failed = 0
        self._trips = 0
        self._until = 0
        self._trying = False

    def state(self, now: int) -> BreakerState:
        """Return the state at `now`, UNIX time [ns]."""
        if not self._trips:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self._until else BreakerState.HALF_OPEN

    def allows(self, now: int) -> bool:
        """Tell whether an order may be sent at `now` [ns]: any while closed, one at a time on trial."""
        state = self.state(now)
        return state is BreakerState.CLOSED or (state is BreakerState.HALF_OPEN and not self._trying)

    def sent(self, now: int) -> None:
        """Take note of an order: while half open it is the trial."""
        self._trying = self.state(now) is BreakerState.HALF_OPEN

    def succeeded(self) -> None:
        """Take note that an order was filled: all is well."""
        self._failed = self._trips = self._until = 0
        self._trying = False

    def withdrawn(self) -> None:
        """Take note that an order never reached the venue: it says nothing, and another may be tried."""
        self._trying = False

    def failed(self, now: int) -> bool:
        """Take note of a reject or a timeout at `now` [ns]; tell whether that opened the breaker."""
        self._failed += 1
        trial, self._trying = self._trying, False
        if not trial and (self._trips or self._failed < self._params.failures):
            return False
        pause = min(self._params.pause * 2.0**self._trips, self._params.longest)
        self._until = now + round(pause * SECOND)
        self._trips = min(self._trips + 1, 64)
        self._failed = 0
        return True

    def to_dict(self) -> dict[str, Any]:
        """Give what `restore` needs; an order on trial is not waited for after a restart."""
        return {"failed": self._failed, "trips": self._trips, "until": self._until}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `to_dict` gave."""
        self._failed, self._trips = int(state["failed"]), int(state["trips"])
        self._until = int(state["until"])
