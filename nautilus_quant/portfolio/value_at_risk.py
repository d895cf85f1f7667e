"""
Value at risk and expected shortfall of a portfolio, from past returns or from their covariance.

Losses are positive, values in the reporting currency, returns those of one period. A horizon of ``h`` periods
scales both measures by ``√h``, which holds for independent returns.

References
----------
.. [1] McNeil, Frey and Embrechts (2015), Quantitative Risk Management, sections 2.2 and 2.3.
.. [2] Rockafellar and Uryasev (2002), Conditional value-at-risk for general loss distributions, section 4.
.. [3] J.P. Morgan/Reuters (1996), RiskMetrics Technical Document, section 5.2.

"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.signals.sequence import require

type Array = NDArray[np.float64]

_NORMAL = NormalDist()
_EDGE = 1e-9
"""Rounding in ``(1 − level) · T``: 0.05 · 100 must be five scenarios."""


class Tail(NamedTuple):
    """Value at risk, and the mean loss beyond it [reporting currency]."""

    var: float
    es: float


def normal_factors(level: float) -> Tail:
    """
    Return VaR and ES of a standard normal loss: ``z`` and ``φ(z) / (1 − level)``, [1] examples 2.11 and 2.14.

    Parameters
    ----------
    level
        Confidence, e.g. 0.99 [-].

    """
    require(0.0 < level < 1.0, "0 < level < 1 [-]", level)
    z = _NORMAL.inv_cdf(level)
    return Tail(z, _NORMAL.pdf(z) / (1.0 - level))


def parametric(weights: Array, covariance: Array, level: float, horizon: float = 1.0) -> Tail:
    """
    Return VaR and ES of normal returns without drift: ``factor · √(h · wᵀΣw)``.

    Parameters
    ----------
    weights
        Signed value of each position [reporting currency], shape (n,).
    covariance
        Of the returns of one period, shape (n, n).
    level
        Confidence [-].
    horizon
        Periods [-].

    """
    sigma = math.sqrt(max(float(weights @ covariance @ weights), 0.0) * horizon)
    factors = normal_factors(level)
    return Tail(factors.var * sigma, factors.es * sigma)


def beyond(scenarios: int, level: float) -> int:
    """Return how many of so many scenarios may be worse than the value at risk."""
    return math.floor((1.0 - level) * scenarios + _EDGE)


def historical(losses: Array, level: float, horizon: float = 1.0) -> Tail:
    """
    Return VaR and ES of equally likely losses.

    VaR is the smallest loss that at most ``1 − level`` of the scenarios exceed; ES the mean of the worst
    ``1 − level`` of the probability, of which one scenario may count in part, [2] proposition 8.

    Parameters
    ----------
    losses
        One for each scenario [reporting currency], shape (T,), T >= 1.
    level
        Confidence [-].
    horizon
        Periods [-].

    """
    require(0.0 < level < 1.0, "0 < level < 1 [-]", level)
    require(len(losses) > 0, "at least one scenario", len(losses))
    worst_first = np.sort(losses)[::-1]
    whole = min(beyond(len(losses), level), len(losses) - 1)
    var = float(worst_first[whole])
    weight = (1.0 - level) * len(losses)
    tail = (float(worst_first[:whole].sum()) + (weight - whole) * var) / weight
    root = math.sqrt(horizon)
    return Tail(var * root, tail * root)


def ewma_covariance(returns: Array, half_life: float, shrinkage: float = 0.0) -> Array:
    """
    Return the covariance of returns without mean, newer ones weighing more, [3] equation 5.3.

    Parameters
    ----------
    returns
        One row for each period, oldest first, shape (T, n).
    half_life
        Periods after which a return weighs half [-]; typically 10 to 200. More is smoother and later.
    shrinkage
        Share by which correlations are drawn to zero [0, 1]; more trusts fewer hedges.

    Returns
    -------
    ndarray
        Shape (n, n), symmetric and positive semidefinite.

    """
    require(half_life > 0.0, "half_life > 0 [periods]", half_life)
    require(0.0 <= shrinkage <= 1.0, "0 <= shrinkage <= 1 [-]", shrinkage)
    weights = 0.5 ** (np.arange(len(returns))[::-1] / half_life)
    covariance: Array = (returns * (weights / weights.sum())[:, None]).T @ returns
    shrunk = covariance * (1.0 - shrinkage)
    np.fill_diagonal(shrunk, covariance.diagonal())
    return (shrunk + shrunk.T) / 2.0


def parametric_room(variance: float, slope: float, own: float, limit: float) -> float:
    """
    Return the largest ``x >= 0`` with ``variance + 2·slope·x + own·x² <= limit``: the larger root.

    Where no ``x`` reaches the limit but some lower the variance, it is the one that lowers it most.

    Parameters
    ----------
    variance
        Of the portfolio as it is: ``wᵀΣw``.
    slope
        ``± (Σw)_i``, the sign that of the order.
    own
        ``Σ_ii`` of what is traded.
    limit
        Of the variance.

    """
    if own <= 0.0:
        return math.inf if variance <= limit else 0.0
    inside = slope * slope - own * (variance - limit)
    if inside < 0.0:
        return max(-slope / own, 0.0)
    return max((math.sqrt(inside) - slope) / own, 0.0)


def historical_room(losses: Array, slopes: Array, limit: float, level: float) -> float:
    """
    Return the largest ``x >= 0`` up to which the VaR of ``losses + x · slopes`` keeps a limit all the way.

    A portfolio beyond the limit may do what does not worsen it: its limit is its own value at risk.

    Parameters
    ----------
    losses
        Of the portfolio as it is, in each scenario [reporting currency], shape (T,).
    slopes
        What one more unit of value adds to the loss in each scenario [-], shape (T,).
    limit
        Of the value at risk [reporting currency].
    level
        Confidence [-].

    """
    allowed = beyond(len(losses), level)
    limit = max(limit, historical(losses, level).var)
    over = losses > limit
    crosses = (slopes > 0.0) & ~over
    recovers = (slopes < 0.0) & over
    with np.errstate(divide="ignore", invalid="ignore"):
        at = (limit - losses) / slopes
    where = np.concatenate([at[crosses], at[recovers]])
    steps = np.concatenate([np.ones(crosses.sum()), -np.ones(recovers.sum())])
    # At the same size, who recovers goes first: at the point itself neither exceeds the limit.
    order = np.lexsort((steps, where))
    count = int(over.sum()) + np.cumsum(steps[order])
    broken = np.flatnonzero(count > allowed)
    return float(where[order][broken[0]]) if len(broken) else math.inf


def historical_es_room(losses: Array, slopes: Array, limit: float, level: float) -> float:
    """
    Return the largest ``x >= 0`` with an expected shortfall of ``losses + x · slopes`` of `limit` at most.

    Found by halving, since it is convex in ``x``. Parameters as for `historical_room`; a portfolio beyond the
    limit may, here too, do what does not worsen it.
    """

    def shortfall(size: float) -> float:
        return historical(losses + size * slopes, level).es

    limit = max(limit, shortfall(0.0) * (1.0 + _EDGE))
    steepest = float(np.abs(slopes).max(initial=0.0))
    if not steepest > 0.0:
        return math.inf
    # A scenario alone would take so much to lose the limit from the best of them.
    high = max((abs(limit) + float(np.abs(losses).max())) / steepest, 1.0)
    for _ in range(64):
        if shortfall(high) > limit:
            break
        high *= 2.0
    else:
        return math.inf
    low = 0.0
    for _ in range(60):
        middle = (low + high) / 2.0
        low, high = (middle, high) if shortfall(middle) <= limit else (low, middle)
    return low
