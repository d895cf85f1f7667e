"""The volatility that a price holds, or why it holds none."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from nautilus_quant.options.implied_vol_steps import total_volatility

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

type Floats = NDArray[np.float64]

PRECISION = 1e-10
"""A price gives a volatility when rounding it to a double moves that volatility by less [decimal]."""

ROUNDING = 2.0 * float(np.finfo(np.float64).eps)

LEAST = 1e-300
"""Share of the underlying under which a premium is no longer held with all digits of a double."""


class Information(IntEnum):
    """What a price tells about volatility."""

    GIVEN = 0
    INVALID = 1
    EXPIRED = 2
    BELOW_INTRINSIC = 3
    ABOVE_BOUND = 4
    UNRESOLVED = 5

    @property
    def text(self) -> str:
        """Say it in words."""
        return _TEXTS[self]


_TEXTS = {
    Information.GIVEN: "the price holds one volatility",
    Information.INVALID: "price, forward, strike, time or discount is missing, or not a positive number",
    Information.EXPIRED: "no time is left",
    Information.BELOW_INTRINSIC: "the price is not above what exercise would pay",
    Information.ABOVE_BOUND: "the price is not below the forward (call) or the strike (put)",
    Information.UNRESOLVED: "the time value is lost in the rounding of the price; take the option of the "
    "same strike that is out of the money",
}


def implied_vol(
    price: ArrayLike,
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    call: Any,
    *,
    discount: ArrayLike = 1.0,
    resolution: ArrayLike = 0.0,
) -> Floats:
    """
    Return annual volatilities [decimal]; NaN where the price carries no information, see `information`.

    Elsewhere the volatility that made a price comes back within 1e-10. Arguments broadcast.

    Parameters
    ----------
    price
        Premiums [currency of the forward per unit of underlying]; a coin price times its forward.
    forward, strike
        Prices for the expiry of the option.
    years
        Time left, see `contract.years`.
    call
        True for a call, False for a put.
    discount
        Worth today of 1 paid at the expiry.
    resolution
        Coarseness of `price`, such as the tick [same unit]; a time value not larger tells nothing.

    """
    return _solve(price, forward, strike, years, call, discount=discount, resolution=resolution)[0]


def information(
    price: ArrayLike,
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    call: Any,
    *,
    discount: ArrayLike = 1.0,
    resolution: ArrayLike = 0.0,
) -> NDArray[np.int8]:
    """Return what each price tells, as values of `Information`; parameters as of `implied_vol`."""
    return _solve(price, forward, strike, years, call, discount=discount, resolution=resolution)[1]


def _solve(
    price: ArrayLike,
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    call: Any,
    *,
    discount: ArrayLike,
    resolution: ArrayLike,
) -> tuple[Floats, NDArray[np.int8]]:
    p, f, k, t, d = (np.asarray(each, np.float64) for each in (price, forward, strike, years, discount))
    with np.errstate(all="ignore"):
        undiscounted = p / d
        side = np.where(call, 1.0, -1.0) * (f - k)
        premium = undiscounted - np.maximum(side, 0.0)
        room = np.minimum(f, k) - premium
        scale = np.sqrt(f * k)
        x = -np.abs(np.log(f / k)) + 0.0 * premium
        s, slope = total_volatility(x, premium / scale, room / scale)
        root = np.sqrt(t)
        blurred = ROUNDING * undiscounted > PRECISION * scale * slope * root
        least = np.maximum(np.asarray(resolution, np.float64) / d, LEAST * scale)
        coarse = np.minimum(premium, room) <= least
        valid = (np.isfinite(x + t + d)) & (t >= 0.0) & (d > 0.0)
        told = np.select(
            [~valid, t == 0.0, premium <= 0.0, room <= 0.0, blurred | coarse | ~np.isfinite(s)],
            [
                Information.INVALID,
                Information.EXPIRED,
                Information.BELOW_INTRINSIC,
                Information.ABOVE_BOUND,
                Information.UNRESOLVED,
            ],
            Information.GIVEN,
        ).astype(np.int8)
        return np.where(told == Information.GIVEN, s / root, np.nan), told
