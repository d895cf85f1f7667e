"""
Time-series momentum with volatility targeting.

Signal after Baz, Granger, Harvey, Le Roux, Rattray, "Dissecting investment strategies in the cross section
and time series" (2015), section 2; sizing after Moskowitz, Ooi, Pedersen, "Time series momentum", Journal
of Financial Economics 104 (2012), equation 5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nautilus_quant.signals.ewma import Ewma, EwmaVolatility
from nautilus_quant.signals.sequence import STANDSTILL, BarRule, Target, periods_per_year, require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.signals.sequence import Learns

_PEAK = math.sqrt(2.0) * math.exp(-0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentumParams:
    """
    How fast to follow, and how much to hold.

    Parameters
    ----------
    fast, slow
        Mean ages of the two averages compared [bars]. Longer ones find longer trends and trade less; slow is
        about three times fast in the source (8/24, 16/48, 32/96). Typical 5-50 and 15-150.
    vol_half_life
        Half-life of the volatility a position is sized by [bars]. Less follows the market's mood and trades
        more. Typical 20-200.
    vol_target
        Volatility per year a full signal aims at [fraction]. More means larger positions, up to `cap`.
        Typical 0.1-0.6; 0.4 is what the 2012 paper uses for each instrument.
    cap
        Largest exposure [fraction of a full position]. At most 1.
    band
        Change of exposure below which the old one is kept [fraction of a full position]. More trades less and
        follows less closely. Typical 0.05-0.3: on short bars fees eat small changes.

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    fast: float = 16.0
    slow: float = 48.0
    vol_half_life: float = 60.0
    vol_target: float = 0.4
    cap: float = 1.0
    band: float = 0.2

    def __post_init__(self) -> None:
        require(1.0 <= self.fast < self.slow < math.inf, "1 <= fast < slow [bars]", (self.fast, self.slow))
        require(0.0 < self.vol_half_life < math.inf, "vol_half_life > 0 [bars]", self.vol_half_life)
        require(0.0 < self.vol_target < math.inf, "vol_target > 0 [per year]", self.vol_target)
        require(0.0 < self.cap <= 1.0, "0 < cap <= 1 [fraction]", self.cap)
        require(0.0 <= self.band < self.cap, "0 <= band < cap [fraction]", self.band)

    @property
    def warm_up(self) -> int:
        """Closes needed before there is a signal [bars]."""
        return math.ceil(self.slow) + 1


def crossover_scale(fast: float, slow: float) -> float:
    """
    Return the standard deviation of ``ewma(log price, fast) - ewma(log price, slow)`` [per-bar volatilities].

    For a random walk the difference is ``sum_j (b_s^j - b_f^j) r_(t-j+1)`` over j >= 1, where ``b = 1 -
    1/n`` is the weight an average keeps, so its variance is a sum of three geometric series.
    """
    keep_fast, keep_slow = 1.0 - 1.0 / fast, 1.0 - 1.0 / slow
    return math.sqrt(
        _geometric(keep_slow * keep_slow)
        + _geometric(keep_fast * keep_fast)
        - 2.0 * _geometric(keep_fast * keep_slow)
    )


def response(z: float) -> float:
    """
    Return how much of a position a normalised trend deserves, in [-1, 1]: ``z exp(-z^2 / 4)`` over its peak.

    A strong trend is followed until ``|z| = sqrt(2)``; a stronger one has often gone too far (Baz et al.
    2015).
    """
    return z * math.exp(-0.25 * z * z) / _PEAK


def volatility_scale(volatility: float, target: float, cap: float) -> float:
    """Return the exposure that gives `target` volatility, at most `cap`; both volatilities per year."""
    return cap if volatility * cap <= target else target / volatility


class MomentumRule(BarRule):
    """
    From closes to an exposure, one bar at a time; O(1).

    Parameters
    ----------
    params
        How fast, how much.
    interval
        Length of a bar [ns].

    """

    def __init__(self, params: MomentumParams | None = None, *, interval: int) -> None:
        self._params = params or MomentumParams()
        self._per_year = math.sqrt(periods_per_year(interval))
        self._scale = crossover_scale(self._params.fast, self._params.slow)
        super().__init__(self._params, interval, self._params.warm_up)

    def _start_over(self) -> None:
        p = self._params
        self._fast = Ewma(1.0 - 1.0 / p.fast)
        self._slow = Ewma(1.0 - 1.0 / p.slow)
        self._volatility = EwmaVolatility(p.vol_half_life)
        self._held = 0.0
        self.z = 0.0
        """The trend in standard deviations of a random walk's [-]."""

    def update(self, ts: int, close: float) -> Target | None:
        """
        Take the close [quote currency] of the bar that ended at `ts` [UNIX ns].

        Returns
        -------
        Target | None
            ``None`` while it warms up, and for a bar to ignore: then nothing should change.

        """
        bars, log_return = self._advance(ts, close)
        if not bars:
            return None
        if bars > 0:
            self._volatility.update(log_return, bars)
        price = math.log(close)
        spread = self._fast.update(price) - self._slow.update(price)
        self._seen += 1
        return self._decide(spread) if self.ready else None

    def _decide(self, spread: float) -> Target:
        volatility = self._volatility.value
        if not volatility > STANDSTILL:
            self._held = self.z = 0.0
            return Target(0.0, "the price does not move")
        p = self._params
        self.z = spread / (volatility * self._scale)
        wanted = response(self.z) * volatility_scale(volatility * self._per_year, p.vol_target, p.cap)
        if abs(wanted - self._held) >= p.band:
            self._held = wanted
        return Target(self._held, f"trend {self.z:+.2f} sigma, volatility {volatility * self._per_year:.0%}")

    def _parts(self) -> dict[str, Learns]:
        return {"fast": self._fast, "slow": self._slow, "volatility": self._volatility}

    def _rest(self) -> dict[str, Any]:
        return {"held": self._held, "z": self.z}

    def _restore_rest(self, state: Mapping[str, Any]) -> None:
        self._held, self.z = float(state["held"]), float(state["z"])


def _geometric(ratio: float) -> float:
    """Sum ``ratio^j`` over j >= 1."""
    return ratio / (1.0 - ratio)
