"""The implied volatilities of the simulated market: a surface that moves and never has static arbitrage.

Total variance is that of SSVI (Gatheral and Jacquier, "Arbitrage-free SVI volatility surfaces", Quantitative
Finance 14, 2014, eq. 4.1), w(k, θ) = θ/2 (1 + ρφk + √((φk + ρ)² + 1 − ρ²)), with the power law
φ(θ) = η θ^−γ (1 + θ)^(γ−1) (their eq. 4.5). For 0 < γ ≤ 1/2 and η (1 + |ρ|) ≤ 2 it has no butterfly
arbitrage, and no calendar arbitrage while θ rises with the expiry (their theorems 4.1 and 4.2).

θ is the integral of a forward variance that two factors bend, V (1 + f e^−at + s e^−bt). It rises because
the factors are bounded from below. They and ρ, η and the carry of the forward are mean reverting; the fast
factor is drawn towards what the market's own volatility is at the moment, falls lift it, and skew the smile.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.venues.simulated.market import SLOT_SECONDS, SLOTS

YEAR: Final = 365 * 86_400 * 1_000_000_000
"""Nanoseconds."""

FAST, SLOW, SKEW, CURVE, CARRY = range(5)
"""Rows of the parameters: variance factors [-], ρ [-], log η [-], growth of the forward [1/year]."""

PARAMETERS: Final = 5

GAMMA: Final = 0.45
LIMIT: Final = 1.95
"""Bound on η (1 + |ρ|); 2 is where arbitrage may begin."""

BASE: Final = np.array([0.70, 0.85])
"""Long-run volatility of each underlying [1/√year]."""

_DECAY: Final = np.array([[365.0 / 2.0], [365.0 / 60.0]])
"""Of the fast and the slow factor with the time to expiry [1/year]."""

_LOW: Final = np.array([-0.40, -0.40, -0.70, math.log(0.35), -0.20])
_HIGH: Final = np.array([2.50, 1.50, 0.50, math.log(1.60), 0.40])
_MEAN: Final = np.array([0.00, 0.00, -0.15, math.log(0.90), 0.06])
_SD: Final = np.array([0.15, 0.25, 0.12, 0.15, 0.04])
_HALF_LIFE: Final = np.array([600.0, 21_600.0, 7_200.0, 7_200.0, 43_200.0])
_KEEP: Final = np.exp(-SLOT_SECONDS * math.log(2.0) / _HALF_LIFE)
_NOISE: Final = _SD * np.sqrt(1.0 - _KEEP**2)
_PULL: Final = np.array([-0.010, 0.0, 0.003, 0.0, 0.0])
"""How a slot's move over its usual size moves each parameter."""

_USUAL_HEAT: Final = 1.6
_ANSWER: Final = 0.5
"""How much of the excess of the market's variance the fast factor is drawn to [-]."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shape:
    """
    The surface of one underlying at one time.

    Parameters
    ----------
    variance
        Long-run variance [1/year].
    values
        Its parameters. Shape: (PARAMETERS,).

    """

    variance: float
    values: Floats

    def theta(self, years: Floats) -> Floats:
        """Return the total variance at the money of some times to expiry [years]; same shape."""
        factors = self.values[[FAST, SLOW], None] * -np.expm1(-_DECAY * years) / _DECAY
        return np.asarray(self.variance * (years + factors.sum(axis=0)))

    def settled(self, years: Floats, window: Floats) -> Floats:
        """
        Return the total variance at the money of the settlement price, an average over the last `window`.

        Before the window an average varies by a third of what its last moment would over the window. Within
        it the part already known varies no more. Shapes: (n,) all.
        """
        left = np.minimum(years, window)
        share = left / window
        before = np.maximum(years - window, 0.0)
        ahead = self.theta(before)
        return np.asarray(ahead + (self.theta(years) - ahead) * share**2 / 3.0)

    def total(self, moneyness: Floats, theta: Floats) -> Floats:
        """
        Return the total variance at some strikes.

        Parameters
        ----------
        moneyness
            log(strike / forward). Shape: (n,).
        theta
            Total variance at the money of each one's expiry. Shape: (n,).

        """
        rho = float(self.values[SKEW])
        eta = min(math.exp(self.values[CURVE]), LIMIT / (1.0 + abs(rho)))
        phi = eta * theta**-GAMMA * (1.0 + theta) ** (GAMMA - 1.0)
        x = phi * moneyness
        return np.asarray(0.5 * theta * (1.0 + rho * x + np.sqrt((x + rho) ** 2 + 1.0 - rho * rho)))


def walk(before: Floats, heat: Floats, drive: Floats, rng: np.random.Generator) -> Floats:
    """
    Move the parameters through one block.

    Parameters
    ----------
    before
        As the last block left them. Shape: (underlyings, PARAMETERS).
    heat, drive
        Volatility over its usual level, and return of each slot over its usual size [-], of each underlying.
        Shape: (underlyings, slots).
    rng
        Where chance comes from.

    Returns
    -------
    ndarray
        At the beginning of the block, and at the end of each slot.
        Shape: (slots + 1, underlyings, PARAMETERS).

    """
    noise = rng.standard_normal((SLOTS, *before.shape))
    knots = [before]
    for slot in range(SLOTS):
        mean = np.tile(_MEAN, (len(before), 1))
        mean[:, FAST] = np.clip(_ANSWER * ((heat[:, slot] / _USUAL_HEAT) ** 2 - 1.0), _LOW[FAST], _HIGH[FAST])
        pull = _PULL * np.clip(drive[:, slot, None], -3.0, 3.0)
        after = mean + _KEEP * (knots[-1] - mean) + _NOISE * noise[slot] + pull
        knots.append(np.clip(after, _LOW, _HIGH))
    return np.array(knots)


def opening(underlyings: int) -> Floats:
    """Return the parameters a market begins with. Shape: (underlyings, PARAMETERS)."""
    return np.tile(_MEAN, (underlyings, 1))
