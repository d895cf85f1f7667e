"""Both strategies on the option market of the embedded venue, played from its catalog."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from nautilus_trader.backtest.node import BacktestNode
from nautilus_trader.config import (
    BacktestDataConfig,
    BacktestEngineConfig,
    BacktestRunConfig,
    BacktestVenueConfig,
    ImportableStrategyConfig,
    LoggingConfig,
)

from nautilus_quant.options.spread_book import Phase
from nautilus_quant.venues.simulated import SimulatedDataClientConfig, catalog
from nautilus_quant.venues.simulated.options import Options
from tests.venues.simulated.conftest import ORIGIN

S = 10**9
MARKET = SimulatedDataClientConfig(
    seed=5,
    symbols=("BTC",),
    step=1.0,
    history=60.0,
    origin=ORIGIN,
    bars=("1-MINUTE",),
    options=Options(
        underlyings=("BTC",),
        settlements=("linear", "coin"),
        daily=2,
        weekly=0,
        monthly=0,
        strikes=8,
        interval=10.0,
    ),
)
COMMON: dict[str, Any] = {
    "instrument": "BTCUSDT-PERP.SIM",
    "bar": "1-MINUTE",
    "days": 1.4,
    "least_days": 0.2,
    "most_days": 3.0,
    "exit_days": 0.1,
    "tolerance": 0.25,
    "reporting_currency": "USDT",
}
SPREADS: dict[str, dict[str, Any]] = {
    "CONDOR": {"kind": "iron_condor", "back_days": 3.0},
    "COIN": {"kind": "put_credit", "settlement": "coin", "back_days": 3.0},
    "CALENDAR": {"kind": "calendar", "sell": False, "days": 0.4, "back_days": 1.4},
}
VOLATILITY: dict[str, Any] = {
    "forecast": "ewma",
    "warm_up": 0.0005,
    "enter_z": 0.0,
    "sell": False,  # two minutes of returns are enough for an opinion, and not for a steady one
}


def named(kind: str, tag: str, settings: dict[str, Any]) -> ImportableStrategyConfig:
    snake = "options_spread" if kind == "OptionsSpread" else "options_delta"
    path = f"nautilus_quant.strategies.{snake}:{kind}"
    return ImportableStrategyConfig(path, f"{path}Config", {**COMMON, **settings, "order_id_tag": tag})


@pytest.fixture(scope="module")
def played(tmp_path_factory: Any) -> Iterator[Any]:
    root: Path = catalog.write(
        MARKET, ORIGIN, ORIGIN + 200 * S, tmp_path_factory.mktemp("options") / "catalog"
    )
    strategies = [named("OptionsSpread", tag, settings) for tag, settings in SPREADS.items()]
    run = BacktestRunConfig(
        engine=BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True),
            strategies=[*strategies, named("OptionsDelta", "VOL", VOLATILITY)],
        ),
        venues=[
            BacktestVenueConfig("SIM", "NETTING", "MARGIN", ["100000 USDT", "5 BTC"], bar_execution=False)
        ],
        data=[BacktestDataConfig(**fields) for fields in catalog.data_configs(MARKET, root)],
        raise_exception=True,
        dispose_on_completion=False,
    )
    node = BacktestNode([run])
    node.run()
    yield node.get_engine(run.id).kernel
    node.dispose()


@pytest.mark.slow
def test_each_holds_what_it_was_told_and_may_lose_what_it_said(played: Any) -> None:
    strategies = {strategy.id.value.partition("-")[2]: strategy for strategy in played.trader.strategies()}
    assert set(strategies) == {*SPREADS, "VOL"}
    for tag, strategy in strategies.items():
        book = strategy.book
        assert book is not None, (tag, strategy._said, getattr(strategy, "view", None))
        assert book.phase is Phase.HELD
        held = {
            p.instrument_id.value: p.signed_decimal_qty()
            for p in played.cache.positions_open(strategy_id=strategy.id)
        }
        assert held == book.plan == book.bought
        assert book.spread.coin_settled is (tag == "COIN")
        assert 0.0 < book.loss <= 0.0205 * strategy.equity()
    assert len(strategies["CONDOR"].book.plan) == 4
    expiries = {contract.expiry for contract, _ in strategies["CALENDAR"].book.spread.legs}
    assert len(expiries) == 2
