"""Finds every plug-in that ships, so that a new one is checked without being listed anywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec
import numpy as np
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common.config import resolve_config_path, resolve_path
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.config.registry import REGISTRY

BTC = TestInstrumentProvider.btcusdt_perp_binance()
ETH = TestInstrumentProvider.ethusdt_perp_binance()
BARS = BarType.from_str(f"{BTC.id}-1-MINUTE-LAST-EXTERNAL")
# What a plug-in needs to be told besides its instrument, so that ten hours are enough for it.
NEEDS: dict[str, dict[str, Any]] = {
    "stat_arb": {"partner": str(ETH.id), "window": 120, "hedge_window": 120, "retest": 5},
    "funding_arb": {"partner": str(ETH.id)},
    "cross_exchange_arb": {"others": [str(ETH.id)]},
}
MINUTE = 60_000_000_000
START = 1_700_000_040 * 1_000_000_000


@dataclass(frozen=True)
class Plugin:
    """One short name of the config files."""

    kind: str
    use: str
    path: str
    config_path: str

    @property
    def example(self) -> dict[str, Any]:
        """What it needs to be told at least."""
        needs = NEEDS.get(self.use, {})
        return {"instrument": str(BTC.id), **needs} if self.kind == "strategy" else needs

    @property
    def config_class(self) -> Any:
        return resolve_config_path(self.config_path)

    def make(self, **settings: Any) -> Any:
        text = msgspec.json.encode({**self.example, **settings})
        return resolve_path(self.path)(self.config_class.parse(text))


def plugins(kind: str) -> list[Plugin]:
    """Ours of a kind; what the registry takes from elsewhere is not ours to check."""
    found = REGISTRY[kind].items()  # type: ignore[index]
    return [Plugin(kind, use, *entry) for use, entry in found if entry.path.startswith("nautilus_quant.")]


@cache
def bars(count: int, seed: int = 3) -> list[Bar]:
    """A seeded random walk with a trend in the middle, and a partner that always comes back to it."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(0.0, 0.001, count)
    steps[count // 3 : count // 2] += 0.001
    apart = np.zeros(count)
    for index, shock in enumerate(rng.normal(0.0, 0.002, count)):
        apart[index] = 0.9 * apart[index - 1] + shock
    path = np.cumsum(steps)
    both = zip(
        bars_of(BTC, 30_000.0 * np.exp(path)), bars_of(ETH, 2_000.0 * np.exp(path + apart)), strict=True
    )
    return [bar for pair in both for bar in pair]


def bars_of(instrument: Instrument, closes: Any) -> list[Bar]:
    """Bars of a minute with these closes."""
    made = []
    kind = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
    for index, close in enumerate(closes):
        before = closes[index - 1] if index else close
        high, low = max(before, close) * 1.0005, min(before, close) * 0.9995
        prices = [Price(value, instrument.price_precision) for value in (before, high, low, close)]
        ts = START + index * MINUTE
        made.append(Bar(kind, *prices, Quantity(100, instrument.size_precision), ts, ts))
    return made


def engine(actors: Iterable[Any] = (), strategies: Iterable[Any] = (), count: int = 600) -> BacktestEngine:
    """A backtest of ten hours."""
    made = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    made.add_venue(BTC.venue, OmsType.NETTING, AccountType.MARGIN, [Money(1_000_000, USDT)])
    for instrument in (BTC, ETH):
        made.add_instrument(instrument)
    made.add_data(bars(count))
    for actor in actors:
        made.add_actor(actor)
    for strategy in strategies:
        made.add_strategy(strategy)
    return made


def history(made: BacktestEngine) -> list[tuple[Any, ...]]:
    """What was traded, without the identifiers that are random."""
    orders = sorted(made.cache.orders(), key=lambda order: (order.ts_init, order.client_order_id.value))
    return [(o.ts_init, o.side, str(o.quantity), o.status, str(o.avg_px)) for o in orders]
