"""Ordered incidents of a simulated venue: outages, halts, rejected orders, stale feeds.

They are pure functions of the time since the market opened, so a live node and a backtest of one market go
through the same ones. The market itself goes on meanwhile: only what is heard of it changes, and what becomes
of orders.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Final, Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nautilus_quant.config.units import Fraction, Seconds

_NANOS: Final = 1_000_000_000

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


class Incident(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    One incident, or one that comes again and again.

    Parameters
    ----------
    kind
        ``data``: nothing is published. ``trading``: orders and cancellations are rejected as unreachable, and
        working orders stay. ``outage``: both. ``rejects``: a share of new orders is rejected. ``stale``: the
        feed goes on repeating the last quote, with the time it was of, and has nothing else to say. Simulated
        fills know no other price than the feed's, so what is filled meanwhile is filled at the old one.
    at
        When it begins, after the market's opening [s].
    duration
        How long it lasts [s].
    every
        From one beginning to the next [s]; 0 happens once.
    probability
        Share of new orders that is rejected, of ``rejects`` [0 to 1].
    announced
        Whether the venue tells the status of its instruments (``HALT``, then ``TRADING``), as in maintenance;
        for ``outage`` and ``trading``.

    """

    kind: Literal["outage", "data", "trading", "rejects", "stale"]
    at: Seconds
    duration: Seconds = 30.0
    every: Seconds = 0.0
    probability: Fraction = 1.0
    announced: bool = False

    def __post_init__(self) -> None:
        if not 0.0 < self.duration < math.inf:
            raise ValueError(f"duration must be positive [s], was {self.duration}; typical 10–300")
        if self.every and not self.duration < self.every < math.inf:
            raise ValueError(
                f"every must be longer than duration={self.duration} [s], was {self.every}; 0 happens once"
            )
        if self.announced and self.kind not in {"outage", "trading"}:
            raise ValueError(f"only an outage, or trading, can be announced, was kind={self.kind!r}")

    def during(self, elapsed: Ints) -> Bools:
        """Tell whether it is going on, so long after the opening [ns]. Shape: (times,) -> (times,)."""
        since = elapsed - round(self.at * _NANOS)
        within = since % round(self.every * _NANOS) if self.every else since
        return np.asarray((since >= 0) & (within < round(self.duration * _NANOS)))

    def next_edge(self, elapsed: int) -> int | None:
        """Return when it begins or ends next, after `elapsed` since the opening [ns]; ``None`` for never."""
        since, lasts = elapsed - round(self.at * _NANOS), round(self.duration * _NANOS)
        if since < 0:
            return elapsed - since
        again = round(self.every * _NANOS)
        within = since % again if again else since
        if within < lasts:
            return elapsed - within + lasts
        return elapsed - within + again if again else None


class Incidents:
    """
    What a schedule does at a time.

    Parameters
    ----------
    schedule
        The incidents.

    """

    def __init__(self, schedule: Iterable[Incident] = ()) -> None:
        self._all = tuple(schedule)

    def __bool__(self) -> bool:
        return bool(self._all)

    def silent(self, elapsed: Ints) -> Bools:
        """Tell when nothing is published; times since the opening [ns]."""
        return self._any(elapsed, lambda item: item.kind in {"outage", "data"})

    def stale(self, elapsed: Ints) -> Bools:
        """Tell when the feed repeats itself."""
        return self._any(elapsed, lambda item: item.kind == "stale")

    def halted(self, elapsed: Ints) -> Bools:
        """Tell when the venue says that nothing trades."""
        return self._any(elapsed, lambda item: item.announced)

    def down(self, elapsed: int) -> bool:
        """Tell whether no order can be sent."""
        return bool(self._any(np.array([elapsed]), _stops_orders)[0])

    def reject_probability(self, elapsed: int) -> float:
        """Return the probability [0 to 1] that a new order is rejected."""
        now = [item for item in self._all if item.kind == "rejects" and _on(item, elapsed)]
        return 1.0 - math.prod(1.0 - item.probability for item in now)

    def next_edge(self, elapsed: int) -> int | None:
        """Return when orders can be sent no more, or again, after `elapsed` [ns]; ``None`` for never."""
        edges = (item.next_edge(elapsed) for item in self._all if _stops_orders(item))
        return min((edge for edge in edges if edge is not None), default=None)

    @property
    def announces(self) -> bool:
        """Whether the status of instruments is told at all."""
        return any(item.announced for item in self._all)

    @property
    def concern_orders(self) -> bool:
        """Whether anything happens to orders."""
        return any(_stops_orders(item) or item.kind == "rejects" for item in self._all)

    def _any(self, elapsed: Ints, chosen: Callable[[Incident], bool]) -> Bools:
        found = np.zeros(len(elapsed), dtype=np.bool_)
        for item in self._all:
            if chosen(item):
                found |= item.during(elapsed)
        return found


def _stops_orders(item: Incident) -> bool:
    return item.kind in {"outage", "trading"}


def _on(item: Incident, elapsed: int) -> bool:
    return bool(item.during(np.array([elapsed]))[0])
