"""Which of many pairs of venues to trade now, when they share books, money and coins."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from nautilus_quant.carry.cross_venue import Edge, EdgeParams, Ending, Market, edge
from nautilus_quant.carry.cross_venue_inventory import InventoryParams, Stock
from nautilus_quant.gating.intent import Side


class Candidate(NamedTuple):
    """
    A pair of venues in one direction.

    Parameters
    ----------
    pair
        Its name.
    buy, sell
        Venues.
    endings
        The ways it may end; the best of them counts.
    most
        Largest size [coins].
    smallest
        Smallest size that is worth an order [coins].
    rests
        Venue where the entry rests in the book; empty when both legs are taken.

    """

    pair: str
    buy: str
    sell: str
    endings: tuple[Ending, ...]
    most: float = math.inf
    smallest: float = 0.0
    rests: str = ""


class Chosen(NamedTuple):
    """
    What to trade now.

    Parameters
    ----------
    candidate
        The pair.
    edge
        Its best size, and what it leaves.
    skew
        What inventories added to its hurdle [fraction].

    """

    candidate: Candidate
    edge: Edge
    skew: float


def look(
    candidate: Candidate,
    markets: Mapping[str, Market],
    stocks: Mapping[str, Stock],
    params: EdgeParams,
    inventory: InventoryParams,
) -> Chosen | None:
    """Return what a candidate leaves at its best size, by its best ending; ``None`` where that is unknown."""
    buy, sell = markets.get(candidate.buy), markets.get(candidate.sell)
    here, there = stocks.get(candidate.buy), stocks.get(candidate.sell)
    if buy is None or sell is None or here is None or there is None:
        return None
    buy = buy._replace(rests=candidate.rests == candidate.buy)
    sell = sell._replace(rests=candidate.rests == candidate.sell)
    skew = here.skew(Side.BUY, inventory) + there.skew(Side.SELL, inventory)
    most = min(candidate.most, here.room(Side.BUY), there.room(Side.SELL))
    found = [edge(buy, sell, ending, params, most=most, skew=skew) for ending in candidate.endings]
    known = [one for one in found if one is not None]
    return Chosen(candidate, max(known, key=_rank), skew) if known else None


def _rank(one: Edge) -> tuple[float, float]:
    """Rank by profit beyond the hurdle, where inventories have their say; what is not worth it, by net."""
    return (one.net - one.hurdle) * one.coins * one.price, one.net


def choose(
    candidates: Iterable[Candidate],
    markets: Mapping[str, Market],
    stocks: Mapping[str, Stock],
    params: EdgeParams,
    inventory: InventoryParams,
    *,
    sides: Mapping[str, Side] | None = None,
) -> list[Chosen]:
    """
    Choose what to trade now, best first.

    One side of one book is used once: what a second order would find there nobody knows. A venue is bought
    at or sold at, never both by different pairs: that would be the pair of the other two venues, with fees
    for four legs.

    Parameters
    ----------
    candidates
        All pairs and directions that may be opened.
    markets, stocks
        By venue; a venue without is left alone.
    params, inventory
        When it is worth it.
    sides
        What other pairs do at each venue already: BUY where they are long.

    """
    seen = [look(one, markets, stocks, params, inventory) for one in candidates]
    worth = [one for one in seen if one is not None and one.edge.coins > 0.0]
    worth = [one for one in worth if one.edge.coins >= one.candidate.smallest]
    worth.sort(key=lambda one: (-_rank(one.edge)[0], one.candidate.pair))
    taken = dict(sides or {})
    used: set[str] = set()
    chosen = []
    for one in worth:
        buy, sell = one.candidate.buy, one.candidate.sell
        free = buy not in used and sell not in used
        if free and taken.get(buy, Side.BUY) is Side.BUY and taken.get(sell, Side.SELL) is Side.SELL:
            chosen.append(one)
            used.update((buy, sell))
            taken[buy], taken[sell] = Side.BUY, Side.SELL
    return chosen


def sides_of(positions: Iterable[tuple[str, str, int]]) -> dict[str, Side]:
    """
    Return what pairs do at each venue.

    Parameters
    ----------
    positions
        First venue, second venue and direction of each pair; 0 of one that holds nothing.

    """
    found: dict[str, Side] = {}
    for one, two, direction in positions:
        if direction:
            found[one] = Side.BUY if direction > 0 else Side.SELL
            found[two] = Side.SELL if direction > 0 else Side.BUY
    return found
