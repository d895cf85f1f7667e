"""Give each pair its share of the capital, by what the last unit earns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from nautilus_quant.carry.sizing import Cost
from nautilus_quant.carry.water_filling import Chances, spread

_ENOUGH = 1e30
_GENTLE = 0.01
"""Share of its edge a kept position loses over its size, so that of two that earn alike both keep some."""


class Claim(NamedTuple):
    """
    What one pair would take.

    Parameters
    ----------
    keep
        Size that is held and should stay [currency].
    add
        Size that should come on top [currency].
    edge
        What a unit earns before trading costs [fraction].
    cost
        Of getting in and out.
    needs
        Capital a unit of size takes at each venue [-].

    """

    keep: float
    add: float
    edge: float
    cost: Cost
    needs: Mapping[str, float]

    @property
    def capital(self) -> float:
        """Capital a unit takes in all [-]."""
        return sum(self.needs.values())


class Shares(NamedTuple):
    """
    What the pairs get.

    Parameters
    ----------
    sizes
        Of each [currency].
    levels
        What one more unit of capital would earn each [fraction]; 0 where there is enough.

    """

    sizes: list[float]
    levels: list[float]


def allot(claims: Sequence[Claim], capital: float, venues: Mapping[str, float]) -> Shares:
    """
    Give all what they ask for, or where capital is short, the most profitable part of it.

    What is held has paid its way in, and pays its way out whenever it leaves: it earns its whole edge. What
    comes on top earns what its costs leave. Pairs on one venue are filled by `water_filling.spread`, under
    the capital of their venue and that of all. A pair over two venues counts against the common capital
    there; where a venue is short afterwards, all that touch it are cut by one share.

    Parameters
    ----------
    claims
        What each would take.
    capital
        There is in all [currency].
    venues
        Capital at each venue [currency]; one that is not named has none.

    """
    sizes = [claim.keep + claim.add for claim in claims]
    levels = [0.0] * len(claims)
    if not _fits(claims, sizes, capital, venues):
        sizes, levels = _fill(claims, capital, venues)
        sizes = _trim(claims, sizes, venues)
    return Shares(sizes, levels)


def _used(claims: Sequence[Claim], sizes: Sequence[float]) -> dict[str, float]:
    used: dict[str, float] = {}
    for claim, size in zip(claims, sizes, strict=True):
        for venue, need in claim.needs.items():
            used[venue] = used.get(venue, 0.0) + need * size
    return used


def _fits(
    claims: Sequence[Claim], sizes: Sequence[float], capital: float, venues: Mapping[str, float]
) -> bool:
    used = _used(claims, sizes)
    return sum(used.values()) <= capital and all(need <= venues.get(v, 0.0) for v, need in used.items())


def _fill(
    claims: Sequence[Claim], capital: float, venues: Mapping[str, float]
) -> tuple[list[float], list[float]]:
    names = sorted({venue for claim in claims for venue in claim.needs})
    place = {name: index for index, name in enumerate(names)}
    several = len(names)  # a place of its own, without a bound, for pairs over two venues
    rows, places = [], []
    for index, claim in enumerate(claims):
        where = place[next(iter(claim.needs))] if len(claim.needs) == 1 else several
        places.append(where)
        gentle = _GENTLE * max(claim.edge, 1e-9) / max(claim.keep, 1.0)
        rows.append((index, claim.edge, gentle, 0.0, claim.keep, claim.capital, where))
        cost = claim.cost
        rows.append((index, claim.edge - cost.fixed, cost.linear, cost.root, claim.add, claim.capital, where))
    rows = [row for row in rows if row[4] > 0.0]
    columns = np.array(rows, dtype=np.float64).reshape(-1, 7).T
    chances = Chances(
        edge=columns[1],
        linear=columns[2],
        root=columns[3],
        most=columns[4],
        capital=columns[5],
        venue=columns[6].astype(np.int64),
    )
    room = np.array([max(venues.get(name, 0.0), 0.0) for name in names] + [_ENOUGH])
    found = spread(chances, max(capital, 0.0), room)
    sizes = np.bincount(columns[0].astype(np.int64), found.sizes, len(claims))
    return [float(size) for size in sizes], [float(found.levels[where]) for where in places]


def _trim(claims: Sequence[Claim], sizes: list[float], venues: Mapping[str, float]) -> list[float]:
    for venue, used in _used(claims, sizes).items():
        now = _used(claims, sizes)[venue] if used > 0.0 else 0.0
        room = max(venues.get(venue, 0.0), 0.0)
        if now > room:
            sizes = [
                size * room / now if venue in claim.needs else size
                for claim, size in zip(claims, sizes, strict=True)
            ]
    return sizes
