"""
What funding arbitrage would have brought: recorded spot, perpetuals and funding through the real engine.

    NQ_DATA=/path/to/data python backtests/funding_arb.py --html var/funding_arb.html
    NQ_DATA=/path/to/data python backtests/funding_arb.py --only venues

Nine coins of Binance, spot against perpetual, hour by hour; then BTC and ETH perpetuals of seven venues
against each other. Fees are the venues' own, books as deep as the square-root law makes of the volume of
the day before, and every order takes: on hours nobody can tell what would have happened to one that rests.
Spot is never sold short. What is printed is what came out, whichever way it went.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from nautilus_trader.config import StrategyConfig
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.trading.strategy import Strategy
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from nautilus_quant.carry.attribution import Sources
from nautilus_quant.carry.depth import DepthParams
from nautilus_quant.carry.study import Outcome, knee
from nautilus_quant.host.carry_study import StudyPlan, run
from nautilus_quant.host.scaler_settings import CarryPairConfig, CarryRuleConfig
from nautilus_quant.monitoring import chart_page
from nautilus_quant.monitoring.chart_page import COLORS, DRAW_ALL, Page, layout_of
from nautilus_quant.strategies.funding_arb import FundingArb, FundingArbConfig
from nautilus_quant.venues.recorded import RecordedError
from nautilus_quant.venues.recorded.carry_sources import (
    COINS,
    VENUES,
    Span,
    one_price_many_venues,
    pair_of,
    perpetual_of,
    spot_and_perpetuals,
)
from nautilus_quant.venues.recorded.hourly import HourlyMarket, months, open_hours

type Pairs = Mapping[str, tuple[InstrumentId, InstrumentId]]
type Told = Callable[[float], None]

CAPITALS = (100_000, 1_000_000, 10_000_000, 50_000_000)
"""Of 90 million and more NautilusTrader cannot tell all eight decimals: it adds balances up as floats."""
HORIZONS = (7.0, 30.0)
VENUE_COINS = ("BTC", "ETH")
VENUE_SPAN = ("2021-01-01", "2024-01-01")
UNKNOWN_FEES = ("gate", "htx", "kucoin", "mexc", "dydx")
OWN_TIERS = ((0.0, 0.0002, 0.0006),)
TAKER = {"bybit": "0.00055", **dict.fromkeys(UNKNOWN_FEES, "0.0006")}
"""Fee of taking; no figure of the last five could be compared, so a dear one is taken for all of them."""
OTHER_IMPACT = 2.0
"""Of venues other than Binance, as if each had a quarter of its volume: none was recorded."""
EVERY = 28_800.0
SHARE = 0.75
"""Of the capital that is held throughout: as much as the scaler holds at most, 90 % at 1.2 a unit."""
_WIDE = 150
_BODY = (
    '<h1>@TITLE@</h1>\n<p class="soft">Profit net of fees and slippage; recorded data, no promise.</p>\n'
    "<h2>Profit, hour by hour</h2><div id=curves></div>\n"
    "<h2>Where it came from</h2><div id=sources></div>\n"
    "<h2>Year by year</h2><div id=years></div>\n"
    "<h2>Return and capital</h2><div id=capacity></div>\n"
)
_PAGE = Page(body=_BODY, script=DRAW_ALL)


class HeldThroughout(Strategy):
    """Holds the same value of every pair all the time, spot against perpetual: what no choosing brings."""

    def __init__(self, pairs: Pairs, capital: float) -> None:
        super().__init__(StrategyConfig(order_id_tag="held"))
        self._pairs = {perpetual: spot for spot, perpetual in pairs.values()}
        self._capital = capital
        self._held: dict[InstrumentId, Decimal] = {}
        self._month = ""
        self._due: set[InstrumentId] = set()

    def on_start(self) -> None:
        """Subscribe all legs."""
        for spot, perpetual in ((spot, perpetual) for perpetual, spot in self._pairs.items()):
            self.subscribe_quote_ticks(spot)
            self.subscribe_quote_ticks(perpetual)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        """Bring each pair back to its share at the first quotes of a month, and when it first has any."""
        perpetual = tick.instrument_id
        if perpetual not in self._pairs:
            return
        month = self.clock.utc_now().strftime("%Y-%m")
        if month != self._month or perpetual not in self._held:
            self._month, self._due = month, set(self._held) | {perpetual}
            self._held.setdefault(perpetual, Decimal(0))
        spot = self.cache.quote_tick(self._pairs[perpetual])
        if perpetual in self._due and spot is not None and spot.ts_init == tick.ts_init:
            self._due.discard(perpetual)
            self._bring(perpetual, tick)

    def _bring(self, perpetual: InstrumentId, tick: QuoteTick) -> None:
        legs = [self.cache.instrument(self._pairs[perpetual]), self.cache.instrument(perpetual)]
        step = max(leg.size_increment.as_decimal() for leg in legs)
        price = (tick.bid_price.as_decimal() + tick.ask_price.as_decimal()) / 2
        aim = Decimal(self._capital) / len(self._held) / price // step * step
        change, self._held[perpetual] = aim - self._held[perpetual], aim
        if not change:
            return
        sides = (OrderSide.BUY, OrderSide.SELL) if change > 0 else (OrderSide.SELL, OrderSide.BUY)
        for leg, side in zip(legs, sides, strict=True):
            self.submit_order(self.order_factory.market(leg.id, side, leg.make_qty(abs(change))))


def arbitrage(pairs: Pairs, capital: int, days: float, watch: float = EVERY) -> FundingArb:
    """
    Return the strategy as it comes, but for how long it looks ahead, and how often at liquidation.

    Spot and perpetual in one account hedge each other there; perpetuals at two venues do not.
    """
    hedges = tuple(CarryPairConfig(one=one, two=two, name=name) for name, (one, two) in pairs.items())
    config = FundingArbConfig(
        instrument=hedges[0].one,
        bar="1-HOUR",
        hedges=hedges,
        rule=CarryRuleConfig(horizon=days * 86_400.0),
        every=EVERY,
        watch=watch,
        style="simultaneous",
        # Both legs are filled at once on recorded hours: this only bounds the size of one order.
        max_unhedged=10.0 * capital,
        reporting_currency="USDT",
    )
    return FundingArb(config)


# -- runs ------------------------------------------------------------------------------------------------


@contextmanager
def progress(console: Console) -> Iterator[Callable[[str], Told]]:
    """Give a function that begins a line of progress, and returns what moves it."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:

        def begin(name: str) -> Told:
            task = bar.add_task(name, total=1.0)
            return lambda share: bar.update(task, completed=share)

        yield begin


class Task(NamedTuple):
    """
    One run.

    Parameters
    ----------
    name
        Of it.
    capital
        It begins with [USDT].
    days
        Looked ahead; ``None`` holds everything throughout.
    coin
        Whose perpetuals are held against each other; ``None`` takes spot against perpetual, all coins.

    """

    name: str
    capital: int
    days: float | None
    coin: str | None = None


def coin_tasks(asked: argparse.Namespace) -> list[Task]:
    """Return spot against perpetual: held throughout, by how far is looked ahead, and by capital."""
    first = asked.horizons[0]
    found = [Task("held throughout", asked.capital, None)]
    found += [Task(f"{days:g} days ahead", asked.capital, days) for days in asked.horizons]
    return found + [
        Task(f"{first:g} days ahead, {capital:,}", capital, first)
        for capital in asked.capitals
        if capital != asked.capital
    ]


def venue_tasks(asked: argparse.Namespace) -> list[Task]:
    """Return perpetuals against each other, each coin by itself, by how far is looked ahead."""
    return [
        Task(f"{coin}, {days:g} days ahead", asked.capital, days, coin)
        for coin in VENUE_COINS
        for days in asked.horizons
    ]


def perform(asked: argparse.Namespace, task: Task, told: Told = lambda _share: None) -> Outcome:
    """Run one task; `told` hears how much of it is done."""
    if task.coin is None:
        market, pairs = spot_market(asked)
        plan = StudyPlan(
            name=task.name, groups=pairs, capital=task.capital, periods=months(asked.start, asked.end)
        )
        watch = EVERY
    else:
        market, pairs = venue_market(asked, task.coin)
        plan = StudyPlan(
            name=task.name,
            groups={task.coin: tuple(market.instruments)},
            capital=task.capital,
            periods=months(asked.venue_start, asked.venue_end),
            tiers={venue.upper(): OWN_TIERS for venue in UNKNOWN_FEES},
        )
        watch = 3_600.0
    strategy = (
        HeldThroughout(pairs, SHARE * task.capital)
        if task.days is None
        else arbitrage(pairs, task.capital, task.days, watch)
    )
    return run(plan, market, [strategy], progress=told)


def spot_market(asked: argparse.Namespace) -> tuple[HourlyMarket, Pairs]:
    """Return recorded hours of spot and perpetuals, and the pairs of the two."""
    span = Span(folder=asked.data, start=asked.start, end=asked.end)
    market = open_hours(spot_and_perpetuals(span, asked.coins), {}, depth_of(asked))
    market.bars.clear()  # nobody here listens to them
    return market, {coin: pair_of(coin) for coin in asked.coins}


def venue_market(asked: argparse.Namespace, coin: str) -> tuple[HourlyMarket, Pairs]:
    """Return the recorded hours of a coin at all venues, and all pairs of them."""
    span = Span(folder=asked.data, start=asked.venue_start, end=asked.venue_end)
    usual = depth_of(asked)
    other = DepthParams(half_spread=usual.half_spread, impact=OTHER_IMPACT * usual.impact)
    ids = {venue: perpetual_of(coin, venue) for venue in VENUES}
    sources = one_price_many_venues(span, coin, VENUES, TAKER)
    market = open_hours(sources, {ids["binance"]: usual}, other)
    market.bars.clear()
    return market, {f"{a}-{b}": (ids[a], ids[b]) for a, b in itertools.combinations(VENUES, 2)}


def perform_all(
    asked: argparse.Namespace,
    tasks: Sequence[Task],
    begin: Callable[[str], Told],
    done: Callable[[Outcome], None],
) -> list[Outcome]:
    """Run all tasks, one after the other or side by side, which changes nothing; `done` hears each."""
    bars = {task: begin(task.name) for task in tasks}
    found = {}
    performed = in_turn(asked, bars) if asked.jobs == 1 else side_by_side(asked, bars)
    for task, outcome in performed:
        found[task] = outcome
        done(outcome)
    return [found[task] for task in tasks]


def in_turn(asked: argparse.Namespace, bars: Mapping[Task, Told]) -> Iterator[tuple[Task, Outcome]]:
    """Run tasks one after the other."""
    for task, told in bars.items():
        yield task, perform(asked, task, told)


def side_by_side(asked: argparse.Namespace, bars: Mapping[Task, Told]) -> Iterator[tuple[Task, Outcome]]:
    """Run tasks in processes of their own, and give them as they end."""
    with ProcessPoolExecutor(asked.jobs, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(perform, asked, task): task for task in bars}
        for future in as_completed(running):
            bars[running[future]](1.0)
            yield running[future], future.result()


def depth_of(asked: argparse.Namespace) -> DepthParams:
    """Return what the command line says of the books."""
    return DepthParams(half_spread=asked.half_spread / 1e4, impact=asked.impact)


# -- what came out ---------------------------------------------------------------------------------------


def by_run(title: str, outcomes: Sequence[Outcome]) -> Table:
    """Return the sources of each run, in percent of the capital a year."""
    table = Table(title=f"{title} [% of the capital a year, not compounded]")
    columns = ("", *Sources._fields, "total", "drawdown", "Sharpe", "capture", "kept", "invested", "fills")
    for column in columns:
        table.add_column(column, justify="left" if not column else "right")
    for one in outcomes:
        scale = float(one.capital) * one.span / 100.0
        shares = [f"{float(amount) / scale:+.2f}" for amount in (*one.total, one.total.total)]
        curve = one.curve
        rest = [
            f"{curve.max_drawdown:.2%}",
            f"{curve.sharpe:.1f}",
            f"{one.capture:.1%}",
            f"{one.kept:.0%}",
            f"{one.invested:.0%}",
        ]
        table.add_row(one.name, *shares, *rest, f"{one.fills:,}")
    return table


def line(one: Outcome) -> str:
    """Return a run in one line."""
    return f"{one.name}: {one.annual:+.2%} a year, drawdown {one.curve.max_drawdown:.2%}, {one.fills:,} fills"


def parts(title: str, found: Mapping[Any, Sources]) -> Table:
    """Return profit by source of each part [USDT]."""
    table = Table(title=f"{title} [USDT]")
    for column in ("", *Sources._fields, "total"):
        table.add_column(column, justify="left" if not column else "right")
    for name, sources in found.items():
        table.add_row(str(name), *(f"{float(amount):+,.0f}" for amount in (*sources, sources.total)))
    return table


def capacity(outcomes: Sequence[Outcome]) -> list[tuple[float, float]]:
    """Return capital and return of the runs that differ by their capital alone."""
    first = outcomes[1]
    same = [one for one in outcomes[1:] if one.name.startswith(first.name)]
    return sorted((float(one.capital), one.annual) for one in same)


def said(points: Sequence[tuple[float, float]]) -> str:
    """Return the capacity in words."""
    curve = ", ".join(f"{annual:+.2%} of {capital:,.0f}" for capital, annual in points)
    half = knee(points)
    if math.isnan(half):
        return f"A year's return by capital: {curve}. The smallest earns nothing, so there is no capacity."
    where = "beyond what was tried" if math.isinf(half) else f"at about {half:,.0f}"
    return f"A year's return by capital: {curve}. Half of the smallest's return is left {where}."


def charts(outcomes: Sequence[Outcome], points: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Return the charts of spot against perpetual."""
    main = [one for one in outcomes if one.capital == outcomes[0].capital]
    colours = dict(zip(Sources._fields, COLORS, strict=False))
    shares = {one.name: 100.0 / (float(one.capital) * one.span) for one in main}
    curves = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": one.name,
            "x": [sample.ts // 1_000_000 for sample in one.samples[::24]],
            "y": [round(sample.profit / float(one.capital) * 100.0, 3) for sample in one.samples[::24]],
            "line": {"color": COLORS[n % len(COLORS)], "width": 1.5},
        }
        for n, one in enumerate(main)
    ]
    sources = [
        _bar(
            field,
            [one.name for one in main],
            [float(one.total[n]) * shares[one.name] for one in main],
            colour,
        )
        for n, (field, colour) in enumerate(colours.items())
    ]
    first = main[1]
    years = [
        _bar(
            field,
            [str(year) for year in first.years],
            [float(one[n]) for one in first.years.values()],
            colour,
        )
        for n, (field, colour) in enumerate(colours.items())
    ]
    line = {"type": "scatter", "mode": "lines+markers", "line": {"color": COLORS[0]}}
    curve = line | {"x": [x for x, _ in points], "y": [round(100.0 * y, 3) for _, y in points]}
    return {
        "curves": {
            "data": curves,
            "layout": layout_of("profit [% of the capital]", 420) | {"xaxis": {"type": "date"}},
        },
        "sources": {
            "data": sources,
            "layout": layout_of("[% of the capital a year]", 360) | {"barmode": "relative"},
        },
        "years": {"data": years, "layout": layout_of(f"{first.name} [USDT]", 360) | {"barmode": "relative"}},
        "capacity": {
            "data": [curve],
            "layout": layout_of("return [% a year]", 320)
            | {"xaxis": {"type": "log", "title": {"text": "capital [USDT]"}}},
        },
    }


def _bar(name: str, x: Sequence[str], y: Sequence[float], colour: str) -> dict[str, Any]:
    rounded = [round(value, 4) for value in y]
    return {"type": "bar", "name": name, "x": list(x), "y": rounded, "marker": {"color": colour}}


def arguments() -> argparse.ArgumentParser:
    """Return what the command line may say."""
    parser = argparse.ArgumentParser(description="What funding arbitrage would have brought.")
    folder = os.environ.get("NQ_DATA") or None
    parser.add_argument("--data", type=Path, default=folder, help="folder with recorded data (NQ_DATA)")
    parser.add_argument("--html", type=Path, help="draw charts there, too (needs plotly)")
    parser.add_argument("--only", choices=("coins", "venues"), help="one of the two studies")
    parser.add_argument("--start", default="2021-01-01", help="of spot against perpetual, UTC")
    parser.add_argument("--end", default="2025-01-01", help="of spot against perpetual, UTC, not part of it")
    parser.add_argument("--venue-start", default=VENUE_SPAN[0], help="of venues against each other")
    parser.add_argument("--venue-end", default=VENUE_SPAN[1], help="of venues against each other")
    parser.add_argument("--coins", nargs="+", choices=COINS, default=COINS, help="of spot against perpetual")
    parser.add_argument("--capital", type=int, default=1_000_000, help="USDT")
    parser.add_argument("--capitals", type=int, nargs="*", default=CAPITALS, help="of the capacity curve")
    parser.add_argument("--horizons", type=float, nargs="+", default=HORIZONS, help="days looked ahead")
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    parser.add_argument("--half-spread", type=float, default=1.0, help="of all books [bp]")
    parser.add_argument("--impact", type=float, default=1.0, help="coefficient of the square-root law")
    return parser


def main() -> None:
    """Read the command line, run, print and draw."""
    asked = arguments().parse_args()
    if asked.data is None:
        sys.exit("need recorded data: --data, or export NQ_DATA=/path/to/data")
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    begun = perf_counter()
    try:
        with progress(console) as begin:
            first = coin_tasks(asked) if asked.only != "venues" else []
            second = venue_tasks(asked) if asked.only != "coins" else []
            found = perform_all(asked, [*first, *second], begin, lambda one: console.print(line(one)))
            coins, venues = found[: len(first)], found[len(first) :]
    except RecordedError as error:
        sys.exit(str(error))
    if coins:
        console.print(by_run("Spot against perpetual", coins))
        console.print(parts(f"{coins[1].name}, by coin", coins[1].assets))
        console.print(parts(f"{coins[1].name}, by year", coins[1].years))
        console.print(said(capacity(coins)))
    if venues:
        console.print(by_run("Perpetuals of seven venues", venues))
        console.print(parts(f"{venues[0].name}, by year", venues[0].years))
    console.print(f"{len(coins) + len(venues)} runs in {perf_counter() - begun:,.0f} s")
    if asked.html is not None and coins:
        drawn = chart_page.write(_PAGE, charts(coins, capacity(coins)), asked.html, title="Funding arbitrage")
        console.print(f"drawn: {drawn}")


if __name__ == "__main__":
    main()
