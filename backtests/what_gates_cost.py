"""
What the gates cost, and what they save: one deployment with all of them, with fewer, and with none.

    python backtests/what_gates_cost.py configs/backtest.yaml

The same strategies run on the same market each time, through NautilusTrader's own backtest node. What is
printed is what came out, whichever way it went.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from rich.console import Console
from rich.table import Table

from nautilus_quant.config import Deployment, load, prepare_data
from nautilus_quant.host.runner_backtest import BacktestFinished, run_backtest

VARIANTS = {
    "all gates": (),
    "without the regime gate": ("regime_gate",),
    "no gates": ("regime_gate", "safety_engine"),
}


def without(deployment: Deployment, uses: tuple[str, ...]) -> Deployment:
    """Return the deployment without some of its actors."""
    left = {name: plugin for name, plugin in deployment.actors.items() if plugin.use not in uses}
    return dataclasses.replace(deployment, actors=left)


def row(name: str, finished: BacktestFinished) -> list[str]:
    """Return a line of the table."""
    seen = finished.snapshot
    return [
        name,
        f"{seen.equity:,.2f}",
        f"{finished.curve.max_drawdown:.2%}",
        f"{seen.orders:,}",
        f"{sum(line.deny for line in seen.gates.values()):,}",
    ]


def main() -> None:
    """Read the command line, run the variants, print the table."""
    parser = argparse.ArgumentParser(description="What the gates cost, and what they save.")
    parser.add_argument("config", type=Path, help="a deployment, e.g. configs/backtest.yaml")
    deployment = load(parser.parse_args().config)
    console = Console()
    table = Table("", "equity", "drawdown", "orders", "verdicts against", title=deployment.name)
    for name, uses in VARIANTS.items():
        variant = without(deployment, uses)
        with console.status(name):
            prepare_data(variant, lambda _venue, _share: None)
            table.add_row(*row(name, run_backtest(variant, lambda _share, _ts: None)))
    console.print(table)


if __name__ == "__main__":
    main()
