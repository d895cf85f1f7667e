"""
Whether choosing among strategies pays: the meta-learner against equal weight and the best arm, net of cost.

    export NQ_DATA=/path/to/data
    python backtests/selector.py configs/backtest-meta.yaml --html var/selector.html

Three years of hourly bars of nine perpetuals, six arms on each, through NautilusTrader's own backtest node:
some minutes. What is printed is what came out, whichever way it went.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from time import perf_counter

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from nautilus_quant.cli.arms_view import report_view
from nautilus_quant.config import Deployment, load, prepare_data
from nautilus_quant.host.runner_backtest import run_backtest
from nautilus_quant.host.state import shared_store
from nautilus_quant.learning.record import Evaluation
from nautilus_quant.learning.report import arms_report, write_html

STATE = "memory://selector"
_WIDE = 140  # columns, where there is no terminal to fit


def run(deployment: Deployment, console: Console) -> list[Evaluation]:
    """Return every evaluation of a backtest of the deployment."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    store = shared_store(STATE)
    with Progress(*columns, console=console) as bar:
        data, market = bar.add_task("data", total=1.0), bar.add_task("market", total=1.0)
        prepare_data(deployment, lambda _venue, share: bar.update(data, completed=share))
        bar.update(data, completed=1.0)
        run_backtest(deployment, lambda share, _ts: bar.update(market, completed=share))
        bar.update(market, completed=1.0)
    found = [Evaluation.from_dict(entry.body) for entry in store.entries(kind="selection")]
    store.close()
    return found


def evaluations(config: Path, console: Console) -> list[Evaluation]:
    """Return every evaluation of a backtest of the file; `ValueError` when there is none."""
    deployment = load(config)
    if deployment.plugin("meta_learner") is None:
        raise ValueError(f"{config} evaluates nothing: it needs an actor with `use: meta_learner`")
    spec = msgspec.structs.replace(deployment.backtest, state=STATE)
    found = run(dataclasses.replace(deployment, backtest=spec), console)
    if not found:
        raise ValueError(f"{config} evaluated nothing: its backtest is shorter than its evaluation_interval")
    return found


def main() -> None:
    """Read the command line, run, print the report, write the charts."""
    parser = argparse.ArgumentParser(description="Whether choosing among strategies pays.")
    parser.add_argument("config", type=Path, help="a deployment with a meta_learner")
    parser.add_argument("--html", type=Path, help="write charts there, too (needs plotly)")
    asked = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    start = perf_counter()
    try:
        found = evaluations(asked.config, console)
    except (OSError, ValueError) as error:
        sys.exit(str(error))
    console.print(report_view(arms_report(found)))
    console.print(f"{len(found):,} evaluations in {perf_counter() - start:,.0f} s")
    if asked.html is not None:
        asked.html.parent.mkdir(parents=True, exist_ok=True)
        console.print(f"charts: {write_html(found, asked.html, title=asked.config.stem)}")


if __name__ == "__main__":
    main()
