"""What recorded files and catalogs hold, from their names and columns."""

from __future__ import annotations

import pandas as pd
import pytest

from nautilus_quant.venues.recorded.contents import kinds_in

TIMES = pd.to_datetime(["2024-01-01", "2024-01-02"], utc=True)


def write(path, **columns) -> str:
    pd.DataFrame(columns).to_parquet(path)
    return str(path)


def test_funding_rates_are_told_by_their_columns(tmp_path):
    funding = write(tmp_path / "f.parquet", ts_funding=TIMES, symbol="BTCUSDT", funding_rate=[0.1, 0.2])
    by_venue = write(tmp_path / "e.parquet", ts_utc=TIMES, exchange="okx", funding_rate=[0.1, 0.2])
    assert kinds_in(funding) == kinds_in(by_venue) == {"funding"}


def test_bars_are_neither(tmp_path):
    candles = dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0)
    path = write(tmp_path / "b.parquet", ts_open=TIMES, symbol="BTCUSDT", **candles)
    assert kinds_in(path) == frozenset()


def test_a_catalog_is_told_by_its_folders(tmp_path):
    for name in ("bar", "funding_rate_update", "mark_price_update"):
        (tmp_path / "data" / name).mkdir(parents=True)
    assert kinds_in(str(tmp_path)) == {"funding", "mark"}
    assert kinds_in(str(tmp_path / "data")) == frozenset()


@pytest.mark.parametrize("name", ["nowhere.parquet", "nonsense.parquet", "klines.csv"])
def test_nothing_is_known_of_what_cannot_be_read(tmp_path, name):
    if name != "nowhere.parquet":
        (tmp_path / name).write_text("no parquet at all")
    assert kinds_in(str(tmp_path / name)) == frozenset()


def test_nothing_is_known_of_strange_columns(tmp_path):
    assert kinds_in(write(tmp_path / "x.parquet", a=[1], b=[2])) == frozenset()
