"""Files read into NautilusTrader objects."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from nautilus_trader.model.data import FundingRateUpdate, MarkPriceUpdate
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.model.instruments import CryptoPerpetual, CurrencyPair

from nautilus_quant.venues.recorded import RecordedError, Source, open_sources

MINUTE = 60_000_000_000
NOON = pd.Timestamp("2024-03-01 12:00", tz="UTC").value


def items(recording, index=0):
    return [item for batch in recording.streams[index].batches(2) for item in batch]


def test_open_stamped_bars_are_moved_to_their_close(parquet):
    first, *_, last = items(open_sources([Source(path=parquet())]))
    assert first.ts_event == first.ts_init == NOON + MINUTE
    assert last.ts_event == NOON + 4 * MINUTE
    assert str(first.bar_type) == "BTCUSDT-PERP.BINANCE-1-MINUTE-LAST-EXTERNAL"
    numbers = (first.open, first.high, first.low, first.close, first.volume)
    assert [str(x) for x in numbers] == ["100.1", "101.5", "99.7", "101.2", "1.500"]


def test_close_stamped_bars_stay(parquet, bars):
    table = bars.rename(columns={"ts_open": "ts_close"}).drop(columns="symbol")
    source = Source(path=parquet(table), instrument="BTCUSDT-PERP.SIM")
    first = items(open_sources([source]))[0]
    assert first.ts_event == NOON
    assert first.bar_type.instrument_id.venue.value == "SIM"


def test_file_without_symbol_needs_an_instrument(parquet, bars):
    with pytest.raises(RecordedError, match="say `instrument`"):
        open_sources([Source(path=parquet(bars.drop(columns="symbol")))])


def test_interval_is_told_or_given(parquet, bars):
    assert open_sources([Source(path=parquet())]).streams[0].bar_type.spec.timedelta == pd.Timedelta(
        minutes=1
    )
    with pytest.raises(RecordedError, match="cannot tell the interval"):
        open_sources([Source(path=parquet(bars.head(1)))])
    given = open_sources([Source(path=parquet(bars.head(1)), interval=3600)])
    assert str(given.streams[0].bar_type.spec) == "1-HOUR-LAST"
    assert given.streams[0].first == NOON + 60 * MINUTE


def test_volume_in_money_is_divided_by_the_close(parquet, bars):
    bars["volume"] = [1012.0, 2044.0, 3096.0, 4168.0]
    source = Source(path=parquet(bars), volume_unit="quote")
    assert [bar.volume.as_double() for bar in items(open_sources([source]))] == [10.0, 20.0, 30.0, 40.0]


def test_window_is_half_open_on_the_close(parquet):
    source = Source(path=parquet(), start="2024-03-01T12:02", end="2024-03-01T12:04Z")
    assert [bar.volume.as_double() for bar in items(open_sources([source]))] == [2.5, 3.5]
    with pytest.raises(RecordedError, match="no rows between"):
        open_sources([Source(path=parquet(), start="2025-01-01")])


def test_rows_outside_the_window_are_not_judged(parquet, bars):
    bars.loc[0, "close"] = float("nan")
    assert len(open_sources([Source(path=parquet(bars), start="2024-03-01T12:02")]).streams[0]) == 3


def test_symbols_are_separated_and_chosen(parquet, bars):
    other = bars.assign(symbol="ETHUSDT", volume=9.0)
    path = parquet(pd.concat([bars, other], ignore_index=True))
    both = open_sources([Source(path=path)])
    assert [str(i.id) for i in both.instruments] == ["BTCUSDT-PERP.BINANCE", "ETHUSDT-PERP.BINANCE"]
    for chosen in (Source(path=path, symbols=("ETHUSDT",)), Source(path=path, instrument="ETHUSDT-PERP.SIM")):
        (bar, *_) = items(open_sources([chosen]))
        assert bar.volume.as_double() == 9.0
    with pytest.raises(RecordedError, match="no symbol DOGEUSDT; it has BTCUSDT, ETHUSDT"):
        open_sources([Source(path=path, symbols=("DOGEUSDT",))])
    with pytest.raises(RecordedError, match="0 of its symbols"):
        open_sources([Source(path=path, instrument="XRPUSDT-PERP.SIM")])


def test_spot_file_gives_currency_pairs(parquet):
    (instrument,) = open_sources([Source(path=parquet(name="spot.parquet"))]).instruments
    assert isinstance(instrument, CurrencyPair)
    assert str(instrument.id) == "BTCUSDT.BINANCE"


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize(("unit", "scale"), [("ms", 1_000_000), ("us", 1_000)])
def test_kline_csv(tmp_path, bars, header, unit, scale):
    opened = NOON + MINUTE * np.arange(4)
    table = pd.DataFrame({"open_time": opened // scale})
    for name in ("open", "high", "low", "close", "volume"):
        table[name] = bars[name]
    table["close_time"] = (opened + MINUTE) // scale - 1
    for name in ("quote_volume", "count", "taker_buy_volume", "taker_buy_quote_volume", "ignore"):
        table[name] = 0
    path = tmp_path / f"BTCUSDT-1m-2024-03-{unit}.csv"
    table.to_csv(path, index=False, header=header)
    read = items(open_sources([Source(path=str(path))]))
    assert [bar.ts_event for bar in read] == [NOON + MINUTE * i for i in (1, 2, 3, 4)]
    assert str(read[0].bar_type) == "BTCUSDT-PERP.BINANCE-1-MINUTE-LAST-EXTERNAL"
    assert str(read[3].close) == "104.2"


def test_trades_keep_side_id_and_size(parquet):
    table = pd.DataFrame(
        {
            "symbol": "ETHUSDT",
            "ts_exch": pd.to_datetime([NOON, NOON, NOON + 5], utc=True),
            "price": [10.25, 10.5, 11.0],
        }
        | {"quantity": [0.0015, 2.0, 3.0], "aggressor_side": ["BUY", "SELL", "-"], "trade_id": [71, 72, 73]}
    )
    a, b, c = items(open_sources([Source(path=parquet(table))]))
    assert [t.aggressor_side for t in (a, b, c)] == [
        AggressorSide.BUYER,
        AggressorSide.SELLER,
        AggressorSide.NO_AGGRESSOR,
    ]
    assert (str(a.price), str(a.size), a.trade_id.value, a.ts_event) == ("10.25", "0.0015", "71", NOON)


def test_quotes_fall_back_to_the_receiver_clock(parquet):
    table = pd.DataFrame(
        {
            "instrument": "BINANCE_SPOT:BTCUSDT",
            "local_ns": NOON + np.arange(2),
            "event_ms": pd.array([None, None], dtype="Int64"),
            "bid_px": [10.01, 10.02],
            "bid_qty": [1.0, 2.0],
            "ask_px": [10.03, 10.04],
            "ask_qty": [3.0, 4.0],
        }
    )
    quote, _ = items(open_sources([Source(path=parquet(table), clock_shift=1.25)]))
    assert quote.ts_event == NOON + 1_250_000_000
    assert (str(quote.bid_price), str(quote.ask_price)) == ("10.01", "10.03")
    assert (quote.bid_size.as_double(), quote.ask_size.as_double()) == (1.0, 3.0)
    assert str(quote.instrument_id) == "BTCUSDT.BINANCE"


def test_funding_by_exchange_and_mark_prices(parquet, bars):
    table = pd.DataFrame(
        {"exchange": ["bybit", "dydx"], "symbol": "BTC-PERP", "ts_utc": pd.to_datetime([NOON] * 2, utc=True)}
        | {"funding_rate": [0.00012359, -0.0001]}
    )
    recording = open_sources(
        [Source(path=parquet(table, "funding.parquet"), symbols=("bybit:BTC-PERP",), venue="BYBIT")]
    )
    (rate,) = items(recording)
    assert isinstance(rate, FundingRateUpdate)
    assert (rate.rate, rate.ts_event, str(rate.instrument_id)) == (
        Decimal("0.00012359"),
        NOON,
        "BTCUSDT-PERP.BYBIT",
    )

    bars["close"] = bars["close"] + 0.00000123
    (mark, *_) = items(open_sources([Source(path=parquet(bars.drop(columns="volume")))]))
    assert isinstance(mark, MarkPriceUpdate)
    assert (str(mark.value), mark.ts_event) == ("101.20000123", NOON + MINUTE)


def test_instrument_is_as_fine_as_the_finest_of_its_sources(parquet, bars):
    fine = bars.assign(close=[101.2345, 102.2, 103.2, 104.2], volume=1.0)
    recording = open_sources([Source(path=parquet()), Source(path=parquet(fine, "fine.parquet"))])
    (instrument,) = recording.instruments
    assert isinstance(instrument, CryptoPerpetual)
    assert str(instrument.price_increment) == "0.0001"
    assert items(recording, 0)[0].close.precision == 4


def test_overrides(parquet):
    source = Source(path=parquet(), overrides={"size_increment": "0.1", "taker_fee": 0.0004})
    (instrument,) = open_sources([source]).instruments
    assert str(instrument.size_increment) == "0.1"
    assert instrument.taker_fee == Decimal("0.0004")
    assert instrument.maker_fee == Decimal("0.0002")
    with pytest.raises(RecordedError, match="price_increment 1 is coarser than the recorded data"):
        open_sources([Source(path=parquet(), overrides={"price_increment": 1})])
    with pytest.raises(RecordedError, match=r"unknown overrides \['fee'\]"):
        open_sources([Source(path=parquet(), overrides={"fee": 1})])


def test_unknown_columns_missing_file_and_broken_file(parquet, tmp_path):
    with pytest.raises(RecordedError, match=r"do not fit any layout; known layouts: ohlcv \(ts_open"):
        open_sources([Source(path=parquet(pd.DataFrame({"a": [1]})))])
    with pytest.raises(RecordedError, match="do not fit layout 'trades'"):
        open_sources([Source(path=parquet(), layout="trades")])
    with pytest.raises(RecordedError, match="unknown layout 'candles'; known: ohlcv"):
        open_sources([Source(path=parquet(), layout="candles")])
    with pytest.raises(RecordedError, match="no such file"):
        open_sources([Source(path=str(tmp_path / "none.parquet"))])
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1")
    with pytest.raises(RecordedError, match="cannot be read"):
        open_sources([Source(path=str(broken))])
    with pytest.raises(RecordedError, match="not a NautilusTrader catalog"):
        open_sources([Source(path=str(tmp_path))])


def test_january_2022_is_whole(recorded_data):
    source = Source(
        path=str(recorded_data / "ohlcv_1m_btc_perp_202201.parquet"),
        instrument="BTCUSDT-PERP.BINANCE",
        volume_unit="quote",
    )
    recording = open_sources([source])
    (stream,) = recording.streams
    assert recording.findings == ()
    assert len(stream) == 45_031
    assert pd.Timestamp(stream.first, tz="UTC") == pd.Timestamp("2021-12-31 23:01", tz="UTC")
    assert pd.Timestamp(stream.last, tz="UTC") == pd.Timestamp("2022-02-01 05:31", tz="UTC")


def test_the_bad_low_of_link_is_named(recorded_data):
    path = str(recorded_data / "ohlcv_1h_spot_binance.parquet")
    with pytest.raises(
        RecordedError, match=r"LINKUSDT: 1 row against 'outlier' .* 2020-03-12T11:00.* low=0.0001"
    ):
        open_sources([Source(path=path, symbols=("LINKUSDT",))])


@pytest.mark.parametrize(
    ("name", "options", "count"),
    [
        ("trades_aster_btc_eth_20250924", {}, 107_900),
        ("l2_binance_20240808_trades", {}, 55_293),
        ("l2_binance_20240808_bookticker", {"clock_shift": 1.27}, 139_263),
        ("funding_binance_usdm", {}, 41_529),
        ("mark_1h_perp_binance_btc_eth", {}, 43_776),
        ("ohlcv_1m_perp_binance", {}, 146_279),
    ],
)
def test_every_recorded_layout_is_read_whole(recorded_data, name, options, count):
    recording = open_sources([Source(path=str(recorded_data / f"{name}.parquet"), **options)])
    assert sum(len(stream) for stream in recording.streams) == count
    assert recording.findings == ()
    for stream in recording.streams:
        assert next(stream.batches(3))[0].ts_event == stream.first
