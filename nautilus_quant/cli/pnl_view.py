"""The report on the account for the terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nautilus_quant.account.history import moment
from nautilus_quant.account.statement import PARTS, value_of

if TYPE_CHECKING:
    from nautilus_quant.account.history import History

UNKNOWN = "–"


def view(history: History, written: str | None = None) -> RenderableType:
    """
    Draw what there is, by what it came about, each day, and the statistics.

    Parameters
    ----------
    history
        The last days.
    written
        Where the chart is, if anywhere.

    """
    last = history.last
    worth = f"{amount(last.equity)} {history.currency} on {moment(last.ts)[:16].replace('T', ' ')}"
    doubt = "" if last.fresh else ", by prices that were stale"
    parts: list[RenderableType] = [
        Text(f"equity {worth}, {last.positions} positions open{doubt}", style="bold"),
        _split(history),
        _daily(history),
        _statistics(history),
    ]
    if written is not None:
        parts.append(Text(f"chart written to {written}"))
    return Group(*parts)


def _split(history: History) -> Table:
    table = _table("by what", "part", f"last {len(history.days)} days", "since the beginning")
    last, first = history.last, history.snapshots[0]
    table.add_row("opening", "", amount(float(value_of(last.opening))))
    for part in PARTS:
        table.add_row(
            part.value, signed(float(history.change(part))), signed(float(value_of(last.part(part))))
        )
    table.add_row("unrealised", signed(last.unrealised - first.unrealised), signed(last.unrealised))
    table.add_row("equity", signed(last.equity - first.equity), amount(last.equity))
    return table


def _daily(history: History) -> Table:
    table = _table(
        "by day (UTC)", "day", "P&L", "return", "unrealised", *(part.value for part in PARTS), "equity"
    )
    for day in history.days:
        table.add_row(
            moment(day.start)[:10],
            signed(day.profit),
            percent(day.growth),
            signed(day.unrealised),
            *(signed(day.part(part)) for part in PARTS),
            amount(day.equity),
        )
    return table


def _statistics(history: History) -> Table:
    found, trades = history.performance, history.trades
    table = _table("statistics", "", "")
    rows = (
        ("P&L", signed(found.profit)),
        ("return", percent(found.growth)),
        (f"Sharpe, of {found.days} daily returns", number(found.sharpe)),
        ("volatility a year", percent(found.volatility)),
        ("largest drawdown", percent(found.max_drawdown)),
        ("drawdown now", percent(found.drawdown)),
        (f"won of the last {trades.trades} trades", percent(trades.win_rate)),
        ("profit factor", number(trades.profit_factor)),
        ("profit per value traded", percent(trades.expectancy)),
    )
    for row in rows:
        table.add_row(*row)
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=Text(title), title_justify="left", title_style="dim", box=None, pad_edge=False)
    for at, column in enumerate(columns):
        table.add_column(Text(column), justify="right" if at else "left", no_wrap=True)
    return table


def amount(value: float) -> str:
    """Write an amount of money."""
    return f"{value:,.2f}"


def signed(value: float) -> str:
    """Write a change of an amount; a dash when there is none."""
    return f"{value:+,.2f}" if abs(value) >= 0.005 else UNKNOWN


def percent(share: float) -> str:
    """Write a share, if it is known."""
    return f"{share:.2%}" if math.isfinite(share) else UNKNOWN


def number(value: float) -> str:
    """Write a ratio, if it is known."""
    return f"{value:.2f}" if math.isfinite(value) else ("all won" if value == math.inf else UNKNOWN)
