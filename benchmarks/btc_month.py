"""The recorded month all backtest figures are measured on, and the engine that runs through it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.figure import Unavailable

if TYPE_CHECKING:
    from nautilus_trader.backtest.engine import BacktestEngine
    from nautilus_trader.common.actor import Actor

FILE = "ohlcv_1m_btc_perp_202201.parquet"
FAST, SLOW = 5, 10
"""EMA periods [bars] with which the month gives about 8 000 orders."""


def recorded() -> Path:
    """Return where the month lies."""
    folder = os.environ.get("NQ_DATA")
    path = Path(folder or "") / FILE
    if not folder or not path.is_file():
        raise Unavailable(f"NQ_DATA names no folder with {FILE}")
    return path


@cache
def month() -> tuple[Any, Any, list[Any]]:
    """Return instrument, bar type and bars; the file is stamped at the close, as NautilusTrader wants it."""
    import pandas as pd
    from nautilus_trader.model.data import BarType
    from nautilus_trader.persistence.wranglers import BarDataWrangler
    from nautilus_trader.test_kit.providers import TestInstrumentProvider

    instrument = TestInstrumentProvider.btcusdt_perp_binance()
    bar_type = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
    frame = pd.read_parquet(recorded()).set_index("ts_close")
    return instrument, bar_type, BarDataWrangler(bar_type, instrument).process(frame)


def engine(actors: Iterable[Actor] = (), first: int | None = None) -> BacktestEngine:
    """Return an engine with the month (or its `first` bars), NautilusTrader's EMA cross, and these actors."""
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig
    from nautilus_trader.examples.strategies.ema_cross import EMACross, EMACrossConfig
    from nautilus_trader.model.currencies import USDT
    from nautilus_trader.model.enums import AccountType, OmsType
    from nautilus_trader.model.objects import Money

    instrument, bar_type, bars = month()
    made = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    made.add_venue(instrument.venue, OmsType.NETTING, AccountType.MARGIN, [Money(1_000_000, USDT)])
    made.add_instrument(instrument)
    made.add_data(bars[:first])
    for actor in actors:
        made.add_actor(actor)
    made.add_strategy(
        EMACross(
            EMACrossConfig(
                instrument_id=instrument.id,
                bar_type=bar_type,
                trade_size=Decimal("0.010"),
                fast_ema_period=FAST,
                slow_ema_period=SLOW,
                request_bars=False,
                subscribe_trade_ticks=False,
            )
        )
    )
    return made


def suite() -> list[Actor]:
    """Return what is measured against the bare engine; small orders never reach a limit."""
    from nautilus_quant.actors import RegimeGate, RegimeGateConfig, SafetyEngine, SafetyEngineConfig

    everything = RegimeGateConfig(matrix={"default": ["ALL"], "ema_cross": ["ALL"]})
    return [SafetyEngine(SafetyEngineConfig()), RegimeGate(everything)]
