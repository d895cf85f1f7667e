"""Spread capital over venues and instruments so that the last unit earns the same everywhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nautilus_quant.signals.sequence import require

type Floats = npt.NDArray[np.float64]
type Ints = npt.NDArray[np.int64]

_ROUNDS = 100
_EXACT = 1e-12
_NEXT_TO_NOTHING = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True)
class Chances:
    """
    What may be held, float64[n] each.

    Parameters
    ----------
    edge
        What a unit of notional earns over the holding time, less fees and half spreads [fraction].
    linear, root
        Impact, see `nautilus_quant.carry.sizing.Cost`; one of them must be positive.
    most
        Largest size of each [currency].
    capital
        Capital a unit of notional takes [-], e.g. the initial margin of both legs.
    venue
        Which venue it is at, int64[n], counted from 0.

    """

    edge: Floats
    linear: Floats
    root: Floats
    most: Floats
    capital: Floats
    venue: Ints

    def __post_init__(self) -> None:
        count = len(self.edge)
        fields = (self.linear, self.root, self.most, self.capital, self.venue)
        require(all(len(one) == count for one in fields), "arrays of one length", [len(f) for f in fields])
        require(bool(np.isfinite(self.edge).all()), "finite edges [fraction]", self.edge)
        good = np.isfinite(self.linear) & np.isfinite(self.root) & (self.linear >= 0.0) & (self.root >= 0.0)
        require(bool(good.all()), "finite impacts >= 0", (self.linear, self.root))
        require(bool((self.linear + self.root > 0.0).all()), "an impact > 0", (self.linear, self.root))
        require(bool((self.most >= 0.0).all()), "most >= 0 [currency]", self.most)
        require(bool(((self.capital > 0.0) & np.isfinite(self.capital)).all()), "capital > 0", self.capital)


class Spread(NamedTuple):
    """
    Who gets how much.

    Parameters
    ----------
    sizes
        Notional of each [currency], float64[n].
    level
        What the last unit of capital earns beyond its costs, everywhere it is not held back otherwise
        [fraction]: what one more unit of capital would earn.
    levels
        The same by venue, above `level` where the venue's own capital is what holds back, float64[venues].

    """

    sizes: Floats
    level: float
    levels: Floats


def spread(chances: Chances, capital: float, venue_capital: Floats) -> Spread:
    """
    Maximise ``sum(edge·q - linear·q² - root·q^1.5)`` under the capital there is in all and at each venue.

    Water-filling (Boyd and Vandenberghe 2004, "Convex Optimization", example 5.2), in two steps: the
    constraints are nested, so the level of a venue is the larger of the one its own capital asks for, and
    the common one.

    Parameters
    ----------
    chances
        What may be held.
    capital
        In all [currency].
    venue_capital
        At each venue [currency], float64[venues].

    Raises
    ------
    ValueError
        If capital is negative or not a number, or a chance is at an unknown venue.

    """
    require(capital >= 0.0, "capital >= 0 [currency]", capital)
    require(bool((venue_capital >= 0.0).all()), "capital of each venue >= 0 [currency]", venue_capital)
    count = len(venue_capital)
    venue = chances.venue
    require(bool(((venue >= 0) & (venue < count)).all()), f"venues below {count}", venue)
    if not len(chances.edge):
        return Spread(np.zeros(0), 0.0, np.zeros(count))
    terms = _Terms.of(chances)
    own = _level(terms, venue, venue_capital, np.zeros(len(venue)))
    floors = own[venue]
    one = np.zeros(len(venue), dtype=np.int64)
    level = float(_level(terms, one, np.array([capital]), floors)[0])
    sizes, _ = _sizes(terms, np.maximum(floors, level))
    return Spread(sizes, level, np.maximum(own, level))


class _Terms(NamedTuple):
    """What of the chances is asked again and again."""

    chances: Chances
    slope: Floats
    square: Floats
    eight: Floats
    four: Floats

    @classmethod
    def of(cls, chances: Chances) -> _Terms:
        slope = 1.5 * chances.root
        return cls(chances, slope, slope * slope, 8.0 * chances.linear, 4.0 * chances.linear)


def _sizes(terms: _Terms, level: Floats) -> tuple[Floats, Floats]:
    """Return each size where its last unit of capital earns `level`, and how fast its capital falls."""
    chances = terms.chances
    margin = np.maximum(chances.edge - level * chances.capital, 0.0)
    # Without a margin, and without impact of the square root, all of a fraction is nothing.
    roots = 2.0 * margin / (terms.slope + np.sqrt(terms.square + terms.eight * margin) + _NEXT_TO_NOTHING)
    sizes = roots * roots
    falls = 2.0 * roots * chances.capital / (terms.four * roots + terms.slope + _NEXT_TO_NOTHING)
    return np.minimum(sizes, chances.most), np.where(sizes < chances.most, falls, 0.0)


def _level(terms: _Terms, group: Ints, most: Floats, floors: Floats) -> Floats:
    """
    Return the lowest level >= 0 of each group that its capital allows.

    Newton's method held in a bracket: used capital falls with the level, and is none at the highest margin.
    It looks for the root of the used capital, which is a straight line where impact is that of a square root.
    """
    chances, count = terms.chances, len(most)
    low = np.zeros(count)
    high = np.zeros(count)
    np.maximum.at(high, group, np.maximum(chances.edge, 0.0) / chances.capital)
    level, over, least = low.copy(), low.copy(), np.sqrt(most)
    for _ in range(_ROUNDS):
        own = level[group]
        sizes, falls = _sizes(terms, np.maximum(own, floors))
        falls = np.where(own >= floors, falls, 0.0)
        used = np.bincount(group, sizes * chances.capital, count)
        over = used - most
        open_ = (over > _EXACT * most) | ((over < -_EXACT * most) & (level > 0.0))
        open_ &= high - low > _EXACT * high
        if not open_.any():
            break
        low = np.where(over > 0.0, level, low)
        high = np.where(over <= 0.0, level, high)
        steep = np.bincount(group, falls * chances.capital, count)
        step = 2.0 * np.sqrt(used) * (np.sqrt(used) - least) / np.where(steep > 0.0, steep, math.inf)
        newton = level + step
        fits = (newton > low) & (newton < high)
        level = np.where(open_, np.where(fits, newton, 0.5 * (low + high)), level)
    return np.where(over > _EXACT * most, high, level)
