"""Streams from an existing NautilusTrader catalog."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nautilus_trader.core.data import Data
from nautilus_trader.model.data import (
    Bar,
    BarType,
    FundingRateUpdate,
    IndexPriceUpdate,
    MarkPriceUpdate,
    OrderBookDelta,
    OrderBookDepth10,
    QuoteTick,
    TradeTick,
)
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from nautilus_quant.venues.recorded.frame import RecordedError
from nautilus_quant.venues.recorded.source import Source
from nautilus_quant.venues.recorded.stream import nanoseconds

_CLASSES = (
    Bar,
    QuoteTick,
    TradeTick,
    OrderBookDelta,
    OrderBookDepth10,
    MarkPriceUpdate,
    IndexPriceUpdate,
    FundingRateUpdate,
)
_WINDOW = 3_600_000_000_000  # a query reads an hour, so that no catalog has to fit in memory


@dataclass(frozen=True, slots=True)
class CatalogStream:
    """One kind of data of one instrument in a catalog."""

    catalog: ParquetDataCatalog
    data_class: type[Data]
    identifier: str
    instrument: Instrument
    first: int
    last: int

    @property
    def bar_type(self) -> BarType | None:
        """Bar type if these are bars."""
        return BarType.from_str(self.identifier) if self.data_class is Bar else None

    def __len__(self) -> int:
        return sum(len(batch) for batch in self.batches(100_000))

    def window(self, start: int, end: int, limit: int) -> list[Data]:
        """Return the objects with start <= time <= end [ns], the last `limit` of them if it is not 0."""
        begin, stop = max(start, self.first), min(end, self.last)
        if begin > stop:
            return []
        found: list[Data] = self.catalog.query(self.data_class, [self.identifier], begin, stop)
        return found[-limit:]

    def batches(self, size: int) -> Iterator[list[Data]]:
        """Yield the objects in lists of at most `size`, hour by hour."""
        start = self.first
        while start <= self.last:
            end = min(start + _WINDOW - 1, self.last)
            found = self.catalog.query(self.data_class, [self.identifier], start, end)
            for i in range(0, len(found), size):
                yield found[i : i + size]
            start = end + 1 if found else self._next(end + 1)

    def _next(self, after: int) -> int:
        # over a long hole in one step
        intervals = self.catalog.get_intervals(self.data_class, self.identifier)
        starts = [max(after, begin) for begin, end in intervals if end >= after]
        return min(starts, default=self.last + 1)


def open_catalog(source: Source) -> list[CatalogStream]:
    """
    Return the streams of a catalog.

    Raises
    ------
    RecordedError
        When there is no catalog, or nothing of what was asked for in it.
    """
    path = Path(source.path)
    if not (path / "data").is_dir():
        raise RecordedError(f"{path}: not a NautilusTrader catalog (it has no folder `data`)")
    catalog = ParquetDataCatalog(path)
    start, end = nanoseconds(source.start), nanoseconds(source.end)
    streams = [
        stream
        for instrument in catalog.instruments()
        if source.instrument in {None, instrument.id.value}
        for data_class in _CLASSES
        for stream in _streams(catalog, data_class, instrument, start, end)
    ]
    if not streams:
        raise RecordedError(f"{path}: no data of {source.instrument or 'any instrument'} in the asked time")
    return streams


def _streams(
    catalog: ParquetDataCatalog,
    data_class: type[Data],
    instrument: Instrument,
    start: int | None,
    end: int | None,
) -> Iterator[CatalogStream]:
    for identifier in _identifiers(catalog, data_class, instrument):
        intervals: list[Any] = catalog.get_intervals(data_class, identifier)
        if not intervals:
            continue
        first = max(intervals[0][0], start if start is not None else 0)
        last = intervals[-1][1] if end is None else min(intervals[-1][1], end - 1)
        if first <= last:
            yield CatalogStream(catalog, data_class, identifier, instrument, first, last)


def _identifiers(catalog: ParquetDataCatalog, data_class: type[Data], instrument: Instrument) -> list[str]:
    if data_class is not Bar:
        return [instrument.id.value]
    folder = Path(catalog.path) / "data" / "bar"
    names = sorted(item.name for item in folder.iterdir()) if folder.is_dir() else []
    return [name for name in names if name.startswith(f"{instrument.id.value}-")]
