"""What a paper venue does when an option expires: it pays out what is held, and cancels what works."""

from __future__ import annotations

from nautilus_trader.backtest.engine import SimulatedExchange
from nautilus_trader.cache.cache import Cache
from nautilus_trader.model.data import InstrumentClose
from nautilus_trader.model.identifiers import InstrumentId, PositionId, StrategyId, TraderId
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import Quantity

from nautilus_quant.venues.paper.account import PaperAccount
from nautilus_quant.venues.paper.ledger import Holding
from nautilus_quant.venues.paper.wire import EVENTS, VenueWire
from nautilus_quant.venues.settlement import CashSettlement, Held, is_option


class Expiry:
    """
    Settles expired options of one paper venue; `nautilus_quant.venues.settlement` says at what and why.

    Parameters
    ----------
    exchange
        The venue's exchange.
    account
        The venue's books, which say what is held.
    wire
        Line on which the node hears of it.
    trader_id
        Trader of the node.
    cache
        Cache of the node.

    """

    def __init__(
        self,
        exchange: SimulatedExchange,
        account: PaperAccount,
        wire: VenueWire,
        *,
        trader_id: TraderId,
        cache: Cache,
    ) -> None:
        self._exchange = exchange
        self._account = account
        self._wire = wire
        self._trader_id = trader_id
        self._cache = cache

    def is_over(self, instrument_id: InstrumentId, now: int) -> bool:
        """Tell whether an instrument is an option that has expired by `now` [ns]."""
        instrument = self._cache.instrument(instrument_id)
        return is_option(instrument) and now >= instrument.expiration_ns

    def settle(self, close: InstrumentClose) -> None:
        """Pay out what is held at the close, once; a second close of the same option finds nothing held."""
        engine = self._exchange.get_matching_engine(close.instrument_id)
        for order in engine.get_open_orders() if engine is not None else ():
            engine.cancel_order(order)
        instrument = self._cache.instrument(close.instrument_id)
        for holding in list(self._account.ledger.holdings.values()):
            if holding.instrument == close.instrument_id.value:
                self._pay_out(holding, instrument, close)

    def _pay_out(self, holding: Holding, instrument: Instrument, close: InstrumentClose) -> None:
        position_id, account_id = PositionId(holding.position), self._exchange.exec_client.account_id
        held = Held(
            self._trader_id,
            StrategyId(holding.strategy),
            account_id,
            position_id,
            Quantity(abs(holding.quantity), instrument.size_precision),
            holding.quantity > 0,
        )
        settlement = CashSettlement(held, instrument, close, close.ts_init)
        order = settlement.order()
        self._cache.add_order(order, position_id, self._exchange.exec_client.id)
        self._cache.add_venue_order_id(order.client_order_id, settlement.venue_order_id)
        for event in settlement.events():
            self._wire.bus.send(endpoint=EVENTS, msg=event)
