"""The market as a catalog, and as a backtest reads it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.backtest.node import BacktestNode
from nautilus_trader.config import (
    BacktestDataConfig,
    BacktestEngineConfig,
    BacktestRunConfig,
    BacktestVenueConfig,
    ImportableActorConfig,
    LoggingConfig,
)
from nautilus_trader.model.data import Bar, FundingRateUpdate, IndexPriceUpdate, MarkPriceUpdate
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from nautilus_quant.venues.simulated import SimulatedDataClientConfig, Stress, catalog
from nautilus_quant.venues.simulated.feed import Feed, Kind
from nautilus_quant.venues.simulated.player import Player, Start
from tests.venues.simulated.conftest import ORIGIN
from tests.venues.simulated.recorder import plain

S = 10**9
START, END = ORIGIN + 30 * S, ORIGIN + 150 * S

BASE = {
    "seed": 5,
    "symbols": ("BTC", "XRP"),
    "spot": True,
    "step": 0.5,
    "history": 60.0,
    "origin": ORIGIN,
    "bars": ("1-MINUTE", "1-SECOND"),
}


def config_of(**changes) -> SimulatedDataClientConfig:
    return SimulatedDataClientConfig(**{**BASE, **changes})


def heard(config: SimulatedDataClientConfig, start: int, end: int) -> list[dict]:
    """What a node would hear that listens to everything, step by step."""
    feed = Feed(config.market, config.listings, config.venue)
    wanted = catalog.everything(config, list(Kind))
    player, events = Player(Start(config.timeline(start)), config.longest_bar), []
    while player.next_ts <= end:
        player.advance()
        feed.turn_to(player.block)
        if player.now >= start:
            events += feed.events(player.step, wanted, player.history)
    return [plain(event) for event in events]


def backtest(config: SimulatedDataClientConfig, path, kinds=catalog.EVERYTHING) -> list[dict]:
    """What an actor hears in a backtest on a catalog."""
    run = BacktestRunConfig(
        engine=BacktestEngineConfig(
            logging=LoggingConfig(bypass_logging=True),
            actors=[
                ImportableActorConfig(
                    actor_path="tests.venues.simulated.recorder:Recorder",
                    config_path="tests.venues.simulated.recorder:RecorderConfig",
                    config={
                        "instruments": [f"{item.symbol}.SIM" for item in config.listings],
                        "bars": list(config.bars),
                    },
                )
            ],
        ),
        venues=[BacktestVenueConfig("SIM", "NETTING", "MARGIN", ["1000000 USDT"], bar_execution=False)],
        data=[BacktestDataConfig(**fields) for fields in catalog.data_configs(config, path, kinds=kinds)],
        raise_exception=True,
        dispose_on_completion=False,
    )
    node = BacktestNode([run])
    node.run()
    (recorder,) = node.get_engine(run.id).kernel.trader.actors()
    events = [plain(event) for event in recorder.events]
    node.dispose()
    return events


def first_difference(left: list[dict], right: list[dict]) -> str:
    for nth, (a, b) in enumerate(zip(left, right, strict=False)):
        if a != b:
            return f"event {nth}: {a} is not {b}"
    return "" if len(left) == len(right) else f"{len(left)} events are not {len(right)}"


def test_a_backtest_hears_what_a_node_hears(tmp_path):
    config = config_of(stress=(Stress(kind="crash", at=50.0), Stress(kind="zero", at=70.0, duration=5.0)))
    path = catalog.write(config, START, END, tmp_path / "catalog")
    live = heard(config, START, END)
    assert {event["type"] for event in live} == {
        "QuoteTick",
        "OrderBookDepth10",
        "TradeTick",
        "MarkPriceUpdate",
        "IndexPriceUpdate",
        "FundingRateUpdate",
        "Bar",
    }
    assert first_difference(backtest(config, path), live) == ""


def test_many_files_are_one_market(tmp_path, monkeypatch):
    monkeypatch.setattr(catalog, "_BATCH", 1)
    config, kinds = config_of(spot=False), ("quote", "trade", "bar")
    path = catalog.write(config, START, END, tmp_path / "catalog", kinds=kinds)
    types = {"QuoteTick", "TradeTick", "Bar"}
    live = [event for event in heard(config, START, END) if event["type"] in types]
    assert first_difference(backtest(config, path, kinds), live) == ""


def test_the_main_catalog_holds_everything(tmp_path):
    config = config_of(stress=(Stress(kind="nan", symbol="BTC", at=40.0, duration=2.0),))
    store = ParquetDataCatalog(catalog.write(config, START, END, tmp_path / "catalog"))
    assert sorted(str(item.id) for item in store.instruments()) == [
        "BTCUSDT-PERP.SIM",
        "BTCUSDT.SIM",
        "XRPUSDT-PERP.SIM",
        "XRPUSDT.SIM",
    ]
    minutes = store.query(Bar, identifiers=["BTCUSDT-PERP.SIM-1-MINUTE-LAST-EXTERNAL"])
    assert [bar.ts_event % (60 * S) for bar in minutes] == [0, 0]
    marks = [float(mark.value) for mark in store.query(MarkPriceUpdate, identifiers=["BTCUSDT-PERP.SIM"])]
    assert [value > 1e13 for value in marks].count(True) == 4
    (first, second) = store.query(FundingRateUpdate, identifiers=["XRPUSDT-PERP.SIM"])
    assert first.interval == 480
    assert isinstance(first.rate, Decimal)
    assert second.ts_event - first.ts_event == 60 * S
    index = store.query(IndexPriceUpdate, identifiers=["XRPUSDT-PERP.SIM"])
    assert len(index) == 241


def test_writing_twice_writes_once(tmp_path):
    config, seen = config_of(symbols=("BTC",), spot=False), []
    path = catalog.write(config, START, END, tmp_path / "c", kinds=("quote",), progress=seen.append)
    marker = path / catalog.HASH_FILE
    before = marker.stat().st_mtime_ns
    assert seen[-1] == 1.0
    assert seen == sorted(seen)
    catalog.write(config, START, END, path, kinds=("quote",))
    assert marker.stat().st_mtime_ns == before
    catalog.write(config_of(symbols=("BTC",), spot=False, seed=6), START, END, path, kinds=("quote",))
    assert marker.read_text() != catalog.content_hash(config, START, END, ("quote",))
    assert list(tmp_path.iterdir()) == [path]


def test_other_people_s_directories_are_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="move it away"):
        catalog.write(config_of(), START, END, tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "precious"


@pytest.mark.parametrize(
    ("span", "said"), [((END, START), "end after it starts"), ((ORIGIN - 61 * S, END), "begins at")]
)
def test_impossible_spans_are_refused(tmp_path, span, said):
    with pytest.raises(ValueError, match=said):
        catalog.write(config_of(), *span, tmp_path / "c")


def test_without_an_origin_the_market_opens_at_the_start(tmp_path):
    config = config_of(origin=None, symbols=("BTC",), spot=False)
    path = catalog.write(config, START, END, tmp_path / "c", kinds=("quote",))
    same = catalog.write(
        config_of(symbols=("BTC",), spot=False, origin=START), START, END, tmp_path / "d", kinds=("quote",)
    )
    assert (path / catalog.HASH_FILE).read_text() == (same / catalog.HASH_FILE).read_text()
