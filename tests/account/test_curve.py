"""Daily results and statistics net of transfers, worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.account.curve import Growth, days_of, indexed, performance, volatility
from nautilus_quant.account.snapshots import DAY, HOUR, Snapshot
from nautilus_quant.account.statement import PARTS, Part

ONE = 10**28


def at(ts: int, equity: float, transfers: int = 0, fees: int = 0, unrealised: float = 0.0) -> Snapshot:
    parts = {Part.TRANSFERS: transfers * ONE, Part.FEES: fees * ONE}
    return Snapshot(ts, equity, unrealised, 1, True, 0, tuple(parts.get(part, 0) for part in PARTS))


# Two days and a bit: +10 % of 100; 90 paid in; −5 % of 200; 95 taken out; +20 % of 95.
CURVE = [
    at(HOUR, 100.0),
    at(2 * HOUR, 110.0, fees=-1),
    at(DAY + HOUR, 200.0, transfers=90, fees=-3),
    at(DAY + 2 * HOUR, 190.0, transfers=90, fees=-3, unrealised=4.0),
    at(2 * DAY + HOUR, 95.0, transfers=-5, fees=-3),
    at(2 * DAY + 2 * HOUR, 114.0, transfers=-5, fees=-6),
]


def test_transfers_are_no_profit():
    values = [value for _, value in indexed(CURVE)]
    assert values == pytest.approx([1.0, 1.1, 1.1, 1.1 * 0.95, 1.1 * 0.95, 1.1 * 0.95 * 1.2])


def test_each_day():
    first, second, third = days_of(CURVE)
    assert [day.start for day in (first, second, third)] == [0, DAY, 2 * DAY]
    assert (first.profit, second.profit, third.profit) == (10.0, -10.0, 19.0)
    assert (first.growth, second.growth, third.growth) == pytest.approx((0.1, -0.05, 0.2))
    assert (first.equity, second.equity, third.equity) == (110.0, 190.0, 114.0)
    assert [day.part(Part.FEES) for day in (first, second, third)] == [-1.0, -2.0, -3.0]
    assert [day.part(Part.TRANSFERS) for day in (first, second, third)] == [0.0, 90.0, -95.0]
    assert [day.unrealised for day in (first, second, third)] == [0.0, 4.0, -4.0]


def test_statistics():
    found = performance(CURVE)
    assert found.profit == pytest.approx(19.0)  # 10 − 10 + 19
    assert found.growth == pytest.approx(1.1 * 0.95 * 1.2 - 1.0)
    assert found.max_drawdown == pytest.approx(0.05)
    assert found.drawdown == 0.0
    assert found.days == 2  # −5 % and +20 %
    # mean 0.075, standard deviation 0.25 / √2
    assert found.volatility == pytest.approx(0.25 / math.sqrt(2.0) * math.sqrt(365.0))
    assert found.sharpe == pytest.approx(0.075 / (0.25 / math.sqrt(2.0)) * math.sqrt(365.0))


def test_little_is_known_of_one_snapshot():
    found = performance(CURVE[:1])
    assert (found.profit, found.growth, found.max_drawdown) == (0.0, 0.0, 0.0)
    assert math.isnan(found.sharpe)
    assert math.isnan(found.volatility)
    assert math.isnan(volatility([0.1]))
    assert days_of([]) == []
    with pytest.raises(ValueError, match="need a snapshot"):
        performance([])


def test_a_first_deposit_into_nothing_is_no_growth():
    assert indexed([at(0, 0.0), at(1, 50.0, transfers=50), at(2, 55.0, transfers=50)])[-1][
        1
    ] == pytest.approx(1.1)


def test_what_is_lost_is_lost():
    growth = Growth()
    for snapshot in (at(0, 100.0), at(1, -20.0), at(2, 100.0, transfers=120), at(3, 120.0, transfers=120)):
        growth.update(snapshot)
    assert growth.index == 0.0
    assert growth.drawdown == 1.0


@given(st.lists(st.tuples(st.floats(0.8, 1.25), st.integers(-20, 20)), max_size=40))
def test_growth_is_that_of_an_account_without_transfers(steps):
    equity, transfers, alone = 1_000.0, 0, 1.0
    growth = Growth()
    growth.update(at(0, equity))
    for n, (factor, flow) in enumerate(steps, start=1):
        equity = (equity + max(flow, 0)) * factor + min(flow, 0)  # in at the beginning, out at the end
        transfers += flow
        alone *= factor
        growth.update(at(n, equity, transfers))
        if equity < 100.0:
            return
    assert growth.index == pytest.approx(alone, rel=1e-9)
    assert growth.drawdown >= 0.0
