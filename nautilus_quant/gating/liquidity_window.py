"""What is usual in a market: rolling volume, and typical values that single outliers do not move."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping

_NANOS = 1_000_000_000
_LEAST_COVER = 60.0
"""Less of a window than this [s] says nothing about the whole."""


class RollingVolume:
    """
    Sums what was traded in the last quarter of an hour, in buckets that go out of it one by one.

    The window moves by a bucket, so that it holds between `buckets` − 1 and `buckets` of them.

    Parameters
    ----------
    bucket
        Length of one [s].
    buckets
        How many are in the window.

    """

    __slots__ = ("_bucket", "_head", "_since", "_sums", "_total")

    def __init__(self, bucket: float = 10.0, buckets: int = 90) -> None:
        require(bucket > 0.0 and buckets > 0, "bucket > 0 [s] and buckets > 0", (bucket, buckets))
        self._bucket = round(bucket * _NANOS)
        self._sums = [0.0] * buckets
        self._head = 0
        self._since = 0
        self._total = 0.0

    @property
    def heard(self) -> bool:
        """Whether anything was ever added."""
        return self._since > 0

    @property
    def window(self) -> float:
        """Length of the window [s]."""
        return self._bucket * len(self._sums) / _NANOS

    def add(self, ts: int, amount: float) -> None:
        """Add an amount traded at `ts`, UNIX time [ns]; ignored when it is older than the window."""
        if not 0.0 < amount < math.inf:
            return
        bucket = ts // self._bucket
        self._advance(bucket)
        if not self._since:
            self._since = ts
        if bucket > self._head - len(self._sums):
            self._sums[bucket % len(self._sums)] += amount
            self._total += amount

    def total(self, now: int) -> float:
        """Return what was traded in the window that ends at `now`, UNIX time [ns]."""
        self._advance(now // self._bucket)
        return self._total

    def estimate(self, now: int) -> float:
        """Return the same, scaled up while less of the window has been seen; 0 for less than a minute."""
        total = self.total(now)
        covered = (now - self._since) / _NANOS if self._since else 0.0
        window = self.window
        if covered >= window:
            return total
        return total * window / covered if covered >= min(_LEAST_COVER, window) else 0.0

    def _advance(self, bucket: int) -> None:
        steps = bucket - self._head
        if steps <= 0:
            return
        count = len(self._sums)
        if steps >= count:
            self._sums = [0.0] * count
        else:
            for passed in range(self._head + 1, bucket + 1):
                self._sums[passed % count] = 0.0
        self._head = bucket
        # Anew, since adding and taking away would add up what is lost to rounding.
        self._total = math.fsum(self._sums)

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        return {"bucket": self._bucket, "sums": list(self._sums), "head": self._head, "since": self._since}

    def restore(self, state: Mapping[str, Any], now: int) -> Self:
        """Go on at `now`, UNIX time [ns], from what `to_dict` gave, unless the window has passed."""
        sums = [float(value) for value in state["sums"]]
        if int(state["bucket"]) != self._bucket or len(sums) != len(self._sums):
            return self
        # Nobody listened since: silence of which nothing is known must not count as a market without trades.
        if not 0 <= now // self._bucket - int(state["head"]) < len(sums):
            return self
        self._sums, self._head, self._since = sums, int(state["head"]), int(state["since"])
        self._total = math.fsum(sums)
        return self


class Typical:
    """
    A mean that forgets with time, and that one outlier moves no further than three usual deviations.

    The first values are averaged, so that the very first, which may be unusual, is soon one of many.

    Parameters
    ----------
    half_life
        Time after which a value counts half [s]; more is slower.

    """

    __slots__ = ("_count", "_deviation", "_half_life", "_ts", "value")

    def __init__(self, half_life: float = 300.0) -> None:
        require(0.0 < half_life < math.inf, "0 < half_life < inf [s]", half_life)
        self._half_life = half_life * _NANOS
        self._ts = 0
        self._count = 0
        self._deviation = 0.0
        self.value = math.nan
        """NaN before the first."""

    def update(self, ts: int, value: float) -> None:
        """Take a positive value at `ts`, UNIX time [ns]; others, and late ones, are ignored."""
        if not 0.0 < value < math.inf or ts <= self._ts:
            return
        self._count += 1
        if self._count == 1:
            self._ts, self.value, self._deviation = ts, value, 0.25 * value
            return
        gain = max(1.0 - 0.5 ** ((ts - self._ts) / self._half_life), 1.0 / self._count)
        self._ts = ts
        # At least a twentieth of the value: what stood still must be able to follow a step.
        bound = 3.0 * max(self._deviation, 0.05 * self.value)
        error = max(-bound, min(bound, value - self.value))
        self.value += gain * error
        self._deviation += gain * (abs(error) - self._deviation)

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        value = self.value if self._count else 0.0
        return {"ts": self._ts, "count": self._count, "value": value, "deviation": self._deviation}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave."""
        self._ts = int(state["ts"])
        self._count = int(state["count"])
        self.value = float(state["value"]) if self._count else math.nan
        self._deviation = float(state["deviation"])
        return self
