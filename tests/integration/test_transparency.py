"""With gates that allow everything, NautilusTrader's own examples trade as if we were not there."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from functools import cache

import pytest
from nautilus_trader.examples.algorithms.twap import TWAPExecAlgorithm
from nautilus_trader.examples.strategies.ema_cross import EMACross, EMACrossConfig
from nautilus_trader.examples.strategies.ema_cross_bracket import EMACrossBracket, EMACrossBracketConfig
from nautilus_trader.examples.strategies.ema_cross_hedge_mode import EMACross as EMACrossHedgeMode
from nautilus_trader.examples.strategies.ema_cross_hedge_mode import EMACrossConfig as EMACrossHedgeModeConfig
from nautilus_trader.examples.strategies.ema_cross_stop_entry import (
    EMACrossStopEntry,
    EMACrossStopEntryConfig,
)
from nautilus_trader.examples.strategies.ema_cross_trailing_stop import (
    EMACrossTrailingStop,
    EMACrossTrailingStopConfig,
)
from nautilus_trader.examples.strategies.ema_cross_twap import EMACrossTWAP, EMACrossTWAPConfig
from nautilus_trader.examples.strategies.volatility_market_maker import (
    VolatilityMarketMaker,
    VolatilityMarketMakerConfig,
)
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import OmsType
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant import actors as ours
from nautilus_quant.actors import RegimeGate, RegimeGateConfig, SafetyEngine, SafetyEngineConfig
from tests.host.engine import BTC, SECOND, START, engine, quotes

BARS = BarType.from_str(f"{BTC.id}-1-MINUTE-LAST-EXTERNAL")
COMMON = {"instrument_id": BTC.id, "bar_type": BARS, "trade_size": Decimal("0.100")}
TRAIL = {
    "trailing_offset_type": "PRICE",
    "trigger_type": "BID_ASK",
    "atr_period": 10,
    "trailing_atr_multiple": 2.0,
}

EXAMPLES = {
    "ema cross": lambda: EMACross(EMACrossConfig(**COMMON)),
    "bracket": lambda: EMACrossBracket(EMACrossBracketConfig(**COMMON)),
    "emulated bracket": lambda: EMACrossBracket(EMACrossBracketConfig(**COMMON, emulation_trigger="BID_ASK")),
    "twap": lambda: EMACrossTWAP(
        EMACrossTWAPConfig(**COMMON, twap_horizon_secs=30.0, twap_interval_secs=10.0)
    ),
    "trailing stop": lambda: EMACrossTrailingStop(EMACrossTrailingStopConfig(**COMMON, **TRAIL)),
    "emulated trailing stop": lambda: EMACrossTrailingStop(
        EMACrossTrailingStopConfig(**COMMON, **TRAIL, emulation_trigger="BID_ASK")
    ),
    "stop entry": lambda: EMACrossStopEntry(
        EMACrossStopEntryConfig(**COMMON, **TRAIL, trailing_offset=Decimal("10.0"))
    ),
    "market maker": lambda: VolatilityMarketMaker(
        VolatilityMarketMakerConfig(**COMMON, atr_period=10, atr_multiple=0.5)
    ),
    "hedge mode": lambda: EMACrossHedgeMode(EMACrossHedgeModeConfig(**COMMON, subscribe_trade_ticks=False)),
}


@cache
def market(minutes: int) -> list:
    """A random walk: quotes every second, and the bars they make."""
    rng = random.Random(11)
    prices, price = [], 30_000.0
    for _ in range(minutes * 60):
        price += rng.gauss(0.0, 3.0)
        prices.append(round(price, 1))
    data = quotes(prices)
    for n in range(minutes):
        part = prices[n * 60 : n * 60 + 60]
        ts = START + (n * 60 + 59) * SECOND + 1
        ohlc = [Price(value, BTC.price_precision) for value in (part[0], max(part), min(part), part[-1])]
        data.append(Bar(BARS, *ohlc, Quantity(10, BTC.size_precision), ts, ts))
    return sorted(data, key=lambda item: item.ts_init)


MINUTES = 240
RANDOM_IDS = ("event_id", "init_id", "command_id", "id")


WIDE = {"max_hourly_loss": 0.99, "max_daily_loss": 0.99, "max_drawdown": 0.99}
EVERYWHERE = ["STRONG_TREND_UP", "STRONG_TREND_DOWN", "RANGING", "HIGH_VOL", "CRISIS", "WARMING_UP"]


def first_gates() -> list:
    return [
        SafetyEngine(SafetyEngineConfig(**WIDE)),
        RegimeGate(RegimeGateConfig(matrix={"default": EVERYWHERE})),
    ]


def all_gates() -> list:
    """Each as permissive as it can be told to be."""
    return [
        *first_gates(),
        ours.PerformanceGuard(ours.PerformanceGuardConfig(min_trades=1_000, window=1_000)),
        ours.OrderPolicyGate(ours.OrderPolicyGateConfig(rates={"BINANCE": 60_000}, duplicate_window=0.0)),
        ours.LiquidityMonitor(ours.LiquidityMonitorConfig(max_impact=0.99, without_book="allow")),
        ours.MarginMonitor(ours.MarginMonitorConfig(quiet=0.0)),
        ours.PortfolioMonitor(),
        ours.OrderFlowGate(ours.OrderFlowGateConfig(without_data="allow", enter=1.0, leave=0.9)),
        ours.AnomalyDetector(ours.AnomalyDetectorConfig(max_slippage=0.99)),
    ]


def history(strategy, actors=()) -> list[str]:
    seen: list[str] = []

    def keep(event) -> None:
        body = type(event).to_dict(event)
        seen.append(
            json.dumps({k: v for k, v in body.items() if k not in RANDOM_IDS}, sort_keys=True, default=str)
        )

    oms = OmsType.HEDGING if isinstance(strategy, EMACrossHedgeMode) else OmsType.NETTING
    made = engine(
        market(MINUTES),
        actors=actors,
        strategies=[strategy],
        algorithms=[TWAPExecAlgorithm()],
        oms=oms,
        reject_stop_orders=False,
    )
    for topic in ("events.order.*", "events.position.*", "events.account.*"):
        made.kernel.msgbus.subscribe(topic, keep)
    made.run()
    made.dispose()
    return seen


QUICK = ("ema cross", "bracket")


@pytest.mark.parametrize(
    "example", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in EXAMPLES]
)
def test_an_example_strategy_trades_exactly_as_without_us(example):
    bare = history(EXAMPLES[example]())
    assert sum('"type": "OrderFilled"' in line for line in bare) >= 4
    for gates in (first_gates, all_gates):
        guarded = history(EXAMPLES[example](), gates())
        for n, (one, other) in enumerate(zip(bare, guarded, strict=False)):
            assert one == other, f"{gates.__name__}: event {n} differs"
        assert len(bare) == len(guarded), gates.__name__
