"""What a market order could not get at the best price, it gets one tick further: as in a backtest."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from nautilus_trader.backtest.engine import SimulatedExchange
from nautilus_trader.cache.base import CacheFacade
from nautilus_trader.model.enums import BookType, LiquiditySide, OrderSide, OrderType, TimeInForce
from nautilus_trader.model.events import OrderEvent, OrderFilled, OrderUpdated
from nautilus_trader.model.identifiers import ClientOrderId
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.orders import Order

_AT_MARKET = (
    OrderType.MARKET,
    OrderType.MARKET_IF_TOUCHED,
    OrderType.STOP_MARKET,
    OrderType.TRAILING_STOP_MARKET,
)
_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)

Held = Callable[[OrderFilled], Decimal]


class Remainders:
    """
    Complete market orders larger than the best quote.

    NautilusTrader's matching engine does this in a backtest. In a live node its events wait in a queue, so
    the engine still sees the order as not open when it looks for a remainder, and leaves it partially
    filled for ever, neither working nor closed.

    Parameters
    ----------
    exchange : SimulatedExchange
        The paper venue's exchange.
    cache : CacheFacade
        Orders and instruments of the node.
    held : callable
        What the venue still holds [unsigned size] of the position a fill belongs to.
    """

    def __init__(self, exchange: SimulatedExchange, cache: CacheFacade, held: Held) -> None:
        self._exchange = exchange
        self._cache = cache
        self._held = held
        self._filled: dict[ClientOrderId, tuple[Decimal, OrderFilled]] = {}
        self._sizes: dict[ClientOrderId, Decimal] = {}

    def note(self, event: OrderEvent) -> None:
        """Take in an event on its way from the venue."""
        if isinstance(event, OrderUpdated):
            self._sizes[event.client_order_id] = event.quantity.as_decimal()
        elif isinstance(event, OrderFilled) and event.order_type in _AT_MARKET:
            before = self._filled.get(event.client_order_id)
            total = event.last_qty.as_decimal() + (Decimal(0) if before is None else before[0])
            self._filled[event.client_order_id] = (total, event)

    def complete(self) -> None:
        """Fill what is left of every order noted since the last time."""
        noted, sizes = self._filled, self._sizes
        self._filled, self._sizes = {}, {}
        for client_order_id, (filled, last) in noted.items():
            order = self._cache.order(client_order_id)
            if (
                order is None
                or order.time_in_force in _AT_ONCE
                or self._exchange.book_type != BookType.L1_MBP
            ):
                continue
            size = sizes.get(client_order_id, order.quantity.as_decimal())
            self._fill(order, size - max(filled, order.filled_qty.as_decimal()), last)
        self._filled.clear()

    def _fill(self, order: Order, rest: Decimal, last: OrderFilled) -> None:
        if order.is_reduce_only:
            rest = min(rest, self._held(last))
        if rest <= 0:
            return
        instrument: Instrument = self._cache.instrument(order.instrument_id)
        tick = instrument.price_increment.as_decimal() * (1 if order.side == OrderSide.BUY else -1)
        engine = self._exchange.get_matching_engine(order.instrument_id)
        engine.fill_order(
            order=order,
            last_px=instrument.make_price(last.last_px.as_decimal() + tick),
            last_qty=instrument.make_qty(rest),
            liquidity_side=LiquiditySide.TAKER,
            venue_position_id=last.position_id,
        )
