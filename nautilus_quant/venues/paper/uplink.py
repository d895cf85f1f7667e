"""The way from a node to its paper venue: commands take their time, and the connection comes and goes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from nautilus_trader.common.component import Clock

from nautilus_quant.venues.paper.faults import FaultPlan

Job = Callable[[], None]

_LATE = 0.001
"""How long after it is due the connection is looked at [s]: a timer may ring a little early."""


class Uplink:
    """
    Delivers commands late, in the order in which they were sent.

    Parameters
    ----------
    latency : float
        How long a command is under way [s]; 0 delivers within the call.
    loop : asyncio.AbstractEventLoop
        Event loop of the node.
    """

    def __init__(self, latency: float, loop: asyncio.AbstractEventLoop) -> None:
        self._latency = latency
        self._loop = loop
        self._under_way: deque[tuple[Job, asyncio.TimerHandle]] = deque()

    @property
    def is_instant(self) -> bool:
        """Whether commands arrive within the call."""
        return self._latency == 0.0

    def send(self, deliver: Job) -> None:
        """Call `deliver` when the command arrives."""
        if self.is_instant:
            deliver()
        else:
            self._under_way.append((deliver, self._loop.call_later(self._latency, self._arrive)))

    def _arrive(self) -> None:
        deliver, _ = self._under_way.popleft()
        deliver()

    def stop(self) -> None:
        """Lose what is under way."""
        for _, timer in self._under_way:
            timer.cancel()
        self._under_way.clear()


class ConnectionPlan:
    """
    Rings whenever a plan of faults takes the connection or gives it back.

    Parameters
    ----------
    faults : FaultPlan
        The plan.
    clock : Clock
        Clock of the node.
    loop : asyncio.AbstractEventLoop
        Event loop of the node.
    switch : callable
        Looks at whether the venue can be reached.
    """

    def __init__(
        self, faults: FaultPlan, *, clock: Clock, loop: asyncio.AbstractEventLoop, switch: Job
    ) -> None:
        self._faults = faults
        self._clock = clock
        self._loop = loop
        self._switch = switch
        self._edge: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin, as of now: the node has just connected."""
        now = self._clock.timestamp_ns()
        self._faults.connected(now)
        for seconds in self._faults.boundaries():
            self._loop.call_later(seconds + _LATE, self._switch)
        self._await_edge()
        if self._faults.down(now):
            self._switch()

    def stop(self) -> None:
        """Ring no more for incidents."""
        if self._edge is not None:
            self._edge.cancel()
            self._edge = None

    def _await_edge(self) -> None:
        now = self._clock.timestamp_ns()
        edge = self._faults.next_edge(now)
        if edge is not None:
            self._edge = self._loop.call_later((edge - now) / 1e9 + _LATE, self._on_edge)

    def _on_edge(self) -> None:
        self._switch()
        self._await_edge()
