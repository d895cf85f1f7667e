"""How two legs that are apart are brought together: covered, or taken back."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_quant.carry.two_leg_orders import Purpose
from nautilus_quant.carry.two_leg_state import TwoLegState
from nautilus_quant.carry.two_leg_told import Cancel, What

if TYPE_CHECKING:
    from nautilus_quant.carry.two_leg_orders import LegOrder

_ZERO = Decimal(0)


class TwoLegMending(TwoLegState):
    """A pair that takes back orders nobody wants any more, and mends legs that are apart."""

    # -- taking back -----------------------------------------------------------------------------------------

    def _take_back(self) -> None:
        for order in list(self.book.orders.live()):
            asked = not self._anew and order.asked and self._ts < order.asked + self._again(order)
            if not asked and (order.canceled or self._is_unwanted(order)):
                self._ask_back(order)
        self._anew = False

    def _ask_back(self, order: LegOrder) -> None:
        order.canceled = order.canceled or self._ts
        order.asked = self._ts
        self._actions.append(Cancel(order.id))

    def _is_unwanted(self, order: LegOrder) -> bool:
        if self._ts >= order.due:
            return True
        if self._forced:
            return order.passive or self._is_overdue(order)
        if order.purpose is not Purpose.LEAD:
            return False
        return self._leads_astray(order)

    def _leads_astray(self, order: LegOrder) -> bool:
        """Tell whether what goes first would go where nobody wants to be any more."""
        leg = self.book.legs[order.leg]
        held, wanted = self.book.held[order.leg], self._target * leg.weight
        after = held + order.rest
        if order.reducing:
            short = held * wanted > 0 and abs(after) < abs(wanted) - leg.lot.step
            return short or (order.passive and self._urgent)
        beyond = after * wanted < 0 or abs(after) > abs(wanted) + leg.lot.step
        return beyond or not self._adding or self._halted or any(self._down)

    # -- mending ---------------------------------------------------------------------------------------------

    def _mend(self) -> bool:
        """Send what brings the legs together again; say whether something was sent."""
        held = self._expected()
        if held is None:
            return False
        book = self.book
        ahead = book.ahead(held)
        # When time is up only what reduces is sure to bring both to rest: a hedge that is late goes astray.
        hedges = not self._forced and self._prefers_hedge(ahead, held)
        ways = [self._hedge, self._unwind] if hedges else [self._unwind, self._hedge]
        if hedges and self._waits_for_more(ahead, held):
            return False
        if hedges and self._is_in_doubt(1 - ahead):
            return False
        if ways[0](ahead, held):
            if not hedges and self._is_wanted(ahead, held):
                self._give_up(f"{book.legs[ahead].name} costs less to take back than to hedge")
            return True
        if (hedges or self._forced) and ways[1](ahead, held):
            return True
        self._note_stuck()
        return False

    def _expected(self) -> tuple[Decimal, Decimal] | None:
        """Return what will be held once what already mends has filled; ``None`` when that is enough."""
        book = self.book
        if not book.is_apart(book.now):
            return None
        excess = [book.excess(leg, book.now) for leg in (0, 1)]
        mends = [
            order
            for order in book.orders.live()
            if order.rest * excess[order.leg] < 0 and self._is_counted_on(order)
        ]
        held = book.with_orders(mends)
        enough = book.excess(0, held) * excess[0] <= 0
        return None if enough or not book.is_apart(held) else held

    def _note_stuck(self) -> None:
        if self._forced and not self._stuck and not self._has_mending():
            self._stuck = True
            self._tell(What.STUCK, "neither leg can be traded now")

    def _has_mending(self) -> bool:
        return any(self._is_counted_on(order) for order in self.book.orders.live())

    def _prefers_hedge(self, ahead: int, held: tuple[Decimal, Decimal]) -> bool:
        """Weigh what covering the leg that is ahead costs against what taking it back costs."""
        if self._halted or not self._is_wanted(ahead, held):
            return False
        spread, *references = self._reference
        edge = references[1 - ahead] if self._edge is None else self._edge
        drift = (self.book.spread - spread) * (1.0 if self._target > 0 else -1.0)
        # NaN, where something is not known, is not less than anything: taken back.
        return self.book.taking(1 - ahead) + drift - edge <= self.book.taking(ahead)

    def _is_wanted(self, ahead: int, held: tuple[Decimal, Decimal]) -> bool:
        """Tell whether there may be as much of the pair as there is of the leg that is ahead."""
        one, two = self.book.units(held)
        most = (one, two)[ahead]
        return one * two >= 0 and most * self._target > 0 and abs(most) <= abs(self._target)

    def _waits_for_more(self, ahead: int, held: tuple[Decimal, Decimal]) -> bool:
        """Tell whether too little to hedge has filled of an order that may fill more."""
        working = any(not item.canceled and not item.reducing for item in self.book.orders.live(ahead))
        return working and not self.book.adds(ahead, held)

    def _is_in_doubt(self, leg: int) -> bool:
        """Tell whether an order that adds may still end one way or the other."""
        return any(
            not order.reducing and not (order.canceled and self._ts >= order.canceled + self._answer)
            for order in self.book.orders.live(leg)
        )

    def _hedge(self, ahead: int, held: tuple[Decimal, Decimal]) -> bool:
        leg = 1 - ahead
        one, two = self.book.units(held)
        quantity = self.book.adds(ahead, held)
        if one * two < 0 or not quantity or self._bars(leg):
            return False
        live = list(self.book.orders.live(leg))
        if any(not order.reducing or not self._forced for order in live):
            return False
        self._place(leg, quantity.copy_sign(-self.book.excess(leg, held)), Purpose.HEDGE)
        return True

    def _bars(self, leg: int) -> bool:
        return self._down[leg] or self._barred[leg] or self._ts < self._no_adds[leg]

    def _unwind(self, ahead: int, held: tuple[Decimal, Decimal]) -> bool:
        book = self.book
        if self._down[ahead] or self._ts < self._no_takes[ahead]:
            return False
        if any(order.reducing for order in book.orders.live(ahead)):
            return False
        for order in book.orders.live(ahead):
            if not order.canceled:
                self._give_up(f"{book.legs[ahead].name} is taken back")
                self._ask_back(order)
        if not self._forced and self._is_in_doubt(ahead):
            return False
        quantity = book.takes(ahead, book.excess(ahead, held), book.now)
        if not quantity:
            return False
        self._place(ahead, -quantity.copy_sign(book.held[ahead]), Purpose.UNWIND, reducing=True)
        return True
