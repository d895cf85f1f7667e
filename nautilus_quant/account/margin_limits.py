"""How much margin may be used, and what the schedule of windows means for that at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from nautilus_quant.account.margin_windows import MarginSchedule, Transition, Window
from nautilus_quant.signals.sequence import require

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginLimits:
    """
    How much margin may be used, and how far ahead is looked.

    Parameters
    ----------
    max_utilisation
        Initial margin per equity up to which new risk is allowed [-].
    target_utilisation
        What a reduction cuts down to [-]; lower leaves more room, and trades more.
    alert_at, alert_clear
        Utilisation at which people are told, and below which it is over [-].
    quiet
        Time before a change to less leverage in which nothing is opened [s].
    look_ahead
        Time before such a change from which on orders must fit the next window, too [s].
    act_before
        Time before such a change at which positions are cut for it [s]: until then strategies may do so.
    any_change
        Whether changes to more leverage are quiet, too.

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    max_utilisation: float = 0.9
    target_utilisation: float = 0.8
    alert_at: float = 0.8
    alert_clear: float = 0.75
    quiet: float = 1_800.0
    look_ahead: float = 3_600.0
    act_before: float = 900.0
    any_change: bool = False

    def __post_init__(self) -> None:
        sane = 0.0 < self.target_utilisation <= self.max_utilisation <= 1.0
        require(
            sane,
            "0 < target_utilisation <= max_utilisation <= 1 [-]",
            (self.target_utilisation, self.max_utilisation),
        )
        require(
            0.0 <= self.alert_clear <= self.alert_at,
            "0 <= alert_clear <= alert_at [-]",
            (self.alert_clear, self.alert_at),
        )
        require(
            0.0 <= self.quiet <= self.look_ahead < math.inf,
            "0 <= quiet <= look_ahead [s]",
            (self.quiet, self.look_ahead),
        )
        require(
            0.0 <= self.act_before <= self.look_ahead,
            "0 <= act_before <= look_ahead [s]",
            (self.act_before, self.look_ahead),
        )

    @property
    def horizons(self) -> tuple[int, int, int]:
        """`quiet`, `look_ahead` and `act_before` [ns]."""
        return round(self.quiet * SECOND), round(self.look_ahead * SECOND), round(self.act_before * SECOND)


class Outlook(NamedTuple):
    """
    What the schedule says between two times.

    Parameters
    ----------
    since, until
        From when, and until before when it says so, UNIX time [ns].
    window
        In force.
    following
        The next change, whichever it is.
    quiet, ahead, act
        The change to less leverage within the quiet period, the look-ahead, and the time to act.

    """

    since: int
    until: int
    window: Window
    following: Transition | None
    quiet: Transition | None
    ahead: Transition | None
    act: Transition | None

    @classmethod
    def of(cls, schedule: MarginSchedule, limits: MarginLimits, ts: int) -> Outlook:
        """Return what a schedule says at `ts`, UNIX time [ns]."""
        quiet, ahead, act = limits.horizons
        return cls(
            ts,
            schedule.same_until(ts, limits.horizons),
            schedule.window(ts),
            schedule.next_transition(ts),
            schedule.tighter(ts, quiet, any_change=limits.any_change) if quiet else None,
            schedule.tighter(ts, ahead),
            schedule.tighter(ts, act),
        )
