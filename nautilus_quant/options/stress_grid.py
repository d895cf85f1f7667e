"""
Which moves of price, volatility and time a book is revalued at.

The grid of Deribit's portfolio margin: the price in nine even steps over ±16 %, volatility up, as it is and
down, and larger moves of which a fraction counts (support.deribit.com, "Portfolio Margin"; parameters are
shown per account there and change). Sizes of the shocks of volatility as docs.oreome.com, "Advanced Risk
Scenarios", gives them for BTC there: vol × (1 + shock × (30 / days)^power). A day passing is added to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.signals.sequence import require

type Floats = NDArray[np.float64]

_MONTH = 30.0
_DAYS_PER_YEAR = 365.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StressParams:
    """
    The moves of a stress test.

    Parameters
    ----------
    spot_range, spot_steps
        Largest move of the price to either side [fraction], and how many even steps lead there.
    vol_up, vol_down
        Shocks of volatility of an option that expires in 30 days [fraction of its volatility]; 0 for none.
    least_up
        What volatility is at least when it is shocked upwards [vol, 0.01 is a point].
    short_power, long_power
        How shocks grow for options nearer than 30 days, and shrink for later ones: (30 / days)^power [-].
    days
        Time that passes [days]. None passing must be among them, or a fall of price today is not looked at.
    far
        Larger moves of the price, with volatility up and no time passing [fraction].
    far_fraction
        Of the loss in a larger move counts this over its size [fraction]; 0.16 counts as much of a position
        in the future as a move of 16 % does.

    Raises
    ------
    ValueError
        If one is impossible.

    """

    spot_range: float = 0.16
    spot_steps: int = 4
    vol_up: float = 0.50
    vol_down: float = 0.25
    least_up: float = 0.50
    short_power: float = 0.30
    long_power: float = 0.13
    days: tuple[float, ...] = (0.0, 1.0)
    far: tuple[float, ...] = (-0.66, -0.33, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0)
    far_fraction: float = 0.16

    def __post_init__(self) -> None:
        require(0.0 < self.spot_range < 1.0, "0 < spot_range < 1 [fraction]", self.spot_range)
        require(self.spot_steps >= 1, "spot_steps >= 1", self.spot_steps)
        require(0.0 <= self.vol_up < np.inf, "vol_up >= 0 [fraction]", self.vol_up)
        require(0.0 <= self.vol_down <= 1.0, "0 <= vol_down <= 1 [fraction]", self.vol_down)
        require(0.0 <= self.least_up < np.inf, "least_up >= 0 [vol]", self.least_up)
        require(0.0 <= self.short_power <= 1.0, "0 <= short_power <= 1 [-]", self.short_power)
        require(0.0 <= self.long_power <= 1.0, "0 <= long_power <= 1 [-]", self.long_power)
        passing = all(0.0 <= days < np.inf for days in self.days)
        require(passing and 0.0 in self.days, "days >= 0, among them 0 [days]", self.days)
        far = all(-1.0 < move < np.inf and move != 0.0 for move in self.far)
        require(far, "far moves above -1, none of them 0 [fraction]", self.far)
        require(0.0 <= self.far_fraction <= 1.0, "0 <= far_fraction <= 1 [fraction]", self.far_fraction)


class Scenario(NamedTuple):
    """
    One move.

    Parameters
    ----------
    spot
        Of the price [fraction].
    vol
        Shock of the volatility of an option that expires in 30 days [fraction].
    days
        Time that passes [days].
    weight
        Share of the loss that counts [fraction].

    """

    spot: float
    vol: float
    days: float
    weight: float

    @property
    def text(self) -> str:
        """Say it in words."""
        said = f"price {self.spot:+.0%}" if self.spot else "price unchanged"
        if self.vol:
            said += f", volatility {self.vol:+.0%}"
        if self.days:
            said += f", {self.days:g} day{'' if self.days == 1.0 else 's'} later"
        return said + (f", {self.weight:.0%} of it" if self.weight < 1.0 else "")


@dataclass(frozen=True, eq=False, slots=True)
class Scenarios:
    """
    All moves, as columns.

    Parameters
    ----------
    spot : float64[s]
        Move of the price [fraction].
    vol : float64[s]
        Shock of volatility of an option that expires in 30 days [fraction].
    days : float64[s]
        Time that passes [days].
    weight : float64[s]
        Share of the loss that counts [fraction].
    params
        What they were made of.

    """

    spot: Floats
    vol: Floats
    days: Floats
    weight: Floats
    params: StressParams

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.spot)

    @classmethod
    def of(cls, params: StressParams | None = None) -> Self:
        """Lay out the grid: every step of the price with every shock and every time, then the far moves."""
        params = params or StressParams()
        steps = np.linspace(-params.spot_range, params.spot_range, 2 * params.spot_steps + 1)
        steps[params.spot_steps] = 0.0
        shocks = sorted({-params.vol_down, 0.0, params.vol_up})
        spot, vol, days = (
            axis.ravel() for axis in np.meshgrid(steps, shocks, sorted(set(params.days)), indexing="ij")
        )
        far = np.array(params.far, dtype=np.float64)
        fraction = np.minimum(params.far_fraction / np.abs(far), 1.0)
        return cls(
            np.concatenate([spot, far]),
            np.concatenate([vol, np.full(len(far), params.vol_up)]),
            np.concatenate([days, np.zeros(len(far))]),
            np.concatenate([np.ones(len(spot)), fraction]),
            params,
        )

    def scenario(self, place: int) -> Scenario:
        """Return one of them."""
        columns = (self.spot, self.vol, self.days, self.weight)
        return Scenario(*(float(column[place]) for column in columns))

    def vols(self, vol: Floats, years: Floats, shocks: Floats | None = None) -> Floats:
        """
        Return shocked volatilities, float64[s, n].

        Parameters
        ----------
        vol, years
            Of each option, float64[n]; what expires within a day is shocked as what expires in a day.
        shocks
            Others than those of all scenarios, float64[s] [fraction at 30 days].

        """
        params = self.params
        shock = (self.vol if shocks is None else shocks)[:, None]
        days = np.maximum(years * _DAYS_PER_YEAR, 1.0)
        power = np.where(days < _MONTH, params.short_power, params.long_power)
        moved = vol * (1.0 + shock * (_MONTH / days) ** power)
        # A calm market is shocked to no less than a usual one; and never downwards by shocking it upwards.
        shocked: Floats = np.maximum(moved, np.where(shock > 0.0, np.maximum(params.least_up, vol), 0.0))
        return shocked
