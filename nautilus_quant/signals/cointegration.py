"""
Whether two prices belong together: the Engle-Granger test on a rolling window, and how fast gaps close.

Engle, Granger, "Co-integration and error correction", Econometrica 55 (1987), with p-values of MacKinnon,
"Approximate asymptotic distribution functions for unit-root and cointegration tests", JBES 12 (1994).
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from nautilus_quant.signals.sequence import STANDSTILL, require

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike, NDArray

_LN2 = math.log(2.0)
_SERIES = 2


class Cointegration(NamedTuple):
    """
    What the test says of one window.

    Parameters
    ----------
    p
        How often two unrelated walks would look this much alike [-]; NaN when nothing can be tested.
    statistic
        t-statistic of the residual's pull towards zero [-]; the more negative, the surer.
    beta
        Slope of the one log price on the other [-].
    half_life
        Time in which half of a gap closes [bars]; infinite when gaps do not close.

    """

    p: float
    statistic: float
    beta: float
    half_life: float


UNTESTABLE = Cointegration(math.nan, math.nan, math.nan, math.inf)
"""The answer for prices that do not move, or move as one to the last digit."""


def engle_granger(y: ArrayLike, x: ArrayLike, *, lags: int = 1) -> Cointegration:
    r"""
    Test whether `y` minus a multiple of `x` reverts to a constant.

    Two steps: ordinary least squares of `y` on `x` and a constant; then the augmented Dickey-Fuller
    regression of the residual, :math:`\Delta r_t = \rho r_{t-1} + \sum_i \gamma_i \Delta r_{t-i}`, with a
    fixed number of lags, so that a test has a fixed price. The same as
    ``statsmodels.tsa.stattools.coint(y, x, maxlag=lags, autolag=None)`` in a sixth of the time.

    Parameters
    ----------
    y, x
        Log prices, oldest first. Shape: (n,) both.
    lags
        Lagged differences in the second regression [bars]; more allows for noisier prices. Typical 1-5.

    Returns
    -------
    Cointegration
        `UNTESTABLE` when one of the prices, or the residual, does not move.

    Raises
    ------
    ValueError
        If the lengths differ, or are too short for the regression.

    """
    left, right = np.asarray(y, dtype=np.float64), np.asarray(x, dtype=np.float64)
    require(left.shape == right.shape and left.ndim == 1, "y and x of one length [bars]", left.shape)
    require(len(left) >= 2 * lags + 10, "at least 2 * lags + 10 bars for the test", len(left))
    left, right = left - left.mean(), right - right.mean()
    moves = float(right @ right)
    if not moves > STANDSTILL**2 * len(right):
        return UNTESTABLE
    beta = float(right @ left) / moves
    residual = left - beta * right
    if not float(residual @ residual) > STANDSTILL**2 * len(residual):
        return UNTESTABLE
    statistic = _dickey_fuller(residual, lags)
    return Cointegration(_p_value(statistic), statistic, beta, half_life(residual))


def half_life(spread: NDArray[np.float64]) -> float:
    r"""
    Return the time in which half of a deviation from the mean is gone [bars].

    The spread is taken for an Ornstein-Uhlenbeck process seen at equal steps, an autoregression
    :math:`s_t = c + \phi s_{t-1} + \epsilon`, whose half-life is :math:`-\ln 2 / \ln \phi` (Chan,
    "Algorithmic Trading", 2013, chapter 2). Infinite when :math:`\phi \ge 1`, zero when
    :math:`\phi \le 0`: then a deviation is gone within a bar.

    Parameters
    ----------
    spread
        Oldest first. Shape: (n,).

    """
    before, after = spread[:-1] - spread[:-1].mean(), spread[1:] - spread[1:].mean()
    power = float(before @ before)
    if not power > 0.0:
        return math.inf
    phi = float(before @ after) / power
    if phi >= 1.0:
        return math.inf
    return -_LN2 / math.log(phi) if phi > 0.0 else 0.0


def _dickey_fuller(residual: NDArray[np.float64], lags: int) -> float:
    """Return the t-statistic of the level in the regression of the changes on level and lagged changes."""
    changes = np.diff(residual)
    count = len(changes) - lags
    columns = [residual[lags:-1], *(changes[lags - i : len(changes) - i] for i in range(1, lags + 1))]
    regressors, wanted = np.stack(columns), changes[lags:]
    inverse = np.linalg.pinv(regressors @ regressors.T, hermitian=True)
    coefficients = inverse @ (regressors @ wanted)
    errors = wanted - coefficients @ regressors
    variance = float(errors @ errors) / (count - len(columns)) * float(inverse[0, 0])
    return float(coefficients[0]) / math.sqrt(variance) if variance > 0.0 else -math.inf


def _p_value(statistic: float) -> float:
    return float(mackinnon()(statistic, "c", _SERIES))


def mackinnon() -> Callable[..., float]:
    """Return statsmodels' table of p-values; importing it takes about a second, so only who tests does."""
    from statsmodels.tsa.adfvalues import mackinnonp

    found: Callable[..., float] = mackinnonp
    return found


class RollingCointegration:
    """
    The test on the last `window` pairs of log prices, repeated every `retest` bars, with hysteresis.

    Parameters
    ----------
    window
        Pairs it looks at [bars]. More is surer and slower to see a break.
    retest
        Bars from one test to the next [bars].
    enter, leave
        p-value below which two prices belong together, and above which no longer [-]; enter < leave.
    lags
        See `engle_granger`.

    """

    def __init__(self, window: int, *, retest: int, enter: float, leave: float, lags: int) -> None:
        self._retest, self._enter, self._leave, self._lags = retest, enter, leave, lags
        self._y: deque[float] = deque(maxlen=window)
        self._x: deque[float] = deque(maxlen=window)
        self._wait = 0
        self.latest: Cointegration | None = None
        """The last test; ``None`` before the first."""
        self.holds = False
        """Whether the two belong together."""
        mackinnon()  # now, while a node is built, and not in the middle of a bar

    def update(self, y: float, x: float) -> bool:
        """Take the two log prices of one time; give whether they belong together."""
        self._y.append(y)
        self._x.append(x)
        if len(self._y) < (self._y.maxlen or 0):
            return False
        if self._wait <= 0:
            self._test()
            self._wait = self._retest
        self._wait -= 1
        return self.holds

    def _test(self) -> None:
        self.latest = engle_granger(self._y, self._x, lags=self._lags)
        bound = self._leave if self.holds else self._enter
        self.holds = self.latest.p <= bound  # NaN never is

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        latest = None if self.latest is None else [_written(value) for value in self.latest]
        return {
            "y": list(self._y),
            "x": list(self._x),
            "wait": self._wait,
            "latest": latest,
            "holds": self.holds,
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; the window stays this object's own."""
        self._y.clear()
        self._x.clear()
        self._y.extend(float(value) for value in state["y"])
        self._x.extend(float(value) for value in state["x"])
        self._wait = int(state["wait"])
        latest = state["latest"]
        self.latest = None if latest is None else Cointegration(*(float(value) for value in latest))
        self.holds = bool(state["holds"])
        return self


def _written(value: float) -> float | str:
    """Write what JSON has no number for as text, which `float` reads."""
    return value if math.isfinite(value) else str(value)
