"""Loss limits: how much may be lost in an hour, in a day and from the peak before risk-taking stops."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from nautilus_quant.safety.window_limit import Confirmation, WindowLimit, loss_fraction

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
FOREVER = 2**63 - 1
VERSION = 1

HOURLY = "hourly_loss"
DAILY = "daily_loss"
DRAWDOWN = "drawdown"

CEILINGS: Mapping[str, float] = {"max_hourly_loss": 0.005, "max_daily_loss": 0.02, "max_drawdown": 0.10}
"""Loosest loss limits a deployment with real money may have [fraction]."""
FLOORS: Mapping[str, float] = {"hourly_halt": 3_600.0, "daily_halt": 86_400.0}
"""Shortest halts a deployment with real money may have [s]."""

Block = tuple[str, str, dict[str, float | str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyLimits:
    """What the account may lose.

    Parameters
    ----------
    max_hourly_loss : float
        Loss from the highest equity of the last hour, as a fraction of it, beyond which no new risk is taken
        for `hourly_halt`. Smaller halts sooner; ordinary noise of the account should stay inside it.
    max_daily_loss : float
        The same for 24 hours and `daily_halt`.
    max_drawdown : float
        Fall from the all-time peak, as a fraction of it, beyond which the kill switch trips.
    hourly_halt, daily_halt : float
        How long nothing new is opened after the trip [s]. Longer is safer.
    """

    max_hourly_loss: float = 0.005
    max_daily_loss: float = 0.02
    max_drawdown: float = 0.10
    hourly_halt: float = 3_600.0
    daily_halt: float = 86_400.0

    def __post_init__(self) -> None:
        for name in CEILINGS:
            value = getattr(self, name)
            if not 0.0 < value < 1.0:
                raise ValueError(
                    f"{name} must lie between 0 and 1 [fraction], was {value}; typical {CEILINGS[name]}"
                )
        for name in FLOORS:
            value = getattr(self, name)
            if not 0.0 < value < math.inf:
                raise ValueError(
                    f"{name} must be positive and finite [s], was {value}; typical {FLOORS[name]:g}"
                )

    def loosened(self) -> list[str]:
        """Rules that these limits break by being looser than `CEILINGS` and `FLOORS`; empty when none."""
        broken = [
            f"{name} must be at most {ceiling:g} [fraction], was {getattr(self, name):g}"
            for name, ceiling in CEILINGS.items()
            if getattr(self, name) > ceiling
        ]
        broken += [
            f"{name} must be at least {floor:g} [s], was {getattr(self, name):g}"
            for name, floor in FLOORS.items()
            if getattr(self, name) < floor
        ]
        return broken


class LimitStatus(NamedTuple):
    """What the monitor knows after a valuation."""

    ts: int
    """Time of the valuation [ns]."""
    equity: float
    """The equity that was handed in [reporting currency]; NaN before the first."""
    fresh: bool
    """Whether it counted: fresh and finite."""
    hourly_loss: float
    """Loss in the hour's window as of the last fresh valuation [fraction]; 0 right after a trip restarted it."""
    daily_loss: float
    """The same for the day."""
    drawdown: float
    """Fall from the peak as of the last fresh valuation [fraction]."""
    peak: float
    """All-time highest equity, moved with all flows [reporting currency]; NaN before the first."""
    hourly_until: int
    """End of the latest hourly halt [ns]; 0 when there was none."""
    daily_until: int
    """End of the latest daily halt [ns]; 0 when there was none."""
    latched: bool
    """Whether the drawdown has tripped and nobody has re-armed it."""
    pending: bool
    """Whether some limit is exceeded by one valuation and waits for the second."""
    trips: tuple[str, ...]
    """Limits that this very valuation confirmed: "hourly_loss", "daily_loss", "drawdown"."""


class LossMonitor:
    """Judges every valuation of the account against the loss limits.

    Definition
    ----------
    1. Only *fresh* valuations count: handed in as fresh, and finite. All others change nothing but the answer
       of `blocked`: they move no reference, confirm nothing, and break no confirmation.
    2. An external flow X (deposit > 0, withdrawal < 0) is added to every reference (peak, window values) before
       the valuation it comes with is judged, fresh or not. Money lost stays money lost; its fraction is
       taken of the moved reference.
    3. Hour and day: the reference is the highest equity in force during the window (`RollingMax`), this
       valuation included; loss = (reference - equity) / reference. Exceeded when loss > limit (strictly).
       Below a reference that is not positive, everything counts as a loss of 1.
    4. Drawdown: the same with the highest equity ever as the reference; exceeded when it is > the limit
       (strictly).
    5. A limit trips when it is exceeded by two consecutive fresh valuations with different time stamps.
    6. A trip of the hour or the day at `t` halts new risk until ``t + halt`` and uses the loss up: the window
       of that limit begins anew with the equity at `t`. So the same old peak cannot trip it again, and every
       loss after the trip counts in full; if that exceeds the limit too, it trips again and the halt, which
       never gets shorter, ends one full halt after this later trip.
    7. A trip of the drawdown latches until `rearm`, and is announced once.
    8. `t` is the latest time seen so far. A halt is an absolute time, and `blocked` compares it with the time
       it is asked for: a clock that steps back, or a restart, prolongs a halt, and nothing shortens it (but
       `rearm`, when a clock was so far ahead that a halt would last longer than a full one).

    Parameters
    ----------
    limits : SafetyLimits
    """

    __slots__ = ("_breach", "_day", "_equity", "_flow", "_fresh", "_hour", "_latched", "_peak", "_trips", "_ts",
                 "_valid_until", "drawdown", "limits")  # fmt: skip

    def __init__(self, limits: SafetyLimits) -> None:
        self.limits = limits
        self.drawdown = 0.0
        self._hour = WindowLimit(HOURLY, limits.max_hourly_loss, HOUR, round(limits.hourly_halt * SECOND))
        self._day = WindowLimit(DAILY, limits.max_daily_loss, DAY, round(limits.daily_halt * SECOND))
        self._breach = Confirmation()
        self._peak = -math.inf
        self._flow = 0.0
        self._latched = False
        self._equity = math.nan
        self._fresh = False
        self._ts = 0
        self._valid_until = 0

    @property
    def latched(self) -> bool:
        """Whether the drawdown has tripped and nobody has re-armed it."""
        return self._latched

    @property
    def status(self) -> LimitStatus:
        """The status as of the last update, without its trips."""
        return self._status(())

    def update(
        self, ts: int, equity: float, fresh: bool, flow: float = 0.0, valid_until: int = FOREVER
    ) -> LimitStatus:
        """Judge one valuation.

        Parameters
        ----------
        ts : int
            Time of the valuation [ns, UTC].
        equity : float
            Equity [reporting currency]; NaN when unknown.
        fresh : bool
            Whether every mark in it is fresh and credible, and the balances are settled.
        flow : float
            External cash flow since the last update [reporting currency]: deposits > 0, withdrawals < 0.
        valid_until : int
            Time [ns] after which this valuation is stale if no other follows (`Valuation.valid_until`).
        """
        if flow:
            self._shift(flow)
        self._ts = ts
        self._equity = equity
        self._fresh = fresh = fresh and math.isfinite(equity)
        if not fresh:
            return self._status(())
        self._valid_until = valid_until
        return self._status(self._judge(ts, equity))

    def _judge(self, ts: int, equity: float) -> tuple[str, ...]:
        flow = self._flow
        value = equity - flow
        self._peak = max(self._peak, value)
        self.drawdown = loss_fraction(self._peak + flow, value + flow)
        hour = self._hour.update(ts, value, flow)
        day = self._day.update(ts, value, flow)
        fall = not self._latched and self._breach.judge(ts, self.drawdown > self.limits.max_drawdown)
        if not (hour or day or fall):
            return ()
        self._latched = self._latched or fall
        return tuple(name for name, hit in ((HOURLY, hour), (DAILY, day), (DRAWDOWN, fall)) if hit)

    def _shift(self, flow: float) -> None:
        if not math.isfinite(flow):
            raise ValueError(
                f"a cash flow must be finite [reporting currency], was {flow}; hold it until its rate is known"
            )
        self._flow += flow

    def _status(self, trips: tuple[str, ...]) -> LimitStatus:
        hour, day = self._hour, self._day
        return LimitStatus(
            self._ts, self._equity, self._fresh, hour.loss, day.loss, self.drawdown,
            self._peak + self._flow if self._peak > -math.inf else math.nan,
            hour.until, day.until, self._latched,
            hour.pending or day.pending or self._breach.since is not None, trips,
        )  # fmt: skip

    def blocked(self, ts: int) -> Block | None:
        """Why nothing new may be opened at `ts` [ns]: (code, reason, numbers), or None when it may."""
        if self._latched:
            return (
                "DRAWDOWN",
                "drawdown limit tripped; needs a person to re-arm",
                {"drawdown": self.drawdown},
            )
        for limit, code in ((self._day, "DAILY_LOSS"), (self._hour, "HOURLY_LOSS")):
            if ts < limit.until:
                numbers: dict[str, float | str] = {"loss": limit.tripped_loss, "limit": limit.limit,
                                                   "seconds_left": (limit.until - ts) / SECOND}  # fmt: skip
                return (code, f"{limit.name} of {limit.tripped_loss:.3%} exceeded {limit.limit:.3%}", numbers)
        return self._doubtful(ts)

    def _doubtful(self, ts: int) -> Block | None:
        if not self._fresh or ts > self._valid_until:
            return ("STALE_EQUITY", "no fresh valuation of the account", {"equity": self._equity})
        if self._equity <= 0.0:
            return ("NO_EQUITY", "equity is not positive", {"equity": self._equity})
        if self.status.pending:
            numbers: dict[str, float | str] = {"hourly_loss": self._hour.loss, "daily_loss": self._day.loss,
                                               "drawdown": self.drawdown}  # fmt: skip
            return ("LOSS_UNCONFIRMED", "a loss limit is exceeded and waits for its confirmation", numbers)
        return None

    def rearm(self, ts: int, equity: float) -> None:
        """A person allows risk again at `ts` [ns]: the peak becomes `equity`, the drawdown starts at nothing.

        With an `equity` that is not finite the next fresh valuation becomes the peak. Hour and day halts stay,
        but none lasts longer than a full halt from `ts`.
        """
        self._latched = False
        self.drawdown = 0.0
        self._peak = equity - self._flow if math.isfinite(equity) else -math.inf
        self._breach = Confirmation()
        self._hour.rearm(ts)
        self._day.rearm(ts)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able state of bounded size: references, halts, latch, confirmations; not the limits."""
        return {
            "version": VERSION,
            "ts": self._ts,
            "peak": self._peak if self._peak > -math.inf else None,
            "flow": self._flow,
            "drawdown": self.drawdown,
            "latched": self._latched,
            "since": self._breach.since,
            HOURLY: self._hour.to_dict(),
            DAILY: self._day.to_dict(),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any], limits: SafetyLimits) -> Self:
        """Restore what `to_dict` gave, under these limits; ValueError when it is damaged or of another version."""
        if state.get("version") != VERSION:
            raise ValueError(f"stored loss windows must have version {VERSION}, was {state.get('version')!r}")
        self = cls(limits)
        try:
            self._restore(state)
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError(
                f"stored loss windows must hold what to_dict wrote, {error!r} in {state!r}"
            ) from error
        return self

    def _restore(self, state: Mapping[str, Any]) -> None:
        peak, since = state["peak"], state["since"]
        self._ts = int(state["ts"])
        self._peak = -math.inf if peak is None else float(peak)
        self._flow = float(state["flow"])
        self.drawdown = float(state["drawdown"])
        self._latched = state["latched"] is True
        self._breach = Confirmation(None if since is None else int(since))
        self._hour.restore(state[HOURLY])
        self._day.restore(state[DAILY])
