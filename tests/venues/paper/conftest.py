"""A bench for the paper venue: NautilusTrader's engine, portfolio and cache around it, without a node."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal

import pytest
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.common.factories import OrderFactory
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import CancelOrder, GeneratePositionStatusReports, SubmitOrder
from nautilus_trader.live.execution_engine import LiveExecutionEngine
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import InstrumentId, StrategyId, Symbol, TraderId
from nautilus_trader.model.instruments import CryptoPerpetual, CurrencyPair, Instrument
from nautilus_trader.model.objects import Currency, Price, Quantity
from nautilus_trader.portfolio.portfolio import Portfolio

from nautilus_quant.venues.paper import PaperExecClientConfig, PaperExecutionClient

TRADER = TraderId("TESTER-001")
ACCOUNT = "PAPER-001"
FEES = {"maker_fee": Decimal("0.0002"), "taker_fee": Decimal("0.0005")}


def _perpetual(symbol: str, *, inverse: bool) -> CryptoPerpetual:
    usdt, btc = Currency.from_str("USDT"), Currency.from_str("BTC")
    quote = Currency.from_str("USD") if inverse else usdt
    return CryptoPerpetual(
        instrument_id=InstrumentId.from_str(f"{symbol}.PAPER"),
        raw_symbol=Symbol(symbol),
        base_currency=btc,
        quote_currency=quote,
        settlement_currency=btc if inverse else usdt,
        is_inverse=inverse,
        price_precision=1,
        price_increment=Price.from_str("0.1"),
        size_precision=0 if inverse else 3,
        size_increment=Quantity.from_str("1" if inverse else "0.001"),
        margin_init=Decimal("0.05"),
        margin_maint=Decimal("0.025"),
        ts_event=0,
        ts_init=0,
        **FEES,
    )


@pytest.fixture
def btc() -> CryptoPerpetual:
    return _perpetual("BTCUSDT-PERP", inverse=False)


@pytest.fixture
def inverse() -> CryptoPerpetual:
    return _perpetual("BTCUSD-PERP", inverse=True)


@pytest.fixture
def coin() -> CurrencyPair:
    return CurrencyPair(
        instrument_id=InstrumentId.from_str("BTCUSDT.PAPER"),
        raw_symbol=Symbol("BTCUSDT"),
        base_currency=Currency.from_str("BTC"),
        quote_currency=Currency.from_str("USDT"),
        price_precision=2,
        price_increment=Price.from_str("0.01"),
        size_precision=5,
        size_increment=Quantity.from_str("0.00001"),
        ts_event=0,
        ts_init=0,
        **FEES,
    )


class Bench:
    """One life of a process: build, trade, and let go of without a goodbye."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, config: PaperExecClientConfig, *instruments: Instrument
    ):
        self.loop = loop
        self.clock = LiveClock()
        self.bus = MessageBus(trader_id=TRADER, clock=self.clock)
        self.asked: list[object] = []
        self.bus.register("DataEngine.execute", self.asked.append)
        self.cache = Cache()
        self.portfolio = Portfolio(self.bus, self.cache, self.clock)
        self.engine = LiveExecutionEngine(loop, self.bus, self.cache, self.clock)
        for instrument in instruments:
            self.cache.add_instrument(instrument)
        self.client = PaperExecutionClient(loop, self.portfolio, self.bus, self.cache, self.clock, config)
        self.engine.register_client(self.client)
        self.factories: dict[str, OrderFactory] = {}
        loop.run_until_complete(self._start())

    async def _start(self) -> None:
        self.engine.start()
        self.client.connect()
        assert await self.engine.reconcile_execution_state()
        await self.settle()

    async def settle(self) -> None:
        for _ in range(50):  # turns of the loop, far more than a chain of command, event and fill needs
            await asyncio.sleep(0)
        assert not self.engine.evt_qsize()

    def quote(self, instrument: Instrument, bid: float, ask: float, size: float = 1000.0) -> None:
        now = self.clock.timestamp_ns()
        tick = QuoteTick(
            instrument.id,
            instrument.make_price(bid),
            instrument.make_price(ask),
            instrument.make_qty(size),
            instrument.make_qty(size),
            now,
            now,
        )
        self.cache.add_quote_tick(tick)
        self.bus.publish(f"data.quotes.{instrument.id.venue}.{instrument.id.symbol}", tick)
        self.loop.run_until_complete(self.settle())

    def factory(self, strategy: str) -> OrderFactory:
        if strategy not in self.factories:
            self.factories[strategy] = OrderFactory(
                TRADER, StrategyId(strategy), self.clock, use_uuid_client_order_ids=True
            )
        return self.factories[strategy]

    def submit(self, order):
        self.cache.add_order(order)
        command = SubmitOrder(TRADER, order.strategy_id, order, UUID4(), self.clock.timestamp_ns())
        self.engine.execute(command)
        self.loop.run_until_complete(self.settle())
        return order

    def market(
        self, instrument: Instrument, side: OrderSide, quantity: str, strategy: str = "S-A", **options
    ):
        size = Quantity.from_str(quantity)
        return self.submit(self.factory(strategy).market(instrument.id, side, size, **options))

    def limit(
        self, instrument: Instrument, side: OrderSide, quantity: str, price: str, strategy: str = "S-A"
    ):
        size, limit = Quantity.from_str(quantity), Price.from_str(price)
        return self.submit(self.factory(strategy).limit(instrument.id, side, size, limit))

    def cancel(self, order):
        self.engine.execute(
            CancelOrder(
                TRADER,
                order.strategy_id,
                order.instrument_id,
                order.client_order_id,
                order.venue_order_id,
                UUID4(),
                self.clock.timestamp_ns(),
            )
        )
        self.loop.run_until_complete(self.settle())

    def balance(self, currency: str = "USDT") -> Decimal:
        account = self.cache.account(self.client.account_id)
        return account.balance_total(Currency.from_str(currency)).as_decimal()

    def reports(self, instrument: Instrument | None = None):
        command = GeneratePositionStatusReports(
            instrument_id=None if instrument is None else instrument.id,
            start=None,
            end=None,
            command_id=UUID4(),
            ts_init=self.clock.timestamp_ns(),
        )
        return self.loop.run_until_complete(self.client.generate_position_status_reports(command))

    def die(self) -> None:
        """Stop without disconnecting, saving or flushing."""
        self.engine.kill()
        self.loop.run_until_complete(asyncio.sleep(0))


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    for task in asyncio.all_tasks(loop):
        task.cancel()
    for _ in range(5):
        loop.run_until_complete(asyncio.sleep(0))
    loop.close()


@pytest.fixture
def life(loop, tmp_path):
    """Start one life after the other on the same state."""
    lives: list[Bench] = []

    def start(*instruments: Instrument, **options) -> Bench:
        if lives:
            lives[-1].die()
        settings = {
            "venue": "PAPER",
            "starting_balances": ["100_000 USDT"],
            "default_leverage": Decimal(10),
            "funding_delay": 0.0,
            "state": f"memory://{tmp_path}",
        } | options
        lives.append(Bench(loop, PaperExecClientConfig(**settings), *instruments))
        return lives[-1]

    yield start
    for bench in lives:
        bench.die()
        bench.client._store.close()
