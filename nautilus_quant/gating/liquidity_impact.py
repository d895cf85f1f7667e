"""The square-root law of market impact, and its coefficient, learnt from fills and from the market."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping

_GAUSS = math.sqrt(math.pi / 2.0)
"""Standard deviation over mean absolute deviation of a normal distribution."""
_SCALE_GAIN = 0.02

AVERAGE_OF_PEAK = 2.0 / 3.0
"""Mean of ``sqrt(q)`` on the way to the whole: what an order pays on average of the move it leaves behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpactParams:
    """
    What is believed before anything is known, and how fast it is given up.

    Parameters
    ----------
    prior
        Coefficient ``k`` [fraction]: the cost, beyond half the spread, of trading as much as the market does
        in 15 minutes, in a book of usual depth. Of the size of the volatility of 15 minutes (Tóth et al.
        2011, "Anomalous price impact and the critical nature of liquidity", eq. 1); 0.001 to 0.01 for crypto.
    prior_error
        Standard error of it [fraction]; less holds on to it longer.
    lowest, highest
        Bounds of the coefficient [fraction].
    noise
        First guess of the scatter of one observed cost [fraction].
    forgetting
        What an observation counts after the next one [-]; 0.999 remembers about a thousand.
    huber
        Scatters from which on an observation counts less [-]; 1.345 loses 5 % where there are no outliers.
    caution
        Standard errors added to the coefficient where it limits an order [-].
    market_weight
        What ten seconds of other people's trades count against one fill of our own [-]; 0 ignores them.

    """

    prior: float = 0.003
    prior_error: float = 0.002
    lowest: float = 0.0003
    highest: float = 0.03
    noise: float = 0.0005
    forgetting: float = 0.999
    huber: float = 1.345
    caution: float = 1.0
    market_weight: float = 0.1

    def __post_init__(self) -> None:
        require(
            0.0 < self.lowest <= self.prior <= self.highest < math.inf,
            "0 < lowest <= prior <= highest < inf [fraction]",
            (self.lowest, self.prior, self.highest),
        )
        require(0.0 < self.prior_error < math.inf, "0 < prior_error < inf [fraction]", self.prior_error)
        require(0.0 < self.noise < math.inf, "0 < noise < inf [fraction]", self.noise)
        require(0.0 < self.forgetting <= 1.0, "0 < forgetting <= 1 [-]", self.forgetting)
        require(self.huber > 0.0, "huber > 0 [scatters]", self.huber)
        require(0.0 <= self.caution < math.inf, "0 <= caution < inf [standard errors]", self.caution)
        require(0.0 <= self.market_weight <= 1.0, "0 <= market_weight <= 1 [-]", self.market_weight)


def load(notional: float, volume: float, multiplier: float = 1.0) -> float:
    """
    Return ``sqrt(notional / volume) · depth multiplier``, which the coefficient multiplies [-].

    Parameters
    ----------
    notional, volume
        Of the order, and of the market in 15 minutes [same currency]; infinite without volume.
    multiplier
        Above 1 in a book thinner than usual, below in a deeper one [-].

    """
    if not notional > 0.0:
        return 0.0
    return math.sqrt(notional / volume) * multiplier if volume > 0.0 else math.inf


class ImpactModel:
    """
    Estimates ``k`` in ``cost = k·sqrt(notional/volume)·depth_multiplier``.

    Least squares, one observation at a time: the posterior of a normal prior, where an outlier counts like an
    observation at its bound (Huber 1964), the scatter is followed along, and old observations fade while the
    prior stays.

    Parameters
    ----------
    params
        Prior, bounds and memory.

    """

    __slots__ = (
        "_information",
        "_params",
        "_scatter",
        "_vector",
        "cautious",
        "coefficient",
        "count",
        "error",
    )

    def __init__(self, params: ImpactParams | None = None) -> None:
        self._params = params or ImpactParams()
        self._information = 0.0
        self._vector = 0.0
        self._scatter = self._params.noise
        self.count = 0
        """Observations taken."""
        self._settle()

    def update(self, x: float, y: float, weight: float = 1.0) -> None:
        """
        Learn from one cost.

        Parameters
        ----------
        x
            Its `load` [-].
        y
            The cost beyond half the spread [fraction]; negative where the market came towards the order.
        weight
            What it counts [0, 1].

        """
        if not (0.0 < x < math.inf and math.isfinite(y) and weight > 0.0):
            return
        params = self._params
        residual = abs(y - self.coefficient * x)
        bound = params.huber * self._scatter
        # A bound for outliers also of the scatter, which otherwise would make room for the next.
        self._scatter += weight * _SCALE_GAIN * (_GAUSS * min(residual, 5.0 * self._scatter) - self._scatter)
        self._scatter = max(self._scatter, 1e-6)
        share = weight * (1.0 if residual <= bound else bound / residual)
        precision = share / (self._scatter * self._scatter)
        fading = params.forgetting**weight
        self._information = fading * self._information + precision * x * x
        self._vector = fading * self._vector + precision * x * y
        self.count += 1
        self._settle()

    def _settle(self) -> None:
        params = self._params
        prior = 1.0 / (params.prior_error * params.prior_error)
        total = prior + self._information
        estimate = (prior * params.prior + self._vector) / total
        self.coefficient = max(params.lowest, min(params.highest, estimate))
        self.error = math.sqrt(1.0 / total)
        # What limits orders: a coefficient that is probably not above.
        self.cautious = min(params.highest, self.coefficient + params.caution * self.error)

    def cost(self, notional: float, volume: float, multiplier: float = 1.0) -> float:
        """Return the cautious estimate of the cost beyond half the spread [fraction]; see `load`."""
        return self.cautious * load(notional, volume, multiplier)

    def notional_within(self, bound: float, volume: float, multiplier: float = 1.0) -> float:
        """Return the largest notional [currency of `volume`] whose cost is within `bound` [fraction]."""
        if not (bound > 0.0 and volume > 0.0):
            return 0.0
        ratio = bound / (self.cautious * multiplier)
        return volume * ratio * ratio

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        return {
            "information": self._information,
            "vector": self._vector,
            "scatter": self._scatter,
            "count": self.count,
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; numbers that cannot be are not taken."""
        information, vector, scatter = (float(state[key]) for key in ("information", "vector", "scatter"))
        if 0.0 <= information < math.inf and math.isfinite(vector) and 0.0 < scatter < math.inf:
            self._information, self._vector, self._scatter = information, vector, scatter
            self.count = int(state["count"])
            self._settle()
        return self
