"""The exits of one position at its venue: sent, resized and replaced without ever leaving it bare."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_quant.host.exits_orders import Rung
from nautilus_quant.host.exits_working import Sent, WorkingExits, leaves
from nautilus_quant.portfolio.exits import NOTHING, Exit, Kind, Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nautilus_trader.model.events import OrderEvent
    from nautilus_trader.model.identifiers import ClientOrderId
    from nautilus_trader.model.orders import Order
    from nautilus_trader.model.position import Position

    from nautilus_quant.host.exits_orders import ExitOrders
    from nautilus_quant.portfolio.exits_ladder import ExitLadder

_ZERO = Decimal(0)
SECOND = 1_000_000_000
_LONGEST = 60 * SECOND
_ALL = Rung(Kind.STOP, 99, 0, market=True)

type Tell = Callable[[str, str, str], None]
"""Takes a severity, what it is about, and a text."""


class ExitDesk:
    """
    Brings the orders of one position in line with a plan.

    A stop is cancelled only when those accepted without it cover the position. Targets are cancelled before
    others are sent, so that they never close more than is held.

    Parameters
    ----------
    position
        The position.
    ladder
        Its rule.
    orders
        How orders are sent.
    own_side
        Kinds that rest at no venue, because it cannot be or was refused.
    retries
        Rejects in a row after which a kind is watched for here.
    modifies
        Whether stops are changed, and not replaced.
    tell
        Who is told what a person should know.

    """

    def __init__(
        self,
        position: Position,
        ladder: ExitLadder,
        orders: ExitOrders,
        *,
        own_side: Iterable[Kind],
        retries: int,
        modifies: bool,
        tell: Tell,
    ) -> None:
        self.position = position
        self.ladder = ladder
        self.own_side = set(own_side)
        self.alert = 0
        """When it has asked to be woken, UNIX time [ns]; 0 for not."""
        self.was_flat = False
        """Whether the position has been closed, so that what comes next is another one."""
        self.begins = 0
        """From when on it sends anything, UNIX time [ns]."""
        self.covered = _ZERO
        """What other orders protect: somebody else's stops."""
        self.retry = 0
        """When to settle again without an event, UNIX time [ns]; 0 for not."""
        self._orders = orders
        self._retries = retries
        self._modifies = modifies
        self._tell = tell
        self._working = WorkingExits()
        self._failed = {Kind.LIMIT: 0, Kind.STOP: 0}
        self._not_before = {Kind.LIMIT: 0, Kind.STOP: 0}
        self._close_failed = 0
        self._close_not_before = 0

    # -- what it has -------------------------------------------------------------------------------

    @property
    def held(self) -> Decimal:
        """Unsigned quantity it has to protect."""
        if self.position.is_closed:
            return _ZERO
        return max(abs(Decimal(self.position.signed_decimal_qty())) - self.covered, _ZERO)

    @property
    def is_done(self) -> bool:
        """Whether nothing is held and nothing works."""
        return not self.held and not self._working

    def adopt(self, order: Order, rung: Rung) -> None:
        """Take an order of an earlier run for its own."""
        self._working.add(order, rung)

    def catch_up(self) -> None:
        """Count what exits have closed while nobody watched: those whose orders are gone, targets first."""
        missing = self.ladder.held - abs(Decimal(self.position.signed_decimal_qty()))
        there = {sent.rung[:2] for sent in self._working.all()}
        for kind, count in (
            (Kind.LIMIT, len(self.ladder.params.take_profits)),
            (Kind.STOP, len(self.ladder.stops)),
        ):
            for level in range(count):
                size = min(missing, self.ladder.size(kind, level))
                if size > 0 and (kind, level) not in there:
                    self.ladder.fill(kind, level, size)
                    missing -= size

    def owns(self, name: ClientOrderId) -> bool:
        """Tell whether an order is its own, and works."""
        return name in self._working

    def standing(self, kind: Kind) -> list[Order]:
        """Return its orders of a kind which a venue has accepted, but for those being cancelled."""
        return self._working.standing(kind)

    # -- what happens ------------------------------------------------------------------------------

    def on_fill(self, name: ClientOrderId, quantity: Decimal) -> Rung | None:
        """Count what one of its orders has filled, and say which exit that was."""
        sent = self._working.get(name)
        if sent is None:
            return None
        rung = sent.rung
        self.ladder.fill(rung.kind, rung.level, quantity)
        if rung.market:
            self._close_failed = 0
        self._working.forget_closed()
        return rung

    def on_event(self, event: OrderEvent, now: int) -> None:
        """Follow what a venue says of one of its orders; `settle` afterwards."""
        name = event.client_order_id
        sent = self._working.get(name)
        if sent is None:
            return
        kind = type(event).__name__
        if kind in {"OrderRejected", "OrderDenied"}:
            self._fail(sent.rung, str(event.reason), now)
        elif kind == "OrderModifyRejected":
            self._working.changed(name)
            self._fail(sent.rung, str(event.reason), now)
        elif kind == "OrderUpdated":
            self._working.changed(name)
        elif kind == "OrderCancelRejected":
            self._working.stay(name)
            self.retry = now + SECOND
        elif kind in {"OrderCanceled", "OrderExpired"} and not self._working.is_leaving(sent.order):
            # Somebody else's doing: sent again at once, but not in a circle with whoever cancels it.
            if now - sent.order.ts_init < SECOND:
                self._not_before[sent.rung.kind] = self.retry = now + SECOND
        elif kind == "OrderAccepted":
            self._failed[sent.rung.kind] = 0
        self._working.forget_closed()

    def _fail(self, rung: Rung, reason: str, now: int) -> None:
        if rung.market:
            self._close_failed += 1
            wait = min(SECOND << min(self._close_failed - 1, 6), _LONGEST)
            self._close_not_before = self.retry = now + wait
            if self._close_failed == 1:
                self._tell("CRITICAL", "close", f"an order that closes at market was refused: {reason}")
            return
        self._failed[rung.kind] += 1
        self._not_before[rung.kind] = self.retry = now + SECOND
        if self._failed[rung.kind] >= self._retries and rung.kind not in self.own_side:
            self.own_side.add(rung.kind)
            text = f"refused {self._failed[rung.kind]} times ({reason}), watched for on this side from now on"
            self._tell("CRITICAL" if rung.kind is Kind.STOP else "WARNING", rung.kind.value, text)

    # -- what it does ------------------------------------------------------------------------------

    def settle(self, plan: Plan, now: int) -> None:
        """Send, change and cancel what it takes to get to `plan`."""
        self._working.forget_closed()
        held = self.held
        if not held:
            plan = NOTHING
            self.was_flat = bool(self.position.is_closed)
        self._settle_stops(plan.of(Kind.STOP), held, now)
        self._settle_limits(plan.of(Kind.LIMIT), held, now)
        if held:
            self._settle_due(plan, held, now)

    def rest(self, plan: Plan) -> None:
        """Send nothing more, and cancel only stops which others have taken the place of."""
        self._working.forget_closed()
        if self.held:
            self._drop_spare_stops(self._match(Kind.STOP, plan.of(Kind.STOP))[1], self.held)
        else:
            self.was_flat = bool(self.position.is_closed)

    def renew(self, position: Position, ladder: ExitLadder) -> None:
        """Begin with another position of the same id, e.g. after it has changed sides."""
        for order, rung in self._working.all():
            if not rung.market:
                self._cancel(order)
        self.position, self.ladder, self.was_flat = position, ladder, False

    def _cancel(self, order: Order) -> None:
        if self._working.leave(order):
            self._orders.cancel(order)

    def _match(self, kind: Kind, wanted: Iterable[Exit]) -> tuple[list[Exit], list[Sent]]:
        """Return the exits which no order is for, and the orders which are for no exit."""
        spare = [
            sent for sent in self._working.of(kind, self.position) if not self._working.is_leaving(sent.order)
        ]
        missing = []
        for exit_ in wanted:
            terms = self._orders.terms(self.position, exit_.price, exit_.quantity)
            found = next((sent for sent in spare if self._working.terms(sent.order) == terms), None)
            if found is None:
                missing.append(exit_)
            else:
                spare.remove(found)
        return missing, spare

    def _settle_stops(self, wanted: tuple[Exit, ...], held: Decimal, now: int) -> None:
        missing, spare = self._match(Kind.STOP, wanted)
        may_send = Kind.STOP not in self.own_side and now >= self._not_before[Kind.STOP]
        for exit_ in missing:
            rung = Rung(exit_.kind, exit_.level, exit_.part)
            on_its_way = any(sent.rung == rung and self._working.is_on_its_way(sent.order) for sent in spare)
            if exit_.due or on_its_way or not may_send:
                continue
            old = self._to_modify(spare) if self._modifies else None
            if old is not None:
                spare.remove(old)
                self._working.change(old.order, exit_.price, exit_.quantity)
                self._orders.modify(old.order, exit_.quantity, exit_.price)
            else:
                self._send(self._orders.stop, rung, exit_)
        self._drop_spare_stops(spare, held)

    def _to_modify(self, spare: list[Sent]) -> Sent | None:
        return next((sent for sent in spare if not self._working.is_on_its_way(sent.order)), None)

    def _drop_spare_stops(self, spare: list[Sent], held: Decimal) -> None:
        """Cancel stops nobody wants any more, the loosest first, while the others cover the position."""
        sign = 1 if self.position.is_long else -1
        for order, _rung in sorted(spare, key=lambda sent: sign * self._working.terms(sent.order)[0]):
            if not order.is_open:
                continue  # a venue may know nothing yet to cancel
            others = leaves(o for o in self.standing(Kind.STOP) if o is not order)
            if others >= held:
                self._cancel(order)

    def _settle_limits(self, wanted: tuple[Exit, ...], held: Decimal, now: int) -> None:
        missing, spare = self._match(Kind.LIMIT, wanted)
        for order, _rung in spare:
            self._cancel(order)
        if Kind.LIMIT in self.own_side or now < self._not_before[Kind.LIMIT]:
            return
        for exit_ in missing:
            working = (
                leaves(sent.order for sent in self._working.of(Kind.LIMIT, self.position))
                + self._working.closing()
            )
            if working + exit_.quantity <= held:
                self._send(self._orders.limit, Rung(exit_.kind, exit_.level, exit_.part), exit_)

    def _send(self, how: Callable[..., Order], rung: Rung, exit_: Exit) -> None:
        self._submit(how(self.position, rung, exit_.quantity, exit_.price), rung)

    def _submit(self, order: Order, rung: Rung) -> None:
        # First known, then sent: it may be refused before sending returns.
        self._working.add(order, rung)
        self._orders.submit(order, self.position)

    def _settle_due(self, plan: Plan, held: Decimal, now: int) -> None:
        """Close at market what is due, and no venue closes."""
        if now < self._close_not_before:
            return
        if plan.close:
            self._close(_ALL, held)
            return
        due = [exit_ for exit_ in plan.exits if exit_.due]
        for kind in (Kind.STOP, Kind.LIMIT):
            reached = [exit_ for exit_ in due if exit_.kind is kind]
            if not reached or (kind is Kind.LIMIT and kind not in self.own_side):
                continue
            rests = self._will_close(kind, min(reached, key=self._nearness).price)
            left = sum((exit_.quantity for exit_ in reached), _ZERO) - rests
            if left > 0:
                first = reached[0]
                self._close(Rung(kind, first.level, first.part, market=True), min(left, held))

    def _nearness(self, exit_: Exit) -> Decimal:
        """Order exits from the one reached last."""
        along = exit_.price if self.position.is_long else -exit_.price
        return along if exit_.kind is Kind.STOP else -along

    def _will_close(self, kind: Kind, price: Decimal) -> Decimal:
        """Return what rests at a venue and is reached there by now as well."""
        sign = (1 if self.position.is_long else -1) * (1 if kind is Kind.STOP else -1)
        return leaves(
            sent.order
            for sent in self._working.of(kind, self.position)
            if not self._working.is_leaving(sent.order)
            and sign * (self._working.terms(sent.order)[0] - price) >= 0
        )

    def _close(self, rung: Rung, quantity: Decimal) -> None:
        quantity = (
            min(quantity, self.held - self._working.closing())
            if rung is _ALL
            else quantity - self._working.closing()
        )
        if quantity <= 0:
            return
        self._submit(self._orders.market(self.position, rung, quantity), rung)
