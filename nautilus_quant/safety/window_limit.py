"""One loss limit over one rolling window, with the halt it orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nautilus_quant.safety.windows import RollingMax


def loss_fraction(reference: float, equity: float) -> float:
    """Loss of `equity` against `reference`, as a fraction of `reference`; never negative.

    A reference that is not positive can lose no fraction of itself: anything below it is a total loss (1.0).
    """
    if equity >= reference:
        return 0.0
    return (reference - equity) / reference if reference > 0.0 else 1.0


class Confirmation:
    """Two consecutive findings with different time stamps make a fact.

    What is judged at one time stamp is one valuation, however many events arrived at that instant: the same
    mark must not confirm itself. Findings that were never made (stale valuations) neither count nor reset.
    """

    __slots__ = ("_since",)

    def __init__(self, since: int | None = None) -> None:
        self._since = since

    @property
    def since(self) -> int | None:
        """Time of the first, still unconfirmed finding [ns]; None when there is none."""
        return self._since

    def judge(self, ts: int, found: bool) -> bool:
        """Whether the finding at `ts` [ns] confirms an earlier one; either way it is used up then."""
        if not found:
            self._since = None
            return False
        if self._since is None:
            self._since = ts
            return False
        if ts == self._since:
            return False
        self._since = None
        return True


class WindowLimit:
    """Largest loss tolerated inside a rolling window; see `limits.LossMonitor` for the definition.

    Parameters
    ----------
    name : str
        "hourly_loss" or "daily_loss".
    limit : float
        Largest tolerated loss, as a fraction of the window's highest equity; one that is larger trips.
    window, halt : int
        Length of the window and of the halt after a trip [ns].
    """

    __slots__ = ("_breach", "_window", "halt", "limit", "loss", "name", "tripped_at", "tripped_loss", "until")

    def __init__(self, name: str, limit: float, window: int, halt: int) -> None:
        self.name = name
        self.limit = limit
        self.halt = halt
        self.loss = 0.0
        self.until = 0
        self.tripped_at = 0
        self.tripped_loss = 0.0
        self._window = RollingMax(window)
        self._breach = Confirmation()

    @property
    def pending(self) -> bool:
        """Whether the last fresh valuation was beyond the limit and not yet confirmed."""
        return self._breach.since is not None

    def update(self, ts: int, value: float, flow: float) -> bool:
        """Judge a fresh valuation: `value` is the equity less all `flow` so far. True when the limit trips."""
        highest = self._window.push(ts, value)
        self.loss = loss_fraction(highest + flow, value + flow)
        if not self._breach.judge(ts, self.loss > self.limit):
            return False
        now = self._window.now
        self.until = max(self.until, now + self.halt)
        self.tripped_at, self.tripped_loss = now, self.loss
        self._window.restart(value)
        return True

    def rearm(self, ts: int) -> None:
        """A person vouches for the clock: no halt ends later than a full halt from `ts` [ns]."""
        self.until = min(self.until, ts + self.halt)
        self._window.reset_clock(ts)
        self._breach = Confirmation()

    def to_dict(self) -> dict[str, Any]:
        """JSON-able state; the limit itself belongs to the config."""
        return {
            "until": self.until,
            "tripped_at": self.tripped_at,
            "tripped_loss": self.tripped_loss,
            "loss": self.loss,
            "since": self._breach.since,
            "window": self._window.to_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `to_dict` gave."""
        window = RollingMax.from_dict(state["window"])
        if window.window != self._window.window:
            raise ValueError(
                f"stored {self.name} window must last {self._window.window} ns, was {window.window}"
            )
        since = state["since"]
        self.until = int(state["until"])
        self.tripped_at = int(state["tripped_at"])
        self.tripped_loss = float(state["tripped_loss"])
        self.loss = float(state["loss"])
        self._breach = Confirmation(None if since is None else int(since))
        self._window = window
