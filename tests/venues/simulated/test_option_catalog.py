"""The option market as a catalog: a backtest hears what a node hears, and settles."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from nautilus_trader.backtest.node import BacktestNode
from nautilus_trader.config import (
    BacktestDataConfig,
    BacktestEngineConfig,
    BacktestRunConfig,
    BacktestVenueConfig,
    ImportableActorConfig,
    ImportableStrategyConfig,
    LoggingConfig,
)
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from nautilus_quant.venues.settlement import TAG
from nautilus_quant.venues.simulated import SimulatedDataClientConfig, catalog
from nautilus_quant.venues.simulated.feed import Feed
from nautilus_quant.venues.simulated.options import Options
from nautilus_quant.venues.simulated.player import Player, Start
from tests.venues.simulated.conftest import ORIGIN
from tests.venues.simulated.recorder import plain
from tests.venues.simulated.test_catalog import first_difference

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("a catalog of options")]

S = 10**9
START, END = ORIGIN, ORIGIN + 130 * S
EXPIRY = (ORIGIN // (60 * S) + 2) * 60 * S  # 100 s after the opening
PLAYERS = "tests.venues.simulated.option_players"
CONFIG = SimulatedDataClientConfig(
    seed=5,
    symbols=("BTC",),
    step=0.5,
    history=60.0,
    origin=ORIGIN,
    bars=("1-MINUTE",),
    options=Options(
        underlyings=("BTC",),
        settlements=("linear", "coin"),
        daily=0,
        weekly=0,
        monthly=0,
        rapid=2,
        every=60.0,
        strikes=1,
    ),
)


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return catalog.write(CONFIG, START, END, tmp_path_factory.mktemp("options") / "catalog")


def live() -> list[dict[str, Any]]:
    """What a node would hear that listens to every option."""
    feed = Feed(CONFIG.market, CONFIG.listings, CONFIG.venue)
    player, events = Player(Start(CONFIG.timeline(START)), CONFIG.longest_bar), []
    nothing = catalog.everything(CONFIG, ())
    while player.next_ts <= END:
        player.advance()
        feed.turn_to(player.block)
        feed.options.want_all(("quote", "mark", "greeks"))
        if player.now >= START:
            events += feed.events(player.step, nothing, player.history)
    return [plain(event) for event in events]


@pytest.fixture(scope="module")
def played(path) -> Any:
    """A backtest with one that listens, one long of a call and a put, and one short of them in coin."""
    terms = {"expiry": EXPIRY, "size": "2"}
    run = BacktestRunConfig(
        engine=BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True),
            actors=[
                ImportableActorConfig(
                    f"{PLAYERS}:Listener", f"{PLAYERS}:ListenerConfig", {"first": 0, "last": END + 3_600 * S}
                )
            ],
            strategies=[
                ImportableStrategyConfig(
                    f"{PLAYERS}:OptionBuyer", f"{PLAYERS}:OptionBuyerConfig", terms | more
                )
                for more in (
                    {"order_id_tag": "LONG"},
                    {"order_id_tag": "SHORT", "currency": "BTC", "short": True},
                )
            ],
        ),
        venues=[
            BacktestVenueConfig(
                "SIM",
                "NETTING",
                "MARGIN",
                ["100000 USDT", "5 BTC"],
                bar_execution=False,
                modules=[
                    ImportableActorConfig(
                        "nautilus_quant.venues.settlement:OptionSettlement",
                        "nautilus_quant.venues.settlement:OptionSettlementConfig",
                        {},
                    )
                ],
            )
        ],
        data=[BacktestDataConfig(**fields) for fields in catalog.data_configs(CONFIG, path)],
        raise_exception=True,
        dispose_on_completion=False,
    )
    node = BacktestNode([run])
    node.run()
    yield node.get_engine(run.id).kernel
    node.dispose()


def test_a_backtest_hears_what_a_node_hears(played):
    (listener,) = played.trader.actors()
    heard = [plain(event) for event in listener.events]
    assert {event["type"] for event in heard} == {
        "QuoteTick",
        "MarkPriceUpdate",
        "OptionGreeks",
        "InstrumentClose",
    }
    assert first_difference(heard, live()) == ""


def test_a_backtest_settles_what_is_held(played):
    for strategy in played.trader.strategies():
        values = {close.instrument_id: Decimal(str(close.close_price)) for close in strategy.closes}
        cash = Decimal(0)
        for fill in strategy.fills:
            sign = -1 if fill.order_side.name == "BUY" else 1
            cash += sign * fill.last_px.as_decimal() * fill.last_qty.as_decimal()
            cash -= fill.commission.as_decimal()
            if fill.client_order_id.value.startswith(TAG):
                assert fill.last_px.as_decimal() == values[fill.instrument_id]
                assert fill.commission.as_decimal() == 0
        realized = sum(event.realized_pnl.as_decimal() for event in strategy.closed)
        assert len(strategy.closed) >= 1
        assert realized == cash
        currency = strategy.closed[0].realized_pnl.currency
        start = {"USDT": 100_000, "BTC": 5}[currency.code]
        assert played.cache.accounts()[0].balance_total(currency).as_decimal() == start + cash
    assert played.cache.positions_open() == []
    assert played.cache.orders_open() == []


def test_the_catalog_names_its_options(path):
    names = catalog.option_names(path)
    assert len(names) == len(set(names))
    # one expires in each of four blocks, and two more are listed ahead
    assert len({name.split("-")[1] for name in names}) == 6
    described = (str(item.id) for item in ParquetDataCatalog(path).instruments())
    assert names == sorted(name for name in described if "-PERP" not in name)
    kinds = [
        item["data_cls"].rpartition(":")[2] for item in catalog.data_configs(CONFIG, path, kinds=("bar",))
    ]
    assert kinds == ["Bar", "InstrumentClose"]
    kinds = [
        item["data_cls"].rpartition(":")[2] for item in catalog.data_configs(CONFIG, path, kinds=("quote",))
    ]
    assert kinds == ["QuoteTick", "InstrumentClose", "QuoteTick", "OptionGreeks"]


def test_options_make_another_catalog():
    plain_market = SimulatedDataClientConfig(seed=5, symbols=("BTC",), history=60.0, origin=ORIGIN)
    assert catalog.content_hash(CONFIG, START, END) != catalog.content_hash(plain_market, START, END)
    assert catalog.option_names("/nowhere") == []
