"""Catalogs written from recorded data: once, again, and read back."""

import os

import pandas as pd
import pytest
from nautilus_trader.model.data import Bar
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from nautilus_quant.venues.recorded import RecordedError, Source, import_data, open_sources, write

BAR_TYPE = "BTCUSDT-PERP.BINANCE-1-MINUTE-LAST-EXTERNAL"


def test_what_was_written_is_what_was_read(parquet, tmp_path):
    source = Source(path=parquet())
    seen = []
    report = write(source, tmp_path / "catalog", lambda done, total: seen.append((done, total)))

    catalog = ParquetDataCatalog(tmp_path / "catalog")
    expected = [bar for batch in open_sources([source]).streams[0].batches(10) for bar in batch]
    assert [Bar.to_dict(bar) for bar in catalog.bars()] == [Bar.to_dict(bar) for bar in expected]
    assert catalog.instruments()[0].id.value == "BTCUSDT-PERP.BINANCE"
    assert report.data == {f"Bar {BAR_TYPE}": 4}
    assert report.bar_types == [BAR_TYPE]
    assert (report.first, report.last) == (expected[0].ts_init, expected[-1].ts_init)
    assert seen == [(4, 4)]


def test_second_time_nothing_is_written(parquet, tmp_path):
    source = Source(path=parquet())
    first = import_data(source, tmp_path / "catalog")
    files = {p: p.stat().st_mtime_ns for p in (tmp_path / "catalog").rglob("*.parquet")}

    second = import_data(source, tmp_path / "catalog")

    assert (first.cached, second.cached) == (False, True)
    assert second.data == first.data
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "catalog").rglob("*.parquet")} == files


def test_changed_file_or_option_replaces(parquet, bars, tmp_path):
    path = parquet()
    write(Source(path=path), tmp_path / "catalog")
    parquet(bars.assign(volume=[7.0, 8.0, 9.0, 10.0]))
    os.utime(path, ns=(1, 1))

    assert not write(Source(path=path), tmp_path / "catalog").cached
    catalog = ParquetDataCatalog(tmp_path / "catalog")
    assert [bar.volume.as_double() for bar in catalog.bars()] == [7.0, 8.0, 9.0, 10.0]
    assert len(catalog.instruments()) == 1
    assert not write(Source(path=path, volume_unit="quote"), tmp_path / "catalog").cached


def test_import_that_was_cut_off_is_done_again(parquet, tmp_path):
    write(Source(path=parquet()), tmp_path / "catalog")
    (tmp_path / "catalog" / ".imports.json").write_text('{"cut')

    assert not write(Source(path=parquet()), tmp_path / "catalog").cached
    assert len(ParquetDataCatalog(tmp_path / "catalog").bars()) == 4


def test_refused_source_writes_nothing(parquet, bars, tmp_path):
    bars.loc[2, "close"] = 0.0
    with pytest.raises(RecordedError, match="against 'price'"):
        write(Source(path=parquet(bars)), tmp_path / "catalog")
    assert not (tmp_path / "catalog").exists()


def test_dropped_rows_are_in_the_report(parquet, bars, tmp_path):
    bars.loc[2, "close"] = 0.0
    report = write(Source(path=parquet(bars), bad_rows="drop"), tmp_path / "catalog")
    assert "1 row against 'price' (drop): row 2" in report.findings[0]
    assert report.data == {f"Bar {BAR_TYPE}": 3}


def test_catalog_is_a_source_too(parquet, bars, tmp_path):
    later = bars.assign(ts_open=bars["ts_open"] + pd.Timedelta(days=2))
    path = parquet(pd.concat([bars, later], ignore_index=True))
    write(Source(path=path, rules={"gap": "keep"}), tmp_path / "catalog")

    whole = open_sources([Source(path=str(tmp_path / "catalog"))])
    (stream,) = whole.streams
    assert str(stream.bar_type) == BAR_TYPE
    assert [bar.volume.as_double() for batch in stream.batches(3) for bar in batch] == [
        1.5,
        2.5,
        3.5,
        4.5,
    ] * 2
    part = open_sources([Source(path=str(tmp_path / "catalog"), start="2024-03-02", end="2024-03-03T12:03")])
    assert [bar.volume.as_double() for batch in part.streams[0].batches(3) for bar in batch] == [1.5, 2.5]
    assert [str(i.id) for i in part.instruments] == ["BTCUSDT-PERP.BINANCE"]
    with pytest.raises(RecordedError, match="no data of any instrument"):
        open_sources([Source(path=str(tmp_path / "catalog"), start="2030-01-01")])


def test_months_are_joined_and_overlap_is_refused(parquet, bars, tmp_path):
    later = parquet(bars.assign(ts_open=bars["ts_open"] + pd.Timedelta(days=31)), "april.parquet")
    both = [Source(path=later), Source(path=parquet())]
    assert write(both, tmp_path / "catalog").data == {f"Bar {BAR_TYPE}": 8}
    assert len(ParquetDataCatalog(tmp_path / "catalog").bars()) == 8
    with pytest.raises(RecordedError, match="two sources hold Bar BTCUSDT"):
        write([Source(path=parquet()), Source(path=parquet(), bad_rows="drop")], tmp_path / "other")


def test_ticks_of_one_time_survive_the_boundary_of_a_batch(parquet, tmp_path, monkeypatch):
    from nautilus_quant.venues.recorded import catalog as module

    monkeypatch.setattr(module, "_BATCH", 2)
    stamp = pd.Timestamp("2024-03-01", tz="UTC")
    table = pd.DataFrame(
        {"symbol": "BTCUSDT", "ts_exch": [stamp] * 5 + [stamp + pd.Timedelta(1, "s")], "price": 10.0}
        | {"quantity": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "aggressor_side": "BUY", "trade_id": range(6)}
    )
    write(Source(path=parquet(table)), tmp_path / "catalog")
    trades = ParquetDataCatalog(tmp_path / "catalog").trade_ticks()
    assert sorted(t.size.as_double() for t in trades) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
