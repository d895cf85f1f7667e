"""What the funding module costs a backtest: minutes, and a year of hours, with and without it."""

from __future__ import annotations

import gc
import os
import sys
from decimal import Decimal
from functools import cache
from pathlib import Path
from time import process_time
from typing import Any

from benchmarks import instructions
from benchmarks.figure import Figure, Unavailable

ROUNDS = 7
RATIO = 1.03
HOURS, MINUTES = "hours", "minutes"
SPANS = {HOURS: ("2024-01-01", "2025-01-01"), MINUTES: ("2025-05-05", "2025-06-24")}
"""Minutes are recorded for seven weeks only; what a bar costs is the same in a year of them."""
HOUR, MINUTE = 3_600_000_000_000, 60_000_000_000
_HERE = "benchmarks.funding"
_BARS = {
    HOURS: ("ohlcv_1h_perp_binance", "1-HOUR", HOUR),
    MINUTES: ("ohlcv_1m_perp_binance", "1-MINUTE", MINUTE),
}
_FILES = ("mark_1h_perp_binance_btc_eth", "funding_binance_usdm")


@cache
def market(kind: str) -> tuple[Any, Any, list[Any], list[Any]]:
    """Return instrument, bar type, bars, and marks and funding rates, all of bitcoin."""
    from nautilus_trader.model.data import BarType, FundingRateUpdate, MarkPriceUpdate
    from nautilus_trader.model.objects import Price
    from nautilus_trader.persistence.wranglers import BarDataWrangler
    from nautilus_trader.test_kit.providers import TestInstrumentProvider

    instrument = TestInstrumentProvider.btcusdt_perp_binance()
    file, step, length = _BARS[kind]
    bar_type = BarType.from_str(f"{instrument.id}-{step}-LAST-EXTERNAL")
    bars, marks, rates = (_read(name, kind) for name in (file, *_FILES))
    candles = bars[["open", "high", "low", "close", "volume"]].set_axis(bars["ns"].add(length), axis=0)
    candles.index = candles.index.astype("datetime64[ns, UTC]")
    told: list[Any] = [
        MarkPriceUpdate(instrument.id, Price(price, 8), ts + HOUR, ts + HOUR)
        for ts, price in zip(marks["ns"].tolist(), marks["close"].tolist(), strict=True)
    ]
    told += [
        FundingRateUpdate(instrument.id, Decimal(repr(rate)), ts, ts)
        for ts, rate in zip(rates["ns"].tolist(), rates["funding_rate"].tolist(), strict=True)
    ]
    return instrument, bar_type, BarDataWrangler(bar_type, instrument).process(candles), told


def _read(name: str, kind: str) -> Any:
    import pandas as pd

    folder = os.environ.get("NQ_DATA")
    path = Path(folder or "") / f"{name}.parquet"
    if not folder or not path.is_file():
        raise Unavailable(f"NQ_DATA names no folder with {path.name}")
    frame = pd.read_parquet(path)
    time = "ts_funding" if "ts_funding" in frame else "ts_open"
    when = pd.to_datetime(frame[time], utc=True)
    first, end = (pd.Timestamp(day, tz="UTC") for day in SPANS[kind])
    wanted = frame["symbol"].str.startswith("BTC") & (when >= first) & (when < end)
    ns = when.dt.as_unit("ns").astype("int64")
    return frame.assign(ns=ns)[wanted].sort_values("ns", ignore_index=True)


def engine(modules: list[Any], kind: str, bars: int | None = None) -> Any:
    """Return an engine with a market (or its first bars), NautilusTrader's EMA cross, and these modules."""
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig
    from nautilus_trader.examples.strategies.ema_cross import EMACross, EMACrossConfig
    from nautilus_trader.model.currencies import USDT
    from nautilus_trader.model.enums import AccountType, OmsType
    from nautilus_trader.model.objects import Money

    instrument, bar_type, candles, told = market(kind)
    candles = candles[:bars]
    last = candles[-1].ts_init
    made = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    margin = AccountType.MARGIN
    made.add_venue(instrument.venue, OmsType.NETTING, margin, [Money(1_000_000, USDT)], modules=modules)
    made.add_instrument(instrument)
    made.add_data([*candles, *(one for one in told if one.ts_init <= last)])
    made.add_strategy(
        EMACross(
            EMACrossConfig(
                instrument_id=instrument.id,
                bar_type=bar_type,
                trade_size=Decimal("0.100"),
                request_bars=False,
                subscribe_trade_ticks=False,
            )
        )
    )
    return made


def adjusting() -> Any:
    """Return a module that changes the account at every rate, and nothing else: the least it can cost."""
    from nautilus_trader.backtest.modules import SimulationModule
    from nautilus_trader.model.currencies import USDT
    from nautilus_trader.model.objects import Money

    from nautilus_quant.venues.funding_module import FundingModule

    class Adjusting(FundingModule):
        def register_venue(self, exchange: Any) -> None:
            SimulationModule.register_venue(self, exchange)
            one = Money(-1, USDT)
            self.msgbus.subscribe("data.funding_rates.*", lambda _update: exchange.adjust_account(one))

    return Adjusting()


def run(what: str, bars: int | None = None) -> tuple[float, int]:
    """Run ``funding-KIND``, ``adjust-KIND`` or ``bare-KIND``; return CPU time [s] and payments."""
    from nautilus_quant.venues.funding_module import FundingModule

    how, _, kind = what.partition("-")
    module = adjusting() if how == "adjust" else FundingModule()
    made = engine([] if how == "bare" else [module], kind, bars)
    gc.collect()
    start = process_time()
    made.run()
    taken = process_time() - start
    made.dispose()
    return taken, sum(total.payments for total in module.ledger.totals.values())


def measure() -> list[Figure]:
    """Count instructions on minutes and hours, and compare CPU times of the year of hours in turns."""
    own = "a payment every eight bars: most of it is what NautilusTrader takes to change an account"
    return [
        *_counted(MINUTES, RATIO, "a strategy on minutes"),
        *_counted(HOURS, None, own),
        *_timed(),
    ]


def _counted(kind: str, budget: float | None, about: str) -> list[Figure]:
    name = f"funding module, {kind}, instructions"
    try:
        few, many, counted = instructions.ratio(_HERE, f"bare-{kind}", f"funding-{kind}")
    except Unavailable:
        return []
    note = f"{few:,.0f} per bar bare, {many:,.0f} with, start-up subtracted; {about}"
    return [Figure(name, counted, "x", budget, note=note)]


def _timed() -> list[Figure]:
    bare, least, full, payments = [], [], [], 0
    for _ in range(ROUNDS):
        bare.append(run(f"bare-{HOURS}")[0])
        least.append(run(f"adjust-{HOURS}")[0])
        taken, payments = run(f"funding-{HOURS}")
        full.append(taken)
    seen = f"best of {ROUNDS} runs each, {len(market(HOURS)[2]):,} bars, {payments:,} payments: "
    timed = f"{seen}{min(bare):.3f} s bare, {min(full):.3f} s with"
    own = "NautilusTrader's adjust_account at every rate, and nothing else"
    return [
        Figure("funding module, a year of hours, CPU time", min(full) / min(bare), "x", note=timed),
        Figure("funding, the least it can cost, CPU time", min(least) / min(bare), "x", note=own),
    ]


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]))
