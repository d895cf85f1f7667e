"""Books as deep as the square-root law says, for studies on data without books."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nautilus_quant.signals.sequence import require

type Floats = npt.NDArray[np.float64]

SHARES = (1e-6, 1e-5, 5e-5, 2e-4, 5e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
"""Of a day's volume that lie up to each level of a side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthParams:
    """
    How dear it is to trade at once.

    Parameters
    ----------
    half_spread
        Distance of the best price from the middle [fraction of price].
    impact
        Coefficient of the square-root law [-]; around 1 for orders worked over hours (Tóth et al. 2011). The
        BTC books of Binance recorded on 2024-08-08 were 2 to 6 times cheaper than that for 1 to 5 million.
    shares
        Of a day's volume up to each level of a side [-], rising.

    """

    half_spread: float = 0.0001
    impact: float = 1.0
    shares: tuple[float, ...] = SHARES

    def __post_init__(self) -> None:
        require(0.0 <= self.half_spread < 1.0, "0 <= half_spread < 1 [fraction]", self.half_spread)
        require(0.0 <= self.impact < math.inf, "impact >= 0 [-]", self.impact)
        rising = all(a < b for a, b in zip((0.0, *self.shares), self.shares, strict=False))
        require(bool(self.shares) and rising, "rising shares > 0 [-]", self.shares)


class Depth(NamedTuple):
    """
    One side of many books.

    Parameters
    ----------
    distances
        Of each level from the middle [fraction of price], float64[books, levels].
    sizes
        At each level [base units], float64[books, levels].

    """

    distances: Floats
    sizes: Floats


def depth(volatility: Floats, volume: Floats, params: DepthParams) -> Depth:
    """
    Return books in which an order costs the half spread and what the square-root law says.

    Taking all up to a level costs exactly ``half_spread + impact * volatility * sqrt(share)`` on average
    (Tóth et al., Phys. Rev. X 1 (2011), eq. 1); in between a little more, as levels are flat.

    Parameters
    ----------
    volatility
        Standard deviation of log returns over a day [fraction], float64[books].
    volume
        Of a day [base units], float64[books].
    params
        Spread, coefficient and levels.

    """
    shares = np.asarray(params.shares)
    ends = np.concatenate(([0.0], shares))
    slices = np.diff(ends)
    # The total cost of a share is share^1.5: what a slice adds to it, per unit of the slice, is its price.
    marginal = np.diff(ends**1.5) / slices
    distances = params.half_spread + params.impact * volatility[:, None] * marginal[None, :]
    return Depth(distances, volume[:, None] * slices[None, :])


def rolling_day(closes: Floats, volumes: Floats, bars: int) -> tuple[Floats, Floats]:
    """
    Return volatility [fraction a day] and volume [base units a day] of the day up to each bar.

    Parameters
    ----------
    closes, volumes
        Of the bars, float64[n].
    bars
        In a day.

    Returns
    -------
    tuple
        NaN until a whole day is known, float64[n] each.

    """
    require(bars >= 2, "bars >= 2 a day", bars)
    count = len(closes)
    volatility, volume = np.full(count, np.nan), np.full(count, np.nan)
    if count <= bars:
        return volatility, volume
    moves = np.diff(np.log(closes))
    windows = np.lib.stride_tricks.sliding_window_view(moves, bars)
    volatility[bars:] = windows.std(axis=1, ddof=1) * math.sqrt(bars)
    volume[bars:] = np.lib.stride_tricks.sliding_window_view(volumes[1:], bars).sum(axis=1)
    return volatility, volume
