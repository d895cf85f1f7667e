"""What two legs hold, what is on its way, and how far they are apart."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_quant.carry.two_leg_orders import LegOrders
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.carry.two_leg_orders import LegOrder
    from nautilus_quant.carry.two_leg_terms import Leg

_ZERO = Decimal(0)

type Two = tuple[Decimal, Decimal]


class PairBook:
    """
    Holdings, orders and prices of two legs.

    Parameters
    ----------
    legs
        The two.
    mark
        What ids of orders begin with.

    Attributes
    ----------
    held
        Signed units of each leg [base coin, or contracts].
    values, costs
        What a unit is worth, and what taking one costs [reporting currency]; NaN while unknown. Values are
        kept when they become unknown: a size must be known to be bounded.

    """

    def __init__(self, legs: tuple[Leg, Leg], mark: str) -> None:
        self.legs = legs
        self.held: list[Decimal] = [_ZERO, _ZERO]
        self.orders = LegOrders(mark)
        self.values = [math.nan, math.nan]
        self.costs = [math.nan, math.nan]

    # -- how much ------------------------------------------------------------------------------------

    def units(self, held: Two) -> Two:
        """Return holdings in units of the pair, equal when they are hedged."""
        return held[0] / self.legs[0].weight, held[1] / self.legs[1].weight

    @property
    def now(self) -> Two:
        """Signed units of both legs."""
        return self.held[0], self.held[1]

    @property
    def matched(self) -> Decimal:
        """What is hedged, signed [units of the pair]."""
        one, two = self.units(self.now)
        return _ZERO if one * two <= 0 else min(one, two, key=abs)

    def with_orders(self, orders: list[LegOrder]) -> Two:
        """Return holdings once what is left of some orders has filled."""
        held = list(self.now)
        for order in orders:
            held[order.leg] += order.rest
        return held[0], held[1]

    def ahead(self, held: Two) -> int:
        """Return the leg of which there is more than the other covers; 0 of two that are equal."""
        one, two = self.units(held)
        return 0 if abs(one) >= abs(two) else 1

    def excess(self, leg: int, held: Two) -> Decimal:
        """Return how many units of a leg the other does not cover, signed."""
        mine, other = self.legs[leg].weight, self.legs[1 - leg].weight
        return (held[leg] * other - held[1 - leg] * mine) / other

    def is_apart(self, held: Two) -> bool:
        """Tell whether the legs differ by more than what is too small to trade."""
        if held[0] * self.legs[1].weight == held[1] * self.legs[0].weight:
            return False  # mostly, and soon told
        leg = self.ahead(held)
        return self.takes(leg, self.excess(leg, held), held) > 0 or self.adds(leg, held) > 0

    def takes(self, leg: int, excess: Decimal, held: Two) -> Decimal:
        """Return how much of a leg can be taken back for an excess; 0 if it is too little for an order."""
        lot, whole = self.legs[leg].lot, abs(held[leg])
        quantity = lot.floor(min(abs(excess), whole))
        if quantity < self.legs[leg].smallest(self.values[leg]):
            return _ZERO  # it goes with the next order that is not
        return quantity if lot.maximum is None else min(quantity, lot.maximum)

    def adds(self, leg: int, held: Two) -> Decimal:
        """Return how much the other leg of one that is ahead can add to cover it; 0 if it is too little."""
        other = self.legs[1 - leg]
        quantity = other.lot.floor(abs(self.excess(1 - leg, held)))
        if quantity < other.smallest(self.values[1 - leg]):
            return _ZERO
        return quantity if other.lot.maximum is None else min(quantity, other.lot.maximum)

    # -- what it is worth ------------------------------------------------------------------------------

    @property
    def unit_value(self) -> float:
        """Value of a unit of the pair: that of its dearer leg [reporting currency]; NaN while unknown."""
        worth = [abs(float(leg.weight)) * value for leg, value in zip(self.legs, self.values, strict=True)]
        return max(worth) if all(map(math.isfinite, worth)) else math.nan

    @property
    def spread(self) -> float:
        """What a unit of the pair costs net: its long leg less its short one [reporting currency]."""
        pairs = zip(self.legs, self.values, strict=True)
        return sum(float(leg.weight) * value for leg, value in pairs)

    def taking(self, leg: int) -> float:
        """Return what taking a leg of one unit of the pair costs [reporting currency]."""
        return abs(float(self.legs[leg].weight)) * self.costs[leg]

    @property
    def unhedged(self) -> float:
        """Value that is not hedged now [reporting currency]; NaN if there is some of unknown value."""
        if not self.is_apart(self.now):
            return 0.0
        one, two = self.units(self.now)
        return float(abs(one - two)) * self.unit_value

    @property
    def worst(self) -> float:
        """Largest value that may be unhedged, whichever of the orders fill [reporting currency]."""
        live = list(self.orders.live())
        if not live:
            return self.unhedged
        one, two = self.units(self.now)
        least = most = one - two
        for order in live:
            change = order.rest / self.legs[order.leg].weight * (1 if order.leg == 0 else -1)
            least, most = least + min(change, _ZERO), most + max(change, _ZERO)
        largest = max(abs(least), abs(most))
        return float(largest) * self.unit_value if largest else 0.0

    # -- over a restart ----------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON holds it."""
        return {
            "held": [str(quantity) for quantity in self.held],
            "weights": [str(leg.weight) for leg in self.legs],
            "values": list(self.values),
            "orders": self.orders.to_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `to_dict` gave, by the weights of what is held; costs are of the past."""
        self.held = [Decimal(text) for text in state["held"]]
        require(all(map(Decimal.is_finite, self.held)), "finite numbers held [units]", self.held)
        require(len(self.held) == len(self.legs), "two legs", self.held)
        if any(self.held) and "weights" in state:
            one, two = (
                replace(leg, weight=Decimal(text))
                for leg, text in zip(self.legs, state["weights"], strict=True)
            )
            self.legs = one, two
        one_value, two_value = state.get("values", self.values)
        self.values = [float(one_value), float(two_value)]
        self.orders.restore(state["orders"])
