"""What readers of recorded data have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pandas as pd
from nautilus_trader.core.data import Data
from nautilus_trader.model.data import BarType
from nautilus_trader.model.instruments import Instrument

from nautilus_quant.venues.recorded.frame import RecordedError


class Stream(Protocol):
    """Data of one kind for one instrument, in time order."""

    @property
    def instrument(self) -> Instrument:
        """Instrument of the data."""

    @property
    def data_class(self) -> type[Data]:
        """Class of the objects."""

    @property
    def bar_type(self) -> BarType | None:
        """Bar type if these are bars."""

    @property
    def first(self) -> int:
        """UNIX time of the first object [ns]."""

    @property
    def last(self) -> int:
        """UNIX time of the last object [ns]."""

    def __len__(self) -> int: ...

    def window(self, start: int, end: int, limit: int) -> list[Data]:
        """Return the objects with start <= time <= end [ns], the last `limit` of them if it is not 0."""

    def batches(self, size: int) -> Iterator[list[Data]]:
        """Yield the objects in lists of at most `size`, with ts_init = ts_event."""


def nanoseconds(text: str | None) -> int | None:
    """Return the UNIX time [ns] of an ISO 8601 text, UTC unless it says otherwise; None for None."""
    if text is None:
        return None
    try:
        time = pd.Timestamp(text)
    except ValueError as error:
        raise RecordedError(f"not an ISO 8601 time: {text!r}") from error
    return int((time.tz_localize("UTC") if time.tz is None else time).as_unit("ns").value)
