"""Exits of positions: from fills, prices and true ranges to orders that rest, or are watched for here."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model.events import OrderFilled

from nautilus_quant.gating.intent import Side
from nautilus_quant.host.bars import bar_type_of
from nautilus_quant.host.exits_desk import ExitDesk
from nautilus_quant.host.exits_orders import ExitOrders
from nautilus_quant.host.exits_settings import ExitSettings, why_not_resting
from nautilus_quant.host.exits_state import ExitMemory
from nautilus_quant.host.fees import FeeBook
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.messages import Alert, publish
from nautilus_quant.portfolio.exits import Kind
from nautilus_quant.portfolio.exits_ladder import ExitLadder
from nautilus_quant.portfolio.exits_range import AverageTrueRange
from nautilus_quant.portfolio.sizing import Lot

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.common.actor import Actor
    from nautilus_trader.common.events import TimeEvent
    from nautilus_trader.model.data import Bar, BarType, QuoteTick
    from nautilus_trader.model.events import OrderEvent, PositionEvent
    from nautilus_trader.model.identifiers import InstrumentId, PositionId, StrategyId
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.orders import Order
    from nautilus_trader.model.position import Position
    from nautilus_trader.trading.strategy import Strategy

_ZERO = Decimal(0)
_SECOND = 1_000_000_000
_ROUNDS = 4  # of answers that come while orders are being sent
_GATE = "exits"


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
        self._feeds = feeds
        self._state = state
        self._orders: ExitOrders | None = None
        self._memory: ExitMemory | None = None
        self._desks: dict[PositionId, ExitDesk] = {}
        self._on: dict[InstrumentId, list[ExitDesk]] = {}
        self._prices: dict[InstrumentId, tuple[float, float]] = {}
        self._ranges: dict[InstrumentId, tuple[BarType, AverageTrueRange]] = {}
        self._busy: ExitDesk | None = None
        self._again = False

    # -- life --------------------------------------------------------------------------------------

    @property
    def desks(self) -> dict[PositionId, ExitDesk]:
        """Return the positions it protects, by id."""
        return self._desks

    def owns(self, order: Order) -> bool:
        """Tell whether an order is one of its exits."""
        return self._orders is not None and self._orders.rung_of(order) is not None

    def start(self) -> None:
        """Take up the positions there are, with the orders and ladders of an earlier run, then listen."""
        kernel = find_kernel(self._host.msgbus)
        self._orders = ExitOrders(kernel, self._owner)
        self._memory = ExitMemory(self._owner, self._state, self._host.log)
        whose = "*" if self._strategy is None else self._strategy.value
        self._topics = (
            (f"events.order.{whose}", self._on_order),
            (f"events.position.{whose}", self._on_position),
        )
        for topic, handler in self._topics:
            self._host.msgbus.subscribe(topic, handler)
        for position in self._host.cache.positions_open(strategy_id=self._strategy):
            self._take_up(position)

    def stop(self) -> None:
        """Stop listening; what rests at a venue goes on protecting the position."""
        for topic, handler in getattr(self, "_topics", ()):
            self._host.msgbus.unsubscribe(topic, handler)
        for desk in list(self._desks.values()):
            self._forget_alert(desk)
        for instrument_id in list(self._on):
            self._unwatch(instrument_id)
        self._desks.clear()
        if self._memory is not None:
            self._memory.close()
            self._memory = None

    def _take_up(self, position: Position) -> None:
        desk = self._arm(position)
        if desk is None or self._orders is None:
            return
        for order in self._host.cache.orders(instrument_id=position.instrument_id):
            rung = None if order.is_closed else self._orders.rung_of(order)
            if rung is not None and self._is_for(order, position):
                desk.adopt(order, rung)
        desk.catch_up()
        self._settle(desk)

    def _is_for(self, order: Order, position: Position) -> bool:
        named = self._host.cache.position_id(order.client_order_id)
        closes = bool(order.is_sell) is bool(position.is_long)
        return closes and (
            named == position.id if named is not None else order.strategy_id == position.strategy_id
        )

    # -- positions ---------------------------------------------------------------------------------

    def _on_position(self, event: PositionEvent) -> None:
        position = self._host.cache.position(event.position_id)
        desk = self._desks.get(event.position_id)
        if position is None:
            return
        if desk is None:
            desk = None if position.is_closed else self._arm(position)
        elif not position.is_closed and self._is_another(desk, position):
            ladder = self._ladder(position, self._settings_for(position))
            if ladder is not None:
                desk.renew(position, ladder)
                self._note("armed", desk, entry=ladder.entry)
        if desk is not None:
            desk.ladder.rebase(position.avg_px_open)
            self._settle(desk)

    def _is_another(self, desk: ExitDesk, position: Position) -> bool:
        flipped = (desk.ladder.side is Side.BUY) is not bool(position.is_long)
        return flipped or desk.position is not position or desk.was_flat

    def _arm(self, position: Position) -> ExitDesk | None:
        """Begin to protect a position."""
        settings = self._settings_for(position)
        ladder = self._ladder(position, settings)
        if ladder is None or settings is None or self._orders is None:
            return None
        instrument = self._host.cache.instrument(position.instrument_id)
        is_cash = self._orders.is_cash(position)
        reasons = {kind: why_not_resting(settings, instrument, kind, is_cash=is_cash) for kind in Kind}

        def tell(severity: str, about: str, text: str) -> None:
            self._tell(position, severity, about, text)

        desk = ExitDesk(
            position,
            ladder,
            self._orders,
            own_side=[kind for kind, reason in reasons.items() if reason],
            retries=settings.retries,
            modifies=settings.replace == "modify",
            tell=tell,
        )
        desk.begins = self._host.clock.timestamp_ns() + self._grace
        self._warn(position, ladder, reasons)
        self._desks[position.id] = desk
        self._watch(position.instrument_id, settings, desk)
        self._note("armed", desk, entry=ladder.entry)
        return desk

    def _ladder(self, position: Position, settings: ExitSettings | None) -> ExitLadder | None:
        instrument = self._host.cache.instrument(position.instrument_id)
        if settings is None or instrument is None or self._memory is None:
            return None
        params = settings.params(FeeBook.on(self._host.msgbus).break_even(instrument))
        lot, tick = _lot_of(instrument), instrument.price_increment.as_decimal()
        known = self._memory.ladder(position, lot, params, tick, self._host.cache)
        return known or ExitLadder(
            Side.BUY if position.is_long else Side.SELL,
            position.avg_px_open,
            abs(Decimal(position.signed_decimal_qty())),
            lot,
            params=params,
            tick=tick,
            opened=position.ts_opened,
        )

    def _warn(self, position: Position, ladder: ExitLadder, reasons: dict[Kind, str]) -> None:
        used = {Kind.STOP: ladder.params.has_stop, Kind.LIMIT: bool(ladder.params.take_profits)}
        for kind, reason in reasons.items():
            if reason and used[kind]:
                text = f"no {kind} order rests at the venue, watched for on this side: {reason}"
                self._tell(position, "WARNING", kind.value, text)

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
            for desk in list(desks):
                if desk.position.strategy_id == event.strategy_id:
                    self._settle(desk)

    def _follow(self, desk: ExitDesk, event: OrderEvent, now: int) -> None:
        if isinstance(event, OrderFilled):
            rung = desk.on_fill(event.client_order_id, event.last_qty.as_decimal())
            if rung is not None:
                self._note(
                    "filled",
                    desk,
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
        assert self._orders is not None
        found = _ZERO
        cache = self._host.cache
        for order in cache.orders_open(
            instrument_id=position.instrument_id, strategy_id=position.strategy_id
        ):
            if (
                order.has_trigger_price
                and self._orders.rung_of(order) is None
                and self._is_for(order, position)
            ):
                found += order.leaves_qty.as_decimal()
        return found

    # -- prices ------------------------------------------------------------------------------------

    def _watch(self, instrument_id: InstrumentId, settings: ExitSettings, desk: ExitDesk) -> None:
        desks = self._on.setdefault(instrument_id, [])
        desks.append(desk)
        if len(desks) > 1:
            return
        host = self._host
        host.msgbus.subscribe(_quotes(instrument_id), self._on_quote)
        quote = host.cache.quote_tick(instrument_id)
        if quote is not None:
            self._prices[instrument_id] = (float(quote.bid_price), float(quote.ask_price))
        bar_type = bar_type_of(instrument_id, settings.atr_bar)
        if instrument_id not in self._ranges:
            self._ranges[instrument_id] = (bar_type, AverageTrueRange(settings.atr_period))
        host.msgbus.subscribe(_bars(self._ranges[instrument_id][0]), self._on_bar)
        if self._feeds:
            host.subscribe_quote_ticks(instrument_id)
            if desk.ladder.params.needs_range:
                host.subscribe_bars(bar_type)

    def _unwatch(self, instrument_id: InstrumentId) -> None:
        self._host.msgbus.unsubscribe(_quotes(instrument_id), self._on_quote)
        self._host.msgbus.unsubscribe(_bars(self._ranges[instrument_id][0]), self._on_bar)
        self._on.pop(instrument_id, None)

    def _on_quote(self, quote: QuoteTick) -> None:
        bid, ask = float(quote.bid_price), float(quote.ask_price)
        self._prices[quote.instrument_id] = (bid, ask)
        for desk in self._on.get(quote.instrument_id, ()):
            if not desk.ladder.is_quiet(bid if desk.ladder.side is Side.BUY else ask):
                self._settle(desk)

    def _on_bar(self, bar: Bar) -> None:
        instrument_id = bar.bar_type.instrument_id
        close = float(bar.close)
        self._ranges[instrument_id][1].update(bar.ts_event, float(bar.high), float(bar.low), close)
        quote = self._host.cache.quote_tick(instrument_id)
        if quote is None or quote.ts_event < bar.ts_init - 60 * _SECOND:
            self._prices[instrument_id] = (close, close)  # nobody quotes it
        for desk in list(self._on.get(instrument_id, ())):
            self._settle(desk)

    # -- settling ----------------------------------------------------------------------------------

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
            self._set_alert(desk)

    def _settle_once(self, desk: ExitDesk) -> None:
        now = self._host.clock.timestamp_ns()
        position, ladder = desk.position, desk.ladder
        bid, ask = self._prices.get(position.instrument_id, (math.nan, math.nan))
        price = bid if ladder.side is Side.BUY else ask
        if self._respects:
            desk.covered = self._covered(position)
        before = ladder.stops
        atr = self._ranges[position.instrument_id][1].value
        plan = ladder.update(now, price, atr, abs(Decimal(position.signed_decimal_qty())), desk.covered)
        if now >= desk.begins:
            desk.settle(plan, now)
        if repr(ladder.stops) != repr(before):
            self._note("stop", desk, stops=list(ladder.stops), price=price)
        if self._memory is not None and not position.is_closed:
            self._memory.save(position, ladder, now)

    def _drop(self, desk: ExitDesk) -> None:
        position = desk.position
        self._forget_alert(desk)
        self._desks.pop(position.id, None)
        desks = self._on.get(position.instrument_id, [])
        if desk in desks:
            desks.remove(desk)
        if not desks and position.instrument_id in self._on:
            self._unwatch(position.instrument_id)
        if self._memory is not None:
            self._memory.forget(position)

    # -- time --------------------------------------------------------------------------------------

    def _alert_name(self, desk: ExitDesk) -> str:
        return f"{self._owner}-exit-{desk.position.id.value}"

    def _forget_alert(self, desk: ExitDesk) -> None:
        name = self._alert_name(desk)
        if name in self._host.clock.timer_names:
            self._host.clock.cancel_timer(name)

    def _set_alert(self, desk: ExitDesk) -> None:
        """Come back when a position is too old, or a refused order may be sent again."""
        now = self._host.clock.timestamp_ns()
        at = min((t for t in (desk.retry, desk.begins, desk.ladder.deadline) if t > now), default=0)
        if at == desk.alert:
            return
        desk.alert = at
        self._forget_alert(desk)
        if at:
            self._host.clock.set_time_alert_ns(self._alert_name(desk), at, self._on_time)

    def _on_time(self, event: TimeEvent) -> None:
        for desk in list(self._desks.values()):
            if self._alert_name(desk) == event.name:
                desk.alert = 0
                self._settle(desk)

    # -- words -------------------------------------------------------------------------------------

    def _tell(self, position: Position, severity: str, about: str, text: str) -> None:
        now = self._host.clock.timestamp_ns()
        text = f"exits of {position.id}: {text}"
        (self._host.log.error if severity == "CRITICAL" else self._host.log.warning)(text)
        key = f"{_GATE}|{position.id.value}|{about}"
        publish(self._host.msgbus, Alert(key=key, ts=now, source=_GATE, severity=severity, text=text))
        if self._memory is not None:
            self._memory.note(position, "alert", now, severity=severity, text=text)

    def _note(self, what: str, desk: ExitDesk, **body: Any) -> None:
        if self._memory is not None:
            self._memory.note(desk.position, what, self._host.clock.timestamp_ns(), **body)


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


def _quotes(instrument_id: InstrumentId) -> str:
    return f"data.quotes.{instrument_id.venue}.{instrument_id.symbol}"


def _bars(bar_type: BarType) -> str:
    return f"data.bars.{bar_type}"


def _lot_of(instrument: Instrument) -> Lot:
    least, most = instrument.min_quantity, instrument.max_quantity
    return Lot(
        step=instrument.size_increment.as_decimal(),
        minimum=None if least is None else least.as_decimal(),
        maximum=None if most is None else most.as_decimal(),
    )
