"""Give each pair its share of the capital, by what the last unit earns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nautilus_quant.carry.sizing_many import Floats, Ints
from nautilus_quant.carry.water_filling import Chances, spread

_ENOUGH = 1e30
_GENTLE = 0.01
"""Share of its edge a kept position loses over its size, so that of two that earn alike both keep some."""


class Needs(NamedTuple):
    """
    Capital a unit of each pair takes, by leg.

    Parameters
    ----------
    one, two
        Capital of each leg [-], float64[n].
    venue_one, venue_two
        Which venue it is at, int64[n], counted from 0.

    """

    one: Floats
    two: Floats
    venue_one: Ints
    venue_two: Ints

    def used(self, sizes: Floats, venues: int) -> Floats:
        """Return the capital sizes take at each venue [currency], float64[venues]."""
        return _sums(self.venue_one, self.one * sizes, venues) + _sums(
            self.venue_two, self.two * sizes, venues
        )


class Claims(NamedTuple):
    """
    What the pairs would take, float64[n] each.

    Parameters
    ----------
    keep, add
        Size that is held and should stay, and that should come on top [currency].
    worth, edge
        What a unit earns before trading costs, of what stays and of what comes on top [fraction].
    fixed, linear, root
        Of getting in and out; see `nautilus_quant.carry.sizing.Cost`.

    """

    keep: Floats
    add: Floats
    worth: Floats
    edge: Floats
    fixed: Floats
    linear: Floats
    root: Floats


class Shares(NamedTuple):
    """
    What the pairs get.

    Parameters
    ----------
    sizes
        Of each [currency], float64[n].
    levels
        What one more unit of capital would earn each [fraction], float64[n]; 0 where there is enough.

    """

    sizes: Floats
    levels: Floats


def allot(claims: Claims, needs: Needs, capital: float, venues: Floats) -> Shares:
    """
    Give all what they ask for, or where capital is short, the most profitable part of it.

    What is held has paid its way in, and pays its way out whenever it leaves: it earns its whole edge. What
    comes on top earns what its costs leave. Pairs on one venue are filled by `water_filling.spread`, under
    the capital of their venue and that of all. A pair over two venues counts against the common capital
    there; where a venue is short afterwards, what would be added by all that touch it is cut by one share,
    and only then what they hold.

    Parameters
    ----------
    claims
        What each would take.
    needs
        Capital it takes.
    capital
        There is in all [currency].
    venues
        Capital at each venue [currency], float64[venues].

    """
    sizes = claims.keep + claims.add
    used = needs.used(sizes, len(venues))
    if used.sum() <= capital and (used <= venues).all():
        return Shares(sizes, np.zeros(len(sizes)))
    sizes, levels = _fill(claims, needs, max(capital, 0.0), np.maximum(venues, 0.0))
    kept = np.minimum(sizes, claims.keep)
    return Shares(_trim(needs, sizes - kept, kept, np.maximum(venues, 0.0)), levels)


def _fill(claims: Claims, needs: Needs, capital: float, venues: Floats) -> tuple[Floats, Floats]:
    several = len(venues)  # a place of its own, without a bound, for pairs over two venues
    place = np.where(needs.venue_one == needs.venue_two, needs.venue_one, several)
    (kept,), (added,) = (claims.keep > 0.0).nonzero(), (claims.add > 0.0).nonzero()
    rows = np.concatenate([kept, added])
    gentle = _GENTLE * np.maximum(claims.worth[kept], 1e-9) / np.maximum(claims.keep[kept], 1.0)
    chances = Chances(
        edge=np.concatenate([claims.worth[kept], claims.edge[added] - claims.fixed[added]]),
        linear=np.concatenate([gentle, claims.linear[added]]),
        root=np.concatenate([np.zeros(len(kept)), claims.root[added]]),
        most=np.concatenate([claims.keep[kept], claims.add[added]]),
        capital=(needs.one + needs.two)[rows],
        venue=place[rows],
    )
    found = spread(chances, capital, np.append(venues, _ENOUGH))
    return _sums(rows, found.sizes, len(place)), found.levels[place]


def _sums(group: Ints, amounts: Floats, count: int) -> Floats:
    return np.bincount(group, amounts, count).astype(np.float64, copy=False)


def _trim(needs: Needs, added: Floats, kept: Floats, venues: Floats) -> Floats:
    parts, count = [added, kept], len(venues)
    used, taken = needs.used(added + kept, count).tolist(), None
    spans = bool((needs.venue_one != needs.venue_two).any())
    for venue, there in enumerate(venues.tolist()):
        if used[venue] > there:
            touches = (needs.venue_one == venue) | (needs.venue_two == venue)
            over = used[venue] - there
            taken = taken or [needs.used(part, count).tolist() for part in parts]
            for index, part in enumerate(parts):
                own = taken[index][venue]
                if own > 0.0 and over > 0.0:
                    parts[index] = np.where(touches, part * max(1.0 - over / own, 0.0), part)
                    over -= min(over, own)
            if spans:  # otherwise what is cut here changes nothing elsewhere
                used, taken = needs.used(parts[0] + parts[1], count).tolist(), None
    return parts[0] + parts[1]
