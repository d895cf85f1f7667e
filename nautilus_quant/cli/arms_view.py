"""The report on the arms for the terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nautilus_quant.learning.paired import Outcome
from nautilus_quant.learning.report_tables import Grid, arms_grid, baselines_grid, summaries_grid

if TYPE_CHECKING:
    from nautilus_quant.learning.paired import Paired
    from nautilus_quant.learning.report import ArmsReport, MarketReport

_STYLES = {Outcome.BETTER: "bold green", Outcome.WORSE: "bold red", Outcome.UNDECIDED: "bold yellow"}


def report_view(report: ArmsReport, written: str | None = None) -> RenderableType:
    """
    Draw all markets, then all together.

    Parameters
    ----------
    report
        The report.
    written
        Where the charts are, if anywhere.

    """
    parts: list[RenderableType] = []
    for market in report.markets.values():
        parts += _market_parts(market)
    if report.total is not None and len(report.markets) > 1:
        parts += _total_parts(report)
    if written is not None:
        parts.append(Text(f"charts written to {written}"))
    return Group(*parts)


def _market_parts(market: MarketReport) -> list[RenderableType]:
    span = f"{market.evaluations} evaluations, {_day(market.since)} to {_day(market.until)}"
    regimes = {**market.regimes, "all": market.summary}
    return [
        Text(f"{market.market}: {span}", style="bold"),
        _table(arms_grid(market)),
        _table(baselines_grid(market.summary, market.last)),
        _table(summaries_grid("by regime", "regime", regimes)),
        _verdict(market.words, market.paired),
        *(Text(f"note: {note}", style="yellow") for note in market.notes),
        Text(),
    ]


def _total_parts(report: ArmsReport) -> list[RenderableType]:
    assert report.total is not None
    markets = {name: market.summary for name, market in report.markets.items()}
    everything = {**markets, "all": report.total.summary}
    return [
        Text(f"{len(markets)} markets, each with the same capital", style="bold"),
        _table(baselines_grid(report.total.summary)),
        _table(summaries_grid("by market", "market", everything)),
        _table(summaries_grid("by regime", "regime", report.total.regimes)),
        _verdict(report.words, report.total.paired),
        Text(),
    ]


def _verdict(words: str, paired: Paired) -> Text:
    return Text(words, style=_STYLES[paired.outcome])


def _table(grid: Grid) -> Table:
    table = Table(title=Text(grid.title), title_justify="left", title_style="dim", box=None, pad_edge=False)
    # Headings may break between words. Numbers never do, however narrow the terminal: it breaks the lines.
    widths = [max(map(len, column)) for column in _words_by_column(grid)]
    for at, (column, width) in enumerate(zip(grid.columns, widths, strict=True)):
        table.add_column(Text(column), justify="right" if at else "left", width=width)
    table.width = sum(widths) + 2 * (len(widths) - 1)
    for row in grid.rows:
        table.add_row(*map(Text, row))
    return table


def _words_by_column(grid: Grid) -> list[list[str]]:
    """Return what must stay in one piece: cells, and the words of headings."""
    cells = zip(*grid.rows, strict=True)
    return [[*title.split(), *column, ""] for title, column in zip(grid.columns, cells, strict=True)]


def _day(ts: int) -> str:
    return datetime.fromtimestamp(ts / 1e9, tz=UTC).strftime("%Y-%m-%d %H:%M")
