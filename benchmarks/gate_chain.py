"""What gateway, safety engine and regime gate cost in a backtest: in all, per order, and as it grows."""

from __future__ import annotations

import gc
from collections.abc import Callable
from statistics import median
from time import perf_counter, thread_time_ns
from typing import TYPE_CHECKING, Any

from benchmarks import instructions
from benchmarks.btc_month import engine, month, suite
from benchmarks.figure import Figure, Unavailable
from benchmarks.timing import percentile, ratios

if TYPE_CHECKING:
    from nautilus_quant.host.gateway import OrderGateway

ROUNDS = 5
CHUNKS = 40
QUARTER = CHUNKS // 4
STREAM = 2_000
WHOLE = "gateway + safety + regime, whole backtest"
RATIO = 1.10


class Laps:
    """Takes the time at the end of each chunk of the bars of a run."""

    def __init__(self, bars: int) -> None:
        self._every = bars // CHUNKS
        self._count = 0
        self.times: list[float] = []

    def on_bar(self, _bar: object) -> None:
        """Count one bar."""
        self._count += 1
        if self._count % self._every == 0:
            self.times.append(perf_counter())

    def chunks(self, start: float) -> list[float]:
        """Return how long each chunk took [s]."""
        ends = self.times[:CHUNKS]
        return [end - begin for begin, end in zip([start, *ends], ends, strict=False)]


class Runs:
    """Runs the month again and again, with or without the suite, and remembers what it saw."""

    def __init__(self, actors: Callable[[], list[Any]]) -> None:
        self._actors = actors
        self.growth: list[float] = []
        self.laps: list[list[float]] = []
        self.orders = 0

    def __call__(self) -> float:
        """Run once; return the wall time from the first bar to the end of the run [s]."""
        made = engine(self._actors())
        _, bar_type, bars = month()
        laps = Laps(len(bars))
        made.kernel.msgbus.subscribe(f"data.bars.{bar_type}", laps.on_bar, priority=99)
        gc.collect()
        start = perf_counter()
        made.run()
        taken = perf_counter() - start
        chunks = laps.chunks(start)
        self.laps.append(chunks)
        self.growth.append(sum(chunks[-QUARTER:]) / sum(chunks[:QUARTER]))
        self.orders = made.kernel.cache.orders_total_count()
        made.dispose()
        return taken

    @property
    def best(self) -> float:
        """Time of a run made of the quickest take of each chunk, past slow spells of the machine [s]."""
        return sum(min(takes) for takes in zip(*self.laps, strict=True))


class OrderTimes:
    """
    Times orders on their way through the chain, from the gateway's door to the risk engine's [µs].

    In CPU time of the thread: what the chain takes, not what others on the machine take from it.

    Attributes
    ----------
    run
        Every order of a backtest of the month, each with the caches as cold as the engine left them.
    stream
        Orders sent back to back on the state at the end of that run.
    collections
        Garbage collections that fell into the time of an order [number].

    """

    def __init__(self) -> None:
        self.run: list[float] = []
        self.stream: list[float] = []
        self.collections = 0
        self._timing = False
        self._engine = engine(suite())
        self._bars = len(month()[2])
        self._count = 0
        self._gateway: OrderGateway | None = None
        bus = self._engine.kernel.msgbus
        bus.subscribe(f"data.bars.{month()[1]}", self._on_bar)
        gc.callbacks.append(self._on_collection)
        self._engine.run()
        gc.callbacks.remove(self._on_collection)
        self._engine.dispose()

    def _on_collection(self, phase: str, _info: dict[str, int]) -> None:
        self.collections += self._timing and phase == "start"

    def _on_bar(self, _bar: object) -> None:
        from nautilus_quant.host.gateway import find_gateway

        self._count += 1
        if self._gateway is None:
            self._gateway = find_gateway(self._engine.kernel.msgbus)
            if self._gateway is not None:
                self._time(self._gateway)
        elif self._count == self._bars:
            self._send(self._gateway)

    def _time(self, gateway: OrderGateway) -> None:
        passes = gateway._passes

        def timed(command: Any, how: str) -> bool:
            self._timing = True
            start = thread_time_ns()
            try:
                return passes(command, how)
            finally:
                self.run.append((thread_time_ns() - start) / 1_000)
                self._timing = False

        gateway._passes = timed  # type: ignore[method-assign]

    def _send(self, gateway: OrderGateway) -> None:
        from nautilus_trader.core.uuid import UUID4
        from nautilus_trader.execution.messages import SubmitOrder
        from nautilus_trader.model.enums import OrderSide

        kernel = self._engine.kernel
        (strategy,) = kernel.trader.strategies()
        instrument, ts = month()[0], kernel.clock.timestamp_ns()
        size = instrument.make_qty(0.01)
        # Adding to what is held: an order that closes is not asked about at all.
        side = OrderSide.SELL if kernel.portfolio.is_net_short(instrument.id) else OrderSide.BUY
        before, self.run = self.run, self.stream
        for _ in range(STREAM):
            order = strategy.order_factory.market(instrument.id, side, size)
            command = SubmitOrder(kernel.trader_id, strategy.id, order, UUID4(), ts)
            if not gateway._passes(command, "submit"):
                raise RuntimeError("the gates must be transparent here, an order was denied")
        self.stream, self.run = self.run, before


def measure() -> list[Figure]:
    """Compare with the bare engine in turns; count instructions; time single orders in a run of their own."""
    bare, full = Runs(list), Runs(suite)
    bare_time, full_time, _ = ratios(bare, full, ROUNDS)
    if bare.orders != full.orders:
        raise RuntimeError(f"the gates must be transparent here, orders were {bare.orders} and {full.orders}")
    seen = f"{bare.orders:,} orders, {len(month()[2]):,} bars: {bare_time:.2f} s bare, {full_time:.2f} s with"
    growth = median(b / a for a, b in zip(bare.growth, full.growth, strict=True))
    own = f"relative to the bare engine's own {median(bare.growth):.2f}"
    return [
        *whole(full.best / bare.best, seen),
        *orders(OrderTimes()),
        Figure("cost per bar, last quarter over first", growth, "x", 1.15, note=own),
    ]


def whole(wall: float, seen: str) -> list[Figure]:
    """Bind the count of instructions where there is one, else the wall time, which a busy machine spoils."""
    best = f"best of {ROUNDS} takes of each of {CHUNKS} chunks; {seen}"
    try:
        few, many, ratio = instructions.ratio()
    except Unavailable as reason:
        return [Figure(f"{WHOLE}, wall time", wall, "x", RATIO, note=f"{best}; no instructions: {reason}")]
    counted = f"{few:,.0f} per bar bare, {many:,.0f} with, start-up subtracted"
    return [
        Figure(f"{WHOLE}, instructions", ratio, "x", RATIO, note=counted),
        Figure(f"{WHOLE}, wall time", wall, "x", note=best),
    ]


def orders(times: OrderTimes) -> list[Figure]:
    """Bind the stream, which is the chain's own cost; what a run adds are caches the engine has emptied."""
    run, stream = times.run, times.stream
    one = "one order through the chain"
    seen = f"CPU time of {len(run):,} orders of a run, {times.collections} garbage collections in all of it"
    steady = f"CPU time of {len(stream):,} orders sent back to back"
    return [
        Figure(f"{one}, steady stream, p99", percentile(stream, 0.99), "µs", 50.0, note=steady),
        Figure(f"{one}, steady stream, median", median(stream), "µs", note="the same orders"),
        Figure(f"{one}, in a run, p99", percentile(run, 0.99), "µs", note=seen),
        Figure(f"{one}, in a run, median", median(run), "µs", note="the same orders"),
    ]
