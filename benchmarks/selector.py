"""What choosing among six strategies costs in a backtest, against the same six without it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from time import perf_counter
from typing import TYPE_CHECKING, Any

from benchmarks.btc_month import month
from benchmarks.figure import Figure
from benchmarks.timing import ratios

if TYPE_CHECKING:
    from nautilus_trader.backtest.engine import BacktestEngine

ROUNDS = 5
BARS = 12_000


def arms() -> Iterator[Any]:
    """Three of momentum and three of mean reversion, as different as their horizons."""
    from nautilus_quant.strategies import MeanReversion, MeanReversionConfig, Momentum, MomentumConfig

    told: dict[str, Any] = {
        "instrument": month()[0].id,
        "bar": "1-MINUTE",
        "history": False,
        "allocation": 0.1,
    }
    for tag, fast in (("a", 10.0), ("b", 30.0), ("c", 120.0)):
        yield Momentum(MomentumConfig(order_id_tag=tag, fast=fast, slow=4.0 * fast, **told))
    for tag, lookback in (("d", 20.0), ("e", 60.0), ("f", 240.0)):
        yield MeanReversion(MeanReversionConfig(order_id_tag=tag, lookback=lookback, **told))


def engine(*, chooses: bool, bars: int) -> BacktestEngine:
    """Return an engine with the first bars of the month and the six arms, with the selector or without."""
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig
    from nautilus_trader.model.currencies import USDT
    from nautilus_trader.model.enums import AccountType, OmsType
    from nautilus_trader.model.objects import Money

    from nautilus_quant.actors import MetaLearner, MetaLearnerConfig

    instrument, _, data = month()
    made = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    made.add_venue(
        instrument.venue,
        OmsType.NETTING,
        AccountType.MARGIN,
        [Money(1_000_000, USDT)],
        default_leverage=Decimal(10),
    )
    made.add_instrument(instrument)
    made.add_data(data[:bars])
    if chooses:
        # All have a share, so that the selector saves no orders and the ratio shows what it costs.
        made.add_actor(MetaLearner(MetaLearnerConfig(output="weights")))
    for strategy in arms():
        made.add_strategy(strategy)
    return made


def run(bars: int, *, chooses: bool) -> float:
    """Run once; return the wall time [s]."""
    made = engine(chooses=chooses, bars=bars)
    start = perf_counter()
    made.run()
    taken = perf_counter() - start
    made.dispose()
    return taken


def measure() -> list[Figure]:
    """Take both in turns, so that a slow spell of the machine hits both."""
    alone, chosen, ratio = ratios(lambda: run(BARS, chooses=False), lambda: run(BARS, chooses=True), ROUNDS)
    note = f"{alone:.2f} s and {chosen:.2f} s for {BARS:,} bars, median of {ROUNDS}"
    return [Figure("selector on six arms, against the arms alone", ratio, "x", 1.10, note=note)]
