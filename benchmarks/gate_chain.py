"""What gateway, safety engine and regime gate cost in a backtest: in all, per order, and as it grows."""

from __future__ import annotations

import gc
from collections.abc import Callable
from statistics import median
from time import perf_counter, perf_counter_ns
from typing import Any

from benchmarks.btc_month import engine, month, suite
from benchmarks.figure import Figure
from benchmarks.timing import percentile, ratios

ROUNDS = 5
QUARTERS = 4


class Laps:
    """Takes the time at the end of each quarter of the bars of a run."""

    def __init__(self, bars: int) -> None:
        self._every = bars // QUARTERS
        self._count = 0
        self.times: list[float] = []

    def on_bar(self, _bar: object) -> None:
        """Count one bar."""
        self._count += 1
        if self._count % self._every == 0:
            self.times.append(perf_counter())

    def growth(self, start: float) -> float:
        """Return the time of the last quarter over that of the first [x]."""
        return (self.times[QUARTERS - 1] - self.times[QUARTERS - 2]) / (self.times[0] - start)


class Runs:
    """Runs the month again and again, with or without the suite, and remembers what it saw."""

    def __init__(self, actors: Callable[[], list[Any]]) -> None:
        self._actors = actors
        self.growth: list[float] = []
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
        self.growth.append(laps.growth(start))
        self.orders = made.kernel.cache.orders_total_count()
        made.dispose()
        return taken


def order_times() -> list[float]:
    """Time every order on its way through the chain, from the gateway's door to the risk engine's [µs]."""
    from nautilus_quant.host.gateway import find_gateway

    made = engine(suite())
    taken: list[float] = []

    def watch(_event: object) -> None:
        gateway = find_gateway(made.kernel.msgbus)
        if gateway is None or "_passes" in vars(gateway):
            return
        passes = gateway._passes

        def timed(command: Any, how: str) -> bool:
            start = perf_counter_ns()
            try:
                return passes(command, how)
            finally:
                taken.append((perf_counter_ns() - start) / 1_000)

        gateway._passes = timed  # type: ignore[method-assign]

    _, bar_type, _ = month()
    made.kernel.msgbus.subscribe(f"data.bars.{bar_type}", watch, priority=99)
    made.run()
    made.dispose()
    return taken


def measure() -> list[Figure]:
    """Compare with the bare engine in turns; time single orders in a run of their own."""
    bare, full = Runs(list), Runs(suite)
    bare_time, full_time, ratio = ratios(bare, full, ROUNDS)
    if bare.orders != full.orders:
        raise RuntimeError(f"the gates must be transparent here, orders were {bare.orders} and {full.orders}")
    orders = order_times()
    growth = median(b / a for a, b in zip(bare.growth, full.growth, strict=True))
    seen = f"{bare.orders:,} orders, {len(month()[2]):,} bars: {bare_time:.2f} s bare, {full_time:.2f} s with"
    return [
        Figure("gateway + safety + regime, whole backtest", ratio, "x", 1.10, note=seen),
        Figure(
            "one order through the chain, p99",
            percentile(orders, 0.99),
            "µs",
            50.0,
            note=f"{len(orders):,} orders",
        ),
        Figure("one order through the chain, median", median(orders), "µs", 30.0, note="the same orders"),
        Figure(
            "cost per bar, last quarter over first",
            growth,
            "x",
            1.15,
            note=f"relative to the bare engine's own {median(bare.growth):.2f}",
        ),
    ]
