"""The report on the arms for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from nautilus_quant.cli.tables import minute, table
from nautilus_quant.learning.paired import Outcome
from nautilus_quant.learning.report_tables import Grid, arms_grid, baselines_grid, summaries_grid

if TYPE_CHECKING:
    from rich.table import Table

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
    span = f"{market.evaluations} evaluations, {minute(market.since)} to {minute(market.until)}"
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
    return table(grid.title, grid.columns, grid.rows, is_broken=True)
