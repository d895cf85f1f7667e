"""Whole lots and smallest orders: what makes sharing out an order more than taking the cheapest levels."""

from __future__ import annotations

import math
from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

type Offer = tuple[float, float, int]
"""What a coin of a level costs with all terms, the size of the level, and the place of its venue."""

type Lots = Sequence[tuple[float, float]]
"""Lot and smallest order, by venue [base coin]."""

type Shared = tuple[list[float], list[float], float]
"""Sizes and costs by venue, and what is left."""

WHOLE = 1e-6
"""By how much of a lot a float may miss a whole number of lots [-]."""

_MOST_TRIES = 64
_MOST_MOVES = 1_000
_NOISE = 1e-12
_INF = math.inf


def fill(offers: Sequence[Offer], quantity: float, venues: int) -> Shared:
    """Take the cheapest of sorted offers; return sizes and costs by venue, and what is left."""
    sizes, costs = [0.0] * venues, [0.0] * venues
    left = quantity
    for price, size, place in offers:
        if size >= left:
            sizes[place] += left
            costs[place] += price * left
            return sizes, costs, 0.0
        sizes[place] += size
        costs[place] += price * size
        left -= size
    return sizes, costs, left


class _Curve:
    """What any number of lots of one venue costs."""

    __slots__ = ("_costs", "_ends", "_prices", "lot", "most")

    def __init__(self, lot: float) -> None:
        self.lot = lot
        self.most = 0
        """Lots that are there."""
        self._ends: list[float] = []
        self._prices: list[float] = []
        self._costs = [0.0]

    def add(self, price: float, size: float) -> None:
        """Add the next level."""
        self._ends.append((self._ends[-1] if self._ends else 0.0) + size)
        self._prices.append(price)
        self._costs.append(self._costs[-1] + price * size)
        self.most = math.floor(self._ends[-1] / self.lot + WHOLE)

    def change(self, count: int, more: int) -> float:
        """Return what the cost changes by from `count` lots to `more` of them."""
        return self.cost(count + more) - self.cost(count)

    def cost(self, count: int) -> float:
        """Return the cost of so many lots, which must be there."""
        if count == 0:
            return 0.0
        size = count * self.lot
        level = min(bisect_left(self._ends, size), len(self._ends) - 1)
        end = self._ends[level]
        return self._costs[level + 1] - self._prices[level] * (end - size)


class _Bounds(NamedTuple):
    """Least and most lots, by venue."""

    low: tuple[int, ...]
    high: tuple[int, ...]


class _Plan(NamedTuple):
    """Lots by venue; the less is left, and then the cheaper, the better."""

    left: float
    cost: float
    counts: tuple[int, ...]


def allot(offers: Sequence[Offer], quantity: float, lots: Lots) -> Shared:
    """
    Share a quantity out in whole lots and no order too small, so that least is left and it costs least.

    With one lot for all it is the optimum: costs are convex, so that no split is better if none is that moves
    one lot. Of a venue that would get too little, both are tried: nothing, and the least it takes (branch and
    bound, no more than 64 tries). Each venue alone is tried, too.

    Parameters
    ----------
    offers
        Sorted.
    quantity
        To share out [base coin].
    lots
        By place of the venue.

    """
    curves = [_Curve(lot) for lot, _ in lots]
    for price, size, place in offers:
        curves[place].add(price, min(size, quantity))
    smallest = [math.ceil(least / lot - WHOLE) for lot, least in lots]
    best = _branch(offers, curves, quantity, smallest)
    for place in range(len(curves)):
        best = min(best, _alone(curves, quantity, smallest, place))
    sizes = [count * curve.lot for count, curve in zip(best.counts, curves, strict=True)]
    costs = [curve.cost(count) for count, curve in zip(best.counts, curves, strict=True)]
    return sizes, costs, best.left


def _branch(
    offers: Sequence[Offer], curves: Sequence[_Curve], quantity: float, smallest: Sequence[int]
) -> _Plan:
    """Return the best plan without an order that is too small."""
    best = _Plan(quantity, 0.0, (0,) * len(curves))
    waiting = [_Bounds((0,) * len(curves), tuple(curve.most for curve in curves))]
    for _ in range(_MOST_TRIES):
        if not waiting:
            break
        bounds = low, high = waiting.pop()
        plan = _within(offers, curves, quantity, bounds)
        # What is allowed less is no better: only a better plan is worth another look.
        if plan is None or not plan < best:
            continue
        small = [place for place, count in enumerate(plan.counts) if 0 < count < smallest[place]]
        if not small:
            best = plan
            continue
        place = small[0]
        waiting.append(_Bounds(low, (*high[:place], 0, *high[place + 1 :])))
        if smallest[place] <= high[place]:
            waiting.append(_Bounds((*low[:place], smallest[place], *low[place + 1 :]), high))
    return best


def _alone(curves: Sequence[_Curve], quantity: float, smallest: Sequence[int], place: int) -> _Plan:
    curve = curves[place]
    count = min(curve.most, math.floor(quantity / curve.lot + WHOLE))
    if count < max(smallest[place], 1):
        return _Plan(quantity, 0.0, (0,) * len(curves))
    counts = tuple(count if other == place else 0 for other in range(len(curves)))
    left = quantity - count * curve.lot
    return _Plan(left if left > WHOLE * curve.lot else 0.0, curve.cost(count), counts)


def _within(
    offers: Sequence[Offer], curves: Sequence[_Curve], quantity: float, bounds: _Bounds
) -> _Plan | None:
    """Return the best plan of at least and at most so many lots; ``None`` if that is too much."""
    finest = min(curve.lot for curve in curves)
    counts, left = list(bounds.low), quantity - _size(curves, bounds.low)
    if left < -WHOLE * finest:
        return None
    for place, size in enumerate(_beyond(offers, curves, left, bounds)):
        if size > 0.0:
            counts[place] += math.floor(size / curves[place].lot + WHOLE)
    left = _add_lots(curves, counts, bounds.high, quantity - _size(curves, counts))
    _exchange(curves, counts, bounds)
    cost = sum(curve.cost(count) for count, curve in zip(counts, curves, strict=True))
    return _Plan(left if left > WHOLE * finest else 0.0, cost, tuple(counts))


def _size(curves: Sequence[_Curve], counts: Sequence[int]) -> float:
    return sum(count * curve.lot for count, curve in zip(counts, curves, strict=True))


def _beyond(offers: Sequence[Offer], curves: Sequence[_Curve], left: float, bounds: _Bounds) -> list[float]:
    """Take the cheapest beyond the least lots, up to the most, in any sizes; return them by venue."""
    skip = [count * curve.lot for count, curve in zip(bounds.low, curves, strict=True)]
    room = [count * curve.lot - less for count, curve, less in zip(bounds.high, curves, skip, strict=True)]
    sizes = [0.0] * len(curves)
    for _, size, place in offers:
        passed = min(size, skip[place])
        skip[place] -= passed
        taken = max(0.0, min(size - passed, room[place] - sizes[place], left))
        sizes[place] += taken
        left -= taken
    return sizes


def _add_lots(curves: Sequence[_Curve], counts: list[int], high: Sequence[int], left: float) -> float:
    """Add lots where the next one costs least per coin, as long as one fits; return what is left."""
    while True:
        found, cheapest = -1, _INF
        for place, curve in enumerate(curves):
            if curve.lot > left + WHOLE * curve.lot or counts[place] >= high[place]:
                continue
            price = curve.change(counts[place], 1) / curve.lot
            if price < cheapest:
                found, cheapest = place, price
        if found < 0:
            return left
        counts[found] += 1
        left -= curves[found].lot


def _exchange(curves: Sequence[_Curve], counts: list[int], bounds: _Bounds) -> None:
    """Move lots from one venue to another, the best move first, until no move saves anything."""
    pairs = [(one, other) for one in range(len(curves)) for other in range(len(curves)) if one != other]
    for _ in range(_MOST_MOVES):
        most, found = 0.0, None
        for source, target in pairs:
            less, more = _equal_steps(curves[source].lot, curves[target].lot)
            low, high = (
                counts[source] - less >= bounds.low[source],
                counts[target] + more <= bounds.high[target],
            )
            if not (less and low and high):
                continue
            spent = curves[target].change(counts[target], more)
            saved = -curves[source].change(counts[source], -less) - spent
            if saved > max(most, _NOISE * abs(spent)):
                most, found = saved, (source, less, target, more)
        if found is None:
            return
        source, less, target, more = found
        counts[source] -= less
        counts[target] += more


def _equal_steps(one: float, other: float) -> tuple[int, int]:
    """Return how many lots of each are the same size: one of the coarser; 0 where there is no such number."""
    ratio = max(one, other) / min(one, other)
    whole = round(ratio)
    if abs(ratio - whole) > WHOLE:
        return 0, 0
    return (1, whole) if one > other else (whole, 1)
