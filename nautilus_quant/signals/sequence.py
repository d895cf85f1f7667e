"""Bars in order: what to do about repeated, missing and impossible ones."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import astuple
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    from _typeshed import DataclassInstance

YEAR = 365.25 * 86_400e9
"""Length of a year [ns]; crypto markets do not close."""


STANDSTILL = 1e-9
"""Volatility up to which a price does not move but for rounding [log price]."""


class Target(NamedTuple):
    """
    What a signal rule wants.

    Parameters
    ----------
    exposure
        Share of a full position [-1, 1].
    reason
        Why, in a few words.

    """

    exposure: float
    reason: str


def periods_per_year(interval: int) -> float:
    """
    Return how many bars of `interval` [ns] a year has.

    Raises
    ------
    ValueError
        If the bars do not come by the clock: volatility per year is then unknown.

    """
    if interval <= 0:
        raise ValueError(f"interval must be positive [ns], was {interval}; use bars that come by the clock")
    return YEAR / interval


def require(holds: bool, rule: str, was: object) -> None:
    """Raise `ValueError` naming the rule and the value unless it holds; NaN never does."""
    if not holds:
        raise ValueError(f"need {rule}, was {was}")


class BarSequence:
    """
    Counts how far each bar lies behind the last good one.

    Parameters
    ----------
    interval
        Length of a bar [ns].
    memory
        Missing bars after which nothing known before is worth anything [bars].

    """

    __slots__ = ("_interval", "_memory", "_ts", "close")

    def __init__(self, interval: int, memory: int) -> None:
        self._interval = interval
        self._memory = memory
        self._ts = 0
        self.close = 0.0
        """The last good close; 0 before the first."""

    def advance(self, ts: int, close: float) -> int:
        """
        Take a bar's close, UNIX time [ns] and price; give how many bars it lies behind the last.

        Returns
        -------
        int
            0 for a bar to ignore: repeated, late, or without a usable price. -1 when everything must start
            over with this bar: the first one, or one too far from the last in either direction.

        """
        if not 0.0 < close < math.inf:
            return 0
        bars = round((ts - self._ts) / self._interval)
        if ts <= self._ts and bars > -self._memory:
            return 0
        first = not self.close or abs(bars) > self._memory
        self._ts, self.close = ts, close
        return -1 if first else max(1, bars)

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        return {"ts": self._ts, "close": self.close}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave."""
        self._ts = int(state["ts"])
        self.close = float(state["close"])
        return self


class Learns(Protocol):
    """A part of a rule that remembers."""

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""

    def restore(self, state: Mapping[str, Any]) -> object:
        """Go on from what `to_dict` gave."""


class BarRule(ABC):
    """
    What rules on bars share: their order, the warm-up, and going on only from a state that fits.

    Parameters
    ----------
    params
        A dataclass of plain values, all that the rule is told.
    interval
        Length of a bar [ns].
    warm_up
        Closes needed before there is a signal [bars].
    memory
        Missing bars after which nothing known before is worth anything [bars]; the warm-up if not given.

    """

    def __init__(
        self, params: DataclassInstance, interval: int, warm_up: int, memory: int | None = None
    ) -> None:
        self._fit: list[Any] = [interval, *astuple(params)]
        self._warm_up = warm_up
        self._sequence = BarSequence(interval, memory or warm_up)
        self._seen = 0
        self._start_over()

    @abstractmethod
    def _start_over(self) -> None:
        """Forget all that was learnt but the order of bars and how many were seen."""

    @abstractmethod
    def _parts(self) -> dict[str, Learns]:
        """Return the parts that remember, by their name in a saved state."""

    @abstractmethod
    def _rest(self) -> dict[str, Any]:
        """Return what else is saved, of what JSON holds."""

    @abstractmethod
    def _restore_rest(self, state: Mapping[str, Any]) -> None:
        """Take what `_rest` gave."""

    def _advance(self, ts: int, close: float) -> tuple[int, float]:
        """
        Take a close, and forget everything where the bars begin anew.

        Returns
        -------
        tuple
            What `BarSequence.advance` gives, and the log return since the last good close; NaN without one.

        """
        before = self._sequence.close
        bars = self._sequence.advance(ts, close)
        if bars < 0:
            self._seen = 0
            self._start_over()
        return bars, math.log(close / before) if bars > 0 else math.nan

    @property
    def ready(self) -> bool:
        """Whether enough closes have been seen."""
        return self._seen >= self._warm_up

    @property
    def warm_up(self) -> int:
        """Closes needed before there is a signal [bars]."""
        return self._warm_up

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs to go on exactly here."""
        return {
            "fit": list(self._fit),
            "sequence": self._sequence.to_dict(),
            **{name: part.to_dict() for name, part in self._parts().items()},
            "seen": min(self._seen, self._warm_up),
            **self._rest(),
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; what was learnt with other parameters or bars is left alone."""
        if list(state.get("fit") or ()) != self._fit:
            return self
        self._sequence.restore(state["sequence"])
        for name, part in self._parts().items():
            part.restore(state[name])
        self._seen = int(state["seen"])
        self._restore_rest(state)
        return self
