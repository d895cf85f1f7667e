"""One option, and the time it has left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

YEAR = 365 * 86_400 * 1_000_000_000
"""Length of a year [ns]: ACT/365 fixed, what Deribit and OKX count by."""

SECOND = 1_000_000_000
"""Least time an option that has not expired is given [ns]."""


@dataclass(frozen=True, slots=True)
class Contract:
    """
    What an option pays, and in what.

    Parameters
    ----------
    name
        Instrument id.
    underlying
        Code of the coin, such as ``"BTC"``.
    expiry
        When it is settled [ns UTC].
    strike
        Price at which it turns [currency of the forward per unit of underlying].
    call
        A call; a put otherwise.
    multiplier
        Units of underlying in one contract.
    coin_settled
        Whether premium, profit and settlement are paid in the underlying coin (inverse contracts).
    settlement
        Currency that premium and settlement are paid in.

    Raises
    ------
    ValueError
        If strike or multiplier is not positive and finite.

    """

    name: str
    underlying: str
    expiry: int
    strike: float
    call: bool
    multiplier: float = 1.0
    coin_settled: bool = False
    settlement: str = "USD"

    def __post_init__(self) -> None:
        for field in ("strike", "multiplier"):
            value = getattr(self, field)
            if not 0.0 < value < np.inf:
                raise ValueError(f"{field} of {self.name} must be positive and finite, was {value}")


@overload
def years(now: int, expiry: int) -> float: ...
@overload
def years(now: int, expiry: NDArray[np.int64]) -> NDArray[np.float64]: ...
def years(now: int, expiry: int | NDArray[np.int64]) -> float | NDArray[np.float64]:
    """
    Return the time an option has left [years of 365 days].

    At least one second while it lives, so that nothing divides by almost nothing; 0 from the expiry on.

    Parameters
    ----------
    now, expiry
        Times [ns UTC]; `expiry` is one or an array of shape (n,).

    """
    if isinstance(expiry, np.ndarray):
        left = expiry.astype(np.int64) - now
        floored: NDArray[np.float64] = np.where(left > 0, np.maximum(left, SECOND), 0) / YEAR
        return floored
    return max(expiry - now, SECOND) / YEAR if expiry > now else 0.0


def intrinsic(forward: ArrayLike, strike: ArrayLike, call: Any) -> NDArray[np.float64]:
    """Return what the option would pay if the forward were the settlement price; same shape as its input."""
    signed = np.where(call, 1.0, -1.0) * (np.asarray(forward, np.float64) - np.asarray(strike, np.float64))
    paid: NDArray[np.float64] = np.maximum(signed, 0.0)
    return paid
