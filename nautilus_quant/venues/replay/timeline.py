"""Streams merged in time order, and when each item is due."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice

from nautilus_trader.core.data import Data
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.instruments import Instrument

from nautilus_quant.venues.recorded.stream import Stream
from nautilus_quant.venues.replay.quotes import quote

BATCH = 256  # objects made at once: about a millisecond of work


def merged(
    streams: Iterable[Stream], quoted: Mapping[BarType, Instrument], half_spread_bps: float, start: int
) -> Iterator[Data]:
    """
    Yield all data from UNIX time `start` [ns] on, in order of ts_event.

    A bar of a type in `quoted` comes after a quote at its close.
    """
    items = heapq.merge(*(_items(stream, start) for stream in streams), key=lambda item: item.ts_event)
    for item in items:
        instrument = quoted.get(item.bar_type) if isinstance(item, Bar) else None
        if instrument is not None:
            close = item.close.as_double()
            yield quote(instrument, close, item.volume, half_spread_bps, item.ts_event, item.ts_init)
        yield item


def _items(stream: Stream, start: int) -> Iterator[Data]:
    items = chain.from_iterable(stream.batches(BATCH))
    return (item for item in items if item.ts_event >= start)


def chunks(items: Iterator[Data], size: int = BATCH) -> Iterator[list[Data]]:
    """Yield the items in lists."""
    while chunk := list(islice(items, size)):
        yield chunk


class Pace:
    """
    Maps recorded time to wall time by one anchor, so that delays never add up.

    Parameters
    ----------
    speed : float
        Recorded seconds per second; 0 = no waiting.
    recorded : int
        Recorded UNIX time [ns] of the anchor.
    wall : int
        Wall UNIX time [ns] of the anchor.
    """

    def __init__(self, speed: float, recorded: int, wall: int) -> None:
        self._speed = speed
        self._recorded = recorded
        self._wall = wall

    def delay(self, recorded: int, now: int) -> float:
        """Return how long to wait [s] at wall time `now` [ns] for an item of a recorded time [ns]."""
        if self._speed == 0.0:
            return 0.0
        due = self._wall + (recorded - self._recorded) / self._speed
        return max(0.0, (due - now) / 1e9)
