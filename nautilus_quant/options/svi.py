"""
The raw SVI slice of Gatheral: total variance as a function of log-moneyness, with its derivatives.

``w(k) = a + b·(ρ·(k − m) + √((k − m)² + σ²))``, k = ln(strike/forward), w = vol²·years. Gatheral, Jacquier,
"Arbitrage-free SVI volatility surfaces", Quantitative Finance 14 (2014), eq. 3.1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]


class Svi(NamedTuple):
    """
    Parameters of a slice. Each is a number, or an array that broadcasts with k.

    Parameters
    ----------
    a
        Level [total variance].
    b
        Slope of the wings [total variance per log-moneyness], at least 0.
    rho
        Tilt, in (−1, 1).
    m
        Where the curve turns [log-moneyness].
    sigma
        How round it turns [log-moneyness], above 0.

    """

    a: float
    b: float
    rho: float
    m: float
    sigma: float

    @property
    def lowest(self) -> float:
        """Least total variance of the slice: ``a + b·σ·√(1 − ρ²)``."""
        return self.a + self.b * self.sigma * math.sqrt(max(0.0, 1.0 - self.rho**2))


def stack(slices: list[Svi]) -> Floats:
    """Return parameters as float64[5, slices, 1], which broadcast with k of float64[slices, points]."""
    return np.array(slices, dtype=np.float64).reshape(-1, 5).T[:, :, None]


def total_variance(k: Floats, params: Svi | Floats) -> Floats:
    """
    Return w(k).

    Parameters
    ----------
    k
        ln(strike/forward).
    params
        An `Svi`, or what `stack` gives.

    Returns
    -------
    float64
        Of the shape of k broadcast with the parameters [vol²·years].

    """
    a, b, rho, m, sigma = params
    u = k - m
    w: Floats = a + b * (rho * u + np.sqrt(u * u + sigma * sigma))
    return w


def variance_at(k: float, params: Svi) -> float:
    """Return w of one slice at one k, as `total_variance`."""
    a, b, rho, m, sigma = params
    return a + b * (rho * (k - m) + math.hypot(k - m, sigma))


def derivatives(k: Floats, params: Svi | Floats) -> tuple[Floats, Floats, Floats]:
    """Return w, w' and w'' at k."""
    a, b, rho, m, sigma = params
    u = k - m
    root = np.sqrt(u * u + sigma * sigma)
    return (
        a + b * (rho * u + root),
        b * (rho + u / root),
        b * sigma * sigma / (root * root * root),
    )


def density_factor(k: Floats, params: Svi | Floats) -> Floats:
    """
    Return Gatheral's g(k), which is nowhere negative exactly when a butterfly cannot cost less than nothing.

    ``g = (1 − k·w'/(2w))² − w'²/4·(1/w + 1/4) + w''/2`` (eq. 2.1 of the source above): the density of the
    underlying at expiry is g times something positive. NaN where w is not positive.
    """
    w, first, second = derivatives(k, params)
    safe = np.where(w > 0.0, w, np.nan)
    g: Floats = (
        (1.0 - 0.5 * k * first / safe) ** 2 - 0.25 * first * first * (1.0 / safe + 0.25) + 0.5 * second
    )
    return g
