"""
Reversion of the price to its own mean, when the market is calm.

Thresholds to enter and to leave after Avellaneda, Lee, "Statistical arbitrage in the US equities market",
Quantitative Finance 10 (2010), section 4; the stop loss after Leung, Li, "Optimal mean reversion trading with
transaction costs and stop-loss exit", IJTAF 18 (2015).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nautilus_quant.signals.ewma import Ewma, EwmaVolatility, decay_of_span
from nautilus_quant.signals.momentum import volatility_scale
from nautilus_quant.signals.sequence import STANDSTILL, BarRule, Target, periods_per_year, require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.signals.sequence import Learns


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanReversionParams:
    """
    What is far from the mean, when to give up, and how much to hold.

    Parameters
    ----------
    lookback
        Span of the mean and of the spread around it [bars]. More waits for larger, rarer deviations.
        Typical 20-200.
    entry, exit
        Deviation from the mean at which a position is opened, and below which it is closed [standard
        deviations]. A higher entry trades less and surer; a lower exit waits for more of the way back.
        Typical 1.5-3 and 0-1.
    stop
        Loss since the entry at which it is given up [standard deviations at the entry]. More rides out more
        and loses more when wrong. Typical 1-4.
    max_holding
        Bars after which it is given up [bars]: what has not come back in a few lookbacks is no deviation.
    max_vol_ratio
        Fast over slow volatility above which nothing is opened [-]: what breaks out does not come back.
        Typical 1.2-2.
    vol_half_life
        Half-life of the fast volatility [bars]; that of the slow one is ten times it.
    vol_target
        Volatility per year a position aims at [fraction]. More means larger positions, up to `cap`.
    cap
        Largest exposure [fraction of a full position]. At most 1.

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    lookback: float = 50.0
    entry: float = 2.0
    exit: float = 0.5
    stop: float = 2.0
    max_holding: int = 100
    max_vol_ratio: float = 1.5
    vol_half_life: float = 20.0
    vol_target: float = 0.4
    cap: float = 1.0

    def __post_init__(self) -> None:
        require(2.0 <= self.lookback < math.inf, "lookback >= 2 [bars]", self.lookback)
        require(
            0.0 <= self.exit < self.entry < math.inf, "0 <= exit < entry [sigma]", (self.exit, self.entry)
        )
        require(0.0 < self.stop < math.inf, "stop > 0 [sigma]", self.stop)
        require(self.max_holding >= 1, "max_holding >= 1 [bars]", self.max_holding)
        require(0.0 < self.max_vol_ratio < math.inf, "max_vol_ratio > 0 [-]", self.max_vol_ratio)
        require(0.0 < self.vol_half_life < math.inf, "vol_half_life > 0 [bars]", self.vol_half_life)
        require(0.0 < self.vol_target < math.inf, "vol_target > 0 [per year]", self.vol_target)
        require(0.0 < self.cap <= 1.0, "0 < cap <= 1 [fraction]", self.cap)

    @property
    def warm_up(self) -> int:
        """Closes needed before there is a signal [bars]."""
        return math.ceil(max(self.lookback, 2.0 * self.vol_half_life)) + 1


class MeanReversionRule(BarRule):
    """
    From closes to an exposure, one bar at a time; O(1).

    Out of a trade, a deviation of `entry` in a calm market opens one against it. In a trade the size stays as
    it was; it ends within `exit` of the mean, at the stop, or after `max_holding` bars. After the last two
    nothing is opened until the price has been within `exit` of the mean once.

    Parameters
    ----------
    params
        When, how long, how much.
    interval
        Length of a bar [ns].

    """

    def __init__(self, params: MeanReversionParams | None = None, *, interval: int) -> None:
        self._params = params or MeanReversionParams()
        self._per_year = math.sqrt(periods_per_year(interval))
        super().__init__(self._params, interval, self._params.warm_up)

    def _start_over(self) -> None:
        p = self._params
        self._mean = Ewma(decay_of_span(p.lookback))
        self._spread = Ewma(decay_of_span(p.lookback))
        self._fast = EwmaVolatility(p.vol_half_life)
        self._slow = EwmaVolatility(10.0 * p.vol_half_life)
        self._held = 0.0
        self._entered = 0.0  # log price
        self._sigma = 0.0  # of the deviation at the entry
        self._age = 0
        self._locked = False
        self.z = 0.0
        """Deviation from the mean [standard deviations]."""

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
            self._fast.update(log_return, bars)
            self._slow.update(log_return, bars)
        price = math.log(close)
        deviation = price - self._mean.update(price)
        sigma = math.sqrt(self._spread.update(deviation * deviation))
        self._seen += 1
        return self._decide(price, deviation, sigma, bars) if self.ready else None

    def _decide(self, price: float, deviation: float, sigma: float, bars: int) -> Target:
        if not min(sigma, self._slow.value) > STANDSTILL:
            self._held = self.z = 0.0
            return Target(0.0, "the price does not move")
        self.z = deviation / sigma
        if abs(self.z) <= self._params.exit:
            self._locked = False
        if self._held:
            return self._stay_or_leave(price, bars)
        return self._enter_or_wait(price, sigma)

    def _enter_or_wait(self, price: float, sigma: float) -> Target:
        p, z, ratio = self._params, self.z, self._fast.value / self._slow.value
        if self._locked:
            return Target(0.0, f"deviation {z:+.2f} sigma, waiting for the mean after giving up")
        if abs(z) < p.entry:
            return Target(0.0, f"deviation {z:+.2f} sigma")
        if ratio > p.max_vol_ratio:
            return Target(0.0, f"deviation {z:+.2f} sigma, but volatility is {ratio:.2f} of normal")
        size = volatility_scale(self._slow.value * self._per_year, p.vol_target, p.cap)
        self._held = -math.copysign(size, z)
        self._entered, self._sigma, self._age = price, sigma, 0
        return Target(self._held, f"deviation {z:+.2f} sigma, entered")

    def _stay_or_leave(self, price: float, bars: int) -> Target:
        p, z = self._params, self.z
        side = math.copysign(1.0, self._held)
        loss = side * (self._entered - price) / self._sigma
        self._age += bars
        if side * z >= -p.exit:
            return self._leave(f"deviation {z:+.2f} sigma, back at the mean", locked=False)
        if loss >= p.stop:
            return self._leave(f"lost {loss:.2f} sigma, stopped", locked=True)
        if self._age >= p.max_holding:
            return self._leave(f"not back after {self._age} bars, given up", locked=True)
        return Target(self._held, f"deviation {z:+.2f} sigma, held for {self._age} bars")

    def _leave(self, reason: str, *, locked: bool) -> Target:
        self._held = 0.0
        self._locked = locked
        return Target(0.0, reason)

    def _parts(self) -> dict[str, Learns]:
        return {"mean": self._mean, "spread": self._spread, "fast": self._fast, "slow": self._slow}

    def _rest(self) -> dict[str, Any]:
        return {"trade": [self._held, self._entered, self._sigma, self._age, self._locked], "z": self.z}

    def _restore_rest(self, state: Mapping[str, Any]) -> None:
        self._held, self._entered, self._sigma, self._age, self._locked = state["trade"]
        self.z = float(state["z"])
