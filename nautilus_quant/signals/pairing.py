"""Bars of two instruments that come one after the other, put together by their time."""

from __future__ import annotations

from typing import NamedTuple

from nautilus_quant.signals.sequence import require


class ClosePair(NamedTuple):
    """
    The closes of two bars that ended at the same time.

    Parameters
    ----------
    ts
        When, UNIX time [ns].
    a, b
        Of the one and of the other [quote currency each].

    """

    ts: int
    a: float
    b: float


class Pairing:
    """
    Puts closes of two instruments together when they are of the same time, and never otherwise.

    Pairs come out in the order of time: once a pair is complete, what is older waits for its partner no more.

    Parameters
    ----------
    most
        Closes that may wait for their partner [bars]; the oldest is dropped. A few for live bars, as many as
        are asked for when one history comes after the other.

    """

    def __init__(self, most: int = 16) -> None:
        require(most >= 1, "most >= 1 [bars]", most)
        self._most = most
        self._waiting: tuple[dict[int, float], dict[int, float]] = ({}, {})
        self._last: int | None = None

    def add(self, leg: int, ts: int, close: float) -> ClosePair | None:
        """
        Take the close of one bar.

        Parameters
        ----------
        leg
            0 for the one, 1 for the other.
        ts
            When the bar ended, UNIX time [ns].
        close
            Its close [quote currency].

        Returns
        -------
        ClosePair | None
            ``None`` while the bar of the other leg is missing, or when a later pair is out already.

        """
        if self._last is not None and ts <= self._last:
            return None
        other = self._waiting[1 - leg].get(ts)
        if other is None:
            mine = self._waiting[leg]
            mine[ts] = close
            if len(mine) > self._most:
                del mine[min(mine)]
            return None
        self._last = ts
        for waiting in self._waiting:
            for old in [at for at in waiting if at <= ts]:
                del waiting[old]
        return ClosePair(ts, close, other) if leg == 0 else ClosePair(ts, other, close)
