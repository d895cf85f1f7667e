"""A running system for the terminal: a table that is redrawn, or one plain line now and then."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import RenderableType

    from nautilus_quant.monitoring.snapshot import Snapshot

UNKNOWN = "–"


def banner_panel(title: str, rows: Iterable[tuple[str, str]], *, alarming: bool) -> RenderableType:
    """Draw the banner; `alarming` when money is at stake or the kill switch has tripped."""
    grid = _grid()
    for label, text in rows:
        grid.add_row(label, Text(text))
    return Panel(grid, title=title, title_align="left", border_style="red" if alarming else "cyan")


def live_table(snapshot: Snapshot) -> RenderableType:
    """Draw a running system."""
    title = f"{snapshot.name} · {snapshot.mode} · {snapshot.phase}"
    style = "red" if snapshot.kill_switch or snapshot.phase == "failed" else "cyan"
    parts: list[RenderableType] = [_head(snapshot)]
    if snapshot.positions:
        parts.append(_positions(snapshot))
    if snapshot.gates:
        parts.append(_gates(snapshot))
    parts += [Text(f"! {alert}", style="yellow") for alert in snapshot.alerts[-5:]]
    return Panel(Group(*parts), title=title, title_align="left", border_style=style)


def plain_line(snapshot: Snapshot) -> str:
    """Say the same in one line, for logs and pipes."""
    held = ", ".join(f"{p.quantity:g} {p.instrument}" for p in snapshot.positions) or "flat"
    parts = [
        snapshot.phase,
        f"equity {money(snapshot.equity)} {snapshot.currency} ({signed(snapshot.pnl)})",
        held,
        f"{snapshot.orders} orders {snapshot.fills} fills {snapshot.denied} denied",
        regimes_text(snapshot.regimes),
        f"latch {snapshot.latch}",
        f"data {seconds(snapshot.last_data_age)}",
    ]
    return " | ".join(part for part in parts if part)


def result_table(title: str, document: Mapping[str, Any]) -> RenderableType:
    """Draw the summary of a run; nested values are flattened into words."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for key, value in document.items():
        table.add_row(key, Text(_words(value)))
    return table


def money(value: float) -> str:
    """Write an amount with two decimals and thousands marks; a dash when it is not known."""
    return f"{value:,.2f}" if math.isfinite(value) else UNKNOWN


def signed(value: float) -> str:
    """Write a profit or loss with its sign."""
    return f"{value:+,.2f}" if math.isfinite(value) else UNKNOWN


def percent(value: float) -> str:
    """Write a fraction as a percentage."""
    return f"{value:.2%}" if math.isfinite(value) else UNKNOWN


def seconds(value: float) -> str:
    """Write a length of time [s]."""
    return f"{value:.1f} s" if math.isfinite(value) else UNKNOWN


def regimes_text(regimes: Mapping[str, str]) -> str:
    """Write regimes in one line."""
    return ", ".join(f"{key} {regime}" for key, regime in regimes.items())


def _head(snapshot: Snapshot) -> Table:
    grid = _grid()
    losses = (
        f"hour {percent(snapshot.hourly_loss)}, day {percent(snapshot.daily_loss)}, "
        f"drawdown {percent(snapshot.drawdown)}"
    )
    grid.add_row("equity", f"{money(snapshot.equity)} {snapshot.currency}  P&L {signed(snapshot.pnl)}")
    grid.add_row("losses", losses)
    grid.add_row("latch", _latch(snapshot))
    grid.add_row("orders", f"{snapshot.orders} made, {snapshot.fills} fills, {snapshot.denied} denied")
    grid.add_row("regime", Text(regimes_text(snapshot.regimes) or UNKNOWN))
    lag = f"loop lag {snapshot.loop_lag * 1e3:.0f} ms" if math.isfinite(snapshot.loop_lag) else ""
    grid.add_row("data", f"{seconds(snapshot.last_data_age)} old  {lag}")
    return grid


def _latch(snapshot: Snapshot) -> Text:
    entries = "entries allowed" if snapshot.entries else "no new risk"
    style = "red" if snapshot.kill_switch else ("green" if snapshot.entries else "yellow")
    return Text(f"{snapshot.latch}, {entries}", style=style)


def _positions(snapshot: Snapshot) -> Table:
    rows = [
        (p.instrument, p.strategy, f"{p.quantity:g}", f"{p.entry:,.6g}", signed(p.unrealised))
        for p in snapshot.positions
    ]
    return _table(("position", "strategy", "quantity", "entry", "unrealised"), rows)


def _gates(snapshot: Snapshot) -> Table:
    rows = [(gate, *(str(n) for n in counts.values())) for gate, counts in snapshot.gates.items()]
    verdicts = next(iter(snapshot.gates.values()), {})
    return _table(("gate", *verdicts), rows)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for at, name in enumerate(columns):
        table.add_column(name, justify="left" if at < 1 else "right")
    for row in rows:
        table.add_row(*row)
    return table


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")
    return grid


def _words(value: Any) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, float):
        return f"{value:,.6g}" if abs(value) < 1e4 else f"{value:,.2f}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(item)}" for key, item in value.items()) or UNKNOWN
    if isinstance(value, list | tuple):
        return "; ".join(_words(item) for item in value) or UNKNOWN
    return str(value)
