"""Buy low and sell high, level by level, with orders that rest, while the market goes nowhere."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from nautilus_trader.config import PositiveFloat, PositiveInt
from nautilus_trader.model.data import Bar
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderAccepted, OrderFilled, OrderRejected

from nautilus_quant.config.units import Fraction
from nautilus_quant.gating.intent import ALLOW, Decision, Side
from nautilus_quant.gating.matrix import Compatibility
from nautilus_quant.gating.regime_rule import Regime
from nautilus_quant.host import messages
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.messages import RegimeUpdate
from nautilus_quant.host.passive import Touch, to_tick
from nautilus_quant.host.target import lot_of
from nautilus_quant.portfolio.sizing import target_quantity
from nautilus_quant.signals.grid import GridParams, GridRule, GridTarget
from nautilus_quant.strategies.signal_strategy import SignalStrategy, SignalStrategyConfig

if TYPE_CHECKING:
    from nautilus_trader.model.events import OrderEvent
    from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.orders import Order

    from nautilus_quant.host.rule_memory import RuleMemory
    from nautilus_quant.signals.ladder import Quote

_ZERO = Decimal(0)
_MARKET = "MARKET"
_NAMESPACE = "grid"
_TAG = "GRID:"
_MOST_TICKS = 5  # away from the market, however often an order came back
_NOWHERE = 10_000  # no grid has so many levels

type Place = tuple[Side, int]


class GridConfig(SignalStrategyConfig, kw_only=True, frozen=True):
    """
    What it can be told; see `nautilus_quant.signals.grid.GridParams` for more.

    `rebalance_threshold` is the change of equity that resizes the levels; `min_interval` the least time
    between two rounds of orders that open.

    Parameters
    ----------
    levels
        On each side of the centre.
    spacing
        From one level to the next [fraction of price]; 0 takes it from the volatility.
    vol_multiple, vol_half_life
        Spacing as a multiple of the volatility of a bar [-], and the half-life of that [bars].
    min_spacing
        Least spacing that volatility may ask for [fraction of price]; a few maker fees.
    bound
        Largest inventory, long or short [fraction of a full position].
    long_only
        Whether it never sells short; needed on spot.
    recenter_levels, recenter_bars
        Levels beyond the outermost, and closes in a row out there, after which it is closed and begun anew.
    max_age
        Bars after which an empty grid away from the price is begun anew, and one that gave up.
    stop
        Loss at which what is held is given up [spacings on the largest inventory].
    regimes
        In which it may open, e.g. ``[RANGING]`` or ``[ALL]``, once somebody publishes regimes: the regime of
        the instrument, or of the market where that is unknown; a CRISIS of the market counts for all.
    on_regime_exit
        What to do in another regime: ``cancel`` what opens and sell off level by level, or ``flatten``.

    """

    levels: PositiveInt = 5
    spacing: Fraction = 0.0
    vol_multiple: PositiveFloat = 2.0
    vol_half_life: PositiveFloat = 60.0
    min_spacing: Fraction = 0.001
    bound: Fraction = 1.0
    long_only: bool = False
    recenter_levels: PositiveFloat = 2.0
    recenter_bars: PositiveInt = 3
    max_age: PositiveInt = 500
    stop: PositiveFloat = 3.0
    regimes: tuple[str, ...] = ("RANGING",)
    on_regime_exit: Literal["cancel", "flatten"] = "cancel"


class Grid(SignalStrategy):
    """
    A grid of post-only limit orders within an inventory bound.

    Its target is what the grid holds in theory, bar by bar. Its orders follow from what it really holds, so a
    partial fill, a cut by a gate or a restart needs no repair.

    Parameters
    ----------
    config
        A `GridConfig`.

    Raises
    ------
    ValueError
        If a parameter is impossible or a regime unknown.

    """

    _rule: GridRule

    def __init__(self, config: GridConfig) -> None:
        super().__init__(config)
        self._regimes = Compatibility({_NAMESPACE: config.regimes}).regimes(_NAMESPACE)
        self._forget()

    def _forget(self) -> None:
        self._told: dict[str, str] = {}
        self._orders: dict[ClientOrderId, Order] = {}
        self._leaving: set[ClientOrderId] = set()
        self._came_back: dict[Place, int] = {}
        self._cuts: list[Decision] = []
        self._full: Decimal | None = None
        self._sized_for = -1.0
        self._closing = False
        self._bar: Bar | None = None

    def _new_rule(self, interval: int) -> GridRule:
        named = {item.name: getattr(self.config, item.name) for item in fields(GridParams)}
        return GridRule(GridParams(**named), interval=interval)

    # -- life --------------------------------------------------------------------------------------

    def on_target_start(self) -> None:
        """Go on from the saved grid with the orders found open; without a grid they are cancelled."""
        super().on_target_start()
        mine = {"instrument_id": self.config.instrument, "strategy_id": self.id}
        for order in (*self.cache.orders_open(**mine), *self.cache.orders_inflight(**mine)):
            self._orders[order.client_order_id] = order
            if self._rule.ladder is None:
                self._withdraw(order)
        messages.subscribe(self.msgbus, RegimeUpdate, self._on_regime)

    def restore_rule(self, memory: RuleMemory) -> None:
        """Go on with the saved grid, and the sizes of its levels."""
        saved = memory.get(_NAMESPACE)
        sizes = None
        if saved is not None and saved["full"] is not None:
            sizes = Decimal(saved["full"]), float(saved["allocation"])
        super().restore_rule(memory)
        if sizes is not None:
            self._full, self._sized_for = sizes

    def on_reset(self) -> None:
        """Forget orders and regimes, too."""
        super().on_reset()
        self._forget()

    def _documents(self) -> dict[str, dict[str, Any]]:
        full = None if self._full is None else str(self._full)
        return {**super()._documents(), _NAMESPACE: {"full": full, "allocation": self._sized_for}}

    # -- what it wants -----------------------------------------------------------------------------

    def on_historical_data(self, data: Any) -> None:
        """Learn the volatility; no grid is begun in the past, and a saved one takes only what came after."""
        if isinstance(data, Bar) and data.bar_type == self.bar_type and data.ts_event > self._rule.ts:
            self._rule.update(data.ts_event, float(data.close), opens=False)

    def on_bar(self, bar: Bar) -> None:
        """Follow the price, and keep the orders in line."""
        if bar.bar_type != self.bar_type:
            return
        self._bar = bar
        prices = (float(bar.close), float(bar.high), float(bar.low))
        target = self._rule.update(bar.ts_event, *prices, opens=self._may_open())
        self._save_now_and_then(bar.ts_init)
        if target is None:
            self.leave_unallotted()
            return
        for step in target.before:
            self._tell(step, bar.ts_event)
        self._tell(target, bar.ts_event)

    def _tell(self, target: GridTarget, ts: int) -> None:
        self._closing = self._closing or not target.passive
        told = {"reason": target.reason, "passive": target.passive, "price": target.price}
        self.set_target(self.config.instrument, target.exposure, ts=ts, **told)

    def _on_regime(self, update: RegimeUpdate) -> None:
        if update.key not in (self.config.instrument.value, _MARKET):
            return
        self._told[update.key] = update.regime
        if not self._exposures:
            return
        if self.config.on_regime_exit == "flatten" and self._rule.ladder is not None and not self._may_open():
            self._tell(self._rule.leave(f"the regime is {update.regime}"), update.ts)
        else:
            self._trade(self.config.instrument)

    def _may_open(self) -> bool:
        """Tell whether the regime is one it is made for; where nobody tells regimes, gates alone decide."""
        market = self._told.get(_MARKET)
        regime = self._told.get(self.config.instrument.value, market)
        crisis = market == Regime.CRISIS and Regime.CRISIS not in self._regimes
        return not crisis and (regime is None or regime in self._regimes)

    # -- orders ------------------------------------------------------------------------------------

    def on_order_event(self, event: OrderEvent) -> None:
        """Place the order across as soon as one has filled, and what replaces a cancelled one."""
        name = event.client_order_id
        order = self._orders.get(name) or self._pending.get(event.instrument_id)
        if order is None or order.client_order_id != name:
            return
        if isinstance(event, OrderRejected):
            self._came_back[_place_of(order)] = self._came_back.get(_place_of(order), 0) + 1
        elif isinstance(event, OrderAccepted):
            self._came_back.pop(_place_of(order), None)
        # What a venue refuses or cancels by itself waits for the next bar: at once might be for ever.
        if order.is_closed and (isinstance(event, OrderFilled) or name in self._leaving):
            self._trade(event.instrument_id)

    def _trade(self, instrument_id: InstrumentId) -> None:
        instrument = self.cache.instrument(instrument_id)
        if instrument is None or instrument_id not in self._concerned():
            return
        self._orders = {name: order for name, order in self._orders.items() if not order.is_closed}
        self._leaving &= self._orders.keys()
        position = self.position_of(instrument_id)
        self._closing = self._closing and bool(position)
        no_grid = self._rule.ladder is None or self._rule.gave_up
        if self._closing or no_grid or not self._allocation(instrument_id) > 0.0:
            self._close(instrument, position)
        else:
            self._keep(instrument, position)

    def _close(self, instrument: Instrument, position: Decimal) -> None:
        """Cancel everything, and close at market."""
        for order in list(self._orders.values()):
            self._withdraw(order)
        # On spot, resting orders lock what is to be sold.
        locked = self._orders and not self._may_go_short(instrument)
        if not position or locked or self._has_pending(instrument.id):
            return
        quantity, most = abs(position), lot_of(instrument).maximum
        side = Side.SELL if position > 0 else Side.BUY
        self._submit(instrument, side, min(quantity, most or quantity), opening=False)

    def _keep(self, instrument: Instrument, position: Decimal) -> None:
        """Cancel the orders that are not right, and place those that are missing."""
        known = self._measure_full(instrument)
        if self._full is None or self._bar is None:
            return
        unit = lot_of(instrument).floor(self._full * Decimal(repr(self.config.bound)) / self.config.levels)
        may_open = known and unit > 0 and self._may_open()
        held = self._rule.quotes_for(position, unit or lot_of(instrument).step)
        quotes = {(quote.side, quote.level): quote for quote in held if may_open or not quote.opens}
        busy: set[Place] = set()
        for order in list(self._orders.values()):
            place = _place_of(order)
            if place in busy or place not in quotes or not self._is_right(instrument, order, quotes[place]):
                self._withdraw(order)
            busy.add(place)
        for place, quote in quotes.items():
            if place not in busy:
                self._rest(instrument, quote, position, unit)
        self._note_cuts(instrument.id)

    def _measure_full(self, instrument: Instrument) -> bool:
        """Note the size of a full position, unless it is about the same; tell whether it is known now."""
        allocation = self._allocation(instrument.id)
        unit, budget = self._measure(instrument, allocation)
        full = target_quantity(1.0, budget, unit, lot_of(instrument))
        if full is None:
            return False
        before = self._full if allocation == self._sized_for else None
        threshold = Decimal(repr(float(self.config.rebalance_threshold)))
        if before is None or abs(full - before) > before * threshold:
            self._full, self._sized_for = full, allocation
        return True

    def _rest(self, instrument: Instrument, quote: Quote[Decimal], position: Decimal, unit: Decimal) -> None:
        """Place the order of a level, as large as bound and gates allow."""
        size, price = self._size(instrument, quote), self._price(instrument, quote)
        if quote.opens:
            if self._too_soon_for_round(instrument.id):
                return
            room = self._room(quote.side, position, unit)
            if room < size and self._leaving:
                return  # what makes room is on its way
            size = self._passes(instrument, quote.side, min(size, room), price) if room > 0 else _ZERO
        if size <= 0 or size < (lot_of(instrument).minimum or _ZERO):
            return
        if quote.opens and not self._is_large_enough(instrument, size):
            return
        order = self.order_factory.limit(
            instrument_id=instrument.id,
            order_side=OrderSide.BUY if quote.side is Side.BUY else OrderSide.SELL,
            quantity=instrument.make_qty(size),
            price=instrument.make_price(price),
            post_only=True,
            reduce_only=not quote.opens and self._may_go_short(instrument),
            tags=[f"{_TAG}{quote.level}"],
        )
        if quote.opens:
            self._last_open[instrument.id] = self.clock.timestamp_ns()
        self._orders[order.client_order_id] = order
        self.submit_order(order)

    def _withdraw(self, order: Order) -> None:
        if not order.is_pending_cancel:
            self._leaving.add(order.client_order_id)
            self.cancel_order(order)

    def _is_right(self, instrument: Instrument, order: Order, quote: Quote[Decimal]) -> bool:
        """Tell whether an order may stay."""
        wanted, leaves = self._size(instrument, quote), order.leaves_qty.as_decimal()
        price, tick = order.price.as_decimal(), instrument.price_increment.as_decimal()
        if leaves > wanted:
            return False
        level = to_tick(quote.side, quote.price, tick)
        if price != level:
            better = (level - price) * quote.side > 0
            waits = better and self._touch(instrument, quote.side).takes(quote.side, level)
            # What should be sold already follows the market; what should be bought already waits for it.
            if not waits or not (quote.opens or price == self._price(instrument, quote)):
                return False
        return leaves == wanted or (
            quote.opens and self._passes(instrument, quote.side, wanted, price) <= leaves
        )

    def _size(self, instrument: Instrument, quote: Quote[Decimal]) -> Decimal:
        lot = lot_of(instrument)
        size = lot.floor(quote.size)
        return size if lot.maximum is None else min(size, lot.maximum)

    def _price(self, instrument: Instrument, quote: Quote[Decimal]) -> Decimal:
        """Return the level, or the best price that rests where the market is beyond it."""
        tick = instrument.price_increment.as_decimal()
        away = tick * min(self._came_back.get((quote.side, quote.level), 0), _MOST_TICKS)
        level = to_tick(quote.side, quote.price, tick)
        return self._touch(instrument, quote.side).rest(quote.side, level, away)

    def _touch(self, instrument: Instrument, side: Side) -> Touch:
        assert self._bar is not None  # nothing is quoted before the first bar
        quote = self.cache.quote_tick(instrument.id)
        return Touch.of(side, quote, self._bar, instrument.price_increment.as_decimal())

    def _room(self, side: Side, position: Decimal, unit: Decimal) -> Decimal:
        """Return what may be added on a side before position and working orders reach the bound."""
        working = (o.leaves_qty.as_decimal() for o in self._orders.values() if _side_of(o) is side)
        return unit * self.config.levels - side * position - sum(working, _ZERO)

    def _passes(self, instrument: Instrument, side: Side, size: Decimal, price: Decimal) -> Decimal:
        """Return how much of an opening order the gates let through now."""
        gateway = find_gateway(self.msgbus)
        if gateway is None:
            return size
        intent = gateway.exposure.preview(self.id, instrument.id, side, size, float(price))
        decision = gateway.preview(intent)
        self._cuts.append(decision)
        return lot_of(instrument).floor(decision.passes)

    def _note_cuts(self, instrument_id: InstrumentId) -> None:
        """Record the first cut of this round, once as long as it lasts."""
        gateway = find_gateway(self.msgbus)
        if gateway is not None and self._cuts:
            cut = next((decision for decision in self._cuts if decision.outcome != ALLOW), self._cuts[0])
            self._note(gateway, instrument_id, cut)
        self._cuts.clear()

    def _too_soon_for_round(self, instrument_id: InstrumentId) -> bool:
        return self._last_open.get(instrument_id) != self.clock.timestamp_ns() and self._too_soon(
            instrument_id
        )


def _side_of(order: Order) -> Side:
    return Side.BUY if order.side == OrderSide.BUY else Side.SELL


def _place_of(order: Order) -> Place:
    """Return side and level of an order; a level no grid has for an order that does not say."""
    tag = next((tag for tag in order.tags or () if tag.startswith(_TAG)), f"{_TAG}{_NOWHERE}")
    return _side_of(order), int(tag.removeprefix(_TAG))
