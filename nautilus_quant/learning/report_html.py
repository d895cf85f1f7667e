"""The report on the arms as one HTML file, with everything in it that it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nautilus_quant.learning.report import report_of
from nautilus_quant.learning.report_figures import (
    Figure,
    beliefs_figure,
    curves_figure,
    regret_figure,
    weights_figure,
)
from nautilus_quant.learning.report_page import PAGE
from nautilus_quant.learning.report_series import Weights, weights_of
from nautilus_quant.learning.report_tables import market_tables, total_tables
from nautilus_quant.monitoring import chart_page

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from nautilus_quant.learning.record import Evaluation
    from nautilus_quant.learning.report import ArmsReport, MarketReport

TOTAL = "all markets"


def write(
    markets: dict[str, list[Evaluation]], path: str | Path, *, title: str, report: ArmsReport | None = None
) -> Path:
    """
    Write the page; see `nautilus_quant.learning.report.write_html`.

    Parameters
    ----------
    markets
        Evaluations of each.
    path
        The file; folders are made.
    title
        At its top.
    report
        On these evaluations, when it has been made already.

    Raises
    ------
    ImportError
        When plotly is not installed.
    ValueError
        When there are no evaluations.

    """
    if not markets:
        raise ValueError("need evaluations to report on, there were none; a meta_learner makes them")
    return chart_page.write(PAGE, views(markets, report or report_of(markets)), path, title=title)


def views(markets: dict[str, list[Evaluation]], report: ArmsReport) -> dict[str, Any]:
    """
    Return what the page shows of all markets together and of each, by the name it is chosen by.

    Parameters
    ----------
    markets
        Evaluations of each, one market or more.
    report
        On these evaluations.

    """
    choices = {name: weights_of(items) for name, items in markets.items()}
    each = {name: _market_view(report.markets[name], choices[name]) for name in markets}
    return {TOTAL: _total_view(report, choices.values()), **each}


def _total_view(report: ArmsReport, choices: Iterable[Weights]) -> dict[str, Any]:
    assert report.total is not None
    ts, switches = _all_switches(choices)
    curves = report.total.curves
    return {
        "words": report.words,
        "facts": f"{len(report.markets)} markets, each with the same capital",
        "tables": total_tables(report),
        "figures": {"curves": curves_figure(curves), "regret": regret_figure(curves, ts, switches)},
    }


def _market_view(market: MarketReport, weights: Weights) -> dict[str, Any]:
    figures: dict[str, Figure] = {
        "curves": curves_figure(market.curves),
        "weights": weights_figure(weights),
        "beliefs": beliefs_figure(market.beliefs),
        "regret": regret_figure(market.curves, weights.ts, weights.switches),
    }
    facts = f"{market.evaluations} evaluations over {market.summary.days:.1f} days, now {market.regime}"
    facts = ". ".join((facts, *(note.capitalize() for note in market.notes)))
    return {
        "words": market.words,
        "facts": facts,
        "tables": market_tables(market),
        "figures": figures,
    }


def _all_switches(choices: Iterable[Weights]) -> tuple[Any, Any]:
    """Return when the choice of any market was changed, and how many times so far."""
    kept = [(item.ts, np.diff(item.switches, prepend=0)) for item in choices]
    ts, changes = (np.concatenate(column) for column in zip(*kept, strict=True))
    order = np.argsort(ts, kind="stable")
    return ts[order], np.cumsum(changes[order])
