"""Come back to a position without an event: it is too old, or a refused order may be sent again."""

from __future__ import annotations

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

    def set(self, desk: ExitDesk) -> None:
        """Ring when a desk next has something to do."""
        now = self._clock.timestamp_ns()
        at = min((t for t in (desk.retry, desk.begins, desk.ladder.deadline) if t > now), default=0)
        if at == desk.alert:
            return
        self.forget([desk])
        desk.alert = at
        if at:
            name = self._name(desk)
            self._desks[name] = desk
            # A live clock goes on meanwhile.
            self._clock.set_time_alert_ns(name, max(at, now + _MOMENT), self._on_time)

    def forget(self, desks: Iterable[ExitDesk]) -> None:
        """Ring for these no more."""
        for name in map(self._name, desks):
            self._desks.pop(name, None)
            if name in self._clock.timer_names:
                self._clock.cancel_timer(name)

    def _name(self, desk: ExitDesk) -> str:
        return f"{self._owner}-exit-{desk.position.id.value}"

    def _on_time(self, event: TimeEvent) -> None:
        desk = self._desks.pop(event.name, None)
        if desk is not None:
            desk.alert = 0
            self._due(desk)
