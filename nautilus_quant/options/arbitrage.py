"""Where fitted slices could be arbitraged, and by how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.options.svi import Svi, density_factor, stack, total_variance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

type Floats = NDArray[np.float64]

POINTS = 81
"""Places looked at along a slice: closer than strikes are listed."""

TOLERANCE = 1e-6
"""Below it is rounding: of g [-], and of the total variance as a share of it."""


@dataclass(frozen=True, slots=True)
class Butterfly:
    """
    Where the density of a slice is negative.

    Parameters
    ----------
    places
        How many of the places looked at.
    worst
        Least g(k) [-]; below 0 a butterfly there costs less than nothing.
    at
        Its log-moneyness.

    """

    places: int = 0
    worst: float = 1.0
    at: float = 0.0

    @property
    def free(self) -> bool:
        """Whether there is no arbitrage."""
        return self.places == 0

    def to_dict(self) -> dict[str, Any]:
        """Give all fields."""
        return {"places": self.places, "worst": self.worst, "at": self.at}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Take what `to_dict` gave."""
        return cls(int(state["places"]), float(state["worst"]), float(state["at"]))


@dataclass(frozen=True, slots=True)
class Calendar:
    """
    Where a slice lies below the one before it.

    Parameters
    ----------
    places
        How many of the places looked at.
    worst
        Largest lack of total variance [vol²·years]; 0 when there is none.
    vol
        The same as volatility of this expiry [vol, 0.01 is a point].
    at
        Its log-moneyness.
    before
        Expiry of the slice before [ns]; 0 for the first, which lies above nothing.

    """

    places: int = 0
    worst: float = 0.0
    vol: float = 0.0
    at: float = 0.0
    before: int = 0

    @property
    def free(self) -> bool:
        """Whether there is no arbitrage."""
        return self.places == 0

    def to_dict(self) -> dict[str, Any]:
        """Give all fields."""
        return {
            "places": self.places,
            "worst": self.worst,
            "vol": self.vol,
            "at": self.at,
            "before": self.before,
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Take what `to_dict` gave."""
        return cls(
            int(state["places"]),
            float(state["worst"]),
            float(state["vol"]),
            float(state["at"]),
            int(state["before"]),
        )


def butterflies(slices: Sequence[Svi], low: Floats, high: Floats) -> list[Butterfly]:
    """
    Look for negative densities between `low` and `high` [log-moneyness, float64[slices]].

    The source is given at `nautilus_quant.options.svi.density_factor`.
    """
    if not slices:
        return []
    k = _grid(low, high)
    g = density_factor(k, stack(list(slices)))
    g = np.where(np.isfinite(g), g, -np.inf)
    worst = g.argmin(axis=1)
    rows = np.arange(len(worst))
    bad = np.sum(g < -TOLERANCE, axis=1)
    return [
        Butterfly(int(count), float(least), float(place))
        for count, least, place in zip(bad, g[rows, worst], k[rows, worst], strict=True)
    ]


def calendars(
    slices: Sequence[Svi], years: Floats, expiries: Sequence[int], low: Floats, high: Floats
) -> list[Calendar]:
    """
    Look where total variance falls from one expiry to the next, at the same log-moneyness.

    Gatheral, Jacquier, as above, definition 2.1: that it nowhere does is what no calendar arbitrage means.
    Looked at where both were quoted: between `low` and `high`, float64[slices].

    Parameters
    ----------
    slices, years, expiries
        The nearest first; years to each expiry, float64[slices].
    low, high
        First and last quoted log-moneyness of each.

    """
    if not slices:
        return []
    found = [Calendar()]
    if len(slices) == 1:
        return found
    from_, to = np.maximum(low[1:], low[:-1]), np.minimum(high[1:], high[:-1])
    overlap = from_ <= to
    k = _grid(np.where(overlap, from_, 0.0), np.where(overlap, to, 0.0))
    stacked = stack(list(slices))
    later, before = total_variance(k, stacked[:, 1:]), total_variance(k, stacked[:, :-1])
    lack = before - later
    bad = np.sum((lack > TOLERANCE * before) & overlap[:, None], axis=1)
    place = lack.argmax(axis=1)
    for n in range(len(slices) - 1):
        if not bad[n]:
            found.append(Calendar(before=int(expiries[n])))
            continue
        at = place[n]
        vol = np.sqrt(before[n, at] / years[n + 1]) - np.sqrt(max(later[n, at], 0.0) / years[n + 1])
        worst = float(lack[n, at])
        found.append(Calendar(int(bad[n]), worst, float(vol), float(k[n, at]), int(expiries[n])))
    return found


def _grid(low: Floats, high: Floats) -> Floats:
    share = np.linspace(0.0, 1.0, POINTS)
    grid: Floats = low[:, None] + (high - low)[:, None] * share
    return grid
