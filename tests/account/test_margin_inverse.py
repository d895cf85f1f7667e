"""Coin-margined contracts by hand: what a move brings, and how far an account is from its end."""

from __future__ import annotations

import pytest

from nautilus_quant.account.margin import Held, Maintenance, Terms
from nautilus_quant.account.margin_liquidation import Priced, account_distance, distance, liquidation_price

# A contract is worth 100 USD, maintenance is 0.4 %, and all of it is asked for and paid in BTC.
TERMS = Terms(Maintenance.flat(0.004), 100.0, True)


def btc(contracts: float) -> Held:
    return Held.of("BTC", contracts, TERMS)


@pytest.mark.parametrize(
    ("contracts", "to", "coins"),
    [
        # 300 × 100 USD are 0.75 BTC at 40 000, 0.6 BTC at 50 000, 1 BTC at 30 000.
        (300.0, 50_000.0, 0.15),
        (300.0, 30_000.0, -0.25),
        (-300.0, 50_000.0, -0.15),
        (-300.0, 30_000.0, 0.25),
        (300.0, 40_000.0, 0.0),
    ],
)
def test_a_move_brings_the_difference_in_coins(contracts, to, coins):
    assert btc(contracts).profit(40_000.0, to) == pytest.approx(coins)


@pytest.mark.parametrize(
    ("contracts", "price", "far"),
    [
        # 1 BTC with 0.1 of margin: 0.1 ± 40 000 (1/40 000 − 1/p) = 0.004 × 40 000 / p
        (400.0, 40_160.0 / 1.1, 1.0 - 1.004 / 1.1),
        (-400.0, 39_840.0 / 0.9, 0.996 / 0.9 - 1.0),
    ],
)
def test_the_end_of_an_account_with_one_position(contracts, price, far):
    held = btc(contracts)
    assert liquidation_price(held, 40_000.0, 0.1) == pytest.approx(price)
    assert distance(held, 40_000.0, price) == pytest.approx(far)
    # The same account in USD: 0.1 BTC are worth 4 000.
    assert account_distance([Priced(held, 40_000.0, 40_000.0)], 4_000.0) == pytest.approx(far)


def test_a_fall_is_the_danger_where_hedged_contracts_need_more_coins_than_the_short_gains():
    # Long 500 and short 501, each with its margin: net −100 USD, gross 100 100 USD, maintenance 400.4 USD.
    # 0.0125 − 100 (1/40 000 − 1/p) = 400.4 / p  =>  0.01 = 300.4 / p  =>  p = 30 040, 24.9 % below.
    held = Held("BTC", -1.0, 1_001.0, TERMS)
    price = liquidation_price(held, 40_000.0, 0.0125)
    assert price == pytest.approx(30_040.0)
    assert distance(held, 40_000.0, price) == pytest.approx(0.249)
    assert account_distance([Priced(held, 40_000.0, 40_000.0)], 500.0) == pytest.approx(0.249)
