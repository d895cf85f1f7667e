"""What the tape says: who is in haste, and which way the large trades go."""

from __future__ import annotations

import math
from typing import NamedTuple

from nautilus_quant.gating.flow_quantile import RollingQuantile
from nautilus_quant.signals.sequence import require

_NANOS = 1e9


class TapeSays(NamedTuple):
    """
    The flow of trades at one time.

    Parameters
    ----------
    delta
        Bought less sold, of all that was traded [-1, 1].
    large
        The same of large trades alone [-1, 1].
    trades
        How many trades this rests on, those long ago counting less [trades].

    """

    delta: float
    large: float
    trades: float


class Tape:
    """
    Sums the trades of one instrument, forgetting by half-life.

    A ratio of two sums that fade alike never fades itself, and rests on one trade as firmly as on a
    thousand. Hence each is multiplied by ``n / (n + prior)`` of the trades ``n`` that still count: silence
    brings it to zero, and the first trades of the day say little.

    Parameters
    ----------
    half_life
        Time after which a trade counts half [s].
    quantile, window
        Trades larger than this quantile [fraction] of the last `window` [trades] are large.
    prior
        Trades that count as if nobody had been in haste [trades]; a quarter of it for large trades, which
        are few.

    """

    __slots__ = (
        "_count",
        "_half_life",
        "_large_count",
        "_large_signed",
        "_large_total",
        "_price",
        "_prior",
        "_signed",
        "_sizes",
        "_tick",
        "_total",
        "_ts",
        "cumulative",
    )

    def __init__(
        self, half_life: float = 30.0, *, quantile: float = 0.95, window: int = 2_000, prior: float = 10.0
    ) -> None:
        require(0.0 < half_life < math.inf, "0 < half_life < inf [s]", half_life)
        require(0.0 <= prior < math.inf, "0 <= prior < inf [trades]", prior)
        self._half_life = half_life * _NANOS
        self._prior = prior
        self._sizes = RollingQuantile(quantile, window)
        self._ts = 0
        self._price = math.nan
        self._tick = 0
        self._signed = self._total = self._count = 0.0
        self._large_signed = self._large_total = self._large_count = 0.0
        self.cumulative = 0.0
        """Bought less sold since the start, nothing forgotten: the CVD of charts [base units]."""

    @property
    def threshold(self) -> float:
        """Size above which a trade is large [base coin, or contracts]; NaN before there were enough."""
        return self._sizes.value

    def add(self, ts: int, price: float, size: float, side: int) -> int:
        """
        Take a trade.

        Parameters
        ----------
        ts
            UNIX time [ns]; a late one counts as if it came with the last.
        price, size
            Of the trade [quote currency; base coin, or contracts]; impossible ones are ignored.
        side
            +1 if the buyer was in haste, −1 if the seller was, 0 where the venue does not say. Then the tick
            rule decides: above the price of before it was bought, below it sold, and at the same price as
            the last that moved it (Lee and Ready, Journal of Finance 46, 1991).

        Returns
        -------
        int
            Who was in haste: +1, −1, or 0 when nobody can tell.

        """
        if not (0.0 < size < math.inf and 0.0 < price < math.inf):
            return 0
        if price != self._price:
            if not math.isnan(self._price):
                self._tick = 1 if price > self._price else -1
            self._price = price
        sign = side or self._tick
        self._fade(ts)
        self._count += 1.0
        self._total += size
        self._signed += sign * size
        self.cumulative += sign * size
        if size > self._sizes.value:  # of those before; never true while that is NaN
            self._large_count += 1.0
            self._large_total += size
            self._large_signed += sign * size
        self._sizes.update(size)
        return sign

    def _fade(self, ts: int) -> None:
        passed = ts - self._ts
        if passed <= 0:
            return
        left = math.exp2(-passed / self._half_life)
        self._ts = ts
        self._signed *= left
        self._total *= left
        self._count *= left
        self._large_signed *= left
        self._large_total *= left
        self._large_count *= left

    def read(self, now: int) -> TapeSays:
        """Return what it says at `now`, UNIX time [ns]."""
        passed = now - self._ts
        left = math.exp2(-passed / self._half_life) if passed > 0 else 1.0
        trades, large = self._count * left, self._large_count * left
        return TapeSays(
            _share(self._signed, self._total, trades, self._prior),
            _share(self._large_signed, self._large_total, large, 0.25 * self._prior),
            trades,
        )


def _share(signed: float, total: float, count: float, prior: float) -> float:
    """Return ``signed / total · count / (count + prior)``; 0 for nothing."""
    if not (total > 0.0 and count > 0.0):
        return 0.0
    # Sums that fade lose their last bits differently.
    return max(-1.0, min(1.0, signed / total)) * count / (count + prior)
