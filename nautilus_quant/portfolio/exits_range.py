"""Average true range (Wilder 1978, chapter 3): how far a price usually moves within a bar."""

from __future__ import annotations

import math

from nautilus_quant.signals.sequence import require


class AverageTrueRange:
    """
    Wilder's average true range, one bar at a time.

    Parameters
    ----------
    period
        Smoothing length [bars]: the first value is the mean of so many ranges, then each weighs ``1/period``.
        More is slower and calmer; 14 is Wilder's.

    Raises
    ------
    ValueError
        If `period` is less than 1.

    """

    __slots__ = ("_close", "_count", "_sum", "_ts", "period", "value")

    def __init__(self, period: int = 14) -> None:
        require(period >= 1, "period of at least 1 [bars]", period)
        self.period = period
        self.value = math.nan
        """The range [quote currency]; NaN before `period` bars."""
        self._sum = 0.0
        self._count = 0
        self._close = math.nan
        self._ts = 0

    def update(self, ts: int, high: float, low: float, close: float) -> float:
        """
        Take a bar; one that is repeated, out of order or impossible changes nothing.

        Parameters
        ----------
        ts
            End of the bar, UNIX time [ns].
        high, low, close
            Prices [quote currency].

        Returns
        -------
        float
            `value`.

        """
        if not (ts > self._ts and 0.0 < low <= close <= high < math.inf):
            return self.value
        before = close if math.isnan(self._close) else self._close
        reach = max(high, before) - min(low, before)
        self._ts, self._close = ts, close
        if self._count < self.period:
            self._count += 1
            self._sum += reach
            if self._count == self.period:
                self.value = self._sum / self.period
        else:
            self.value += (reach - self.value) / self.period
        return self.value
