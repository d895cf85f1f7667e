"""Strategies that hold pairs: they say how much of a pair they want, the base brings both legs there."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections import Counter, deque
from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_trader.model.enums import OmsType, OrderSide
from nautilus_trader.model.events import OrderCancelRejected, OrderFilled
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId

from nautilus_quant.carry.two_leg_orders import Outcome
from nautilus_quant.carry.two_leg_told import Cancel, PairChange, Phase, Place
from nautilus_quant.gating.intent import Side
from nautilus_quant.host.alarm import Alarm
from nautilus_quant.host.fees import FeeBook
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.target import TargetStrategy
from nautilus_quant.host.touch import mid_of, touch_of
from nautilus_quant.host.two_leg_config import TwoLegStrategyConfig, params_of
from nautilus_quant.host.two_leg_hands import order_for, strangers
from nautilus_quant.host.two_leg_holdings import Holdings
from nautilus_quant.host.two_leg_memory import TwoLegMemory
from nautilus_quant.host.two_leg_pair import NO_NEWS, PairDesk, legs_of, make_machine, report_of
from nautilus_quant.host.two_leg_voice import PairVoice
from nautilus_quant.host.valuation import Valuer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nautilus_trader.model.data import QuoteTick
    from nautilus_trader.model.events import OrderEvent
    from nautilus_trader.model.instruments import Instrument

    from nautilus_quant.carry.two_leg import TwoLeg
    from nautilus_quant.carry.two_leg_told import Action
    from nautilus_quant.host.two_leg_pair import Pair

_ZERO = Decimal(0)


class TwoLegStrategy(TargetStrategy):
    """
    Base of strategies whose positions are pairs of instruments.

    A subclass names its `pairs` and calls `want`. Sizes are previewed through the gateway, and the leg of
    which the smaller share is allowed decides for both. How the legs are kept together, and what is
    guaranteed of it, is told in `nautilus_quant.carry.two_leg.TwoLeg`.

    What the machines know is kept in the state store before any order is sent. After a restart nothing is
    sent until it is known what became of every order that was alive; then what is unhedged is mended, what
    was being closed is closed, and nothing is added until it is wanted again. A leg closed by somebody else
    takes the other with it. Every unit of a position belongs to one pair: a state that cannot be read is
    rebuilt from the positions of all and told, and what nothing explains is taken back.

    Parameters
    ----------
    config
        A `TwoLegStrategyConfig` or a subclass of it.

    Raises
    ------
    ValueError
        If a parameter is impossible, pairs have one name, or positions are not netted.

    """

    def __init__(self, config: TwoLegStrategyConfig) -> None:
        if config.oms_type not in ("NETTING", OmsType.NETTING):
            # Of several positions in one instrument none is what is held, and every fill would ask for more.
            raise ValueError(f"need oms_type NETTING for pairs, was {config.oms_type}")
        super().__init__(config)
        self._params = params_of(config)
        self._pairs = {pair.name: pair for pair in self.pairs()}
        if len(self._pairs) != len(self.pairs()):
            raise ValueError(f"need a name of its own for each pair, was {[p.name for p in self.pairs()]}")
        self._desks: dict[str, PairDesk] = {}
        self._todo: deque[tuple[PairDesk, Action, bool]] = deque()
        self._acting = False
        self._memory: TwoLegMemory | None = None
        self._fees: FeeBook | None = None
        self._voice: PairVoice | None = None
        self._holdings: Holdings | None = None

    # -- what a subclass says and asks -------------------------------------------------------------------

    @abstractmethod
    def pairs(self) -> tuple[Pair, ...]:
        """Name the pairs; asked once, from the constructor, when only the config is known. Override me."""

    def on_pair(self, pair: str, change: PairChange) -> None:
        """Hear what has happened to a pair. Override me."""

    def leg_cost(self, instrument: Instrument, quote: QuoteTick) -> float:
        """Return what taking a unit costs: half spread and fee [reporting currency]. Override me."""
        assert self._valuer is not None  # set in on_start
        assert self._fees is not None
        bid, ask = touch_of(quote)
        worth = self._valuer.unit(instrument, self.clock.timestamp_ns(), 0.5 * (bid + ask))
        return worth * (0.5 * (ask - bid) / (0.5 * (bid + ask)) + self._fees.rate(instrument))

    def want(
        self,
        pair: str,
        notional: float,
        *,
        ts: int,
        reason: str = "",
        edge: float | None = None,
        urgent: bool = False,
    ) -> None:
        """
        Want so much of a pair, and allow to add to it.

        Parameters
        ----------
        pair
            Its name.
        notional
            Value of the dearer leg, signed [reporting currency]: what it would be with all the allocation; it
            is multiplied by the smaller one of both legs. NaN changes nothing, 0 closes both legs.
        ts
            Time of the event it follows from, UNIX time [ns].
        reason
            Why, in a few words; published with the targets.
        edge
            What the pair is worth having [fraction of the notional]; see `TwoLeg.want`.
        urgent
            Let nothing rest in the book.

        """
        desk = self._desks[pair]
        if not math.isfinite(notional):
            self.log.warning(f"what is wanted of {pair} is not a number, it is left as it is")
            return
        desk.notional, desk.reason, desk.edge, desk.urgent = notional, reason, edge, urgent
        self._aim(desk, ts)

    def pair(self, name: str) -> TwoLeg:
        """Return the machine of a pair, to be read only."""
        return self._desks[name].machine

    def matched_notional(self, name: str) -> float:
        """Return what is hedged of a pair, signed [reporting currency]; NaN without prices."""
        desk = self._desks[name]
        self._look(desk)
        book = desk.machine.book
        return float(book.matched) * book.unit_value

    def halt(self, name: str, *, on: bool = True) -> None:
        """Open nothing of a pair while this holds; what reduces goes on."""
        desk = self._desks[name]
        self._do(desk, desk.machine.halt(self.clock.timestamp_ns(), on=on))

    def venue_down(self, venue: str, *, down: bool = True) -> None:
        """Say that a venue cannot be reached, or can be again."""
        for desk in self._desks.values():
            for leg, instrument_id in enumerate(desk.pair.legs):
                if instrument_id.venue.value == venue:
                    self._hear_all(desk)
                    self._do(desk, desk.machine.on_venue(leg, self.clock.timestamp_ns(), down=down))

    def aside(self, instrument_id: InstrumentId) -> Decimal:  # noqa: ARG002 (for those that override it)
        """
        Return what it holds of an instrument outside its pairs, signed. Override me.

        Events of orders that change it must not be passed on to `on_order_event` of the base.
        """
        return _ZERO

    def reweigh(self, name: str, weights: tuple[Decimal, Decimal]) -> None:
        """Let other weights hold for a pair from now on; its legs are brought to them."""
        desk = self._desks[name]
        legs = legs_of(weights, self._instruments(desk.pair), self._rate)
        self._do(desk, desk.machine.reweigh(legs, self.clock.timestamp_ns()))

    # -- life ----------------------------------------------------------------------------------------------

    @property
    def legs(self) -> tuple[InstrumentId, ...]:
        """Every instrument of every pair, once."""
        return tuple(dict.fromkeys(leg for pair in self._pairs.values() for leg in pair.legs))

    def on_start(self) -> None:
        """Start as the base does, and go on where an earlier run ended."""
        if all(self.cache.instrument(leg) is not None for leg in self.legs):
            self._prepare()
        super().on_start()
        if self._memory is not None:  # nor has it been stopped meanwhile
            self._resume()

    def on_stop(self) -> None:
        """Take back what adds, mend what is unhedged while that is possible, and keep what is known."""
        for desk in self._desks.values():
            self._do(desk, desk.machine.leave(self.clock.timestamp_ns()))
            self._hear_all(desk)  # of what is answered at once no event is told any more
            desk.alarm.cancel()
        super().on_stop()
        if self._memory is not None:
            self._memory.close()
            self._memory = None

    def on_reset(self) -> None:
        """Forget all pairs, too."""
        super().on_reset()
        self._desks.clear()
        self._todo.clear()
        self._acting = False

    def _prepare(self) -> None:
        self._valuer = Valuer.on(self.msgbus, self.config.reporting_currency)
        self._fees = FeeBook.on(self.msgbus)
        self._memory = TwoLegMemory(self.id.value, self.config.state, self.log)
        self._voice = PairVoice(self.msgbus, self.log, self.id.value)
        self._holdings = Holdings(self, self._desks)
        known = self._memory.read()
        times = Counter(leg for pair in self._pairs.values() for leg in pair.legs)
        for name, pair in self._pairs.items():
            desk = self._new_desk(pair)
            desk.shares = [times[leg] > 1 for leg in pair.legs]
            self._desks[name] = desk
            if name in known:
                self._restore(desk, known[name])

    def _new_desk(self, pair: Pair) -> PairDesk:
        def ring(_event: object) -> None:
            self._let_go_on(desk)

        machine = make_machine(self.id.value, pair, self._instruments(pair), self._params, self._rate)
        desk = PairDesk(pair, machine, Alarm(self.clock, f"{self.id.value}-{pair.name}", ring))
        return desk

    def _restore(self, desk: PairDesk, document: dict[str, object]) -> None:
        try:
            desk.machine.restore(document)
            desk.saved = True
        except Exception as error:  # noqa: BLE001 (whatever is wrong with it, it must not stop the node)
            desk.unreadable = repr(error)
            desk.machine = self._new_desk(desk.pair).machine

    def _resume(self) -> None:
        assert self._holdings is not None and self._voice is not None  # noqa: PT018 (set in _prepare)
        for desk in self._desks.values():
            self._look(desk)
            self._hear_all(desk)  # nothing is sent yet, but what each one holds is known
            for order in strangers(self, desk):
                self.cancel_order(order)
        held = self._holdings.at_start()
        for leg, quantity in self._holdings.missing.items():
            self._voice.missing(leg.value, quantity, self.clock.timestamp_ns())
        for name, desk in self._desks.items():
            machine, now = desk.machine, self.clock.timestamp_ns()
            self._voice.found(desk, held[name], now)
            live = [order.id for order in machine.book.orders.live()]
            reports = {order_id: report_of(self.cache.order(ClientOrderId(order_id))) for order_id in live}
            adopts = not desk.saved and desk.notional is None
            self._do(desk, machine.reconcile(reports, held[name], now, adopts=adopts))
        for desk in self._desks.values():
            if any(desk.machine.held) and not self._allocation_of(desk.pair) > 0.0:
                self._aim(desk, self.clock.timestamp_ns())

    def _instruments(self, pair: Pair) -> tuple[Instrument, Instrument]:
        return self.cache.instrument(pair.one), self.cache.instrument(pair.two)

    def _rate(self, code: str) -> float:
        assert self._valuer is not None  # set in _prepare
        return self._valuer.rate(code, self.clock.timestamp_ns())

    # -- wishes --------------------------------------------------------------------------------------------

    def _trade(self, instrument_id: InstrumentId) -> None:
        self._trade_all((instrument_id,))

    def _trade_all(self, instrument_ids: Iterable[InstrumentId]) -> None:
        """Look again at the pairs of some instruments, whose allocation has changed."""
        concerned = set(instrument_ids)
        now = self.clock.timestamp_ns()
        for desk in self._desks.values():
            if concerned.intersection(desk.pair.legs):
                self._aim(desk, now)

    def _allocation_of(self, pair: Pair) -> float:
        return min(self._allocation(leg) for leg in pair.legs)

    def _aim(self, desk: PairDesk, ts: int) -> None:
        share = self._allocation_of(desk.pair)
        if desk.notional is None and share > 0.0:
            return
        self._look(desk)
        wanted = desk.notional or 0.0
        value = desk.machine.book.unit_value
        self._publish(desk, wanted, ts)
        if not wanted * share:
            self._ask(desk, _ZERO, None)
        elif math.isfinite(value) and value > 0.0:
            edge = None if desk.edge is None else desk.edge * value
            self._ask(desk, self._allowed_part(desk, Decimal(repr(wanted * share / value))), edge)

    def _ask(self, desk: PairDesk, target: Decimal, edge: float | None) -> None:
        now = self.clock.timestamp_ns()
        self._do(desk, desk.machine.want(target, now, edge=edge, urgent=desk.urgent))

    def _publish(self, desk: PairDesk, notional: float, ts: int) -> None:
        assert self._valuer is not None  # set in _prepare
        equity = self._valuer.value(self.clock.timestamp_ns()).equity * float(self.config.leverage)
        share = notional / equity if equity > 0.0 else 0.0
        for leg, weight in zip(desk.pair.legs, desk.machine.book.legs, strict=True):
            signed = share if weight.weight > 0 else -share
            if self._exposures.get(leg) != signed:
                self._want(leg, signed, ts, f"{desk.pair.name}: {desk.reason}")

    def _allowed_part(self, desk: PairDesk, target: Decimal) -> Decimal:
        """Return the target, or as much of the way to it as the gates allow both legs."""
        machine = desk.machine
        matched = machine.matched
        threshold = Decimal(repr(float(self.config.rebalance_threshold)))
        if machine.target * target > 0 and abs(target - machine.target) < threshold * abs(machine.target):
            target = machine.target
        start = matched if matched * target > 0 else _ZERO
        adds = abs(target) - abs(start)
        if adds <= 0:
            return target
        share = min(self._share(desk, leg, adds.copy_sign(target)) for leg in (0, 1))
        return start + (adds * share).copy_sign(target)

    def _share(self, desk: PairDesk, leg: int, adds: Decimal) -> Decimal:
        """Return how much of what one leg would add may be added now [0, 1]."""
        gateway = find_gateway(self.msgbus)
        if self._too_soon(desk.pair.legs[leg]):
            return _ZERO
        if gateway is None:
            return Decimal(1)
        change = desk.machine.book.legs[leg].lot.floor(adds * desk.machine.book.legs[leg].weight)
        if not change:
            return Decimal(1)
        side, instrument_id = (Side.BUY if change > 0 else Side.SELL), desk.pair.legs[leg]
        decision = gateway.preview(gateway.exposure.preview(self.id, instrument_id, side, abs(change)))
        self._note(gateway, instrument_id, decision)
        return min(Decimal(1), decision.passes / abs(change))

    # -- events ----------------------------------------------------------------------------------------------

    def on_quote_tick(self, tick: QuoteTick) -> None:
        """Value what is unhedged at new prices."""
        for desk in self._desks.values():
            if desk.machine.is_exposed and tick.instrument_id in desk.pair.legs:
                self._let_go_on(desk)

    def _let_go_on(self, desk: PairDesk) -> None:
        self._look(desk)
        self._hear_all(desk)
        self._do(desk, desk.machine.on_time(self.clock.timestamp_ns()))

    def on_order_event(self, event: OrderEvent) -> None:
        """Tell the machine what became of its order; an order of somebody else moves what is held."""
        order_id = event.client_order_id.value
        for desk in self._desks.values():
            if desk.machine.book.orders.get(order_id) is not None:
                self._on_own(desk, event)
                return
        if isinstance(event, OrderFilled):
            self._on_foreign(event)

    def _on_own(self, desk: PairDesk, event: OrderEvent) -> None:
        if isinstance(event, NO_NEWS):
            return
        self._look(desk)
        if isinstance(event, OrderCancelRejected):
            order_id, now = event.client_order_id.value, self.clock.timestamp_ns()
            self._do(desk, desk.machine.on_cancel_refused(order_id, now))
        self._hear(desk, event.client_order_id)

    def _hear(self, desk: PairDesk, order_id: ClientOrderId) -> None:
        """Tell the machine what is known of one of its orders."""
        known, report = desk.machine.book.orders.get(order_id.value), report_of(self.cache.order(order_id))
        if known is None or report is None:
            return
        assert self._holdings is not None  # set in _prepare
        is_started = desk.machine.phase is not Phase.UNKNOWN
        held = self._holdings.after(desk, known.leg) if is_started else None
        self._do(desk, desk.machine.on_order(known.id, *report, self.clock.timestamp_ns(), held=held))

    def _hear_all(self, desk: PairDesk) -> None:
        """Tell the machine what is known by now of its orders: also of those no event was told of."""
        for live in list(desk.machine.book.orders.live()):
            self._hear(desk, ClientOrderId(live.id))

    def _on_foreign(self, event: OrderFilled) -> None:
        if self._holdings is None:
            return
        quantity = event.last_qty.as_decimal()
        change = quantity if event.order_side == OrderSide.BUY else -quantity
        now = self.clock.timestamp_ns()
        for name, held in self._holdings.moved(event.instrument_id, change).items():
            desk = self._desks[name]
            for leg, (before, after) in enumerate(zip(desk.machine.held, held, strict=True)):
                if before != after:
                    self._look(desk)
                    self._do(desk, desk.machine.on_held(leg, after, now))

    def _look(self, desk: PairDesk) -> None:
        """Tell the machine what its legs are worth now, and what taking them costs."""
        assert self._valuer is not None  # set in _prepare
        now = self.clock.timestamp_ns()
        for leg, instrument in enumerate(self._instruments(desk.pair)):
            quote = self.cache.quote_tick(instrument.id)
            value = cost = math.nan
            if quote is not None:
                value = self._valuer.unit(instrument, now, mid_of(quote))
                cost = self.leg_cost(instrument, quote)
            desk.machine.on_market(leg, value, cost, now)

    # -- doing -----------------------------------------------------------------------------------------------

    def _do(self, desk: PairDesk, actions: list[Action]) -> None:
        """Keep what is known, then do what is asked; what happens meanwhile is done after it."""
        kept = not actions or self._keep(desk, now=any(isinstance(action, Place) for action in actions))
        self._todo.extend((desk, action, kept) for action in actions)
        self._wake(desk)
        if self._acting:
            return
        self._acting = True
        try:
            while self._todo:
                self._act(*self._todo.popleft())
        finally:
            self._acting = False

    def _wake(self, desk: PairDesk) -> None:
        if self._voice is not None and not desk.machine.is_exposed:
            self._voice.even(desk.pair.name, self.clock.timestamp_ns())
        at = desk.machine.wake
        if at is None:
            desk.alarm.cancel()
        elif at != desk.alarm.at:
            desk.alarm.set(at)

    def _keep(self, desk: PairDesk, *, now: bool) -> bool:
        if self._memory is None:
            return True
        return self._memory.keep(desk.pair.name, desk.machine, self.clock.timestamp_ns(), now=now)

    def _act(self, desk: PairDesk, action: Action, kept: bool) -> None:
        if isinstance(action, Place):
            self._send(desk, action, kept=kept)
        elif isinstance(action, Cancel):
            self._take_back(desk, ClientOrderId(action.id))
        else:
            self._tell(desk, action)

    def _take_back(self, desk: PairDesk, order_id: ClientOrderId) -> None:
        order = self.cache.order(order_id)
        if order is None:
            if not any(isinstance(item, Place) and item.id == order_id.value for _, item, _ in self._todo):
                self._fail(desk, order_id.value)
        elif order.is_closed:  # its end was told while nobody heard
            self._hear(desk, order_id)
        elif not order.is_pending_cancel:
            self.cancel_order(order)

    def _fail(self, desk: PairDesk, order_id: str, outcome: Outcome = Outcome.REFUSED) -> None:
        """Tell the machine that an order never was sent."""
        self._do(desk, desk.machine.on_order(order_id, _ZERO, outcome, self.clock.timestamp_ns()))

    def _send(self, desk: PairDesk, place: Place, *, kept: bool) -> None:
        known = desk.machine.book.orders.get(place.id)
        if known is None or self.cache.order(ClientOrderId(place.id)) is not None:
            return
        if known.canceled:
            self._fail(desk, place.id, Outcome.CANCELED)
            return
        try:
            sent = (kept or place.reducing) and self._submit_for(desk, place)
        except Exception as error:  # noqa: BLE001 (an order nobody knows would be waited for for ever)
            self.log.error(f"{desk.pair.name}: an order could not be sent: {error!r}")
            sent = self.cache.order(ClientOrderId(place.id)) is not None
        if not sent:
            self._fail(desk, place.id)

    def _submit_for(self, desk: PairDesk, place: Place) -> bool:
        order = order_for(self, desk, place)
        if order is None:
            return False
        if not place.reducing:
            self._last_open[order.instrument_id] = self.clock.timestamp_ns()
        self.submit_order(order)
        return True

    def _tell(self, desk: PairDesk, change: PairChange) -> None:
        if self._memory is not None:
            self._memory.note(desk.pair.name, change)
        if self._voice is not None:
            self._voice.tell(desk.pair.name, change)
        self.on_pair(desk.pair.name, change)


__all__ = ["TwoLegStrategy", "TwoLegStrategyConfig"]
