"""How long a selection policy takes to choose among 100 arms, freshly updated, with four regimes to pool."""

from __future__ import annotations

from time import perf_counter_ns

import numpy as np

from benchmarks.figure import Figure
from benchmarks.timing import percentile

ARMS = 100
REGIMES = ("trend_up", "trend_down", "range", "crisis")
TIMES = 3_000
WARM_UP = 200


def decisions(name: str) -> list[float]:
    """Time single choices, each after an update that is not timed [µs]."""
    from nautilus_quant.learning.policies import make_policy

    policy = make_policy(name, ARMS, seed=1)
    draws = np.random.default_rng(2)
    rewards = draws.normal(0.02, 1.0, (TIMES, ARMS))
    awake = draws.random((TIMES, ARMS)) < 0.9
    handicap = np.abs(draws.normal(0.0, 0.02, ARMS))
    taken = []
    for index in range(TIMES):
        regime = REGIMES[index // 50 % len(REGIMES)]
        policy.update(rewards[index], regime)
        start = perf_counter_ns()
        policy.select(awake[index], regime, handicap)
        taken.append((perf_counter_ns() - start) / 1_000)
    return taken[WARM_UP:]


def measure() -> list[Figure]:
    """Choose again and again with every policy."""
    from nautilus_quant.learning.policies import POLICIES

    figures = []
    for name in POLICIES:
        taken = decisions(name)
        note = f"p99 {percentile(taken, 0.99):.0f} µs, {len(taken):,} decisions"
        figures.append(
            Figure(f"{name}: one of {ARMS} arms, median", percentile(taken, 0.5), "µs", 100.0, note=note)
        )
    return figures
