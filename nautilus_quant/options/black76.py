"""
Black-76: what an option on a forward is worth, and how that moves. Vectorised.

Black (1976), "The pricing of commodity contracts", eq. (16); the greeks are its derivatives, for one unit of
the underlying. All arguments broadcast; results are float64 of the common shape. With `vol` = 0, and from the
expiry on (`years` = 0) whatever `vol` is, an option is worth its intrinsic value and only delta is left (half
of it at the money). Otherwise NaN, a negative volatility, and a price that is not positive give NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import erfcx

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

type Floats = NDArray[np.float64]

DAYS = 365.0
POINT = 0.01
ROOT_HALF = 0.7071067811865476
ROOT_TWO_PI = 2.5066282746310002


class Greeks(NamedTuple):
    """
    How the premium of one unit of the underlying moves; arrays of one shape.

    `delta` per unit of the forward, `gamma` change of delta per unit of the forward, `vega` per vol point
    (0.01), `theta` per day with forward and vol as they are, `vanna` change of delta per vol point, `volga`
    change of vega per vol point, `rho` per percentage point of the rate that discounts, the forward held.
    """

    delta: Floats
    gamma: Floats
    vega: Floats
    theta: Floats
    vanna: Floats
    volga: Floats
    rho: Floats


class _Terms(NamedTuple):
    """What price and greeks share; `weight` is d·f·φ(d1); where nothing moves it is 0 and `s` is 1."""

    value: Floats
    delta: Floats
    vol: Floats
    weight: Floats
    z: Floats
    d2: Floats
    s: Floats


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

    Right to the last digits also where the premium is tiny: an option out of the money is never computed as
    the difference of two large numbers.

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
    given = _floats(forward, strike, years, vol, discount)
    with np.errstate(all="ignore"):
        return _terms(*given, call=call).value


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
    return price_and_greeks(forward, strike, years, vol, call, discount=discount)[1]


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
    f, k, t, v, d = _floats(forward, strike, years, vol, discount)
    with np.errstate(all="ignore"):
        value, delta, v, weight, z, d2, s = _terms(f, k, t, v, d, call=call)
        gamma = weight / (f * f * s)
        vega = weight * np.sqrt(t)
        moved = Greeks(
            delta=delta,
            gamma=gamma,
            vega=vega * POINT,
            theta=(_carry(value, t, d) - 0.5 * gamma * (f * v) ** 2) / DAYS,
            vanna=-vega * d2 / (f * s) * POINT,
            volga=vega * z * (z - s) * np.sqrt(t) / s * POINT * POINT,
            rho=-t * value * POINT,
        )
    return value, Greeks(*(each if each.shape == value.shape else _as(each, value) for each in moved))


def _floats(*given: ArrayLike) -> tuple[Floats, ...]:
    return tuple(np.asarray(each, np.float64) for each in given)


def _as(each: Floats, other: Floats) -> Floats:
    return np.broadcast_to(each, other.shape)


def _carry(value: Floats, t: Floats, d: Floats) -> Floats:
    """Return what discounting less earns in a year; nothing is left to earn at the expiry."""
    if (d == 1.0).all():
        return np.zeros(())
    earned: Floats = np.where(t > 0.0, -np.log(d) / np.where(t > 0.0, t, 1.0) * value, 0.0)
    return earned


def _terms(f: Floats, k: Floats, t: Floats, v: Floats, d: Floats, *, call: Any) -> _Terms:
    """
    Price the side that is out of the money, and get the other by put-call parity.

    With a = |ln(f/k)| that side is min(f, k)·N(z) − max(f, k)·N(z − s), z = s/2 − a/s, for calls and puts
    alike. Since N(−z) = φ(z)·M(z) and max(f, k)·φ(z − s) = min(f, k)·φ(z), it is min(f, k)·(N(z) −
    φ(z)·M(s − z)), where Mills' ratio M(z) = √(π/2)·erfcx(z/√2) of z ≥ 0 neither overflows nor loses digits.
    """
    still = (v == 0.0) | (t == 0.0)
    s = np.where(still, 1.0, np.where((v >= 0.0) & (t >= 0.0), v, np.nan) * np.sqrt(t))
    a = np.abs(np.log(np.where((f > 0.0) & (k > 0.0), f / k, np.nan)))
    z = 0.5 * s - a / s
    bell = np.exp(-0.5 * z * z)
    near = 0.5 * bell * erfcx(ROOT_HALF * np.abs(z))
    near = np.where(z > 0.0, 1.0 - near, near)
    far = 0.5 * bell * erfcx(ROOT_HALF * (s - z))
    if still.any():
        v = np.where(still, 0.0, v)
        bell = np.where(still, 0.0 * bell, bell)
        near = np.where(still, np.where(a == 0.0, 0.5, 0.0 * near), near)
        far = np.where(still, near, far)
    least = np.minimum(f, k)
    call_outside = f <= k
    sign = np.where(call, 1.0, -1.0)
    value = d * (least * (near - far) + np.maximum(sign * (f - k), 0.0))
    outside = np.where(call_outside, near, -far * least / f)
    delta = d * (outside + np.where(np.equal(call, call_outside), 0.0, sign))
    return _Terms(value, delta, v, d * least * bell / ROOT_TWO_PI, z, np.where(call_outside, z - s, -z), s)
