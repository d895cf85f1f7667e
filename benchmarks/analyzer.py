"""A guard against pandas 3, where NautilusTrader's analyzer slows down with every trade it has seen."""

from __future__ import annotations

from functools import partial

from benchmarks.figure import Figure
from benchmarks.timing import seconds

SMALL, LARGE = 1_000, 4_000


def book(trades: int) -> None:
    """Let an analyzer book that many closed positions."""
    from nautilus_trader.analysis.analyzer import PortfolioAnalyzer
    from nautilus_trader.model.currencies import USDT
    from nautilus_trader.model.identifiers import PositionId
    from nautilus_trader.model.objects import Money

    analyzer = PortfolioAnalyzer()
    for index in range(trades):
        analyzer.add_trade(PositionId(f"P-{index}"), Money(1.0, USDT), index)


def measure() -> list[Figure]:
    """Compare the cost per trade of a long run with that of a short one."""
    book(10)
    small = min(seconds(partial(book, SMALL)) for _ in range(3)) / SMALL
    large = min(seconds(partial(book, LARGE)) for _ in range(3)) / LARGE
    note = f"{large * 1e6:,.0f} µs a trade at {LARGE:,}"
    return [
        Figure(
            "NautilusTrader's analyzer, 4 x the trades, cost per trade", large / small, "x", 1.5, note=note
        )
    ]
