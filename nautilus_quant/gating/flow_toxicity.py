"""How one-sided trading is, in volume time: the probability of informed trading, VPIN."""

from __future__ import annotations

import math
from collections import deque

from nautilus_quant.signals.sequence import require

_NANOS = 1e9
_MEMORY = 10.0
"""Half-life of the usual volume [buckets]."""
_LEAST = 10
"""Fewer buckets than this say nothing."""


class Toxicity:
    """
    Averages how far buying and selling fell apart in buckets of equal volume.

    ``VPIN = Σ |bought − sold| / Σ volume`` over the last buckets. Source: D. Easley, M. López de Prado and
    M. O'Hara, "Flow toxicity and liquidity in a high-frequency world", Review of Financial Studies 25
    (2012). The aggressor of every trade is known here, where the paper guesses it from bars; and a bucket
    is what is usually traded in a given time, learnt as trading goes, since nobody knows the day's volume.

    Parameters
    ----------
    buckets
        How many are averaged.
    bucket_time
        In which a bucket usually fills [s]; more is steadier and slower.

    """

    __slots__ = (
        "_bought",
        "_bucket",
        "_bucket_time",
        "_filled",
        "_last",
        "_most",
        "_parted",
        "_since",
        "_usual",
        "_volumes",
        "value",
    )

    def __init__(self, buckets: int = 50, bucket_time: float = 5.0) -> None:
        require(buckets >= _LEAST, f"buckets >= {_LEAST}", buckets)
        require(0.0 < bucket_time < math.inf, "0 < bucket_time < inf [s]", bucket_time)
        self._most = buckets
        self._bucket_time = bucket_time * _NANOS
        self._parted: deque[float] = deque(maxlen=buckets)
        self._volumes: deque[float] = deque(maxlen=buckets)
        self._bucket = self._filled = self._bought = 0.0
        self._usual = 0.0
        self._since = self._last = 0
        self.value = math.nan
        """VPIN [0, 1]; NaN before there were ten buckets."""

    @property
    def count(self) -> int:
        """How many buckets it rests on."""
        return len(self._volumes)

    @property
    def bucket(self) -> float:
        """Volume of the bucket that is being filled [base coin, or contracts]; 0 before the first."""
        return self._bucket

    def add(self, ts: int, size: float, sign: int) -> None:
        """
        Take a trade.

        Parameters
        ----------
        ts
            UNIX time [ns].
        size
            Of the trade [base coin, or contracts]; impossible ones are ignored.
        sign
            +1 bought, −1 sold; 0 where nobody knows, and then half of it was either.

        """
        if not 0.0 < size < math.inf:
            return
        self._follow(ts, size)
        if not self._bucket:
            # The first is measured before it is filled.
            if ts - self._since >= self._bucket_time:
                self._bucket = self._expected()
            return
        if self._fill(size, 0.5 * (1 + sign)):
            self._bucket = self._expected()
            if self.count >= _LEAST:
                self.value = min(1.0, math.fsum(self._parted) / math.fsum(self._volumes))

    def _follow(self, ts: int, size: float) -> None:
        if not self._since:
            self._since = self._last = ts
        passed = ts - self._last
        if passed > 0:
            self._usual *= math.exp2(-passed / (_MEMORY * self._bucket_time))
            self._last = ts
        self._usual += size

    def _expected(self) -> float:
        """Return what is traded in the time of a bucket: the fading sum over the time it covers."""
        memory = _MEMORY * self._bucket_time
        covered = max(float(self._last - self._since), self._bucket_time)
        seen = memory / math.log(2.0) * (1.0 - math.exp2(-covered / memory))
        return self._usual * self._bucket_time / seen

    def _fill(self, size: float, share: float) -> bool:
        """Add to the bucket, and to the next ones; tell whether one was filled."""
        bucket, done = self._bucket, False
        # What would fill more than all of them says no more than what fills all.
        left = min(size, bucket * self._most)
        while left >= bucket - self._filled:
            room = bucket - self._filled
            bought = self._bought + share * room
            self._parted.append(abs(2.0 * bought - bucket))
            self._volumes.append(bucket)
            self._filled = self._bought = 0.0
            left -= room
            done = True
        self._filled += left
        self._bought += share * left
        return done
