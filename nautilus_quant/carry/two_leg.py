"""Two legs held together or not at all, as a state machine: events in, orders and news out."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_quant.carry.two_leg_mending import TwoLegMending
from nautilus_quant.carry.two_leg_orders import Outcome, Purpose
from nautilus_quant.carry.two_leg_terms import Style
from nautilus_quant.carry.two_leg_told import What

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.carry.two_leg_orders import LegOrder
    from nautilus_quant.carry.two_leg_terms import Leg
    from nautilus_quant.carry.two_leg_told import Action

_ZERO = Decimal(0)
_MOST_DOUBLINGS = 20


class TwoLeg(TwoLegMending):
    """
    One pair: brings both legs to a target, and keeps what is unhedged within a budget.

    Every event returns what is to be done now. Keep `to_dict` before doing it: a machine that is restored
    from there, and told by `reconcile` what became of its orders, goes on and sends nothing twice.

    Parameters
    ----------
    legs
        The two.
    params
        How they are traded.
    mark
        What ids of its orders begin with: letters and digits, at most 15, its own.

    Notes
    -----
    *What is guaranteed.* Count the value unhedged times the time, from one rest (legs even, no order on its
    way) to the next. It stays within ``max_unhedged`` as long as

    - venues answer within `answer` seconds: an order that reduces is filled, a cancel is obeyed or finds the
      order filled. Orders that add may be filled, filled in part, refused, or left lying;
    - values stand still, nobody else trades the legs, and the machine is told the time at `wake`.

    Where a venue does not answer, or refuses what reduces (it is asked again after `answer` seconds, then
    after twice as long each time, up to `pause`), or nobody runs the machine, that time comes on top: times
    the value of one part at most, as no part is begun before the one before is hedged. The budget holds again
    from three answers after that is over. Legs that differ by less than any order may be count as even.

    Once the budget is used up only what reduces is sent, and a leg that cannot be reduced is covered with the
    other, if that can be traded: never more than is held of the leg that cannot.

    *Never twice.* On each leg at most one order that opens lives, and at most one that reduces. An order
    whose end is not known counts as living for ever, whatever time has passed.

    """

    # -- events --------------------------------------------------------------------------------------------

    def want(
        self, target: Decimal, ts: int, *, edge: float | None = None, urgent: bool = False
    ) -> list[Action]:
        """
        Want so much of the pair, and allow to add to it.

        Parameters
        ----------
        target
            Signed [units of the pair].
        ts
            UNIX time [ns].
        edge
            What a unit of the pair is worth having [reporting currency], when one leg is there and the other
            is not: it is hedged while that costs no more than unwinding, plus this. ``None`` takes what the
            other leg cost now, which was accepted by wanting the pair.
        urgent
            Let nothing rest in the book.

        """
        self._begin(ts)
        self._hurry = self._hurry and target == self._target
        self._target, self._edge, self._urgent = target, edge, urgent
        self._reference = (self.book.spread, self.book.taking(0), self.book.taking(1))
        self._adding, self._barred = True, [False, False]
        return self._finish()

    def on_market(self, leg: int, value: float, cost: float, ts: int) -> None:
        """
        Learn what a unit of a leg is worth, and what taking it costs [reporting currency]; or NaN.

        What follows from it is told by the next event; `on_time` if there is none.
        """
        self._begin(ts)
        if math.isfinite(value) and value > 0.0:
            self.book.values[leg] = value
        self.book.costs[leg] = cost
        self._measure()

    def on_order(
        self, order_id: str, filled: Decimal, outcome: Outcome, ts: int, *, held: Decimal | None = None
    ) -> list[Action]:
        """
        Learn what became of an order; the same may be told twice, late, and in any order.

        Parameters
        ----------
        order_id
            Which; one that is not known changes nothing.
        filled
            All that has filled of it so far, not signed.
        outcome
            Whether more can come.
        ts
            UNIX time [ns].
        held
            Signed units held of its leg now, where that is known better than by adding up fills: some venues
            take their fee out of what was bought.

        """
        self._begin(ts)
        order = self.book.orders.get(order_id)
        if order is not None:
            self._learn(order, filled, outcome, held)
        return self._finish()

    def on_cancel_refused(self, order_id: str, ts: int) -> list[Action]:
        """Learn that an order could not be taken back; it lives until its venue says otherwise."""
        del order_id
        self._begin(ts)
        return self._finish()

    def on_held(self, leg: int, held: Decimal, ts: int) -> list[Action]:
        """Learn that somebody else has traded a leg: the other follows, and nothing is added until asked."""
        self._begin(ts)
        if self.book.held[leg] != held:
            self.book.held[leg] = held
            self._barred[leg] = True
            self._give_up(f"{self.book.legs[leg].name} was traded by somebody else")
        return self._finish()

    def on_venue(self, leg: int, ts: int, *, down: bool) -> list[Action]:
        """Learn that the venue of a leg cannot be reached, or can be again."""
        self._begin(ts)
        self._down[leg] = down
        self._anew = not down
        return self._finish()

    def halt(self, ts: int, *, on: bool = True) -> list[Action]:
        """Open nothing while this holds; what reduces goes on."""
        self._begin(ts)
        self._halted = on
        return self._finish()

    def leave(self, ts: int) -> list[Action]:
        """Open nothing any more, and mend at once what can be: nobody will run the machine for a while."""
        self._begin(ts)
        self._halted = self._forced = True
        return self._finish()

    def on_time(self, ts: int) -> list[Action]:
        """Let time pass; to be called at `wake`, and as often as one likes."""
        self._begin(ts)
        return self._finish()

    def reweigh(self, legs: tuple[Leg, Leg], ts: int) -> list[Action]:
        """Let other weights or lots hold from now on; the legs are brought to them."""
        self._begin(ts)
        self.book.legs = legs
        return self._finish()

    def suspend(self) -> None:
        """Send nothing until `reconcile`: what is held is not known yet."""
        self._known = False

    def reconcile(
        self,
        reports: Mapping[str, tuple[Decimal, Outcome] | None],
        held: tuple[Decimal | None, Decimal | None],
        ts: int,
        *,
        adopts: bool = False,
    ) -> list[Action]:
        """
        Learn, after `restore`, what became of every order that was alive, and what is held.

        Parameters
        ----------
        reports
            By id: filled so far and outcome; ``None`` for an order no venue has ever heard of. One that is
            not named lives on.
        held
            Signed units of both legs as the venue has them; ``None`` where it cannot be told for this pair.
        ts
            UNIX time [ns].
        adopts
            Whether what is matched is what is wanted: for a machine that knows nothing of the past.

        """
        self._begin(ts)
        for order_id, report in reports.items():
            order = self.book.orders.get(order_id)
            if order is None:
                continue
            if report is None:
                order.done = True
            else:
                self._learn(order, *report, None)
        for leg, quantity in enumerate(held):
            if quantity is not None:
                # Who closed it had a reason: it is not opened again before it is wanted again.
                self._barred[leg] |= abs(quantity) < abs(self.book.held[leg])
                self.book.held[leg] = quantity
        if adopts:
            self._target = self._rested = self.book.matched
        self._known = self._anew = True
        return self._finish()

    def _finish(self) -> list[Action]:
        if self._known:
            self._decide()
        self._measure()
        if self._known and self._is_pressed() and not self._forced:
            self._decide()
        return self._actions

    # -- learning --------------------------------------------------------------------------------------------

    def _learn(self, order: LegOrder, filled: Decimal, outcome: Outcome, held: Decimal | None) -> None:
        more = max(filled - order.filled, _ZERO)
        order.filled += more
        self.book.held[order.leg] += more.copy_sign(order.quantity) if more else _ZERO
        if held is not None and held != self.book.held[order.leg]:
            self.book.held[order.leg] = held
        over = outcome is not Outcome.WORKING or order.filled >= abs(order.quantity)
        if over and not order.done:
            order.done = True
            self._conclude(order, outcome)

    def _conclude(self, order: LegOrder, outcome: Outcome) -> None:
        leg = order.leg
        if order.filled >= abs(order.quantity):
            self._attempts[leg] = 0
            return
        if outcome is Outcome.CANCELED and 0 < order.canceled < order.due and not self._is_late(order):
            return  # taken back because nobody wants it any more
        if order.passive and order.canceled and outcome is Outcome.CANCELED:
            self._hurry |= order.reducing
            if not order.reducing:
                self._give_up(f"{self.book.legs[leg].name} did not fill in time")
            return
        if order.reducing or not order.passive:
            self._trouble = leg
        if order.reducing:
            self._attempts[leg] = 1 if order.filled else min(self._attempts[leg] + 1, _MOST_DOUBLINGS)
            wait = self._answer * 2 ** (self._attempts[leg] - 1)
            self._no_takes[leg] = self._ts + min(wait, self._pause)
            self._failed = self._failed or f"closing order of {self.book.legs[leg].name} {outcome.value}"
        else:
            self._no_adds[leg] = self._ts + self._pause
            self._give_up(f"order of {self.book.legs[leg].name} {outcome.value}")

    def _is_late(self, order: LegOrder) -> bool:
        return not order.passive and self._is_overdue(order)

    # -- deciding --------------------------------------------------------------------------------------------

    def _decide(self) -> None:
        if self._is_pressed() and not self._forced:
            self._forced, self._adding = True, False
            self._tell(What.FORCED, "what may be unhedged is used up")
        self._take_back()
        for _ in range(2):  # each leg at most once
            if not self._mend():
                break
        if not any(True for _ in self.book.orders.live()) and not self.book.is_apart(self.book.now):
            self._rest()
            self._pursue()

    def _rest(self) -> None:
        """Tell what the last orders led to, and begin a new budget."""
        matched, before = self.book.matched, self._rested
        self._rested, self._used, self._forced, self._stuck = matched, 0.0, False, False
        if self._failed:
            self._tell(What.FAILED, self._failed)
        if matched != before:
            self._hurry = self._hurry and bool(matched)
            if not self._failed:
                self._trouble = None
            what = What.CLOSED if not matched else What.RESIZED if before else What.OPENED
            self._tell(what, f"{before} to {matched} of {self._target}")
        self._failed = ""

    # -- towards the target ------------------------------------------------------------------------------

    def _pursue(self) -> None:
        if any(self._down):
            return
        matched, target = self.book.matched, self._target
        if matched and (matched * target <= 0 or abs(target) < abs(matched)):
            self._close(_ZERO if matched * target <= 0 else target)
        elif self._adding and not self._halted and all(self._ts >= at for at in self._no_adds):
            self._open(matched, target)

    def _open(self, matched: Decimal, target: Decimal) -> None:
        part = self._part()
        if part is None:
            return
        goal = matched + min(abs(target - matched), part).copy_sign(target)
        changes = self._changes(goal)
        legs = zip(self.book.legs, changes, self.book.values, strict=True)
        if any(
            change * leg.weight * target <= 0 or abs(change) < leg.smallest(value)
            for leg, change, value in legs
        ):
            return
        self._lead(changes, reducing=False)

    def _close(self, target: Decimal) -> None:
        if any(self._ts < at for at in self._no_takes):
            return
        changes = list(self._changes(self._next_stop(target)))
        for leg, change in enumerate(changes):
            held = self.book.now
            quantity = self.book.takes(leg, change, held) if change * held[leg] < 0 else _ZERO
            changes[leg] = -quantity.copy_sign(held[leg])
        if all(changes):  # what is too small for one of them stays hedged
            self._lead((changes[0], changes[1]), reducing=True)

    def _next_stop(self, target: Decimal) -> Decimal:
        """Return how far to close now, so that what is left can still be traded."""
        matched, part = self.book.matched, self._part()
        if part is None or abs(matched - target) <= part:
            return target
        legs = zip(self.book.legs, self.book.values, strict=True)
        least = max(leg.smallest(value) / abs(leg.weight) for leg, value in legs)
        if abs(matched - target) < 2 * least:
            return target
        left = max(abs(matched) - part, abs(target) or least)
        return left.copy_sign(matched)

    def _part(self) -> Decimal | None:
        """Return how much may go at once [units of the pair]; ``None`` when nobody can tell."""
        value = self.book.unit_value
        if not (math.isfinite(value) and value > 0.0):
            return None
        bounds = [Decimal(repr(self.params.part / value))]
        bounds += [leg.lot.maximum / abs(leg.weight) for leg in self.book.legs if leg.lot.maximum is not None]
        return min(bounds)

    def _changes(self, goal: Decimal) -> tuple[Decimal, Decimal]:
        """Return what leads to a goal of whole lots in both legs, as even as they allow."""
        wholes = [leg.lot.floor(goal * leg.weight) for leg in self.book.legs]
        one, two = self.book.units((wholes[0], wholes[1]))
        even = min(one, two, key=abs)
        wants = [leg.lot.floor(even * leg.weight) for leg in self.book.legs]
        return wants[0] - self.book.held[0], wants[1] - self.book.held[1]

    def _lead(self, changes: tuple[Decimal, Decimal], *, reducing: bool) -> None:
        """Send what goes first; what follows it is sent as it fills."""
        rests = self.params.style is Style.PASSIVE_AGGRESSIVE and not (self._urgent or self._hurry)
        legs = [0, 1]
        if self._trouble is not None:
            legs, rests = [self._trouble], False
        elif rests:
            legs = [self.params.lead]
        for leg in legs:
            self._place(leg, changes[leg], Purpose.LEAD, passive=rests, reducing=reducing)
