"""Funding of one leg until a pair is expected to end: which payments fall into that time, and how large."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple, Self

from nautilus_quant.carry.forecast import Carry, FundingForecast
from nautilus_quant.carry.funding_schedule import FundingSchedule, Untimed
from nautilus_quant.safety import stored
from nautilus_quant.signals.sequence import require

HOUR = 3_600_000_000_000
NO_FUNDING = Carry(0.0, 0.0, 0.0)
"""Of spot, and of times without a payment."""
_NAME = "leg"


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingDoubt:
    """
    What is assumed where a venue's funding is not known.

    Parameters
    ----------
    unknown
        Taken as paid at every payment of a leg whose rate nobody has told [fraction]; 0.0003 is what busy
        markets pay.
    share
        Standard error of a rate that is announced but has no history yet, as a share of it [-].
    stale
        Intervals after which a rate nobody has repeated is as good as none [-].
    interval
        Between two payments where the venue does not say [ns].

    """

    unknown: float = 0.0003
    share: float = 0.5
    stale: float = 2.0
    interval: int = 8 * HOUR

    def __post_init__(self) -> None:
        require(0.0 <= self.unknown < math.inf, "0 <= unknown < inf [fraction]", self.unknown)
        require(0.0 <= self.share < math.inf, "0 <= share < inf [-]", self.share)
        require(0.0 < self.stale < math.inf, "0 < stale < inf [intervals]", self.stale)
        require(self.interval > 0, "interval > 0 [ns]", self.interval)


def payments(now: int, seconds: float, following: int, interval: int) -> int:
    """
    Count the payments from now until so many seconds later, the last moment included.

    Parameters
    ----------
    now
        UNIX time [ns].
    seconds
        How long the position is held [s].
    following
        When the next payment is; one that has passed is followed by others, an interval apart [ns].
    interval
        Between two payments [ns].

    """
    require(interval > 0, "interval > 0 [ns]", interval)
    if following <= now:
        following += ((now - following) // interval + 1) * interval
    rest = now + int(seconds * 1e9) - following
    return 0 if rest < 0 else 1 + rest // interval


class PairFunding(NamedTuple):
    """
    What a pair is paid [fraction of the worth of a leg]; negative when it pays.

    Parameters
    ----------
    expected, error
        Sum over its time, and the standard error of it.

    """

    expected: float
    error: float

    @classmethod
    def of(cls, long: Carry, short: Carry) -> PairFunding:
        """Put two legs together: the long one pays the rate, the short one receives it."""
        return cls(short.expected - long.expected, math.hypot(long.error, short.error))


class LegFunding:
    """
    Follows the rates of one perpetual, and says what they come to until a pair ends.

    Parameters
    ----------
    doubt
        What is assumed where nothing is known.
    forecast
        Foretells its rates, the better the more have been paid.

    """

    def __init__(self, doubt: FundingDoubt | None = None, forecast: FundingForecast | None = None) -> None:
        self.doubt = doubt or FundingDoubt()
        self.forecast = forecast or FundingForecast()
        self._schedule = FundingSchedule(Untimed.PREDICTED, self.doubt.interval)
        self._interval = self.doubt.interval
        self._following: int | None = None
        self._told: int | None = None
        self.rate: float | None = None

    def update(self, rate: Decimal, ts: int, at: int | None = None, interval: int | None = None) -> None:
        """
        Take a rate.

        Parameters
        ----------
        rate
            Of the next payment [fraction].
        ts
            When it became known, UNIX time [ns].
        at, interval
            When it is paid, and the time between two payments [ns]; ``None`` where the venue does not say.

        """
        if not rate.is_finite():
            return
        self._settle(ts)
        self.rate, self._told = float(rate), ts
        self._interval = interval or self._interval
        self._schedule.update(_NAME, rate, ts, at, interval)
        self._following = self._schedule.next

    def _settle(self, now: int) -> None:
        for stamp in self._schedule.due(now):
            self.forecast.settled(float(stamp.rate))

    def following(self, now: int) -> int:
        """Return when the next payment is, UNIX time [ns]; the next full interval where nobody said."""
        interval = self._interval
        known = self._following
        return (now // interval + 1) * interval if known is None else known

    def over(self, now: int, seconds: float) -> Carry:
        """
        Return what a short position receives from now until so many seconds later.

        Where no rate was ever told, or none for long, `FundingDoubt.unknown` is its error, to both sides, or
        the last rate where that was larger.
        """
        self._settle(now)
        count = payments(now, seconds, self.following(now), self._interval)
        if not count:
            return NO_FUNDING
        if self.rate is None or self._told is None:
            return Carry(0.0, count * self.doubt.unknown, 0.5)
        if now - self._told > self.doubt.stale * self._interval:
            return Carry(0.0, count * max(self.doubt.unknown, abs(self.rate)), 0.5)
        told = self.forecast.over(count, now)
        following = self.forecast.next(now)
        if told is not None and following is not None:
            # The next one is announced; history has a say in those after it.
            return Carry(told.expected + self.rate - following[0], told.error, told.flip)
        error = max(self.doubt.share * abs(self.rate), 0.1 * self.doubt.unknown)
        return Carry(count * self.rate, count * error, 0.5)

    def to_dict(self) -> dict[str, Any]:
        """Return what past rates have taught, and what is announced."""
        return {
            "forecast": self.forecast.to_dict(),
            "schedule": self._schedule.to_dict(),
            "rate": self.rate,
            "told": self._told,
            "following": self._following,
            "interval": self._interval,
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; ValueError when it is damaged."""
        rate, following = stored.maybe_number(state, "rate"), stored.maybe_moment(state, "following")
        told, interval = stored.maybe_moment(state, "told"), stored.moment(state, "interval")
        require(interval > 0, "interval > 0 [ns]", interval)
        self.forecast.restore(stored.mapping(state, "forecast"))
        self._schedule.restore(stored.mapping(state, "schedule"))
        self.rate, self._following, self._interval, self._told = rate, following, interval, told
        return self
