"""What each service takes of one order, in a node with three positions, books and every gate."""

from __future__ import annotations

import gc
from collections.abc import Callable
from decimal import Decimal
from time import thread_time_ns
from typing import TYPE_CHECKING, Any

from benchmarks.figure import Figure
from benchmarks.timing import percentile

if TYPE_CHECKING:
    from nautilus_trader.backtest.engine import BacktestEngine

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
QUOTES = 400
LOOPS = 400
BATCH = 20
STREAM, STREAMS = 2_000, 15
QUICK = "CPU time, the quickest tenth of batches"
BUDGETS = {"policy": 2.0, "margin": 10.0, "liquidity": 20.0}


def instruments() -> list[Any]:
    """Return three perpetuals, the third a copy of the first under another name."""
    from nautilus_trader.test_kit.providers import TestInstrumentProvider

    btc, eth = TestInstrumentProvider.btcusdt_perp_binance(), TestInstrumentProvider.ethusdt_perp_binance()
    kind = type(btc)
    copy = {**kind.to_dict(btc), "id": "LTCUSDT-PERP.BINANCE", "raw_symbol": "LTCUSDT"}
    return [btc, eth, kind.from_dict(copy)]


def market(instrument: Any, middle: float) -> list[Any]:
    """Return a quote, a book of ten levels and a trade each second, now bought, now sold."""
    from nautilus_trader.model.data import BookOrder, OrderBookDepth10, QuoteTick, TradeTick
    from nautilus_trader.model.enums import AggressorSide, OrderSide
    from nautilus_trader.model.identifiers import TradeId

    made: list[Any] = []
    tick, size = instrument.price_increment.as_double(), instrument.make_qty(100)
    for n in range(QUOTES):
        ts, price = START + n * SECOND, middle * (1.0 + 0.0001 * (n % 7))
        bids, asks = (
            [
                BookOrder(side, instrument.make_price(price + sign * (level + 1) * tick), size, level)
                for level in range(10)
            ]
            for side, sign in ((OrderSide.BUY, -1), (OrderSide.SELL, 1))
        )
        made.append(QuoteTick(instrument.id, bids[0].price, asks[0].price, size, size, ts, ts))
        made.append(OrderBookDepth10(instrument.id, bids, asks, [1] * 10, [1] * 10, 0, n, ts, ts))
        side, last = (AggressorSide.BUYER, asks[0]) if n % 2 else (AggressorSide.SELLER, bids[0])
        made.append(
            TradeTick(instrument.id, last.price, instrument.make_qty(1), side, TradeId(str(n)), ts, ts)
        )
    return made


def node(measured: Callable[[Any], None]) -> BacktestEngine:
    """Return an engine with every gate, and a strategy that holds three positions and then measures."""
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig
    from nautilus_trader.model.currencies import USDT
    from nautilus_trader.model.enums import AccountType, OmsType
    from nautilus_trader.model.objects import Money

    held = instruments()
    made = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    made.add_venue(
        held[0].venue,
        OmsType.NETTING,
        AccountType.MARGIN,
        [Money(10_000_000, USDT)],
        default_leverage=Decimal(10),
    )
    data: list[Any] = []
    for instrument, middle in zip(held, (30_000.0, 2_000.0, 30_100.0), strict=True):
        made.add_instrument(instrument)
        data += market(instrument, middle)
    made.add_data(data)
    for actor in gates():
        made.add_actor(actor)
    made.add_strategy(_holder(held, measured))
    return made


def gates() -> list[Any]:
    """Return every gate as shipped, but for what this market has none of."""
    from nautilus_quant import actors as ours

    return [
        ours.SafetyEngine(),
        ours.RegimeGate(ours.RegimeGateConfig(matrix={"default": ["ALL"]})),
        ours.PerformanceGuard(),
        ours.OrderPolicyGate(ours.OrderPolicyGateConfig(duplicate_window=0.0)),
        ours.LiquidityMonitor(),
        ours.MarginMonitor(),
        ours.PortfolioMonitor(),
        ours.OrderFlowGate(),
        ours.AnomalyDetector(),
    ]


def _holder(held: list[Any], measured: Callable[[Any], None]) -> Any:
    from nautilus_trader.config import StrategyConfig
    from nautilus_trader.model.enums import OrderSide
    from nautilus_trader.trading.strategy import Strategy

    class Holder(Strategy):  # type: ignore[misc]
        """Buys one of each, then measures, once."""

        def __init__(self) -> None:
            super().__init__(StrategyConfig())
            self.seen = 0

        def on_start(self) -> None:
            for instrument in held:
                self.subscribe_quote_ticks(instrument.id)

        def on_quote_tick(self, _tick: object) -> None:
            self.seen += 1
            if self.seen == 3 * 200:
                for instrument in held:
                    order = self.order_factory.market(instrument.id, OrderSide.BUY, instrument.make_qty(1))
                    self.submit_order(order)
            if self.seen == 3 * 300:
                measured(self)

    return Holder()


def per_call(action: Callable[[], object]) -> float:
    """
    Return the CPU time of one call [µs].

    Of many batches, since clocks take time, too, and of those the one that a tenth is quicker than: others on
    the machine only ever make it slower.
    """
    taken = []
    for _ in range(LOOPS):
        start = thread_time_ns()
        for _ in range(BATCH):
            action()
        taken.append((thread_time_ns() - start) / BATCH / 1_000)
    return percentile(taken, 0.1)


def take(strategy: Any, figures: list[Figure]) -> None:
    """Time every gate by itself, the fee, the valuation, and the chain."""
    from nautilus_trader.model.enums import OrderSide

    from nautilus_quant.host.fees import FeeBook
    from nautilus_quant.host.gateway import find_gateway
    from nautilus_quant.host.valuation import Valuer

    positions = strategy.cache.positions_open_count()
    if positions != 3:
        raise RuntimeError(f"three positions must be held here, were {positions}: a gate has denied an order")
    gateway = find_gateway(strategy.msgbus)
    instrument = strategy.cache.instruments()[0]
    order = strategy.order_factory.market(instrument.id, OrderSide.BUY, instrument.make_qty(1))
    intent = gateway.exposure.submit(order, None)
    for name, gate in gateway._gates.items():
        if name in BUDGETS:
            taken = per_call(lambda gate=gate: gate.check(intent))  # type: ignore[misc]
            figures.append(Figure(f"gate {name}, one order", taken, "µs", BUDGETS[name], note=QUICK))
    fees, valuer = FeeBook.on(strategy.msgbus), Valuer.on(strategy.msgbus)
    now = strategy.clock.timestamp_ns()
    taken = per_call(lambda: fees.rate(instrument))
    figures.append(Figure("fee of one order", taken, "µs", 2.0, note=QUICK))
    taken = per_call(lambda: valuer.value(now))
    figures.append(Figure("valuation of 3 positions", taken, "µs", 50.0, note=QUICK))
    margin = gateway._gates["margin"]

    moved = strategy.cache.positions_open()[0].id

    def after_a_fill() -> None:
        valuer._on_change(None)
        margin._touch(moved)
        margin.check(intent)

    taken = per_call(after_a_fill)
    figures.append(Figure("gate margin, first order after a fill", taken, "µs", note=QUICK))
    figures.append(anomaly(strategy, gateway._gates["anomaly"]))
    figures.append(chain(gateway, order))


def anomaly(strategy: Any, detector: Any) -> Figure:
    """Time what the anomaly detector makes of the life of one order: sent, accepted, filled."""
    events = strategy.cache.orders_closed()[0].events

    def follow() -> None:
        for event in events:
            detector._on_order(event)

    taken = per_call(follow)
    return Figure("anomaly detector, all events of one order", taken, "µs", 25.0, note=QUICK)


def chain(gateway: Any, order: Any) -> Figure:
    """Time intent and decision of one order through every gate: the middle one of some streams of orders."""
    streams = [_stream(gateway, order) for _ in range(STREAMS)]
    streams.sort(key=lambda stream: percentile(stream, 0.99))
    taken = streams[len(streams) // 2]
    note = f"CPU time, median {percentile(taken, 0.5):.1f} µs, {len(gateway.gates)} gates, "
    least = percentile(streams[0], 0.99)
    note += f"{STREAM:,} orders back to back, the middle of {STREAMS} streams, the steadiest {least:.1f} µs"
    name = "one order through every gate, steady stream, p99"
    return Figure(name, percentile(taken, 0.99), "µs", 50.0, note=note)


def _stream(gateway: Any, order: Any) -> list[float]:
    taken = []
    gc.collect()
    for _ in range(STREAM):
        start = thread_time_ns()
        gateway.preview(gateway.exposure.submit(order, None))
        taken.append((thread_time_ns() - start) / 1_000)
    return taken


def measure() -> list[Figure]:
    """Run the node once."""
    figures: list[Figure] = []
    made = node(lambda strategy: take(strategy, figures))
    made.run()
    made.dispose()
    return figures
