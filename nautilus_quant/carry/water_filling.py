"""Spread capital over venues and instruments so that the last unit earns the same everywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nautilus_quant.signals.sequence import require

type Floats = npt.NDArray[np.float64]
type Ints = npt.NDArray[np.int64]
type Flags = npt.NDArray[np.bool_]

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
        impact = self.linear + self.root
        good = np.isfinite(self.edge) & np.isfinite(impact) & np.isfinite(self.capital)
        good &= (self.linear >= 0.0) & (self.root >= 0.0) & (impact > 0.0)
        good &= (self.most >= 0.0) & (self.capital > 0.0)
        if not good.all():  # one look says that something is wrong, and only then is looked what
            self._complain()

    def _complain(self) -> None:
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
    own = _level(terms, venue, venue_capital.tolist(), None)
    asked = np.array(own)
    floors = asked[venue]
    level = _level(terms, np.zeros(len(venue), dtype=np.int64), [float(capital)], floors)[0]
    _, sizes = _roots(terms, np.maximum(floors, level))
    return Spread(np.minimum(sizes, chances.most), level, np.maximum(asked, level))


class _Terms(NamedTuple):
    """What of the chances is asked again and again."""

    edges: Floats  # twice the edge, and twice the capital: of a float, twice is exact
    capitals: Floats
    capital: Floats
    most: Floats
    four: Floats
    slope: Floats
    square: Floats
    top: Floats

    @classmethod
    def of(cls, chances: Chances) -> _Terms:
        slope = 1.5 * chances.root
        return cls(
            2.0 * chances.edge,
            2.0 * chances.capital,
            chances.capital,
            chances.most,
            4.0 * chances.linear,
            slope + _NEXT_TO_NOTHING,
            slope * slope,
            np.maximum(chances.edge, 0.0) / chances.capital,
        )


def _roots(terms: _Terms, level: Floats | float) -> tuple[Floats, Floats]:
    """Return each size where its last unit of capital earns `level`, and the square root of it."""
    edges, capitals, _, _, four, slope, square, _ = terms
    margins = np.maximum(edges - level * capitals, 0.0)
    # Without a margin, and without impact of the square root, all of a fraction is nothing.
    roots = margins / (slope + np.sqrt(square + four * margins))
    return roots, roots * roots


def _falls(terms: _Terms, roots: Floats, stuck: Flags) -> Floats:
    """Return how fast the capital of each falls with the level; what is stuck at a bound does not."""
    falls = roots * terms.capitals / (terms.four * roots + terms.slope) * terms.capital
    np.putmask(falls, stuck, 0.0)
    return falls


def _level(terms: _Terms, group: Ints, most: list[float], floors: Floats | None) -> list[float]:
    """
    Return the lowest level >= 0 of each group that its capital allows.

    Newton's method held in a bracket: used capital falls with the level, and is none at the highest margin.
    It looks for the root of the used capital, which is a straight line where impact is that of a square root.
    """
    count = len(most)
    tops = np.zeros(count)
    np.maximum.at(tops, group, terms.top)
    brackets = [_Bracket(bound, top) for bound, top in zip(most, tops.tolist(), strict=True)]
    waiting: Sequence[int] = range(count)
    for _ in range(_ROUNDS):
        own = brackets[0].level if count == 1 else np.array([one.level for one in brackets])[group]
        roots, sizes = _roots(terms, own if floors is None else np.maximum(own, floors))
        used = np.bincount(group, np.minimum(sizes, terms.most) * terms.capital, count).tolist()
        waiting = [place for place in waiting if brackets[place].is_open(used[place])]
        if not waiting:
            break
        stuck = sizes >= terms.most
        if floors is not None:
            stuck |= own < floors
        steep = np.bincount(group, _falls(terms, roots, stuck), count).tolist()
        for place in waiting:
            brackets[place].narrow(used[place], steep[place])
    return [one.high if one.over > _EXACT * one.most else one.level for one in brackets]


class _Bracket:
    """Where the level of one group lies: few enough that plain numbers are quicker than arrays."""

    __slots__ = ("high", "least", "level", "low", "most", "over")

    def __init__(self, most: float, high: float) -> None:
        self.most = most
        self.least = math.sqrt(most)
        self.low = self.level = self.over = 0.0
        self.high = high

    def is_open(self, used: float) -> bool:
        """Tell whether what is used at the level is not yet what there is."""
        over = self.over = used - self.most
        close = _EXACT * self.most
        if not (over > close or (over < -close and self.level > 0.0)):
            return False
        return self.high - self.low > _EXACT * self.high

    def narrow(self, used: float, steep: float) -> None:
        """Go on to the next level."""
        if self.over > 0.0:
            self.low = self.level
        else:
            self.high = self.level
        root = math.sqrt(used)
        level = self.level + 2.0 * root * (root - self.least) / (steep if steep > 0.0 else math.inf)
        self.level = level if self.low < level < self.high else 0.5 * (self.low + self.high)
