"""Two venues that do what they are told: late, in part, not at all; and a machine that may die any time."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass
from decimal import Decimal

from nautilus_quant.carry.two_leg import TwoLeg
from nautilus_quant.carry.two_leg_orders import Outcome
from nautilus_quant.carry.two_leg_terms import Leg, TwoLegParams
from nautilus_quant.carry.two_leg_told import Cancel, PairChange, Place
from nautilus_quant.portfolio.sizing import Lot

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
ZERO = Decimal(0)
VALUES = (100.0, 100.0)
COSTS = (0.1, 0.1)
GRACE = 3.0  # answers after a trouble is over


@dataclass
class VenueOrder:
    """An order as its venue knows it."""

    id: str
    leg: int
    quantity: Decimal
    reducing: bool
    passive: bool
    fate: str
    mends: bool
    filled: Decimal = ZERO
    arrived: bool = False
    live: bool = True

    @property
    def rest(self) -> Decimal:
        return (abs(self.quantity) - self.filled).copy_sign(self.quantity)


class World:
    """
    Both venues, the wire, and the machine.

    `fates` are what market orders meet at each venue: ``fill``, ``parts`` (half now, half later), ``thin`` (a
    third, the rest is taken back), ``refuse``, ``idle`` (taken, and not filled), ``race`` (filled only when
    it is to be taken back), ``lose`` (never arrives). `deaf` venues refuse cancels. A venue
    that is `away` hears and tells nothing until it is back.
    """

    def __init__(
        self, params: TwoLegParams, lots: tuple[Lot, Lot], weights=(1, -1), *, strict: bool = False
    ) -> None:
        self.params, self.weights = params, [Decimal(weight) for weight in weights]
        pairs = zip("AB", self.weights, lots, strict=True)
        self.legs = tuple(Leg(name=name, weight=weight, lot=lot) for name, weight, lot in pairs)
        self.strict = strict  # what reduces is always taken, and a refused hedge is no excuse
        self.now = START
        self.positions = [ZERO, ZERO]
        self.orders: dict[str, VenueOrder] = {}
        self.fates, self.latency = ["fill", "fill"], [0.1, 0.1]
        self.deaf, self.away = [False, False], [False, False]
        self.backlog: list[list] = [[], []]  # what waits for a venue to be back
        self.wire: list = []
        self.count = itertools.count()
        self.ceiling = ZERO  # [units of the pair]
        self.changes: list[PairChange] = []
        self.budget = self.largest = 0.0
        self.excused_until = START
        self.machine: TwoLeg | None = self._new_machine()
        self.document = self.machine.to_dict()
        self.dies_after: int | None = None  # actions that are still done
        self.tell_market()

    def _new_machine(self) -> TwoLeg:
        return TwoLeg(self.legs, self.params, "X")

    # -- what is true ------------------------------------------------------------------------------------

    def units(self, leg: int) -> Decimal:
        return self.positions[leg] / self.weights[leg]

    @property
    def dust(self) -> Decimal:
        """What is too small to trade [units of the pair]."""
        return max((leg.lot.minimum or leg.lot.step) / abs(leg.weight) for leg in self.legs)

    @property
    def apart(self) -> Decimal:
        return abs(self.units(0) - self.units(1))

    @property
    def unhedged(self) -> float:
        return float(self.apart) * max(VALUES) if self.apart >= self.dust else 0.0

    def live(self) -> list[VenueOrder]:
        return [order for order in self.orders.values() if order.live]

    @property
    def troubled(self) -> bool:
        """Whether a venue does not answer, or nobody runs the machine."""
        lost = any(order.fate == "lose" for order in self.live())
        return self.machine is None or lost or any(self.away) or any(self.deaf)

    def excuse(self, seconds: float = 0.0) -> None:
        until = self.now + int((seconds + GRACE * self.params.answer) * SECOND)
        self.excused_until = max(self.excused_until, until)

    # -- time ------------------------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        end = self.now + int(seconds * SECOND)
        for _ in range(20_000):
            wake = None if self.machine is None else self.machine.wake
            at = min([end, *(entry[0] for entry in self.wire[:1]), *([] if wake is None else [wake])])
            self._pass(at)
            if self.wire and self.wire[0][0] <= self.now:
                heapq.heappop(self.wire)[2]()
            elif wake is not None and wake <= self.now:
                self.do(self.machine.on_time(self.now))
            elif at >= end:
                return
        raise AssertionError("never comes to rest")

    def _pass(self, at: int) -> None:
        """Count what is unhedged, as long as nobody has an excuse."""
        since = at if self.troubled else max(self.now, min(at, self.excused_until))
        self.budget += self.unhedged * (at - since) / SECOND
        self.now = max(self.now, at)
        if self.troubled:
            self.excuse()
        self.largest = max(self.largest, self.budget)
        if not self.live() and not self.unhedged:
            self.budget = 0.0

    def send(self, leg: int, call, seconds: float) -> None:
        """Bring something to a venue or back, or keep it until the venue is there again."""

        def arrive() -> None:
            (self.backlog[leg].append(call) if self.away[leg] else call())

        heapq.heappush(self.wire, (self.now + int(seconds * SECOND), next(self.count), arrive))

    # -- the machine's hands -----------------------------------------------------------------------------

    def do(self, actions) -> None:
        if actions and self.machine is not None:
            self.document = self.machine.to_dict()
        for action in actions:
            if isinstance(action, PairChange):
                self.changes.append(action)
                continue
            if self.dies_after is not None:
                if self.dies_after == 0:
                    self.die()
                    return
                self.dies_after -= 1
            if isinstance(action, Place):
                self._place(action)
            elif isinstance(action, Cancel):
                self._cancel(action.id)

    def die(self) -> None:
        self.machine, self.dies_after = None, None

    def _place(self, place: Place) -> None:
        assert place.id not in self.orders, "an order is sent twice"
        legs = [order for order in self.live() if order.leg == place.leg]
        assert not any(order.reducing is place.reducing for order in legs), "an order is doubled"
        lot = self.legs[place.leg].lot
        assert place.quantity % lot.step == 0
        assert abs(place.quantity) >= (lot.minimum or lot.step)
        if place.reducing:
            assert self.machine.held[place.leg] * place.quantity < 0
            assert abs(place.quantity) <= abs(self.machine.held[place.leg])
        order = VenueOrder(
            place.id,
            place.leg,
            place.quantity,
            place.reducing,
            place.passive,
            "fill" if self.strict and place.reducing else self.fates[place.leg],
            place.purpose.value != "lead",
        )
        self.orders[order.id] = order
        if order.fate == "lose":
            self.excuse()
            return
        latency = self.latency[place.leg]
        self.send(place.leg, lambda: self._arrive(order), 0.5 * latency)

    def _cancel(self, order_id: str) -> None:
        order = self.orders.get(order_id)
        if order is None:  # died before it was sent
            return
        self.send(order.leg, lambda: self._take_back(order), 0.5 * self.latency[order.leg])

    # -- venues ----------------------------------------------------------------------------------------------

    def _arrive(self, order: VenueOrder) -> None:
        order.arrived = True
        if not order.live:
            return
        if order.passive or order.fate in ("idle", "race"):
            self._mind(order)
            self.report(order, Outcome.WORKING)
        elif order.fate == "refuse":
            order.live = False
            self._mind(order)
            self.report(order, Outcome.REFUSED)
        elif order.fate == "thin":
            self.fill(order, self._share(order, Decimal(1) / 3))
            order.live = False
            self._mind(order)
            self.report(order, Outcome.CANCELED)
        elif order.fate == "parts":
            self.fill(order, self._share(order, Decimal(1) / 2))
            self.report(order, Outcome.WORKING)
            self.send(order.leg, lambda: self._rest(order), 0.4 * self.latency[order.leg])
        else:
            self._rest(order)

    def _mind(self, order: VenueOrder) -> None:
        if not (self.strict or order.passive):  # it is not tried again at once
            self.excuse(self.params.pause)

    def _rest(self, order: VenueOrder) -> None:
        if order.live:
            self.fill(order, abs(order.rest))
            self.report(order, Outcome.FILLED if not order.rest else Outcome.CANCELED)
            order.live = False

    def _share(self, order: VenueOrder, share: Decimal) -> Decimal:
        return self.legs[order.leg].lot.floor(abs(order.rest) * share)

    def fill(self, order: VenueOrder, quantity: Decimal) -> None:
        if order.reducing:  # never through flat
            against = self.positions[order.leg] * order.quantity < 0
            quantity = min(quantity, abs(self.positions[order.leg])) if against else ZERO
        order.filled += quantity
        self.positions[order.leg] += quantity.copy_sign(order.quantity) if quantity else ZERO
        assert abs(self.units(order.leg)) <= self.ceiling, "more is held than was ever wanted"

    def fill_resting(self, leg: int, share: Decimal) -> None:
        """Somebody takes a share of what rests in the book."""
        for order in self.live():
            if order.leg == leg and order.passive and order.arrived:
                self.fill(order, self._share(order, share))
                over = not order.rest
                order.live = not over
                self.report(order, Outcome.FILLED if over else Outcome.WORKING)

    def _take_back(self, order: VenueOrder) -> None:
        if self.deaf[order.leg] or not order.live:
            self.send(order.leg, lambda: self._refused_cancel(order), 0.4 * self.latency[order.leg])
            return
        if not order.arrived:
            return  # asks again, if it ever arrives
        if order.fate == "race" and not order.passive:
            self._rest(order)
            return
        order.live = False
        self.report(order, Outcome.CANCELED)

    def _refused_cancel(self, order: VenueOrder) -> None:
        if self.machine is not None:
            self.do(self.machine.on_cancel_refused(order.id, self.now))

    def report(self, order: VenueOrder, outcome: Outcome) -> None:
        filled = order.filled

        def tell() -> None:
            if self.machine is not None:
                self.do(self.machine.on_order(order.id, filled, outcome, self.now))

        self.send(order.leg, tell, 0.4 * self.latency[order.leg])

    # -- what happens to it ------------------------------------------------------------------------------

    def tell_market(self) -> None:
        for leg in (0, 1):
            if self.machine is not None:
                self.machine.on_market(leg, VALUES[leg], COSTS[leg], self.now)

    def want(self, target: Decimal, *, urgent: bool = False) -> None:
        if self.machine is None:
            return
        coming = [
            abs(order.rest) / abs(self.weights[order.leg]) for order in self.live() if not order.reducing
        ]
        held = [abs(self.units(leg)) for leg in (0, 1)]
        held += map(abs, self.machine.book.units(self.machine.held))
        self.ceiling = max([abs(target), *held]) + sum(coming)
        self.tell_market()
        if self.machine is not None:
            self.do(self.machine.want(target, self.now, urgent=urgent))

    def leave(self, leg: int) -> None:
        """A venue is away; the machine is told."""
        self.away[leg] = True
        self.excuse()
        if self.machine is not None:
            self.do(self.machine.on_venue(leg, self.now, down=True))

    def go_silent(self, leg: int) -> None:
        """A venue is away, and nobody knows."""
        self.away[leg] = True
        self.excuse()

    def come_back(self, leg: int) -> None:
        self.excuse()
        self.away[leg] = False
        calls, self.backlog[leg] = self.backlog[leg], []
        for call in calls:
            call()
        if self.machine is not None:
            self.do(self.machine.on_venue(leg, self.now, down=False))
        if self.machine is not None:
            self.find_lost(leg)

    def find_lost(self, leg: int) -> None:
        """Tell what became of orders of a venue that answers, also of those it has never heard of."""
        self.excuse()
        reports = {}
        for order in list(self.machine.book.orders.live(leg)):
            reports[order.id] = self._report_of(order.id)
        held = [self.positions[leg] if leg == one else None for one in (0, 1)]
        self.do(self.machine.reconcile(reports, (held[0], held[1]), self.now))

    def _report_of(self, order_id: str) -> tuple[Decimal, Outcome] | None:
        order = self.orders.get(order_id)
        if order is None:
            return None
        if order.fate == "lose" and not order.arrived:
            order.live = False
            return None
        if order.live:
            return order.filled, Outcome.WORKING
        return order.filled, Outcome.CANCELED if order.rest else Outcome.FILLED

    def trade_by_others(self, leg: int) -> None:
        """Somebody closes a leg that is at rest, and the node hears of it."""
        busy = any(order.leg == leg for order in self.live())
        late = self.machine is not None and self.machine.held[leg] != self.positions[leg]
        if busy or late or self.away[leg]:
            return
        self.positions[leg] = ZERO
        self.excuse()
        if self.machine is not None:
            self.do(self.machine.on_held(leg, ZERO, self.now))

    def restart(self) -> None:
        """Start from what was kept; what venues that answer know is told at once."""
        self.machine = self._new_machine()
        self.machine.restore(self.document)
        self.excuse()
        self.tell_market()
        reports = {
            order.id: self._report_of(order.id)
            for order in self.machine.book.orders.live()
            if not self.away[order.leg]
        }
        held = [None if away else self.positions[leg] for leg, away in enumerate(self.away)]
        self.do(self.machine.reconcile(reports, (held[0], held[1]), self.now))

    def calm(self) -> None:
        """All venues are well again and stay so."""
        self.dies_after = None
        self.fates, self.latency, self.deaf = ["fill", "fill"], [0.1, 0.1], [False, False]
        for leg in (0, 1):
            if self.away[leg]:
                self.come_back(leg)
        if self.machine is None:
            self.restart()
        for leg in (0, 1):
            self.find_lost(leg)
