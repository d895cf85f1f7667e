"""Average directional index: how much of the range went one way (Wilder 1978, chapter 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self


class Adx:
    """
    Wilder's ADX with its two directional indicators, one bar at a time; equal to TA-Lib's.

    Scale-free: it looks at shares of the true range only, so 1-second and daily bars share thresholds.

    Parameters
    ----------
    period
        Wilder's smoothing length [bars]; a value's weight falls by ``1/period`` per bar. More is slower and
        calmer; 14 is Wilder's, 10-30 is usual.

    """

    __slots__ = (
        "_adx",
        "_close",
        "_down",
        "_high",
        "_keep",
        "_low",
        "_period",
        "_range",
        "_seen",
        "_up",
        "down",
        "up",
    )

    def __init__(self, period: int = 14) -> None:
        if period < 2:
            raise ValueError(f"period must be at least 2 [bars], was {period}; Wilder used 14")
        self._period = period
        self._keep = 1.0 - 1.0 / period
        self._seen = 0
        self._high = self._low = self._close = 0.0
        self._up = self._down = self._range = 0.0
        self._adx = 0.0
        self.up = 0.0
        """+DI: share of the range that went up [%]."""
        self.down = 0.0
        """-DI: share of the range that went down [%]."""

    def update(self, high: float, low: float, close: float) -> float:
        """Take one bar, give the ADX [%]; 0 until `ready`."""
        seen, period = self._seen, self._period
        self._seen = seen + 1
        if seen:
            up, down, true_range = self._up, self._down, self._range
            # The first ``period - 1`` movements and ranges are summed, the rest decay.
            if seen >= period:
                keep = self._keep
                up *= keep
                down *= keep
                true_range *= keep
            rise, fall, last = high - self._high, self._low - low, self._close
            if rise > fall and rise > 0.0:
                up += rise
            elif fall > rise and fall > 0.0:
                down += fall
            # Comparisons, since calls of max and min would cost more than all the rest.
            top = high if high > last else last  # noqa: FURB136
            true_range += top - (low if low < last else last)  # noqa: FURB136
            self._up, self._down, self._range = up, down, true_range
            if seen >= period:
                total = up + down
                if seen >= 2 * period and total > 0.0 and true_range > 0.0:
                    # What `_average` does for nearly every bar, written out: a call costs more than the sums.
                    self.up = 100.0 * up / true_range
                    self.down = 100.0 * down / true_range
                    self._high, self._low, self._close = high, low, close
                    adx = self._adx
                    self._adx = adx = adx + (100.0 * abs(up - down) / total - adx) / period
                    return adx
                self._average(up, down, true_range, seen - period)
        self._high, self._low, self._close = high, low, close
        return self._adx if seen + 1 >= 2 * period else 0.0

    def _average(self, up: float, down: float, true_range: float, averaged: int) -> None:
        """Smooth the directional index; a market that did not move at all leaves everything as it was."""
        period, total = self._period, up + down
        if not (total > 0.0 and true_range > 0.0):
            index = 0.0 if averaged < period else self._adx
        else:
            self.up = 100.0 * up / true_range
            self.down = 100.0 * down / true_range
            index = 100.0 * abs(up - down) / total
        if averaged < period:  # a plain mean first: the sum is kept until it is complete
            self._adx += index / period
        else:
            self._adx += (index - self._adx) / period

    @property
    def value(self) -> float:
        """Strength of the trend whichever way it goes, 0-100 [%]; 0 until `ready`."""
        return self._adx if self.ready else 0.0

    @property
    def ready(self) -> bool:
        """Whether ``2 * period`` bars have been seen."""
        return self._seen >= 2 * self._period

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        return {
            "seen": min(self._seen, 2 * self._period),
            "bar": [self._high, self._low, self._close],
            "sums": [self._up, self._down, self._range],
            "values": [self.up, self.down, self._adx],
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; the period stays this object's own."""
        self._seen = int(state["seen"])
        self._high, self._low, self._close = state["bar"]
        self._up, self._down, self._range = state["sums"]
        self.up, self.down, self._adx = state["values"]
        return self
