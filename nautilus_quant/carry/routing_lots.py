"""Whole lots and smallest orders: what makes sharing out an order more than taking the cheapest levels."""

from __future__ import annotations

import math
from bisect import bisect_left
from itertools import accumulate
from operator import mul
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

    def __init__(self, lot: float, prices: list[float], sizes: list[float]) -> None:
        self.lot = lot
        self._ends = list(accumulate(sizes))
        self._prices = prices
        self._costs: list[float] = list(accumulate(map(mul, prices, sizes)))
        self.most = math.floor(self._ends[-1] / lot + WHOLE) if sizes else 0
        """Lots that are there."""

    def change(self, count: int, more: int) -> float:
        """Return what the cost changes by from `count` lots to `more` of them."""
        return self.cost(count + more) - self.cost(count)

    def cost(self, count: int) -> float:
        """Return the cost of so many lots, which must be there."""
        if count == 0:
            return 0.0
        size, ends = count * self.lot, self._ends
        level = bisect_left(ends, size)
        if level == len(ends):
            level -= 1
        return self._costs[level] - self._prices[level] * (ends[level] - size)


class _Bounds(NamedTuple):
    """Least and most lots, by venue."""

    low: tuple[int, ...]
    high: tuple[int, ...]


class _Plan(NamedTuple):
    """Lots by venue; the less is left, and then the cheaper, the better."""

    left: float
    cost: float
    counts: tuple[int, ...]


class _Task(NamedTuple):
    """What is to be shared out, by what venues offer."""

    quantity: float
    offers: Sequence[Offer]
    curves: Sequence[_Curve]
    smallest: Sequence[int]
    finest: float


def allot(offers: Sequence[Offer], quantity: float, lots: Lots, sizes: Sequence[float]) -> Shared:
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
    sizes
        What `fill` gave each venue [base coin].

    """
    curves = _curves(offers, quantity, lots)
    smallest = [math.ceil(least / lot - WHOLE) for lot, least in lots]
    task = _Task(quantity, offers, curves, smallest, min((lot for lot, _ in lots), default=0.0))
    best = _branch(task, sizes)
    for place in range(len(curves)):
        best = _alone(task, place, best)
    found = [count * curve.lot for count, curve in zip(best.counts, curves, strict=True)]
    costs = [curve.cost(count) for count, curve in zip(best.counts, curves, strict=True)]
    return found, costs, best.left


def _curves(offers: Sequence[Offer], quantity: float, lots: Lots) -> list[_Curve]:
    prices: list[list[float]] = [[] for _ in lots]
    sizes: list[list[float]] = [[] for _ in lots]
    for price, size, place in offers:
        prices[place].append(price)
        sizes[place].append(size if size < quantity else quantity)  # noqa: FURB136 (a call of min costs more)
    return [_Curve(lot, own, there) for (lot, _), own, there in zip(lots, prices, sizes, strict=True)]


def _branch(task: _Task, sizes: Sequence[float]) -> _Plan:
    """Return the best plan without an order that is too small."""
    nothing = (0,) * len(task.curves)
    best = _Plan(task.quantity, 0.0, nothing)
    waiting = [_Bounds(nothing, tuple([curve.most for curve in task.curves]))]
    for tries in range(_MOST_TRIES):
        if not waiting:
            break
        bounds = low, high = waiting.pop()
        plan = _within(task, bounds, _beyond(task, bounds) if tries else sizes)
        # What is allowed less is no better: only a better plan is worth another look.
        if plan is None or not plan < best:
            continue
        small = [place for place, count in enumerate(plan.counts) if 0 < count < task.smallest[place]]
        if not small:
            best = plan
            continue
        place = small[0]
        waiting.append(_Bounds(low, (*high[:place], 0, *high[place + 1 :])))
        if task.smallest[place] <= high[place]:
            waiting.append(_Bounds((*low[:place], task.smallest[place], *low[place + 1 :]), high))
    return best


def _alone(task: _Task, place: int, best: _Plan) -> _Plan:
    """Return the plan of one venue alone, where that is better than the best."""
    curve = task.curves[place]
    count = min(curve.most, math.floor(task.quantity / curve.lot + WHOLE))
    left = task.quantity - count * curve.lot
    left = left if left > WHOLE * curve.lot else 0.0
    if count < max(task.smallest[place], 1) or left > best[0]:
        return best
    counts = tuple([count if other == place else 0 for other in range(len(task.curves))])
    return min(best, _Plan(left, curve.cost(count), counts))


def _within(task: _Task, bounds: _Bounds, sizes: Sequence[float]) -> _Plan | None:
    """Return the best plan within bounds, near sizes beyond the least; ``None`` if the least is too much."""
    curves = task.curves
    if task.quantity - _size(curves, bounds.low) < -WHOLE * task.finest:
        return None
    counts = list(bounds.low)
    for place, size in enumerate(sizes):
        if size > 0.0:
            counts[place] += math.floor(size / curves[place].lot + WHOLE)
    left = _add_lots(curves, counts, bounds.high, task.quantity - _size(curves, counts))
    _exchange(curves, counts, bounds)
    cost = sum([curve.cost(count) for count, curve in zip(counts, curves, strict=True)])
    return _Plan(left if left > WHOLE * task.finest else 0.0, cost, tuple(counts))


def _size(curves: Sequence[_Curve], counts: Sequence[int]) -> float:
    return sum([count * curve.lot for count, curve in zip(counts, curves, strict=True)])


def _beyond(task: _Task, bounds: _Bounds) -> list[float]:
    """Take the cheapest beyond the least lots, up to the most, in any sizes; return them by venue."""
    curves = task.curves
    left = task.quantity - _size(curves, bounds.low)
    skip = [count * curve.lot for count, curve in zip(bounds.low, curves, strict=True)]
    room = [count * curve.lot - less for count, curve, less in zip(bounds.high, curves, skip, strict=True)]
    sizes = [0.0] * len(curves)
    for _, size, place in task.offers:
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
    steps = _steps(curves)
    # Differences of sums are no better than the sums: less than this is no saving.
    noise = _NOISE * sum([abs(curve.cost(count)) for count, curve in zip(counts, curves, strict=True)])
    for _ in range(_MOST_MOVES):
        moves = [_best_move(curves, counts, bounds, step) for step in steps]
        saved, source, less, target, more = max(moves)
        if not saved > noise:
            return
        counts[source] -= less
        counts[target] += more


def _best_move(
    curves: Sequence[_Curve], counts: Sequence[int], bounds: _Bounds, step: Sequence[tuple[int, int]]
) -> tuple[float, int, int, int, int]:
    """Return what moving one step saves at most, from where and where to, in lots."""
    low, high = bounds
    most, source, less = -_INF, 0, 0
    least, target, more = _INF, 0, 0
    for place, several in step:
        curve, count = curves[place], counts[place]
        cost = curve.cost(count)
        if count - several >= low[place] and (saved := cost - curve.cost(count - several)) > most:
            most, source, less = saved, place, several
        if count + several <= high[place] and (spent := curve.cost(count + several) - cost) < least:
            least, target, more = spent, place, several
    # Of one venue the next lot never costs less than the last one: the two are never the same where it saves.
    return most - least, source, less, target, more


def _steps(curves: Sequence[_Curve]) -> list[list[tuple[int, int]]]:
    """Return, for each lot, the venues that can move just as much, and how many lots of theirs that is."""
    steps = []
    for lot in {curve.lot for curve in curves}:
        ratios = [(place, lot / curve.lot) for place, curve in enumerate(curves)]
        step = [(place, round(ratio)) for place, ratio in ratios if abs(ratio - round(ratio)) < WHOLE]
        steps.append([(place, several) for place, several in step if several])
    return steps
