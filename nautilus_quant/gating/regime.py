"""
The regime of one instrument, bar by bar.

Trend strength and direction by Wilder's directional movement, volatility against its own normal, and how fast
the price falls from its recent high in units of that normal. What comes out has hysteresis and a minimum stay
(`regime_rule`), and is WARMING_UP whenever there are too few good bars to tell.
"""

from __future__ import annotations

import math
from dataclasses import astuple
from typing import TYPE_CHECKING, Any, Self

from nautilus_quant.gating.regime_rule import (
    CALM,
    Measures,
    Regime,
    RegimeParams,
    next_regime,
    proposed_regime,
)
from nautilus_quant.signals.adx import Adx
from nautilus_quant.signals.ewma import EwmaVolatilities
from nautilus_quant.signals.rolling import RollingMax

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Measures", "Regime", "RegimeClassifier", "RegimeParams"]

_VERSION = 1
_WARMING_UP = Regime.WARMING_UP


class RegimeClassifier:
    """
    Says the regime after each bar, from that bar and earlier ones only; O(1) per bar, bounded memory.

    - A bar that is not newer than the last is ignored and counted in `ignored`. One older by more than
      ``warm_up`` bars is the beginning of another recording, and everything starts over.
    - A bar with a NaN, a price that is not positive, a high below its low, or a close beyond ``max_move``
      of the last one is refused and counted in `refused`: the regime is WARMING_UP until ``recovery`` good
      bars came. If the next bar stands at the new level too, the level is believed and everything starts
      over.
    - Missing bars (only where bars have an interval) up to ``max_gap`` are passed over, the return counting
      for as many bars as it took. Of more, as many good bars are owed as were missed; from ``warm_up`` on,
      everything starts over.

    Parameters
    ----------
    params
        Thresholds and lengths.
    interval
        Length of a bar [ns]; 0 for bars which do not come by the clock (ticks, volume), which have no gaps.

    Attributes
    ----------
    ts
        Close time of the last good bar, UNIX time [ns]; 0 before the first.
    heard
        When the last bar that was not ignored came in, by the receiver's clock, UNIX time [ns].
    values
        The numbers of `measures` without their names.

    """

    __slots__ = (
        "_adx",
        "_close",
        "_crisis_scale",
        "_doubted",
        "_high",
        "_interval",
        "_normal",
        "_owed",
        "_params",
        "_regime",
        "_stayed",
        "_volatility",
        "heard",
        "ignored",
        "refused",
        "ts",
        "values",
    )

    def __init__(self, params: RegimeParams | None = None, interval: int = 0) -> None:
        if interval < 0:
            raise ValueError(f"interval must not be negative [ns], was {interval}; 0 means no fixed interval")
        self._params = params or RegimeParams()
        self._interval = interval
        self._crisis_scale = math.sqrt(self._params.crisis_window)
        self.ts = self.heard = 0
        self._doubted = 0.0
        self.ignored = 0
        self.refused = 0
        self._start_over()

    def _start_over(self) -> None:
        p = self._params
        self._adx = Adx(p.adx_period)
        self._volatility = EwmaVolatilities(p.fast_half_life, p.slow_half_life)
        self._high = RollingMax(p.crisis_window + 1)  # so many closes span a window of returns
        self._close = 0.0
        self._normal = 0.0
        self._owed = p.warm_up
        self._regime = Regime.WARMING_UP
        self._stayed = 0
        self.values: tuple[float, float, float, float, float] = CALM

    def update(  # noqa: PLR0917 (asked with every bar, and keywords take their time)
        self, ts: int, open_: float, high: float, low: float, close: float, heard: int | None = None
    ) -> Regime:
        """
        Take one closed bar, give the regime.

        Parameters
        ----------
        ts
            When the bar closed, UNIX time [ns].
        open_, high, low, close
            Prices [quote currency].
        heard
            When it came in, UNIX time [ns]; ``None`` for bars of the past.

        """
        if ts <= self.ts and not self._begins_anew(ts):
            self.ignored += 1  # a feed that repeats itself is silent
            return self.regime
        if heard is not None:
            self.heard = heard
        if not (0.0 < low <= open_ <= high < math.inf and low <= close <= high):  # never true of a NaN
            return self._refuse(0.0)
        before = self._close
        log_return = math.log(close / before) if before else 0.0
        if abs(log_return) > self._params.max_move and not self._believe(close):
            return self._refuse(close)
        self._doubted = 0.0
        # Nearly every bar follows the one before without a gap.
        bars = 1 if ts - self.ts == self._interval else self._pass_time(ts)
        self.ts = ts
        self._measure(high, low, close, log_return, bars)
        if self._owed:
            self._owed -= 1
            if self._owed and self._regime is _WARMING_UP:
                return _WARMING_UP
        regime = self._regime
        if proposed_regime(regime, self.values, self._params) is not regime:
            self._regime = next_regime(regime, self._stayed, self.values, self._params)
        self._stayed = self._stayed + 1 if self._regime is regime else 1
        return _WARMING_UP if self._owed else self._regime

    def _begins_anew(self, ts: int) -> bool:
        """Start over when time went back by more than a warm-up, as when a recording is played again."""
        back = self._params.warm_up * self._interval
        if not back or self.ts - ts <= back:
            return False
        self.ts = 0
        self._start_over()
        return True

    def _refuse(self, close: float) -> Regime:
        """Leave all but the debt as it is; the missing bar shows as a gap when the next good one comes."""
        self.refused += 1
        self._doubted = close
        self._owed = max(self._owed, self._params.recovery)
        return self.regime

    def _believe(self, close: float) -> bool:
        """Start over when the bar before, refused too, stood where this one stands."""
        if not self._doubted or abs(math.log(close / self._doubted)) > self._params.max_move:
            return False
        self._start_over()
        return True

    def _pass_time(self, ts: int) -> int:
        """Settle a gap before this bar, and return over how many bars its return goes."""
        missed = 0
        if self._interval and self._close:
            missed = max(0, round((ts - self.ts) / self._interval) - 1)
        if missed >= self._params.warm_up:
            self._start_over()
        elif missed > self._params.max_gap:
            self._owed = max(self._owed, missed)
        return missed + 1

    def _measure(self, high: float, low: float, close: float, log_return: float, bars: int) -> None:
        adx = self._adx
        strength = adx.update(high, low, close)
        highest = self._high.update(close)
        if self._close:  # else there was no bar to return from
            fall = math.log(highest / close) if highest > close else 0.0
            least, usual = self._params.min_vol, self._normal
            # Against what was normal before this bar: a crash must not raise its own yardstick.
            sigmas = fall / ((least if least > usual else usual) * self._crisis_scale)  # noqa: FURB136
            quick, usual = self._volatility.update(log_return, bars)
            self._normal = usual
            quick = least if least > quick else quick  # noqa: FURB136
            ratio = quick / (least if least > usual else usual)  # noqa: FURB136
            self.values = (strength, adx.up - adx.down, ratio, fall, sigmas)
        self._close = close

    @property
    def regime(self) -> Regime:
        """What the market is doing; WARMING_UP while good bars are owed."""
        return Regime.WARMING_UP if self._owed else self._regime

    @property
    def owed(self) -> int:
        """Good bars still needed before the regime is told [bars]."""
        return self._owed

    @property
    def starting(self) -> bool:
        """Whether this is a first warm-up, with nothing known from before."""
        return self._regime is Regime.WARMING_UP

    @property
    def measures(self) -> Measures:
        """What the regime was read from."""
        return Measures(*self.values)

    @property
    def numbers(self) -> dict[str, float]:
        """The measures by name, for verdicts, messages and the journal."""
        return numbers_of(self.values, self._owed)

    def to_dict(self) -> dict[str, Any]:
        """Give all that `from_dict` needs to go on exactly here."""
        return {
            "fit": self._fit(),
            "ts": self.ts,
            "close": self._close,
            "doubted": self._doubted,
            "counts": [self.ignored, self.refused, self._owed, self._stayed],
            "regime": self._regime.value,
            "normal": self._normal,
            "measures": list(self.values),
            "adx": self._adx.to_dict(),
            **self._volatility.to_dict(),
            "high": self._high.to_dict(),
        }

    @classmethod
    def from_dict(
        cls, state: Mapping[str, Any], params: RegimeParams | None = None, interval: int = 0
    ) -> Self:
        """Go on from what `to_dict` gave; what was learnt with other parameters is dropped."""
        made = cls(params, interval)
        if state.get("fit") != made._fit():
            return made
        made.ts = int(state["ts"])
        made._close = float(state["close"])
        made._doubted = float(state["doubted"])
        made.ignored, made.refused, made._owed, made._stayed = state["counts"]
        made._regime = Regime(state["regime"])
        made._normal = float(state["normal"])
        made.values = Measures(*state["measures"])
        made._adx.restore(state["adx"])
        made._volatility.restore(state)
        made._high.restore(state["high"])
        return made

    def _fit(self) -> list[float]:
        """Identify what a saved state fits: the layout, the bars and every parameter."""
        return [_VERSION, self._interval, *astuple(self._params)]


def numbers_of(measures: tuple[float, float, float, float, float], owed: int) -> dict[str, float]:
    """Return measures, and the good bars still owed, by name."""
    adx, direction, vol_ratio, fall, fall_sigmas = measures
    return {
        "adx": adx,
        "direction": direction,
        "vol_ratio": vol_ratio,
        "fall": fall,
        "fall_sigmas": fall_sigmas,
        "owed": float(owed),
    }
