"""
Black-76: what an option on a forward is worth, and how that moves. Vectorised.

Black (1976), "The pricing of commodity contracts", eq. (16); the greeks are its derivatives, for one
unit of the underlying. All arguments broadcast; results are float64 of the common shape. With `vol` = 0, and from
the expiry on (`years` = 0), the option is worth its intrinsic value. NaN in gives NaN out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import ndtr

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

type Floats = NDArray[np.float64]

DAYS = 365.0
POINT = 0.01
ROOT_TWO_PI = 2.5066282746310002


class Greeks(NamedTuple):
    """
    How the premium of one unit of the underlying moves; arrays of one shape.

    `delta` per unit of the forward, `gamma` change of delta per unit of the forward, `vega` per vol point
    (0.01), `theta` per day, `vanna` change of delta per vol point, `volga` change of vega per vol point, `rho` per
    percentage point of the rate that discounts, the forward held.
    """

    delta: Floats
    gamma: Floats
    vega: Floats
    theta: Floats
    vanna: Floats
    volga: Floats
    rho: Floats


def price(
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    call: Any,
    *,
    discount: ArrayLike = 1.0,
) -> Floats:
    """
    Return premiums [currency of the forward per unit of underlying].

    Parameters
    ----------
    forward, strike
        Prices for the expiry of the option.
    years
        Time left, see `contract.years`.
    vol
        Annual volatility, decimal.
    call
        True for a call, False for a put.
    discount
        Worth today of 1 paid at the expiry; 1 where the venue settles against the forward.

    """
    return _both(forward, strike, years, vol, call, discount=discount)[0]


def greeks(
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    call: Any,
    *,
    discount: ArrayLike = 1.0,
) -> Greeks:
    """Return how premiums move; parameters as of `price`."""
    return _both(forward, strike, years, vol, call, discount=discount)[1]


def price_and_greeks(
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    vol: ArrayLike,
    call: Any,
    *,
    discount: ArrayLike = 1.0,
) -> tuple[Floats, Greeks]:
    """Return premiums and how they move, from one evaluation; parameters as of `price`."""
    return _both(forward, strike, years, vol, call, discount=discount)


def _both(
    forward: ArrayLike, strike: ArrayLike, years: ArrayLike, vol: ArrayLike, call: Any, *, discount: ArrayLike
) -> tuple[Floats, Greeks]:
    f, k, t, v, d = (np.asarray(a, np.float64) for a in (forward, strike, years, vol, discount))
    sign = np.where(call, 1.0, -1.0)
    root = np.sqrt(t)
    s = v * root
    with np.errstate(divide="ignore", invalid="ignore"):
        d1 = np.log(f / k) / s + 0.5 * s
        d2 = d1 - s
    n1, n2 = ndtr(sign * d1), ndtr(sign * d2)
    value = d * sign * (f * n1 - k * n2)
    density = d * np.exp(-0.5 * d1 * d1) / ROOT_TWO_PI
    vega = f * density * root
    return value, Greeks(
        delta=d * sign * n1,
        gamma=density / (f * s),
        vega=vega * POINT,
        theta=-0.5 * vega * v / t / DAYS,
        vanna=-density * d2 / v * POINT,
        volga=vega * d1 * d2 / v * POINT * POINT,
        rho=-t * value * POINT,
    )
