"""Recorded rows of one symbol as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


class RecordedError(ValueError):
    """Recorded data that cannot be read as asked. The message says what, where and what to do."""


@dataclass(frozen=True, slots=True)
class Frame:
    """
    Rows of one symbol.

    Parameters
    ----------
    kind : str
        ``bar``, ``trade``, ``quote``, ``funding`` or ``mark``.
    symbol : str
        Symbol as the file writes it, "" if it writes none.
    ts : ndarray of int64
        UNIX times [ns]; the close for bars and marks. Shape: (rows,).
    columns : mapping of str to ndarray
        Values by canonical name. Shape of each: (rows,).
    rows : ndarray of int64
        Row numbers in the file, from 0. Shape: (rows,).
    interval : int
        Length of a bar [ns]; 0 for other kinds.
    """

    kind: str
    symbol: str
    ts: NDArray[np.int64]
    columns: Mapping[str, NDArray[Any]]
    rows: NDArray[np.int64]
    interval: int = 0

    def __len__(self) -> int:
        return len(self.ts)

    def take(self, index: NDArray[Any]) -> Frame:
        """Return the rows selected by a mask or by positions."""
        columns = {name: values[index] for name, values in self.columns.items()}
        return replace(self, ts=self.ts[index], columns=columns, rows=self.rows[index])

    def between(self, start: int | None, end: int | None) -> Frame:
        """Return the rows with start <= time < end [ns]."""
        keep = np.ones(len(self), dtype=bool)
        if start is not None:
            keep &= self.ts >= start
        if end is not None:
            keep &= self.ts < end
        return self.take(keep)
