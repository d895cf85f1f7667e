"""A running system for the terminal: a table that is redrawn, or one plain line now and then."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from nautilus_quant.monitoring.snapshot import NO_ENGINE
from nautilus_quant.monitoring.words import (
    UNKNOWN,
    lasted,
    money,
    percent,
    price,
    regimes_text,
    seconds,
    share,
    signed,
    words,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rich.console import RenderableType

    from nautilus_quant.monitoring.gates import GateLine
    from nautilus_quant.monitoring.snapshot import PositionLine, Snapshot

_MARKET = "MARKET"
_MARKET_COLUMNS = ("instrument", "price", "regime", "strategy", "quantity", "entry", "P&L")
_GATE_COLUMNS = ("gate", "asked", "passed", "sized down", "denied", "why")
_WORDS = frozenset({"instrument", "regime", "strategy", "gate", "why"})
_SHOWN_ALERTS = 5
_LOSSES = (
    ("hour", "hourly_loss", "max_hourly_loss"),
    ("day", "daily_loss", "max_daily_loss"),
    ("drawdown", "drawdown", "max_drawdown"),
)


def banner_panel(title: str, rows: Iterable[tuple[str, str]], *, alarming: bool) -> RenderableType:
    """Draw the banner; `alarming` when money is at stake or the kill switch has tripped."""
    grid = _grid()
    for label, text in rows:
        grid.add_row(label, Text(text))
    return Panel(grid, title=title, title_align="left", border_style="red" if alarming else "cyan")


def live_table(
    snapshot: Snapshot, *, limits: Mapping[str, Any] | None = None, ended: str = ""
) -> RenderableType:
    """
    Draw a running system, or one that has just ended.

    Parameters
    ----------
    snapshot
        What is to be seen.
    limits
        Settings of the safety engine, to show losses beside what they may come to.
    ended
        Why it is over; empty while it runs.

    """
    style = "red" if snapshot.kill_switch or snapshot.phase == "failed" else "cyan"
    parts: list[RenderableType] = [_head(snapshot, limits or {}, ended)]
    if snapshot.regimes or snapshot.positions:
        parts.append(_market(snapshot))
    if snapshot.gates:
        parts.append(gates_table(snapshot.gates))
    alerts = snapshot.alerts if ended else snapshot.alerts[-_SHOWN_ALERTS:]
    parts += [Text(f"! {alert}", style="yellow") for alert in alerts]
    return Panel(
        Group(*parts), title=_title(snapshot, ended=bool(ended)), title_align="left", border_style=style
    )


def gates_table(gates: Mapping[str, GateLine]) -> Table:
    """Draw what each gate saw and said, and the rules by which it cut most often."""
    rows = [
        (gate, str(line.asked), str(line.allow), str(line.sized_down), str(line.deny), line.why())
        for gate, line in gates.items()
    ]
    return _table(_GATE_COLUMNS, rows)


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
    """Draw results by name; nested values are flattened into words."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for key, value in document.items():
        table.add_row(key, Text(words(value)))
    return table


def _title(snapshot: Snapshot, *, ended: bool) -> str:
    names = dict.fromkeys((snapshot.name, snapshot.mode))  # a deployment is often named as its mode
    # A backtest starts at time 0 of its clock.
    since = (snapshot.ts - snapshot.started) / 1e9 if snapshot.started else math.nan
    after = f" {'after ' if ended else ''}{lasted(since)}" if math.isfinite(since) else ""
    return " · ".join((*names, f"{snapshot.phase}{after}"))


def _head(snapshot: Snapshot, limits: Mapping[str, Any], ended: str) -> Table:
    grid = _grid()
    if ended:
        grid.add_row("ended", Text(ended))
    grid.add_row("equity", _equity(snapshot, ended=bool(ended)))
    grid.add_row("losses", _losses(snapshot, limits))
    grid.add_row("latch", _latch(snapshot))
    orders = f"{snapshot.orders} made, {snapshot.fills} fills, {snapshot.denied} denied"
    grid.add_row("orders", orders)
    if not ended:
        lag = f", loop lag {snapshot.loop_lag * 1e3:.0f} ms" if math.isfinite(snapshot.loop_lag) else ""
        grid.add_row("data", f"{seconds(snapshot.last_data_age)} old{lag}")
    return grid


def _equity(snapshot: Snapshot, *, ended: bool) -> Text:
    start = f"{money(snapshot.equity_start)} → " if ended else ""
    text = Text(f"{start}{money(snapshot.equity)} {snapshot.currency}   ")
    return text.append_text(_profit(snapshot.pnl)).append(" since the start")


def _losses(snapshot: Snapshot, limits: Mapping[str, Any]) -> Text:
    parts = []
    for name, field, limit in _LOSSES:
        loss, allowed = getattr(snapshot, field), float(limits.get(limit, math.nan))
        of = f" of {share(allowed)}" if math.isfinite(allowed) else ""
        style = "red" if loss >= allowed else "yellow" if loss >= allowed / 2.0 else ""
        parts.append(Text(f"{name} {percent(loss)}{of}", style=style))
    return Text(",  ").join(parts)


def _latch(snapshot: Snapshot) -> Text:
    if snapshot.latch == NO_ENGINE:
        starting = snapshot.phase == "starting"
        return Text(UNKNOWN) if starting else Text("none: no safety engine", style="yellow")
    entries = "entries allowed" if snapshot.entries else "no new risk"
    style = "red" if snapshot.kill_switch else ("green" if snapshot.entries else "yellow")
    return Text(f"{snapshot.latch}, {entries}", style=style)


def _market(snapshot: Snapshot) -> Table:
    held = {line.instrument for line in snapshot.positions}
    rows: list[tuple[str | Text, ...]] = []
    for instrument in sorted(held | (snapshot.regimes.keys() - {_MARKET})):
        lines = [line for line in snapshot.positions if line.instrument == instrument]
        rows += _rows(snapshot, instrument, lines)
    if _MARKET in snapshot.regimes:
        rows.append(("market", "", snapshot.regimes[_MARKET]))
    return _table(_MARKET_COLUMNS, rows)


def _rows(
    snapshot: Snapshot, instrument: str, lines: Sequence[PositionLine]
) -> Iterator[tuple[str | Text, ...]]:
    """Yield a row for each position in an instrument; its price and regime stand in the first."""
    last = price(snapshot.prices.get(instrument, math.nan))
    first = (instrument, last, snapshot.regimes.get(instrument, ""))
    if not lines:
        yield first
    for at, line in enumerate(lines):
        numbers = (f"{line.quantity:g}", price(line.entry), _profit(line.unrealised))
        yield (*(first if at == 0 else ("", "", "")), line.strategy, *numbers)


def _profit(value: float) -> Text:
    return Text(signed(value), style="green" if value >= 0.005 else "red" if value <= -0.005 else "")


def _table(columns: Sequence[str], rows: Sequence[tuple[str | Text, ...]]) -> Table:
    """Make a table; on a narrow terminal words are cut, and numbers, which half of would lie, never."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for at, name in enumerate(columns):
        words = name in _WORDS
        width = max((len(row[at]) for row in rows if at < len(row)), default=0)
        table.add_column(
            name,
            justify="left" if words else "right",
            no_wrap=not words,
            overflow="ellipsis" if at else "fold",  # what a row is about is never cut
            min_width=None if words else max(width, len(name)),
        )
    for row in rows:
        table.add_row(*row)
    return table


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")
    return grid
