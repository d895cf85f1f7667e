"""Returns of all instruments over the last periods, in a window that never grows beyond its length."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.signals.sequence import require

_VERSION = 1


class _Series:
    """Returns of one instrument, newest last; NaN where it had no price."""

    __slots__ = ("price", "returns")

    def __init__(self, price: float, length: int, returns: list[float] | None = None) -> None:
        self.price = price
        self.returns = deque(returns or (), maxlen=length)

    @property
    def missing(self) -> int:
        return sum(map(math.isnan, self.returns))


class ReturnsWindow:
    """
    Log returns between samples of prices.

    The return over missing prices counts in the period in which the price is back, so that nothing is lost.

    Parameters
    ----------
    length
        Periods remembered; typically 100 to 1000.
    interval
        Length of a period [ns].
    max_missing
        Share of periods without a price [-] from which on an instrument is unknown.

    """

    def __init__(self, length: int, interval: int, max_missing: float = 0.2) -> None:
        require(length > 1, "length > 1 [periods]", length)
        require(interval > 0, "interval > 0 [ns]", interval)
        require(0.0 <= max_missing < 1.0, "0 <= max_missing < 1 [-]", max_missing)
        self.length = length
        self.interval = interval
        self.max_missing = max_missing
        self._series: dict[str, _Series] = {}
        self._ts = 0

    def sample(self, ts: int, prices: Mapping[str, float]) -> None:
        """
        Take the prices at the end of a period.

        Parameters
        ----------
        ts
            UNIX time [ns]. After a gap of more than half a period no return is taken, prices are.
        prices
            By instrument, only what is fresh and credible.

        """
        good = {name: price for name, price in prices.items() if 0.0 < price < math.inf}
        if self._ts and ts - self._ts <= self.interval // 2:
            return
        gap = ts - self._ts > self.interval + self.interval // 2
        self._ts = ts
        for name, series in list(self._series.items()):
            price = good.pop(name, math.nan)
            if not gap:
                series.returns.append(math.log(price / series.price) if price > 0.0 else math.nan)
            if price > 0.0:
                series.price = price
            elif series.missing >= self.length:
                del self._series[name]
        for name, price in good.items():
            self._series[name] = _Series(price, self.length)

    def matrix(self, minimum: int) -> tuple[tuple[str, ...], NDArray[np.float64]]:
        """
        Return the instruments that are known, and their returns over the periods they have in common.

        Parameters
        ----------
        minimum
            Periods an instrument needs to be known.

        Returns
        -------
        tuple
            Names, shape (n,), and returns, oldest first, shape (T, n) with T >= `minimum`; or nothing.

        """
        known = {
            name: series.returns
            for name, series in sorted(self._series.items())
            if len(series.returns) >= max(minimum, 1)
            and series.missing <= self.max_missing * len(series.returns)
        }
        if not known:
            return (), np.zeros((0, 0))
        rows = min(map(len, known.values()))
        columns = [list(returns)[-rows:] for returns in known.values()]
        return tuple(known), np.nan_to_num(np.array(columns).T, nan=0.0)

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        series = {
            name: {
                "price": one.price,
                "returns": [None if math.isnan(value) else value for value in one.returns],
            }
            for name, one in self._series.items()
        }
        return {"version": _VERSION, "interval": self.interval, "ts": self._ts, "series": series}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """
        Go on from what `to_dict` gave; returns over another interval are left out.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is nothing that `to_dict` gave.

        """
        require(state["version"] == _VERSION, f"version {_VERSION} of a returns window", state["version"])
        if state["interval"] != self.interval:
            return self
        made = {}
        for name, one in state["series"].items():
            returns = [math.nan if value is None else float(value) for value in one["returns"]]
            made[str(name)] = _Series(float(one["price"]), self.length, returns)
        self._series, self._ts = made, int(state["ts"])
        return self
