"""Keeps a budget in step with the orders and positions of a node."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_trader.model.enums import ContingencyType, OmsType
from nautilus_trader.model.events import OrderModifyRejected, OrderUpdated
from nautilus_trader.model.identifiers import ClientOrderId, PositionId

from nautilus_quant.gating.intent import Intent, Side
from nautilus_quant.host.routing import oms_of
from nautilus_quant.portfolio.reservations import OpenOrder

if TYPE_CHECKING:
    from nautilus_trader.model.events import OrderEvent, OrderFilled, PositionEvent
    from nautilus_trader.model.identifiers import InstrumentId, StrategyId
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.orders import Order
    from nautilus_trader.system.kernel import NautilusKernel

    from nautilus_quant.host.valuation import Valuer
    from nautilus_quant.portfolio.budget import Budget

_ZERO = Decimal(0)
_ANSWERS = (OrderUpdated, OrderModifyRejected)
_EITHER = (ContingencyType.OCO, ContingencyType.OUO)


class _Change:
    """Changes of one order that were approved and not answered: the most it may become."""

    __slots__ = ("count", "quantity", "unit")

    def __init__(self) -> None:
        self.count = 0
        self.quantity = _ZERO
        self.unit = 0.0


class BudgetOrders:
    """
    Translate orders and positions for a budget, always from what the cache holds and never from differences.

    Parameters
    ----------
    kernel
        The node.
    valuer
        What a unit is worth.
    budget
        To keep in step.

    """

    def __init__(self, kernel: NautilusKernel, valuer: Valuer, budget: Budget) -> None:
        self._kernel = kernel
        self._cache = kernel.cache
        self._valuer = valuer
        self.budget = budget
        self.known: dict[str, Instrument] = {}
        self._changes: dict[str, _Change] = {}
        self._held: dict[tuple[StrategyId, InstrumentId], dict[PositionId, Decimal]] = {}
        self._nets: dict[tuple[StrategyId, InstrumentId], bool] = {}
        self._moved: dict[tuple[StrategyId, InstrumentId, PositionId | None], None] = {}
        self._stirred: dict[ClientOrderId, None] = {}

    # -- what a unit is worth ----------------------------------------------------------------------

    def instrument(self, instrument_id: InstrumentId, name: str) -> Instrument | None:
        """Return an instrument, looked up once."""
        found = self.known.get(name)
        if found is None:
            found = self._cache.instrument(instrument_id)
            if found is not None:
                self.known[name] = found
        return found

    def units(self, names: set[str], now: int) -> dict[str, float]:
        """Return the value of one unit of each instrument [reporting currency]; NaN when it is unknown."""
        unit, known = self._valuer.unit, self.known
        return {name: unit(known[name], now) if name in known else math.nan for name in names}

    def unit_of(
        self, instrument: Instrument, side: Side, now: int, price: float | None, *, limit: bool
    ) -> float:
        """
        Return the value of one unit at the worst price an order can fill at [reporting currency].

        A limit to buy fills there or lower. Everything else may fill at the market, whatever price it bears,
        and a sale at a better one.
        """
        if price is not None and limit and side is Side.BUY:
            return self._valuer.unit(instrument, now, price)
        market = self._valuer.unit(instrument, now)
        if price is None:
            return market
        at_price = self._valuer.unit(instrument, now, price)
        return market if not at_price > market else at_price

    # -- orders ------------------------------------------------------------------------------------

    def approve(self, intent: Intent, unit: float) -> None:
        """Reserve for an order, or for a change of one, that passed all gates just now."""
        order = intent.source
        assert order is not None  # only previews have none
        if intent.command == "modify":
            self._expect(intent, order, unit)
            self.sync(order, intent.ts)
            return
        made = self._open_order(order, intent.ts, unit)
        if made is not None:
            if order.is_quote_quantity:  # type: ignore[attr-defined]
                made = made._replace(leaves=intent.quantity, unit=unit)
            self.budget.put(intent.order, made)

    def note(self, event: OrderEvent) -> None:
        """Follow an order: it is looked at when somebody asks next."""
        self._stirred[event.client_order_id] = None
        if type(event) in _ANSWERS:
            self._answered(event.client_order_id.value)

    def note_position(self, event: PositionEvent | OrderFilled) -> None:
        """Follow a position: it is looked at when somebody asks next, together with the order that filled."""
        self._moved[(event.strategy_id, event.instrument_id, event.position_id)] = None

    def catch_up(self, now: int) -> None:
        """
        Look at all orders and positions that were noted, as they are at `now`, UNIX time [ns].

        Both at once, so that nobody can ask in between what was reserved and is a position already.
        """
        if self._moved:
            moved, self._moved = self._moved, {}
            for key in moved:
                self._look_at_position(*key, now)
        if self._stirred:
            stirred, self._stirred = self._stirred, {}
            for order_id in stirred:
                self._look_at_order(order_id, now)

    def _answered(self, name: str) -> None:
        change = self._changes.get(name)
        if change is not None:
            change.count -= 1
            if change.count <= 0:
                del self._changes[name]

    def _look_at_order(self, order_id: ClientOrderId, now: int) -> None:
        order = self._cache.order(order_id)
        if order is None:
            self._forget(order_id.value)
            return
        self.sync(order, now)
        linked = order.linked_order_ids
        if linked and order.contingency_type == ContingencyType.OTO:
            for child_id in linked:
                child = self._cache.order(child_id)
                if child is not None:
                    self.sync(child, now)

    def sync(self, order: Order, now: int) -> None:
        """Count an order as it is now; one that nobody approved counts as soon as it is on its way."""
        name = order.client_order_id.value
        if order.is_closed:
            self._forget(name)
        elif name in self.budget.reservations or order.is_open or order.is_inflight:
            made = self._open_order(order, now)
            if made is None:
                self.budget.drop(name)
            else:
                self.budget.put(name, made)

    def resync(self, strategy_id: StrategyId, instrument_id: InstrumentId, now: int) -> None:
        """Count all orders of a strategy on an instrument anew."""
        for name in self.budget.reservations.names(strategy_id.value, instrument_id.value):
            order = self._cache.order(ClientOrderId(name))
            if order is None:
                self._forget(name)
            else:
                self.sync(order, now)

    def is_moved(self, intent: Intent) -> bool:
        """Tell whether a change gives an order another price: it was then judged as a whole."""
        return intent.price != _price_of(intent.source)

    def _forget(self, name: str) -> None:
        self._changes.pop(name, None)
        self.budget.drop(name)

    def _expect(self, intent: Intent, order: Order, unit: float) -> None:
        """Remember the most an order may become, until its venue has answered."""
        change = self._changes.setdefault(intent.order, _Change())
        leaves, filled = order.leaves_qty.as_decimal(), order.filled_qty.as_decimal()
        most = max(leaves, intent.quantity) if self.is_moved(intent) else leaves + intent.quantity
        change.count += 1
        change.quantity = max(change.quantity, filled + most)
        change.unit = max(change.unit, unit)

    def _open_order(self, order: Order, now: int, unit: float | None = None) -> OpenOrder | None:
        """Return what an order is to a budget; ``None`` while it waits for its parent, or to be released."""
        if order.is_emulated or self._waits(order):
            return None
        instrument_id = order.instrument_id
        name = instrument_id.value
        side = Side.BUY if order.is_buy else Side.SELL
        if unit is None:
            unit = self._unit_now(order, side, now)
        leaves = order.leaves_qty.as_decimal()
        change = self._changes.get(order.client_order_id.value)
        if change is not None:
            leaves = max(leaves, change.quantity - order.filled_qty.as_decimal())
            unit = max(unit, change.unit)  # in this sequence what is not a number stays so
        if order.is_quote_quantity:
            at = _price_of(order) or self._valuer.price(name, now).value
            leaves, unit = (leaves / Decimal(repr(at)), unit) if at > 0.0 else (leaves, math.nan)
        if not self._netted(order.strategy_id, instrument_id):
            leaves = max(leaves - self._closes(order, side), _ZERO)
        linked = order.linked_order_ids
        if linked and order.contingency_type not in _EITHER:
            linked = None
        return OpenOrder(
            order.strategy_id.value,
            name,
            side,
            leaves,
            unit,
            reduce_only=order.is_reduce_only,
            link=min(order.client_order_id.value, *(one.value for one in linked)) if linked else "",
        )

    def _unit_now(self, order: Order, side: Side, now: int) -> float:
        instrument_id = order.instrument_id
        instrument = self.instrument(instrument_id, instrument_id.value)
        if instrument is None:
            return math.nan
        return self.unit_of(instrument, side, now, _price_of(order), limit=order.has_price)

    def _waits(self, order: Order) -> bool:
        parent = None if order.parent_order_id is None else self._cache.order(order.parent_order_id)
        return parent is not None and not parent.is_closed

    def _closes(self, order: Order, side: Side) -> Decimal:
        """Return what an order takes from the position it names, where each has positions of its own."""
        position_id = self._cache.position_id(order.client_order_id)
        position = None if position_id is None else self._cache.position(position_id)
        signed = _ZERO if position is None else Decimal(position.signed_decimal_qty())
        return abs(signed) if signed * side < 0 else _ZERO

    # -- positions ---------------------------------------------------------------------------------

    def _look_at_position(
        self, strategy_id: StrategyId, instrument_id: InstrumentId, position_id: PositionId | None, now: int
    ) -> None:
        key = (strategy_id, instrument_id)
        held = self._held.get(key)
        if position_id is None or not self._netted(*key):
            # A fill that flips such a position opens another, which has an id not told here.
            open_now = self._cache.positions_open(instrument_id=instrument_id, strategy_id=strategy_id)
            found = {position.id: Decimal(position.signed_decimal_qty()) for position in open_now}
        else:
            position = self._cache.position(position_id)
            found = dict(held or ())
            found.pop(position_id, None)
            if position is not None and not position.is_closed:
                found[position_id] = Decimal(position.signed_decimal_qty())
        if found != (held or {}):
            self._hold(key, found, now)

    def _hold(self, key: tuple[StrategyId, InstrumentId], found: dict[PositionId, Decimal], now: int) -> None:
        if found:
            self._held[key] = found
        else:
            self._held.pop(key, None)
        strategy_id, instrument_id = key
        name, netted = instrument_id.value, self._netted(*key)
        instrument = self.instrument(instrument_id, name)
        long = sum((size for size in found.values() if size > 0), _ZERO)
        short = -sum((size for size in found.values() if size < 0), _ZERO)
        unit = math.nan if instrument is None else self._valuer.unit(instrument, now)
        self.budget.hold(strategy_id.value, name, long, short, unit, netted=netted)
        if not netted:
            self.resync(strategy_id, instrument_id, now)

    def _netted(self, strategy_id: StrategyId, instrument_id: InstrumentId) -> bool:
        key = (strategy_id, instrument_id)
        netted = self._nets.get(key)
        if netted is None:
            oms = oms_of(self._kernel.exec_engine, strategy_id, instrument_id.venue)
            netted = self._nets[key] = oms == OmsType.NETTING
        return netted

    # -- all of them -------------------------------------------------------------------------------

    def reconcile(self, now: int) -> None:
        """Start from what the cache holds: positions, and orders that may still fill."""
        cache = self._cache
        held: dict[tuple[StrategyId, InstrumentId], dict[PositionId, Decimal]] = {}
        for position in cache.positions_open():
            sizes = held.setdefault((position.strategy_id, position.instrument_id), {})
            sizes[position.id] = Decimal(position.signed_decimal_qty())
        for key in [*(key for key in self._held if key not in held), *held]:
            self._hold(key, held.get(key, {}), now)
        working = {order.client_order_id.value: order for order in self._working()}
        found = {name: self._open_order(order, now) for name, order in working.items()}
        self._changes = {name: change for name, change in self._changes.items() if name in working}
        self.budget.reservations.replace({name: made for name, made in found.items() if made is not None})

    def _working(self) -> list[Order]:
        """Return orders open or in flight, and those approved of which nothing was heard yet."""
        known = [*self._cache.orders_open(), *self._cache.orders_inflight()]
        for name in self.budget.reservations.all_names():
            order = self._cache.order(ClientOrderId(name))
            if order is not None and not order.is_closed:
                known.append(order)
        return known


def _price_of(order: Order) -> float | None:
    """Return the price an order bears: its limit, else its trigger [quote currency]."""
    if order.has_price:
        return float(order.price)
    if order.has_trigger_price and order.trigger_price is not None:
        return float(order.trigger_price)
    return None
