"""One-second bars of the recent past, and bars of any length made from them."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.venues.simulated.blocks import Block
from nautilus_quant.venues.simulated.market import BLOCK_SECONDS, SECOND
from nautilus_quant.venues.simulated.tape import Seconds

OPEN, HIGH, LOW, CLOSE, VOLUME = range(5)
"""Columns of a bar, in ticks and lots."""

_UNITS: Final = {"SECOND": 1, "MINUTE": 60, "HOUR": 3_600, "DAY": 86_400}
_STEPS: Final = {"SECOND": 60, "MINUTE": 60, "HOUR": 24, "DAY": 2}

Ints = NDArray[np.int64]

_NONE: Final = np.zeros((0, 5), dtype=np.int64)


def bar_seconds(spec: str) -> int:
    """
    Read the length of a bar [s].

    Raises
    ------
    ValueError
        If the spec is not a number of seconds, minutes or hours that divides the next unit, or one day.

    Examples
    --------
    >>> bar_seconds("5-MINUTE")
    300
    """
    number, _, unit = spec.partition("-")
    fits = unit in _UNITS and number.isdigit() and 0 < int(number) < _STEPS[unit]
    if not fits or _STEPS[unit] % int(number):
        raise ValueError(
            f"bars are like 1-SECOND, 5-MINUTE, 1-HOUR or 1-DAY, and divide the next unit, was {spec!r}"
        )
    return int(number) * _UNITS[unit]


class History:
    """
    Keeps the last seconds of every instrument.

    A bar of length *n* ends on multiples of *n* in UTC and covers (end - n, end]; one that began before
    what is kept does not exist.

    Parameters
    ----------
    seconds
        How many to keep at least [s]; memory is 40 bytes for each and instrument.

    """

    def __init__(self, seconds: int) -> None:
        self._keep = max(seconds, BLOCK_SECONDS) + BLOCK_SECONDS
        self._bars: NDArray[np.int64] | None = None
        self._end = 0

    def add(self, block: Block) -> None:
        """Append a block that follows the last one."""
        groups = [np.stack(_columns(group.seconds), axis=-1) for group in block.groups]
        new = np.concatenate(groups)
        kept = new if self._bars is None else np.concatenate([self._bars, new], axis=1)
        self._bars = kept[:, -self._keep :]
        self._end = int(block.ts[-1])

    def bars(self, row: int, length: int, start: int, end: int) -> tuple[Ints, Ints]:
        """
        Make the bars that end within a span.

        Parameters
        ----------
        row
            The instrument's place in the market's listings.
        length
            Of one bar [s].
        start, end
            First and last possible end of a bar, UNIX time [ns].

        Returns
        -------
        tuple
            Their ends, shape (bars,) [ns], and their values, shape (bars, 5) [ticks and lots].

        """
        if self._bars is None:
            return np.zeros(0, dtype=np.int64), _NONE
        width = length * SECOND
        began = self._end - self._bars.shape[1] * SECOND
        first = max(-(-(began + width) // width), -(-start // width))
        last = min(self._end, end) // width
        if last < first:
            return np.zeros(0, dtype=np.int64), _NONE
        ends = np.arange(first, last + 1, dtype=np.int64) * width
        at = (int(ends[0]) - width - began) // SECOND
        seconds = self._bars[row, at : at + len(ends) * length].reshape(len(ends), length, 5)
        return ends, _sum_up(seconds)


def _columns(seconds: Seconds) -> list[Ints]:
    return [getattr(seconds, name) for name in ("open", "high", "low", "close", "volume")]


def _sum_up(seconds: Ints) -> Ints:
    """Shape: (bars, seconds of a bar, 5) -> (bars, 5)."""
    return np.stack(
        [
            seconds[:, 0, OPEN],
            seconds[:, :, HIGH].max(axis=1),
            seconds[:, :, LOW].min(axis=1),
            seconds[:, -1, CLOSE],
            seconds[:, :, VOLUME].sum(axis=1),
        ],
        axis=-1,
    )
