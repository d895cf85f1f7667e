"""The market in a live node."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from types import SimpleNamespace

import pytest
from nautilus_trader.adapters.sandbox.config import SandboxExecutionClientConfig
from nautilus_trader.adapters.sandbox.factory import SandboxLiveExecClientFactory
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.config import ImportableActorConfig, LoggingConfig, TradingNodeConfig
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.data import Bar, BarType, QuoteTick, TradeTick
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import InstrumentId, TraderId
from nautilus_trader.trading.strategy import Strategy

from nautilus_quant.venues.simulated import (
    SimulatedDataClient,
    SimulatedDataClientConfig,
    SimulatedLiveDataClientFactory,
    Stress,
)
from tests.venues.simulated.recorder import plain
from tests.venues.simulated.test_catalog import backtest, catalog, first_difference

S = 10**9
BTC, ETH = InstrumentId.from_str("BTCUSDT-PERP.SIM"), InstrumentId.from_str("ETHUSDT-PERP.SIM")
MINUTE = BarType.from_str("BTCUSDT-PERP.SIM-1-MINUTE-LAST-EXTERNAL")


class Bench:
    """A data client without a node around it: what it sends to the data engine is kept."""

    def __init__(self, loop: asyncio.AbstractEventLoop, **config: object) -> None:
        self.loop, self.data, self.responses = loop, [], []
        self.clock, self.cache = LiveClock(), Cache()
        self.bus = MessageBus(trader_id=TraderId("TESTER-001"), clock=self.clock)
        self.bus.register("DataEngine.process", self.data.append)
        self.bus.register("DataEngine.response", self.responses.append)
        settings = {"seed": 5, "step": 0.05, "history": 120.0, **config}
        self.client: SimulatedDataClient = SimulatedLiveDataClientFactory.create(
            loop, "SIM", SimulatedDataClientConfig(**settings), self.bus, self.cache, self.clock
        )

    def run(self, seconds: float) -> None:
        self.loop.run_until_complete(asyncio.sleep(seconds))

    def begin(self) -> list[str]:
        """Connect, and tell which instruments are there before anything is awaited."""

        async def call() -> list[str]:
            self.client.connect()
            return sorted(str(item.id) for item in self.cache.instruments())

        return self.loop.run_until_complete(call())

    def connect(self) -> None:
        self.begin()
        for _ in range(400):
            if self.client.is_connected:
                return
            self.run(0.01)
        raise AssertionError("not connected")

    def ask(self, handler: str, **about: object) -> None:
        call = getattr(self.client, handler)(SimpleNamespace(**about))
        self.loop.run_until_complete(call)

    def of(self, kind: type, instrument_id: InstrumentId | None = None) -> list:
        found = [item for item in self.data if isinstance(item, kind)]
        return [item for item in found if instrument_id in (None, item.instrument_id)]

    def close(self) -> None:
        async def call() -> None:
            self.client.disconnect()
            await asyncio.sleep(0.05)

        self.loop.run_until_complete(call())


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


@pytest.fixture
def bench(loop) -> Iterator[Bench]:
    bench = Bench(loop)
    bench.connect()
    yield bench
    bench.close()


def test_instruments_are_there_before_anything_is_awaited(loop):
    bench = Bench(loop, symbols=("BTC",), spot=True)
    assert bench.begin() == ["BTCUSDT-PERP.SIM", "BTCUSDT.SIM"]
    bench.run(0.2)
    bench.close()


def test_the_first_quotes_come_with_the_connection(bench):
    quotes = bench.of(QuoteTick)
    assert len(quotes) == 8
    now = time.time_ns()
    assert all(now - 5 * S < quote.ts_init <= now for quote in quotes)
    kinds = {type(item).__name__ for item in bench.data}
    assert kinds == {
        "CryptoPerpetual",
        "QuoteTick",
        "MarkPriceUpdate",
        "IndexPriceUpdate",
        "FundingRateUpdate",
    }


def test_nothing_is_published_that_nobody_wants(bench):
    bench.data.clear()
    bench.run(0.3)
    assert bench.data == []


def test_trades_bring_quotes_along_and_both_end(bench):
    bench.ask("_subscribe_trade_ticks", instrument_id=BTC)
    bench.data.clear()
    bench.run(0.6)
    assert len(bench.of(QuoteTick, BTC)) >= 8
    assert bench.of(TradeTick, BTC)
    assert bench.of(QuoteTick, ETH) == []
    bench.ask("_unsubscribe_trade_ticks", instrument_id=BTC)
    bench.data.clear()
    bench.run(0.3)
    assert bench.data == []


def test_events_are_on_the_grid_and_never_early(bench):
    bench.ask("_subscribe_quote_ticks", instrument_id=BTC)
    bench.data.clear()
    heard = []
    for _ in range(40):
        bench.run(0.02)
        heard += [(quote.ts_init, time.time_ns()) for quote in bench.of(QuoteTick)]
        bench.data.clear()
    assert len(heard) >= 10
    assert all(ts % (S // 20) == 0 and ts <= now for ts, now in heard)
    assert [b - a for (a, _), (b, _) in pairwise(heard)] == [S // 20] * (len(heard) - 1)


def test_a_loop_that_was_busy_catches_up(bench):
    bench.ask("_subscribe_quote_ticks", instrument_id=BTC)
    bench.data.clear()
    time.sleep(1.5)
    bench.run(0.3)
    times = [quote.ts_init for quote in bench.of(QuoteTick)]
    assert len(times) >= 30
    assert [b - a for a, b in pairwise(times)] == [S // 20] * (len(times) - 1)


def test_requests_for_bars_look_back(bench):
    about = {"id": UUID4(), "start": None, "end": None, "params": {}}
    bench.ask("_request_bars", bar_type=MINUTE, limit=0, **about)
    bench.ask("_request_bars", bar_type=MINUTE, limit=1, **about)
    every, last = (response.data for response in bench.responses)
    assert len(every) in {1, 2}
    assert every[-1] == last[0]
    assert all(isinstance(bar, Bar) and bar.ts_event % (60 * S) == 0 for bar in every)
    assert every[-1].ts_event <= time.time_ns()


def test_every_request_is_answered(bench):
    about = {"id": UUID4(), "start": None, "end": None, "params": {}, "limit": 0}
    for what in ("quote_ticks", "trade_ticks", "funding_rates", "order_book_depth", "order_book_snapshot"):
        bench.ask(f"_request_{what}", instrument_id=BTC, **about)
    bench.ask("_request_instrument", instrument_id=BTC, **about)
    bench.ask("_request_instruments", venue=BTC.venue, **about)
    assert len(bench.responses) == 7
    assert [len(response.data) for response in bench.responses[:5]] == [0] * 5


def test_a_silent_feed_is_silent(loop):
    bench = Bench(loop, stress=(Stress(kind="gap", symbol="BTC", at=0.0, duration=60.0),))
    bench.connect()
    bench.ask("_subscribe_quote_ticks", instrument_id=BTC)
    bench.ask("_subscribe_quote_ticks", instrument_id=ETH)
    bench.data.clear()
    bench.run(0.4)
    assert bench.of(QuoteTick, BTC) == []
    assert bench.of(QuoteTick, ETH)
    bench.close()


def test_a_killed_market_goes_on_where_it_would_be(loop, tmp_path):
    state = f"sqlite:///{tmp_path}/state.db"
    first = Bench(loop, state=state)
    first.connect()
    first.ask("_subscribe_quote_ticks", instrument_id=BTC)
    first.client._pace.cancel()
    first.run(1.1)  # openings are whole seconds
    second = Bench(loop, state=state)
    second.connect()
    assert second.client._player.timeline == first.client._player.timeline
    third = Bench(loop)
    third.connect()
    for bench in (third, second, first):
        bench.close()
    assert third.client._player.timeline != first.client._player.timeline


class Buyer(Strategy):
    """Buys once, as soon as it may, and asks for history."""

    def on_start(self) -> None:
        self.past: list[Bar] = []
        self.fills: list[object] = []
        self.request_bars(MINUTE, start=self.clock.utc_now() - timedelta(hours=1))
        self.subscribe_bars(BarType.from_str("BTCUSDT-PERP.SIM-1-SECOND-LAST-EXTERNAL"))

    def on_historical_data(self, data: Bar) -> None:
        self.past.append(data)

    def on_bar(self, bar: Bar) -> None:
        if self.portfolio.is_flat(BTC) and not self.cache.orders():
            size = self.cache.instrument(BTC).make_qty(0.5)
            self.submit_order(self.order_factory.market(BTC, OrderSide.BUY, size))

    def on_order_filled(self, event: object) -> None:
        self.fills.append(event)


def run_node(config: SimulatedDataClientConfig, seconds: float) -> tuple[list, Buyer]:
    """Run a node for a while: the market, NautilusTrader's sandbox, a recorder and a buyer."""
    recorder = ImportableActorConfig(
        actor_path="tests.venues.simulated.recorder:Recorder",
        config_path="tests.venues.simulated.recorder:RecorderConfig",
        config={"instruments": [f"{i.symbol}.SIM" for i in config.listings], "bars": list(config.bars)},
    )
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    node = TradingNode(
        TradingNodeConfig(
            trader_id="TESTER-001",
            logging=LoggingConfig(log_level="ERROR"),
            actors=[recorder],
            data_clients={"SIM": config},
            exec_clients={
                "SIM": SandboxExecutionClientConfig(venue="SIM", starting_balances=["1_000_000 USDT"])
            },
            timeout_disconnection=1.0,
            timeout_post_stop=0.1,
        ),
        loop=loop,
    )
    buyer = Buyer()
    node.trader.add_strategy(buyer)
    node.add_data_client_factory("SIM", SimulatedLiveDataClientFactory)
    node.add_exec_client_factory("SIM", SandboxLiveExecClientFactory)
    node.build()

    async def live() -> None:
        task = asyncio.create_task(node.run_async())
        await asyncio.sleep(seconds)
        await node.stop_async()
        await task
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for other in left:  # workers of NautilusTrader's executors, which it leaves running
            other.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    loop.run_until_complete(live())
    (actor,) = node.trader.actors()
    events = list(actor.events)
    node.dispose()
    asyncio.set_event_loop(None)
    return events, buyer


def test_a_node_trades_and_a_backtest_hears_the_same(tmp_path):
    origin = time.time_ns() // S * S
    config = SimulatedDataClientConfig(
        seed=8,
        symbols=("BTC", "ADA"),
        spot=True,
        history=600.0,
        origin=origin,
        bars=("1-SECOND", "2-SECOND"),
        stress=(Stress(kind="zero", symbol="ADA", at=2.0, duration=60.0),),
    )
    events, buyer = run_node(config, 6.0)
    assert len(buyer.fills) == 1
    assert len(buyer.past) in {9, 10}
    assert [bar.ts_event % (60 * S) for bar in buyer.past] == [0] * len(buyer.past)
    # From the first second that is heard whole to the last.
    start, end = events[0].ts_init // S * S + S, events[-1].ts_init - S
    heard = [plain(event) for event in events if start < event.ts_init <= end]
    assert len(heard) > 200
    path = catalog.write(config, start + 1, end, tmp_path / "catalog")
    assert first_difference(backtest(config, path), heard) == ""
