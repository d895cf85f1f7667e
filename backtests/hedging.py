"""
What hedging costs and what risk it leaves: bands, intervals and modes on recorded and simulated markets.

    python backtests/hedging.py --chains $NQ_DATA/options_deribit_btc_6h.parquet \
        --prices $NQ_DATA/mark_1h_perp_binance_btc_eth.parquet --html var/hedging.html

Straddles of one coin are sold at the money again and again, and hedged to their end: on recorded chains by
the venue's own marks at every snapshot, on recorded hourly prices and on simulated ones by Black-76. What is
printed is what came out, whichever way it went; paths overlap, so neighbours are no independent evidence.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from nautilus_quant.monitoring import chart_page
from nautilus_quant.monitoring.chart_page import Page
from nautilus_quant.options.hedging_recorded import StraddleTerms, straddles
from nautilus_quant.options.hedging_sim import Paths, TradeCosts, gbm, heston, straddle
from nautilus_quant.options.hedging_study import (
    COST_AWARE,
    FIXED,
    INTERVAL,
    MODES,
    NONE,
    Point,
    advantage,
    compare,
    family_in,
    ways,
)
from nautilus_quant.options.recorded import RecordedChains

AVERSION = 1e-4
_DAYS = 30
_COLORS = {INTERVAL: "#8C8C8C", FIXED: "#E69F00", COST_AWARE: "#0072B2", NONE: "#D55E00"}
_DASHES = {"aggressive": "dot", "balanced": "solid", "conservative": "dash"}
_PAGE = Page(
    body="""<h1>@TITLE@</h1>
<noscript>The charts need JavaScript, which comes with this file.</noscript>
<div id="charts"></div>
""",
    script="""function draw() {
  const charts = document.getElementById("charts");
  for (const [name, figure] of Object.entries(shown)) {
    let place = document.getElementById(name);
    if (!place) { place = document.createElement("div"); place.id = name; charts.append(place); }
    plot(place, figure);
  }
}
""",
)


def hourly(file: Path, symbol: str) -> Paths:
    """Return straddles of 30 days on recorded hours, one each day, at the volatility of the month before."""
    import pyarrow.parquet as pq

    table = pq.read_table(file, columns=["symbol", "ts_open", "close"]).to_pandas()
    mine = table[table["symbol"] == symbol].sort_values("ts_open")
    closes = mine["close"].to_numpy(np.float64)
    steps = _DAYS * 24
    if len(closes) < 2 * steps + 1:
        raise ValueError(f"{file} has {len(closes)} hours of {symbol}, needs {2 * steps + 1}")
    moves = np.diff(np.log(closes))
    starts = range(steps, len(closes) - steps, 24)
    prices = np.stack([closes[start : start + steps + 1] for start in starts], axis=-1)
    vols = np.array([moves[start - steps : start].std() for start in starts]) * math.sqrt(365.0 * 24.0)
    # One price for all paths, so that coins and money mean the same in each.
    scaled = prices / prices[0] * 100_000.0
    return straddle(scaled, np.broadcast_to(vols, scaled.shape), _DAYS / 365.0)


def markets(chains: Path | None, prices: Path | None, *, paths: int, every: int) -> dict[str, Paths]:
    """Return what ways to hedge are tried on, by name."""
    found: dict[str, Paths] = {}
    if chains is not None:
        recorded = RecordedChains(chains)
        for coin in recorded.underlyings():
            found[f"{coin} chains of {chains.stem}"] = straddles(
                recorded.snapshots(coin), StraddleTerms(every=every)
            )
    if prices is not None:
        found[f"hourly prices of {prices.stem}"] = hourly(prices, "BTCUSDT")
    years, steps = _DAYS / 365.0, _DAYS * 24
    found["simulated, constant volatility"] = straddle(gbm(7, paths, steps, years), 0.6, years)
    found["simulated, stochastic volatility"] = straddle(*heston(7, paths, steps, years), years)
    return found


def table_of(name: str, points: list[Point]) -> Table:
    """Return what each way cost and left."""
    table = Table("", "", "cost", "deviation", "mean profit", "hedges", "score", title=name)
    for point in points:
        numbers = (point.cost, point.deviation, point.mean, point.trades, point.score)
        table.add_row(point.way.family, point.way.name, *(f"{number:,.1f}" for number in numbers))
    return table


def verdicts(points: list[Point]) -> list[str]:
    """Return on which side of the naive frontier each band lies, in words."""
    said = []
    for family in (COST_AWARE, FIXED):
        for mode in MODES:
            found = advantage(points, family_in(family, mode), family_in(INTERVAL, mode))
            if not found:
                said.append(f"{family_in(family, mode)}: never costs what fixed intervals do")
                continue
            less = [share for _, share in found]
            better = f"{sum(share > 0.0 for share in less)} of {len(less)}"
            said.append(
                f"{family_in(family, mode)}: deviates less than fixed intervals of that cost in {better}, "
                f"by {min(less):+.1%} to {max(less):+.1%}"
            )
    return said


def chart(name: str, points: list[Point]) -> dict[str, Any]:
    """Return the frontier of cost and deviation."""
    lines: dict[str, list[Point]] = {}
    for point in points:
        lines.setdefault(point.way.family, []).append(point)
    data = []
    for family, found in lines.items():
        kind, _, mode = family.partition(", ")
        ordered = sorted(found, key=lambda point: point.cost)
        data.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": family,
                "x": [round(point.cost, 2) for point in ordered],
                "y": [round(point.deviation, 2) for point in ordered],
                "text": [point.way.name for point in ordered],
                "line": {"color": _COLORS[kind], "dash": _DASHES.get(mode, "solid"), "width": 1.5},
                "visible": True if mode in {"", "balanced"} else "legendonly",
            }
        )
    layout = {
        "title": {"text": name},
        "height": 520,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": {"title": {"text": "mean cost of hedging [USD per coin]"}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": "deviation of the profit [USD per coin]"}, "type": "log"},
        "hovermode": "closest",
    }
    return {"data": data, "layout": layout}


def main() -> None:
    """Read the command line, hedge, print and draw."""
    parser = argparse.ArgumentParser(description="What hedging costs, and what risk it leaves.")
    parser.add_argument("--chains", type=Path, help="recorded option chains (Parquet)")
    parser.add_argument("--prices", type=Path, help="recorded hourly prices (Parquet)")
    parser.add_argument("--html", type=Path, help="draw the frontiers there (needs plotly)")
    parser.add_argument("--paths", type=int, default=1_000, help="simulated paths of each market")
    parser.add_argument("--every", type=int, default=4, help="snapshots between two straddles")
    parser.add_argument("--aversion", type=float, default=AVERSION, help="risk aversion of the score [1/USD]")
    asked = parser.parse_args()
    console = Console()
    figures = {}
    found = markets(asked.chains, asked.prices, paths=asked.paths, every=asked.every)
    for number, (name, paths) in enumerate(found.items()):
        points = compare(paths, ways(paths), TradeCosts(), asked.aversion)
        title = f"{name}: {paths.price.shape[1]} straddles, {paths.interval / 3_600.0:.1f} h a step"
        console.print(table_of(title, points))
        for line in verdicts(points):
            console.print(line)
        figures[f"chart{number}"] = chart(title, points)
    if asked.html is not None:
        console.print(f"drawn: {chart_page.write(_PAGE, figures, asked.html, title='What hedging costs')}")


if __name__ == "__main__":
    main()
