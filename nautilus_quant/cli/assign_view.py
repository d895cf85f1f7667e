"""Measures and assignments for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from pathlib import Path

    from nautilus_quant.cli.assign_run import Verdicts, Wish
    from nautilus_quant.learning.assignment import Assignment
    from nautilus_quant.learning.measures import Measure, Measures


def view(verdicts: Verdicts, wish: Wish, file: Path | None, problem: str) -> RenderableType:
    """Draw what was measured, what was assigned, and why not the rest."""
    parts: list[RenderableType] = []
    for name, assignment in verdicts.assignments.items():
        parts.append(Text(f"{name}, {verdicts.measures[name].bars} bars of {wish.bars}", style="bold"))
        parts += [Text(f"  note: {text}", style="yellow") for text in verdicts.notes[name]]
        parts += [_measures(verdicts.measures[name]), _scores(assignment), Text("")]
    if not any(item.choices for item in verdicts.assignments.values()):
        parts.append(Text("nothing suits: no strategy is assigned, and no file is written", style="red"))
    if problem:
        parts.append(Text(f"not written: {problem}", style="red"))
    if file is not None:
        parts.append(Text(f"written: {file}", style="green"))
    return Group(*parts)


def _measures(measures: Measures) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("measure", "value", "unit", "from", "source"):
        table.add_column(title, justify="right" if title in {"value", "from"} else "left")
    for name, item in measures.table.items():
        source = item.source if item.known else f"unknown: {item.reason}"
        table.add_row(
            name.replace("_", " "),
            _number(item),
            item.unit,
            str(item.bars),
            Text(source, style="" if item.known else "dim"),
        )
    return table


def _scores(assignment: Assignment) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("strategy", "score", "why"):
        table.add_column(title)
    for choice in assignment.choices:
        table.add_row(Text(choice.use, style="green"), f"{choice.score:.2f}", Text(choice.reason))
        settings = ", ".join(f"{key} {value}" for key, value in choice.params.items())
        table.add_row("", "", Text(settings, style="dim"))
    for use, reason in assignment.refused.items():
        table.add_row(Text(use, style="dim"), "-", Text(reason, style="dim"))
    return table


def _number(item: Measure) -> str:
    if not item.known:
        return "-"
    return f"{item.value * 1e4:.3g} bp" if item.unit == "fraction" else f"{item.value:.4g}"
