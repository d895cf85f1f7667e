"""Two legs held together or not at all, as a state machine: events in, orders and news out."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_quant.carry.two_leg_book import PairBook
from nautilus_quant.carry.two_leg_orders import LegOrder, Outcome, Purpose
from nautilus_quant.carry.two_leg_terms import RESERVE, Style, nanos
from nautilus_quant.carry.two_leg_told import Cancel, PairChange, Phase, Place, What

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.carry.two_leg_terms import Leg, TwoLegParams
    from nautilus_quant.carry.two_leg_told import Action

_ZERO = Decimal(0)
_SECONDS = 1e-9
_MOST_DOUBLINGS = 20


class TwoLeg:
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
    *What is guaranteed.* Let the budget be ``max_unhedged``, and count the value unhedged times the time from
    one rest (legs even, no order on its way) to the next. It stays within the budget as long as values stand
    still, the machine is told the time at `wake`, every venue answers every order and every cancel within
    `answer` seconds, and at most one order that mends is refused once the budget is nearly used up. Whatever
    is beyond that is the time for which venues did not answer or refused, or nobody ran the machine, times at
    most what was unhedged at its worst: `TwoLegParams.part`, as no part is begun before the last is done.
    What is too small to trade does not count.

    *Never twice.* On each leg at most one order that opens lives, and at most one that reduces. An order
    whose end is not known counts as living for ever, whatever time has passed.

    """

    def __init__(self, legs: tuple[Leg, Leg], params: TwoLegParams, mark: str) -> None:
        self.params = params
        self.book = PairBook(legs, mark)
        self._target = _ZERO
        self._edge: float | None = None
        self._reference = (math.nan, math.nan, math.nan)  # spread, and cost of each leg, when it was wanted
        self._adding = self._urgent = self._halted = False
        self._forced = self._stuck = False
        self._known = True
        self._anew = False  # whether cancels are asked again at once
        self._hurry = False  # a closing that rested did not fill
        self._trouble: int | None = None  # leg that failed last: goes alone and first
        self._failed = ""
        self._rested = _ZERO  # matched when it last was at rest
        self._down = [False, False]
        self._no_adds = [0, 0]  # until when a leg may not open [ns]
        self._no_takes = [0, 0]  # until when a leg is not reduced again [ns]
        self._barred = [False, False]  # legs somebody else has traded: not opened until wanted again
        self._attempts = [0, 0]
        self._used = 0.0
        self._rate = 0.0
        self._ts = 0
        self._answer, self._timeout = nanos(params.answer), nanos(params.leg_timeout)
        self._pause = nanos(params.pause)
        self._actions: list[Action] = []

    # -- what it is asked --------------------------------------------------------------------------------

    @property
    def target(self) -> Decimal:
        """Wanted, signed: more is longer in legs of positive weight [units of the pair]."""
        return self._target

    @property
    def matched(self) -> Decimal:
        """Hedged, signed [units of the pair]."""
        return self.book.matched

    @property
    def held(self) -> tuple[Decimal, Decimal]:
        """Signed units of both legs [base coin, or contracts]."""
        return self.book.now

    @property
    def unhedged(self) -> float:
        """Value that is not hedged now [reporting currency]."""
        return self.book.unhedged

    @property
    def used(self) -> float:
        """Of the budget since it was last at rest [reporting currency times seconds]."""
        return self._used

    @property
    def phase(self) -> Phase:
        """Where it is."""
        if not self._known:
            return Phase.UNKNOWN
        if self.book.is_apart(self.book.now):
            return Phase.UNHEDGED
        if any(True for _ in self.book.orders.live()):
            return Phase.TRADING
        return Phase.HEDGED if self.book.matched else Phase.FLAT

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

    def on_market(self, leg: int, value: float, cost: float, ts: int) -> list[Action]:
        """Learn what a unit of a leg is worth, and what taking it costs [reporting currency]; or NaN."""
        self._begin(ts)
        if math.isfinite(value) and value > 0.0:
            self.book.values[leg] = value
        self.book.costs[leg] = cost
        return self._finish()

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
                self.book.held[leg] = quantity
        if adopts:
            self._target = self._rested = self.book.matched
        self._known = self._anew = True
        return self._finish()

    # -- time and money --------------------------------------------------------------------------------------

    def _begin(self, ts: int) -> None:
        ts = max(ts, self._ts)
        if self._rate and ts > self._ts > 0:
            self._used += self._rate * (ts - self._ts) * _SECONDS
        self._ts = ts
        self._actions = []

    def _finish(self) -> list[Action]:
        if self._known:
            self._decide()
        rate = self.book.unhedged
        # Unknown is not nothing: without any value a budget cannot last.
        self._rate = rate if math.isfinite(rate) else math.inf
        if self._known and self._is_pressed() and not self._forced:
            self._decide()
        return self._actions

    def _is_pressed(self) -> bool:
        reserve = RESERVE * self.params.answer * self.book.worst
        return not self._used + reserve < self.params.max_unhedged and reserve != 0.0

    @property
    def wake(self) -> int | None:
        """When it wants to hear `on_time` next, UNIX time [ns]; ``None`` if nothing waits for a time."""
        times = [at for at in self._times() if at > self._ts]
        return min(times, default=None)

    def _times(self) -> list[int]:
        times: list[int] = []
        for order in self.book.orders.live():
            times += [order.sent + self._answer, order.due, order.canceled + self._again(order)]
            times.append(order.canceled + self._answer)
        if not self._forced and 0.0 < self._rate < math.inf:
            left = self.params.max_unhedged - self._used - RESERVE * self.params.answer * self.book.worst
            times.append(self._ts + max(nanos(left / self._rate), 0) + 1)
        return times + self._no_adds + self._no_takes

    def _again(self, order: LegOrder) -> int:
        """Return how long to wait for the answer to a cancel before it is asked again [ns]."""
        early = self._ts < order.due + self._pause
        return self._answer if early else self._pause

    # -- learning --------------------------------------------------------------------------------------------

    def _learn(self, order: LegOrder, filled: Decimal, outcome: Outcome, held: Decimal | None) -> None:
        more = max(filled - order.filled, _ZERO)
        order.filled += more
        self.book.held[order.leg] += more.copy_sign(order.quantity) if more else _ZERO
        if held is not None:
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
        if order.passive and order.canceled and outcome is Outcome.CANCELED:
            self._hurry |= order.reducing
            if not order.reducing:
                self._give_up(f"{self.book.legs[leg].name} did not fill in time")
            return
        if outcome is Outcome.CANCELED and 0 < order.canceled < order.due and not self._is_overdue(order):
            return  # taken back because nobody wants it any more
        self._trouble = leg
        if order.reducing:
            self._attempts[leg] = 1 if order.filled else min(self._attempts[leg] + 1, _MOST_DOUBLINGS)
            wait = self._answer * 2 ** (self._attempts[leg] - 1)
            self._no_takes[leg] = self._ts + min(wait, self._pause)
            self._failed = self._failed or f"closing order of {self.book.legs[leg].name} {outcome.value}"
        else:
            self._no_adds[leg] = self._ts + self._pause
            self._give_up(f"order of {self.book.legs[leg].name} {outcome.value}")

    def _give_up(self, why: str) -> None:
        self._adding = False
        self._failed = self._failed or why

    # -- deciding --------------------------------------------------------------------------------------------

    def _decide(self) -> None:
        if self._is_pressed() and not self._forced:
            self._forced = True
            self._tell(What.FORCED, "what may be unhedged is used up")
        self._take_back()
        for _ in range(2):  # each leg at most once
            if not self._mend():
                break
        if not any(True for _ in self.book.orders.live()) and not self.book.is_apart(self.book.now):
            self._rest()
            self._pursue()

    def _tell(self, what: What, reason: str) -> None:
        book = self.book
        change = PairChange(
            what=what,
            ts=self._ts,
            reason=reason,
            target=self._target,
            matched=book.matched,
            held=book.now,
            unhedged=book.unhedged,
            used=self._used,
        )
        self._actions.append(change)

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

    # -- taking back -----------------------------------------------------------------------------------------

    def _take_back(self) -> None:
        for order in list(self.book.orders.live()):
            asked = not self._anew and order.canceled and self._ts < order.canceled + self._again(order)
            if not asked and (order.canceled or self._is_unwanted(order)):
                order.canceled = self._ts
                self._actions.append(Cancel(order.id))
        self._anew = False

    def _is_unwanted(self, order: LegOrder) -> bool:
        if self._ts >= order.due:
            return True
        if self._forced:
            return order.passive or self._is_overdue(order)
        if order.purpose is not Purpose.LEAD:
            return False
        return self._leads_astray(order)

    def _is_overdue(self, order: LegOrder) -> bool:
        return self._ts >= order.sent + self._answer

    def _leads_astray(self, order: LegOrder) -> bool:
        """Tell whether what goes first would go where nobody wants to be any more."""
        leg = self.book.legs[order.leg]
        after, wanted = self.book.held[order.leg] + order.rest, self._target * leg.weight
        if order.reducing:
            short = after * wanted >= 0 and abs(after) < abs(wanted) - leg.lot.step
            return short or (order.passive and self._urgent)
        beyond = after * wanted < 0 or abs(after) > abs(wanted) + leg.lot.step
        return beyond or not self._adding or self._halted or any(self._down)

    def _is_counted_on(self, order: LegOrder) -> bool:
        doubtful = order.canceled or self._down[order.leg] or self._ts >= order.due
        return not (order.passive or doubtful or (self._forced and self._is_overdue(order)))

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
        one, two = self.book.units(held)
        most = (one, two)[ahead]
        if self._halted or one * two < 0 or most * self._target <= 0 or abs(most) > abs(self._target):
            return False
        spread, *references = self._reference
        edge = references[1 - ahead] if self._edge is None else self._edge
        drift = (self.book.spread - spread) * (1.0 if self._target > 0 else -1.0)
        # NaN, where something is not known, is not less than anything: taken back.
        return self.book.taking(1 - ahead) + drift - edge <= self.book.taking(ahead)

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
                order.canceled = self._ts
                self._actions.append(Cancel(order.id))
        if not self._forced and self._is_in_doubt(ahead):
            return False
        quantity = book.takes(ahead, book.excess(ahead, held), book.now)
        if not quantity:
            return False
        self._place(ahead, -quantity.copy_sign(book.held[ahead]), Purpose.UNWIND, reducing=True)
        return True

    def _place(
        self, leg: int, quantity: Decimal, purpose: Purpose, *, passive: bool = False, reducing: bool = False
    ) -> None:
        order_id = self.book.orders.next_id(self._ts)
        due = self._ts + self._timeout
        order = LegOrder(order_id, leg, quantity, purpose, passive, reducing, self._ts, due)
        self.book.orders.add(order)
        self._actions.append(
            Place(
                id=order_id, leg=leg, quantity=quantity, purpose=purpose, passive=passive, reducing=reducing
            )
        )

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
        least = max((leg.lot.minimum or leg.lot.step) / abs(leg.weight) for leg in self.book.legs)
        if abs(matched - target) < 2 * least:
            return target
        left = max(abs(matched) - part, abs(target) + least if target == 0 else abs(target))
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

    # -- over a restart ----------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON holds it."""
        return {
            "book": self.book.to_dict(),
            "target": str(self._target),
            "rested": str(self._rested),
            "used": self._used,
            "rate": self._rate,
            "ts": self._ts,
            "trouble": self._trouble,
            "forced": self._forced,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """
        Go on from what `to_dict` gave; until `reconcile` nothing is sent, and until `want` nothing is added.

        Raises
        ------
        KeyError, ValueError
            If it is not what `to_dict` gave.

        """
        self.book.restore(state["book"])
        self._target, self._rested = Decimal(state["target"]), Decimal(state["rested"])
        self._used, self._rate, self._ts = float(state["used"]), float(state["rate"]), int(state["ts"])
        self._trouble = state["trouble"]
        self._forced = bool(state["forced"])
        self._adding = False
        self._known = False
