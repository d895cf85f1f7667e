"""What every gate of the canary deployment together costs in a backtest, beside the bare engine."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from statistics import median
from time import thread_time_ns
from typing import TYPE_CHECKING, Any

from benchmarks import instructions
from benchmarks.btc_month import engine, month
from benchmarks.figure import Figure, Unavailable
from benchmarks.gate_chain import Runs
from benchmarks.timing import percentile, ratios

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 3
RATIO = 1.25
DAY, WARM = 1_440, 8
"""Bars of a day, and days until all that is kept for a week is full."""
GROWTH = 1.0
"""What may be left of three weeks of trading [MB]."""
WHOLE = "whole stack, whole backtest"
_HERE = "benchmarks.whole_stack"


def parts() -> dict[str, Callable[[], Any]]:
    """Return every gate of ``configs/canary.yaml``, set so that this month's small orders all pass."""
    from nautilus_quant import actors as ours
    from nautilus_quant.host.budget_settings import BudgetSettings

    budget = BudgetSettings(max_leverage=1.0, max_instrument=0.005, max_strategy=0.005)
    return {
        "safety": ours.SafetyEngine,
        "regime": lambda: ours.RegimeGate(ours.RegimeGateConfig(matrix={"default": ["ALL"]})),
        "performance": lambda: ours.PerformanceGuard(
            ours.PerformanceGuardConfig(min_win_rate=0.0, min_profit_factor=0.0, min_expectancy=-1.0)
        ),
        "policy": lambda: ours.OrderPolicyGate(ours.OrderPolicyGateConfig(rates={"BINANCE": 120})),
        # Bars alone: no book, no trades.
        "flow": lambda: ours.OrderFlowGate(ours.OrderFlowGateConfig(without_data="allow")),
        "liquidity": lambda: ours.LiquidityMonitor(
            ours.LiquidityMonitorConfig(max_impact=0.0015, without_book="allow")
        ),
        "margin": lambda: ours.MarginMonitor(ours.MarginMonitorConfig(enforce="recommend", quiet=0.0)),
        "portfolio": lambda: ours.PortfolioMonitor(ours.PortfolioMonitorConfig(budget=budget)),
        "anomaly": ours.AnomalyDetector,
    }


def stack(*without: str) -> list[Any]:
    """Return every gate but those named."""
    return [make() for name, make in parts().items() if name not in without]


def run(what: str, bars: int) -> None:
    """Run the first bars: ``bare``, ``stack``, ``no-NAME`` for all gates but one, ``only-NAME`` for one."""
    how, _, name = what.partition("-")
    made = {"bare": list, "stack": stack, "no": lambda: stack(name), "only": lambda: [parts()[name]()]}
    backtest = engine(made[how](), bars)
    backtest.run()
    backtest.dispose()


class Memory:
    """
    Measures how much more is held at the end of the month than after its first days [MB].

    A backtest keeps its journal in memory, where a live node writes it to disk: that is left out.
    """

    def __init__(self, actors: list[Any]) -> None:
        self._bars = 0
        self.days: list[float] = []
        made = engine(actors)
        made.kernel.msgbus.subscribe(f"data.bars.{month()[1]}", self._on_bar)
        tracemalloc.start(1)
        made.run()
        tracemalloc.stop()
        made.dispose()

    def _on_bar(self, _bar: object) -> None:
        self._bars += 1
        if self._bars % DAY == 0 and self._bars >= WARM * DAY:
            _forget_journals()
            self.days.append(tracemalloc.get_traced_memory()[0] / 1e6)

    @property
    def grown(self) -> float:
        """Of the last day over the first one that counts [MB]."""
        return self.days[-1] - self.days[0]


def _forget_journals() -> None:
    from nautilus_quant.host.state_memory import MemoryStore

    for found in gc.get_objects():
        if isinstance(found, MemoryStore):
            found._raw.clear()
    gc.collect()


def memory() -> Figure:
    """Compare what the month leaves behind with the bare engine, whose cache keeps every order."""
    bare, full = Memory([]), Memory(stack())
    last = WARM + len(bare.days) - 1
    note = f"days {WARM} to {last} of trading; the bare engine's own: {bare.grown:.1f} MB"
    more = full.grown - bare.grown
    return Figure("whole stack, memory grown beyond the bare engine", more, "MB", GROWTH, note=note)


class Orders:
    """
    Times the orders of a run through every gate [µs], each with the caches as cold as the engine left them.

    What the gates themselves take is bound where nothing comes in between: see `benchmarks.services`.
    """

    def __init__(self) -> None:
        self.taken: list[float] = []
        self._gateway: Any = None
        made = engine(stack())
        made.kernel.msgbus.subscribe(f"data.bars.{month()[1]}", self._on_bar)
        self._bus = made.kernel.msgbus
        made.run()
        made.dispose()

    def _on_bar(self, _bar: object) -> None:
        from nautilus_quant.host.gateway import find_gateway

        if self._gateway is not None:
            return
        self._gateway = gateway = find_gateway(self._bus)
        if gateway is None:
            return
        passes = gateway._passes

        def timed(command: Any, how: str) -> bool:
            start = thread_time_ns()
            try:
                return passes(command, how)
            finally:
                self.taken.append((thread_time_ns() - start) / 1_000)

        gateway._passes = timed  # type: ignore[method-assign]

    def figures(self) -> list[Figure]:
        """Tell the tail and the middle."""
        name = "one order through every gate, in a run"
        seen = f"CPU time of {len(self.taken):,} orders"
        return [
            Figure(f"{name}, p99", percentile(self.taken, 0.99), "µs", note=seen),
            Figure(f"{name}, median", median(self.taken), "µs", note="the same orders"),
        ]


def measure() -> list[Figure]:
    """Count instructions, time both in turns, and look at what is left in memory."""
    bare, full = Runs(list), Runs(stack)
    bare_time, full_time, _ = ratios(bare, full, ROUNDS)
    if bare.orders != full.orders:
        raise RuntimeError(f"the gates must be transparent here, orders were {bare.orders} and {full.orders}")
    growth = median(b / a for a, b in zip(bare.growth, full.growth, strict=True))
    seen = f"{bare.orders:,} orders, {len(month()[2]):,} bars: {bare_time:.2f} s bare, {full_time:.2f} s with"
    gc.collect()
    return [
        *whole(full.best / bare.best, f"best takes of {ROUNDS} rounds; {seen}"),
        Figure("whole stack, cost per bar, last quarter over first", growth, "x", 1.15),
        *Orders().figures(),
        memory(),
    ]


def whole(wall: float, seen: str) -> list[Figure]:
    """Bind the count of instructions where there is one, else the wall time, which a busy machine spoils."""
    try:
        few, many, ratio = instructions.ratio(_HERE, "bare", "stack")
    except Unavailable as reason:
        return [Figure(f"{WHOLE}, wall time", wall, "x", RATIO, note=f"{seen}; no instructions: {reason}")]
    counted = f"{few:,.0f} per bar bare, {many:,.0f} with, start-up subtracted"
    return [
        Figure(f"{WHOLE}, instructions", ratio, "x", RATIO, note=counted),
        Figure(f"{WHOLE}, wall time", wall, "x", note=seen),
    ]


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]))
