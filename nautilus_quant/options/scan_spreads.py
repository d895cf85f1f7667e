"""
Verticals, butterflies and calendars whose prices no market without arbitrage could have, or hardly.

Each is a package that is worth no less than a bound whatever happens: a vertical nothing, and its opposite no
less than minus its width; a butterfly nothing, as premiums are convex in the strike; a calendar nothing, as
at the same log-moneyness a premium per forward never falls with time (Gatheral, Jacquier, "Arbitrage-free SVI
volatility surfaces", Quantitative Finance 14 (2014), section 2). Listed calendars have the same strike, not
the same moneyness; the surface says what the difference is worth.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.options.black76 import price
from nautilus_quant.options.scan_options import is_deep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nautilus_quant.options.scan_rows import Rows, ScanParams
    from nautilus_quant.options.surface import Surface

type Floats = NDArray[np.float64]
type Places = NDArray[np.intp]

_ROUNDING = 1e-9  # of the forward: no profit


class Finding(StrEnum):
    """What is wrong with the price of a spread, the best to trade first."""

    ARBITRAGE = "arbitrage"
    """It costs less than its bound, spread and fees paid."""
    SURFACE = "surface"
    """It is off the surface by more than it costs to trade."""
    VIOLATION = "violation"
    """Its middle lies below the bound by more than quotes are unsure of, and costs eat that."""
    NEAR = "near"
    """Its middle lies closer to the bound than the surface allows."""


class Leg(NamedTuple):
    """
    One option of a spread.

    Parameters
    ----------
    name, expiry, strike, call
        Which one.
    quantity
        Of it in one spread; negative for sold ones.
    price
        What it is traded at [currency of the forward per unit of underlying].

    """

    name: str
    expiry: int
    strike: float
    call: bool
    quantity: float
    price: float


class SpreadIdea(NamedTuple):
    """
    A spread to buy; one to sell has its legs the other way round.

    Parameters
    ----------
    kind
        ``"vertical"``, ``"butterfly"`` or ``"calendar"``.
    finding
        What is wrong with its price.
    legs
        What to trade.
    mid, cost
        By the middles, and what it costs with spread and fees [currency of the forward per unit].
    fair, bound
        By the surface, and what it is worth at least; NaN and −∞ for unknown and none [same unit].
    edge
        ``max(fair, bound) − cost``, for arbitrage ``bound − cost`` [same unit]; negative when costs eat it.
    errors
        How far its middle lies below the surface [standard errors]; NaN for unknown.
    score
        The edge in standard errors [-].
    open_interest
        Of its rarest leg [contracts]; NaN for unknown.

    """

    kind: str
    finding: Finding
    legs: tuple[Leg, ...]
    mid: float
    cost: float
    fair: float
    bound: float
    edge: float
    errors: float
    score: float
    open_interest: float


class _Packages(NamedTuple):
    """Spreads of one kind: rows and quantities of their legs, of shape (m, legs), bounds of shape (m,)."""

    kind: str
    rows: Places
    quantity: Floats
    bound: Floats

    def opposite(self, bound: Floats) -> _Packages:
        """Return what sells them."""
        return _Packages(self.kind, self.rows, -self.quantity, bound)


def scan_spreads(rows: Rows, surface: Surface, params: ScanParams) -> tuple[SpreadIdea, ...]:
    """Return the spreads worth looking at: by what is wrong, then the best first."""
    found: list[SpreadIdea] = []
    for packages in _packages(rows, surface):
        if len(packages.rows):
            found += _judge(rows, packages, params)
    order = list(Finding)
    return tuple(sorted(found, key=lambda idea: (order.index(idea.finding), -_known(idea.score))))


def _known(score: float) -> float:
    return score if np.isfinite(score) else -np.inf


def _packages(rows: Rows, surface: Surface) -> Iterator[_Packages]:
    chain = rows.chain
    usable = np.flatnonzero(rows.usable)
    for call in (True, False):
        places = usable[chain.call[usable] == call]
        places = places[np.lexsort((chain.strike[places], chain.expiry[places]))]
        verticals = _verticals(rows, places, call=call)
        yield verticals
        low, high = chain.strike[verticals.rows].min(axis=1), chain.strike[verticals.rows].max(axis=1)
        yield verticals.opposite(low - high)
        for packages in (_butterflies(rows, places), _calendars(rows, places, surface)):
            yield packages
            yield packages.opposite(np.full(len(packages.rows), -np.inf))


def _verticals(rows: Rows, places: Places, *, call: bool) -> _Packages:
    expiry, strike = rows.chain.expiry[places], rows.chain.strike[places]
    at = np.flatnonzero((np.diff(expiry) == 0) & (np.diff(strike) > 0.0))
    # Of calls the lower strike is worth more, of puts the higher.
    legs = np.column_stack([places[at], places[at + 1]] if call else [places[at + 1], places[at]])
    return _Packages("vertical", legs, np.tile([1.0, -1.0], (len(at), 1)), np.zeros(len(at)))


def _butterflies(rows: Rows, places: Places) -> _Packages:
    expiry, strike = rows.chain.expiry[places], rows.chain.strike[places]
    steps = np.diff(strike)
    same = (np.diff(expiry) == 0) & (steps > 0.0)
    at = np.flatnonzero(same[:-1] & same[1:])
    below, above = steps[at], steps[at + 1]
    width = below + above
    quantity = np.column_stack([above / width, np.full(len(at), -1.0), below / width])
    legs = np.column_stack([places[at], places[at + 1], places[at + 2]])
    return _Packages("butterfly", legs, quantity, np.zeros(len(at)))


def _calendars(rows: Rows, places: Places, surface: Surface) -> _Packages:
    chain = rows.chain
    order = places[np.lexsort((chain.expiry[places], chain.strike[places]))]
    same = np.diff(chain.strike[order]) == 0.0
    at = np.flatnonzero(same & (np.diff(chain.expiry[order]) > 0))
    near, far = order[at], order[at + 1]
    ratio = rows.forward[far] / rows.forward[near]
    strike = chain.strike[far] * ratio
    vol = surface.vol(strike, chain.expiry[far])
    there = price(rows.forward[far], strike, rows.years[far], vol, chain.call[far])
    bound = rows.fair[far] - there
    quantity = np.column_stack([np.ones(len(at)), -ratio])
    return _Packages("calendar", np.column_stack([far, near]), quantity, bound)


def _judge(rows: Rows, packages: _Packages, params: ScanParams) -> list[SpreadIdea]:
    places, quantity, bound = packages.rows, packages.quantity, packages.bound
    bought = quantity > 0.0
    traded = np.where(bought, rows.ask[places], rows.bid[places])
    fees = np.where(bought, rows.buy_fee[places], rows.sell_fee[places])
    mid = (quantity * rows.mid[places]).sum(axis=1)
    cost = (quantity * traded + np.abs(quantity) * fees).sum(axis=1)
    fitted = rows.fitted[places].all(axis=1)
    fair = np.where(fitted, (quantity * rows.fair[places]).sum(axis=1), np.nan)
    unsure = _together(quantity * (rows.ask - rows.bid)[places] / 2.0)
    model_error = _together(quantity * rows.vega[places] * rows.error[places])
    spread_error = np.where(np.isfinite(model_error), model_error, unsure)
    slack = _ROUNDING * rows.forward[places[:, 0]]
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = (fair - mid) / spread_error
        off = errors >= params.min_errors
        is_arbitrage = cost < bound - slack
        is_surface = off & (fair - cost > slack)
        is_violation = mid < bound - np.maximum(unsure, slack)
        is_near = off & (mid - bound < params.near * (fair - bound))
    edge = np.where(is_arbitrage, bound, np.fmax(fair, bound)) - cost
    interest = rows.depth.open_interest[places].min(axis=1)
    sizes = np.where(bought, rows.depth.ask_size[places], rows.depth.bid_size[places]) / np.abs(quantity)
    deep = is_deep(interest, params.min_open_interest) & is_deep(sizes.min(axis=1), params.min_size)
    kinds = (is_arbitrage, is_surface, is_violation, is_near)
    told = np.select(kinds, range(len(kinds)), -1)
    findings = list(Finding)
    return [
        SpreadIdea(
            packages.kind,
            findings[told[n]],
            _legs(rows, places[n], quantity[n], traded[n]),
            float(mid[n]),
            float(cost[n]),
            float(fair[n]),
            float(bound[n]),
            float(edge[n]),
            float(errors[n]),
            float(edge[n] / spread_error[n]) if spread_error[n] > 0.0 else np.nan,
            float(interest[n]),
        )
        for n in np.flatnonzero(deep & (told >= 0)).tolist()
    ]


def _together(errors: Floats) -> Floats:
    """Return the standard error of a sum, of independent errors float64[m, legs]."""
    total: Floats = np.sqrt((errors * errors).sum(axis=1))
    return total


def _legs(rows: Rows, places: Places, quantity: Floats, traded: Floats) -> tuple[Leg, ...]:
    chain = rows.chain
    return tuple(
        Leg(
            chain.names[row],
            int(chain.expiry[row]),
            float(chain.strike[row]),
            bool(chain.call[row]),
            held,
            cost,
        )
        for row, held, cost in zip(places.tolist(), quantity.tolist(), traded.tolist(), strict=True)
    )
