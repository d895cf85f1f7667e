"""
What order flow and liquidity would have said of orders in a recorded market, second by second.

    export NQ_DATA=/path/to/data
    python backtests/order_flow.py --html var/order_flow.html

Every change of the book and every trade of some minutes of Binance's BTCUSDT, perpetual and spot, goes
through the same rules as in a node; once a second both sides are asked for an order of the same worth. The
page shows the measures and the decisions over the price. The table holds the moves of the mid after a block
against those at all other times: what the flow said of the future, whichever way it went.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from nautilus_quant.gating.book_levels import LevelBook
from nautilus_quant.gating.flow import SECOND, InstrumentFlow
from nautilus_quant.gating.flow_verdict import judge as judge_flow
from nautilus_quant.gating.intent import ALLOW, Intent, Side
from nautilus_quant.gating.liquidity import InstrumentLiquidity
from nautilus_quant.gating.liquidity_verdict import LiquidityRule
from nautilus_quant.gating.liquidity_verdict import judge as judge_liquidity

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKETS = ("BINANCE_USDM:BTCUSDT", "BINANCE_SPOT:BTCUSDT")
_MILLISECOND = 1_000_000
_SAMPLE = 100 * _MILLISECOND
_WIDE = 160  # columns, where there is no terminal to fit


class Update(NamedTuple):
    """A change of the book: event time [ms], id, and side, price and size of each level."""

    event: int
    id: int
    rows: list[tuple[bool, float, float]]


class Point(NamedTuple):
    """What was known at a whole second; times in UNIX [ns], moves in basis points of the mid."""

    ts: int
    mid: float
    imbalance: float
    cvd: float
    delta: float
    large: float
    toxicity: float
    score: float
    points: float
    impact_bps: float
    flow: tuple[str, str]
    liquidity: tuple[str, str]


@dataclass
class Replay:
    """A market, its rules, and what they said."""

    market: str
    notional: float
    flow: InstrumentFlow = field(default_factory=InstrumentFlow)
    liquidity: InstrumentLiquidity = field(default_factory=InstrumentLiquidity)
    book: LevelBook = field(default_factory=LevelBook)
    points: list[Point] = field(default_factory=list)
    updates: int = 0
    trades: int = 0
    compared: int = 0
    equal: int = 0
    _observed: int = 0

    def put(self, update: Update, ticker: dict[int, list[float]]) -> None:
        """Change the book, and hold it against the ticker of the same id."""
        for bid, price, size in update.rows:
            self.book.put(price, size, bid=bid)
        self.updates += 1
        told = ticker.get(update.id)
        if told is not None:
            view = self.book.view(1)
            self.compared += 1
            self.equal += [*view.bids[0], *view.asks[0]] == told
        ts = update.event * _MILLISECOND
        if ts - self._observed >= _SAMPLE:
            self._observed = ts
            self.liquidity.observe(self.book.view(), ts)
            self.flow.observe(self.liquidity.book, ts)

    def trade(self, ts: int, price: float, size: float, side: int) -> None:
        """Take a trade."""
        self.trades += 1
        self.flow.trade(ts, price, size, side)
        self.liquidity.trade(ts, price, size, side)

    def ask(self, ts: int) -> None:
        """Ask both gates for an order of either side, and keep what they say."""
        if self.liquidity.measures.fault:
            return
        self.liquidity.sample(ts)
        mid = self.liquidity.measures.mid
        size = self.notional / mid
        orders = [self._order(ts, side, size) for side in (Side.BUY, Side.SELL)]
        flow = tuple(judge_flow(order, self.flow).code for order in orders)
        liquidity = tuple(judge_liquidity(order, self.liquidity, LiquidityRule()).code for order in orders)
        says = self.flow.read(ts)
        self.points.append(
            Point(
                ts,
                mid,
                says.imbalance,
                self.flow.tape.cumulative,
                says.delta,
                says.large,
                says.toxicity,
                says.score,
                self.liquidity.points,
                1e4 * self.liquidity.impact(Side.BUY, size, ts),
                (flow[0], flow[1]),
                (liquidity[0], liquidity[1]),
            )
        )

    def _order(self, ts: int, side: Side, size: float) -> Intent:
        quantity = Decimal(repr(round(size, 6)))
        return Intent(ts, "study", self.market, side, quantity, None, Decimal(0), quantity, self.notional)


def recorded(folder: Path, what: str, market: str) -> pd.DataFrame:
    """Return a file's rows of a market."""
    path = folder / f"l2_binance_20240808_{what}.parquet"
    return pd.read_parquet(path, filters=[("instrument", "==", market)])


def updates(folder: Path, market: str) -> Iterator[Update]:
    """Give the snapshot, then every later change, by update id; the receiver's clock is not used."""
    table = recorded(folder, "depth", market)
    snapshot = int(table.loc[table["is_snapshot"], "final_update_id"].iloc[0])
    later = table["final_update_id"] > snapshot
    table = table[later | table["is_snapshot"]].sort_values("final_update_id", kind="stable")
    first = int(table.loc[later, "event_ms"].min())  # the spot snapshot has no time of its own
    ids = table["final_update_id"].to_numpy()
    events = table["event_ms"].fillna(first).to_numpy(np.int64)
    sides = (table["side"] == "bid").tolist()
    rows = list(zip(sides, table["price"].tolist(), table["qty"].tolist(), strict=True))
    starts = np.flatnonzero(np.diff(ids, prepend=-1)).tolist()
    for start, end in pairwise([*starts, len(rows)]):
        yield Update(int(events[start]), int(ids[start]), rows[start:end])


def replay(folder: Path, market: str, notional: float) -> Replay:
    """Run a market through the rules in the order of the exchange's event times."""
    ticker = recorded(folder, "bookticker", market)
    columns = ticker[["bid_px", "bid_qty", "ask_px", "ask_qty"]].to_numpy().tolist()
    told = dict(zip(ticker["update_id"].tolist(), columns, strict=True))
    trades = recorded(folder, "trades", market).sort_values(["event_ms", "trade_id"], kind="stable")
    signs = np.where(trades["aggressor_side"] == "BUY", 1, -1).tolist()
    times = trades["event_ms"].to_numpy(np.int64) * _MILLISECOND
    waiting = zip(times.tolist(), trades["price"].tolist(), trades["qty"].tolist(), signs, strict=True)
    made, trade, asked = Replay(market, notional), next(waiting, None), 0
    for update in updates(folder, market):
        ts = update.event * _MILLISECOND
        while trade is not None and trade[0] <= ts:
            made.trade(*trade)
            trade = next(waiting, None)
        made.put(update, told)
        if ts // SECOND > asked:
            asked = ts // SECOND
            made.ask(ts)
    return made


def moves_after(found: Replay, seconds: int = 10) -> tuple[float, float]:
    """
    Return the mean move of the mid the way of the flow while entries are blocked, and at all other times.

    Parameters
    ----------
    found
        A replay; its points are a second apart.
    seconds
        How far ahead to look.

    Returns
    -------
    tuple
        [basis points]; at other times the way of the score, and NaN where there are none.

    """
    blocked, free = [], []
    for now, later in zip(found.points, found.points[seconds:], strict=False):
        move = math.copysign(1e4, now.score) * (later.mid / now.mid - 1.0)
        (blocked if "FLOW_AGAINST" in now.flow else free).append(move)
    return tuple(float(np.mean(moves)) if moves else math.nan for moves in (blocked, free))  # type: ignore[return-value]


def row(found: Replay) -> list[str]:
    """Return a line of the table."""
    asked = len(found.points)
    buys, sells, unknown = (
        sum(point.flow[side] == code for point in found.points)
        for side, code in ((0, "FLOW_AGAINST"), (1, "FLOW_AGAINST"), (0, "FLOW_UNKNOWN"))
    )
    cut = sum(code != ALLOW for point in found.points for code in point.liquidity)
    after, else_ = moves_after(found)
    return [
        found.market,
        f"{found.updates:,}",
        f"{found.trades:,}",
        f"{found.equal:,}/{found.compared:,}",
        f"{asked:,}",
        f"{buys / asked:.1%}",
        f"{sells / asked:.1%}",
        f"{unknown / asked:.1%}",
        f"{cut / (2 * asked):.1%}",
        f"{after:+.2f}",
        f"{else_:+.2f}",
    ]


def figure(found: Replay) -> Any:
    """Draw the measures and the decisions over the price."""
    from plotly import graph_objects
    from plotly.subplots import make_subplots

    times = pd.to_datetime([point.ts for point in found.points])
    titles = ("mid, and blocked entries", "book imbalance", "CVD [BTC]", "toxicity (VPIN)", "score")
    titles = (*titles, f"impact of {found.notional:,.0f} [bps]; gaps: more than is seen")
    drawn = make_subplots(rows=6, cols=1, shared_xaxes=True, subplot_titles=titles, vertical_spacing=0.03)
    names = ("mid", "imbalance", "cvd", "toxicity", "score", "impact_bps")
    for line, name in enumerate(names, 1):
        values = [getattr(point, name) for point in found.points]
        drawn.add_trace(graph_objects.Scatter(x=times, y=values, name=name, mode="lines"), line, 1)
    for side, (word, symbol) in enumerate((("buying", "triangle-up"), ("selling", "triangle-down"))):
        for gate, codes in (
            ("flow", ("FLOW_AGAINST",)),
            ("liquidity", ("IMPACT", "SPREAD", "LIQUIDITY_DRY")),
        ):
            hits = [k for k, point in enumerate(found.points) if getattr(point, gate)[side] in codes]
            drawn.add_trace(
                graph_objects.Scatter(
                    x=times[hits],
                    y=[found.points[k].mid for k in hits],
                    name=f"{word} blocked by {gate}",
                    mode="markers",
                    marker={"symbol": symbol if gate == "flow" else f"{symbol}-open", "size": 8},
                ),
                1,
                1,
            )
    rule = found.flow.params
    for level in (rule.enter, rule.leave):
        for sign in (1, -1):
            drawn.add_hline(y=sign * level, row=5, col=1, line_dash="dot", line_width=1)
    return drawn.update_layout(title=found.market, height=1_300, template="plotly_white")


def write_html(found: list[Replay], path: Path) -> Path:
    """Write all figures into one file that needs no network."""
    from plotly.io import to_html

    parts = [to_html(figure(one), full_html=False, include_plotlyjs=not nth) for nth, one in enumerate(found)]
    path.parent.mkdir(parents=True, exist_ok=True)
    head = '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Order flow</title></head><body>'
    path.write_text(f"{head}{''.join(parts)}</body></html>", encoding="utf-8")
    return path


def main() -> None:
    """Read the command line, replay, print the table, write the page."""
    parser = argparse.ArgumentParser(description="What order flow and liquidity say of a recorded market.")
    parser.add_argument("--html", type=Path, default=Path("var/order_flow.html"), help="where the page goes")
    parser.add_argument(
        "--notional", type=float, default=100_000.0, help="worth of the orders asked for [USDT]"
    )
    asked = parser.parse_args()
    if not 0.0 < asked.notional < math.inf:
        parser.error(f"need 0 < notional < inf [USDT], was {asked.notional}")
    folder = os.environ.get("NQ_DATA")
    if not folder:
        sys.exit("NQ_DATA names no folder with recorded data: export NQ_DATA=/path/to/data")
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    try:
        found = [replay(Path(folder), market, asked.notional) for market in MARKETS]
        page = write_html(found, asked.html)
    except (OSError, ImportError) as error:
        sys.exit(str(error))
    headings = ("", "updates", "trades", "as ticker", "asked", "no buying", "no selling", "unknown")
    headings = (*headings, "cut by liquidity", "10 s on, blocked", "else [bps]")
    table = Table(*headings, title=f"orders of {asked.notional:,.0f} USDT")
    table.columns[0].no_wrap = True
    for one in found:
        table.add_row(*row(one))
    console.print(table)
    console.print(f"charts: {page}")


if __name__ == "__main__":
    main()
