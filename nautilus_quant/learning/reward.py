"""From net returns to rewards: what was earned, measured by the risk that was on offer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

from nautilus_quant.signals.sequence import STANDSTILL, require

if TYPE_CHECKING:
    from collections.abc import Mapping

_NANOS = 1_000_000_000
_DAY = 86_400.0


class RewardScale:
    """
    Turns net returns of a market's arms into rewards that compare over time.

    ``reward = clip(net_return / (leverage * sigma * sqrt(seconds)), -bound, +bound)``

    so that 1 is what a full position earns on a favourable move of one standard deviation. The volatility is
    that of the market, not of the arm: an arm which holds less earns a smaller reward, and an idle one 0.

    ``sigma ** 2`` is the exponentially weighted mean of ``log_return ** 2 / seconds`` over time (RiskMetrics
    1996, for prices that come at any time), so it does not depend on how often prices come. A return over
    more than a half-life counts like one over a half-life.

    Parameters
    ----------
    leverage
        Value of a full position as a multiple of capital [-].
    half_life
        Time after which a price move counts half [s]. More is steadier: typical 1 to 10 days.
    bound
        Largest reward to either side [standard deviations]. Less listens less to single events; typical 2-5.
    spacing
        Least time between two prices used [s]: closer ones measure the bounce between bid and ask.
    least
        Price moves seen before the volatility is known [-].

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    __slots__ = (
        "_bound",
        "_close",
        "_half_life",
        "_least",
        "_leverage",
        "_seen",
        "_spacing",
        "_sum",
        "_ts",
        "_weight",
    )

    def __init__(
        self,
        *,
        leverage: float = 1.0,
        half_life: float = 3.0 * _DAY,
        bound: float = 3.0,
        spacing: float = 60.0,
        least: int = 10,
    ) -> None:
        require(0.0 < leverage < math.inf, "leverage > 0 [-]", leverage)
        require(0.0 < half_life < math.inf, "half_life > 0 [s]", half_life)
        require(0.0 < bound < math.inf, "bound > 0 [standard deviations]", bound)
        require(0.0 <= spacing < half_life, "0 <= spacing < half_life [s]", spacing)
        require(least >= 1, "least >= 1 [price moves]", least)
        self._leverage = leverage
        self._half_life = half_life
        self._bound = bound
        self._spacing = spacing
        self._least = least
        self._sum = self._weight = self._close = 0.0
        self._ts = self._seen = 0

    def update(self, ts: int, close: float) -> None:
        """
        Take a price of the market [quote currency] at `ts` [UNIX ns].

        What is no price, and what is not later than the last by `spacing`, is passed over.
        """
        if not 0.0 < close < math.inf:
            return
        seconds = (ts - self._ts) / _NANOS
        if self._close:
            if seconds <= 0.0 or seconds < self._spacing:
                return
            move = math.log(close / self._close)
            keep = 2.0 ** -min(1.0, seconds / self._half_life)
            self._sum = keep * self._sum + (1.0 - keep) * move * move / seconds
            self._weight = keep * self._weight + 1.0 - keep
            self._seen = min(self._seen + 1, self._least)
        self._ts, self._close = ts, close

    @property
    def sigma(self) -> float:
        """Volatility of the market [log return per square root of a second]; NaN while it is unknown."""
        return math.sqrt(self._sum / self._weight) if self._seen >= self._least else math.nan

    def unit(self, seconds: float) -> float:
        """Return the net return whose reward is 1 after `seconds` [fraction of capital]; NaN if unknown."""
        if not 0.0 < seconds < math.inf:
            return math.nan
        deviation = self.sigma * math.sqrt(seconds)
        return self._leverage * deviation if deviation > STANDSTILL else math.nan

    def reward(self, net_return: float, seconds: float) -> float:
        """
        Return the reward of a net return.

        Parameters
        ----------
        net_return
            After all costs [fraction of capital].
        seconds
            Over what time [s].

        Returns
        -------
        float
            NaN when the return, or the volatility, is unknown, or no time has passed.

        """
        reward = net_return / self.unit(seconds)
        return reward if math.isnan(reward) else max(-self._bound, min(self._bound, reward))

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        return {
            "half_life": self._half_life,
            "sum": self._sum,
            "weight": self._weight,
            "close": self._close,
            "ts": self._ts,
            "seen": self._seen,
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; what was measured with another half-life is left alone."""
        if state.get("half_life") != self._half_life:
            return self
        self._sum, self._weight = float(state["sum"]), float(state["weight"])
        self._close, self._ts, self._seen = float(state["close"]), int(state["ts"]), int(state["seen"])
        return self


def weight_of(seconds: float, interval: float) -> float:
    """Return how much an evaluation counts that covers `seconds` of a full `interval` [s]: at most 1."""
    require(0.0 < interval < math.inf, "interval > 0 [s]", interval)
    return max(0.0, min(1.0, seconds / interval))
