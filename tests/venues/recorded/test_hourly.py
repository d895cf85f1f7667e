"""Recorded hours as a market: books, marks and funding in order, and nothing before it was known."""

import itertools
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from nautilus_trader.model.data import Bar, FundingRateUpdate, MarkPriceUpdate, OrderBookDepth10, QuoteTick
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.carry.depth import DepthParams
from nautilus_quant.venues.recorded import RecordedError, Source
from nautilus_quant.venues.recorded.hourly import months, open_hours

HOUR = 3_600_000_000_000
PERP = InstrumentId.from_str("BTCUSDT-PERP.BINANCE")
START = pd.Timestamp("2024-01-01", tz="UTC")
ZERO = START.value


def write(path, hours, closes, time="ts_open", **columns):
    table = pd.DataFrame({"symbol": "BTCUSDT", time: [START + pd.Timedelta(hours=h) for h in hours]})
    for name in ("open", "high", "low", "close"):
        table[name] = closes
    for name, values in columns.items():
        table[name] = values
    table.to_parquet(path)
    return str(path)


@pytest.fixture
def bars(tmp_path):
    """Forty hours; the bars of hours 30 and 31 are missing. The price rises by 1 % and falls by 1 %."""
    hours = [hour for hour in range(40) if hour not in {30, 31}]
    closes = [50_000.0 if n % 2 else 50_500.0 for n in range(len(hours))]
    return write(tmp_path / "perp.parquet", hours, closes, volume=100.0)


@pytest.fixture
def market(bars, tmp_path):
    marks = write(tmp_path / "mark.parquet", range(40), 50_100.0)
    funding = pd.DataFrame(
        {
            "symbol": "BTCUSDT",
            "ts_funding": [START + pd.Timedelta(hours=h, milliseconds=7) for h in (24, 32, 40)],
            "funding_rate": [0.0001, -0.0002, 0.0003],
        }
    )
    funding.to_parquet(tmp_path / "funding.parquet")
    sources = [Source(path=path) for path in (bars, marks, str(tmp_path / "funding.parquet"))]
    return open_hours(sources, {}, DepthParams(half_spread=0.0001, impact=1.0))


def of(market, kind, start=0, end=100):
    return [item for item in market.window(ZERO + start * HOUR, ZERO + end * HOUR) if type(item) is kind]


def test_there_are_books_once_a_day_is_known_and_not_where_a_hole_begins(market):
    hours = [(book.ts_init - ZERO) // HOUR for book in of(market, OrderBookDepth10)]
    # Closes come an hour after opens: 25 to 40, but for 31 and 32, and 30, after which the hole begins.
    assert hours == [25, 26, 27, 28, 29, 33, 34, 35, 36, 37, 38, 39, 40]
    assert [(quote.ts_init - ZERO) // HOUR for quote in of(market, QuoteTick)] == hours


def test_a_book_costs_what_volume_and_volatility_of_its_day_let_expect(market):
    book = of(market, OrderBookDepth10, 25, 26)[0]
    bids, asks = (
        [(order.price.as_double(), order.size.as_double()) for order in side]
        for side in (book.bids, book.asks)
    )
    # Up to the sixth level lies 0.1 % of the day's 2400 BTC; ±1 % an hour are 4.98 % a day, and sample
    # deviation makes that √(24/23) of it.
    day = np.log(1.01) * np.sqrt(24.0) * np.sqrt(24.0 / 23.0)
    share = sum(size for _, size in asks[:6])
    assert share == pytest.approx(2.4, rel=1e-3)
    close = 50_500.0
    for side, sign in ((asks, 1), (bids, -1)):
        cost = sum(sign * (price - close) * size for price, size in side[:6]) / share / close
        assert cost == pytest.approx(0.0001 + day * np.sqrt(0.001), rel=0.01)
        assert all(sign * (b - a) > 0 for (a, _), (b, _) in itertools.pairwise(side))
    quote = of(market, QuoteTick, 25, 26)[0]
    assert quote.bid_price == book.bids[0].price
    assert quote.ask_price == book.asks[0].price
    assert quote.ask_size == book.asks[0].size


def test_a_book_knows_nothing_of_what_comes_later(bars, market, tmp_path):
    later = pd.read_parquet(bars)
    later.loc[later["ts_open"] >= START + pd.Timedelta(hours=27), ["close", "high", "volume"]] = [
        60_000.0,
        60_000.0,
        9.0,
    ]
    later.to_parquet(tmp_path / "perp.parquet")
    other = open_hours([Source(path=bars)], {}, DepthParams(half_spread=0.0001, impact=1.0))
    for before, after in zip(
        of(market, OrderBookDepth10, 25, 28), of(other, OrderBookDepth10, 25, 28), strict=True
    ):
        assert [o.price.as_double() for o in before.asks] == [o.price.as_double() for o in after.asks]
        assert before.asks[3].size == after.asks[3].size
    changed = of(market, OrderBookDepth10, 28, 29)[0], of(other, OrderBookDepth10, 28, 29)[0]
    assert changed[0].asks[3].price != changed[1].asks[3].price


def test_funding_is_stamped_at_its_minute_and_comes_last_of_its_hour(market):
    rates = of(market, FundingRateUpdate)
    assert [(r.ts_init - ZERO, r.rate, r.interval) for r in rates] == [
        (24 * HOUR, Decimal("0.0001"), 480),
        (32 * HOUR, Decimal("-0.0002"), 480),
        (40 * HOUR, Decimal("0.0003"), 480),
    ]
    last_hour = [type(item) for item in market.window(ZERO + 40 * HOUR, ZERO + 41 * HOUR)]
    assert last_hour == [OrderBookDepth10, QuoteTick, MarkPriceUpdate, Bar, FundingRateUpdate]


def test_windows_side_by_side_hold_everything_once(market):
    whole = market.window(ZERO, ZERO + 41 * HOUR)
    parts = market.window(ZERO, ZERO + 30 * HOUR) + market.window(ZERO + 30 * HOUR, ZERO + 41 * HOUR)
    assert [(type(item), item.ts_init) for item in parts] == [(type(item), item.ts_init) for item in whole]
    assert [item.ts_init for item in whole] == sorted(item.ts_init for item in whole)


def test_a_part_of_a_market(market):
    assert market.only([PERP]).window(0, ZERO + 41 * HOUR) == market.window(0, ZERO + 41 * HOUR)
    assert market.only([]).window(0, ZERO + 41 * HOUR) == []
    with pytest.raises(RecordedError, match=r"no recorded hours of ETHUSDT-PERP\.BINANCE"):
        market.only([InstrumentId.from_str("ETHUSDT-PERP.BINANCE")])


def test_a_market_may_differ_by_instrument(bars):
    dear = open_hours([Source(path=bars)], {PERP: DepthParams(half_spread=0.01)}, DepthParams())
    quote = of(dear, QuoteTick, 25, 26)[0]
    assert quote.ask_price.as_double() > 50_500.0 * 1.01


def test_what_is_no_hour_is_refused(tmp_path):
    table = pd.DataFrame(
        {
            "symbol": "BTCUSDT",
            "ts_exch": [START, START],
            "trade_id": ["a", "b"],
            "price": 50_000.0,
            "quantity": 1.0,
            "aggressor_side": "BUY",
        }
    )
    table.to_parquet(tmp_path / "trades.parquet")
    with pytest.raises(RecordedError, match="need bars, marks or funding rates of BTCUSDT-PERP"):
        open_hours([Source(path=str(tmp_path / "trades.parquet"))], {}, DepthParams())


def test_months():
    cut = [(pd.Timestamp(a), pd.Timestamp(b)) for a, b in months("2024-01-15", "2024-03-01T12:00")]
    assert [f"{a:%m-%d %H} {b:%m-%d %H}" for a, b in cut] == [
        "01-15 00 02-01 00",
        "02-01 00 03-01 00",
        "03-01 00 03-01 12",
    ]
    assert months("2024-01-01", "2024-01-02") == [(ZERO, ZERO + 24 * HOUR)]
    with pytest.raises(RecordedError, match="need a start before the end, was 2024-02-01 and 2024-01-01"):
        months("2024-02-01", "2024-01-01")
