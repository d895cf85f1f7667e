"""How many instructions a backtest takes: a measure no busy machine can disturb."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from benchmarks.btc_month import engine, recorded, suite
from benchmarks.figure import Unavailable

SHORT, LONG = 300, 2_300
"""Bars of the two runs; what both spend on starting up cancels out."""

_HERE = "benchmarks.instructions"
_COUNTED = re.compile(r"Collected : (\d+)")


def run(what: str, bars: int) -> None:
    """Run through the first bars of the month, with the suite or without."""
    made = engine(suite() if what == "suite" else (), bars)
    made.run()
    made.dispose()


def ratio(module: str = _HERE, first: str = "bare", second: str = "suite") -> tuple[float, float, float]:
    """
    Count under valgrind.

    Parameters
    ----------
    module
        Run as ``python -m MODULE WHAT BARS``.
    first, second
        What is compared.

    Returns
    -------
    tuple
        Instructions per bar of the first and of the second, and the second over the first.

    Raises
    ------
    Unavailable
        When there is no valgrind, or no recorded month.

    """
    if shutil.which("valgrind") is None:
        raise Unavailable("instructions are counted by valgrind, which is not on PATH")
    recorded()
    # Once for nothing, so that no run that counts has bytecode to compile.
    once = [sys.executable, "-m", module, second, "1"]
    subprocess.run(once, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    runs = [(module, what, str(bars)) for what in (first, second) for bars in (SHORT, LONG)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        first_short, first_long, second_short, second_long = pool.map(lambda run: _count(*run), runs)
    one = (first_long - first_short) / (LONG - SHORT)
    other = (second_long - second_short) / (LONG - SHORT)
    return one, other, other / one


def _count(*command: str) -> int:
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    done = subprocess.run(
        [*valgrind, sys.executable, "-m", *command],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        # So that two counts of one thing are equal: threads of BLAS that wait for work count while they wait.
        env={**os.environ, "PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"},
    )
    counted = _COUNTED.search(done.stderr)
    if done.returncode or counted is None:
        raise Unavailable(f"valgrind counted nothing: {done.stderr.strip()[-200:]}")
    return int(counted[1])


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]))
