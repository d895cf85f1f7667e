"""A surface as it went through time: how well it fitted, what could be arbitraged, what was unusual."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nautilus_quant.options.cone import Horizon, PriceGrid, cone
from nautilus_quant.options.surface_book import SurfaceBook
from nautilus_quant.options.zscores import ScoreParams

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.options.chain import Chain
    from nautilus_quant.options.surface import Surface
    from nautilus_quant.options.surface_fit import SurfaceParams


class Moment(NamedTuple):
    """
    A surface of the past in a few numbers.

    Parameters
    ----------
    ts
        UNIX time [ns].
    slices, strikes
        How many there are.
    rmse
        Root mean square error over all strikes [vol, 0.01 is a point]; NaN without slices.
    inside
        Share of strikes where the surface is between bid and ask [-].
    butterflies, calendars
        Slices with such an arbitrage.
    lack
        Largest lack of volatility of a slice against the one before [vol].
    density
        Least g(k).
    statistics, scores
        See `nautilus_quant.options.surface_book.SurfaceBook`.
    spot
        Price of the underlying.

    """

    ts: int
    slices: int
    strikes: int
    rmse: float
    inside: float
    butterflies: int
    calendars: int
    lack: float
    density: float
    statistics: Mapping[str, float]
    scores: Mapping[str, float]
    spot: float


class SurfaceStudy:
    """
    Goes through the chains or surfaces of an underlying in order of time.

    Parameters
    ----------
    params
        How surfaces are fitted.
    scores
        What their figures are scored against.

    """

    def __init__(self, params: SurfaceParams | None = None, scores: ScoreParams | None = None) -> None:
        self.book = SurfaceBook(params, scores or ScoreParams(every=0.0))
        self.moments: list[Moment] = []
        self.prices = PriceGrid()
        self.surface: Surface | None = None
        """The latest, with slices or without."""
        self.chain: Chain | None = None
        """The latest, if there are any."""

    def add(self, chain: Chain, spot: float = math.nan) -> Surface:
        """Fit a chain and take its surface."""
        self.chain = chain
        return self._follow(self.book.update(chain), spot)

    def take(self, surface: Surface, spot: float = math.nan) -> Surface:
        """Take a surface that was fitted before."""
        return self._follow(self.book.take(surface), spot)

    def cone(self) -> tuple[Horizon, ...]:
        """Return the volatility cone by the prices so far, against what is implied now."""
        return cone(self.prices.closes, self.prices.interval, surface=self.surface)

    def _follow(self, surface: Surface, spot: float) -> Surface:
        if not math.isfinite(spot) and surface.slices:
            spot = surface.slices[0].forward
        self.prices.add(surface.ts, spot)
        self.surface = surface
        self.moments.append(_moment(surface, self.book, spot))
        return surface


def _moment(surface: Surface, book: SurfaceBook, spot: float) -> Moment:
    slices = surface.slices
    strikes = np.array([slice_.n for slice_ in slices], dtype=np.float64)
    total = max(strikes.sum(), 1.0)
    squares = np.array([slice_.rmse**2 for slice_ in slices])
    within = np.array([slice_.inside for slice_ in slices])
    return Moment(
        ts=surface.ts,
        slices=len(slices),
        strikes=int(strikes.sum()),
        rmse=math.sqrt(float(strikes @ squares) / total) if slices else math.nan,
        inside=float(strikes @ within) / total if slices else math.nan,
        butterflies=sum(not slice_.butterfly.free for slice_ in slices),
        calendars=sum(not slice_.calendar.free for slice_ in slices),
        lack=max((slice_.calendar.vol for slice_ in slices), default=0.0),
        density=min((slice_.butterfly.worst for slice_ in slices), default=1.0),
        statistics=dict(book.statistics),
        scores=dict(book.scores),
        spot=spot,
    )


def summary(moments: list[Moment]) -> dict[str, Any]:
    """Return how well all surfaces fitted, and how many could be arbitraged."""
    rmse = [moment.rmse for moment in moments if math.isfinite(moment.rmse)]
    inside = [moment.inside for moment in moments if math.isfinite(moment.inside)]
    return {
        "surfaces": len(moments),
        "slices": sum(moment.slices for moment in moments),
        "rmse_median": float(np.median(rmse)) if rmse else math.nan,
        "rmse_worst": max(rmse, default=math.nan),
        "inside_median": float(np.median(inside)) if inside else math.nan,
        "slices_with_butterflies": sum(moment.butterflies for moment in moments),
        "slices_with_calendars": sum(moment.calendars for moment in moments),
        "largest_lack": max((moment.lack for moment in moments), default=0.0),
        "least_density": min((moment.density for moment in moments), default=1.0),
    }
