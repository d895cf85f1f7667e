"""
How volatile the underlying will be, from its bars.

Two forecasts: an exponentially weighted variance (J.P. Morgan, "RiskMetrics Technical Document", 4th
edition, 1996, chapter 5), and the heterogeneous autoregression of realised variance on that of the last day,
week and month, HAR-RV (Corsi, "A simple approximate long-memory model of realized volatility", Journal of
Financial Econometrics 7, 2009), fitted to the horizon asked for. A week has seven days and a month thirty:
crypto markets do not close. A forecast beyond anything seen is cut to that, as in Bollerslev, Patton,
Quaedvlieg, "Exploiting the errors", Journal of Econometrics 192, 2016.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nautilus_quant.signals.ewma import Ewma, decay_of_half_life
from nautilus_quant.signals.sequence import BarSequence, require

if TYPE_CHECKING:
    from collections.abc import Mapping

DAY = 86_400_000_000_000
YEAR_DAYS = 365.0
_WEEK, _MONTH = 7, 30
_WHOLE = 0.8  # share of a day whose bars must be known


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastParams:
    """
    How volatility is forecast.

    Parameters
    ----------
    method
        ``"har"``, which is the weighted variance until there are days enough; or ``"ewma"``.
    half_life
        Of the weighted variance [days]; typically 2 to 20.
    warm_up
        Days of bars before there is a forecast [days].
    window
        Days the regression looks back [days].
    fewest
        Days with a known outcome the regression needs [days].

    Raises
    ------
    ValueError
        If one is impossible.

    """

    method: str = "har"
    half_life: float = 5.0
    warm_up: float = 2.0
    window: int = 365
    fewest: int = 60

    def __post_init__(self) -> None:
        require(self.method in {"har", "ewma"}, "a method of har, ewma", repr(self.method))
        require(0.0 < self.half_life < math.inf, "half_life > 0 [days]", self.half_life)
        require(0.0 < self.warm_up < math.inf, "warm_up > 0 [days]", self.warm_up)
        require(10 <= self.fewest <= self.window, "10 <= fewest <= window [days]", self)


class VolForecast:
    """
    Learns from closes of bars, and forecasts.

    Parameters
    ----------
    params
        How.
    interval
        Length of a bar [ns]; a day at most.

    Raises
    ------
    ValueError
        If bars are longer than a day, or have no length.

    """

    def __init__(self, params: ForecastParams, interval: int) -> None:
        require(0 < interval <= DAY, "bars of a day at most, by the clock [ns]", interval)
        self.params = params
        self._interval = interval
        self._per_day = DAY / interval
        # A gap of a day says more about the data than about the market.
        self._sequence = BarSequence(interval, max(1, round(self._per_day)))
        self._ewma = Ewma(decay_of_half_life(params.half_life * self._per_day))
        self._seen = 0
        self._day = -1
        self._sum = 0.0
        self._count = 0
        self._days: deque[float] = deque(maxlen=params.window + _MONTH + 1)
        self._cache: tuple[int, int, float] = (-1, 0, math.nan)

    # -- learning ------------------------------------------------------------------------------------

    def update(self, ts: int, close: float) -> None:
        """Take the close of a bar, UNIX time of its end [ns]; what is late or no price is passed over."""
        before = self._sequence.close
        bars = self._sequence.advance(ts, close)
        if not bars:
            return
        square = math.log(close / before) ** 2 if bars > 0 else math.nan
        self._turn((ts - 1) // DAY, broken=bars < 0)
        if bars < 0:
            return
        self._sum += square
        self._count += bars
        self._seen += bars
        # The variance of a move over a gap is that of all its bars; each gets its share.
        for _ in range(bars):
            self._ewma.update(square / bars)

    def _turn(self, day: int, *, broken: bool) -> None:
        """Close the book of a day when the next begins; days without bars are unknown."""
        if day == self._day and not broken:
            return
        if self._day >= 0 and day > self._day:
            whole = self._count >= _WHOLE * self._per_day
            self._days.append(self._sum * self._per_day / self._count if whole else math.nan)
            missing = min(day - self._day - 1, self._days.maxlen or 0)
            self._days.extend([math.nan] * missing)
        elif broken:
            self._days.clear()  # time went backwards by more than a day: another past
        if day != self._day:
            self._sum, self._count = 0.0, 0
        self._day = day

    # -- forecasting ---------------------------------------------------------------------------------

    @property
    def seen(self) -> int:
        """How many bars were learnt from, those in gaps included."""
        return self._seen

    @property
    def ready(self) -> bool:
        """Whether enough has been seen for any forecast."""
        return self._seen >= self.params.warm_up * self._per_day

    def vol(self, days: float) -> float:
        """
        Return the volatility expected over the next `days` (annual, decimal); NaN before there is one.

        Parameters
        ----------
        days
            Horizon [days]; the regression rounds it to whole days from 1 to 30.

        """
        if not self.ready:
            return math.nan
        variance = self._har(min(max(round(days), 1), _MONTH)) if self.params.method == "har" else math.nan
        if math.isnan(variance):
            variance = self._ewma.value * self._per_day
        return math.sqrt(variance * YEAR_DAYS)

    def _har(self, horizon: int) -> float:
        """Return the expected daily variance; NaN without days enough."""
        day, known_for, variance = self._cache
        if (day, known_for) != (self._day, horizon):
            variance = har_forecast(np.array(self._days), horizon, self.params.fewest)
            self._cache = (self._day, horizon, variance)
        return variance

    # -- state ---------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        return {
            "fit": [self._interval, *astuple(self.params)],
            "sequence": self._sequence.to_dict(),
            "ewma": self._ewma.to_dict(),
            "seen": self._seen,
            "day": [self._day, self._sum, self._count],
            "days": [None if math.isnan(value) else value for value in self._days],
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; what was learnt with other parameters or bars is left alone."""
        if list(state.get("fit") or ()) != [self._interval, *astuple(self.params)]:
            return self
        self._sequence.restore(state["sequence"])
        self._ewma.restore(state["ewma"])
        self._seen = int(state["seen"])
        day, total, count = state["day"]
        self._day, self._sum, self._count = int(day), float(total), int(count)
        self._days.clear()
        self._days.extend(math.nan if value is None else float(value) for value in state["days"])
        self._cache = (-1, 0, math.nan)
        return self


def har_forecast(daily: np.ndarray, horizon: int, fewest: int) -> float:
    """
    Return the mean daily variance expected over the next `horizon` days.

    HAR-RV of Corsi (2009) with the mean over the horizon on the left (a direct forecast), by least squares:
    RV(t+1..t+h) = c + b_d RV(t) + b_w RV(t-6..t) + b_m RV(t-29..t).

    Parameters
    ----------
    daily
        Realised variance of each day, the latest last; float64, shape (n,), NaN where unknown.
    horizon
        Days ahead.
    fewest
        Days with a known outcome that are needed.

    Returns
    -------
    float
        NaN when they are fewer, or the last month is not known.

    """
    if len(daily) < _MONTH:
        return math.nan
    week, month = _means(daily, _WEEK), _means(daily, _MONTH)
    now = np.array([1.0, daily[-1], week[-1], month[-1]])
    future = np.full(len(daily), np.nan)
    ahead = _means(daily, horizon)
    future[:-horizon] = ahead[horizon:]
    rows = np.column_stack((np.ones(len(daily)), daily, week, month))
    good = np.isfinite(rows).all(axis=1) & np.isfinite(future)
    if good.sum() < fewest or not np.isfinite(now).all():
        return math.nan
    weights = np.linalg.lstsq(rows[good], future[good], rcond=None)[0]
    seen = future[good]
    return float(np.clip(now @ weights, seen.min(), seen.max()))


def _means(daily: np.ndarray, size: int) -> np.ndarray:
    """Return the mean of the last `size` values at each place; NaN where some are unknown."""
    means = np.full(len(daily), np.nan)
    if len(daily) >= size:
        windows = np.lib.stride_tricks.sliding_window_view(daily, size)
        means[size - 1 :] = windows.mean(axis=1)
    return means
