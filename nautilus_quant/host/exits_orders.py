"""Exit orders: made, sent, changed and cancelled in the name of the strategy whose position they close."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import ModifyOrder
from nautilus_trader.model.enums import OmsType, OrderSide, TriggerType
from nautilus_trader.model.orders import LimitOrder, MarketOrder, StopMarketOrder

from nautilus_quant.host.liquidator import send_cancel
from nautilus_quant.host.new_orders import COUNTS, order_name, send_new
from nautilus_quant.host.routing import oms_of
from nautilus_quant.host.sizes import whole_steps
from nautilus_quant.portfolio.exits import Kind

if TYPE_CHECKING:
    from decimal import Decimal

    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.orders import Order
    from nautilus_trader.model.position import Position
    from nautilus_trader.system.kernel import NautilusKernel

TAG = "EXIT"
"""The first tag of every exit order."""
_LETTERS = {
    (Kind.LIMIT, False): "L",
    (Kind.STOP, False): "S",
    (Kind.LIMIT, True): "T",
    (Kind.STOP, True): "M",
}
_KINDS = {letter: pair for pair, letter in _LETTERS.items()}
_NAME = re.compile(r"NX([0-9A-F]{8})([LSMT])(\d+)P(\d+)T\w+")


class Rung(NamedTuple):
    """
    Which exit an order is for.

    Parameters
    ----------
    kind, level, part
        As in the plan; of a market order that was sent in place of an exit as well.
    market
        Whether it closes at market.

    """

    kind: Kind
    level: int
    part: int
    market: bool = False


class ExitOrders:
    """
    The hands of an exit book.

    An order's id says whose it is and for what: ids are all that every venue gives back after a restart.

    Parameters
    ----------
    kernel
        The node.
    owner
        Name of the book, the same after a restart.

    """

    def __init__(self, kernel: NautilusKernel, owner: str) -> None:
        self._kernel = kernel
        self._mark = f"{crc32(owner.encode()):08X}"
        self._owner = owner
        self._count = 0

    def rung_of(self, order: Order) -> Rung | None:
        """Return what one of its own orders is for, also one of an earlier run; ``None`` for any other."""
        match = _NAME.fullmatch(order.client_order_id.value)
        if match is None or match[1] != self._mark:
            return None
        kind, market = _KINDS[match[2]]
        return Rung(kind, int(match[3]), int(match[4]), market)

    def terms(self, position: Position, price: Decimal, quantity: Decimal) -> tuple[Decimal, Decimal]:
        """Return price and quantity as an order for them would have, which is how it is known again."""
        instrument = self._instrument(position)
        return instrument.make_price(price).as_decimal(), whole_steps(instrument, quantity).as_decimal()

    def stop(self, position: Position, rung: Rung, quantity: Decimal, price: Decimal) -> Order:
        """Return a reduce-only stop that goes to market."""
        instrument = self._instrument(position)
        return StopMarketOrder(
            **self._common(position, rung, instrument, quantity),
            trigger_price=instrument.make_price(price),
            trigger_type=TriggerType.DEFAULT,
            reduce_only=True,
        )

    def limit(self, position: Position, rung: Rung, quantity: Decimal, price: Decimal) -> Order:
        """Return a reduce-only limit order."""
        instrument = self._instrument(position)
        return LimitOrder(
            **self._common(position, rung, instrument, quantity),
            price=instrument.make_price(price),
            reduce_only=True,
        )

    def market(self, position: Position, rung: Rung, quantity: Decimal) -> Order:
        """Return an order at market, reduce-only where that means something."""
        instrument = self._instrument(position)
        return MarketOrder(
            **self._common(position, rung, instrument, quantity),
            reduce_only=not self.is_cash(position),
        )

    def modify(self, order: Order, quantity: Decimal, price: Decimal) -> None:
        """Change what is left of a stop, and where it is triggered."""
        instrument = self._kernel.cache.instrument(order.instrument_id)
        command = ModifyOrder(
            trader_id=order.trader_id,
            strategy_id=order.strategy_id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id,
            quantity=whole_steps(instrument, quantity + order.filled_qty.as_decimal()),
            price=None,
            trigger_price=instrument.make_price(price),
            command_id=UUID4(),
            ts_init=self._kernel.clock.timestamp_ns(),
        )
        self._kernel.msgbus.send("RiskEngine.execute", command)

    def cancel(self, order: Order) -> None:
        """Cancel an order."""
        send_cancel(self._kernel, order)

    def is_cash(self, position: Position) -> bool:
        """Tell whether the account of a position has no margin."""
        account = self._kernel.cache.account(position.account_id)
        return account is not None and bool(account.is_cash_account)

    def _instrument(self, position: Position) -> Instrument:
        return self._kernel.cache.instrument(position.instrument_id)

    def _common(
        self, position: Position, rung: Rung, instrument: Instrument, quantity: Decimal
    ) -> dict[str, object]:
        now = self._kernel.clock.timestamp_ns()
        self._count = (self._count + 1) % COUNTS
        mark = f"NX{self._mark}{_LETTERS[rung.kind, rung.market]}{rung.level}P{rung.part}"
        return {
            "trader_id": position.trader_id,
            "strategy_id": position.strategy_id,
            "instrument_id": position.instrument_id,
            "client_order_id": order_name(mark, now, self._count),
            "order_side": OrderSide.SELL if position.is_long else OrderSide.BUY,
            "quantity": whole_steps(instrument, quantity),
            "init_id": UUID4(),
            "ts_init": now,
            "tags": [TAG, f"{TAG}:{self._owner}", f"{rung.kind}:{rung.level}"],
        }

    def submit(self, order: Order, position: Position) -> None:
        """Send an order."""
        engine = self._kernel.exec_engine
        hedges = oms_of(engine, position.strategy_id, position.instrument_id.venue) == OmsType.HEDGING
        # NautilusTrader's simulated exchange makes every reduce-only order of a named position as large as
        # the position. Where there is but one position, nobody has to name it.
        send_new(self._kernel, order, position.id if hedges else None)


def is_exit(order: Order) -> bool:
    """Tell whether an order is an exit of some book, also one of an earlier run."""
    return _NAME.fullmatch(order.client_order_id.value) is not None
