"""What every gate of the canary deployment together costs in a backtest, beside the bare engine."""

from __future__ import annotations

import gc
import sys
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks import instructions
from benchmarks.btc_month import engine, month
from benchmarks.figure import Figure, Unavailable
from benchmarks.gate_chain import Runs
from benchmarks.timing import ratios

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 3
RATIO = 1.25
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


def measure() -> list[Figure]:
    """Count instructions, and time both in turns."""
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
