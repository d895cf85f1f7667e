"""From the quotes of a chain to its surface."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.options.arbitrage import butterflies, calendars
from nautilus_quant.options.clean import CleanParams, Reason, counts, judge_quotes, judge_wings
from nautilus_quant.options.contract import years
from nautilus_quant.options.forward import Forwards, forwards
from nautilus_quant.options.implied_vol import implied_vol
from nautilus_quant.options.surface import Surface, SviSlice
from nautilus_quant.options.svi import Svi, stack, total_variance
from nautilus_quant.options.svi_fit import FEWEST, Fit, Points, fit
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from nautilus_quant.options.chain import Chain

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

_STRADDLE = math.sqrt(2.0 / math.pi)  # premium of a straddle at the money over its standard deviation
_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceParams:
    """
    How a surface is fitted.

    Parameters
    ----------
    clean
        Which quotes count.
    least_error
        How well a volatility can be known at best [vol, 0.01 is a point]; strikes with narrower spreads than
        that weigh no more. More makes wings weigh as much as the money.
    fewest
        Strikes of a slice at least.

    Raises
    ------
    ValueError
        If there are fewer strikes than a slice has parameters, or the error is not positive.

    """

    clean: CleanParams = field(default_factory=CleanParams)
    least_error: float = 0.002
    fewest: int = FEWEST

    def __post_init__(self) -> None:
        require(self.least_error > 0.0, "least_error > 0 [vol]", self.least_error)
        require(
            self.fewest >= FEWEST,
            f"fewest >= {FEWEST} [strikes], a slice has as many parameters",
            self.fewest,
        )


class Quotes(NamedTuple):
    """
    What is known of each row of a chain.

    Parameters
    ----------
    reasons
        Why a row does not count, int8[n] of `Reason`.
    k
        ln(strike/forward), NaN where unknown.
    vol, error
        Volatility of the middle of bid and ask, and half their distance [vol]; NaN where a row does not
        count.
    forward, years
        Of the expiry of each row.

    """

    reasons: NDArray[np.int8]
    k: Floats
    vol: Floats
    error: Floats
    forward: Floats
    years: Floats


def read_quotes(chain: Chain, params: SurfaceParams) -> tuple[Quotes, Forwards]:
    """Clean a chain, find its forwards and the volatilities of what is out of the money."""
    reasons = judge_quotes(chain, params.clean)
    found = forwards(chain, reasons == Reason.GOOD)
    place = np.searchsorted(found.expiry, chain.expiry)
    forward, left = found.forward[place], years(chain.ts, chain.expiry)
    deviation = found.straddle[place] / (_STRADDLE * forward)
    # Without a straddle, strikes within what a volatility of one would make of the price.
    deviation = np.where(np.isfinite(deviation), deviation, np.sqrt(left))
    reasons = judge_wings(chain, forward, deviation, reasons, params.clean)
    vol, error = _volatilities(chain, reasons, found.slope[place], forward, left)
    no_information = (reasons == Reason.GOOD) & ~(vol > 0.0)
    reasons[no_information] = Reason.NO_INFORMATION
    good = np.bincount(place, reasons == Reason.GOOD, len(found.expiry))
    reasons[(good[place] < params.fewest) & (reasons == Reason.GOOD)] = Reason.LONELY
    k = np.log(chain.strike / forward)
    return Quotes(reasons, k, vol, np.maximum(error, params.least_error), forward, left), found


def _volatilities(
    chain: Chain, reasons: NDArray[np.int8], slope: Floats, forward: Floats, left: Floats
) -> tuple[Floats, Floats]:
    vol, error = np.full(len(chain), np.nan), np.full(len(chain), np.nan)
    rows = np.flatnonzero(reasons == Reason.GOOD)
    if not len(rows):
        return vol, error
    f, strike, t, scale = forward[rows], chain.strike[rows], left[rows], slope[rows]
    found = implied_vol(chain.mid[rows] / scale, f, strike, t, chain.call[rows])
    root = np.sqrt(t)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        d1 = np.log(f / strike) / (found * root) + 0.5 * found * root
        vega = f * root * np.exp(-0.5 * d1 * d1) / _ROOT_TWO_PI
        vol[rows] = found
        error[rows] = 0.5 * (chain.ask[rows] - chain.bid[rows]) / scale / vega
    return vol, error


def fit_surface(chain: Chain, params: SurfaceParams | None = None, before: Surface | None = None) -> Surface:
    """
    Fit the surface of a chain.

    Parameters
    ----------
    chain
        The quotes.
    params
        How.
    before
        The surface of a moment ago, from which the slices start.

    Returns
    -------
    Surface
        Without the slices of expiries that have too few good strikes; without any when nothing is good.

    """
    params = params or SurfaceParams()
    quotes, found = read_quotes(chain, params)
    known = np.isfinite(found.forward)
    by_expiry = dict(zip(found.expiry[known].tolist(), found.forward[known].tolist(), strict=True))
    slices = _slices(chain, quotes, before)
    return Surface(chain.ts, chain.underlying, slices, by_expiry, counts(quotes.reasons))


def _slices(chain: Chain, quotes: Quotes, before: Surface | None) -> tuple[SviSlice, ...]:
    rows = np.flatnonzero(quotes.reasons == Reason.GOOD)
    if not len(rows):
        return ()
    rows = rows[np.lexsort((quotes.k[rows], chain.expiry[rows]))]
    expiries, first, row, size = np.unique(
        chain.expiry[rows], return_index=True, return_inverse=True, return_counts=True
    )
    table = _Table(row, np.arange(len(rows)) - first[row], len(expiries), int(size.max()))
    k, vol, error = (table.of(values[rows]) for values in (quotes.k, quotes.vol, quotes.error))
    used = table.of(np.ones(len(rows))) > 0.0
    left = quotes.years[rows[first]]
    vol, error = np.where(used, vol, 1.0), np.where(used, error, 1.0)
    variance = vol * vol * left[:, None]
    points = Points(k, variance, 2.0 * vol * left[:, None] * error, used)
    starts = [None if before is None else before.slice_of(expiry) for expiry in expiries.tolist()]
    found = _fit(points, starts)
    off = np.where(used, np.sqrt(total_variance(k, stack(found.slices)) / left[:, None]) - vol, 0.0)
    rmse = np.sqrt(np.sum(off * off, axis=1) / size)
    inside = np.sum(used & (np.abs(off) <= error), axis=1) / size
    low, high = k[:, 0], k[np.arange(len(size)), size - 1]
    below = butterflies(found.slices, low, high)
    across = calendars(found.slices, left, expiries.tolist(), low, high)
    columns = zip(
        expiries.tolist(),
        left.tolist(),
        quotes.forward[rows[first]].tolist(),
        found.slices,
        rmse.tolist(),
        size.tolist(),
        low.tolist(),
        high.tolist(),
        inside.tolist(),
        found.cost.tolist(),
        below,
        across,
        strict=True,
    )
    return tuple(SviSlice(*column) for column in columns)


class _Table(NamedTuple):
    """Where the points of each slice go in a padded table."""

    row: NDArray[np.intp]
    column: NDArray[np.intp]
    height: int
    width: int

    def of(self, values: Floats) -> Floats:
        table = np.zeros((self.height, self.width))
        table[self.row, self.column] = values
        return table


def _fit(points: Points, before: list[SviSlice | None]) -> Fit:
    """Fit from the slices before; those that fit much worse than then are also fitted from nothing."""
    found = fit(points, [None if slice_ is None else slice_.params for slice_ in before])
    worse = [
        row
        for row, slice_ in enumerate(before)
        if slice_ is not None and found.cost[row] > max(1.0, 1.5 * slice_.cost)
    ]
    if not worse:
        return found
    anew = fit(points.rows(worse))
    slices: list[Svi] = list(found.slices)
    cost = found.cost.copy()
    for place, row in enumerate(worse):
        if anew.cost[place] < cost[row]:
            slices[row], cost[row] = anew.slices[place], anew.cost[place]
    return Fit(slices, cost, found.steps + anew.steps)
