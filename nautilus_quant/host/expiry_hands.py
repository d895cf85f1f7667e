"""The hands of a desk: one order at a time, counted whatever comes back, also after a restart."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId

from nautilus_quant.host.expiry_tools import Pending, Tools
from nautilus_quant.host.target import lot_of
from nautilus_quant.options.expiry_calendar import SECOND, Stage
from nautilus_quant.options.expiry_plan import Leg, RollPlan
from nautilus_quant.options.expiry_rules import Action, Decision, ExpiryParams

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_trader.model.events import OrderEvent
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.orders import Order
    from nautilus_trader.model.position import Position

    from nautilus_quant.options.contract import Contract

_ZERO = Decimal(0)


class ExpiryHands(ABC):
    """
    What every desk can do; it is told what by `_run`.

    Parameters
    ----------
    position
        What is held.
    contract
        What it pays.
    tools
        What it works with.
    rolled
        Whether it has been rolled before.

    """

    def __init__(self, position: Position, contract: Contract, tools: Tools, *, rolled: bool) -> None:
        self.position = position
        self.contract = contract
        self.long = bool(position.is_long)
        self.plan: RollPlan | None = None
        self.target: InstrumentId | None = None
        self.pending: Pending | None = None
        self.again: int | None = None
        self.rolled = rolled
        self.was_closed = False
        self._tools = tools
        self._stage: Stage | None = None
        self._said = ""
        self._late = False
        self._touched = False
        self._running = False
        self._spread_tries = 0
        self._params: ExpiryParams = tools.settings.params(tools.market.window(position.instrument_id))

    # -- memory ------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return what a restart needs."""
        return {
            "instrument": self.position.instrument_id.value,
            "strategy": self.position.strategy_id.value,
            "long": self.long,
            "stage": None if self._stage is None else str(self._stage),
            "plan": None if self.plan is None else self.plan.to_dict(),
            "target": None if self.target is None else self.target.value,
            "pending": None if self.pending is None else self.pending.to_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """
        Go on from what `to_dict` gave: what filled meanwhile is counted by the order, else by what is held.

        Raises
        ------
        ValueError, KeyError, TypeError, ArithmeticError
            If it is damaged.

        """
        plan, target, pending = state["plan"], state["target"], state["pending"]
        self.long = bool(state["long"])  # which a position that is closed does not tell any more
        self.plan = None if plan is None else RollPlan.from_dict(plan)
        self.target = None if target is None else InstrumentId.from_str(target)
        self.pending = None if pending is None else Pending.from_dict(pending)
        if self.pending is None:
            return
        order = self._order_of(self.pending)
        if order is None:
            self._count(self.pending, self._moved(self.pending))
            self.pending = None
        elif order.is_closed:
            self._finish(order)
        else:
            self.again = self._now() + round(float(self._tools.settings.patience) * SECOND)

    def _order_of(self, pending: Pending) -> Order | None:
        return self._tools.host.cache.order(ClientOrderId(pending.order))

    def _moved(self, pending: Pending) -> Decimal:
        """Return by how much an order nobody knows any more has changed what is held [contracts]."""
        closed = pending.old - self.held
        opened = self._held_new() - pending.new
        moved = {Leg.CLOSE: closed, Leg.OPEN: opened, Leg.SPREAD: min(closed, opened)}[pending.leg]
        return min(max(moved, _ZERO), pending.quantity)

    # -- what is held ------------------------------------------------------------------------------

    @property
    def held(self) -> Decimal:
        """What is left of the position, unsigned [contracts]."""
        return _ZERO if self.position.is_closed else abs(Decimal(self.position.signed_decimal_qty()))

    @property
    def is_busy(self) -> bool:
        """Whether something is left to do although the position may be closed."""
        return self.pending is not None or (self.plan is not None and not self.plan.is_done)

    def _held_new(self) -> Decimal:
        if self.target is None:
            return _ZERO
        return abs(self._tools.orders.held(self.position, self.target))

    def _instrument(self) -> Instrument:
        return self._tools.host.cache.instrument(self.position.instrument_id)

    def _now(self) -> int:
        return int(self._tools.host.clock.timestamp_ns())

    # -- what is told ------------------------------------------------------------------------------

    def _leave(self, decision: Decision) -> None:
        what = {Action.WAIT: "waits", Action.EXPIRE: "expires"}.get(decision.action, "held")
        is_news = self._say(what, decision.code, decision.reason, decision.numbers)
        if decision.action is Action.WAIT:
            self._wait()
            if is_news:
                text = f"{self.contract.name} is neither rolled nor closed yet: {decision.reason}"
                self._tools.alert(self, "WARNING", "work", text)

    def _wait(self) -> None:
        self.again = self._now() + round(float(self._tools.settings.retry) * SECOND)

    def _say(self, what: str, code: str, reason: str, numbers: Mapping[str, float | str]) -> bool:
        """Tell something once, until something else is told; say whether it was."""
        if self._said == (said := f"{what}|{code}"):
            return False
        self._said = said
        self._tools.say(self, what, code, reason, numbers)
        return True

    # -- orders ------------------------------------------------------------------------------------

    def _send(
        self, instrument: Instrument, side: OrderSide, quantity: Decimal, price: float, leg: Leg
    ) -> bool:
        """Send an order; say whether to go on at once, since it was answered and filled already."""
        tools, lot = self._tools, lot_of(instrument)
        quantity = lot.floor(quantity if lot.maximum is None else min(quantity, lot.maximum))
        if not quantity or math.isnan(price):
            reason = "nobody trades it" if quantity else "less is left than one order takes"
            self._leave(Decision(Action.WAIT, "NO_QUOTE" if quantity else "TOO_SMALL", reason))
            return False
        worse = float(tools.settings.slippage) * abs(price)
        limit = price + worse if side == OrderSide.BUY else price - worse
        order = tools.orders.make(self.position, instrument, side, quantity, price=limit, leg=leg)
        self.pending = Pending(
            order.client_order_id.value, leg, quantity, self._now(), self.held, self._held_new()
        )
        if not tools.save(self) and leg is not Leg.CLOSE:
            self.pending = None  # new risk that a restart would not know of
            self._leave(Decision(Action.WAIT, "NOT_SAVED", "the state store takes nothing"))
            return False
        if not self._touched and tools.settings.cancel:
            tools.orders.cancel_others(self.position)
        self._touched = True
        self.again = self._now() + round(float(tools.settings.patience) * SECOND)
        tools.orders.submit(order, self.position)
        return self._is_idle()

    def on_order(self, event: OrderEvent) -> None:
        """Take notice of an event of one of its orders."""
        if self.pending is None or event.client_order_id.value != self.pending.order:
            return
        order = self._order_of(self.pending)
        if order is not None and order.is_closed:
            self._finish(order)
            self._run_on()

    def on_position(self) -> None:
        """Take notice that what is held has changed: the legs of a spread may have been booked."""
        if self.pending is not None and self.pending.legs and self._legs_are_booked(self.pending):
            self._run_on()

    def expire(self) -> None:
        """Trade no more: what is left is settled."""
        self._stage = None
        if self.pending is None:
            self.again = None

    def _run_on(self) -> None:
        if self._is_idle():
            self._run()

    def _is_idle(self) -> bool:
        """Tell whether the last order is answered and filled: one that failed has set a time to try again."""
        return self.pending is None and self.again is None

    def _finish(self, order: Order) -> None:
        """Count what an order that is done has filled."""
        pending = self.pending
        assert pending is not None  # nobody else calls
        filled = Decimal(order.filled_qty.as_decimal())
        self.again = None
        if filled < pending.quantity:
            self._wait()
            numbers = {"filled": str(filled), "quantity": str(pending.quantity), "order": pending.order}
            reason = f"{filled} of {pending.quantity} {order.instrument_id} to {pending.leg}"
            self._tools.say(self, "unfilled", order.status_string(), reason, numbers)
        if pending.leg is Leg.SPREAD and filled:
            pending.legs = filled
            if not self._legs_are_booked(pending):
                self.again = pending.sent + round(float(self._tools.settings.patience) * SECOND)
            return
        self.pending = None
        self._answered()
        self._count(pending, filled)
        self._tools.save(self)

    def _legs_are_booked(self, pending: Pending) -> bool:
        if pending.old - self.held < pending.legs or self._held_new() - pending.new < pending.legs:
            return False
        if pending.legs == pending.quantity:
            self.again, self._spread_tries = None, 0
        self.pending = None
        self._answered()
        self._count(pending, pending.legs)
        self._tools.save(self)
        return True

    def _count(self, pending: Pending, filled: Decimal) -> None:
        if not filled:
            return
        if self.plan is not None:
            self.plan.filled(pending.leg, filled)
        numbers = {"quantity": str(filled), "order": pending.order}
        done = {Leg.CLOSE: "closed", Leg.OPEN: "opened", Leg.SPREAD: "spread"}[pending.leg]
        what = {Leg.CLOSE: self.contract.name, Leg.OPEN: str(self.target), Leg.SPREAD: f"to {self.target}"}
        self._tools.say(self, done, "FILLED", f"{filled} {what[pending.leg]}", numbers)

    def _look_for_an_answer(self, pending: Pending) -> None:
        """Cancel what nobody answers, and tell a person; nothing else is sent before it is known."""
        if pending.legs:
            text = f"spread order {pending.order} filled {pending.legs}, but its legs are not booked"
        else:
            order = self._order_of(pending)
            if order is not None and order.is_closed:
                self._finish(order)
                return
            if order is not None:
                self._tools.orders.cancel(order)
            text = f"order {pending.order} has no answer for {(self._now() - pending.sent) / SECOND:.0f} s"
        if not self._late:
            self._late = True
            self._tools.alert(self, "CRITICAL", "order", text)
        self.again = self._now() + round(float(self._tools.settings.patience) * SECOND)

    def _answered(self) -> None:
        if self._late:
            self._late = False
            self._tools.alert(self, "INFO", "order", "answered after all")

    @abstractmethod
    def _run(self) -> None:
        """Go on with the work."""
