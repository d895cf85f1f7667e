"""Equity: balances + unrealised P&L at mark + accrued funding, in one currency."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.account.equity import (
    FOREVER,
    PAR,
    UNKNOWN,
    Account,
    AccountKind,
    OpenPosition,
    Price,
    Valuation,
    convert,
    unrealised,
    value,
)

NOW = 1_700_000_000 * 10**9

long_btc = OpenPosition(instrument="BTCUSDT", quantity=2.0, entry=100.0, currency="USDT")
short_eth = OpenPosition(instrument="ETHUSDT", quantity=-30.0, entry=10.0, currency="USDT", multiplier=0.1)
inverse = OpenPosition(
    instrument="XBTUSD", quantity=1_000.0, entry=50_000.0, currency="BTC", multiplier=1.0, inverse=True
)


def margin(balances, *positions, **funding):
    return Account(kind=AccountKind.MARGIN, balances=balances, positions=positions, funding=funding)


def valued(*accounts, rates=None, **prices):
    book = {name: price if isinstance(price, Price) else Price(price) for name, price in prices.items()}
    worth = {code: rate if isinstance(rate, Price) else Price(rate) for code, rate in (rates or {}).items()}
    return value(
        NOW, accounts, lambda name: book.get(name, UNKNOWN), lambda code: worth.get(code, UNKNOWN), "USDT"
    )


# ------------------------------------------------------------------ P&L of one position


@pytest.mark.parametrize(
    ("position", "price", "profit"),
    [
        (long_btc, 110.0, 20.0),
        (long_btc, 90.0, -20.0),
        (short_eth, 9.0, 3.0),  # 30 contracts of 0.1
        (short_eth, 12.0, -6.0),
        (inverse, 62_500.0, 0.004),  # 1 000 × (1/50 000 − 1/62 500)
        (inverse, 40_000.0, -0.005),
    ],
)
def test_unrealised_profit(position, price, profit):
    assert unrealised(position, price) == pytest.approx(profit, rel=1e-12)


@pytest.mark.parametrize("price", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("position", [long_btc, inverse])
def test_unrealised_profit_at_no_price_is_unknown(position, price):
    assert math.isnan(unrealised(position, price))


@pytest.mark.parametrize("entry", [0.0, -1.0, math.nan, math.inf])
def test_unrealised_profit_of_an_impossible_inverse_entry_is_unknown(entry):
    position = OpenPosition(instrument="X", quantity=1.0, entry=entry, currency="BTC", inverse=True)
    assert math.isnan(unrealised(position, 100.0))


def test_unrealised_profit_of_an_unknown_size_is_unknown():
    assert math.isnan(
        unrealised(OpenPosition(instrument="X", quantity=math.nan, entry=1.0, currency="USDT"), 2.0)
    )


def test_spread_may_have_been_entered_at_zero_or_less():
    position = OpenPosition(instrument="SPREAD", quantity=1.0, entry=-2.0, currency="USDT")
    assert unrealised(position, 3.0) == 5.0


sizes = st.floats(-1e4, 1e4).filter(lambda q: abs(q) > 1e-6)
levels = st.floats(1e-2, 1e6)


@given(sizes, levels, levels, st.booleans())
def test_position_and_its_opposite_cancel_out(quantity, entry, price, is_inverse):
    both = [
        unrealised(
            OpenPosition(instrument="X", quantity=q, entry=entry, currency="C", inverse=is_inverse), price
        )
        for q in (quantity, -quantity)
    ]
    assert both[0] == -both[1]


@given(sizes, levels, levels, levels, st.booleans())
def test_profit_adds_up_along_the_way(quantity, entry, middle, price, is_inverse):
    def profit(start, end):
        return unrealised(
            OpenPosition(instrument="X", quantity=quantity, entry=start, currency="C", inverse=is_inverse),
            end,
        )

    parts = profit(entry, middle), profit(middle, price)
    scale = max(abs(part) for part in parts)
    assert profit(entry, price) == pytest.approx(sum(parts), abs=1e-9 * scale + 1e-12)


@given(sizes, levels, levels)
def test_inverse_profit_at_the_exit_price_is_the_value_moved(quantity, entry, price):
    held = OpenPosition(instrument="X", quantity=quantity, entry=entry, currency="BTC", inverse=True)
    in_quote = unrealised(held, price) * price
    assert in_quote == pytest.approx(quantity * (price - entry) / entry, rel=1e-6, abs=1e-9 * abs(quantity))


# ------------------------------------------------------------------ everything


def test_margin_account_adds_profit_and_funding_to_balances():
    account = margin({"USDT": 1_000.0}, long_btc, short_eth, USDT=-1.5)
    found = valued(account, BTCUSDT=Price(110.0, "", 77), ETHUSDT=Price(12.0, "", 55))
    assert found == Valuation(
        ts=NOW,
        equity=1_012.5,
        balances=1_000.0,
        unrealised=14.0,
        funding=-1.5,
        fresh=True,
        stale=(),
        valid_until=55,
    )


def test_cash_account_values_balances_and_adds_no_profit():
    account = Account(kind=AccountKind.CASH, balances={"USDT": 500.0, "BTC": 2.0}, positions=(long_btc,))
    found = valued(account, rates={"BTC": Price(110.0, "", 99)})
    assert (found.equity, found.balances, found.unrealised) == (720.0, 720.0, 0.0)
    assert (found.fresh, found.valid_until) == (True, 99)


def test_several_currencies_are_converted():
    accounts = (margin({"BTC": 0.1, "USDC": 50.0}, inverse, USDC=5.0), margin({"USDT": 7.0}))
    found = valued(*accounts, rates={"BTC": 60_000.0, "USDC": PAR}, XBTUSD=62_500.0)
    assert found.balances == 6_057.0
    assert found.unrealised == pytest.approx(240.0)
    assert found.funding == 5.0
    assert found.equity == pytest.approx(6_302.0)
    assert (found.fresh, found.valid_until) == (True, FOREVER)


def test_nothing_is_worth_nothing_and_that_is_known():
    assert valued() == Valuation(NOW, 0.0, 0.0, 0.0, 0.0, True, (), FOREVER)


def test_zero_amounts_need_no_rate_and_closed_positions_no_price():
    closed = OpenPosition(instrument="LTCUSDT", quantity=0.0, entry=1.0, currency="USDT")
    found = valued(margin({"USDT": 5.0, "DOGE": 0.0}, closed, DOGE=0.0))
    assert (found.equity, found.fresh) == (5.0, True)


def test_doubtful_price_is_used_for_show_and_named():
    account = margin({"USDT": 1_000.0}, long_btc, short_eth)
    found = valued(account, BTCUSDT=Price(110.0, "stale", 0), ETHUSDT=Price(9.0, "absurd mid price 0", 0))
    assert found.equity == 1_023.0
    assert not found.fresh
    assert found.stale == ("BTCUSDT: stale", "ETHUSDT: absurd mid price 0")
    assert found.valid_until == 0


def test_unknown_price_makes_equity_unknown():
    found = valued(margin({"USDT": 1_000.0}, long_btc))
    assert math.isnan(found.equity)
    assert found.balances == 1_000.0
    assert (found.fresh, found.stale) == (False, ("BTCUSDT: no price yet",))


def test_unknown_rate_makes_equity_unknown():
    found = valued(margin({"USDT": 1_000.0, "DOGE": 5.0}))
    assert math.isnan(found.equity)
    assert found.stale == ("DOGE: no price yet",)


@pytest.mark.parametrize("wrong", [0.0, -3.0, math.nan, math.inf])
def test_price_that_claims_to_be_good_but_is_none_is_not_believed(wrong):
    found = valued(margin({"USDT": 1_000.0}, long_btc), BTCUSDT=wrong)
    assert math.isnan(found.equity)
    assert found.stale == (f"BTCUSDT: absurd price {wrong:g}",)


@pytest.mark.parametrize("amount", [math.nan, math.inf, -math.inf])
def test_amount_that_is_no_number_is_not_fresh(amount):
    found = valued(margin({"USDT": amount}))
    assert not found.fresh
    assert found.stale == ("USDT: unknown amount",)
    assert not valued(margin({"USDT": amount}, USDT=-amount)).fresh


def test_entry_that_is_no_number_is_not_fresh():
    held = OpenPosition(instrument="X", quantity=1.0, entry=math.nan, currency="USDT")
    found = valued(margin({"USDT": 1.0}, held), X=5.0)
    assert math.isnan(found.equity)
    assert found.stale == ("X: unknown P&L",)


def test_opposing_infinities_are_unknown_and_no_error():
    found = valued(margin({"USDT": math.inf}), margin({"USDT": -math.inf}))
    assert math.isnan(found.equity)
    assert not found.fresh


def test_overflow_is_unknown_and_no_error():
    found = valued(margin({"USDT": 1.7e308}), margin({"USDT": 1.7e308}))
    assert math.isnan(found.equity)
    assert not found.fresh


@given(st.lists(st.floats(-1e9, 1e9), max_size=8), st.randoms())
def test_equity_does_not_depend_on_the_order_of_accounts(amounts, random):
    accounts = [margin({"USDT": amount}, long_btc, USDT=amount / 7) for amount in amounts]
    shuffled = list(accounts)
    random.shuffle(shuffled)
    assert valued(*accounts, BTCUSDT=101.3) == valued(*shuffled, BTCUSDT=101.3)


# ------------------------------------------------------------------ conversion


def test_convert_adds_up_in_one_currency():
    rates = {"BTC": Price(100.0), "ETH": Price(10.0)}
    assert convert({"BTC": 0.5, "ETH": -2.0, "USDT": 3.0}, rates, "USDT") == 33.0
    assert convert({}, rates, "USDT") == 0.0


def test_convert_without_a_rate_is_unknown_unless_there_is_nothing_to_convert():
    assert math.isnan(convert({"DOGE": 1.0}, {}, "USDT"))
    assert convert({"DOGE": 0.0}, {}, "USDT") == 0.0
