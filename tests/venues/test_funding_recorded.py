"""Years of real funding through the real engine, against the sum by hand."""

from decimal import ROUND_HALF_EVEN, Decimal
from functools import cache
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from tests.venues.funding_kit import (
    HOUR,
    INVERSE,
    LINEAR,
    Scheduled,
    build,
    mark,
    quote,
    rate,
    total,
    without_funding,
)

pytestmark = pytest.mark.data
LAST = Decimal("1e-8")


BEGIN = pd.Timestamp("2023-01-01", tz="UTC").value  # recorded marks begin there
ETH = TestInstrumentProvider.ethusdt_perp_binance()


@pytest.fixture(scope="module")
def recorded(nq_data):
    """Give funding (time [ns], rate) and hourly marks (time of close [ns], price), by coin and venue."""

    def read(name, time, **wanted):
        frame = pd.read_parquet(nq_data / f"{name}.parquet")
        for column, value in wanted.items():
            frame = frame[frame[column] == value]
        ts = pd.to_datetime(frame[time], utc=True).dt.as_unit("ns").astype("int64")
        return frame.assign(ns=ts)[ts >= BEGIN].sort_values("ns")

    def history(coin, venue=None):
        marks = read("mark_1h_perp_binance_btc_eth", "ts_open", symbol=f"{coin}USDT")
        if venue is None:
            rates = read("funding_binance_usdm", "ts_funding", symbol=f"{coin}USDT")
        else:
            name = "funding_multi_exchange_btc_eth"
            rates = read(name, "ts_utc", symbol=f"{coin}-PERP", exchange=venue)
        closes = [(int(ts) + HOUR, str(price)) for ts, price in zip(marks["ns"], marks["close"], strict=True)]
        told = zip(rates["ns"], rates[rates.columns[3 if venue else 2]], strict=True)
        paid = [(int(ts), repr(float(r))) for ts, r in told if closes[0][0] < ts <= closes[-1][0]]
        return paid, closes

    return cache(history)


def plan_of(closes, sizes, seed):
    """Change the position at random hours, about every other day; many of them are stamps."""
    rng = np.random.default_rng(seed)
    hours = rng.choice(len(closes), size=len(closes) // 48, replace=False)
    return {closes[hour][0]: str(rng.choice(sizes)) for hour in sorted(hours)}


def by_hand(paid, closes, plan, inverse):
    """Add up the payments one by one: the position set last before a stamp, the mark closed last at it."""
    changes, marks = sorted(plan.items()), [*closes, (2**63, "0")]
    booked, unrounded, at = Decimal(0), Decimal(0), 0
    for ts, value in paid:
        before = [size for time, size in changes if time < ts]
        if not before or Decimal(before[-1]) == 0:
            continue
        while marks[at + 1][0] <= ts:
            at += 1
        size, price = Decimal(before[-1]), Decimal(marks[at][1])
        worth = size / price if inverse else size * price
        unrounded -= worth * Decimal(value)
        booked -= (worth * Decimal(value)).quantize(LAST, ROUND_HALF_EVEN)
    assert abs(booked - unrounded) <= LAST / 2 * len(paid)
    return booked


@pytest.mark.parametrize(
    ("coin", "venue", "instrument", "sizes"),
    [
        ("BTC", None, LINEAR, ["2.5", "1.125"]),
        ("BTC", None, LINEAR, ["-2.5", "-0.375"]),
        ("BTC", None, LINEAR, ["1.5", "-2.25", "0", "3"]),
        ("BTC", None, INVERSE, ["100000", "250000"]),
        ("BTC", None, INVERSE, ["-100000", "-30000"]),
        ("BTC", None, INVERSE, ["-100000", "70000", "0"]),
        ("ETH", None, ETH, ["-31.5", "12.25", "0"]),
        ("BTC", "kucoin", LINEAR, ["1.5", "-2.25", "0"]),
        ("BTC", "dydx", INVERSE, ["-100000", "70000", "0"]),
        ("ETH", "dydx", ETH, ["-31.5", "12.25"]),
    ],
    ids=[
        "long",
        "short",
        "turning",
        "inverse-long",
        "inverse-short",
        "inverse-turning",
        "eth",
        "at-4-12-20",
        "inverse-hourly",
        "eth-hourly",
    ],
)
def test_a_backtest_over_years_of_funding(recorded, coin, venue, instrument, sizes):
    paid, closes = recorded(coin, venue)
    # Rates of other venues end in 2023; half a year of hourly ones is more payments than two years of others.
    until = paid[-1][0] if venue != "dydx" else paid[0][0] + 4_400 * HOUR
    paid, closes = ([item for item in items if item[0] <= until] for items in (paid, closes))
    plan = plan_of(closes, sizes, seed=len(sizes))
    data = [quote(instrument, float(price), ts) for ts, price in closes]
    data += [mark(instrument, price, ts) for ts, price in closes]
    data += [rate(instrument, value, ts) for ts, value in paid]
    engine, module = build(instrument, data, [Scheduled(instrument, plan)])
    engine.run()
    more = total(engine, instrument) - without_funding(instrument, data, plan)
    engine.dispose()
    expected = by_hand(paid, closes, plan, instrument.is_inverse)
    assert len(paid) > (1_000 if venue == "kucoin" else 2_700)
    assert expected != 0
    assert module.ledger.totals[instrument.id.value].net == expected
    assert more == expected


@pytest.mark.parametrize("coin", ["BTC", "ETH"])
def test_the_recorded_stamps_are_whole_hours_apart(recorded, coin):
    """What the test above rests on: no stamp lies just before the mark of its hour."""
    for venue, step in ((None, 8), ("kucoin", 8), ("dydx", 1)):
        paid, _ = recorded(coin, venue)
        assert {round((b - a) / HOUR) for (a, _), (b, _) in pairwise(paid)} == {step}
        assert all(ts % HOUR < HOUR // 60 for ts, _ in paid)


def test_what_is_opened_and_closed_between_two_stamps_pays_nothing(recorded):
    paid, closes = recorded("BTC")
    hours = dict(closes)
    plan = {}
    for ts, _ in paid[::3]:
        # At the stamp itself it is too late, at the next one too early.
        plan |= {ts: "1", ts + 7 * HOUR: "0"}
    plan = {ts: size for ts, size in plan.items() if ts in hours}
    data = [quote(LINEAR, float(price), ts) for ts, price in closes]
    data += [mark(LINEAR, price, ts) for ts, price in closes]
    data += [rate(LINEAR, value, ts) for ts, value in paid]
    strategy = Scheduled(LINEAR, plan)
    engine, module = build(LINEAR, data, [strategy])
    engine.run()
    fills = len(engine.cache.orders_closed())
    engine.dispose()
    assert fills == len(plan) > 1_700
    assert strategy.paid == []
    assert not module.ledger.totals
