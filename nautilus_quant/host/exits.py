"""Exits of positions: from fills, prices and true ranges to orders that rest, or are watched for here."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_trader.model.events import OrderFilled

from nautilus_quant.gating.intent import Side
from nautilus_quant.host.exits_arming import ExitArming
from nautilus_quant.host.exits_orders import ExitOrders
from nautilus_quant.host.exits_prices import ExitPrices
from nautilus_quant.host.exits_rest import NodeStopping, closes_everything, stops_of
from nautilus_quant.host.exits_state import ExitMemory
from nautilus_quant.host.exits_timer import ExitTimer
from nautilus_quant.host.exits_told import ExitTold
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.messages import SafetyStatus, subscribe, topic_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.common.actor import Actor
    from nautilus_trader.model.events import OrderEvent, PositionEvent
    from nautilus_trader.model.identifiers import InstrumentId, PositionId, StrategyId
    from nautilus_trader.model.orders import Order
    from nautilus_trader.model.position import Position
    from nautilus_trader.trading.strategy import Strategy

    from nautilus_quant.host.exits_desk import ExitDesk
    from nautilus_quant.host.exits_settings import ExitSettings

_ZERO = Decimal(0)
_SECOND = 1_000_000_000
_ROUNDS = 4  # of answers that come while orders are being sent


class ExitBook:
    """
    Keeps the exits of positions as their settings want them.

    Parameters
    ----------
    host
        Actor or strategy whose bus, cache, clock and log it uses.
    owner
        Its name, the same after a restart.
    settings_for
        Says how a position is left; ``None`` leaves it alone.
    strategy
        Only positions of this one; ``None`` for all.
    respects
        Whether what stops of others protect is left alone.
    grace
        How long a new position's own stops are waited for where they are respected [s].
    feeds
        Whether it subscribes quotes and bars through the host, whose handlers then hear them as well.
    state
        URL of the state store; ``None`` keeps nothing over a restart.

    """

    def __init__(
        self,
        host: Actor,
        owner: str,
        settings_for: Callable[[Position], ExitSettings | None],
        *,
        strategy: StrategyId | None = None,
        respects: bool = False,
        grace: float = 0.0,
        feeds: bool = True,
        state: str | None = None,
    ) -> None:
        self._host = host
        self._owner = owner
        self._settings_for = settings_for
        self._strategy = strategy
        self._respects = respects
        self._grace = round(grace * _SECOND) if respects else 0
        self._state = state
        self._prices = ExitPrices(host, self._on_price, feeds=feeds)
        self._desks: dict[PositionId, ExitDesk] = {}
        self._on: dict[InstrumentId, list[ExitDesk]] = {}
        self._runs = False
        self._stopping = self._flattening = False
        self._busy: ExitDesk | None = None
        self._again = False

    # -- life --------------------------------------------------------------------------------------

    @property
    def desks(self) -> dict[PositionId, ExitDesk]:
        """Return the positions it protects, by id."""
        return self._desks

    def owns(self, order: Order) -> bool:
        """Tell whether an order is one of its exits."""
        return self._runs and self._orders.rung_of(order) is not None

    def start(self) -> None:
        """Take up the positions there are, with the orders and ladders of an earlier run, then listen."""
        host, msgbus = self._host, self._host.msgbus
        self._orders = ExitOrders(find_kernel(msgbus), self._owner)
        self._memory = ExitMemory(self._owner, self._state, host.log)
        self._told = ExitTold(host, self._memory)
        self._arming = ExitArming(host, self._orders, self._memory, self._told)
        self._timer = ExitTimer(host.clock, self._owner, self._settle)
        self._runs = True
        subscribe(msgbus, NodeStopping, self._on_stopping)
        subscribe(msgbus, SafetyStatus, self._on_safety)
        whose = "*" if self._strategy is None else self._strategy.value
        self._topics = (
            (f"events.order.{whose}", self._on_order),
            (f"events.position.{whose}", self._on_position),
            (topic_of(NodeStopping), self._on_stopping),
            (topic_of(SafetyStatus), self._on_safety),
        )
        for topic, handler in self._topics[:2]:
            msgbus.subscribe(topic, handler)
        for position in host.cache.positions_open(strategy_id=self._strategy):
            desk = self._take_up(position)
            if desk is not None:
                self._settle(desk)

    def stop(self) -> None:
        """Stop listening; what rests at a venue goes on protecting the position."""
        if not self._runs:
            return
        self._runs = False
        for topic, handler in self._topics:
            self._host.msgbus.unsubscribe(topic, handler)
        self._timer.forget(self._desks.values())
        self._prices.stop()
        self._on.clear()
        self._desks.clear()
        self._memory.close()

    def _on_stopping(self, _message: NodeStopping) -> None:
        self._stopping = True

    def _on_safety(self, status: SafetyStatus) -> None:
        before, self._flattening = self._flattening, closes_everything(status)
        if before and not self._flattening:
            self._settle_all(list(self._desks.values()))

    # -- positions ---------------------------------------------------------------------------------

    def _on_position(self, event: PositionEvent) -> None:
        position = self._host.cache.position(event.position_id)
        desk = self._desks.get(event.position_id)
        if position is None:
            return
        if desk is None:
            desk = None if position.is_closed else self._take_up(position)
        elif not position.is_closed and self._is_another(desk, position):
            self._renew(desk, position)
        if desk is not None:
            desk.ladder.rebase(position.avg_px_open)
            self._settle(desk)

    def _is_another(self, desk: ExitDesk, position: Position) -> bool:
        flipped = (desk.ladder.side is Side.BUY) is not bool(position.is_long)
        return flipped or desk.position is not position or desk.was_flat

    def _renew(self, desk: ExitDesk, position: Position) -> None:
        settings = self._settings_for(position)
        ladder = None if settings is None else self._arming.ladder(position, settings)
        if ladder is not None:
            desk.renew(position, ladder)
            self._told.note("armed", position, entry=ladder.entry)

    def _take_up(self, position: Position) -> ExitDesk | None:
        """Begin to protect a position, with what works for it already."""
        settings = self._settings_for(position)
        desk = None if settings is None else self._arming.desk(position, settings)
        if settings is None or desk is None:
            return None
        desk.begins = self._host.clock.timestamp_ns() + self._grace
        desk.catch_up()
        self._desks[position.id] = desk
        self._on.setdefault(position.instrument_id, []).append(desk)
        needs_range = desk.ladder.params.needs_range
        self._prices.watch(position.instrument_id, settings, needs_range=needs_range)
        self._told.note("armed", position, entry=desk.ladder.entry)
        return desk

    def _drop(self, desk: ExitDesk) -> None:
        position = desk.position
        self._timer.forget([desk])
        self._desks.pop(position.id, None)
        desks = self._on.get(position.instrument_id, [])
        if desk in desks:
            desks.remove(desk)
        if not desks:
            self._on.pop(position.instrument_id, None)
            self._prices.unwatch(position.instrument_id)
        self._memory.forget(position)

    # -- orders ------------------------------------------------------------------------------------

    def _on_order(self, event: OrderEvent) -> None:
        desks = self._on.get(event.instrument_id)
        if not desks:
            return
        now = self._host.clock.timestamp_ns()
        for desk in list(desks):
            if desk.owns(event.client_order_id):
                self._follow(desk, event, now)
                return
        if self._respects and not isinstance(event, OrderFilled):
            self._settle_all([desk for desk in desks if desk.position.strategy_id == event.strategy_id])

    def _follow(self, desk: ExitDesk, event: OrderEvent, now: int) -> None:
        if isinstance(event, OrderFilled):
            rung = desk.on_fill(event.client_order_id, event.last_qty.as_decimal())
            if rung is not None:
                self._told.note(
                    "filled",
                    desk.position,
                    order=event.client_order_id.value,
                    exit=f"{rung.kind}:{rung.level}",
                    quantity=str(event.last_qty),
                    price=float(event.last_px),
                )
            return  # the position event comes next
        desk.on_event(event, now)
        self._settle(desk)

    def _covered(self, position: Position) -> Decimal:
        """Return what stops of others protect of a position, as far as a venue has accepted them."""
        stops = stops_of(self._host.cache, position)
        others = [order for order in stops if self._orders.rung_of(order) is None]
        return sum((order.leaves_qty.as_decimal() for order in others), _ZERO)

    # -- settling ----------------------------------------------------------------------------------

    def _on_price(self, instrument_id: InstrumentId, quote: tuple[float, float] | None) -> None:
        for desk in list(self._on.get(instrument_id, ())):
            if quote is None or not desk.ladder.is_quiet(quote[0 if desk.ladder.side is Side.BUY else 1]):
                self._settle(desk)

    def _settle_all(self, desks: list[ExitDesk]) -> None:
        for desk in desks:
            self._settle(desk)

    def _settle(self, desk: ExitDesk) -> None:
        """Bring orders in line; answers that come while they are sent are looked at afterwards."""
        if self._busy is not None:
            self._again = True
            return
        self._busy = desk
        try:
            for _ in range(_ROUNDS):
                self._again = False
                self._settle_once(desk)
                if not self._again:
                    break
        finally:
            self._busy = None
        if desk.is_done and desk.position.is_closed:
            self._drop(desk)
        else:
            self._timer.set(desk)

    def _settle_once(self, desk: ExitDesk) -> None:
        now = self._host.clock.timestamp_ns()
        position, ladder = desk.position, desk.ladder
        price = self._prices.price(position.instrument_id, ladder.side)
        if self._respects:
            desk.covered = self._covered(position)
        before = ladder.stops
        atr = self._prices.true_range(position.instrument_id)
        plan = ladder.update(now, price, atr, abs(Decimal(position.signed_decimal_qty())), desk.covered)
        if self._stopping or self._flattening:
            desk.rest(plan)
        elif now >= desk.begins:
            desk.settle(plan, now)
        if repr(ladder.stops) != repr(before):
            self._told.note("stop", position, stops=list(ladder.stops), price=price)
        if not position.is_closed:
            self._memory.save(position, ladder, now)


class Exits(ExitBook):
    """
    The exits of one strategy's own positions: start and stop it with the strategy.

    Parameters
    ----------
    strategy
        Whose positions; it subscribes quotes itself, and bars where true ranges are wanted.
    settings
        How they are left.
    state
        URL of the state store.

    """

    def __init__(self, strategy: Strategy, settings: ExitSettings, state: str | None = None) -> None:
        super().__init__(
            strategy,
            strategy.id.value,
            lambda _position: settings,
            strategy=strategy.id,
            feeds=False,
            state=state,
        )
