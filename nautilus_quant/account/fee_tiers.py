"""Which fee tier an account is in: its volume of the last 30 days, looked at every six hours."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.account.fees import FeeSchedule, Tier

_DAY = 86_400_000_000_000
REFRESH = 21_600_000_000_000
"""Between two looks at the volume [ns]: at 0, 6, 12 and 18 o'clock UTC."""


class TierTracker:
    """
    Adds up what is traded and follows the tier it gives.

    The volume is that of the present UTC day and the 29 before it, one number a day. The tier changes at a
    refresh only. A higher one holds at once; a lower one when the volume is too small at two refreshes in a
    row, so that an account at a threshold is not told another fee every six hours.

    Parameters
    ----------
    schedule
        Whose tiers they are.
    initial_volume
        What the account traded in the 30 days before the first look [USD]: taken as spread evenly over them,
        so that a thirtieth of it is forgotten each day.
    days
        Length of the window [days].
    refresh
        Between two refreshes [ns], counted from the beginning of 1970 UTC.

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    __slots__ = ("_below", "_daily", "_days", "_next", "_refresh", "_schedule", "_start", "_tier")

    def __init__(
        self,
        schedule: FeeSchedule,
        *,
        initial_volume: float = 0.0,
        days: int = 30,
        refresh: int = REFRESH,
    ) -> None:
        require(0.0 <= initial_volume < math.inf, "initial_volume >= 0 [USD]", initial_volume)
        require(days >= 1, "days >= 1", days)
        require(refresh >= 1, "refresh >= 1 [ns]", refresh)
        self._schedule = schedule
        self._days = days
        self._refresh = refresh
        self._start = initial_volume
        self._daily: dict[int, float] = {}
        self._tier = schedule.tier(initial_volume)
        self._below = False
        self._next = 0

    @property
    def tier(self) -> Tier:
        """The one in force since the last refresh."""
        return self._tier

    @property
    def schedule(self) -> FeeSchedule:
        """Whose tiers they are."""
        return self._schedule

    def volume(self, now: int) -> float:
        """Return what was traded in the window that ends at `now`, UNIX time [ns], in USD."""
        today = now // _DAY
        return math.fsum(value for day, value in self._daily.items() if today - self._days < day <= today)

    def update(self, now: int) -> Tier | None:
        """
        Do all refreshes that are due at `now`, UNIX time [ns].

        Returns
        -------
        Tier or None
            The tier from now on, if it is another than before; a clock set back changes nothing.

        """
        if now < self._next:  # which is 0 before the first look
            return None
        before = self._tier
        if not self._next:
            self._begin(now)
        # After a window without trades nothing is left to judge: years of silence cost a month.
        silent = now - (self._days + 1) * _DAY
        self._next = max(self._next, silent - silent % self._refresh)
        while self._next <= now:
            self._judge(self._next)
            self._next += self._refresh
        return None if self._tier.index == before.index else self._tier

    def add(self, ts: int, value: float) -> Tier | None:
        """
        Take a trade, after the refreshes due before it.

        Parameters
        ----------
        ts
            When it was made, UNIX time [ns].
        value
            Its notional [USD]; what is no positive number is passed over.

        Returns
        -------
        Tier or None
            As `update`; the trade itself counts from the next refresh.

        """
        changed = self.update(ts)
        if 0.0 < value < math.inf:
            day = ts // _DAY
            self._daily[day] = self._daily.get(day, 0.0) + value
        return changed

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        return {
            "schedule": self._schedule.name,
            "tier": self._tier.index,
            "below": self._below,
            "next": self._next,
            "daily": {str(day): value for day, value in self._daily.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """
        Go on from what `to_dict` gave; of another schedule only the volume is taken.

        Raises
        ------
        ValueError
            If it cannot be what `to_dict` gave.

        """
        try:
            daily = {int(day): float(value) for day, value in state["daily"].items()}
            name, index, due = str(state["schedule"]), int(state["tier"]), int(state["next"])
            below = bool(state["below"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"need the stored state of a fee tier, was {dict(state)!r:.200}") from error
        require(all(0.0 <= value < math.inf for value in daily.values()), "daily volumes >= 0 [USD]", daily)
        self._daily, self._next = daily, due
        tiers = self._schedule.tiers
        same = name == self._schedule.name and 0 <= index < len(tiers)
        self._tier = tiers[index] if same else self._schedule.tier(self.volume(due))
        self._below = below and same
        return self

    def _begin(self, now: int) -> None:
        self._next = now - now % self._refresh + self._refresh
        if self._start:
            today = now // _DAY
            share = self._start / self._days
            self._daily = {today - ago: share for ago in range(self._days)}

    def _judge(self, ts: int) -> None:
        oldest = ts // _DAY - self._days
        for day in [day for day in self._daily if day <= oldest]:
            del self._daily[day]
        wanted = self._schedule.tier(self.volume(ts))
        if wanted.index < self._tier.index and not self._below:
            self._below = True
            return
        self._tier, self._below = wanted, False
