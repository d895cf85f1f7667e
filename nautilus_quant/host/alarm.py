"""One alert of a clock that may be set, changed and taken back at any moment, also while it rings."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from nautilus_trader.common.component import LiveClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.common.component import Clock
    from nautilus_trader.common.events import TimeEvent

_SOON: Final = 1_000_000
"""Before which no alert of a live clock is set [ns]: it would be over when the clock looks at it."""


class Alarm:
    """
    Ring once at a time, which may be set again.

    A live clock rings in threads of its own. It may list an alert that is ringing, whose name cannot be taken
    yet, and may have rung one that is being cancelled: either is an error, and one in the event loop ends the
    node. So every alert has a name of its own, one that is gone already counts as cancelled, and one that
    rings after it was taken back is not heard.

    Parameters
    ----------
    clock
        Of the actor or strategy.
    name
        What the names of its alerts begin with; unique for this clock.
    handler
        Called when it rings; it may set the alarm again.

    Attributes
    ----------
    at
        When it will ring, UNIX time [ns]; ``None`` while it is not set.

    """

    __slots__ = ("_clock", "_count", "_handler", "_name", "_set", "at")

    def __init__(self, clock: Clock, name: str, handler: Callable[[TimeEvent], None]) -> None:
        self._clock = clock
        self._name = name
        self._handler = handler
        self._count = 0
        self._set = ""
        self.at: int | None = None

    def set(self, at: int) -> None:
        """Ring at `at`, UNIX time [ns], at once if that is over, and at no other time any more."""
        self.cancel()
        self._count += 1
        self._set, self.at = f"{self._name}-{self._count}", at
        if isinstance(self._clock, LiveClock):
            at = max(at, self._clock.timestamp_ns() + _SOON)  # one that is over by then is a warning
        self._clock.set_time_alert_ns(self._set, at, self._ring)

    def cancel(self) -> None:
        """Ring no more; nothing happens when it is not set."""
        name, self._set, self.at = self._set, "", None
        if name:
            with contextlib.suppress(KeyError):
                self._clock.cancel_timer(name)

    def _ring(self, event: TimeEvent) -> None:
        if event.name == self._set:
            self._set, self.at = "", None
            self._handler(event)
