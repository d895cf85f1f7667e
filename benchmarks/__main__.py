"""
Measure everything, or what is named: ``python -m benchmarks [FAMILY ...]``.

With ``BENCH_JSON=file`` in the environment the figures are also written there, as a list of
``{name, value, unit, budget, ok}``. With ``--strict`` a budget that does not hold is exit code 1.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.figure import Figure, Unavailable

FAMILIES = (
    "startup",
    "config",
    "gate_chain",
    "state",
    "analyzer",
    "selection",
    "selector",
    "services",
    "whole_stack",
    "live_quotes",
    "options",
    "surface",
    "option_stress",
    "funding",
    "scaler",
    "routing",
)


def measure(families: list[str], console: Console) -> Iterator[Figure]:
    """Run one family after the other, so that none disturbs another."""
    for family in families:
        gc.collect()
        try:
            with console.status(f"measuring {family} ..."):
                figures = import_module(f"benchmarks.{family}").measure()
        except Unavailable as reason:
            console.print(f"[yellow]skipped[/] {family}: {reason}")
            continue
        yield from figures


def table(figures: list[Figure]) -> Table:
    """Show every figure beside its budget."""
    shown = Table(title="figures and budgets")
    for column, justify in (
        ("figure", "left"),
        ("value", "right"),
        ("budget", "right"),
        ("", "left"),
        ("how", "left"),
    ):
        shown.add_column(column, justify=justify)  # type: ignore[arg-type]
    for figure in figures:
        sign = "≥" if figure.at_least else "≤"
        budget = "" if figure.budget is None else f"{sign} {number(figure.budget)} {figure.unit}"
        mark = "" if figure.budget is None else "[green]ok[/]" if figure.ok else "[bold red]OVER[/]"
        shown.add_row(figure.name, f"{number(figure.value)} {figure.unit}", budget, mark, figure.note)
    return shown


def number(value: float) -> str:
    """Show three digits that matter."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure figures against budgets."
    )
    parser.add_argument(
        "families", nargs="*", metavar="FAMILY", help=f"of {', '.join(FAMILIES)}; all when none is named"
    )
    parser.add_argument("--strict", action="store_true", help="exit code 1 when a budget does not hold")
    asked = parser.parse_args(arguments)
    unknown = sorted(set(asked.families) - set(FAMILIES))
    if unknown:
        parser.error(f"no family {', '.join(unknown)}; there are {', '.join(FAMILIES)}")
    console = Console()
    figures = list(measure(asked.families or list(FAMILIES), console))
    console.print(table(figures))
    if target := os.environ.get("BENCH_JSON"):
        Path(target).write_text(json.dumps([f.to_dict() for f in figures], indent=2) + "\n", encoding="utf-8")
        console.print(f"written to {target}")
    return int(asked.strict and not all(figure.ok for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
