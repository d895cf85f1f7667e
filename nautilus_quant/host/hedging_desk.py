"""One underlying kept hedged: from what is held and quoted to an order, and from its fate to the next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model.enums import OrderStatus
from nautilus_trader.model.events import OrderDenied, OrderFilled, OrderRejected
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.host.option_messages import HedgeUpdate
from nautilus_quant.options.hedging import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nautilus_trader.common.actor import Actor
    from nautilus_trader.model.events import OrderEvent
    from nautilus_trader.model.orders import Order

    from nautilus_quant.host.hedging_market import HedgeMarket
    from nautilus_quant.host.hedging_memory import HedgeMemory
    from nautilus_quant.host.hedging_net import BookNet
    from nautilus_quant.host.hedging_options import OptionOffers
    from nautilus_quant.host.hedging_orders import HedgeOrders
    from nautilus_quant.options.hedging import Done, Hedger, Plan
    from nautilus_quant.options.hedging_limits import Net

_ROUNDS = 16  # of orders that are answered at once


@dataclass(frozen=True, slots=True)
class HedgeTools:
    """
    What a desk works with.

    Parameters
    ----------
    host
        Actor whose clock and log it uses.
    orders, memory
        Hands and memory.
    drawdown
        Gives the drawdown of the equity [fraction]; NaN when nobody tells.
    is_closing
        Tells whether the kill switch is closing, or has closed, everything.
    tell
        Tells what became of a hedge: underlying and the fields of a `HedgeUpdate`.
    alert
        Tells a person: underlying, severity, about what, text.

    """

    host: Actor
    orders: HedgeOrders
    memory: HedgeMemory
    drawdown: Callable[[], float]
    is_closing: Callable[[], bool]
    tell: Callable[[HedgeUpdate], None]
    alert: Callable[[str, str, str, str], None]


class HedgeDesk:
    """
    Hedges one underlying.

    Parameters
    ----------
    underlying
        Which coin.
    hedger
        Decides.
    net, market, options
        What is held, and what it can be hedged with.
    tools
        What it works with.

    """

    def __init__(
        self,
        underlying: str,
        hedger: Hedger,
        eyes: tuple[BookNet, HedgeMarket, OptionOffers],
        tools: HedgeTools,
    ) -> None:
        self.underlying = underlying
        self.hedger = hedger
        self.book, self.market, self.options = eyes
        self._tools = tools
        self._running = False
        self._in_doubt = False
        self._said = ""

    # -- memory --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Go on with what an earlier run kept, and find out what became of an order it sent."""
        document = self._tools.memory.recall(self.underlying)
        self.take_versions()
        if document is None:
            return
        try:
            self.hedger.restore(document)
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            self._tools.alert(self.underlying, "WARNING", "state", f"what was kept cannot be read: {error!r}")
            return
        self._find_out()

    def _find_out(self) -> None:
        """
        Ask the cache what became of the order an earlier run sent.

        The engine has asked the venue before anybody starts. An order it does not know may still be on its
        way to it: until that is impossible, or the position shows it, nothing is sent.
        """
        sent = self.hedger.sent
        if sent is None:
            return
        order = self._tools.orders.order(sent.order)
        if order is None:
            self._in_doubt = True
            sent.deadline = max(sent.deadline, self._now())
            self._look_for_fill()
            return
        sent.deadline, sent.cancelled = self._now() + round(self.hedger.params.answer * SECOND), False
        self._look_at(order)

    def _look_at(self, order: Order) -> None:
        """
        Take over what the cache knows of the order on its way.

        Events say it sooner; but of an order that a venue reports after a restart they come under the id of
        another strategy, and not here.
        """
        sent = self.hedger.sent
        assert sent is not None
        if order.is_closed:
            sent.filled = Decimal(order.filled_qty.as_decimal())
            sent.paid = float(order.avg_px or 0.0) * float(sent.filled)
            self._end(_what(order))

    def _look_for_fill(self) -> None:
        """See by what is held whether an order nobody knows has filled."""
        sent = self.hedger.sent
        assert sent is not None
        now = Decimal(repr(self.book.held(InstrumentId.from_str(sent.instrument))))
        if (now - sent.held) * sent.side >= sent.quantity:
            self._in_doubt = False
            self._end("unknown")

    def save(self, *, now: bool = False) -> bool:
        """Keep what a restart needs."""
        return self._tools.memory.save(self.underlying, self.hedger.to_dict(), self._now(), now=now)

    def take_versions(self) -> None:
        """Look for newer versions of the parameters."""
        if self.hedger.versions.take(self._tools.memory.versions(self.underlying)):
            self.hedger.slips.clear()
            version = self.hedger.versions.current
            reason = f"version {version.number} of {version.source} is in force"
            self._tell(what="version", reason=reason)

    # -- the work ------------------------------------------------------------------------------------

    def _now(self) -> int:
        return int(self._tools.host.clock.timestamp_ns())

    def net(self) -> Net:
        """Return what the book moves now."""
        net = self.book.net(self.market.price)
        if math.isfinite(net.price):
            return net
        for instrument_id in self.market.listed():
            price = self.market.price(instrument_id)
            if math.isfinite(price):
                return net._replace(price=price)
        return net

    def work(self) -> None:
        """Look at the book, and send what is needed."""
        if self._running:
            return
        self._running = True
        try:
            for _ in range(_ROUNDS):
                if not self._step():
                    break
        finally:
            self._running = False

    def _step(self) -> bool:
        """Do one thing; tell whether it makes sense to look again at once."""
        now, net = self._now(), self.net()
        if self.hedger.look(net, self._tools.drawdown()):
            self._tell_mode(net)
        if self._tools.is_closing():
            self._stand_aside()
            return False
        if self.hedger.sent is not None:
            self._follow(now, net)
            return self.hedger.sent is None
        plan = self.options.plan(net, self.hedger, now) or self.hedger.decide(
            now, net, self.market.candidates()
        )
        self._tell_stuck(self.hedger.stuck)
        if plan is None:
            return False
        self._send(plan, now)
        return self.hedger.sent is None

    def _stand_aside(self) -> None:
        """Leave everything to the kill switch: what it closes must not be opened again as a hedge."""
        self.withdraw()
        self._tell_stuck("the kill switch closes everything, so nothing is hedged")

    def withdraw(self) -> None:
        """Ask the order on its way back: nobody looks after it any more."""
        sent = self.hedger.sent
        if sent is not None and not sent.cancelled:
            sent.cancelled = self._tools.orders.cancel(sent.order)

    def _follow(self, now: int, net: Net) -> None:
        """Ask the order back when it is time, and give it up when nothing is heard."""
        sent = self.hedger.sent
        order = None if sent is None else self._tools.orders.order(sent.order)
        if order is not None:
            self._in_doubt = False
            self._look_at(order)
        elif self._in_doubt:
            self._look_for_fill()
        if self.hedger.is_lost(now):
            what = "unknown" if self._in_doubt else "lost"
            self._in_doubt = False
            self._end(what)
        elif self.hedger.must_cancel(now, net):
            self.withdraw()

    def _send(self, plan: Plan, now: int) -> None:
        orders = self._tools.orders
        order, closes = orders.make(plan)
        quantity = Decimal(order.quantity.as_decimal())
        sized = plan._replace(quantity=quantity, coins=plan.coins * float(quantity / plan.quantity))
        held = Decimal(repr(self.book.held(order.instrument_id)))
        self.hedger.send(sized, order.client_order_id.value, held, now)
        # A delta that stays open is certain to cost; a second hedge needs a crash in this very moment, and is
        # seen by the next look at the positions. So it is sent although it could not be kept.
        if not self.save(now=True):
            self._tools.alert(
                self.underlying, "WARNING", "state", "a hedge is sent that a restart will not know of"
            )
        self._tools.memory.note(
            self.underlying,
            "sent",
            now,
            order=order.client_order_id.value,
            instrument=plan.instrument,
            quantity=str(quantity * plan.side),
            style=str(plan.style),
            mode=str(plan.mode),
            version=self.hedger.versions.current.number,
            delta=plan.before,
            reason=plan.reason,
        )
        orders.submit(order, closes)

    # -- the order on its way ------------------------------------------------------------------------

    def on_order(self, event: OrderEvent) -> None:
        """Take what happened to an order of this book; by now the position knows of it as well."""
        sent = self.hedger.sent
        if sent is None or event.client_order_id.value != sent.order:
            return
        self._in_doubt = False
        if isinstance(event, OrderFilled):
            self.hedger.filled(event.last_qty.as_decimal(), event.last_px.as_double(), self._now())
        order = self._tools.orders.order(sent.order)
        if order is None or not order.is_closed:
            return
        # A post-only order that would have taken is no failure of the venue.
        crossed = isinstance(event, OrderRejected) and event.due_post_only
        what = "denied" if isinstance(event, OrderDenied) else "cancelled" if crossed else _what(order)
        self._end(what)
        self.work()

    def _end(self, what: str) -> None:
        done = self.hedger.ended(what, self._now())
        if done is None:
            return
        self.save()
        self._report(done)

    def _report(self, done: Done) -> None:
        sent = done.sent
        self._tell(
            what=done.what,
            delta_before=sent.before,
            delta_after=self.net().delta,
            slippage=done.slippage,
            latency=done.latency,
            instrument=sent.instrument,
            quantity=str(sent.filled * sent.side),
            style=str(sent.style),
        )
        if done.tripped:
            text = f"{sent.instrument} is left alone for a while after hedges were {done.what}"
            self._tools.alert(self.underlying, "WARNING", f"breaker|{sent.instrument}", text)
        elif done.what == "filled":
            self._tools.alert(self.underlying, "INFO", f"breaker|{sent.instrument}", "hedges fill again")
        if done.rolled_back >= 0:
            self._roll_back(done)
        elif self.hedger.slips.is_too_dear:
            text = (
                f"hedges slip {self.hedger.slips.mean * 1e4:.1f} bps, and there is no version to go back to"
            )
            self._tools.alert(self.underlying, "WARNING", "slippage", text)
        elif sent.filled:
            self._tools.alert(self.underlying, "INFO", "slippage", "hedges fill near the market again")

    def _roll_back(self, done: Done) -> None:
        slips, limits = self.hedger.slips, self.hedger.params.limits
        current = self.hedger.versions.current.number
        reason = (
            f"hedges slipped {slips.mean * 1e4:.1f} bps, the most is {limits.slippage * 1e4:g}: "
            f"version {done.rolled_back} is taken back, {current} is in force"
        )
        slips.clear()
        self.save(now=True)
        self._tell(what="rolled_back", reason=reason)
        self._tools.alert(self.underlying, "WARNING", "slippage", reason)

    # -- words ---------------------------------------------------------------------------------------

    def _tell_mode(self, net: Net) -> None:
        reason = self.hedger.urgent or "back within limits"
        self._tell(what="mode", delta_before=net.delta, delta_after=net.delta, reason=reason)
        self._tools.alert(
            self.underlying,
            "CRITICAL" if self.hedger.urgent else "INFO",
            "emergency",
            f"hedging is in mode {self.hedger.mode}: {reason}",
        )

    def _tell_stuck(self, stuck: str) -> None:
        if bool(stuck) is bool(self._said):
            return
        self._said = stuck
        self._tools.alert(
            self.underlying, "CRITICAL" if stuck else "INFO", "stuck", stuck or "hedging goes on"
        )

    def _tell(self, **fields: Any) -> None:
        defaults: Mapping[str, float] = {"delta_before": math.nan, "delta_after": math.nan}
        update = HedgeUpdate(
            key=self.underlying,
            ts=self._now(),
            mode=str(self.hedger.mode),
            version=self.hedger.versions.current.number,
            **{**defaults, **fields},
        )
        self._tools.tell(update)


def _what(order: Order) -> str:
    """Return how an order ended."""
    if order.status == OrderStatus.FILLED:
        return "filled"
    if order.status == OrderStatus.REJECTED:
        return "rejected"
    return "denied" if order.status == OrderStatus.DENIED else "cancelled"
