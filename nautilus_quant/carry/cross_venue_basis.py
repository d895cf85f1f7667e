"""How far two venues' prices of one coin usually lie apart, and how long they take to come back there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from nautilus_quant.safety import stored
from nautilus_quant.signals.sequence import require

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BasisParams:
    """
    How fast the usual difference is learnt.

    Parameters
    ----------
    interval
        Between two samples [s].
    half_life
        After which a sample counts half [samples].
    least
        Samples before anything is said [-].
    shortest, longest
        Bounds of the time a difference is taken to last [s].

    """

    interval: float = 1.0
    half_life: float = 1_800.0
    least: int = 60
    shortest: float = 1.0
    longest: float = 28_800.0

    def __post_init__(self) -> None:
        require(0.0 < self.interval < math.inf, "0 < interval < inf [s]", self.interval)
        require(0.0 < self.half_life < math.inf, "0 < half_life < inf [samples]", self.half_life)
        require(self.least >= 2, "least >= 2 [samples]", self.least)
        bounds = (self.shortest, self.longest)
        require(0.0 < self.shortest <= self.longest < math.inf, "0 < shortest <= longest < inf [s]", bounds)


class Basis:
    """
    Follows one difference ``(price there - price here) / price``.

    An autoregression of order one, fitted to fading sums: a difference returns to its mean by a share with
    every sample. What one venue charges for its risk, its stablecoin or its opening hours stays, and is not
    to be traded on; what is beyond that goes away.

    Parameters
    ----------
    params
        How fast it learns.

    """

    def __init__(self, params: BasisParams | None = None) -> None:
        self.params = params or BasisParams()
        self._decay = 0.5 ** (1.0 / self.params.half_life)
        self._count = self._mean = self._squares = self._products = 0.0
        self._last: float | None = None
        self._ts: int | None = None
        self.seen = 0

    def update(self, ts: int, difference: float) -> bool:
        """
        Take a difference [fraction] at a time [ns]; say whether it was a sample.

        Early ones, and what is no number, are passed over. After a gap longer than three intervals the next
        one is not held against the last.
        """
        step = self.params.interval * 1e9
        if not math.isfinite(difference) or (self._ts is not None and 0 <= ts - self._ts < step):
            return False
        follows = self._ts is not None and 0 <= ts - self._ts <= 3.0 * step
        self._count = self._decay * self._count + 1.0
        error = difference - self._mean
        self._mean += error / self._count
        self._squares = self._decay * self._squares + error * (difference - self._mean)
        product = (
            (self._last - self._mean) * (difference - self._mean)
            if follows and self._last is not None
            else 0.0
        )
        self._products = self._decay * self._products + product
        self._last, self._ts = difference, ts
        self.seen += 1
        return True

    @property
    def ready(self) -> bool:
        """Whether enough has been seen."""
        return self.seen >= self.params.least

    @property
    def mean(self) -> float:
        """The usual difference [fraction]; NaN before anything is known."""
        return self._mean if self.ready else math.nan

    @property
    def deviation(self) -> float:
        """How much differences scatter around it [fraction]; NaN before anything is known."""
        return math.sqrt(max(self._squares, 0.0) / self._count) if self.ready else math.nan

    @property
    def persistence(self) -> float:
        """What is left of a deviation after one sample [0, 0.9999]."""
        if not self._squares > 0.0:
            return 0.0
        return min(max(self._products / self._squares, 0.0), 0.9999)

    @property
    def error(self) -> float:
        """
        Standard error of the usual difference [fraction]; NaN before anything is known.

        Of samples which hang together: ``s / sqrt(n) · sqrt((1 + φ) / (1 - φ))``.
        """
        left = self.persistence
        return self.deviation / math.sqrt(max(self._count, 1.0)) * math.sqrt((1.0 + left) / (1.0 - left))

    def lasts(self, deviation: float, until: float) -> float:
        """
        Return how long a deviation from the usual takes to come down to a level [s].

        Parameters
        ----------
        deviation, until
            Now, and where it has ended [fraction]; a level of zero is never reached, and counts as a
            twentieth of the deviation.

        Returns
        -------
        float
            Within the bounds; the longest while too little is known.

        """
        params = self.params
        if not self.ready or not math.isfinite(deviation):
            return params.longest
        ratio = max(abs(until), 0.05 * abs(deviation)) / abs(deviation) if deviation else 1.0
        left = self.persistence
        steps = 1.0 if left <= 0.0 else math.log(ratio) / math.log(left) if ratio < 1.0 else 0.0
        return min(max(steps * params.interval, params.shortest), params.longest)

    def to_dict(self) -> dict[str, Any]:
        """Return all that `restore` needs."""
        return {
            "version": VERSION,
            "sums": [self._count, self._mean, self._squares, self._products],
            "last": self._last,
            "ts": self._ts,
            "seen": self.seen,
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; ValueError when it is damaged."""
        stored.check_version("basis", state, VERSION)
        sums = [float(number) for number in stored.field(state, "sums")]
        require(len(sums) == 4 and all(map(math.isfinite, sums)), "4 finite sums", sums)
        last, ts = stored.maybe_number(state, "last"), stored.maybe_moment(state, "ts")
        self.seen = stored.moment(state, "seen")
        self._count, self._mean, self._squares, self._products = sums
        self._last, self._ts = last, ts
        return self
