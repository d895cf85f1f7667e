"""Come back to a position without an event: it is too old, or a refused order may be sent again."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nautilus_trader.common.component import Clock
    from nautilus_trader.common.events import TimeEvent

    from nautilus_quant.host.exits_desk import ExitDesk

_MOMENT = 1_000_000


class ExitTimer:
    """
    One time alert for each desk.

    Parameters
    ----------
    clock
        Of the host.
    owner
        Name of the book, which the names of alerts begin with.
    due
        Called with a desk when its time has come.

    """

    def __init__(self, clock: Clock, owner: str, due: Callable[[ExitDesk], None]) -> None:
        self._clock = clock
        self._owner = owner
        self._due = due
        self._desks: dict[str, ExitDesk] = {}
        self._names: dict[str, str] = {}
        self._count = 0

    def set(self, desk: ExitDesk) -> None:
        """Ring when a desk next has something to do."""
        now = self._clock.timestamp_ns()
        at = min((t for t in (desk.retry, desk.begins, desk.ladder.deadline) if t > now), default=0)
        if at == desk.alert:
            return
        self.forget([desk])
        desk.alert = at
        if at:
            # A name of its own each time: a live clock still lists an alert that is ringing.
            self._count += 1
            name = f"{self._owner}-exit-{self._count}"
            self._desks[name] = desk
            self._names[desk.position.id.value] = name
            # A live clock goes on meanwhile.
            self._clock.set_time_alert_ns(name, max(at, now + _MOMENT), self._on_time)

    def forget(self, desks: Iterable[ExitDesk]) -> None:
        """Ring for these no more."""
        for desk in desks:
            name = self._names.pop(desk.position.id.value, "")
            if self._desks.pop(name, None) is not None:
                with contextlib.suppress(KeyError):  # it has just rung, in a thread of a live clock
                    self._clock.cancel_timer(name)

    def _on_time(self, event: TimeEvent) -> None:
        desk = self._desks.pop(event.name, None)
        if desk is not None:
            self._names.pop(desk.position.id.value, None)
            desk.alert = 0
            self._due(desk)
