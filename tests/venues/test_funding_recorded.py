"""Years of real funding through the real engine, against the sum by hand."""

from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from tests.venues.funding_kit import (
    HOUR,
    INVERSE,
    LINEAR,
    START,
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


@pytest.fixture(scope="module")
def history(nq_data):
    """Funding (time [ns], rate) and hourly marks (time of their close [ns], price), 2024-01 to 2025-06."""

    def read(name, time):
        frame = pd.read_parquet(nq_data / f"{name}.parquet")
        frame = frame[frame["symbol"].str.startswith("BTC")]
        ts = pd.to_datetime(frame[time], utc=True).dt.as_unit("ns").astype("int64")
        return frame.assign(ns=ts)[ts >= START].sort_values("ns")

    marks = read("mark_1h_perp_binance_btc_eth", "ts_open")
    rates = read("funding_binance_usdm", "ts_funding")
    closes = [(int(ts) + HOUR, str(price)) for ts, price in zip(marks["ns"], marks["close"], strict=True)]
    paid = [
        (int(ts), repr(float(r)))
        for ts, r in zip(rates["ns"], rates["funding_rate"], strict=True)
        if closes[0][0] < ts <= closes[-1][0]
    ]
    return paid, closes


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
    ("instrument", "sizes"),
    [
        (LINEAR, ["2.5", "1.125"]),
        (LINEAR, ["-2.5", "-0.375"]),
        (LINEAR, ["1.5", "-2.25", "0", "3"]),
        (INVERSE, ["100000", "250000"]),
        (INVERSE, ["-100000", "70000", "0"]),
    ],
    ids=["long", "short", "turning", "inverse-long", "inverse-turning"],
)
def test_a_backtest_over_months_of_funding(history, instrument, sizes):
    paid, closes = history
    plan = plan_of(closes, sizes, seed=len(sizes))
    data = [quote(instrument, float(price), ts) for ts, price in closes]
    data += [mark(instrument, price, ts) for ts, price in closes]
    data += [rate(instrument, value, ts) for ts, value in paid]
    engine, module = build(instrument, data, [Scheduled(instrument, plan)])
    engine.run()
    more = total(engine, instrument) - without_funding(instrument, data, plan)
    engine.dispose()
    expected = by_hand(paid, closes, plan, instrument.is_inverse)
    assert len(paid) > 1_600
    assert expected != 0
    assert module.ledger.totals[instrument.id.value].net == expected
    assert more == expected


def test_the_recorded_stamps_are_whole_hours_apart(history):
    """What the test above rests on: no stamp lies just before the mark of its hour."""
    paid, _ = history
    assert {round((b - a) / HOUR) for (a, _), (b, _) in pairwise(paid)} == {8}
    assert all(ts % HOUR < HOUR // 60 for ts, _ in paid)
