"""How one position is closed: when the next closing order is due, and how large it may be."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from nautilus_quant.safety.venue import Action, Alarm, CancelAll, Close

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """
    Waiting times of the kill switch [ns].

    Parameters
    ----------
    retry
        Between two commands of the same kind; long enough for the venue to answer. Doubles after every closing
        order that changed nothing.
    slowest
        Where the doubling ends.
    stuck
        After which a closing order that neither fills nor fails is cancelled and sent anew.

    """

    retry: int
    slowest: int
    stuck: int


class Closing:
    """
    The closing of one position. Never gives up, never covers more than what is held.

    Parameters
    ----------
    position
        Position id.

    """

    __slots__ = ("_due", "_failures", "_sent", "_since", "_size", "position")

    def __init__(self, position: str) -> None:
        self.position = position
        self._size = _ZERO  # signed, when last looked at
        self._sent = False  # a closing order was sent and nothing has moved since
        self._failures = 0
        self._due = 0
        self._since: int | None = None  # closing orders work without progress since

    def wake(self) -> None:
        """Forget waiting times: the connection came back, or the clock stepped."""
        self._due = 0
        self._since = None

    def step(self, ts: int, size: Decimal, working: Decimal, most: Decimal, pace: Pace) -> list[Action]:
        """Say what to do at `ts` [ns] about a position of `size` with `working` closes and slices of `most`."""
        if not (size.is_finite() and working.is_finite()):
            return self._unknown(ts, pace)
        self._note(size, working)
        if working > abs(size) or (working > 0 and size * self._size < 0):
            return self._cancel(ts, pace, "OVERCLOSED", f"closing orders of {working} exceed {size}")
        self._size = size
        if working > 0 and self._is_stuck(ts, pace):
            return self._cancel(ts, pace, "CLOSE_STUCK", f"closing orders of {working} do not fill")
        if size == 0 or ts < self._due:
            return []
        return self._close(ts, size, working, most, pace)

    def _note(self, size: Decimal, working: Decimal) -> None:
        if abs(size) < abs(self._size):
            self._sent, self._failures, self._since = False, 0, None
        if working == 0:
            self._since = None

    def _is_stuck(self, ts: int, pace: Pace) -> bool:
        if self._since is None:
            self._since = ts
        return ts - self._since >= pace.stuck

    def _unknown(self, ts: int, pace: Pace) -> list[Action]:
        if ts < self._due:
            return []
        self._failures += 1
        self._due = ts + pace.slowest
        return [
            Alarm("UNKNOWN_SIZE", f"{self.position}: size is unknown, nothing can be sent", self._failures)
        ]

    def _cancel(self, ts: int, pace: Pace, code: str, why: str) -> list[Action]:
        if ts < self._due:
            return []
        self._failures += 1
        self._since = None
        self._due = ts + pace.retry
        return [
            CancelAll(self._failures, closes=True),
            Alarm(code, f"{self.position}: {why}", self._failures),
        ]

    def _close(self, ts: int, size: Decimal, working: Decimal, most: Decimal, pace: Pace) -> list[Action]:
        budget = min(abs(size), most) if most > 0 else abs(size)
        quantity = budget - working
        if quantity <= 0:
            return []
        actions: list[Action] = []
        if self._sent and working == 0:
            self._failures += 1
            message = (
                f"{self.position}: {size} still open after {self._failures} closing orders without effect"
            )
            actions.append(Alarm("CLOSE_FAILED", message, self._failures))
        self._sent = True
        self._due = ts + min(pace.retry << min(self._failures, 32), pace.slowest)
        actions.append(Close(self.position, quantity, -1 if size > 0 else 1))
        return actions
