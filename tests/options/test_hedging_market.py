"""What an instrument costs, and how many units of it hedge so many coins."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.gating.intent import Side
from nautilus_quant.options.hedging_market import (
    Style,
    cost_of,
    limit_price,
    ranked,
    reducible,
    slippage,
    style_of,
    units_of,
)
from nautilus_quant.options.hedging_params import Mode
from tests.options.hedging_kit import candidate

HOUR = 3_600.0
ONE = candidate()  # half a spread of 1 bp, taker 5 bps, maker 2 bps


def test_taking_costs_the_fee_and_half_the_spread():
    assert cost_of(ONE, 1.0, Style.MARKET, HOUR) == pytest.approx(6e-4)
    assert cost_of(ONE, -1.0, Style.TAKE, HOUR) == pytest.approx(6e-4)


def test_more_than_is_quoted_pays_the_spread_so_many_times():
    # 120 coins, where 40 are offered and 30 bid for.
    assert cost_of(ONE, 120.0, Style.MARKET, HOUR) == pytest.approx(5e-4 + 3e-4)
    assert cost_of(ONE, -120.0, Style.MARKET, HOUR) == pytest.approx(5e-4 + 4e-4)
    assert cost_of(candidate(ask_size=0.0), 1.0, Style.MARKET, HOUR) == math.inf


def test_what_rests_pays_the_makers_fee_alone():
    assert cost_of(ONE, 1.0, Style.REST, HOUR) == pytest.approx(2e-4)


def test_longs_pay_funding_and_shorts_are_paid():
    funded = candidate(funding=1e-4 / 28_800.0)  # 1 bp every eight hours
    assert cost_of(funded, 1.0, Style.MARKET, 8 * HOUR) == pytest.approx(7e-4)
    assert cost_of(funded, -1.0, Style.MARKET, 8 * HOUR) == pytest.approx(5e-4)
    negative = candidate(funding=-1e-4 / 28_800.0)
    assert cost_of(negative, 1.0, Style.MARKET, 8 * HOUR) == pytest.approx(5e-4)
    assert cost_of(negative, -1.0, Style.MARKET, 16 * HOUR) == pytest.approx(8e-4)


def test_the_cheapest_comes_first_and_who_cannot_trade_not_at_all():
    dear = candidate("DEAR", taker=0.0009)
    funded = candidate("FUNDED", taker=0.0004, funding=3e-4 / 28_800.0)
    others = [
        candidate("NO_BID", bid=0.0),
        candidate("CASH", sells=0.001),
        candidate("BIG", least=Decimal(9)),
    ]
    sold = ranked([dear, ONE, funded, *others], -1.0, Style.MARKET, 8 * HOUR)
    assert [one.name for one in sold] == ["FUNDED", "PERP", "DEAR"]
    bought = ranked([dear, ONE, funded], 1.0, Style.MARKET, 8 * HOUR)
    assert [one.name for one in bought] == ["PERP", "FUNDED", "DEAR"]


def test_units_are_whole_lots_and_never_more_than_wanted():
    assert units_of(ONE, -1.2345) == Decimal("1.234")
    assert units_of(ONE, 0.0015) == 0  # less than an order
    inverse = candidate(delta=1e-5, lot=Decimal(10), least=Decimal(10))
    assert units_of(inverse, 0.01237) == Decimal(1_230)
    assert units_of(candidate(buys=0.5), 2.0) == Decimal("0.500")
    assert units_of(candidate(sells=0.5), -2.0) == Decimal("0.500")


@given(coins=st.floats(0.002, 1e4), lot=st.sampled_from(["0.001", "0.1", "3"]))
def test_units_leave_less_than_a_lot(coins, lot):
    one = candidate(lot=Decimal(lot), least=Decimal(0))
    left = Decimal(repr(coins)) - units_of(one, coins)
    assert Decimal("-1e-6") * Decimal(lot) <= left < Decimal(lot)


@pytest.mark.parametrize(
    ("side", "style", "price"),
    [
        (Side.BUY, Style.REST, 99_990.0),
        (Side.SELL, Style.REST, 100_010.0),
        (Side.BUY, Style.TAKE, 100_010.0),
        (Side.SELL, Style.TAKE, 99_990.0),
        (Side.BUY, Style.MARKET, None),
    ],
)
def test_where_an_order_is_placed(side, style, price):
    assert limit_price(ONE, side, style) == price


def test_the_last_rung_of_a_ladder_is_tried_again():
    assert [style_of(Mode.BALANCED, n) for n in range(4)] == [
        Style.TAKE,
        Style.MARKET,
        Style.MARKET,
        Style.MARKET,
    ]
    assert style_of(Mode.EMERGENCY, 0) is Style.MARKET


def test_slippage_is_what_is_lost():
    assert slippage(Side.BUY, 100.0, 100.2) == pytest.approx(0.002)
    assert slippage(Side.SELL, 100.0, 100.2) == pytest.approx(-0.002)


@pytest.mark.parametrize(
    ("delta", "side", "working", "coins"),
    [
        (2.0, Side.SELL, 0.0, 2.0),
        (2.0, Side.SELL, 0.5, 1.5),
        (2.0, Side.SELL, 3.0, 0.0),
        (2.0, Side.BUY, 0.0, 0.0),
        (-2.0, Side.BUY, 0.5, 1.5),
        (-2.0, Side.SELL, 0.0, 0.0),
        (0.0, Side.SELL, 0.0, 0.0),
        (math.nan, Side.SELL, 0.0, 0.0),
        (math.inf, Side.SELL, 0.0, 0.0),
        (2.0, Side.SELL, math.nan, 0.0),
        (2.0, Side.SELL, -1.0, 2.0),  # what goes the other way makes no room
    ],
)
def test_what_an_order_may_trade_and_only_reduce(delta, side, working, coins):
    assert reducible(delta, side, working) == coins
