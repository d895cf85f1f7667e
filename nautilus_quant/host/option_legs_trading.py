"""How the legs of a spread are traded: protection first, all or none, and out again."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_trader.model.enums import OrderSide, OrderStatus, TimeInForce
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.gating.intent import Side
from nautilus_quant.host.alarm import Alarm
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.messages import Alert, publish
from nautilus_quant.host.option_legs_market import OptionMarket
from nautilus_quant.host.passive import to_tick
from nautilus_quant.host.rule_memory import RuleMemory
from nautilus_quant.host.target import TargetStrategy, lot_of
from nautilus_quant.options.spread_book import Phase, SpreadBook
from nautilus_quant.options.spread_steps import next_changes, opens, whole_units
from nautilus_quant.portfolio.matching import matched

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nautilus_trader.common.component import TimeEvent
    from nautilus_trader.model.events import OrderEvent
    from nautilus_trader.model.identifiers import ClientOrderId
    from nautilus_trader.model.orders import Order

    from nautilus_quant.host.option_legs_config import OptionLegsConfig


_ZERO, _ONE = Decimal(0), Decimal(1)
_NANOS = 1_000_000_000
TAG = "LEGS"
"""The first tag of its orders."""
_OPENS, _CLOSES = "OPENS", "CLOSES"
_LOOKS = 10  # within the timeout, for gates that may open again

type Quantities = dict[InstrumentId, Decimal]


class OptionLegsTrading(TargetStrategy):
    """
    Brings the legs of one spread to where they should be; see `nautilus_quant.host.option_legs`.

    Parameters
    ----------
    config
        An `OptionLegsConfig` or a subclass of it.

    Raises
    ------
    ValueError
        If `leg_timeout` is zero.

    """

    def __init__(self, config: OptionLegsConfig) -> None:
        super().__init__(config)
        if not float(config.leg_timeout) > 0.0:
            raise ValueError(f"need leg_timeout > 0 [s], was {config.leg_timeout}; typical values 2-30")
        self.book: SpreadBook | None = None
        """The spread that is entered, held or left; ``None`` without one."""
        self._market: OptionMarket | None = None
        self._memory: RuleMemory | None = None
        self._late: set[ClientOrderId] = set()  # orders cancelled since they took too long
        self._sending = self._given_up = False
        self._idle_since = self._deadline = self._patience = 0
        self._alarm: Alarm | None = None
        self._said = ""

    @property
    def market(self) -> OptionMarket:
        """The options it looks at; only while it runs."""
        assert self._market is not None
        return self._market

    def leave(self, reason: str) -> None:
        """Close the spread, if there is one."""
        if self.book is not None and self.book.phase is not Phase.LEAVING:
            self.log.info(f"leaves {self.book.spread.kind}: {reason}")
            self.book.leave(reason)
            self._save()
            self._cancel_pending(_OPENS)
            self._advance()

    def _save(self) -> None:
        if self._memory is not None:
            self._memory.save(self.clock.timestamp_ns())

    def _warn(self, text: str) -> None:
        self.log.warning(text)
        name, ts = self.id.value, self.clock.timestamp_ns()
        alert = Alert(
            key=f"option_legs|{name}", ts=ts, source="option_legs", severity="WARNING", text=f"{name}: {text}"
        )
        publish(self.msgbus, alert)

    # -- what is held and wanted ------------------------------------------------------------------------

    def _held(self) -> Quantities:
        """Return what it holds of the legs, and of any other option."""
        names = [] if self.book is None else [InstrumentId.from_str(name) for name in self.book.plan]
        held = {name: self.position_of(name) for name in names}
        for position in self.cache.positions_open(strategy_id=self.id):
            name = position.instrument_id
            if name not in held and self._is_option(name):
                held[name] = self.position_of(name)
        return held

    def _is_option(self, name: InstrumentId) -> bool:
        return self._market is not None and self._market.desk.contract(name) is not None

    def _wanted(self, held: Quantities) -> Quantities:
        none = dict.fromkeys(held, _ZERO)
        if self.book is None or self.book.phase is Phase.LEAVING:
            return none
        plan = {InstrumentId.from_str(name): quantity for name, quantity in self.book.plan.items()}
        if self.book.phase is Phase.ENTERING:
            return {**none, **plan}
        lots = {leg: lot_of(self.cache.instrument(leg)) for leg in plan}
        return {**none, **matched(plan, {leg: held[leg] for leg in plan}, lots)}

    def _working(self) -> list[Order]:
        """Return all its orders that are on their way or rest, whoever sent them."""
        cache = self.cache
        # In a live node an order just sent waits in a queue, where the cache does not count it.
        sent = [order for order in self._pending.values() if not order.is_closed]
        found = (*cache.orders_open(strategy_id=self.id), *cache.orders_inflight(strategy_id=self.id))
        return list({order.client_order_id: order for order in (*sent, *found)}.values())

    def _best(self, name: str, change: Decimal | int) -> float:
        """Return the best price of the other side, worse by what is accepted; NaN where nobody is."""
        leg = InstrumentId.from_str(name)
        touch = self.market.touch(leg)
        best = touch.ask if change > 0 else touch.bid
        if not best > 0.0:
            return math.nan
        side = Side.BUY if change > 0 else Side.SELL
        tick = self.cache.instrument(leg).price_increment.as_decimal()
        worst = float(to_tick(side, best * (1.0 + side * float(self.config.slippage)), tick))
        return max(worst, best) if change > 0 else min(worst, best)

    def _share(self, name: str, change: Decimal) -> Decimal:
        """Return how much of a change of one leg the gates allow now [0, 1]."""
        gateway = find_gateway(self.msgbus)
        if gateway is None:
            return _ONE
        leg = InstrumentId.from_str(name)
        side = Side.BUY if change > 0 else Side.SELL
        price = self._best(name, change)
        intent = gateway.exposure.preview(self.id, leg, side, abs(change), price)
        decision = gateway.preview(intent)
        self._note(gateway, leg, decision)
        return min(_ONE, decision.passes / abs(change))

    # -- trading ----------------------------------------------------------------------------------------

    def _trade_all(self, instrument_ids: Iterable[InstrumentId]) -> None:
        """Close when there is no allocation; nothing else follows from one."""
        del instrument_ids
        if not self._allocation(self.config.instrument) > 0.0:
            self.leave("no allocation")

    def _trade(self, instrument_id: InstrumentId) -> None:
        self._trade_all((instrument_id,))

    def _advance(self) -> None:
        """Send what is next, unless orders of anybody's in its name are on their way."""
        if self._sending or self._working():
            return
        held = self._held()
        wanted = self._wanted(held)
        changes = next_changes(wanted, held)
        if not changes:
            self._arrived(held)
            return
        if self.book is not None and self.book.phase is Phase.HELD and not any(wanted.values()):
            if any(held.values()) and not self._given_up:
                self._warn("legs do not match, and what is left is closed")
            self.leave("legs do not match")  # comes back here
            return
        entered = self._enters
        if entered and not self._is_permitted(changes):
            return
        self._send(changes, held)
        if entered and not self._enters and not self._working():
            self._advance()  # refused at once: what was bought is sold again

    def _is_permitted(self, changes: Quantities) -> bool:
        """
        Tell whether the gates let an entry go on now; if not it is asked again soon, within the timeout.

        What protects has just been bought, and for a moment gates may not know what the account is worth.
        """
        now = self.clock.timestamp_ns()
        if all(self._share(leg.value, change) >= 1 for leg, change in changes.items()):
            self._patience = 0
            return True
        self._patience = self._patience or now + self._timeout
        if now < self._patience:
            self._wait(self._timeout // _LOOKS)
        else:
            self._patience = 0
            self._give_up("the gates do not let it go on")
            self._advance()
        return False

    def _arrived(self, held: Quantities) -> None:
        if self.book is None:
            return
        if not any(held.values()) and self.book.phase is not Phase.ENTERING:
            self.log.info(f"left {self.book.spread.kind}: {self.book.reason}; cash {self.book.cash:f}")
            self.book = None
            self._idle_since = self.clock.timestamp_ns()
        elif self.book.phase is Phase.ENTERING:
            self.book.hold()
        else:
            return
        self._save()

    def _send(self, changes: Quantities, held: Quantities) -> None:
        """Send the orders of one step, and stop at the first opening one that cannot be sent."""
        self._sending = True
        self._wait()
        try:
            for leg, change in changes.items():
                opening = opens(change, held[leg])
                if opening and not self._enters:
                    break
                if not self._order(leg, change, opening=opening) and opening:
                    self._give_up(f"{leg} cannot be had")
        finally:
            self._sending = False

    @property
    def _enters(self) -> bool:
        return self.book is not None and self.book.phase is Phase.ENTERING

    def _order(self, leg: InstrumentId, change: Decimal, *, opening: bool) -> bool:
        """Send one order at the best price; tell whether there is one."""
        instrument, price = self.cache.instrument(leg), self._limit(leg, change, opening=opening)
        if not price > 0.0:
            return False
        most = lot_of(instrument).maximum
        quantity = abs(change) if most is None else min(abs(change), most)
        order = self.order_factory.limit(
            instrument_id=leg,
            order_side=OrderSide.BUY if change > 0 else OrderSide.SELL,
            quantity=instrument.make_qty(quantity),
            price=instrument.make_price(price),
            time_in_force=TimeInForce.GTC,
            reduce_only=not opening and self._may_go_short(instrument),
            tags=[TAG, _OPENS if opening else _CLOSES],
        )
        self._pending[leg] = order
        self.submit_order(order)
        return True

    def _limit(self, leg: InstrumentId, change: Decimal, *, opening: bool) -> float:
        """
        Return what an order is sent at; NaN where nobody is, or the option has expired.

        What closes follows the market; what opens pays no more than its loss was known by.
        """
        contract = self.market.desk.contract(leg)
        if contract is None or contract.expiry <= self.clock.timestamp_ns():
            return math.nan
        best = self._best(leg.value, change)
        known = self.book.limits.get(leg.value, math.nan) if self.book is not None else math.nan
        return known if opening and best > 0.0 else best

    def _cancel_pending(self, tag: str) -> None:
        for order in list(self._pending.values()):
            if tag in (order.tags or ()) and not order.is_closed and not order.is_pending_cancel:
                self.cancel_order(order)

    def _give_up(self, why: str) -> None:
        """Add nothing more; or only what the protection bought so far allows to be sold."""
        if not self._enters:
            return
        assert self.book is not None
        covered = self._covered()
        if 0 < covered < self.book.units:
            self._warn(f"{why}: {covered} units instead of {self.book.units}")
            self.book.shrink(covered)
        else:
            self._warn(f"{why}: legs are cut to what they have in common, nothing is added")
            self._given_up = True
            self.book.hold()
        self._save()

    def _covered(self) -> Decimal:
        """Return the units whose bought legs are held; 0 when none are bought, or something is sold."""
        assert self.book is not None
        legs = [(InstrumentId.from_str(contract.name), ratio) for contract, ratio in self.book.spread.legs]
        bought = [self.position_of(leg) / ratio for leg, ratio in legs if ratio > 0]
        sold = [ratio for leg, ratio in legs if ratio < 0]
        if not bought or not sold or any(self.position_of(leg) < 0 for leg, _ in legs):
            return _ZERO
        lots = [lot_of(self.cache.instrument(leg)) for leg, _ in legs]
        step = max(lot.step for lot in lots)
        return whole_units(min(bought), step, max(lot.minimum or lot.step for lot in lots))

    # -- events -----------------------------------------------------------------------------------------

    def on_order_event(self, event: OrderEvent) -> None:
        """Keep the books, and go on when an order is done, whoever sent it."""
        if isinstance(event, OrderFilled):
            self._on_fill(event)
        order = self.cache.order(event.client_order_id)
        if order is None or not order.is_closed:
            return
        if order.client_order_id in self._late:
            self._late.discard(order.client_order_id)  # given up when it was cancelled
        elif self._failed(order) and TAG in (order.tags or ()):
            self._give_up(f"order of {event.instrument_id} {order.status_string()}")
        if self._sending:
            return
        refused = order.status in (OrderStatus.REJECTED, OrderStatus.DENIED)
        if refused and _CLOSES in (order.tags or ()):
            self._wait()  # sent again later, not at once: a venue that refuses might do so for ever
        else:
            self._advance()

    def _on_fill(self, fill: OrderFilled) -> None:
        if self.book is None:
            return
        sign = 1 if fill.order_side == OrderSide.BUY else -1
        fee = fill.commission.as_decimal() if fill.commission is not None else _ZERO
        quantity = sign * fill.last_qty.as_decimal()
        self.book.on_fill(fill.instrument_id.value, quantity, fill.last_px.as_decimal(), fee)
        self._save()

    @staticmethod
    def _failed(order: Order) -> bool:
        return bool(order.is_closed and order.status != OrderStatus.FILLED)

    def _on_alert(self, _event: TimeEvent) -> None:
        if self.clock.timestamp_ns() < self._deadline:
            return  # of a wait that has been replaced: a backtest rings alerts that were cancelled meanwhile
        late = [order for order in self._pending.values() if not order.is_closed]
        if late:
            self._late.update(order.client_order_id for order in late)
            self._give_up(f"no fill of {', '.join(order.instrument_id.value for order in late)} in time")
            self._cancel_pending(TAG)
        else:
            self._advance()
        held = self._held()
        if self._working() or next_changes(self._wanted(held), held):
            self._wait()

    @property
    def _timeout(self) -> int:
        return int(float(self.config.leg_timeout) * _NANOS)

    def _wait(self, time: int = 0) -> None:
        """Look again after a time [ns]; after the timeout if none is given."""
        self._deadline = self.clock.timestamp_ns() + (time or self._timeout)
        if self._alarm is None:
            self._alarm = Alarm(self.clock, f"{self.id.value}-legs", self._on_alert)
        self._alarm.set(self._deadline)
