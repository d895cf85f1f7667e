"""Margin of positions: golden figures worked out by hand, and what must always hold."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.account.margin import (
    Bracket,
    Held,
    Maintenance,
    Terms,
    initial_rate,
    requirement,
    utilisation,
)
from nautilus_quant.account.margin_windows import MarginSchedule

FLAT = Maintenance.flat(0.005)
LINEAR = Terms(FLAT)
# BTC-USD coin-margined: a contract is worth 100 USD, and margin is asked for in BTC.
INVERSE = Terms(Maintenance.flat(0.004), 100.0, True)
# The first brackets of BTCUSDT at Binance: cap, rate and "maintenance amount" as published.
BINANCE = [(50_000.0, 0.004), (600_000.0, 0.005), (3_000_000.0, 0.0065), (None, 0.01)]
SCHEDULE = MarginSchedule()
HOUR = 3_600_000_000_000


@pytest.mark.parametrize(
    ("hour", "initial"),
    [
        (10.0, 6_000.0),  # normal: 2 BTC × 30 000 / 10
        (14.0, 60_000.0 / 6.67),  # intraday
        (22.0, 12_000.0),  # overnight: / 5
        (7.75, 15_000.0),  # pre-funding: / 4
    ],
)
@pytest.mark.parametrize("size", [2.0, -2.0])
def test_a_linear_position_in_each_window(hour, initial, size):
    leverage = SCHEDULE.window(int(hour * HOUR)).leverage
    found = requirement(Held.of("BTC", size, LINEAR), 30_000.0, leverage)
    # notional 60 000; maintenance 0.5 % of it
    assert found == pytest.approx((60_000.0, initial, 300.0))


@pytest.mark.parametrize(
    ("hour", "initial"),
    [
        (10.0, 3_000.0),  # 300 contracts × 100 USD = 30 000 USD; / 10
        (14.0, 30_000.0 / 6.67),
        (22.0, 6_000.0),
        (7.75, 7_500.0),
    ],
)
@pytest.mark.parametrize("size", [300.0, -300.0])
def test_an_inverse_position_in_each_window(hour, initial, size):
    leverage = SCHEDULE.window(int(hour * HOUR)).leverage
    # At 40 000 it is 0.75 BTC, and a BTC is worth 40 000: the notional in USD does not depend on the price.
    found = requirement(Held.of("BTC", size, INVERSE), 40_000.0, leverage, rate=40_000.0)
    assert found == pytest.approx((30_000.0, initial, 120.0))  # 0.4 % of 30 000


def test_an_inverse_position_in_its_coin():
    found = requirement(Held.of("BTC", -300.0, INVERSE), 40_000.0, 5.0)
    assert found == pytest.approx((0.75, 0.15, 0.003))


def test_a_multiplier_and_a_currency():
    """5 contracts of 0.01 BTC at 30 000 EUR, a EUR being worth 1.1: 1500 EUR, 1650 in all."""
    terms = Terms(Maintenance.flat(0.02), 0.01)
    found = requirement(Held.of("BTC", 5.0, terms), 30_000.0, 4.0, rate=1.1)
    assert found == pytest.approx((1_650.0, 412.5, 33.0))


def test_hedged_positions_need_margin_each():
    held = Held("BTC", 1.0, 3.0, LINEAR)  # long 2 and short 1
    assert requirement(held, 10_000.0, 10.0) == pytest.approx((30_000.0, 3_000.0, 150.0))
    assert held.profit(10_000.0, 11_000.0) == 1_000.0


def test_a_window_allows_no_more_than_the_venue():
    assert initial_rate(10.0, 0.05) == 0.1
    assert initial_rate(10.0, 0.2) == 0.2
    assert requirement(Held.of("X", 1.0, Terms(FLAT, floor=0.5)), 100.0, 10.0).initial == 50.0


@pytest.mark.parametrize(
    ("notional", "amount"),
    [
        (50_000.0, 200.0),  # 0.4 %
        (60_000.0, 250.0),  # 0.5 % less 50
        (600_000.0, 2_950.0),
        (1_000_000.0, 5_550.0),  # 0.65 % less 950
        (10_000_000.0, 88_550.0),  # 1 % less 11 450
    ],
)
def test_maintenance_in_brackets(notional, amount):
    made = Maintenance.of(BINANCE)
    assert made.amount(notional) == pytest.approx(amount)
    assert [b.deduction for b in made.brackets] == pytest.approx([0.0, 50.0, 950.0, 11_450.0])
    published = Maintenance(
        (
            Bracket(50_000.0, 0.004, 0.0),
            Bracket(600_000.0, 0.005, 50.0),
            Bracket(3_000_000.0, 0.0065, 950.0),
            Bracket(math.inf, 0.01, 11_450.0),
        )
    )
    assert published.amount(notional) == pytest.approx(amount)


@given(st.floats(0.0, 1e8), st.floats(1.0, 1.5))
def test_maintenance_never_falls_when_more_is_held(notional, factor):
    made = Maintenance.of(BINANCE)
    assert made.amount(notional * factor) >= made.amount(notional) - 1e-6


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Maintenance(()), "infinite cap"),
        (lambda: Maintenance((Bracket(5.0, 0.1),)), "infinite cap"),
        (lambda: Maintenance.flat(1.0), "maintenance rate < 1"),
        (lambda: Maintenance.flat(-0.1), "maintenance rate < 1"),
        (lambda: Maintenance.of([(2.0, 0.1), (1.0, 0.2), (None, 0.3)]), "ascending caps"),
        (lambda: Maintenance.of([(2.0, 0.2), (None, 0.1)]), "ascending caps and rates"),
        (
            lambda: Maintenance((Bracket(100.0, 0.1), Bracket(math.inf, 0.2, 9.0))),
            "not to jump at 100: a deduction of 10, was 9",
        ),
        (lambda: Maintenance((Bracket(math.inf, 0.2, 9.0),)), "not to jump at 0"),
    ],
)
def test_impossible_tables_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_utilisation():
    assert utilisation(30.0, 120.0) == 0.25
    assert utilisation(0.0, -5.0) == 0.0
    assert utilisation(1.0, 0.0) == math.inf
    assert utilisation(1.0, -3.0) == math.inf
    assert math.isnan(utilisation(1.0, math.nan))
    assert math.isnan(utilisation(math.nan, 1.0))
