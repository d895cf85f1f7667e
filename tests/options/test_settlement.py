"""What options pay, to the last digit, and whether that is what was booked."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.options.settlement import (
    IndexAverage,
    implied_price,
    payoff,
    reconcile,
    settle,
)
from tests.options.expiry_kit import SECOND, option

D = Decimal


@pytest.mark.parametrize(
    ("call", "coin", "price", "paid"),
    [
        (True, False, "104000", "4000"),
        (True, False, "100000", "0"),  # at the money
        (True, False, "96000", "0"),
        (False, False, "96000", "4000"),
        (False, False, "100000", "0"),
        (False, False, "104000", "0"),
        (True, True, "125000", "0.2"),  # 25 000 dollars in coins of 125 000
        (True, True, "100000", "0"),
        (True, True, "96000", "0"),
        (False, True, "80000", "0.25"),  # 20 000 dollars in coins of 80 000
        (False, True, "100000", "0"),
        (False, True, "104000", "0"),
    ],
)
@pytest.mark.parametrize("quantity", ["3", "-3"])
def test_what_is_booked_equals_the_formula(
    call: bool, coin: bool, price: str, paid: str, quantity: str
) -> None:
    contract = option(call=call, coin_settled=coin, multiplier=0.1)
    entry = D("0.05") if coin else D("5000")
    booked = settle(contract, D(quantity), entry, D(price))
    assert booked.payoff == D(paid)
    assert booked.cash == D(quantity) * D("0.1") * D(paid)
    assert booked.pnl == D(quantity) * D("0.1") * (D(paid) - entry)


def test_figures_by_hand() -> None:
    # 2.5 calls of 0.01 BTC at 100 000, bought for 1 234.56, settled at 101 500.25:
    # 0.025 * (1 500.25 - 1 234.56) = 0.025 * 265.69 = 6.642 25
    booked = settle(option(multiplier=0.01), D("2.5"), D("1234.56"), D("101500.25"))
    assert booked == (D("1500.25"), D("37.50625"), D("6.64225"))
    # one put of one coin sold for 0.03, settled at 90 000: pays 10 000 / 90 000 = 1/9; 0.03 - 1/9
    sold = settle(option(call=False, coin_settled=True), D(-1), D("0.03"), D(90_000))
    assert sold.pnl.quantize(D("1e-8")) == D("-0.08111111")


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity"])
def test_no_price_no_payoff(price: str) -> None:
    with pytest.raises(ValueError, match="settlement price > 0"):
        payoff(option(), D(price))


@given(st.decimals("1", "1000000", places=2), st.booleans(), st.booleans())
def test_calls_less_puts_is_the_price_less_the_strike(price: Decimal, coin: bool, bought: bool) -> None:
    call = payoff(option(coin_settled=coin), price)
    put = payoff(option(call=False, coin_settled=coin), price)
    strike = D(100_000)
    assert call - put == ((price - strike) / price if coin else price - strike)
    assert min(call, put) == 0
    contract = option(call=bought, coin_settled=coin)
    implied = implied_price(contract, payoff(contract, price))
    if payoff(contract, price):
        assert implied is not None
        assert abs(implied - price) < D("1e-15")
    else:
        assert implied is None


def test_an_impossible_payoff_has_no_price() -> None:
    assert implied_price(option(call=False), D(100_001)) is None
    assert implied_price(option(coin_settled=True), D(1)) is None


def test_reconciling_is_exact_to_the_smallest_unit() -> None:
    cent = D("0.01")
    assert reconcile(D("10.004"), D("10.00"), cent) == (True, D("-0.004"))
    assert reconcile(D("10.00"), D("10.02"), cent) == (False, D("0.02"))
    assert reconcile(D("10.00"), D("10.02"), cent, parts=2).holds
    assert not reconcile(D(0), D("NaN"), cent).holds


def average(*prices: tuple[float, float], begins: int = 100, ends: int = 200) -> IndexAverage:
    made = IndexAverage(begins * SECOND, ends * SECOND)
    for second, price in prices:
        made.update(round(second * SECOND), price)
    return made


def test_the_average_weighs_by_time() -> None:
    made = average((50, 90.0), (110, 100.0), (160, 110.0))
    # 90 for 10 s, 100 for 50 s, 110 for 40 s: (900 + 5 000 + 4 400) / 100
    assert made.value(200 * SECOND) == pytest.approx(103.0)
    assert made.value(10_000 * SECOND) == pytest.approx(103.0)
    # half way: 900 + 4 000 over 50 s
    assert average((50, 90.0), (110, 100.0)).value(150 * SECOND) == pytest.approx(98.0)
    assert made.covered == pytest.approx(0.6)
    assert made.count == 2


def test_what_the_average_passes_over() -> None:
    made = average((110, 100.0), (105, 1.0), (120, math.nan), (121, -1.0), (122, math.inf), (200, 500.0))
    made.update(300 * SECOND, 900.0)
    assert made.value(200 * SECOND) == 100.0
    assert math.isnan(average().value(200 * SECOND))
    assert average().covered == 0.0


def test_without_a_window_the_last_price_counts() -> None:
    made = average((90, 99.0), (100, 100.0), (101, 101.0), begins=100, ends=100)
    assert made.value(100 * SECOND) == 100.0
    assert made.covered == 1.0


@given(st.lists(st.tuples(st.integers(0, 300), st.floats(1.0, 2.0)), min_size=1, max_size=30))
def test_the_average_is_that_of_every_second(ticks: list[tuple[int, float]]) -> None:
    ticks.sort(key=lambda tick: tick[0])
    made = average(*ticks)
    held = [
        [price for second, price in ticks if second <= now][-1]
        for now in range(100, 200)
        if any(second <= now for second, _ in ticks)
    ]
    expected = sum(held) / len(held) if held else math.nan
    assert made.value(200 * SECOND) == pytest.approx(expected, nan_ok=True)
