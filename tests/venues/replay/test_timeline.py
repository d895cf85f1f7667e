"""Order, pace and made-up quotes of a replay."""

import random

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.model.data import Bar, QuoteTick

from nautilus_quant.venues.recorded import Source, open_sources
from nautilus_quant.venues.replay import ReplayDataClientConfig
from nautilus_quant.venues.replay.quotes import first_quote, quote, quoted_bar_types
from nautilus_quant.venues.replay.timeline import Pace, chunks, merged

SECOND = 1_000_000_000


def table(symbol, seconds, price=100.0, length="1min"):
    rows = len(seconds)
    return pd.DataFrame(
        {
            "symbol": symbol,
            "ts_open": pd.Timestamp("2024-03-01", tz="UTC") + pd.to_timedelta(seconds, unit="s"),
        }
        | {name: [price] * rows for name in ("open", "high", "low", "close")}
        | {"volume": [2.0] * rows}
    )


@pytest.fixture
def streams(tmp_path):
    def build(*tables):
        sources = []
        for i, (frame, interval) in enumerate(tables):
            frame.to_parquet(tmp_path / f"{i}.parquet")
            sources.append(Source(path=str(tmp_path / f"{i}.parquet"), venue="SIM", interval=interval))
        return open_sources(sources).streams

    return build


def test_sources_are_merged_by_time_and_equal_times_by_order(streams):
    built = streams(
        (table("BTCUSDT", [0, 120, 240]), 60),
        (table("ETHUSDT", [60, 120, 180]), 60),
        (table("XRPUSDT", [120]), 60),
    )
    items = list(merged(built, {}, 1.0, 0))
    assert [item.ts_event for item in items] == sorted(item.ts_event for item in items)
    names = [item.bar_type.instrument_id.symbol.value[:3] for item in items]
    assert names == ["BTC", "ETH", "BTC", "ETH", "XRP", "ETH", "BTC"]


def test_a_quote_goes_before_each_bar_of_the_shortest_type(streams):
    built = streams((table("BTCUSDT", [0, 60]), 60), (table("BTCUSDT", [0, 3600]), 3600))
    wanted = quoted_bar_types(built)
    assert {str(kind.spec) for kind in wanted} == {"1-MINUTE-LAST"}
    items = list(merged(built, dict.fromkeys(wanted, built[0].instrument), 1.0, 0))
    assert [type(item) for item in items] == [QuoteTick, Bar, QuoteTick, Bar, Bar, Bar]
    assert items[0].ts_event == items[1].ts_event
    assert items[0].bid_size.as_double() == 2.0


def test_instrument_with_trades_needs_no_quotes(streams, tmp_path):
    trades = pd.DataFrame(
        {"symbol": "BTCUSDT", "ts_exch": [pd.Timestamp("2024-03-01", tz="UTC")], "price": 100.0}
        | {"quantity": 1.0, "aggressor_side": "BUY", "trade_id": 1}
    )
    trades.to_parquet(tmp_path / "trades.parquet")
    extra = open_sources([Source(path=str(tmp_path / "trades.parquet"), venue="SIM")]).streams
    assert quoted_bar_types([*streams((table("BTCUSDT", [0, 60]), 60)), *extra]) == set()


def test_nothing_before_the_start_is_played(streams):
    (stream,) = streams((table("BTCUSDT", [0, 60, 120]), 60))
    assert [item.ts_event for item in merged([stream], {}, 1.0, stream.first + 1)] == [
        stream.first + 60 * SECOND,
        stream.first + 120 * SECOND,
    ]


@given(st.lists(st.integers(), max_size=50), st.integers(1, 7))
def test_chunks_hold_everything_in_order(items, size):
    parts = list(chunks(iter(items), size))
    assert [item for part in parts for item in part] == items
    assert all(0 < len(part) <= size for part in parts)


@given(st.floats(0.5, 1e6), st.floats(0.0, 500.0))
def test_quote_is_outside_of_the_price_by_the_half_spread(streams_instrument, price, half):
    instrument = streams_instrument
    price = round(price, 1)
    tick = quote(instrument, price, instrument.make_qty(3), half, 1, 2)
    away = price * half / 1e4
    step = instrument.price_increment.as_double()
    assert price - away - step - 1e-6 <= tick.bid_price.as_double() <= max(price - away, step) + 1e-6
    assert price + away - 1e-6 <= tick.ask_price.as_double() <= price + away + step + 1e-6
    assert (tick.ts_event, tick.ts_init) == (1, 2)


@pytest.fixture(scope="module")
def streams_instrument(tmp_path_factory):
    path = tmp_path_factory.mktemp("instrument") / "bars.parquet"
    table("BTCUSDT", [0, 60]).to_parquet(path)
    return open_sources([Source(path=str(path), venue="SIM")]).instruments[0]


def test_quote_of_an_empty_bar_has_the_smallest_size(streams_instrument):
    tick = quote(streams_instrument, 100.0, streams_instrument.make_qty(0), 0.0, 1, 2)
    assert str(tick.bid_size) == "0.001"
    assert str(tick.bid_price) == str(tick.ask_price) == "100.0"


def test_first_quote_knows_only_the_open(streams, streams_instrument):
    frame = table("BTCUSDT", [0, 60])
    frame[["close", "high"]] = 120.0
    (stream,) = streams((frame, 60))
    bar = next(stream.batches(1))[0]
    tick = first_quote(streams_instrument, bar, 0.0, 77)
    assert (str(tick.bid_price), tick.ts_init) == ("100.0", 77)


def test_pace_is_anchored_and_does_not_drift():
    rng = random.Random(5)
    pace = Pace(60.0, 1_000 * SECOND, 5_000 * SECOND)
    now, recorded = 5_000 * SECOND, 1_000 * SECOND
    for _ in range(1_000):
        recorded += rng.randint(0, 600) * SECOND
        now += round(pace.delay(recorded, now) * 1e9) + rng.randint(0, 3_000_000)  # each wake-up is late
    assert 0 <= now - (5_000 * SECOND + (recorded - 1_000 * SECOND) / 60) < 4_000_000


def test_pace_never_waits_when_late_or_at_full_speed():
    assert Pace(1.0, 0, 0).delay(SECOND, 2 * SECOND) == 0.0
    assert Pace(0.0, 0, 0).delay(10**6 * SECOND, 0) == 0.0
    assert Pace(2.0, 0, 0).delay(3 * SECOND, SECOND) == 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sources": ()}, "at least one source"),
        ({"speed": -1.0}, "speed must be"),
        ({"speed": float("nan")}, "speed must be"),
        ({"half_spread_bps": 1_000.0}, "half_spread_bps must be"),
        ({"on_end": "exit"}, "on_end must be one of stop, idle, was 'exit'"),
    ],
)
def test_impossible_config_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ReplayDataClientConfig(**({"venue": "SIM", "sources": (Source(path="a"),)} | options))


def test_config_survives_json():
    import msgspec
    from nautilus_trader.common.config import msgspec_decoding_hook, msgspec_encoding_hook

    config = ReplayDataClientConfig(
        venue="SIM", sources=(Source(path="a", rules={"gap": "keep"}),), speed=60.0
    )
    data = msgspec.json.encode(config, enc_hook=msgspec_encoding_hook)
    assert msgspec.json.decode(data, type=ReplayDataClientConfig, dec_hook=msgspec_decoding_hook) == config
