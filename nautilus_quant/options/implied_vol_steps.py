"""
Find the total volatility in a normalised premium: a first guess, then two steps of fourth order.

Normalised as by Jäckel (2015), "Let's be rational": x = ln(forward/strike), s = volatility·√time, and premium
b = premium/√(forward·strike), of the side that is out of the money, where x ≤ 0. Everything has shape (n,).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import erfcx

if TYPE_CHECKING:
    from numpy.typing import NDArray

type Floats = NDArray[np.float64]


class _Sought(NamedTuple):
    """Premiums whose total volatility is sought, counted from 0 where they are `low`, else from the top."""

    x: Floats
    target: Floats
    log_premium: Floats
    low: NDArray[np.bool_]
    side: Floats


ROOT_HALF = math.sqrt(0.5)
ROOT_TWO_PI = math.sqrt(2.0 * math.pi)
POLYA = 1.0 - 2.0 / math.pi


def normalised_black(x: Floats, s: Floats) -> tuple[Floats, Floats]:
    """
    Return premium b(x, s) and its derivative in s, for x ≤ 0 < s.

    Jäckel (2015): b = ½·exp(−½(h² + t²))·[erfcx(−(h + t)/√2) − erfcx(−(h − t)/√2)] with h = x/s, t = s/2.
    """
    low = s * s < -2.0 * x
    below, slope = _from_nearest_end(x, s, np.where(low, 1.0, -1.0))
    return below + np.where(low, 0.0, np.exp(0.5 * x)), slope


def total_volatility(x: Floats, premium: Floats, rest: Floats) -> tuple[Floats, Floats]:
    """
    Return s with b(x, s) = `premium`, and db/ds there, for x ≤ 0 and 0 < `premium` < exp(x/2).

    The guess is within 13 % for all x and s, one step takes that under 4e-5 and the next under what a double
    can hold (a test goes over the whole plane), so nothing is iterated.

    Parameters
    ----------
    x
        ln(forward/strike), of the side that is out of the money.
    premium
        Normalised premium b.
    rest
        exp(x/2) − `premium`; asked for because who knows the price knows it without rounding twice.

    """
    s, low = _guess(x, premium, rest)
    sought = _Sought(x, np.where(low, premium, -rest), np.log(premium), low, np.where(low, 1.0, -1.0))
    s, _ = _step(s, sought)
    return _step(s, sought)


def _from_nearest_end(x: Floats, s: Floats, side: Floats) -> tuple[Floats, Floats]:
    """Return b where `side` is 1 and b − exp(x/2) where it is −1, each without cancelling, and db/ds."""
    h = x / s
    t = 0.5 * s
    scale = np.exp(-0.5 * (h * h + t * t))
    value = 0.5 * scale * (side * erfcx(-ROOT_HALF * side * (h + t)) - erfcx(ROOT_HALF * (t - h)))
    return value, scale / ROOT_TWO_PI


def _guess(x: Floats, premium: Floats, rest: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """
    Invert Black's formula in closed form, with Pólya's N(z) ≈ ½ ± ½√(1 − exp(−2z²/π)) in the place of N.

    Stefanica and Radoičić (2017), "An explicit implied volatility formula", here in x and hyperbolic
    functions, so that nothing cancels near the money or far from it. Also says which premiums lie under the
    inflection point of b, s = √(2|x|), where the smaller of the two roots is the right one.
    """
    root = np.exp(0.5 * x)
    inverse = 1.0 / root
    power = np.exp(POLYA * x)
    half = 0.5 * (inverse - root)  # sinh(|x|/2)
    sinh = 0.5 * (1.0 / power - power)
    cosh = 0.5 * (1.0 / power + power)
    r = 2.0 * (premium + half)
    a = 4.0 * sinh * sinh
    b = 4.0 * (r * r * cosh - 2.0 * half * (root + inverse) * sinh)
    c = 16.0 * premium * (premium + 2.0 * half) * rest * (inverse + premium)
    gamma = -0.5 * math.pi * np.log(2.0 * c / (b + np.sqrt(b * b + 4.0 * a * c)))
    inflection = 0.5 * inverse * np.sqrt(1.0 - np.minimum(root * root / power, 1.0) ** 2) - half
    low = premium < inflection
    both = np.sqrt(gamma - x) + np.sqrt(np.maximum(gamma + x, 0.0))
    return np.where(low, -2.0 * x / both, both), low


def _step(s: Floats, sought: _Sought) -> tuple[Floats, Floats]:
    """
    Take one step of Householder's method of order four, as Jäckel (2015) does.

    The objective is 1/ln b under the inflection point and ln(exp(x/2) − b) above, each almost a straight line
    there. `share` is what the first adds to the derivatives of a plain logarithm; it is 0 for the second.
    """
    x, target, log_premium, low, side = sought
    base, slope = _from_nearest_end(x, s, side)
    gap = np.log(target / base)
    share = low / (log_premium - gap)
    rate = slope / base
    newton = gap / rate * np.where(low, 1.0 - gap / log_premium, 1.0)
    h = x / s
    second = h * h / s - 0.25 * s
    third = second * second - 3.0 * (h / s) ** 2 - 0.25
    r2 = second - (1.0 + 2.0 * share) * rate
    r3 = third + rate * ((2.0 + 6.0 * share * (1.0 + share)) * rate - 3.0 * (1.0 + 2.0 * share) * second)
    return s + newton * (1.0 + 0.5 * r2 * newton) / (1.0 + newton * (r2 + r3 * newton / 6.0)), slope
