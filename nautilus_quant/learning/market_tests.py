"""
Statistical tests of one market's prices: does it trend, does it revert, what does a trade cost.

Variance ratios after Lo, MacKinlay, "Stock market prices do not follow random walks", Review of Financial
Studies 1 (1988); efficiency after Kaufman, "Smarter Trading" (1995); reversion as an autoregression with the
test of Dickey and Fuller; spreads from bars after Abdi, Ranaldo, "A simple estimation of bid-ask spreads from
daily close, high, and low prices", Review of Financial Studies 30 (2017).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.signals.cointegration import mackinnon
from nautilus_quant.signals.sequence import STANDSTILL, require

type Floats = NDArray[np.float64]

_LN2 = math.log(2.0)


class VarianceRatio(NamedTuple):
    """Variance of returns over `q` bars, over `q` times that of a bar."""

    q: int
    """Horizon [bars]."""
    ratio: float
    """1 for a random walk, more in a trend, less when moves are taken back [-]."""
    z: float
    """Its distance from 1 [standard errors], whatever the volatility does."""

    @property
    def p(self) -> float:
        """How often a random walk is that far from 1, on either side [-]."""
        return math.erfc(abs(self.z) / math.sqrt(2.0))


class Reversion(NamedTuple):
    """How a price returns to its mean."""

    half_life: float
    """Time in which half of a deviation is gone [bars]; infinite when nothing returns."""
    t: float
    """t-statistic of the pull towards the mean [-]; the more negative, the surer."""
    p: float
    """How often a random walk looks that much pulled (Dickey-Fuller) [-]."""
    deviation: float
    """Standard deviation from the mean [log price]."""


def variance_ratio(log_prices: Floats, q: int) -> VarianceRatio:
    """
    Return the variance ratio at horizon `q` from overlapping returns, with the robust z of the source.

    Parameters
    ----------
    log_prices
        Oldest first. Shape: (n + 1,).
    q
        Horizon [bars], at least 2 and at most n / 2.

    Returns
    -------
    VarianceRatio
        With NaN when the price does not move.

    """
    returns = np.diff(log_prices)
    n = len(returns)
    require(2 <= q <= n // 2, f"2 <= q <= {n // 2} [bars]", q)
    drift = float(returns.mean())
    deviations = returns - drift
    squares = deviations * deviations
    total = float(squares.sum())
    if not total > STANDSTILL**2 * n:
        return VarianceRatio(q, math.nan, math.nan)
    long = log_prices[q:] - log_prices[:-q] - q * drift
    unbiased = q * (n - q + 1) * (1.0 - q / n)
    ratio = float(long @ long) / unbiased / (total / (n - 1))
    weights = (2.0 * (q - np.arange(1, q)) / q) ** 2
    # The source divides each term by n and multiplies the statistic by its root, which cancels.
    theta = sum(
        float(weight) * float(squares[j:] @ squares[:-j]) for j, weight in enumerate(weights, start=1)
    )
    return VarianceRatio(q, ratio, (ratio - 1.0) * total / math.sqrt(theta) if theta > 0.0 else math.nan)


def efficiency_ratio(log_prices: Floats, span: int) -> float:
    """
    Return how straight prices go, on average over stretches of `span` bars, times the root of `span` [-].

    The way from end to end over the sum of all ways. A Gaussian random walk gives 1, a straight line the
    root of `span`, a price that goes to and fro less than 1. NaN when the price does not move.

    Parameters
    ----------
    log_prices
        Oldest first. Shape: (n,), with n > span.
    span
        Length of a stretch [bars].

    """
    require(1 <= span < len(log_prices), f"1 <= span < {len(log_prices)} [bars]", span)
    count = (len(log_prices) - 1) // span
    steps = np.diff(log_prices[: count * span + 1]).reshape(count, span)
    ways = np.abs(steps).sum(axis=1)
    moved = ways > STANDSTILL
    if not moved.any():
        return math.nan
    straight = np.abs(steps.sum(axis=1)[moved])
    return float(np.mean(straight / ways[moved])) * math.sqrt(span)


def reversion(log_prices: Floats, *, lags: int = 4) -> Reversion:
    r"""
    Fit :math:`x_t = c + \phi x_{t-1} + \epsilon_t` and test :math:`\phi < 1`.

    The half-life is :math:`-\ln 2 / \ln \phi`, with :math:`\phi` corrected for the bias
    :math:`-(1 + 3 \phi) / n` it has in short samples (Kendall, Biometrika 41, 1954). The test is the
    augmented one of Dickey and Fuller with a constant, p-values of MacKinnon from statsmodels, and White's
    standard errors: volatility that comes and goes makes the plain test reject walks three times too often.

    Parameters
    ----------
    log_prices
        Oldest first. Shape: (n,), at least 20 + 2 * lags of them.
    lags
        Lagged differences in the test [bars]: bouncing between bid and ask must not pass for reversion.

    Returns
    -------
    Reversion
        With NaN when the price does not move.

    """
    n = len(log_prices)
    require(n >= 20 + 2 * lags, f"at least {20 + 2 * lags} bars", n)
    if not float(np.ptp(log_prices)) > STANDSTILL:
        return Reversion(math.nan, math.nan, math.nan, math.nan)
    before = log_prices[:-1] - log_prices[:-1].mean()
    phi = float(before @ (log_prices[1:] - log_prices[1:].mean())) / float(before @ before)
    phi += (1.0 + 3.0 * phi) / n
    half_life = math.inf if phi >= 1.0 else -_LN2 / math.log(phi) if phi > 0.0 else 0.0
    t = _dickey_fuller(log_prices, lags)
    return Reversion(half_life, t, float(mackinnon()(t, "c", 1)), float(log_prices.std()))


def _dickey_fuller(prices: Floats, lags: int) -> float:
    """Return the t-statistic of the level in a regression of changes on it, past changes and 1."""
    changes = np.diff(prices)
    wanted = changes[lags:]
    columns = [prices[lags:-1], *(changes[lags - i : len(changes) - i] for i in range(1, lags + 1))]
    regressors = np.stack([column - column.mean() for column in columns])
    inverse = np.linalg.pinv(regressors @ regressors.T, hermitian=True)
    coefficients = inverse @ (regressors @ wanted)
    errors = wanted - wanted.mean() - coefficients @ regressors
    pull = inverse[0] @ regressors * errors
    variance = float(pull @ pull)
    return float(coefficients[0]) / math.sqrt(variance) if variance > 0.0 else -math.inf


def spread_of_bars(highs: Floats, lows: Floats, closes: Floats) -> float:
    r"""
    Estimate the relative spread from bars [fraction]; 0 when they show none.

    :math:`\hat s^2 = 4 \, \overline{(c_t - \eta_t)(c_t - \eta_{t+1})}` with log closes :math:`c` and the
    middle :math:`\eta` of log high and log low. Its error is of the order of the
    volatility of a bar over the fourth root of their number: short bars tell narrow spreads, long bars don't.

    Parameters
    ----------
    highs, lows, closes
        Oldest first. Shape: (n,) each.

    """
    middle = 0.5 * (np.log(highs) + np.log(lows))
    close = np.log(closes)
    return 2.0 * math.sqrt(max(float(np.mean((close[:-1] - middle[:-1]) * (close[:-1] - middle[1:]))), 0.0))


def sidak(p: float, tests: int) -> float:
    """Return how often the smallest p-value of so many independent tests is `p` or less by chance [-]."""
    return -math.expm1(tests * math.log1p(-p)) if p < 1.0 else 1.0
