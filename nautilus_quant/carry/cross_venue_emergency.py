"""A leg that cannot be traded where it is: hedged at other venues, and the hedge taken off when it can."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from decimal import ROUND_DOWN, Decimal
from typing import NamedTuple

_ZERO = Decimal(0)


class Refuge(NamedTuple):
    """
    A venue where a hedge could be.

    Parameters
    ----------
    venue
        Its name.
    open
        Whether orders arrive there.
    buy_cost, sell_cost
        Of taking so much now: fee, half spread and depth [fraction]; NaN where nobody can tell.
    buy_room, sell_room
        What the account still bears [coins].
    step
        Size increment [coins].
    hedge
        What of a hedge is there already, short < 0 [coins].
    smallest
        Least order that is taken [coins].

    """

    venue: str
    open: bool
    buy_cost: float
    sell_cost: float
    buy_room: Decimal
    sell_room: Decimal
    step: Decimal
    hedge: Decimal = _ZERO
    smallest: Decimal = _ZERO

    def cost(self, change: Decimal) -> float:
        """Return what trading into a direction costs [fraction]."""
        return self.buy_cost if change > 0 else self.sell_cost

    def room(self, change: Decimal) -> Decimal:
        """Return how much more may be traded into a direction [coins]."""
        room = self.buy_room if change > 0 else self.sell_room
        return max(room, _ZERO) if room.is_finite() else _ZERO

    def takes(self, change: Decimal) -> bool:
        """Tell whether an order of that size is large enough."""
        return self.smallest.is_finite() and abs(change) >= self.smallest

    def floor(self, change: Decimal) -> Decimal:
        """Round a size down to what can be traded."""
        return (change / self.step).to_integral_value(ROUND_DOWN) * self.step


class HedgeStep(NamedTuple):
    """
    An order of the emergency plan.

    Parameters
    ----------
    venue
        Where.
    change
        What to buy, or to sell if below zero [coins].
    reduces
        Whether it only takes off a hedge that is there.

    """

    venue: str
    change: Decimal
    reduces: bool


class HedgePlan(NamedTuple):
    """
    What to do now.

    Parameters
    ----------
    steps
        Orders, all at venues that are open, each at another one or into the same direction.
    missing
        What nobody can hedge now [coins]; people should know.

    """

    steps: tuple[HedgeStep, ...]
    missing: Decimal


def plan(alone: Decimal, refuges: Sequence[Refuge]) -> HedgePlan:
    """
    Return the orders after which hedges elsewhere are as large as the legs that stand alone.

    What is too much is taken off first, where that is cheapest; then what is missing is put on, at the
    cheapest venue that has room, and at the next for the rest. When the legs stand alone no more, because
    their venue is back and they were closed or hedged in place, all of it is taken off: hedged elsewhere,
    then unwound.

    Parameters
    ----------
    alone
        Coins of legs which nobody can trade where they are, short < 0.
    refuges
        Every venue that could do, with what of a hedge is there.

    """
    wanted = -alone
    left = wanted - sum((one.hedge for one in refuges), _ZERO)
    steps: list[HedgeStep] = []
    # What is too much goes before anything is added, or two hedges would stand against each other.
    for one in _by_cost(refuges, left):
        if one.open and one.hedge * left < 0:
            change = one.floor(min(abs(left), abs(one.hedge)).copy_sign(left))
            if change:
                steps.append(HedgeStep(one.venue, change, reduces=True))
                left -= change
    if left * wanted > 0:
        left = _add(left, refuges, steps)
    finest = min((one.step for one in refuges), default=_ZERO)
    return HedgePlan(tuple(steps), left if abs(left) >= finest else _ZERO)


def _add(left: Decimal, refuges: Sequence[Refuge], steps: list[HedgeStep]) -> Decimal:
    taken_off = {step.venue: step.change for step in steps}
    for one in _by_cost(refuges, left):
        opposes = (one.hedge + taken_off.get(one.venue, _ZERO)) * left < 0
        if opposes or not one.open or not math.isfinite(one.cost(left)):
            continue
        change = one.floor(min(abs(left), one.room(left)).copy_sign(left))
        if change and one.takes(change):
            steps.append(HedgeStep(one.venue, change, reduces=False))
            left -= change
    return left


def _by_cost(refuges: Sequence[Refuge], change: Decimal) -> list[Refuge]:
    """Cheapest first; where nobody can tell, last, and always in the same order."""

    def dearness(one: Refuge) -> tuple[float, str]:
        cost = one.cost(change)
        return (cost if math.isfinite(cost) else math.inf, one.venue)

    return sorted(refuges, key=dearness)


def stranded(held: Mapping[str, Decimal], down: Container[str]) -> Decimal:
    """
    Return what of a pair stands alone at a venue where nothing arrives [coins]; 0 when it is hedged.

    Where the leg that stands alone can be traded, that is what should be done.

    Parameters
    ----------
    held
        What the pair holds at each venue, short < 0 [coins].
    down
        Venues where no order arrives.

    """
    net = sum(held.values(), _ZERO)
    return net if any(venue in down for venue, coins in held.items() if coins * net > 0) else _ZERO
