"""Cash settlement of expired options, where NautilusTrader 1.231 has none that is right.

What its matching engine does by itself when an option expires (``_process_option_expiry``):

- It looks for an instrument ``{underlying}.{venue}``, ``BTC.SIM``. Without one it logs an error, and the
  position stays open for ever; a price in ``settlement_prices`` does not help, it is read after that.
- With one, it exercises at that instrument's last *trade*, and settles in cash only if it is an index, which
  never trades; anything else is exercised physically, into a position in the underlying.
- A cash settlement is |S - K| at the precision of the strike, whatever the premium is quoted in: a bitcoin
  option in the money by 1 000 USD closes at 1 000 BTC. Averages of an index are unknown to it.
- In a live node its sandbox subscribes ``data.*.VENUE.*``, which the topic of an `InstrumentClose`,
  ``data.venue.close_price.SYMBOL.VENUE``, does not match: a venue's settlement never reaches it.

So the rule here is: an `InstrumentClose` of type ``CONTRACT_EXPIRED`` closes every open position of that
option at its price, free of charge. A module does so in a backtest (it hears of the close before the engine
does), and the paper venue in a live node.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any, Final

from nautilus_trader.backtest.config import SimulationModuleConfig
from nautilus_trader.backtest.modules import SimulationModule
from nautilus_trader.core.data import Data
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.data import InstrumentClose
from nautilus_trader.model.enums import InstrumentCloseType, LiquiditySide, OrderSide, OrderType
from nautilus_trader.model.events import OrderAccepted, OrderEvent, OrderFilled
from nautilus_trader.model.identifiers import (
    AccountId,
    ClientOrderId,
    PositionId,
    StrategyId,
    TradeId,
    TraderId,
    VenueOrderId,
)
from nautilus_trader.model.instruments import CryptoOption, Instrument, OptionContract
from nautilus_trader.model.objects import Money, Quantity
from nautilus_trader.model.orders import MarketOrder

_DAY: Final = 86_400_000_000_000
TAG: Final = "SETTLEMENT"
"""On the order that closes an expired position; there is no order of a strategy behind it."""


def is_settlement(data: Data) -> bool:
    """Tell whether an event says what an instrument is settled at."""
    return isinstance(data, InstrumentClose) and data.close_type == InstrumentCloseType.CONTRACT_EXPIRED


def is_option(instrument: Instrument | None) -> bool:
    """Tell whether an instrument is an option that expires."""
    return isinstance(instrument, CryptoOption | OptionContract)


def outliving(option: CryptoOption | OptionContract) -> CryptoOption | OptionContract:
    """
    Describe an option to a matching engine that shall not settle it, as one that expires a day later.

    In a live node a fill waits in a queue, so the engine would still see the position which was settled just
    before as open, and log that it cannot settle it.
    """
    fields = type(option).to_dict(option)
    return type(option).from_dict(fields | {"expiration_ns": option.expiration_ns + _DAY})


@dataclass(frozen=True, slots=True)
class Held:
    """What is held in an expired option: whose it is, and its signed size [contracts]."""

    trader_id: TraderId
    strategy_id: StrategyId
    account_id: AccountId
    position_id: PositionId
    quantity: Quantity
    is_long: bool


class CashSettlement:
    """
    The order and the events which close one position at its settlement value.

    Parameters
    ----------
    held
        The position.
    instrument
        Its option.
    close
        What it is settled at [currency of the premium].
    now
        When it is booked, UNIX time [ns].

    """

    def __init__(self, held: Held, instrument: Instrument, close: InstrumentClose, now: int) -> None:
        self._held, self._instrument, self._close, self._now = held, instrument, close, now
        self._side = OrderSide.SELL if held.is_long else OrderSide.BUY
        label = f"{TAG}-{held.position_id}-{close.ts_event}"
        self._client_order_id, self.venue_order_id = ClientOrderId(label), VenueOrderId(label)
        self._trade_id = TradeId(f"S-{close.ts_event:x}-{zlib.crc32(label.encode()):08x}")

    def order(self) -> MarketOrder:
        """Return the closing order, not yet filled."""
        return MarketOrder(
            trader_id=self._held.trader_id,
            strategy_id=self._held.strategy_id,
            instrument_id=self._instrument.id,
            client_order_id=self._client_order_id,
            order_side=self._side,
            quantity=self._held.quantity,
            init_id=UUID4(),
            ts_init=self._now,
            reduce_only=True,
            tags=[TAG],
        )

    def events(self) -> list[OrderEvent]:
        """Return what happens to the order: accepted, and filled at the settlement value."""
        names: dict[str, Any] = {
            "trader_id": self._held.trader_id,
            "strategy_id": self._held.strategy_id,
            "instrument_id": self._instrument.id,
            "client_order_id": self._client_order_id,
            "venue_order_id": self.venue_order_id,
            "account_id": self._held.account_id,
            "ts_event": self._now,
            "ts_init": self._now,
        }
        currency = self._instrument.quote_currency
        fill = OrderFilled(
            **names,
            event_id=UUID4(),
            trade_id=self._trade_id,
            position_id=self._held.position_id,
            order_side=self._side,
            order_type=OrderType.MARKET,
            last_qty=self._held.quantity,
            last_px=self._close.close_price,
            currency=currency,
            commission=Money(0, currency),
            liquidity_side=LiquiditySide.NO_LIQUIDITY_SIDE,
        )
        return [OrderAccepted(**names, event_id=UUID4()), fill]


class OptionSettlementConfig(SimulationModuleConfig, frozen=True, kw_only=True):
    """Nothing to choose: options are settled at what their venue's data says."""


class OptionSettlement(SimulationModule):
    """
    Settles expired options of one venue of a backtest in cash.

    Needs the venue's `InstrumentClose` data at the moment of expiry, before any other data of that moment;
    later it works too, but NautilusTrader's own expiry has logged an error by then.

    Parameters
    ----------
    config
        Its configuration.

    """

    def __init__(self, config: OptionSettlementConfig | None = None) -> None:
        super().__init__(config or OptionSettlementConfig())

    def pre_process(self, data: Data) -> None:
        """Close what is open of an option that is settled."""
        if not is_settlement(data):
            return
        instrument = self.cache.instrument(data.instrument_id)
        if not is_option(instrument):
            return
        for position in self.cache.positions_open(venue=None, instrument_id=data.instrument_id):
            held = Held(
                position.trader_id,
                position.strategy_id,
                position.account_id,
                position.id,
                position.quantity,
                position.is_long,
            )
            self._settle(CashSettlement(held, instrument, data, data.ts_init), position.id)

    def _settle(self, settlement: CashSettlement, position_id: PositionId) -> None:
        order = settlement.order()
        self.cache.add_order(order, position_id)
        self.cache.add_venue_order_id(order.client_order_id, settlement.venue_order_id)
        for event in settlement.events():
            self.msgbus.send(endpoint="ExecEngine.process", msg=event)

    def process(self, ts_now: int) -> None:
        """Nothing happens with time alone."""

    def log_diagnostics(self, logger: Any) -> None:
        """Nothing to say."""

    def reset(self) -> None:
        """Nothing is kept."""
