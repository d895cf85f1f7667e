"""Loss limits: how much may be lost in an hour, in a day and from the peak before risk-taking stops."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from nautilus_quant.safety import stored
from nautilus_quant.safety.ceilings import CEILINGS, FLOORS, SafetyLimits
from nautilus_quant.safety.window_limit import Confirmation, WindowLimit, loss_fraction

__all__ = ["CEILINGS", "FLOORS", "Block", "LimitStatus", "LossMonitor", "SafetyLimits"]

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
FOREVER = 2**63 - 1
VERSION = 1
_MARGIN = 1e-9
_MOST_WAITING = 512

HOURLY = "hourly_loss"
DAILY = "daily_loss"
DRAWDOWN = "drawdown"

Block = tuple[str, str, dict[str, float | str]]
"""Code, reason and numbers of a refusal."""


class LimitStatus(NamedTuple):
    """What the monitor knows after a valuation."""

    ts: int
    """Time of the valuation [ns]."""
    equity: float
    """The equity that was handed in [reporting currency]; NaN before the first."""
    fresh: bool
    """Whether it counted: fresh and finite."""
    hourly_loss: float
    """Loss in the hour's window at the last fresh valuation [fraction]; 0 after a trip restarted it."""
    daily_loss: float
    """The same for the day."""
    drawdown: float
    """Fall from the peak at the last fresh valuation [fraction]."""
    peak: float
    """All-time highest equity, moved by all flows [reporting currency]; NaN before the first."""
    hourly_until: int
    """End of the latest hourly halt [ns]; 0 when there was none."""
    daily_until: int
    """End of the latest daily halt [ns]; 0 when there was none."""
    latched: bool
    """Whether the drawdown has tripped and nobody has re-armed it."""
    pending: bool
    """Whether a limit is exceeded by one valuation and waits for the second."""
    trips: tuple[str, ...]
    """Limits this very valuation confirmed: ``hourly_loss``, ``daily_loss``, ``drawdown``."""


class LossMonitor:
    """
    Judges every valuation of the account against the loss limits.

    Definition
    ----------
    1. Only *fresh* valuations count: handed in as fresh, and finite. All others change only the answer of
       `blocked`: they move no reference, confirm nothing, and break no confirmation.
    2. An external flow X (deposit > 0, withdrawal < 0) is added to every reference (peak, values of the
       windows) before the valuation it comes with is judged, whether that is fresh or not. What was lost
       stays lost; its fraction is taken of the moved reference.
    3. Hour and day: the reference is the highest equity in force during the window (`RollingMax`), the
       present one included, and ``loss = (reference − equity) / reference``. Exceeded when ``loss > limit``.
       Below a reference that is not positive, all counts as lost (1).
    4. Drawdown: the same with the highest equity ever. Exceeded when ``drawdown > limit``.
    5. A limit trips when two consecutive fresh valuations with different time stamps exceed it.
    6. A trip of the hour or the day at ``t`` halts new risk until ``t + halt`` and uses up the loss: that
       limit's window begins anew with the equity at ``t``. So the same old peak cannot trip it again, and all
       that is lost after the trip counts. When that exceeds the limit, halted or not, it trips again, and the
       halt ends one full halt after the later trip.
    7. A trip of the drawdown is announced once and latches until `rearm`.
    8. ``t`` is the latest time seen so far. A halt's end is an absolute time, and `blocked` compares it with
       the time it is asked for. So a clock that steps back, or a restart, prolongs a halt, and nothing
       shortens one (but `rearm`, if a clock was so far ahead that it would outlast a full one).

    Parameters
    ----------
    limits
        How much may be lost.

    """

    __slots__ = (
        "_breach", "_ceiling", "_day", "_drawdown", "_equity", "_floor", "_flow", "_free_from", "_fresh",
        "_highest", "_hour", "_latched", "_peak", "_stamps", "_ts", "_valid_until", "_waiting", "limits",
    )  # fmt: skip

    def __init__(self, limits: SafetyLimits) -> None:
        self.limits = limits
        self._drawdown = 0.0
        self._hour = WindowLimit(HOURLY, limits.max_hourly_loss, HOUR, round(limits.hourly_halt * SECOND))
        self._day = WindowLimit(DAILY, limits.max_daily_loss, DAY, round(limits.daily_halt * SECOND))
        self._breach = Confirmation()
        self._peak = -math.inf  # like the windows', its value is equity less all flows so far
        self._flow = 0.0
        self._latched = False
        self._equity = math.nan
        self._fresh = False
        self._ts = 0
        self._valid_until = 0
        self._free_from: float = 0  # a moment [ns], or never
        # Valuations no limit can object to wait here until somebody asks, or an eventful one comes.
        self._stamps: list[int] = []
        self._waiting: list[float] = []
        # An equity above the one and up to the other trips nothing: no window's highest value is higher
        # than when it was last looked at, or than what came since.
        self._floor = self._ceiling = math.inf
        self._highest = (math.inf, math.inf, math.inf)

    @property
    def latched(self) -> bool:
        """Whether the drawdown has tripped and nobody has re-armed it."""
        return self._latched

    @property
    def pending(self) -> bool:
        """Whether a limit is exceeded by one valuation and waits for the second."""
        return self._hour.pending or self._day.pending or self._breach.since is not None

    @property
    def drawdown(self) -> float:
        """Fall from the peak at the last fresh valuation [fraction]."""
        self._catch_up()
        return self._drawdown

    @property
    def status(self) -> LimitStatus:
        """What is known since the last update, without its trips."""
        return self._status(())

    def update(
        self,
        ts: int,
        equity: float,
        fresh: bool,
        flow: float = 0.0,
        valid_until: int = FOREVER,
    ) -> LimitStatus:
        """
        Judge one valuation.

        Parameters
        ----------
        ts
            Time of the valuation [ns, UTC].
        equity
            Equity [reporting currency]; NaN when unknown.
        fresh
            Whether every mark in it is fresh and credible, and the balances are settled.
        flow
            External cash flow since the last update [reporting currency]: deposits > 0, withdrawals < 0.
        valid_until
            Time after which this valuation is stale if no other follows [ns].

        """
        return self._status(self.judge(ts, equity, fresh, flow, valid_until))

    def judge(
        self, ts: int, equity: float, fresh: bool, flow: float = 0.0, valid_until: int = FOREVER
    ) -> tuple[str, ...]:
        """Judge one valuation as `update` does, and return nothing but the limits it tripped."""
        if fresh and not flow and self.passes(ts, equity, valid_until):
            return ()
        self._catch_up()
        if flow:
            self._shift(flow)
        value = equity - self._flow
        self._ts = ts
        self._equity = equity
        self._fresh = fresh = fresh and math.isfinite(value)
        if not fresh:
            self._floor = math.inf  # the next one is not in a row with those that wait
            return ()
        self._valid_until = valid_until
        hour, day = self._take(ts, value)
        trips: tuple[str, ...] = ()
        if hour or day or self._drawdown > self.limits.max_drawdown or self._breach.since is not None:
            trips = self._confirm(ts, value, hour, day)
        self._aim()
        return trips

    def passes(self, ts: int, equity: float, valid_until: int) -> bool:
        """
        Take in a fresh valuation without a flow if it can trip nothing and new risk is allowed then.

        False leaves it to `judge`. Nearly none can trip anything: while the equity is high above every limit,
        counted from upper bounds of the highest values, where exactly they are is nobody's concern until
        somebody asks, or something happens.
        """
        if not (self._floor < equity and self._ts < ts <= valid_until):
            return False
        if equity > self._ceiling and not self._raise(equity):
            return False
        self._stamps.append(ts)
        waiting = self._waiting
        waiting.append(equity)
        self._ts = ts
        self._equity = equity
        self._valid_until = valid_until
        if len(waiting) >= _MOST_WAITING:
            self._catch_up()
        return True

    def _take(self, ts: int, value: float) -> tuple[bool, bool]:
        """Take in a fresh value; tell whether there is a loss of the hour and of the day to be judged."""
        flow = self._flow
        if value >= self._peak:
            self._peak = value
            self._drawdown = 0.0
        else:
            self._drawdown = loss_fraction(self._peak + flow, value + flow)
        return self._hour.take(ts, value, flow), self._day.take(ts, value, flow)

    def _catch_up(self) -> None:
        """Take in what waits: all but the last were replaced, and count only where none after is as high."""
        stamps, waiting, flow = self._stamps, self._waiting, self._flow
        if not waiting:
            return
        begin, ts = stamps[0], stamps[-1]
        highest = waiting.pop()
        last, at, steps = highest - flow, len(waiting), []
        for equity in reversed(waiting):
            if equity > highest:
                steps.append((stamps[at] - 1, equity - flow))
                highest = equity
            at -= 1
        stamps.clear()
        waiting.clear()
        steps.reverse()
        self._peak = max(self._peak, highest - flow)
        for limit in (self._hour, self._day):
            limit.pass_over(begin - 1, steps)
        self._take(ts, last)
        self._aim()

    def _aim(self) -> None:
        """Work out between which equities nothing can happen, from the highest values as they are now."""
        flow = self._flow
        # Not while something is halted or waits, nor until a clock that stepped back has caught up.
        if not (self._fresh and self._free_from <= self._ts) or self._ts < self._hour.now:
            self._floor = math.inf
            return
        self._highest = (self._hour.highest + flow, self._day.highest + flow, self._peak + flow)
        self._aim_at(*self._highest)

    def _raise(self, equity: float) -> bool:
        if not math.isfinite(equity - self._flow):
            return False
        hour, day, peak = self._highest
        self._highest = (max(hour, equity), max(day, equity), max(peak, equity))
        self._aim_at(*self._highest)
        return self._floor < equity

    def _aim_at(self, hour: float, day: float, peak: float) -> None:
        limits = self.limits
        self._ceiling = min(hour, day, peak)
        # The margin is more than all roundings on the way to a loss, and what lies within is judged.
        floor = max(
            hour * (1.0 - limits.max_hourly_loss + _MARGIN),
            day * (1.0 - limits.max_daily_loss + _MARGIN),
            peak * (1.0 - limits.max_drawdown + _MARGIN),
        )
        self._floor = floor if self._ceiling > 0.0 and floor < math.inf else math.inf

    def _shift(self, flow: float) -> None:
        if not math.isfinite(flow):
            raise ValueError(
                f"a flow must be finite [reporting currency], was {flow}; hold it back until known"
            )
        self._flow += flow

    def _confirm(self, ts: int, value: float, hour: bool, day: bool) -> tuple[str, ...]:
        """Say which limits trip, of an hour and a day in which there is something to say."""
        hour, day = hour and self._hour.confirm(ts, value), day and self._day.confirm(ts, value)
        fall = not self._latched and self._breach.judge(ts, self._drawdown > self.limits.max_drawdown)
        self._latched = self._latched or fall
        self._settle()
        return tuple(name for name, hit in ((HOURLY, hour), (DAILY, day), (DRAWDOWN, fall)) if hit)

    def _settle(self) -> None:
        """Work out from when on neither a halt, nor a latch, nor an unconfirmed loss forbids new risk."""
        never = self._latched or self.pending
        self._free_from = math.inf if never else max(self._hour.until, self._day.until)

    def _status(self, trips: tuple[str, ...]) -> LimitStatus:
        self._catch_up()
        hour, day, peak = self._hour, self._day, self._peak
        return LimitStatus(
            self._ts,
            self._equity,
            self._fresh,
            hour.loss,
            day.loss,
            self._drawdown,
            peak + self._flow if peak > -math.inf else math.nan,
            hour.until,
            day.until,
            self._latched,
            self.pending,
            trips,
        )

    def is_open(self, ts: int) -> bool:
        """Whether new risk is allowed at `ts` [ns]: exactly when `blocked` gives no reason."""
        return self._fresh and self._free_from <= ts <= self._valid_until and self._equity > 0.0

    def tripped_at(self, name: str) -> tuple[float, float]:
        """Return the loss at which the limit of an hour or a day tripped last, and that limit [fractions]."""
        limit = {HOURLY: self._hour, DAILY: self._day}[name]
        return limit.tripped_loss, limit.limit

    def blocked(self, ts: int) -> Block | None:
        """
        Return why nothing new may be opened at `ts` [ns], or None when it may.

        Codes: ``DRAWDOWN``, ``DAILY_LOSS``, ``HOURLY_LOSS``, ``STALE_EQUITY``, ``NO_EQUITY``, and
        ``LOSS_UNCONFIRMED`` between the first and the second valuation beyond a limit.
        """
        if self.is_open(ts):
            return None
        if self._latched:
            return ("DRAWDOWN", "the drawdown limit has tripped; a person must re-arm", self._numbers())
        for limit, code in ((self._day, "DAILY_LOSS"), (self._hour, "HOURLY_LOSS")):
            if ts < limit.until:
                left = (limit.until - ts) / SECOND
                reason = (
                    f"lost {limit.tripped_loss:.3%}, the limit is {limit.limit:.3%}; halted for {left:.0f} s"
                )
                return (
                    code,
                    reason,
                    {"loss": limit.tripped_loss, "limit": limit.limit, "seconds_left": left},
                )
        return self._doubtful(ts)

    def _doubtful(self, ts: int) -> Block:
        if not self._fresh or ts > self._valid_until:
            return ("STALE_EQUITY", "no fresh valuation of the account", self._numbers())
        if self._equity <= 0.0:
            return ("NO_EQUITY", "equity is not positive", self._numbers())
        return ("LOSS_UNCONFIRMED", "a loss beyond its limit waits for confirmation", self._numbers())

    def _numbers(self) -> dict[str, float | str]:
        self._catch_up()
        return {
            "equity": self._equity,
            "hourly_loss": self._hour.loss,
            "daily_loss": self._day.loss,
            "drawdown": self._drawdown,
        }

    def rearm(self, ts: int, equity: float) -> None:
        """
        Let a person allow risk again at `ts` [ns]: the peak becomes `equity`, the drawdown begins at nothing.

        With an `equity` that is not finite the next fresh valuation becomes the peak. Halts of the hour and
        the day stay, but none lasts longer than a full halt from `ts`.
        """
        self._catch_up()
        self._floor = math.inf
        self._latched = False
        self._drawdown = 0.0
        self._peak = equity - self._flow if math.isfinite(equity) else -math.inf
        self._breach = Confirmation()
        self._hour.rearm(ts)
        self._day.rearm(ts)
        self._settle()

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able state of bounded size: references, halts, latch, confirmations; not the limits."""
        self._catch_up()
        return {
            "version": VERSION,
            "ts": self._ts,
            "peak": self._peak if self._peak > -math.inf else None,
            "flow": self._flow,
            "drawdown": self._drawdown,
            "latched": self._latched,
            "since": self._breach.since,
            HOURLY: self._hour.to_dict(),
            DAILY: self._day.to_dict(),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any], limits: SafetyLimits) -> Self:
        """Restore what `to_dict` gave, under these limits; ValueError when damaged or of another version."""
        stored.check_version("loss windows", state, VERSION)
        self = cls(limits)
        peak = stored.maybe_number(state, "peak")
        self._peak = -math.inf if peak is None else peak
        self._ts = stored.moment(state, "ts")
        self._flow = stored.number(state, "flow")
        self._drawdown = stored.number(state, "drawdown")
        self._latched = stored.flag(state, "latched")
        self._breach = Confirmation(stored.maybe_moment(state, "since"))
        self._hour.restore(stored.field(state, HOURLY))
        self._day.restore(stored.field(state, DAILY))
        self._settle()
        return self
