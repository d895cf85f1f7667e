"""Quantiles of a stream in constant memory: what counts as a large trade now."""

from __future__ import annotations

import math
from bisect import insort

from nautilus_quant.signals.sequence import require

_MARKERS = 5
_LEAST = 20
"""Fewer values than this say nothing about a quantile."""


class P2Quantile:
    """
    Estimates one quantile with five markers, by the P² algorithm.

    Source: R. Jain and I. Chlamtac, "The P² algorithm for dynamic calculation of quantiles and histograms
    without storing observations", Communications of the ACM 28 (1985).

    Parameters
    ----------
    quantile
        Which one, in (0, 1).

    """

    __slots__ = ("_desired", "_gains", "_heights", "_places", "_quantile", "count")

    def __init__(self, quantile: float) -> None:
        require(0.0 < quantile < 1.0, "0 < quantile < 1 [fraction]; 0.95 is the largest 5 %", quantile)
        q = self._quantile = quantile
        self.count = 0
        self._heights: list[float] = []
        self._places = [1.0, 2.0, 3.0, 4.0, 5.0]
        self._desired = [1.0, 1.0 + 2.0 * q, 1.0 + 4.0 * q, 3.0 + 2.0 * q, 5.0]
        self._gains = (0.0, 0.5 * q, q, 0.5 * (1.0 + q), 1.0)

    @property
    def value(self) -> float:
        """The estimate, of few values the nearest of them; NaN before the first."""
        if self.count >= _MARKERS:
            return self._heights[2]
        if not self.count:
            return math.nan
        return self._heights[min(self.count - 1, int(self._quantile * self.count))]

    def update(self, value: float) -> None:
        """Take a value; what is not finite is ignored."""
        if not math.isfinite(value):
            return
        self.count += 1
        if self.count <= _MARKERS:
            insort(self._heights, value)
            return
        cell = self._cell(value)
        for marker in range(cell + 1, _MARKERS):
            self._places[marker] += 1.0
        for marker in range(1, _MARKERS):
            self._desired[marker] += self._gains[marker]
        for marker in (1, 2, 3):
            self._adjust(marker)

    def _cell(self, value: float) -> int:
        heights = self._heights
        if value < heights[0]:
            heights[0] = value
            return 0
        if value >= heights[4]:
            heights[4] = value
            return 3
        for cell in (0, 1, 2):
            if value < heights[cell + 1]:
                return cell
        return 3

    def _adjust(self, marker: int) -> None:
        places, heights = self._places, self._heights
        gap = self._desired[marker] - places[marker]
        above, below = places[marker + 1] - places[marker], places[marker - 1] - places[marker]
        if gap >= 1.0 and above > 1.0:
            step = 1
        elif gap <= -1.0 and below < -1.0:
            step = -1
        else:
            return
        moved = self._parabolic(marker, step)
        if not heights[marker - 1] < moved < heights[marker + 1]:
            other = marker + step
            slope = (heights[other] - heights[marker]) / (places[other] - places[marker])
            moved = heights[marker] + step * slope
        heights[marker] = moved
        places[marker] += step

    def _parabolic(self, marker: int, step: int) -> float:
        """Return the piecewise-parabolic prediction: formula (P²) of the paper."""
        low, here, high = self._places[marker - 1 : marker + 2]
        below, at, above = self._heights[marker - 1 : marker + 2]
        rising = (here - low + step) * (above - at) / (high - here)
        falling = (high - here - step) * (at - below) / (here - low)
        return at + step / (high - low) * (rising + falling)


class RollingQuantile:
    """
    Estimates a quantile of what came lately.

    Two estimates run, the second half a window behind the first, and takes its place when the window is
    full: the answer rests on the last half to whole window.

    Parameters
    ----------
    quantile
        Which one, in (0, 1).
    window
        Values after which what was is forgotten [values]; more is steadier and slower.

    """

    __slots__ = ("_half", "_new", "_old", "_quantile")

    def __init__(self, quantile: float, window: int) -> None:
        require(window >= 2 * _LEAST, f"window >= {2 * _LEAST} [trades]", window)
        self._quantile = quantile
        self._half = window // 2
        self._old, self._new = P2Quantile(quantile), P2Quantile(quantile)

    @property
    def value(self) -> float:
        """The estimate; NaN before the first twenty values."""
        return self._old.value if self._old.count >= _LEAST else math.nan

    def update(self, value: float) -> None:
        """Take a value; what is not finite is ignored."""
        self._old.update(value)
        if self._old.count > self._half:
            self._new.update(value)
            if self._new.count >= self._half:
                self._old, self._new = self._new, P2Quantile(self._quantile)
