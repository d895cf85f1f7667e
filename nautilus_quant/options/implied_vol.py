"""The volatility that a price holds, or why it holds none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def implied_vol(
    price: ArrayLike,
    forward: ArrayLike,
    strike: ArrayLike,
    years: ArrayLike,
    call: Any,
    *,
    discount: ArrayLike = 1.0,
) -> NDArray[np.float64]:
    """Return annual volatilities, NaN where the price carries no information (see `information`)."""
    raise NotImplementedError
