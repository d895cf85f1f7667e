"""Faults a drill can order from the paper venue. Off by default, and reproducible by seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence

from nautilus_quant.venues.incidents import Incident, Incidents

_NANOS = 1_000_000_000


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
    incidents : iterable of Incident
        What happens at times after the opening of the market.
    opening : callable, optional
        Returns when the market opened, UNIX time [ns]; None while that is not known. Without a market that
        has an opening, incidents count from the moment of connecting.
    """

    def __init__(
        self,
        reject_probability: float,
        outages: Sequence[tuple[float, float]],
        seed: int,
        incidents: Iterable[Incident] = (),
        opening: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._probability = reject_probability
        self._outages = tuple(outages)
        self._random = random.Random(seed)
        self._origin: int | None = None
        self._incidents = Incidents(incidents)
        self._opening = opening

    def connected(self, now: int) -> None:
        """Start the clock of the windows, once, at UNIX time `now` [ns]."""
        if self._origin is None:
            self._origin = now

    def down(self, now: int) -> bool:
        """Return whether the venue cannot be reached at UNIX time `now` [ns]."""
        if self._origin is None:
            return False
        if self._incidents and self._incidents.down(now - self._opened()):
            return True
        seconds = (now - self._origin) / 1e9
        return any(start <= seconds < end for start, end in self._outages)

    def boundaries(self) -> list[float]:
        """Return when the connection comes or goes [s since connecting]."""
        return sorted({edge for window in self._outages for edge in window})

    def next_edge(self, now: int) -> int | None:
        """Return when an incident takes the connection or gives it back, after `now` [ns]; None: never."""
        opened = self._opened()
        edge = self._incidents.next_edge(now - opened)
        return None if edge is None else opened + edge

    def rejects(self, now: int) -> bool:
        """Draw whether an order at UNIX time `now` [ns] is rejected."""
        chance = self._probability
        if self._incidents and self._origin is not None:
            chance = 1.0 - (1.0 - chance) * (1.0 - self._incidents.reject_probability(now - self._opened()))
        return chance > 0.0 and self._random.random() < chance

    def _opened(self) -> int:
        opening = self._opening()
        return (self._origin or 0) if opening is None else opening
