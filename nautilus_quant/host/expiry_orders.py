"""Orders that leave or roll an option: made and sent in the name of the strategy that holds it."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING
from zlib import crc32

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.enums import OmsType, OrderSide, TimeInForce
from nautilus_trader.model.orders import LimitOrder

from nautilus_quant.host.liquidator import send_cancel
from nautilus_quant.host.new_orders import COUNTS, order_name, send_new
from nautilus_quant.host.routing import oms_of

if TYPE_CHECKING:
    from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.orders import Order
    from nautilus_trader.model.position import Position
    from nautilus_trader.system.kernel import NautilusKernel

    from nautilus_quant.options.expiry_plan import Leg

TAG = "EXPIRY"
"""The first tag of every order."""


class ExpiryOrders:
    """
    The hands of an expiry book.

    All orders are limits that fill at once or not at all: options are thin, many venues take no other kind,
    and nothing ever rests that a restart would have to look for.

    Parameters
    ----------
    kernel
        The node.
    owner
        Name of the book, the same after a restart.

    """

    def __init__(self, kernel: NautilusKernel, owner: str) -> None:
        self._kernel = kernel
        self._mark = f"NE{crc32(owner.encode()):08X}"
        self._owner = owner
        self._count = 0

    def owns(self, order_id: ClientOrderId) -> bool:
        """Tell whether an order is one of its own, also one of an earlier run, or a leg of one."""
        return bool(order_id.value.startswith(self._mark))

    def hedges(self, position: Position) -> bool:
        """Tell whether the strategy may have several positions in the instrument."""
        oms = oms_of(self._kernel.exec_engine, position.strategy_id, position.instrument_id.venue)
        return bool(oms == OmsType.HEDGING)

    def make(
        self,
        position: Position,
        instrument: Instrument,
        side: OrderSide,
        quantity: Decimal,
        *,
        price: float,
        leg: Leg,
    ) -> LimitOrder:
        """
        Return an order that takes at a price or better.

        Parameters
        ----------
        position
            In whose name.
        instrument
            What is traded: the option held, another one, or a spread.
        side, quantity, price
            Of the order; in whole lots. The price is rounded to where it is at least as likely to fill.
        leg
            What it does; only what closes is reduce-only.

        """
        now = self._kernel.clock.timestamp_ns()
        self._count = (self._count + 1) % COUNTS
        whole = quantity >= position.quantity.as_decimal()
        closes = position.instrument_id == instrument.id
        return LimitOrder(
            trader_id=position.trader_id,
            strategy_id=position.strategy_id,
            instrument_id=instrument.id,
            client_order_id=order_name(f"{self._mark}{leg[0].upper()}", now, self._count),
            order_side=side,
            # Whole lots already; to round down here takes a lot off many sizes, 0.3 becomes 0.2.
            quantity=instrument.make_qty(quantity),
            price=instrument.make_price(_rounded(instrument, side, price)),
            time_in_force=TimeInForce.IOC,
            # NautilusTrader's simulated exchange makes every reduce-only order of a named position as large
            # as the position.
            reduce_only=closes and (whole or not self.hedges(position)) and not self._is_cash(position),
            init_id=UUID4(),
            ts_init=now,
            tags=[TAG, f"{TAG}:{self._owner}", str(leg)],
        )

    def submit(self, order: Order, position: Position) -> None:
        """Send an order; what closes one of several positions names it."""
        closes = order.instrument_id == position.instrument_id
        send_new(self._kernel, order, position.id if closes and self.hedges(position) else None)

    def cancel(self, order: Order) -> None:
        """Cancel an order."""
        if not order.is_closed and not order.is_pending_cancel:
            send_cancel(self._kernel, order)

    def cancel_others(self, position: Position) -> int:
        """Cancel what else the strategy has working on the option, and say how many that were."""
        cache, name = self._kernel.cache, position.instrument_id
        found = {
            order.client_order_id: order
            for orders in (
                cache.orders_open(instrument_id=name, strategy_id=position.strategy_id),
                cache.orders_inflight(instrument_id=name, strategy_id=position.strategy_id),
                cache.orders_emulated(instrument_id=name, strategy_id=position.strategy_id),
            )
            for order in orders
            if not self.owns(order.client_order_id)
        }
        for order in found.values():
            self.cancel(order)
        return len(found)

    def held(self, position: Position, instrument_id: InstrumentId) -> Decimal:
        """Return what the strategy of a position holds of an instrument, signed [contracts]."""
        open_ = self._kernel.cache.positions_open(
            instrument_id=instrument_id, strategy_id=position.strategy_id
        )
        return sum((Decimal(p.signed_decimal_qty()) for p in open_), Decimal(0))

    def _is_cash(self, position: Position) -> bool:
        account = self._kernel.cache.account(position.account_id)
        return account is not None and bool(account.is_cash_account)


def _rounded(instrument: Instrument, side: OrderSide, price: float) -> Decimal:
    """Round a price up for a buyer and down for a seller, to a tick; a seller asks for one tick at least."""
    tick: Decimal = instrument.price_increment.as_decimal()
    way = ROUND_CEILING if side == OrderSide.BUY else ROUND_FLOOR
    rounded = (Decimal(repr(price)) / tick).to_integral_value(rounding=way) * tick
    return rounded if instrument.is_spread() else max(rounded, tick)
