"""
What the surface says of an option without having heard it.

A slice has five parameters and often a dozen strikes: a quote that is wrong pulls the curve towards itself,
looks less wrong than it is, and makes its neighbours look wrong. So every strike is held against the slice
that all others make (the deleted residuals of Cook, Weisberg, "Residuals and Influence in Regression", 1982).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.options.clean import Reason
from nautilus_quant.options.svi import stack, total_variance
from nautilus_quant.options.svi_fit import FEWEST, Fit, Points, fit

if TYPE_CHECKING:
    from nautilus_quant.options.chain import Chain
    from nautilus_quant.options.surface import Surface
    from nautilus_quant.options.surface_fit import Quotes
    from nautilus_quant.options.svi import Svi

type Floats = NDArray[np.float64]


class LeftOut(NamedTuple):
    """
    What every option of a chain is held against; arrays of shape (n,).

    Parameters
    ----------
    vol
        By all strikes of its expiry but its own [vol]; NaN without a surface.
    scatter
        How far quotes of its expiry usually are from the slice that is made without the worst of them [vol];
        NaN where its expiry has too few strikes to leave one out.

    """

    vol: Floats
    scatter: Floats


def left_out(chain: Chain, quotes: Quotes, surface: Surface) -> LeftOut:
    """
    Hold every row against all strikes of its expiry but its own.

    The first and the last strike of a slice are held against the slice itself: without them it would have to
    be followed to where nothing is quoted. So are those of slices with too few strikes to leave one out.

    Parameters
    ----------
    chain, quotes
        The quotes, and what was read of them.
    surface
        Fitted to them.

    """
    vols, scatter = surface.vol(chain.strike, chain.expiry), np.full(len(chain), np.nan)
    found = [_slice_points(chain, quotes, slice_.expiry) for slice_ in surface.slices]
    deleted = [
        (slice_.params, places)
        for slice_, places in zip(surface.slices, found, strict=True)
        if len(places) > FEWEST
    ]
    if not deleted:
        return LeftOut(vols, scatter)
    rows, place, starts = _deletions(deleted)
    points = _points(quotes, rows, place)
    fitted = _fit(points, starts)
    # A row for each strike left out, a column for each strike of its expiry.
    variance = np.maximum(total_variance(points.k, stack(fitted)), 0.0)
    by_others = np.sqrt(variance / quotes.years[rows[:, :1]])
    each = np.arange(len(place))
    at = rows[each, place]
    own = by_others[each, place]
    for n, vol in zip(at.tolist(), own.tolist(), strict=True):
        vols[(chain.expiry == chain.expiry[n]) & (chain.strike == chain.strike[n])] = vol
    off = np.where(points.used, np.abs(quotes.vol[rows] - by_others), np.nan)
    suspicion = np.abs(quotes.vol[at] - own) / quotes.error[at]
    for expiry in np.unique(chain.expiry[at]):
        mine = np.flatnonzero(chain.expiry[at] == expiry)
        worst = mine[suspicion[mine].argmax()]
        scatter[chain.expiry == expiry] = np.nanmedian(off[worst])
    return LeftOut(vols, scatter)


def _slice_points(chain: Chain, quotes: Quotes, expiry: int) -> NDArray[np.intp]:
    """Return the rows a slice was fitted to, in order of strikes."""
    places = np.flatnonzero((quotes.reasons == Reason.GOOD) & (chain.expiry == expiry))
    return places[np.argsort(quotes.k[places], kind="stable")]


def _deletions(
    slices: list[tuple[Svi, NDArray[np.intp]]],
) -> tuple[NDArray[np.intp], NDArray[np.intp], list[Svi | None]]:
    """Return for each strike left out the rows of its slice, padded by −1, which it is, and a start."""
    width = max(len(places) for _, places in slices)
    rows: list[NDArray[np.intp]] = []
    place: list[int] = []
    starts: list[Svi | None] = []
    for params, places in slices:
        padded = np.concatenate([places, np.full(width - len(places), -1)])
        inner = len(places) - 2
        rows += [padded] * inner
        place += range(1, inner + 1)
        starts += [params] * inner
    return np.array(rows, dtype=np.intp), np.array(place, dtype=np.intp), starts


def _points(quotes: Quotes, rows: NDArray[np.intp], place: NDArray[np.intp]) -> Points:
    used = rows >= 0
    left = quotes.years[rows[:, :1]]
    vol, error = np.where(used, quotes.vol[rows], 1.0), np.where(used, quotes.error[rows], 1.0)
    k = np.where(used, quotes.k[rows], 0.0)
    used[np.arange(len(place)), place] = False
    return Points(k, vol * vol * left, 2.0 * vol * left * error, used)


def _fit(points: Points, starts: list[Svi | None]) -> list[Svi]:
    """Fit from the slices and from nothing, and take what fits better: the slices may be what is wrong."""
    near: Fit = fit(points, starts)
    anew: Fit = fit(points)
    better = anew.cost < near.cost
    return [b if is_better else a for a, b, is_better in zip(near.slices, anew.slices, better, strict=True)]
