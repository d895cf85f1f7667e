"""The kill switch: from the trip to a flat and halted account, whatever the venue does meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from nautilus_quant.safety.closing import Closing, Pace
from nautilus_quant.safety.venue import Action, Alarm, CancelAll, Close, Halt, Unhalt, VenueView

__all__ = [
    "Action", "Alarm", "CancelAll", "Close", "Halt", "KillParams", "KillState", "KillSwitch", "Trip", "Unhalt",
    "VenueView",
]  # fmt: skip

SECOND = 1_000_000_000
VERSION = 1

_ZERO = Decimal(0)


class KillState(StrEnum):
    """Where the switch stands; everything but ARMED forbids new risk."""

    ARMED = "armed"
    TRIPPED = "tripped"
    CANCELLING = "cancelling"
    FLATTENING = "flattening"
    FLAT = "flat"
    HALTED = "halted"


@dataclass(frozen=True, slots=True, kw_only=True)
class KillParams:
    """
    Patience of the kill switch.

    Parameters
    ----------
    retry
        Between two commands of the same kind [s]. Less is faster, but sends again what is still on its way.
    slowest_retry
        Upper end of the doubling pause after closing orders that were rejected or changed nothing [s].
    cancel_attempts
        After so many tries [-] closing begins even though orders are still open; cancelling goes on beside it.
    stuck
        After which a closing order that neither fills nor fails is cancelled and sent anew [s].
    confirmations
        How many views in a row must be flat and confirmed by the venue [-].
    alarm_interval
        Between two alarms on the same lasting trouble [s].

    """

    retry: float = 1.0
    slowest_retry: float = 30.0
    cancel_attempts: int = 5
    stuck: float = 10.0
    confirmations: int = 2
    alarm_interval: float = 10.0

    def __post_init__(self) -> None:
        """Refuse what would never retry or never confirm."""
        if not 0 < self.retry <= self.slowest_retry < float("inf"):
            raise ValueError(f"need 0 < retry <= slowest_retry < inf [s], was {self}")
        if self.cancel_attempts < 1 or self.confirmations < 1:
            raise ValueError(f"cancel_attempts and confirmations must be at least 1 [-], was {self}")
        if not (0 < self.stuck < float("inf") and 0 < self.alarm_interval < float("inf")):
            raise ValueError(f"stuck and alarm_interval must be positive and finite [s], was {self}")


@dataclass(frozen=True, slots=True)
class Trip:
    """Why and when the switch tripped: time [ns], what pulled it, the reason in words, its numbers."""

    ts: int
    trigger: str
    reason: str
    numbers: Mapping[str, float | str]


class KillSwitch:
    """
    State machine from a trip to a flat and halted account.

    It holds no connection: `step` is called about twice a second with what is known of the venue, and answers
    with commands to carry out. ``flat`` below means no position, no open order, no working closing order.

    ============ ============================================ ============ ================================
    state        on                                           to           emits
    ============ ============================================ ============ ================================
    ARMED        `trip`                                       TRIPPED      nothing
    TRIPPED      step before `latched`                        TRIPPED      Alarm NOT_LATCHED, if it lasts
    TRIPPED      step after `latched`, connected              CANCELLING   what CANCELLING does
    CANCELLING   open orders, fewer than N attempts           CANCELLING   CancelAll every `retry`
    CANCELLING   no open orders                               FLATTENING   what FLATTENING does
    CANCELLING   N attempts made                              FLATTENING   Alarm ORDERS_OPEN, and the same
    FLATTENING   open orders (late ones too)                  FLATTENING   CancelAll every `retry`
    FLATTENING   a position not covered by working closes     FLATTENING   Close, when due
    FLATTENING   closing orders exceed or miss the position   FLATTENING   CancelAll(closes=True), Alarm
    FLATTENING   flat, not confirmed                          FLATTENING   Alarm UNCONFIRMED, if it lasts
    FLATTENING   flat, confirmed `confirmations` times        FLAT         nothing
    FLAT         flat                                         HALTED       Halt
    HALTED       flat, first step after a restart             HALTED       Halt
    FLAT, HALTED not flat, connected                          FLATTENING   Unhalt, Alarm REOPENED
    all but      not connected                                unchanged    Alarm DISCONNECTED, if not flat
    ARMED
    FLAT, HALTED `rearm`                                      ARMED        nothing
    any but      `trip`                                       unchanged    nothing: the first reason stays
    ARMED
    ============ ============================================ ============ ================================

    The shell writes `to_dict` to disk synchronously after `trip`, then calls `latched`; a switch restored from
    disk is latched by that. It may call `latched` after a failed write too, if it would rather close without
    a latch than leave positions open.

    Parameters
    ----------
    params
        Its patience.

    """

    __slots__ = ("_alarms", "_attempts", "_closings", "_confirmed", "_due", "_halted", "_last", "_latched",
                 "_offline", "_pace", "params", "state", "tripped")  # fmt: skip

    def __init__(self, params: KillParams | None = None) -> None:
        self.params = params or KillParams()
        self.state = KillState.ARMED
        self.tripped: Trip | None = None
        self._pace = Pace(
            retry=round(self.params.retry * SECOND),
            slowest=round(self.params.slowest_retry * SECOND),
            stuck=round(self.params.stuck * SECOND),
        )
        self._forget()

    def _forget(self) -> None:
        self._latched = False
        self._halted = False  # whether this process has been told to halt
        self._offline = False
        self._attempts = 0
        self._confirmed = 0
        self._due = 0
        self._last = 0
        self._closings: dict[str, Closing] = {}
        self._alarms: dict[str, tuple[int, int]] = {}  # code -> (when last, how often)

    @property
    def is_armed(self) -> bool:
        """Whether new risk is allowed as far as the switch is concerned."""
        return self.state is KillState.ARMED

    def blocked(self) -> tuple[str, str, dict[str, float | str]] | None:
        """Why nothing new may be opened: (code, reason, numbers), or None while armed."""
        if self.tripped is None:
            return None
        reason = f"kill switch is {self.state}: {self.tripped.trigger}: {self.tripped.reason}"
        return ("KILL_SWITCH", reason, dict(self.tripped.numbers))

    def trip(
        self, ts: int, trigger: str, reason: str, numbers: Mapping[str, float | str] | None = None
    ) -> bool:
        """Trip at `ts` [ns]. True when this did it; False when it had tripped before (the first reason stays)."""
        if self.state is not KillState.ARMED:
            return False
        self._forget()
        self.state = KillState.TRIPPED
        self.tripped = Trip(ts, trigger, reason, dict(numbers or {}))
        return True

    def latched(self) -> None:
        """The trip is on disk: from now on `step` acts."""
        self._latched = True

    def rearm(self, reason: str) -> None:
        """A person allows risk again; only for a flat or halted switch, and only with a reason."""
        if self.state not in (KillState.FLAT, KillState.HALTED):
            raise ValueError(f"the kill switch can be re-armed only when flat or halted, was {self.state}")
        if not reason.strip():
            raise ValueError("re-arming needs a reason, was empty")
        self.state = KillState.ARMED
        self.tripped = None
        self._forget()

    def step(self, ts: int, venue: VenueView) -> list[Action]:
        """Look at the venue at `ts` [ns] and say what to do now."""
        if self.state is KillState.ARMED:
            return []
        self._notice(ts, venue)
        if not self._latched:
            return self._alarm(
                ts, "NOT_LATCHED", "the trip is not on disk yet, nothing can be done before it is"
            )
        if not venue.connected:
            self._confirmed = 0
            settled = self.state in (KillState.FLAT, KillState.HALTED) and venue.is_flat
            return [] if settled else self._alarm(ts, "DISCONNECTED", f"no connection while {self.state}")
        if self.state is KillState.TRIPPED:
            self.state = KillState.CANCELLING
        if self.state is KillState.CANCELLING:
            return self._cancel(ts, venue)
        if self.state is KillState.FLATTENING:
            return self._flatten(ts, venue)
        return self._rest(ts, venue)

    def _notice(self, ts: int, venue: VenueView) -> None:
        """Wake everything that waits when the clock steps back or the connection returns."""
        if ts < self._last or (venue.connected and self._offline):
            self._due = 0
            self._alarms.clear()
            for closing in self._closings.values():
                closing.wake()
        self._last = ts
        self._offline = not venue.connected

    def _cancel(self, ts: int, venue: VenueView) -> list[Action]:
        if venue.open_orders == 0:
            return self._start_flattening(ts, venue, [])
        if ts < self._due:
            return []
        if self._attempts >= self.params.cancel_attempts:
            message = (
                f"{venue.open_orders} orders still open after {self._attempts} cancels, closing all the same"
            )
            return self._start_flattening(ts, venue, [Alarm("ORDERS_OPEN", message, self._attempts)])
        return [self._cancel_all(ts)]

    def _start_flattening(self, ts: int, venue: VenueView, actions: list[Action]) -> list[Action]:
        self.state = KillState.FLATTENING
        return actions + self._flatten(ts, venue)

    def _cancel_all(self, ts: int) -> CancelAll:
        self._attempts += 1
        self._due = ts + self._pace.retry
        return CancelAll(self._attempts)

    def _flatten(self, ts: int, venue: VenueView) -> list[Action]:
        if venue.is_flat:
            return self._confirm(ts, venue)
        self._confirmed = 0
        actions: list[Action] = []
        if venue.open_orders and ts >= self._due:
            actions.append(self._cancel_all(ts))
        for position in sorted({*venue.positions, *venue.working_closes}):
            actions += self._close(ts, position, venue)
        return actions

    def _close(self, ts: int, position: str, venue: VenueView) -> list[Action]:
        closing = self._closings.setdefault(position, Closing(position))
        size = venue.positions.get(position, _ZERO)
        working = venue.working_closes.get(position, _ZERO)
        return closing.step(ts, size, working, venue.max_slice.get(position, _ZERO), self._pace)

    def _confirm(self, ts: int, venue: VenueView) -> list[Action]:
        self._closings.clear()
        if not venue.confirmed:
            self._confirmed = 0
            return self._alarm(ts, "UNCONFIRMED", "flat as far as known, the venue has not confirmed it")
        self._confirmed += 1
        if self._confirmed >= self.params.confirmations:
            self.state = KillState.FLAT
        return []

    def _rest(self, ts: int, venue: VenueView) -> list[Action]:
        if not venue.is_flat:
            return self._reopen(ts, venue)
        if self.state is KillState.HALTED and self._halted:
            return []
        self.state = KillState.HALTED
        self._halted = True
        return [Halt()]

    def _reopen(self, ts: int, venue: VenueView) -> list[Action]:
        message = f"{venue.open_orders} orders, {len(venue.positions)} positions appeared while {self.state}"
        self._attempts = self._confirmed = self._due = 0
        self._halted = False
        return self._start_flattening(ts, venue, [Unhalt(), Alarm("REOPENED", message, 1)])

    def _alarm(self, ts: int, code: str, message: str) -> list[Action]:
        """Alarm on trouble that lasts: first after one interval, then at every interval."""
        when, count = self._alarms.setdefault(code, (ts, 0))
        if ts - when < self.params.alarm_interval * SECOND:
            return []
        self._alarms[code] = (ts, count + 1)
        return [Alarm(code, message, count + 1)]

    def to_dict(self) -> dict[str, Any]:
        """JSON-able state: where it stands and why. Timers and counters start anew after a restart."""
        trip = self.tripped
        why = None if trip is None else {
            "ts": trip.ts, "trigger": trip.trigger, "reason": trip.reason, "numbers": dict(trip.numbers),
        }  # fmt: skip
        return {"version": VERSION, "state": str(self.state), "tripped": why}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any], params: KillParams | None = None) -> Self:
        """Restore what `to_dict` gave; ValueError when it is damaged or of another version."""
        if state.get("version") != VERSION:
            raise ValueError(
                f"a stored kill switch must have version {VERSION}, was {state.get('version')!r}"
            )
        self = cls(params)
        try:
            self.state = KillState(state["state"])
            why = state["tripped"]
            self.tripped = None if why is None else Trip(
                int(why["ts"]), str(why["trigger"]), str(why["reason"]), dict(why["numbers"])
            )  # fmt: skip
        except (KeyError, TypeError) as error:
            raise ValueError(f"a stored kill switch needs state and tripped, was {state!r}") from error
        if (self.state is KillState.ARMED) != (self.tripped is None):
            raise ValueError(f"a stored kill switch must be armed or know its trip, was {state!r}")
        self._latched = not self.is_armed
        return self
