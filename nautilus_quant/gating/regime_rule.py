"""From measures of the market to its regime: thresholds with hysteresis, and a minimum stay."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Regime(StrEnum):
    """What the market is doing."""

    WARMING_UP = "WARMING_UP"
    """Unknown: too few good bars. Whoever reads this, or nothing at all, adds no risk."""
    STRONG_TREND_UP = "STRONG_TREND_UP"
    STRONG_TREND_DOWN = "STRONG_TREND_DOWN"
    RANGING = "RANGING"
    HIGH_VOL = "HIGH_VOL"
    """Much more volatile than usual, whichever way."""
    CRISIS = "CRISIS"
    """A fall, or a burst of volatility, far outside what the market does."""


TRENDS = frozenset({Regime.STRONG_TREND_UP, Regime.STRONG_TREND_DOWN})

# Members under names of their own: looking one up in its class takes longer than comparing it.
_WARMING_UP, _UP, _DOWN, _RANGING, _HIGH_VOL, _CRISIS = Regime
_CAUTION = (_CRISIS, _HIGH_VOL, _RANGING, _DOWN, _UP, _WARMING_UP)


class Measures(NamedTuple):
    """
    What the regime is read from; all scale-free, so bars of a second and of a day share thresholds.

    Parameters
    ----------
    adx
        Strength of the trend, 0-100 [%] (Wilder).
    direction
        +DI less -DI [%]; its sign is the way the trend goes.
    vol_ratio
        Fast over slow volatility [-]; 1 is business as usual.
    fall
        Log fall from the highest high of the crisis window to the close [-]; 0.05 is about 5 %.
    fall_sigmas
        `fall` over the slow volatility of as many bars [-].

    """

    adx: float
    direction: float
    vol_ratio: float
    fall: float
    fall_sigmas: float


CALM = Measures(adx=0.0, direction=0.0, vol_ratio=1.0, fall=0.0, fall_sigmas=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimeParams:
    """
    When a regime begins and ends. A threshold to leave lies below the one to enter: hysteresis.

    Parameters
    ----------
    adx_period
        Smoothing of trend strength [bars]. More finds fewer, longer trends, later. Typical 10-30; 14 is
        Wilder's own.
    trend_enter, trend_leave
        ADX from which a trend counts as strong, and below which it is over [%]. Typical 25-40 and 15-30. A
        random walk has an ADX(14) near 20 and passes 25 a quarter of the time, hence 30 to enter.
    fast_half_life, slow_half_life
        Half-lives of the two volatilities compared [bars]. A faster one reacts sooner and errs more; a slower
        one remembers better what is normal. Typical 5-20 and 100-500.
    vol_enter, vol_leave
        Ratio of the two from which volatility counts as high, and below which it is over [-].
        Typical 1.5-2.5 and 1.1-1.8.
    crisis_window
        A crisis is looked for in the fall from the highest high of so many bars [bars]. Typical 12-60.
    crisis_enter, crisis_leave
        Fall in standard deviations of a window's move at which a crisis begins, and below which it may end
        [-]. Typical 3-8 and 1-4. On hourly bars of six years of bitcoin 4 finds its sixteen worst days.
    crisis_vol_enter, crisis_vol_leave
        Volatility ratio that is a crisis by itself, and below which it may end [-]: bursts that do not fall.
    min_fall
        A fall smaller than this is never a crisis, whatever its standard deviations [-]: on bars of seconds
        four of them may be 0.05 %. The default is the hourly loss limit.
    dwell
        Bars a regime lasts at least [bars]. More means fewer changes and later ones. CRISIS overrides it.
    crisis_dwell
        Bars a crisis lasts at least [bars].
    warm_up
        Good bars until the first regime is told [bars]; at least ``2 * adx_period``. The slow volatility is
        unbiased before it has its full memory, only noisier.
    recovery
        Good bars in a row owed after a bar that was refused [bars].
    max_gap
        Missing bars passed over as if the market had slept [bars]; beyond it as many good bars are owed as
        were missed, and from `warm_up` on everything starts over.
    max_move
        Log move from close to close beyond which a bar is refused as absurd [-]. The second bar in a row at
        the new level is believed, and everything starts over from there.
    min_vol
        Floor under the slow volatility [per bar], so that one tick after hours of standstill is no burst.

    Raises
    ------
    ValueError
        If a value is impossible; the message names all bounds broken.

    """

    adx_period: int = 14
    trend_enter: float = 30.0
    trend_leave: float = 20.0
    fast_half_life: float = 10.0
    slow_half_life: float = 200.0
    vol_enter: float = 1.75
    vol_leave: float = 1.35
    crisis_window: int = 24
    crisis_enter: float = 4.0
    crisis_leave: float = 2.0
    crisis_vol_enter: float = 3.5
    crisis_vol_leave: float = 2.0
    min_fall: float = 0.005
    dwell: int = 10
    crisis_dwell: int = 24
    warm_up: int = 100
    recovery: int = 3
    max_gap: int = 3
    max_move: float = 0.5
    min_vol: float = 1e-6

    def __post_init__(self) -> None:
        problems = [text for holds, text in (*self._thresholds(), *self._counts()) if not holds]
        if problems:
            raise ValueError("; ".join(problems))

    def _thresholds(self) -> tuple[tuple[bool, str], ...]:
        """Return the bounds on measures: whether each holds (NaN never does), and what to say if not."""
        inf = math.inf
        return (
            _rising("trend_leave < trend_enter", self.trend_leave, self.trend_enter, 100.0, "%"),
            _rising("fast_half_life < slow_half_life", self.fast_half_life, self.slow_half_life, inf, "bars"),
            _rising("vol_leave < vol_enter", self.vol_leave, self.vol_enter, inf, "-"),
            _rising("crisis_leave < crisis_enter", self.crisis_leave, self.crisis_enter, inf, "-"),
            _rising(
                "crisis_vol_leave < crisis_vol_enter", self.crisis_vol_leave, self.crisis_vol_enter, inf, "-"
            ),
            (0.0 <= self.min_fall < inf, f"min_fall must not be negative [fraction], was {self.min_fall}"),
            (
                0.0 < self.max_move < inf,
                f"max_move must be positive [log return], was {self.max_move}; e.g. 0.5",
            ),
            (0.0 < self.min_vol < inf, f"min_vol must be positive [per bar], was {self.min_vol}; e.g. 1e-6"),
        )

    def _counts(self) -> tuple[tuple[bool, str], ...]:
        """Return the bounds on counts of bars, as `_thresholds` does."""
        least = 2 * self.adx_period
        warm = f"warm_up must be at least 2 * adx_period = {least} [bars], was {self.warm_up}"
        return (
            _at_least("adx_period", self.adx_period, 2),
            _at_least("crisis_window", self.crisis_window, 2),
            _at_least("dwell", self.dwell, 1),
            _at_least("crisis_dwell", self.crisis_dwell, 1),
            _at_least("recovery", self.recovery, 1),
            _at_least("max_gap", self.max_gap, 0),
            (self.warm_up >= least, warm),
        )


def next_regime(
    current: Regime, stayed: int, measures: tuple[float, float, float, float, float], params: RegimeParams
) -> Regime:
    """
    Return the regime after one more bar.

    Parameters
    ----------
    current
        The regime so far; WARMING_UP when there was none.
    stayed
        Bars it has lasted, this one not counted.
    measures
        What the market does, this bar included: `Measures`, or the same numbers without names.
    params
        Thresholds and minimum stays.

    """
    proposed = proposed_regime(current, measures, params)
    if proposed is current or current is _WARMING_UP or proposed is _CRISIS:
        return proposed
    least = params.crisis_dwell if current is _CRISIS else params.dwell
    return proposed if stayed >= least else current


def most_cautious(regimes: Iterable[Regime]) -> Regime:
    """Return the one in which the least is allowed; WARMING_UP when there are none."""
    return min(regimes, key=_CAUTION.index, default=Regime.WARMING_UP)


def proposed_regime(current: Regime, m: tuple[float, float, float, float, float], p: RegimeParams) -> Regime:
    """
    Return what the measures alone say; who is in a regime stays in it down to its lower threshold.

    Parameters
    ----------
    current
        The regime so far.
    m, p
        Measures and thresholds.

    """
    adx, direction, vol_ratio, fall, fall_sigmas = m
    if current is _CRISIS:
        if fall_sigmas >= p.crisis_leave or vol_ratio >= p.crisis_vol_leave:
            return _CRISIS
    elif (fall_sigmas >= p.crisis_enter and fall >= p.min_fall) or vol_ratio >= p.crisis_vol_enter:
        return _CRISIS
    if vol_ratio >= (p.vol_leave if current is _HIGH_VOL else p.vol_enter):
        return _HIGH_VOL
    trend = _UP if direction > 0.0 else _DOWN
    if adx >= (p.trend_leave if current is trend else p.trend_enter):
        return trend
    return _RANGING


def _rising(rule: str, low: float, high: float, top: float, unit: str) -> tuple[bool, str]:
    bound = "" if top == math.inf else f" <= {top:g}"
    holds = 0.0 < low < high <= top and high < math.inf
    return holds, f"need 0 < {rule}{bound} [{unit}], were {low} and {high}"


def _at_least(name: str, value: int, least: int) -> tuple[bool, str]:
    return value >= least, f"{name} must be at least {least} [bars], was {value}"
