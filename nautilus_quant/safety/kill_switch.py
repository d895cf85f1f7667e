"""The kill switch: from the trip to a flat and halted account, whatever the venue does meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Self

from nautilus_quant.safety import stored
from nautilus_quant.safety.alarms import Alarms
from nautilus_quant.safety.closing import Closing
from nautilus_quant.safety.kill_state import SECOND, KillParams, KillState, Trip
from nautilus_quant.safety.venue import Action, Alarm, CancelAll, Close, Halt, Unhalt, VenueView

__all__ = [
    "Action", "Alarm", "CancelAll", "Close", "Halt", "KillParams", "KillState", "KillSwitch", "Trip",
    "Unhalt", "VenueView",
]  # fmt: skip

VERSION = 1

_ZERO = Decimal(0)
_AT_REST = (KillState.FLAT, KillState.HALTED)


class KillSwitch:
    """
    State machine from a trip to a flat and halted account.

    It holds no connection: `step` is called about twice a second with what is known of the venue, and answers
    with commands to carry out. *Flat* means no position, no open order, no working closing order.

    ============ ============================================= ============ =================================
    state        on                                            to           emits
    ============ ============================================= ============ =================================
    ARMED        `trip`                                        TRIPPED      nothing
    any other    `trip`                                        unchanged    nothing: the first reason stays
    TRIPPED      step before `latched`                         unchanged    NOT_LATCHED, if it lasts
    TRIPPED      step after `latched`, connected               CANCELLING   what CANCELLING does
    CANCELLING   open orders, fewer than N attempts            unchanged    CancelAll every `retry`
    CANCELLING   no open orders, or N attempts made            FLATTENING   what FLATTENING does
    FLATTENING   open orders, late ones too                    unchanged    CancelAll, slowing down after N;
                                                                            ORDERS_OPEN, if it lasts
    FLATTENING   positions that no working close covers        unchanged    Close when due; after one without
                                                                            effect CLOSE_FAILED and a longer
                                                                            pause, up to `slowest_retry`
    FLATTENING   closes that do not fill                       unchanged    CancelAll(closes), CLOSE_STUCK
    FLATTENING   closes larger than the position, or of the    unchanged    CancelAll(closes), OVERCLOSED
                 wrong side, for longer than `retry`
    FLATTENING   position of unknown size                      unchanged    UNKNOWN_SIZE
    FLATTENING   flat, not confirmed by the venue              unchanged    UNCONFIRMED, if it lasts
    FLATTENING   flat and confirmed for the `confirmations`th  FLAT         nothing
                 time, with nothing but flat views between
    FLAT         flat                                          HALTED       Halt
    HALTED       flat, first step of this process              unchanged    Halt
    FLAT, HALTED not flat, connected                           FLATTENING   Unhalt, REOPENED, and the same
    FLAT, HALTED `rearm`                                       ARMED        nothing
    any other    `rearm`                                       unchanged    ValueError
    all but      not connected to any venue                    unchanged    no command; DISCONNECTED, if it
    ARMED                                                                   lasts and it is not flat at rest
    FLATTENING   positions at a venue that cannot be reached   unchanged    nothing for them; DISCONNECTED
    ============ ============================================= ============ =================================

    Words in capitals on the right are codes of `Alarm`. Commands are due at once when a connection returns or
    the clock steps back. Nothing is ever given up.

    The shell writes `to_dict` to disk synchronously after `trip` and then calls `latched`; a switch restored
    from disk is latched by that. It may call `latched` after a write that failed, too, if it would rather
    close without a latch than leave positions open.

    Parameters
    ----------
    params
        Its patience; the defaults if not given.

    """

    __slots__ = (
        "_alarms", "_attempts", "_cancel_due", "_closings", "_confirmed", "_halted", "_last", "_latched",
        "_offline", "params", "state", "tripped",
    )  # fmt: skip

    def __init__(self, params: KillParams | None = None) -> None:
        self.params = params or KillParams()
        self.state = KillState.ARMED
        self.tripped: Trip | None = None
        self._begin()

    def _begin(self) -> None:
        self._latched = False
        self._halted = False  # whether this process has been told to halt
        self._offline = False
        self._last = 0
        self._attempts = 0
        self._cancel_due = 0
        self._confirmed = 0
        self._closings: dict[str, Closing] = {}
        self._alarms = Alarms(round(self.params.alarm_interval * SECOND))

    @property
    def is_armed(self) -> bool:
        """Whether the switch allows new risk."""
        return self.state is KillState.ARMED

    def blocked(self) -> tuple[str, str, dict[str, float | str]] | None:
        """Return why nothing new may be opened, as code, reason and numbers, or None while armed."""
        trip = self.tripped
        if trip is None:
            return None
        return ("KILL_SWITCH", f"{self.state}, tripped by {trip.trigger}: {trip.reason}", dict(trip.numbers))

    def trip(
        self,
        ts: int,
        trigger: str,
        reason: str,
        numbers: Mapping[str, float | str] | None = None,
    ) -> bool:
        """Trip at `ts` [ns]; return False when it had tripped before, whose reason then stays."""
        if not self.is_armed:
            return False
        self._begin()
        self.state = KillState.TRIPPED
        self.tripped = Trip(ts, trigger, reason, dict(numbers or {}))
        return True

    def latched(self) -> None:
        """Learn that the trip is on disk: from now on `step` acts."""
        self._latched = True

    def rearm(self, reason: str) -> None:
        """Let a person allow risk again: only from FLAT or HALTED, and only with a reason."""
        if self.state not in _AT_REST:
            raise ValueError(f"only a flat or halted kill switch can be re-armed, was {self.state}")
        if not reason.strip():
            raise ValueError("re-arming needs a reason [text], was empty")
        self._begin()
        self.state = KillState.ARMED
        self.tripped = None

    def step(self, ts: int, venue: VenueView) -> list[Action]:
        """Look at the venue at `ts` [ns] and say what to do now."""
        if self.is_armed:
            return []
        self._wake(ts, venue)
        actions = self._act(ts, venue)
        self._alarms.end_round()
        return actions

    def _wake(self, ts: int, venue: VenueView) -> None:
        stepped_back = ts < self._last
        if stepped_back:
            self._alarms.reset_clock(ts)
        if stepped_back or (self._offline and venue.connected):
            self._cancel_due = 0
            for closing in self._closings.values():
                closing.wake()
        self._last = ts
        self._offline = not venue.connected

    def _act(self, ts: int, venue: VenueView) -> list[Action]:
        if not self._latched:
            return self._alarms.raise_(ts, "NOT_LATCHED", "the trip is not on disk, nothing may be done yet")
        if self.state in _AT_REST and venue.is_flat:
            return self._rest()
        if not venue.connected:
            self._confirmed = 0
            return self._alarms.raise_(ts, "DISCONNECTED", f"no connection while {self.state}")
        if self.state in _AT_REST:
            return self._reopen(ts, venue)
        if self.state is not KillState.FLATTENING:
            return self._cancel(ts, venue)
        return self._flatten(ts, venue)

    def _rest(self) -> list[Action]:
        self.state = KillState.HALTED
        if self._halted:
            return []
        self._halted = True
        return [Halt()]

    def _reopen(self, ts: int, venue: VenueView) -> list[Action]:
        held = len(venue.positions)
        message = f"{venue.open_orders} orders and {held} positions appeared while {self.state}"
        self._halted = False
        self.state = KillState.FLATTENING
        return [Unhalt(), Alarm("REOPENED", message, 1), *self._flatten(ts, venue)]

    def _cancel(self, ts: int, venue: VenueView) -> list[Action]:
        self.state = KillState.CANCELLING
        tried_enough = self._attempts >= self.params.cancel_attempts and ts >= self._cancel_due
        if venue.open_orders and not tried_enough:
            return self._cancel_all(ts)
        self.state = KillState.FLATTENING
        return self._flatten(ts, venue)

    def _cancel_all(self, ts: int) -> list[Action]:
        if ts < self._cancel_due:
            return []
        self._attempts += 1
        self._cancel_due = ts + self.params.pause(max(0, self._attempts - self.params.cancel_attempts))
        return [CancelAll(self._attempts)]

    def _flatten(self, ts: int, venue: VenueView) -> list[Action]:
        if venue.is_flat:
            return self._confirm(ts, venue)
        self._confirmed = 0
        actions: list[Action] = []
        if venue.open_orders:
            message = f"{venue.open_orders} orders open after {self._attempts} cancels"
            actions += self._cancel_all(ts) + self._alarms.raise_(ts, "ORDERS_OPEN", message)
        for position in sorted({*venue.positions, *venue.working_closes}):
            actions += self._close(ts, position, venue)
        return actions

    def _close(self, ts: int, position: str, venue: VenueView) -> list[Action]:
        closing = self._closings.setdefault(position, Closing(position, self.params))
        if position in venue.unreachable:
            closing.wake()  # due at once when its venue is back
            return self._alarms.raise_(ts, "DISCONNECTED", f"{position}: no connection to its venue")
        size = venue.positions.get(position, _ZERO)
        working = venue.working_closes.get(position, _ZERO)
        return closing.step(ts, size, working, venue.max_slice.get(position, _ZERO))

    def _confirm(self, ts: int, venue: VenueView) -> list[Action]:
        self._closings.clear()
        self._attempts = self._cancel_due = 0
        if not venue.confirmed:
            return self._alarms.raise_(
                ts, "UNCONFIRMED", "flat as far as known, the venue has not confirmed it"
            )
        self._confirmed += 1
        if self._confirmed >= self.params.confirmations:
            self.state = KillState.FLAT
        return []

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able state: where it stands and why. Timers and counters start anew after a restart."""
        tripped = None if self.tripped is None else self.tripped.to_dict()
        return {"version": VERSION, "state": str(self.state), "tripped": tripped}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any], params: KillParams | None = None) -> Self:
        """Restore what `to_dict` gave; ValueError when damaged or of another version."""
        stored.check_version("kill switch", state, VERSION)
        self = cls(params)
        self.state = stored.choice(state, "state", KillState)
        tripped = stored.field(state, "tripped")
        self.tripped = None if tripped is None else Trip.from_dict(tripped)
        if self.is_armed != (self.tripped is None):
            raise ValueError(f"a stored kill switch is armed, or knows why it tripped, was {state!r:.200}")
        self._latched = True  # what was read from disk is on disk
        return self
