"""Translate NautilusTrader's orders into intents: what of an order closes a position, what opens risk."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from nautilus_trader.model.enums import ContingencyType, OmsType, OrderSide
from nautilus_trader.model.identifiers import PositionId

from nautilus_quant.gating.intent import Intent, Side
from nautilus_quant.host.book_reducers import BookReducers
from nautilus_quant.host.routing import oms_of

if TYPE_CHECKING:
    from collections.abc import Container

    from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId, StrategyId
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.orders import Order
    from nautilus_trader.model.position import Position
    from nautilus_trader.system.kernel import NautilusKernel

    from nautilus_quant.host.valuation import Valuer
    from nautilus_quant.host.working_orders import WorkingOrders

_ZERO = Decimal(0)
_LINKED = (ContingencyType.OCO, ContingencyType.OUO)
_BUY, _SELL = Side.BUY, Side.SELL
_IS_BUY = OrderSide.BUY


class _Pair(NamedTuple):
    """What never changes of a strategy on an instrument."""

    strategy: str
    instrument: str
    netted: PositionId | None
    """Id of its one position; ``None`` where it may have several."""


class Exposure:
    """
    Split orders into what closes the sender's own position and what is new risk.

    Parameters
    ----------
    kernel
        The system whose cache and engines tell positions, order management type and prices.
    working
        Orders already let through.
    valuer
        Prices, and what a unit is worth.

    """

    def __init__(self, kernel: NautilusKernel, working: WorkingOrders, valuer: Valuer) -> None:
        self._cache = kernel.cache
        self._exec_engine = kernel.exec_engine
        self._clock = kernel.clock
        self._working = working
        self._valuer = valuer
        self._pairs: dict[tuple[StrategyId, InstrumentId], _Pair] = {}
        self.reducers = BookReducers.on(kernel.msgbus)

    def submit(
        self,
        order: Order,
        position_id: PositionId | None,
        command: str = "submit",
        *,
        gone: Container[ClientOrderId] = (),
    ) -> Intent:
        """Return the intent of a new order, taking the working orders named in `gone` for cancelled."""
        quantity = self._base_quantity(order)
        side = _side(order)
        pair = self._pair(order.strategy_id, order.instrument_id)
        parent = self._waiting_parent(order) if order.parent_order_id is not None else None
        if parent is not None:
            reducing = _closes(order, parent, quantity)
        else:
            reducing = self._closing(order, quantity, side, pair, position_id, gone=gone)
            if self.reducers.known:  # few nodes have any
                reducing = self._reducing(order, quantity, side, reducing, gone=gone)
        return self._intent(order, quantity, reducing, side, pair, price=_limit_of(order), command=command)

    def modify(
        self,
        order: Order,
        quantity: Decimal | None,
        price: float | None,
        trigger: float | None,
    ) -> Intent:
        """
        Return the intent of a change to a working order.

        Only a larger opening quantity is new risk, but an order that moves to another price is
        judged anew as a whole: a limit far from the market would otherwise be a way round a gate
        which closed after it was placed.
        """
        before = order.leaves_qty.as_decimal()
        after = before if quantity is None else max(quantity - order.filled_qty.as_decimal(), _ZERO)
        position_id = self._cache.position_id(order.client_order_id)
        side, pair = _side(order), self._pair(order.strategy_id, order.instrument_id)
        closing = self._closing(order, after, side, pair, position_id)
        reducing = self._reducing(order, after, side, closing)
        opened = _ZERO
        if price is None and trigger is None:
            closing = self._closing(order, before, side, pair, position_id)
            opened = before - self._reducing(order, before, side, closing)
        opening = max(after - reducing - opened, _ZERO)
        at = price if price is not None else trigger if trigger is not None else _limit_of(order)
        return self._intent(order, reducing + opening, reducing, side, pair, price=at, command="modify")

    def preview(
        self,
        strategy_id: StrategyId,
        instrument_id: InstrumentId,
        side: Side,
        quantity: Decimal,
        price: float | None = None,
    ) -> Intent:
        """Return the intent of an order which does not exist yet."""
        held = self._open_position(instrument_id, self._pair(strategy_id, instrument_id).netted)
        position = _ZERO if held is None else Decimal(held.signed_decimal_qty())
        closing = sum(
            (o.leaves_qty.as_decimal() for o in self._closers(strategy_id, instrument_id, side)), _ZERO
        )
        reducing = _closable(position, side, quantity, closing)
        if strategy_id in self.reducers.known:
            reducing = self._by_book(strategy_id, instrument_id, side, quantity, reducing)
        instrument = self._cache.instrument(instrument_id)
        ts = self._clock.timestamp_ns()
        return Intent(
            ts=ts,
            strategy=strategy_id.value,
            instrument=instrument_id.value,
            side=side,
            quantity=quantity,
            price=price,
            reducing=reducing,
            opening=quantity - reducing,
            notional=self._notional(instrument, quantity - reducing, price, ts),
            command="preview",
        )

    def _intent(
        self,
        order: Order,
        quantity: Decimal,
        reducing: Decimal,
        side: Side,
        pair: _Pair,
        *,
        price: float | None,
        command: str,
    ) -> Intent:
        opening = _ZERO if reducing is quantity else quantity - reducing if reducing else quantity
        ts = self._clock.timestamp_ns()
        notional = 0.0
        if opening:
            notional = self._notional(self._cache.instrument(order.instrument_id), opening, price, ts)
        # What `Intent(...)` does, without its detour through a Python function.
        return tuple.__new__(
            Intent,
            (
                ts,
                pair.strategy,
                pair.instrument,
                side,
                quantity,
                price,
                reducing,
                opening,
                notional,
                order.client_order_id.value,
                command,
                order,
            ),
        )

    def _notional(
        self, instrument: Instrument | None, opening: Decimal, price: float | None, ts: int
    ) -> float:
        if instrument is None:
            return float("nan")
        return float(opening) * self._valuer.unit(instrument, ts, price)

    def _base_quantity(self, order: Order) -> Decimal:
        quantity: Decimal = order.leaves_qty.as_decimal()
        if not order.is_quote_quantity:
            return quantity
        price = _limit_of(order)
        if price is None:
            price = self._valuer.price(order.instrument_id.value, self._clock.timestamp_ns()).value
        # Without a price nobody can say how much it is: all of it counts, and NaN notional says so.
        return quantity / Decimal(repr(price)) if price > 0.0 else quantity

    def _waiting_parent(self, order: Order) -> Order | None:
        """Return the order whose fill will bring this one to life, while it has not filled."""
        if order.parent_order_id is None:
            return None
        parent = self._cache.order(order.parent_order_id)
        return None if parent is None or parent.is_closed else parent

    def _reducing(
        self,
        order: Order,
        quantity: Decimal,
        side: Side,
        closing: Decimal,
        *,
        gone: Container[ClientOrderId] = (),
    ) -> Decimal:
        """Return what closes a position or, for those who speak for one, reduces a book."""
        if order.strategy_id not in self.reducers.known:
            return closing
        name = order.client_order_id
        return self._by_book(
            order.strategy_id, order.instrument_id, side, quantity, closing, gone=gone, own=name
        )

    def _by_book(
        self,
        strategy_id: StrategyId,
        instrument_id: InstrumentId,
        side: Side,
        quantity: Decimal,
        closing: Decimal,
        *,
        gone: Container[ClientOrderId] = (),
        own: ClientOrderId | None = None,
    ) -> Decimal:
        """Return what closes a position or reduces the book, whichever is more; never more than all of it."""
        others = [
            other
            for other in self._working.of_strategy(strategy_id)
            if other.client_order_id != own and other.client_order_id not in gone
        ]
        most = self.reducers.reducible(strategy_id, instrument_id, side, others)
        return max(closing, min(quantity, most))

    def _closing(
        self,
        order: Order,
        quantity: Decimal,
        side: Side,
        pair: _Pair,
        position_id: PositionId | None,
        *,
        gone: Container[ClientOrderId] = (),
    ) -> Decimal:
        netted = pair.netted
        hedges = netted is None
        if hedges and position_id is None:
            position_id = self._cache.position_id(order.client_order_id)  # parts of an algorithm's order
        held_as = netted if position_id is None else position_id
        position = self._open_position(order.instrument_id, held_as)
        # Nearly every order builds a position, and only others need to know exactly how large it is.
        if position is None or not _opposes(position.signed_qty, side):
            return _ZERO
        # Venues cap reduce-only orders at the position, of which more may be filled than is known here. And
        # an order that is lost without a word must not stand in the way of the next that closes.
        if order.is_reduce_only:
            return quantity
        linked = order.linked_order_ids or () if order.contingency_type in _LINKED else ()
        name = order.client_order_id
        closers = [
            other
            for other in self._closers(order.strategy_id, order.instrument_id, side)
            if other is not order
            and other.client_order_id != name
            and other.client_order_id not in linked
            and other.client_order_id not in gone
            and not (hedges and self._cache.position_id(other.client_order_id) != position_id)
        ]
        # Whoever turns a position round sends what opens the new one while what closes the old one is on its
        # way. NautilusTrader's own whole numbers are exact like decimals, and quicker to get.
        if closers and sum([other.leaves_qty.raw for other in closers]) >= position.quantity.raw:
            return _ZERO
        closing = sum((other.leaves_qty.as_decimal() for other in closers), _ZERO)
        return _closable(Decimal(position.signed_decimal_qty()), side, quantity, closing)

    def _pair(self, strategy_id: StrategyId, instrument_id: InstrumentId) -> _Pair:
        key = (strategy_id, instrument_id)
        pair = self._pairs.get(key)
        if pair is None:
            netting = oms_of(self._exec_engine, strategy_id, instrument_id.venue) == OmsType.NETTING
            strategy, instrument = strategy_id.value, instrument_id.value
            netted = PositionId(f"{instrument}-{strategy}") if netting else None
            pair = self._pairs[key] = _Pair(strategy, instrument, netted)
        return pair

    def _closers(self, strategy_id: StrategyId, instrument_id: InstrumentId, side: Side) -> list[Order]:
        wanted = OrderSide.BUY if side is _BUY else OrderSide.SELL
        return [
            o
            for o in self._working.of(strategy_id, instrument_id)
            if o.side == wanted
            and not _rests_to_close(o)
            and (o.parent_order_id is None or self._waiting_parent(o) is None)
        ]

    def _open_position(self, instrument_id: InstrumentId, position_id: PositionId | None) -> Position | None:
        """Return the open position of an id; a hedging venue opens a new one where there is no id."""
        if position_id is None:
            return None
        position: Position | None = self._cache.position(position_id)
        if position is None or position.is_closed or position.instrument_id != instrument_id:
            return None
        return position


def _rests_to_close(order: Order) -> bool:
    """Tell whether an order is a resting stop or target that can only close: it stands in no close's way."""
    return bool(order.is_reduce_only and order.is_open and order.is_passive)


def _closes(child: Order, parent: Order, quantity: Decimal) -> Decimal:
    """Return what a contingent child can only ever take from the position its parent builds."""
    if parent.side == child.side or parent.instrument_id != child.instrument_id:
        return _ZERO
    return min(quantity, Decimal(parent.quantity.as_decimal()))


def _side(order: Order) -> Side:
    return _BUY if order.side == _IS_BUY else _SELL


def _limit_of(order: Order) -> float | None:
    if order.has_price:
        return float(order.price)
    if order.has_trigger_price and order.trigger_price is not None:
        return float(order.trigger_price)
    return None


def _opposes(position: Decimal | float, side: Side) -> bool:
    return position < 0 if side is _BUY else position > 0


def _closable(position: Decimal, side: Side, quantity: Decimal, closing: Decimal) -> Decimal:
    if not _opposes(position, side):
        return _ZERO
    return min(quantity, max(abs(position) - closing, _ZERO))
