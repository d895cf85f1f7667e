"""The life of orders that are shared out: parts are sent, answers are heard, and what is left goes on."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from nautilus_trader.common.component import Logger
from nautilus_trader.model.enums import OrderType, TimeInForce
from nautilus_trader.model.events import (
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderPendingCancel,
    OrderRejected,
)
from nautilus_trader.model.identifiers import ClientOrderId

from nautilus_quant.carry.routing_parcel import Step
from nautilus_quant.gating.intent import Side
from nautilus_quant.host.alarm import Alarm
from nautilus_quant.host.liquidator import send_cancel
from nautilus_quant.host.new_orders import send_new
from nautilus_quant.host.routing_job import DeskSettings, Job, parcel_of, read_order
from nautilus_quant.host.routing_orders import (
    LOCAL,
    Part,
    can_route,
    finish,
    limit_at,
    make_part,
    part_name,
    shown_size,
    takes_at_once,
)
from nautilus_quant.host.routing_plan import Send, plan

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nautilus_trader.common.component import Clock
    from nautilus_trader.model.events import OrderEvent
    from nautilus_trader.model.identifiers import ExecAlgorithmId, StrategyId
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.objects import Quantity
    from nautilus_trader.model.orders import Order
    from nautilus_trader.system.kernel import NautilusKernel
    from nautilus_trader.trading.strategy import Strategy

    from nautilus_quant.host.routing_market import Ask, RoutingMarket

_ZERO = Decimal(0)
_OVER = (OrderCanceled, OrderExpired, OrderDenied, OrderRejected)


class Hands(NamedTuple):
    """
    What only the execution algorithm itself can do with an order it was given.

    Parameters
    ----------
    name
        Its id.
    submit
        Send the order as it is to its own venue.
    resize
        Change its size while no venue has it.

    """

    name: ExecAlgorithmId
    submit: Callable[[Order], Any]
    resize: Callable[[Order, Quantity], Any]


class RoutingDesk:
    """
    Shares orders out, hears what becomes of the parts, and ends the orders.

    Parameters
    ----------
    kernel
        The node.
    market
        What may go where.
    hands
        Of the execution algorithm.
    clock
        For pauses.
    settings
        How orders are shared out.
    told
        Called with a job when its first parts are sent, and when it has ended.

    """

    def __init__(
        self,
        kernel: NautilusKernel,
        market: RoutingMarket,
        hands: Hands,
        clock: Clock,
        *,
        settings: DeskSettings | None = None,
        told: Callable[[Job, bool], Any] | None = None,
    ) -> None:
        self._kernel = kernel
        self._cache = kernel.cache
        self._market = market
        self._hands = hands
        self._clock = clock
        self._settings = settings or DeskSettings()
        self._told = told
        self._log = Logger("VenueRouter")
        self._strategies: dict[StrategyId, Strategy] = {}
        self._jobs: dict[str, Job] = {}
        """By the id of the order."""
        self._parts: dict[str, Job] = {}
        """By the id of a part, while it may still fill."""

    def __len__(self) -> int:
        return len(self._jobs)

    # -- orders ------------------------------------------------------------------------------------

    def take(self, order: Order) -> None:
        """Share an order out, or send it on unchanged where there is nothing to choose."""
        name = order.client_order_id
        group = self._market.group(order.instrument_id)
        # Who names a client or a position has chosen the venue.
        chosen = self._cache.position_id(name) is not None or self._cache.client_id(name) is not None
        if not group or chosen or not can_route(order):
            self._hands.submit(order)
            return
        own = self._cache.instrument(order.instrument_id)
        try:
            group, wish = read_order(order, group, self._settings)
        except ValueError as error:
            finish(self._kernel, order, f"ROUTER_PARAMS: {error}")
            return
        alarm = Alarm(self._clock, f"route-{name}", lambda _event: self._wake(name.value))
        parcel = parcel_of(order, own, group, self._settings)
        job = Job(order, own, group, parcel, wish, Side.BUY if order.is_buy else Side.SELL, alarm)
        if wish.reduce_only and not self._market.held(job.ask(parcel.asked), group):
            self._hands.submit(order)
            return
        self._jobs[name.value] = job
        self._advance(job)

    # -- going on ----------------------------------------------------------------------------------

    def _advance(self, job: Job) -> None:
        """Do what is to be done until there is something to wait for."""
        if job.busy:
            return  # an answer came while parts are being sent: whoever sends goes on
        job.busy = True
        try:
            while self._one_step(job):
                pass
        except Exception as error:  # noqa: BLE001 (the node goes on; nothing new is sent for this order)
            self._log.exception(f"{job.order.client_order_id} is routed no more", error)
            job.parcel.cancelled = True
            job.reason = f"ROUTER_ERROR: {error!r}"
            if not job.parcel.is_open:
                self._end(job)
        finally:
            job.busy = False

    def _one_step(self, job: Job) -> bool:
        now, parcel = self._now, job.parcel
        if parcel.waves and not (job.wish.reduce_only or self._runs(job)):
            parcel.cancelled = True  # nothing is opened for a strategy that has stopped
        match parcel.step(now):
            case Step.ROUTE:
                self._wave(job, now)
            case Step.REST:
                self._rest(job, now)
            case Step.FINISH:
                self._end(job)
                return False
            case Step.WAIT:
                if not parcel.is_open:
                    job.alarm.set(parcel.ready)
                return False
        return True

    def _runs(self, job: Job) -> bool:
        strategy = self._strategies.get(job.order.strategy_id)
        if strategy is None:
            self._strategies = {one.id: one for one in self._kernel.trader.strategies()}
            strategy = self._strategies.get(job.order.strategy_id)
        return strategy is None or bool(strategy.is_running)

    def _wake(self, name: str) -> None:
        job = self._jobs.get(name)
        if job is not None:
            self._advance(job)

    def _wave(self, job: Job, now: int) -> None:
        parcel = job.parcel
        parcel.begin(now)
        ask = job.ask(parcel.unplaced)
        found = plan(self._market, ask, job.group, wish=job.wish, refused=parcel.refusals, now=now)
        job.reason = (
            "" if found.sends else "; ".join(f"{name}: {why}" for name, why in found.excluded.items())
        )
        if job.plan is None and found.sends:
            job.plan = found
        market = job.order.order_type == OrderType.MARKET
        force = job.order.time_in_force if market or job.wish.whole else TimeInForce.IOC
        for send in found.sends:
            self._send(job, send, force, rests=False)
        if job.plan is found:
            self._tell(job, over=False)
        if not found.sends and all(one.id.value in parcel.refusals for one in job.group):
            parcel.cancelled = True  # nobody wants it

    def _send(self, job: Job, send: Send, force: TimeInForce, *, rests: bool) -> None:
        """Send a part, and count it before anybody can answer."""
        instrument, now = send.instrument, self._now
        coins = min(send.coins, job.parcel.unplaced)
        step = instrument.size_increment.as_decimal()
        quantity = coins / instrument.multiplier.as_decimal() // step * step
        if job.parcel.cancelled or not quantity > 0:
            return
        name = part_name(job.order, len(job.parcel.pieces) + 1)
        ask = job.ask(coins)
        price = limit_at(job.order, instrument, self._market.rate(instrument, ask.own, now))
        part = Part(instrument, instrument.make_qty(quantity), price, force)
        order = make_part(job.order, part, name, self._hands.name, now)
        coins = quantity * instrument.multiplier.as_decimal()
        job.parcel.send(name.value, instrument.id.value, coins, rests=rests)
        job.parts[name.value] = instrument
        self._parts[name.value] = job
        self._show(job)
        send_new(self._kernel, order, None)

    def _rest(self, job: Job, now: int) -> None:
        """Let what is left rest: where it closes, else on its own venue, else on the best that is there."""
        parcel, ask = job.parcel, job.ask(job.parcel.unplaced)
        held = self._market.held(ask, job.group) if job.wish.close_first or job.wish.reduce_only else {}
        before = len(parcel.pieces)
        usable = [one for one in job.group if one.id.value not in parcel.refusals]
        for one in usable if held else ():
            if one.id != job.own.id and held.get(one.id, _ZERO) > 0:
                self._send(job, Send(one, held[one.id]), job.order.time_in_force, rests=True)
        open_to = job.own if not job.wish.reduce_only or held.get(job.own.id) else None
        place = self._place_to_rest(ask, open_to, usable, now) if open_to else None
        if place is not None and parcel.unplaced > 0 and not parcel.cancelled:
            if place.id == job.own.id:
                self._hand_over(job)
            else:
                self._send(job, Send(place, parcel.unplaced), job.order.time_in_force, rests=True)
        if len(parcel.pieces) == before:
            job.reason = job.reason or "no venue where it could rest"
            parcel.cancelled = True

    def _place_to_rest(
        self, ask: Ask, own: Instrument, usable: Sequence[Instrument], now: int
    ) -> Instrument | None:
        terms = {one.id: self._market.terms(ask, one, now, passive=True) for one in usable}
        fits = [
            one for one in usable
            if not terms[one.id].excluded and terms[one.id].rate > 0.0
            and float(ask.quantity) >= terms[one.id].smallest * (1.0 - 1e-9)
        ]  # fmt: skip
        return min(fits, key=lambda one: (one.id != own.id, terms[one.id].fee), default=None)

    def _hand_over(self, job: Job) -> None:
        """Send what is left as the order itself, to its own venue."""
        own, order = job.own, job.order
        step = own.size_increment.as_decimal()
        quantity = job.parcel.unplaced / own.multiplier.as_decimal() // step * step
        if not quantity > 0 or order.status not in LOCAL:
            return
        name = order.client_order_id.value
        job.parcel.send(name, own.id.value, quantity * own.multiplier.as_decimal(), rests=True)
        job.parts[name] = own
        self._parts[name] = job
        if quantity != order.quantity.as_decimal():
            self._hands.resize(order, own.make_qty(quantity))
        self._hands.submit(order)

    def _show(self, job: Job) -> None:
        """Let the order itself show what nobody has been sent yet."""
        if job.order.status in LOCAL:
            size = shown_size(job.own, job.parcel.unplaced)
            if size != job.order.quantity:
                self._hands.resize(job.order, size)

    # -- answers -----------------------------------------------------------------------------------

    def on_event(self, event: OrderEvent) -> None:
        """Hear what becomes of any order of the node."""
        name = event.client_order_id.value
        part_of, job = self._parts.get(name), self._jobs.get(name)
        if part_of is not None:
            self._on_part(part_of, name, event)
        if job is not None and isinstance(event, (OrderPendingCancel, *_OVER)):
            job.parcel.cancelled = True
            self._cancel_parts(job, but=name)
        job = job or part_of
        if job is not None:
            self._advance(job)

    def _on_part(self, job: Job, name: str, event: OrderEvent) -> None:
        order = self._cache.order(event.client_order_id)
        if order is None:
            return  # it is only about to be known
        if isinstance(event, OrderFilled):
            unit = job.parts[name].multiplier.as_decimal()
            job.parcel.fill(name, order.filled_qty.as_decimal() * unit)
            self._market.on_fill(event, self._now)
        elif isinstance(event, OrderAccepted) and job.parcel.cancelled:
            self._cancel_parts(job, but="")
        if isinstance(event, _OVER) or order.is_closed:
            refused = event.reason if isinstance(event, OrderDenied | OrderRejected) else ""
            job.parcel.end(name, self._now, refused=refused)
            if refused:
                job.reason = refused
            self._show(job)

    def _cancel_parts(self, job: Job, but: str) -> None:
        """Cancel what rests; what takes ends by itself, and what is not there yet is cancelled when it is."""
        for name, piece in job.parcel.pieces.items():
            order = None if piece.over or name == but else self._cache.order(ClientOrderId(name))
            if (
                order is not None
                and order.is_open
                and not order.is_pending_cancel
                and not takes_at_once(order)
            ):
                send_cancel(self._kernel, order)

    def _end(self, job: Job) -> None:
        job.alarm.cancel()
        for name in job.parcel.pieces:
            self._parts.pop(name, None)
        self._jobs.pop(job.order.client_order_id.value, None)
        self._show(job)
        nothing = not job.parcel.filled and not job.parcel.is_open
        finish(self._kernel, job.order, f"ROUTER: {job.reason}" if nothing and job.reason else "")
        self._tell(job, over=True)

    def stop(self) -> None:
        """Send nothing new: what is left of orders is cancelled, what works goes on by itself."""
        for job in list(self._jobs.values()):
            job.parcel.cancelled = True
            job.reason = job.reason or "the router was stopped"
            self._end(job)

    # -- words -------------------------------------------------------------------------------------

    def _tell(self, job: Job, *, over: bool) -> None:
        if self._told is not None:
            self._told(job, over)

    @property
    def _now(self) -> int:
        return int(self._clock.timestamp_ns())
