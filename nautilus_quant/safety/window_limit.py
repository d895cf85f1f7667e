"""One loss limit over one rolling window, with the halt it orders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nautilus_quant.safety import stored
from nautilus_quant.safety.windows import RollingMax


def loss_fraction(reference: float, equity: float) -> float:
    """
    Return the loss of `equity` against `reference`, as a fraction of `reference`; never negative.

    A reference that is not positive can lose no fraction of itself: below it, all counts as lost (1.0).
    """
    if equity >= reference:
        return 0.0
    return (reference - equity) / reference if reference > 0.0 else 1.0


class Confirmation:
    """
    Two consecutive findings with different time stamps make a fact.

    What is judged at one time stamp is one valuation, however many events arrived at that instant: a mark
    must not confirm itself. Findings that were never made (stale valuations) neither count nor reset.

    Parameters
    ----------
    since
        Time of a first finding from stored state [ns].

    """

    __slots__ = ("since",)

    def __init__(self, since: int | None = None) -> None:
        self.since = since

    def judge(self, ts: int, found: bool) -> bool:
        """Return whether the finding at `ts` [ns] confirms an earlier one, which uses both up."""
        if not found:
            self.since = None
        elif self.since is None:
            self.since = ts
        elif ts != self.since:
            self.since = None
            return True
        return False


class WindowLimit:
    """
    Largest loss tolerated inside a rolling window; `limits.LossMonitor` gives the definition.

    Parameters
    ----------
    name
        ``"hourly_loss"`` or ``"daily_loss"``.
    limit
        Largest tolerated loss, as a fraction of the window's highest equity; a larger one trips.
    window, halt
        Length of the window, and of the halt after a trip [ns].

    """

    __slots__ = ("_breach", "_window", "halt", "limit", "loss", "name", "tripped_loss", "until")

    def __init__(self, name: str, limit: float, window: int, halt: int) -> None:
        self.name = name
        self.limit = limit
        self.halt = halt
        self.loss = 0.0
        self.until = 0
        self.tripped_loss = 0.0
        self._window = RollingMax(window)
        self._breach = Confirmation()

    @property
    def pending(self) -> bool:
        """Whether the last fresh valuation was beyond the limit and is not confirmed yet."""
        return self._breach.since is not None

    def update(self, ts: int, value: float, flow: float) -> bool:
        """Judge a fresh valuation, given as equity less all `flow` so far; return whether the limit trips."""
        return self.take(ts, value, flow) and self.confirm(ts, value)

    def take(self, ts: int, value: float, flow: float) -> bool:
        """Take in a fresh valuation; return whether there is a loss, or one less, for `confirm` to judge."""
        reference, equity = self._window.push(ts, value) + flow, value + flow
        if equity >= reference:
            loss = 0.0
        elif reference > 0.0:  # as in `loss_fraction`, of which a call costs more than the division
            loss = (reference - equity) / reference
        else:
            loss = 1.0
        self.loss = loss
        return loss > self.limit or self._breach.since is not None

    @property
    def highest(self) -> float:
        """Highest value of the window as of the latest `take`; -inf before the first."""
        return self._window.highest

    @property
    def now(self) -> int:
        """Latest time of a valuation [ns]; -1 before the first."""
        return self._window.now

    def pass_over(self, until: int, steps: Iterable[tuple[int, float]]) -> None:
        """Take in values of which none was a loss beyond the limit: see `RollingMax.pass_over`."""
        self._window.pass_over(until, steps)

    def confirm(self, ts: int, value: float) -> bool:
        """Judge the loss just taken in; return whether the limit trips."""
        if not self._breach.judge(ts, self.loss > self.limit):
            return False
        self.until = max(self.until, self._window.now + self.halt)
        self.tripped_loss = self.loss
        self.loss = 0.0
        self._window.restart(value)
        return True

    def rearm(self, ts: int) -> None:
        """Trust the clock of a person: no halt ends later than a full halt from `ts` [ns]."""
        self.until = min(self.until, ts + self.halt)
        self._window.reset_clock(ts)
        self._breach = Confirmation()

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able state; the limit itself belongs to the config."""
        return {
            "until": self.until,
            "tripped_loss": self.tripped_loss,
            "loss": self.loss,
            "since": self._breach.since,
            "window": self._window.to_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `to_dict` gave; ValueError when it is damaged."""
        window = RollingMax.from_dict(stored.field(state, "window"))
        if window.window != self._window.window:
            raise ValueError(
                f"stored {self.name} window must last {self._window.window} ns, was {window.window}"
            )
        self.until = stored.moment(state, "until")
        self.tripped_loss = stored.number(state, "tripped_loss")
        self.loss = stored.number(state, "loss")
        self._breach = Confirmation(stored.maybe_moment(state, "since"))
        self._window = window
