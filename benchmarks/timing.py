"""Ways to time something so that the number means something."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter, perf_counter_ns


def percentile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile; `share` in (0, 1]."""
    ranked = sorted(values)
    return ranked[max(math.ceil(share * len(ranked)) - 1, 0)]


def seconds(action: Callable[[], object]) -> float:
    """Time one call [s]."""
    start = perf_counter()
    action()
    return perf_counter() - start


def each(action: Callable[[int], object], times: int) -> list[float]:
    """Time calls one by one [µs]."""
    taken = []
    for index in range(times):
        start = perf_counter_ns()
        action(index)
        taken.append((perf_counter_ns() - start) / 1_000)
    return taken


def command(*arguments: str, times: int = 7) -> float:
    """Median wall time of ``python ARGUMENTS`` [s], after one run that fills the disk cache."""

    def run() -> None:
        subprocess.run(
            [sys.executable, *arguments], check=True, capture_output=True, stdin=subprocess.DEVNULL
        )

    run()
    return median(seconds(run) for _ in range(times))


def ratios(
    first: Callable[[], float], second: Callable[[], float], rounds: int
) -> tuple[float, float, float]:
    """
    Compare two measurements taken in turns, so that a slow spell of the machine hits both.

    Returns
    -------
    tuple
        Median of first, of second, and of second/first over the rounds; who goes first alternates.

    """
    pairs = []
    for index in range(rounds):
        if index % 2:
            late = second()
            pairs.append((first(), late))
        else:
            early = first()
            pairs.append((early, second()))
    firsts, seconds_ = zip(*pairs, strict=True)
    return median(firsts), median(seconds_), median(b / a for a, b in pairs)
