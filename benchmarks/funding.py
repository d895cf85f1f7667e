"""What the funding module costs a backtest: a year of hours with marks and funding, with and without."""

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
YEAR = ("2024-01-01", "2025-01-01")
WHOLE = "funding module, a year of hours"
HOUR = 3_600_000_000_000
_HERE = "benchmarks.funding"
_FILES = ("ohlcv_1h_perp_binance", "mark_1h_perp_binance_btc_eth", "funding_binance_usdm")


@cache
def year() -> tuple[Any, Any, list[Any], list[Any]]:
    """Return instrument, bar type, bars, and marks and funding rates, all of bitcoin."""
    from nautilus_trader.model.data import BarType, FundingRateUpdate, MarkPriceUpdate
    from nautilus_trader.model.objects import Price
    from nautilus_trader.persistence.wranglers import BarDataWrangler
    from nautilus_trader.test_kit.providers import TestInstrumentProvider

    instrument = TestInstrumentProvider.btcusdt_perp_binance()
    bar_type = BarType.from_str(f"{instrument.id}-1-HOUR-LAST-EXTERNAL")
    hours, marks, rates = (_read(name) for name in _FILES)
    candles = hours[["open", "high", "low", "close", "volume"]].set_axis(hours["ns"].add(HOUR), axis=0)
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


def _read(name: str) -> Any:
    import pandas as pd

    folder = os.environ.get("NQ_DATA")
    path = Path(folder or "") / f"{name}.parquet"
    if not folder or not path.is_file():
        raise Unavailable(f"NQ_DATA names no folder with {path.name}")
    frame = pd.read_parquet(path)
    time = "ts_funding" if "ts_funding" in frame else "ts_open"
    when = pd.to_datetime(frame[time], utc=True)
    first, end = (pd.Timestamp(day, tz="UTC") for day in YEAR)
    wanted = frame["symbol"].str.startswith("BTC") & (when >= first) & (when < end)
    ns = when.dt.as_unit("ns").astype("int64")
    return frame.assign(ns=ns)[wanted].sort_values("ns", ignore_index=True)


def engine(modules: list[Any], bars: int | None = None) -> Any:
    """Return an engine with the year (or its first bars), NautilusTrader's EMA cross, and these modules."""
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig
    from nautilus_trader.examples.strategies.ema_cross import EMACross, EMACrossConfig
    from nautilus_trader.model.currencies import USDT
    from nautilus_trader.model.enums import AccountType, OmsType
    from nautilus_trader.model.objects import Money

    instrument, bar_type, candles, told = year()
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
    """Run with the module (``funding``), ``adjust`` or ``bare``; return CPU time [s] and payments."""
    from nautilus_quant.venues.funding_module import FundingModule

    module = adjusting() if what == "adjust" else FundingModule()
    made = engine([] if what == "bare" else [module], bars)
    gc.collect()
    start = process_time()
    made.run()
    taken = process_time() - start
    made.dispose()
    return taken, sum(total.payments for total in module.ledger.totals.values())


def measure() -> list[Figure]:
    """Compare CPU times in turns, and count instructions."""
    bare, least, full, payments = [], [], [], 0
    for _ in range(ROUNDS):
        bare.append(run("bare")[0])
        least.append(run("adjust")[0])
        taken, payments = run("funding")
        full.append(taken)
    seen = f"best of {ROUNDS} runs each, {len(year()[2]):,} bars, {payments:,} payments: "
    timed = f"{seen}{min(bare):.3f} s bare, {min(full):.3f} s with"
    ratio = min(full) / min(bare)
    own = "NautilusTrader's adjust_account at every rate, and nothing else"
    floor = Figure("funding, the least it can cost, CPU time", min(least) / min(bare), "x", note=own)
    try:
        few, many, counted = instructions.ratio(_HERE, "bare", "funding")
    except Unavailable as reason:
        note = f"{timed}; no instructions: {reason}"
        return [Figure(f"{WHOLE}, CPU time", ratio, "x", RATIO, note=note), floor]
    return [
        Figure(
            f"{WHOLE}, instructions",
            counted,
            "x",
            RATIO,
            note=f"{few:,.0f} per bar bare, {many:,.0f} with, start-up subtracted",
        ),
        Figure(f"{WHOLE}, CPU time", ratio, "x", note=timed),
        floor,
    ]


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]))
