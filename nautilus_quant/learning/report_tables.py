"""The tables of the arms: rows of texts, for a terminal and for a page."""

from __future__ import annotations

import math
from html import escape
from typing import TYPE_CHECKING, NamedTuple

from nautilus_quant.learning.track import FLAT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nautilus_quant.learning.report import ArmsReport, MarketReport
    from nautilus_quant.learning.track import Summary

UNKNOWN = "–"


class Grid(NamedTuple):
    """
    A table.

    Parameters
    ----------
    title
        Above it.
    columns
        Headings with units; the first column is text, the others are numbers or short words.
    rows
        Of texts, as many as columns.

    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def arms_grid(market: MarketReport) -> Grid:
    """Tabulate the arms as they stand."""
    columns = (
        "arm",
        "expected reward",
        "evidence",
        "awake",
        "weight now",
        "share of time",
        "net return",
    )
    rows = [
        (
            row.belief.arm,
            _with_sd(row.belief.mean, row.belief.sd),
            number(row.belief.evidence, 1),
            {True: "yes", False: "no", None: "gone"}[row.awake],
            share(row.weight),
            share(row.share),
            percent(row.net),
        )
        for row in market.arms
    ]
    flat = market.summary.shares.get(FLAT, 0.0)
    if flat > 0.0:
        now = 1.0 - sum(row.weight for row in market.arms)
        rows.append(("none (flat)", UNKNOWN, UNKNOWN, "", share(max(now, 0.0)), share(flat), percent(0.0)))
    return Grid(f"arms now, in {market.regime}", columns, rows)


def baselines_grid(summed: Summary, last: str = "") -> Grid:
    """Tabulate the selector beside its baselines."""
    best = f"best single arm in hindsight{_named(summed.best_arm)}"
    rows = [
        ("selector", percent(summed.selector), UNKNOWN),
        ("equal weight", percent(summed.equal), percent(summed.regret_of_equal)),
        (best, percent(summed.best), percent(summed.regret)),
        (f"arm chosen last{_named(last)}", percent(summed.last), percent(summed.last - summed.selector)),
    ]
    return Grid("net of cost", ("", "net return", "regret of the selector"), rows)


def summaries_grid(title: str, first: str, items: Mapping[str, Summary]) -> Grid:
    """Tabulate summaries, by regime or by market; one row has no room for a unit in each cell."""
    columns = (
        first,
        "days",
        "selector",
        "equal weight",
        "best single",
        "arm chosen last",
        "regret to best",
        "regret to equal",
        "switches",
        "churn per day",
        "cost of switching",
    )
    rows = [(name, *_cells(item)) for name, item in items.items()]
    return Grid(f"{title}: returns, regret and cost in % of capital", columns, rows)


def market_tables(market: MarketReport) -> str:
    """Return the tables of one market as HTML."""
    regimes = {**market.regimes, "all": market.summary}
    return _html(
        baselines_grid(market.summary, market.last),
        arms_grid(market),
        summaries_grid("by regime", "regime", regimes),
    )


def total_tables(report: ArmsReport) -> str:
    """Return the tables of all markets as HTML."""
    if report.total is None:
        return ""
    together = report.total.summary
    markets = {name: market.summary for name, market in report.markets.items()}
    return _html(
        baselines_grid(together),
        summaries_grid("by market", "market", {**markets, "all": together}),
        summaries_grid("by regime", "regime", {**report.total.regimes, "all": together}),
    )


def number(value: float, digits: int = 3) -> str:
    """Write a plain number."""
    return f"{value:.{digits}f}" if math.isfinite(value) else UNKNOWN


def percent(value: float) -> str:
    """Write a return with its sign."""
    return f"{100.0 * value + 0.0:+.2f} %" if math.isfinite(value) else UNKNOWN


def share(value: float) -> str:
    """Write a share."""
    return f"{100.0 * value:.1f} %" if math.isfinite(value) else UNKNOWN


def _cells(item: Summary) -> tuple[str, ...]:
    returns = (item.selector, item.equal, item.best, item.last, item.regret, item.regret_of_equal)
    return (
        f"{item.days:.1f}" if item.days >= 1.0 else f"{item.days:.3f}",
        *(f"{100.0 * value:+.2f}" for value in returns),
        str(item.switches),
        f"{item.churn_per_day:.2f}",
        f"{100.0 * item.costs:.2f}",
    )


def _with_sd(mean: float, sd: float) -> str:
    return f"{number(mean)} ± {number(sd)}" if math.isfinite(mean) else UNKNOWN


def _named(arm: str) -> str:
    return f" ({arm})" if arm else ""


def _html(*grids: Grid) -> str:
    return "".join(_grid_html(grid) for grid in grids)


def _grid_html(grid: Grid) -> str:
    head = "".join(f"<th scope='col'>{escape(column)}</th>" for column in grid.columns)
    rows = "".join(
        f"<tr><th scope='row'>{escape(name)}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
        for name, *cells in grid.rows
    )
    title = escape(grid.title)
    return (
        f"<div class='wide'><table><caption>{title}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
