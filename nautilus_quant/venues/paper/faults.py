"""Faults a drill can order from the paper venue. Off by default, and reproducible by seed."""

from __future__ import annotations

import random
from collections.abc import Sequence


class FaultPlan:
    """
    Decides whether the venue refuses an order.

    Parameters
    ----------
    reject_probability : float
        Probability [0 to 1] of a rejection per order.
    outages : sequence of (float, float)
        Windows [s since connecting] without a connection.
    seed : int
        Seed of the rejections.
    """

    def __init__(self, reject_probability: float, outages: Sequence[tuple[float, float]], seed: int) -> None:
        self._probability = reject_probability
        self._outages = tuple(outages)
        self._random = random.Random(seed)
        self._origin: int | None = None

    def connected(self, now: int) -> None:
        """Start the clock of the windows, once, at UNIX time `now` [ns]."""
        if self._origin is None:
            self._origin = now

    def down(self, now: int) -> bool:
        """Return whether the venue cannot be reached at UNIX time `now` [ns]."""
        if self._origin is None or not self._outages:
            return False
        seconds = (now - self._origin) / 1e9
        return any(start <= seconds < end for start, end in self._outages)

    def boundaries(self) -> list[float]:
        """Return when the connection comes or goes [s since connecting]."""
        return sorted({edge for window in self._outages for edge in window})

    def rejects(self) -> bool:
        """Draw whether the next order is rejected."""
        return self._probability > 0.0 and self._random.random() < self._probability
