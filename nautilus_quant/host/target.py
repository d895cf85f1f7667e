"""Strategies that say what exposure they want; the base trades the difference, behind the gates."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_trader.config import NonNegativeFloat, PositiveFloat, StrategyConfig
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import OmsType, OrderSide
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import InstrumentId, PositionId
from nautilus_trader.trading.strategy import Strategy

from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.gating.intent import ALLOW, Decision, Side
from nautilus_quant.host import messages
from nautilus_quant.host.bars import bar_type_of
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.hurdle import CostHurdle
from nautilus_quant.host.messages import AllocationUpdate, TargetUpdate
from nautilus_quant.host.valuation import Valuer
from nautilus_quant.portfolio.allocations import Allocations
from nautilus_quant.portfolio.sizing import Lot, order_quantity, target_quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nautilus_trader.model.events import OrderEvent
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.orders import Order

    from nautilus_quant.host.gateway import OrderGateway

_ZERO = Decimal(0)
_NANOS = 1_000_000_000
_UNCUT = (ALLOW, "")


class TargetStrategyConfig(StrategyConfig, kw_only=True, frozen=True):
    """
    What every strategy that trades targets can be told.

    Parameters
    ----------
    instrument
        What it trades, e.g. ``"BTCUSDT-PERP.SIM"``.
    bar
        Bars it decides on: a specification such as ``"1-MINUTE"`` (closes of the venue's own
        bars), or a full NautilusTrader bar type.
    leverage
        Value of a position at exposure 1 as a multiple of the allocated equity [-]; typically 0.5
        to 3. More means larger positions.
    allocation
        Share of the equity it may use [-]; an allocation published on the bus multiplies it.
    rebalance_threshold
        Least change worth an order, as a share of a full position [-]; typically 0.02 to 0.2.
        More trades less and follows the target less closely.
    min_interval
        Least time between two orders that open risk [s]; 0 for none. Closing never waits.
    fee_hurdle
        What a growing position must promise: its growth as a share of a full one, times the volatility
        over `fee_horizon`, must exceed so many times the cost of getting in and out [-]; 0 asks
        nothing. About the number of standard deviations per expected profit: 5 where a full position
        expects to earn a fifth of one. More trades less. Shrinking, going flat and reversing are never
        held back; without ten bars nothing is opened. Pairs and ladders of orders do not look at it.
    fee_horizon
        How long a target usually stands [s].
    reporting_currency
        Currency equity is counted in; ``None`` takes the account's.
    state
        URL of the state store; ``None`` keeps state in memory.
    oms_type
        ``NETTING``: one position per instrument, which is what a target means.

    """

    instrument: InstrumentId
    bar: str = "1-MINUTE"
    leverage: PositiveFloat = 1.0
    allocation: Fraction = 1.0
    rebalance_threshold: Fraction = 0.05
    min_interval: Seconds = 0.0
    fee_hurdle: NonNegativeFloat = 0.0
    fee_horizon: Seconds = 3_600.0
    reporting_currency: str | None = None
    state: str | None = None
    oms_type: OmsType | str | None = "NETTING"


class TargetStrategy(Strategy):
    """
    Base of strategies which want an exposure and leave the trading to the base.

    A subclass prepares its rule in `on_target_start`, computes in ``on_bar`` and calls
    `set_target`. Every target is published, also when the allocation is zero, so that a strategy
    which may not trade is still observed. Orders are previewed through the gateway and come
    smaller when a gate allows less.

    Parameters
    ----------
    config
        A `TargetStrategyConfig` or a subclass of it.

    """

    def __init__(self, config: TargetStrategyConfig) -> None:
        super().__init__(config)
        self.bar_type: BarType = bar_type_of(config.instrument, config.bar)
        self._exposures: dict[InstrumentId, float] = {}
        self._allocations = Allocations()
        self._last_open: dict[InstrumentId, int] = {}
        self._last_cut: dict[InstrumentId, tuple[str, str]] = {}
        self._pending: dict[InstrumentId, Order] = {}
        self._valuer: Valuer | None = None
        self._hurdles: dict[InstrumentId, CostHurdle] = {}
        self._held_back: set[InstrumentId] = set()

    @property
    def legs(self) -> tuple[InstrumentId, ...]:
        """Every instrument it trades, the one of its config first. Override me to trade several."""
        return (self.config.instrument,)

    def on_target_start(self) -> None:
        """Prepare the rule; the instrument is known, no bar has come yet. Override me."""

    def on_start(self) -> None:
        """Subscribe bars and quotes (paper fills need quotes), then start the rule."""
        for leg in self.legs:
            if self.cache.instrument(leg) is None:
                self.log.error(f"cannot trade {leg}: no such instrument in the cache")
                self.stop()
                return
        self._valuer = Valuer.on(self.msgbus, self.config.reporting_currency)
        self._watch_costs()
        self.on_target_start()
        # What a start finds is known by now, and closed at once where there is no allocation.
        messages.subscribe(self.msgbus, AllocationUpdate, self._on_allocation)
        for leg in self.legs:
            self.subscribe_quote_ticks(leg)
        self.subscribe_bars(self.bar_type)

    def on_stop(self) -> None:
        """Cancel what works; positions stay, whoever stops the node decides about them."""
        for leg in self.legs:
            self.cancel_all_orders(leg)
        for hurdle in self._hurdles.values():
            hurdle.stop()

    def on_reset(self) -> None:
        """Forget targets and allocations."""
        self._hurdles.clear()
        self._held_back.clear()
        self._allocations.clear()
        for memory in (self._exposures, self._last_open, self._last_cut, self._pending):
            memory.clear()

    def set_target(
        self,
        instrument_id: InstrumentId,
        exposure: float,
        *,
        ts: int,
        reason: str = "",
        passive: bool = False,
        price: float | None = None,
    ) -> None:
        """
        Want an exposure, and trade towards it as far as the gates allow.

        Parameters
        ----------
        instrument_id
            On which instrument.
        exposure
            Share of a full position [-1, 1], beyond it is cut; NaN changes nothing.
        ts
            Time of the event it follows from, UNIX time [ns].
        reason
            Why, in a few words; published with the target.
        passive, price
            Whether resting orders bring it about, and where [quote currency]; published with the target, for
            whoever counts what it would have cost.

        """
        if self._is_number(instrument_id, exposure):
            self._want(instrument_id, exposure, ts, reason, passive=passive, price=price)
            self._trade_all((instrument_id,))

    def set_targets(self, exposures: Mapping[InstrumentId, float], *, ts: int, reason: str = "") -> None:
        """
        Want several exposures at once: all are published before the first is traded.

        Parameters
        ----------
        exposures
            Share of a full position by instrument [-1, 1], beyond it is cut; one NaN, and nothing changes.
        ts
            Time of the event they follow from, UNIX time [ns].
        reason
            Why, in a few words; published with each target.

        """
        if all(self._is_number(instrument_id, exposure) for instrument_id, exposure in exposures.items()):
            for instrument_id, exposure in exposures.items():
                self._want(instrument_id, exposure, ts, reason)
            self._trade_all(exposures)

    def _is_number(self, instrument_id: InstrumentId, exposure: float) -> bool:
        known = math.isfinite(exposure)
        if not known:
            self.log.warning(f"target of {instrument_id} is not a number, position left as it is")
        return known

    def _want(
        self,
        instrument_id: InstrumentId,
        exposure: float,
        ts: int,
        reason: str,
        *,
        passive: bool = False,
        price: float | None = None,
    ) -> None:
        exposure = max(-1.0, min(1.0, exposure))
        self._exposures[instrument_id] = exposure
        strategy, instrument = self.id.value, instrument_id.value
        update = TargetUpdate(
            key=f"{strategy}|{instrument}",
            ts=ts,
            strategy=strategy,
            instrument=instrument,
            exposure=exposure,
            reason=reason,
            passive=passive,
            price=price,
        )
        messages.publish(self.msgbus, update)

    def position_of(self, instrument_id: InstrumentId) -> Decimal:
        """Return its own signed position [base coin, or contracts]."""
        position = self.cache.position(PositionId(f"{instrument_id.value}-{self.id.value}"))
        return _ZERO if position is None or position.is_closed else position.signed_decimal_qty()

    def on_order_event(self, event: OrderEvent) -> None:
        """Go on towards the target when an order has filled; after a cut the next target does."""
        instrument_id = event.instrument_id
        if not isinstance(event, OrderFilled) or instrument_id not in self._concerned():
            return
        order = self.cache.order(event.client_order_id)
        uncut = self._last_cut.get(instrument_id, _UNCUT) == _UNCUT
        if order is not None and order.is_closed and (uncut or not self._allocation(instrument_id) > 0.0):
            self._trade(instrument_id)

    def _on_allocation(self, update: AllocationUpdate) -> None:
        strategy, _, instrument = update.key.partition("|")
        if strategy != self.id.value:
            return
        self._allocations.put(update.source, instrument, update.allocation)
        self._trade_all(self._concerned())

    def _concerned(self) -> list[InstrumentId]:
        """Return what there is a target for, and what must be flat whatever the target will be."""
        return list(dict.fromkeys([*self._exposures, *self._unallotted()]))

    def _unallotted(self) -> list[InstrumentId]:
        return [leg for leg in self.legs if not self._allocation(leg) > 0.0]

    def leave_unallotted(self) -> None:
        """Close what is held without an allocation; for bars on which there is no target."""
        self._trade_all(self._unallotted())

    def _allocation(self, instrument_id: InstrumentId) -> float:
        return float(self.config.allocation) * self._allocations.of(instrument_id.value)

    def _trade_all(self, instrument_ids: Iterable[InstrumentId]) -> None:
        """Trade towards new targets or allocations; each by itself. Override me to trade them together."""
        for instrument_id in instrument_ids:
            self._trade(instrument_id)

    def _trade(self, instrument_id: InstrumentId) -> None:
        instrument = self.cache.instrument(instrument_id)
        if instrument is None or self._has_pending(instrument_id):
            return
        difference = self._difference(instrument)
        if not difference:
            return
        side = Side.BUY if difference > 0 else Side.SELL
        quantity, opening = self._allowed(instrument_id, side, abs(difference))
        if opening:
            quantity = lot_of(instrument).floor(quantity)
            if not self._is_large_enough(instrument, quantity):
                return
        if quantity > 0:
            self._submit(instrument, side, quantity, opening=opening)

    def _is_large_enough(self, instrument: Instrument, quantity: Decimal) -> bool:
        """Tell whether a venue takes an order that opens so little; without a price the gates judge."""
        least = instrument.min_notional
        if least is None or self._valuer is None:
            return True
        now = self.clock.timestamp_ns()
        unit, rate = (
            self._valuer.unit(instrument, now),
            self._valuer.rate(instrument.quote_currency.code, now),
        )
        return not float(quantity) * unit < float(least) * rate

    def _has_pending(self, instrument_id: InstrumentId) -> bool:
        order = self._pending.get(instrument_id)
        return order is not None and not order.is_closed

    def _difference(self, instrument: Instrument) -> Decimal:
        current = self.position_of(instrument.id)
        allocation = self._allocation(instrument.id)
        wanted = self._exposures[instrument.id] if allocation > 0.0 else 0.0
        lot = lot_of(instrument)
        unit, budget = self._measure(instrument, allocation) if wanted else (1.0, 0.0)
        target = target_quantity(wanted, budget, unit, lot)
        full = target_quantity(1.0, budget, unit, lot) if wanted else _ZERO
        if target is None or full is None:
            return _ZERO
        return order_quantity(current, target, full, float(self.config.rebalance_threshold), lot)

    def _measure(self, instrument: Instrument, allocation: float) -> tuple[float, float]:
        """Return what a unit and a full position are worth [reporting currency]; NaN when nobody can tell."""
        assert self._valuer is not None  # set in on_start
        now = self.clock.timestamp_ns()
        valuation = self._valuer.value(now)
        equity = valuation.equity if valuation.fresh else float("nan")
        return self._valuer.unit(instrument, now), allocation * equity * float(self.config.leverage)

    def _allowed(self, instrument_id: InstrumentId, side: Side, quantity: Decimal) -> tuple[Decimal, bool]:
        """Return how much of a quantity may be sent now, and whether any of it opens risk."""
        position = self.position_of(instrument_id)
        closing = min(quantity, abs(position)) if position * side < 0 else _ZERO
        if closing == quantity:
            return quantity, False
        if self._too_soon(instrument_id) or not self._can_pay(instrument_id, position, reverses=closing > 0):
            return closing, False
        gateway = find_gateway(self.msgbus)
        if gateway is None:
            return quantity, True
        decision = gateway.preview(gateway.exposure.preview(self.id, instrument_id, side, quantity))
        self._note(gateway, instrument_id, decision)
        return decision.passes, decision.allowed > 0

    def _watch_costs(self) -> None:
        if not self.config.fee_hurdle:
            return
        if type(self)._trade is not TargetStrategy._trade:  # noqa: SLF001 whether it trades in its own way
            self.log.warning("fee_hurdle is not looked at: this strategy does not trade target by target")
            return
        for leg in self.legs:
            if leg not in self._hurdles:
                bars = BarType(leg, self.bar_type.spec, self.bar_type.aggregation_source)
                hurdle, horizon = float(self.config.fee_hurdle), float(self.config.fee_horizon)
                self._hurdles[leg] = CostHurdle(self.msgbus, self.cache, bars, hurdle=hurdle, horizon=horizon)
            self._hurdles[leg].start()

    def _can_pay(self, instrument_id: InstrumentId, position: Decimal, *, reverses: bool) -> bool:
        """Tell whether what would be opened can pay for itself; a reversal only needs known numbers."""
        hurdle = self._hurdles.get(instrument_id)
        if hurdle is None:
            return True
        instrument = self.cache.instrument(instrument_id)
        unit, budget = self._measure(instrument, self._allocation(instrument_id))
        held = float(position) * unit / budget if budget > 0.0 else math.nan
        growth = math.inf if reverses else abs(self._exposures[instrument_id] - held)
        passes = hurdle.passes(instrument, growth)
        if not passes and instrument_id not in self._held_back:
            self.log.info(hurdle.explain(instrument, growth))
        (self._held_back.discard if passes else self._held_back.add)(instrument_id)
        return passes

    def _too_soon(self, instrument_id: InstrumentId) -> bool:
        last = self._last_open.get(instrument_id)
        wait = float(self.config.min_interval) * _NANOS
        return last is not None and self.clock.timestamp_ns() - last < wait

    def _note(self, gateway: OrderGateway, instrument_id: InstrumentId, decision: Decision) -> None:
        """Record a cut once, not again on every bar it lasts."""
        binding = decision.binding
        mark = (decision.outcome, "" if binding is None else f"{binding.gate}.{binding.code}")
        if self._last_cut.get(instrument_id) != mark and decision.outcome != ALLOW:
            gateway.record(decision)
        self._last_cut[instrument_id] = mark

    def _submit(self, instrument: Instrument, side: Side, quantity: Decimal, *, opening: bool) -> None:
        order = self.order_factory.market(
            instrument_id=instrument.id,
            order_side=OrderSide.BUY if side is Side.BUY else OrderSide.SELL,
            quantity=instrument.make_qty(quantity),
            reduce_only=not opening and self._may_go_short(instrument),
        )
        if opening:
            self._last_open[instrument.id] = self.clock.timestamp_ns()
        self._pending[instrument.id] = order
        self.submit_order(order)

    def _may_go_short(self, instrument: Instrument) -> bool:
        """Tell whether an order could go beyond flat; some spot venues refuse to hear that it must not."""
        account = self.portfolio.account(instrument.venue)
        return account is None or bool(account.is_margin_account)


def lot_of(instrument: Instrument) -> Lot:
    """Return the sizes an instrument can be traded in."""
    least, most = instrument.min_quantity, instrument.max_quantity
    return Lot(
        step=instrument.size_increment.as_decimal(),
        minimum=None if least is None else least.as_decimal(),
        maximum=None if most is None else most.as_decimal(),
    )
