"""
Giving a restarted node its positions back.

NautilusTrader's own reconciliation would rebuild a reported position from a synthetic order of the strategy
``EXTERNAL``, or of the one strategy that claims the instrument. A paper venue knows better: it remembers
which strategy owns which part. So it puts one filled order per holding into the cache under the owner's id
and sends the usual reports for it; NautilusTrader then opens the position by itself, under the owner, at the
exact entry price, and its reconciliation finds cache and venue in agreement.
"""

from __future__ import annotations

from decimal import Decimal

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.reports import FillReport, OrderStatusReport
from nautilus_trader.model.enums import LiquiditySide, OrderSide, OrderStatus, OrderType, TimeInForce
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import (
    AccountId,
    ClientOrderId,
    InstrumentId,
    PositionId,
    StrategyId,
    TradeId,
    TraderId,
    VenueOrderId,
)
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import FIXED_PRECISION, Money, Price, Quantity
from nautilus_trader.model.orders import MarketOrder
from nautilus_trader.model.position import Position

from nautilus_quant.venues.paper.ledger import Holding

# An average entry price lies between ticks. With so many decimals the error of a position of a million units
# stays below a thousandth of a cent. Standard-precision builds of NautilusTrader have 9.
PRICE_DECIMALS = min(FIXED_PRECISION, 11)


class Restoration:
    """
    The order, the reports and the fill which re-create one holding.

    Parameters
    ----------
    holding : Holding
        What the venue holds.
    instrument : Instrument
        Its instrument.
    trader_id : TraderId
        Trader of the node.
    account_id : AccountId
        Account at the venue.
    now : int
        UNIX time [ns]; part of the ids, so that every restart has its own.
    """

    def __init__(
        self, holding: Holding, instrument: Instrument, trader_id: TraderId, account_id: AccountId, now: int
    ) -> None:
        self.holding = holding
        self.position_id = PositionId(holding.position)
        self._instrument = instrument
        self._trader_id = trader_id
        self._account_id = account_id
        self._now = now
        self._side = OrderSide.BUY if holding.quantity > 0 else OrderSide.SELL
        self._quantity = Quantity(abs(holding.quantity), instrument.size_precision)
        self._price = Price(holding.price, PRICE_DECIMALS)
        label = f"{holding.ts_opened}-{now}-{holding.position}"
        self._client_order_id = ClientOrderId(f"RESTORED-{label}")
        self._venue_order_id = VenueOrderId(f"RESTORED-{label}")
        self._trade_id = TradeId(f"R-{holding.ts_last:x}-{now:x}"[:36])

    def order(self) -> MarketOrder:
        """Return the order of the owning strategy, not yet filled."""
        return MarketOrder(
            trader_id=self._trader_id,
            strategy_id=StrategyId(self.holding.strategy),
            instrument_id=InstrumentId.from_str(self.holding.instrument),
            client_order_id=self._client_order_id,
            order_side=self._side,
            quantity=self._quantity,
            init_id=UUID4(),
            ts_init=self._now,
            tags=["RESTORED"],
        )

    def accepted(self) -> OrderStatusReport:
        """Return the report that the venue has the order."""
        return OrderStatusReport(
            account_id=self._account_id,
            instrument_id=self._instrument.id,
            venue_order_id=self._venue_order_id,
            client_order_id=self._client_order_id,
            order_side=self._side,
            order_type=OrderType.MARKET,
            time_in_force=TimeInForce.GTC,
            order_status=OrderStatus.ACCEPTED,
            quantity=self._quantity,
            filled_qty=Quantity.zero(self._instrument.size_precision),
            report_id=UUID4(),
            ts_accepted=self.holding.ts_opened,
            ts_last=self.holding.ts_opened,
            ts_init=self._now,
        )

    def filled(self) -> FillReport:
        """Return the report of the fill, free of charge: the fee was paid in an earlier life."""
        return FillReport(
            account_id=self._account_id,
            instrument_id=self._instrument.id,
            venue_order_id=self._venue_order_id,
            trade_id=self._trade_id,
            order_side=self._side,
            last_qty=self._quantity,
            last_px=self._price,
            commission=Money(Decimal(0), self._instrument.quote_currency),
            liquidity_side=LiquiditySide.NO_LIQUIDITY_SIDE,
            report_id=UUID4(),
            ts_event=self.holding.ts_last,
            ts_init=self._now,
            client_order_id=self._client_order_id,
            venue_position_id=self.position_id,
        )

    def fill(self) -> OrderFilled:
        """Return the same fill as the event it becomes."""
        return OrderFilled(
            trader_id=self._trader_id,
            strategy_id=StrategyId(self.holding.strategy),
            instrument_id=self._instrument.id,
            client_order_id=self._client_order_id,
            venue_order_id=self._venue_order_id,
            account_id=self._account_id,
            trade_id=self._trade_id,
            position_id=self.position_id,
            order_side=self._side,
            order_type=OrderType.MARKET,
            last_qty=self._quantity,
            last_px=self._price,
            currency=self._instrument.quote_currency,
            commission=Money(Decimal(0), self._instrument.quote_currency),
            liquidity_side=LiquiditySide.NO_LIQUIDITY_SIDE,
            event_id=UUID4(),
            ts_event=self.holding.ts_last,
            ts_init=self._now,
            reconciliation=True,
        )

    def as_position(self) -> Position:
        """Return the holding as NautilusTrader's position, to let it calculate profit and loss."""
        return Position(self._instrument, self.fill())
