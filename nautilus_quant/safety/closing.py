"""How one position is closed: when the next closing order is due, and how large it may be."""

from __future__ import annotations

from decimal import Decimal

from nautilus_quant.safety.kill_state import SECOND, KillParams
from nautilus_quant.safety.venue import Action, Alarm, CancelAll, Close

_ZERO = Decimal(0)


class Closing:
    """
    The closing of one position: never gives up, and never covers more than what is held.

    A closing order after which the position has not changed and nothing works any more has failed: the pause
    before the next doubles. Any change of the position starts over with the shortest pause. Closing orders
    that work for too long, exceed the position, or were made for its other side, are cancelled first.

    Parameters
    ----------
    position
        Position id.
    params
        Pauses.

    """

    __slots__ = (
        "_cancel_due", "_close_due", "_closed_at", "_failures", "_sent", "_side", "_size", "_strange_since",
        "_working_since", "params", "position",
    )  # fmt: skip

    def __init__(self, position: str, params: KillParams) -> None:
        self.position = position
        self.params = params
        self._size = _ZERO
        self._side = 0  # that the working closes trade; 0 when there are none
        self._sent = False  # a close was sent and the position has not changed since
        self._failures = 0
        self.wake()

    def wake(self) -> None:
        """Forget all waiting: the connection is back, or the clock stepped."""
        self._close_due = 0
        self._cancel_due = 0
        self._closed_at = 0
        self._working_since: int | None = None
        self._strange_since: int | None = None

    def step(self, ts: int, size: Decimal, working: Decimal, most: Decimal) -> list[Action]:
        """
        Say what to do now.

        Parameters
        ----------
        ts
            Now [ns].
        size
            Signed quantity held.
        working
            Unsigned quantity of working closes.
        most
            Largest closing order; not positive or NaN: no bound.

        """
        if not (size.is_finite() and working.is_finite()):
            return self._unknown(ts)
        self._note(ts, size, working)
        if self._is_strange(size, working):
            return self._withdraw(ts, "OVERCLOSED", f"closing orders of {working} do not fit {size}")
        if working and self._lasts(ts, self._working_since, self.params.stuck):
            return self._withdraw(ts, "CLOSE_STUCK", f"closing orders of {working} do not fill")
        return self._close(ts, size, working, most)

    def _note(self, ts: int, size: Decimal, working: Decimal) -> None:
        if size != self._size:
            self._size, self._sent, self._failures = size, False, 0
            self._working_since = None
            self._close_due = min(self._close_due, self._closed_at + self.params.pause(0))
        if not working:
            self._side = 0
            self._working_since = None
        elif self._working_since is None:
            self._working_since = ts
        if not self._is_strange(size, working):
            self._strange_since = None
        elif self._strange_since is None:
            self._strange_since = ts

    def _is_strange(self, size: Decimal, working: Decimal) -> bool:
        return working > abs(size) or self._side == (1 if size > 0 else -1)

    @staticmethod
    def _lasts(ts: int, since: int | None, seconds: float) -> bool:
        return since is not None and ts - since >= seconds * SECOND

    def _unknown(self, ts: int) -> list[Action]:
        if ts < self._close_due:
            return []
        self._failures += 1
        self._close_due = ts + self.params.pause(self._failures)
        return [Alarm("UNKNOWN_SIZE", f"{self.position}: size unknown, no order can be sent", self._failures)]

    def _withdraw(self, ts: int, code: str, why: str) -> list[Action]:
        # orders and positions are reported one after the other: give the second report its time
        fleeting = code == "OVERCLOSED" and not self._lasts(ts, self._strange_since, self.params.retry)
        if fleeting or ts < self._cancel_due:
            return []
        self._failures += 1
        self._cancel_due = ts + self.params.pause(self._failures)
        cancel = CancelAll(self._failures, closes=True)
        return [cancel, Alarm(code, f"{self.position}: {why}", self._failures)]

    def _close(self, ts: int, size: Decimal, working: Decimal, most: Decimal) -> list[Action]:
        bounded = not most.is_nan() and most > 0
        quantity = (min(abs(size), most) if bounded else abs(size)) - working
        if quantity <= 0 or ts < self._close_due:
            return []
        actions: list[Action] = []
        if self._sent and not working:
            self._failures += 1
            message = f"{self.position}: {size} open after {self._failures} closing orders without effect"
            actions.append(Alarm("CLOSE_FAILED", message, self._failures))
        self._sent = True
        self._side = -1 if size > 0 else 1
        self._closed_at = ts
        self._close_due = ts + self.params.pause(self._failures)
        return [*actions, Close(self.position, quantity, self._side)]
