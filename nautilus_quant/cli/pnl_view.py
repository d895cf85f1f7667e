"""The report on the account for the terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from nautilus_quant.account.statement import PARTS, value_of
from nautilus_quant.cli.tables import UNKNOWN, minute, table

if TYPE_CHECKING:
    from rich.table import Table

    from nautilus_quant.account.history import History


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
    worth = f"{amount(last.equity)} {history.currency} on {minute(last.ts)}"
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
    last, first = history.last, history.snapshots[0]
    begun = [
        (part.value, signed(float(history.change(part))), signed(float(value_of(last.part(part)))))
        for part in PARTS
    ]
    rows = [
        ("opening", "", amount(float(value_of(last.opening)))),
        *begun,
        ("unrealised", signed(last.unrealised - first.unrealised), signed(last.unrealised)),
        ("equity", signed(last.equity - first.equity), amount(last.equity)),
    ]
    return table("by what", ("part", f"last {len(history.days)} days", "since the beginning"), rows)


def _daily(history: History) -> Table:
    used = [part for part in PARTS if any(day.part(part) for day in history.days)]
    columns = ("day", "P&L", "return", *(part.value for part in used), "unrealised", "equity")
    rows = [
        (
            minute(day.start)[:10],
            signed(day.profit),
            percent(day.growth),
            *(signed(day.part(part)) for part in used),
            signed(day.unrealised),
            amount(day.equity),
        )
        for day in history.days
    ]
    return table("by day (UTC)", columns, rows)


def _statistics(history: History) -> Table:
    found, trades = history.performance, history.trades
    rows = [
        ("P&L", signed(found.profit)),
        ("return", percent(found.growth)),
        (f"Sharpe, of {found.days} daily returns", number(found.sharpe)),
        ("volatility a year", percent(found.volatility)),
        ("largest drawdown", percent(found.max_drawdown)),
        ("drawdown now", percent(found.drawdown)),
        (f"won of the last {trades.trades} trades", percent(trades.win_rate)),
        ("profit factor", number(trades.profit_factor)),
        ("profit per value traded", percent(trades.expectancy)),
    ]
    return table("statistics", ("of these days", ""), rows)


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
