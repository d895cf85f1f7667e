"""A live system without a node: NautilusTrader's kernel, and venues that do and answer what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from nautilus_trader.common import Environment
from nautilus_trader.common.factories import OrderFactory
from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.config import LiveExecEngineConfig, LoggingConfig, TradingNodeConfig
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import CancelOrder, SubmitOrder
from nautilus_trader.execution.reports import PositionStatusReport
from nautilus_trader.live.execution_client import LiveExecutionClient
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, LiquiditySide, OmsType, OrderSide, PositionSide
from nautilus_trader.model.identifiers import (
    AccountId,
    ClientId,
    PositionId,
    StrategyId,
    TradeId,
    TraderId,
    Venue,
    VenueOrderId,
)
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import AccountBalance, Currency, Money, Price, Quantity
from nautilus_trader.model.orders import Order
from nautilus_trader.system.kernel import NautilusKernel

TRADER = TraderId("TESTER-001")


class VenueProbe(LiveExecutionClient):
    """A venue that fills market orders when asked to, and answers with the reports it was given."""

    def __init__(
        self,
        kernel: NautilusKernel,
        name: str = "BINANCE",
        kind: AccountType = AccountType.MARGIN,
        oms: OmsType = OmsType.NETTING,
    ) -> None:
        # Another issuer than the simulated exchanges of backtests: NautilusTrader remembers, per process, to
        # calculate the balances of their accounts, and here the venue alone says what they are.
        issuer = f"{name}LIVE"
        super().__init__(
            loop=kernel.loop,
            client_id=ClientId(issuer),
            venue=Venue(name),
            oms_type=oms,
            account_type=kind,
            base_currency=None,
            instrument_provider=InstrumentProvider(),
            msgbus=kernel.msgbus,
            cache=kernel.cache,
            clock=kernel.clock,
        )
        self._set_account_id(AccountId(f"{issuer}-001"))
        self.fill_at: float | None = None  # None: accepted orders rest
        self.commission: Money | None = None
        self.positions: list[PositionStatusReport] = []
        self.orders: list[object] = []
        self.error: Exception | None = None
        self.asked = 0
        self.submitted: list[Order] = []
        self.cancelled: list[CancelOrder] = []

    async def _connect(self) -> None: ...

    async def _disconnect(self) -> None: ...

    async def _submit_order(self, command: SubmitOrder) -> None:
        order = command.order
        self.submitted.append(order)
        now = self._clock.timestamp_ns()
        common = (order.strategy_id, order.instrument_id, order.client_order_id)
        venue_id = VenueOrderId(f"V-{len(self.submitted)}")
        self.generate_order_submitted(*common, now)
        self.generate_order_accepted(*common, venue_id, now)
        if self.fill_at is not None:
            self.fill(order, order.quantity, self.fill_at)

    async def _cancel_order(self, command: CancelOrder) -> None:
        self.cancelled.append(command)

    def fill(self, order: Order, quantity: Quantity, price: float) -> None:
        """Fill an order, or part of it."""
        instrument = self._cache.instrument(order.instrument_id)
        self.generate_order_filled(
            strategy_id=order.strategy_id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            venue_order_id=VenueOrderId(f"V-{self.submitted.index(order) + 1}"),
            venue_position_id=None,
            trade_id=TradeId(UUID4().value),
            order_side=order.side,
            order_type=order.order_type,
            last_qty=quantity,
            last_px=Price(price, instrument.price_precision),
            quote_currency=instrument.quote_currency,
            commission=self.commission or Money(0, instrument.get_settlement_currency()),
            liquidity_side=LiquiditySide.TAKER,
            ts_event=self._clock.timestamp_ns(),
        )

    async def generate_position_status_reports(self, _command: object) -> list[PositionStatusReport]:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return list(self.positions)

    async def generate_order_status_reports(self, _command: object) -> list[object]:
        return list(self.orders)


class LiveSystem:
    """The kernel, its venues, and a hand to move them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, kernel: NautilusKernel) -> None:
        self.loop = loop
        self.kernel = kernel
        self.cache = kernel.cache
        self.clock = kernel.clock
        self._orders = OrderFactory(TRADER, StrategyId("S-001"), kernel.clock, use_uuid_client_order_ids=True)

    @property
    def now(self) -> int:
        """Wall clock [ns]."""
        return int(self.clock.timestamp_ns())

    def venue(self, name: str = "BINANCE", *instruments: Instrument, **options) -> VenueProbe:
        """Connect one more venue."""
        for instrument in instruments:
            self.cache.add_instrument(instrument)
        client = VenueProbe(self.kernel, name, **options)
        self.kernel.exec_engine.register_client(client)
        client.connect()
        self.turn()
        return client

    def turn(self) -> None:
        """Let everything that is due happen."""

        async def settle() -> None:
            for _ in range(50):  # turns of the loop, far more than a command, its events and a fill need
                await asyncio.sleep(0)

        self.loop.run_until_complete(settle())

    def balance(self, client: VenueProbe, **totals: float) -> None:
        """Let a venue report balances, e.g. ``USDT=1000``."""
        made = []
        for code, total in totals.items():
            currency = Currency.from_str(code)
            money = Money(total, currency)
            made.append(AccountBalance(money, Money(0, currency), money))
        client.generate_account_state(made, [], True, self.now)
        self.turn()

    def quote(self, instrument: Instrument, bid: float, ask: float | None = None) -> None:
        """Publish a quote, as the data engine does."""
        now = self.now
        size = Quantity(1000, instrument.size_precision)
        prices = (Price(p, instrument.price_precision) for p in (bid, bid if ask is None else ask))
        tick = QuoteTick(instrument.id, *prices, size, size, now, now)
        self.cache.add_quote_tick(tick)
        topic = f"data.quotes.{instrument.id.venue}.{instrument.id.symbol}"
        self.kernel.msgbus.publish(topic, tick)

    def order(
        self,
        instrument: Instrument,
        side: OrderSide,
        quantity: str,
        at: float | None = None,
        position_id: PositionId | None = None,
    ) -> Order:
        """Send an order to the venue: at market, or a limit order with `at`."""
        size = Quantity(Decimal(quantity), instrument.size_precision)
        if at is None:
            order = self._orders.market(instrument.id, side, size)
        else:
            price = Price(at, instrument.price_precision)
            order = self._orders.limit(instrument.id, side, size, price)
        self.cache.add_order(order, position_id)
        command = SubmitOrder(TRADER, order.strategy_id, order, UUID4(), self.now, position_id)
        self.kernel.msgbus.send("ExecEngine.execute", command)
        self.turn()
        return order

    def trade(
        self, client: VenueProbe, instrument: Instrument, side: OrderSide, quantity: str, price: float
    ) -> Order:
        """Send a market order and have it filled."""
        client.fill_at = price
        order = self.order(instrument, side, quantity)
        client.fill_at = None
        return order

    def report(self, client: VenueProbe, instrument: Instrument, quantity: str) -> PositionStatusReport:
        """Return what a venue says of a position: signed quantity, "0" for none."""
        signed = Decimal(quantity)
        side = PositionSide.LONG if signed > 0 else PositionSide.SHORT if signed else PositionSide.FLAT
        return PositionStatusReport(
            account_id=client.account_id,
            instrument_id=instrument.id,
            position_side=side,
            quantity=Quantity(abs(signed), instrument.size_precision),
            report_id=UUID4(),
            ts_last=self.now,
            ts_init=self.now,
            venue_position_id=PositionId(f"{instrument.id}-VENUE")
            if client.oms_type == OmsType.HEDGING
            else None,
        )


@contextmanager
def live_system() -> Iterator[LiveSystem]:
    """Run engines on a loop of their own; nothing of them is left afterwards."""
    loop = asyncio.new_event_loop()

    async def build() -> NautilusKernel:
        config = TradingNodeConfig(
            environment=Environment.SANDBOX,
            trader_id=TRADER,
            logging=LoggingConfig(bypass_logging=True),
            exec_engine=LiveExecEngineConfig(reconciliation=False, inflight_check_interval_ms=0),
        )
        kernel = NautilusKernel("LIVE", config)
        for engine in (kernel.data_engine, kernel.risk_engine, kernel.exec_engine):
            engine.start()
        return kernel

    kernel = loop.run_until_complete(build())
    try:
        yield LiveSystem(loop, kernel)
    finally:
        kernel.dispose()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        for _ in range(5):
            loop.run_until_complete(asyncio.sleep(0))
        loop.close()
