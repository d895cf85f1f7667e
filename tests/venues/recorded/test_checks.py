"""Bad rows: what is found, with row, time and rule, and what happens to them."""

import numpy as np
import pandas as pd
import pytest

from nautilus_quant.venues.recorded import RecordedError, Source, open_sources

NAN = float("nan")


def spoil(table, row, **values):
    table = table.copy()
    for name, value in values.items():
        table.loc[row, name] = value
    return table


SPOILT = [
    ("nan", {"close": NAN}),
    ("nan", {"volume": float("inf")}),
    ("price", {"low": 0.0}),
    ("price", {"open": -1.0}),
    ("size", {"volume": -0.1}),
    ("high_low", {"high": 102.0}),
    ("high_low", {"low": 102.15}),
    ("outlier", {"low": 0.0001}),
    ("outlier", {"high": 10_000.0}),
    ("duplicate", {"ts_open": pd.Timestamp("2024-03-01 12:01", tz="UTC")}),
    ("order", {"ts_open": pd.Timestamp("2024-03-01 11:00", tz="UTC")}),
]


@pytest.mark.parametrize(("rule", "values"), SPOILT)
def test_bad_row_is_refused_with_rule_row_and_time(parquet, bars, rule, values):
    path = parquet(spoil(bars, 2, **values))
    with pytest.raises(RecordedError, match=f"1 row against '{rule}'") as error:
        open_sources([Source(path=path)])
    assert "row 2 at 2024-03-01T1" in str(error.value)
    assert "hint" in str(error.value)


@pytest.mark.parametrize(("rule", "values"), SPOILT)
def test_bad_row_is_dropped_and_reported(parquet, bars, rule, values):
    recording = open_sources([Source(path=parquet(spoil(bars, 2, **values)), bad_rows="drop")])
    first = recording.findings[0]
    assert (first.rule, first.action, first.count) == (rule, "drop", 1)
    (stream,) = recording.streams
    assert [bar.volume.as_double() for batch in stream.batches(10) for bar in batch] == [1.5, 2.5, 4.5]


def test_missing_time_is_no_number(parquet, bars):
    with pytest.raises(RecordedError, match="1 row against 'nan'"):
        open_sources([Source(path=parquet(spoil(bars, 1, ts_open=pd.NaT)))])


def test_outlier_may_be_kept_and_its_ratio_chosen(parquet, bars):
    path = parquet(spoil(bars, 2, low=30.0))
    assert open_sources([Source(path=path)]).findings == ()
    recording = open_sources([Source(path=path, outlier_ratio=2.0, rules={"outlier": "keep"})])
    assert len(recording.streams[0]) == 4
    assert recording.findings[0].action == "keep"


def test_gap_is_reported_and_refused_only_on_request(parquet, bars):
    path = parquet(bars.drop(index=1).reset_index(drop=True))
    (finding,) = open_sources([Source(path=path, interval=60)]).findings
    assert (finding.rule, finding.action) == ("gap", "keep")
    assert finding.examples == ("row 1 at 2024-03-01T12:03:00.000+00:00: 1 bars missing before it",)
    with pytest.raises(RecordedError, match="against 'gap'"):
        open_sources([Source(path=path, interval=60, rules={"gap": "refuse"})])


def test_count_is_exact_and_examples_are_few(parquet, bars):
    table = pd.concat([bars] * 4, ignore_index=True)
    table["ts_open"] = pd.date_range("2024-03-01", periods=16, freq="1min", tz="UTC")
    table.loc[3:, "close"] = NAN
    with pytest.raises(RecordedError, match=r"13 rows .* and 8 more"):
        open_sources([Source(path=parquet(table))])


def test_crossed_quote_and_empty_trade(parquet):
    stamps = np.array([1, 2, 3], dtype=np.int64) + 1_700_000_000_000
    quotes = pd.DataFrame(
        {"instrument": "X:BTCUSDT", "event_ms": stamps, "bid_px": [10.0, 12.0, 11.0], "bid_qty": 1.0}
        | {"ask_px": [11.0, 11.5, 11.0], "ask_qty": 2.0}
    )
    with pytest.raises(RecordedError, match="1 row against 'crossed'"):
        open_sources([Source(path=parquet(quotes))])
    trades = pd.DataFrame(
        {"symbol": "BTCUSDT", "trade_ms": stamps, "price": 10.0, "qty": [1.0, 0.0, 2.0]}
        | {"aggressor_side": ["BUY", "SELL", "?"], "trade_id": [7, 8, 9]}
    )
    with pytest.raises(RecordedError, match="1 row against 'size'"):
        open_sources([Source(path=parquet(trades))])


@pytest.mark.parametrize(
    "options",
    [
        {"bad_rows": "keep"},
        {"rules": {"nan": "keep"}},
        {"rules": {"outlier": "ignore"}},
        {"rules": {"gap": "drop"}},
        {"rules": {"gaps": "keep"}},
        {"volume_unit": "USD"},
        {"kind": "swap"},
        {"outlier_ratio": 1.0},
        {"outlier_ratio": NAN},
        {"interval": 0},
    ],
)
def test_impossible_options_are_refused(options):
    with pytest.raises(ValueError, match=r"must be"):
        Source(path="x.parquet", **options)
