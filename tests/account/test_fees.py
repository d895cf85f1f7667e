"""Each schedule and tier against the venue's page, and the examples venues give, by hand."""

from __future__ import annotations

import math
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.account.fee_schedules import SCHEDULES, USUAL
from nautilus_quant.account.fees import FeeSchedule, Liquidity, Tier, profit_move

MAKER, TAKER = Liquidity.MAKER, Liquidity.TAKER
M = 1_000_000

# What the pages print: 30-day volume from which a tier holds [USD], maker and taker [0.0001 %].
PAGES = {
    "binance_usdm": [
        (0, 200, 500),
        (15 * M, 160, 400),
        (50 * M, 140, 350),
        (100 * M, 120, 320),
        (600 * M, 100, 300),
        (1_000 * M, 80, 270),
        (2_500 * M, 60, 250),
        (5_000 * M, 40, 220),
        (12_500 * M, 20, 200),
        (25_000 * M, 0, 170),
    ],
    "binance_spot": [
        (0, 1000, 1000),
        (M, 900, 1000),
        (5 * M, 800, 1000),
        (20 * M, 420, 600),
        (100 * M, 420, 540),
        (150 * M, 360, 480),
        (400 * M, 300, 420),
        (800 * M, 240, 360),
        (2_000 * M, 180, 300),
        (4_000 * M, 120, 240),
    ],
    "okx_spot": [
        (0, 800, 1000),
        (5 * M, 450, 500),
        (10 * M, 400, 450),
        (20 * M, 300, 400),
        (100 * M, 200, 350),
        (200 * M, 0, 300),
        (500 * M, -20, 250),
        (1_000 * M, -50, 200),
        (5_000 * M, -50, 150),
    ],
    "okx_derivatives": [(0, 200, 500), (200 * M, 160, 450)],
    "okx_options": [(0, 300, 300), (5 * M, 250, 300), (10 * M, 200, 300), (25 * M, 200, 250)],
    "bybit_derivatives": [
        (0, 200, 550),
        (10 * M, 180, 400),
        (25 * M, 160, 375),
        (50 * M, 140, 350),
        (100 * M, 120, 320),
        (250 * M, 100, 320),
        (500 * M, 0, 300),
    ],
    "bybit_spot": [
        (0, 1000, 1000),
        (M, 675, 800),
        (5 * M, 650, 775),
        (10 * M, 625, 750),
        (25 * M, 500, 600),
        (50 * M, 400, 500),
        (100 * M, 300, 450),
    ],
    "coinbase_advanced": [
        (0, 6000, 12000),
        (1_000, 3500, 7500),
        (10_000, 2500, 4000),
        (50_000, 1500, 2500),
        (100_000, 1000, 2000),
        (M, 800, 1800),
        (15 * M, 600, 1600),
        (75 * M, 300, 1200),
        (250 * M, 0, 800),
        (400 * M, 0, 500),
    ],
    "deribit_futures": [(0, 0, 500)],
    "deribit_options": [(0, 300, 300)],
}


def test_every_schedule_is_checked_here_and_says_where_it_is_from():
    assert SCHEDULES.keys() == PAGES.keys()
    for schedule in SCHEDULES.values():
        assert schedule.source.startswith("https://")
        assert len(schedule.as_of) == 10
        assert schedule.note
    assert {name for kinds in USUAL.values() for name in kinds.values()} == SCHEDULES.keys()


@pytest.mark.parametrize(
    ("name", "index", "row"),
    [(name, index, row) for name, rows in PAGES.items() for index, row in enumerate(rows)],
)
def test_each_tier_holds_from_its_volume_on(name, index, row):
    volume, maker, taker = row
    schedule = SCHEDULES[name]
    tier = schedule.tier(float(volume))
    assert tier.index == index
    assert (tier.maker, tier.taker) == (Decimal(maker) / M, Decimal(taker) / M)
    if index:
        assert schedule.tier(math.nextafter(volume, 0.0)).index == index - 1


def test_coinbase_advanced_has_eight_levels():
    names = [tier.name for tier in SCHEDULES["coinbase_advanced"].tiers]
    assert [name for name in names if name.startswith("Advanced")] == [f"Advanced {n}" for n in range(1, 9)]


@pytest.mark.parametrize("volume", [float("nan"), -1.0])
def test_without_a_known_volume_the_dearest_tier_holds(volume):
    assert SCHEDULES["bybit_spot"].tier(volume).index == 0


# -- the venues' own examples --------------------------------------------------------------------------


def test_the_example_of_binance_for_usdt_contracts():
    # Binance FAQ 360033544231: 1 BTC at 10 104 bought by a market order, 10 104 * 0.05 % = 5.052 USDT; sold
    # by a limit order at 11 104, 11 104 * 0.02 % = 2.2208 USDT.
    tier = SCHEDULES["binance_usdm"].tier(0.0)
    assert tier.fee(Decimal(10_104), TAKER) == Decimal("5.052")
    assert tier.fee(Decimal(11_104), MAKER) == Decimal("2.2208")


def test_the_discount_of_binance_for_paying_in_bnb():
    # The column "10 % discount when paying with BNB" of VIP 1: 0.016 * 0.9 = 0.0144 %, 0.04 * 0.9 =
    # 0.036 %; spot, announcement 40669f3d…: VIP 1 with 25 % off 0.0675 % / 0.0750 %.
    futures = SCHEDULES["binance_usdm"].discounted(Decimal("0.1")).tier(15e6)
    assert (futures.maker, futures.taker) == (Decimal("0.000144"), Decimal("0.00036"))
    spot = SCHEDULES["binance_spot"].discounted(Decimal("0.25")).tier(1e6)
    assert (spot.maker, spot.taker) == (Decimal("0.000675"), Decimal("0.00075"))


def test_the_examples_of_okx_for_spot_and_contracts():
    # OKX "Trading fee rules": a taker who buys 1 BTC pays 0.1 % of it, 0.001 BTC. 100 contracts of 0.01 BTC
    # at 20 000 USDT by a maker: 100 * 0.01 * 20 000 * 0.02 % = 4 USDT, by a taker 10 USDT. Crypto-margined,
    # 100 contracts of 100 USD at 10 000 by a taker: 100 * 100 / 10 000 * 0.05 % = 0.0005 BTC.
    assert SCHEDULES["okx_spot"].tier(0.0).fee(Decimal(1), TAKER) == Decimal("0.001")
    contracts = SCHEDULES["okx_derivatives"].tier(0.0)
    assert contracts.fee(100 * Decimal("0.01") * 20_000, MAKER) == 4
    assert contracts.fee(100 * Decimal("0.01") * 20_000, TAKER) == 10
    assert contracts.fee(Decimal(100) * 100 / 10_000, TAKER) == Decimal("0.0005")


def test_the_example_of_okx_for_options():
    # 100 BTCUSD options (multiplier 0.01, contract 1 BTC) at 0.05 BTC by one with 0.02 % and 0.03 %: taker
    # min(0.03 % * 0.01 * 100, 7 % * 0.05 * 0.01 * 100) = min(0.0003, 0.0035) = 0.0003 BTC, maker 0.0002 BTC.
    tier = SCHEDULES["okx_options"].tier(10.0 * M)
    coins, premium = Decimal("0.01") * 1 * 100, Decimal("0.05") * Decimal("0.01") * 100
    assert tier.fee(coins, TAKER, premium=premium) == Decimal("0.0003")
    assert tier.fee(coins, MAKER, premium=premium) == Decimal("0.0002")
    # At 0.001 BTC the other side of it binds: 7 % * 0.001 * 0.01 * 100 = 0.00007 BTC.
    assert tier.fee(coins, TAKER, premium=premium / 50) == Decimal("0.00007")


def test_the_spot_example_of_binance():
    # FAQ e85d6e70…: 10 ETH bought at 3 452.55 cost 10 * 0.1 % = 0.01 ETH; sold, 34 525.5 * 0.1 % = 34.5255
    # USDT. Paid in BNB, 25 % off: 0.0075 ETH.
    tier = SCHEDULES["binance_spot"].tier(0.0)
    assert tier.fee(Decimal(10), TAKER) == Decimal("0.01")
    assert tier.fee(10 * Decimal("3452.55"), MAKER) == Decimal("34.5255")
    in_bnb = SCHEDULES["binance_spot"].discounted(Decimal("0.25")).tier(0.0)
    assert in_bnb.fee(Decimal(10), TAKER) == Decimal("0.0075")


def test_the_examples_of_deribit():
    # Fees page: 50 000 USD of BTC perpetual at 100 000 is 0.5 BTC, a taker pays 0.05 % = 0.00025 BTC, a maker
    # nothing; 20 000 USD of ETH at 4 000 is 5 ETH, 0.0025 ETH.
    futures = SCHEDULES["deribit_futures"].tier(0.0)
    assert futures.fee(Decimal(50_000) / 100_000, TAKER) == Decimal("0.00025")
    assert futures.fee(Decimal(50_000) / 100_000, MAKER) == 0
    assert futures.fee(Decimal(20_000) / 4_000, TAKER) == Decimal("0.0025")


@pytest.mark.parametrize(
    ("premium", "fee"),
    [
        ("0.0001", "0.0000125"),  # the page's example: 12.5 % of 0.0001 instead of 0.0003 BTC
        ("0.0024", "0.0003"),  # 12.5 % of it is 0.0003: both bounds meet
        ("0.00239", "0.00029875"),
        ("0.01", "0.0003"),
        ("0", "0"),
    ],
)
def test_an_option_of_deribit_costs_at_most_an_eighth_of_its_premium(premium, fee):
    options = SCHEDULES["deribit_options"].tier(0.0)
    for liquidity in Liquidity:
        assert options.fee(Decimal(1), liquidity, premium=Decimal(premium)) == Decimal(fee)
        assert options.fee(Decimal(1), liquidity) == Decimal("0.0003")


def test_coinbase_takes_by_the_tier_before_the_order():
    # Help page: charged by the tier an order is placed in. 60 000 USD in 30 days is Advanced 2: 0.25 % of
    # 42 500 * 0.01 = 425 USD is 1.0625 USD taken, 0.15 % is 0.6375 USD rested.
    tier = SCHEDULES["coinbase_advanced"].tier(60_000.0)
    assert tier.fee(Decimal(42_500) * Decimal("0.01"), TAKER) == Decimal("1.0625")
    assert tier.fee(Decimal(42_500) * Decimal("0.01"), MAKER) == Decimal("0.6375")


def test_coinbase_takes_for_what_fills_at_once_and_rests_the_remainder():
    # Help page: the part matched immediately pays the taker fee, the rest the maker fee. Of 1 BTC at 42 500,
    # 0.4 at once: 17 000 * 0.25 % + 25 500 * 0.15 % = 42.5 + 38.25 = 80.75 USD in Advanced 2.
    tier = SCHEDULES["coinbase_advanced"].tier(60_000.0)
    taken, rested = Decimal("0.4") * 42_500, Decimal("0.6") * 42_500
    assert tier.fee(taken, TAKER) + tier.fee(rested, MAKER) == Decimal("80.75")


def test_the_examples_of_bybit():
    # Help centre, "Perpetual & Futures Contract: Fees Explained": 10 000 BTCUSD contracts at 8 000 are 1.25
    # BTC: taker 1.25 * 0.055 % = 0.0006875 BTC, maker 1.25 * 0.02 % = 0.00025 BTC. 10 BTC at 8 000 USDT:
    # 80 000 * 0.055 % = 44 USDT, 80 000 * 0.02 % = 16 USDT. Spot, 0.5 BTC at 40 000: 0.0005 BTC and 20 USDT.
    contracts, spot = SCHEDULES["bybit_derivatives"].tier(0.0), SCHEDULES["bybit_spot"].tier(0.0)
    assert contracts.fee(Decimal(10_000) / 8_000, TAKER) == Decimal("0.0006875")
    assert contracts.fee(Decimal(10_000) / 8_000, MAKER) == Decimal("0.00025")
    assert contracts.fee(Decimal(10 * 8_000), TAKER) == 44
    assert contracts.fee(Decimal(10 * 8_000), MAKER) == 16
    assert spot.fee(Decimal("0.5"), TAKER) == Decimal("0.0005")
    assert spot.fee(Decimal(20_000), MAKER) == 20
    # The page's example of levels: 10 million of spot in 30 days are VIP 3.
    assert SCHEDULES["bybit_spot"].tier(10.0 * M).name == "VIP 3"


def test_the_examples_of_okx_for_levels():
    # Fees page: 10 million of spot are VIP 2, and 5 million of options VIP 1.
    assert SCHEDULES["okx_spot"].tier(10.0 * M).name == "VIP 2"
    assert SCHEDULES["okx_options"].tier(5.0 * M).name == "VIP 1"


# -- discounts -----------------------------------------------------------------------------------------


def test_discounts_come_off_fees_and_never_off_rebates():
    schedule = FeeSchedule.of("x", [("a", 0, "-0.01", "0.05")]).discounted(Decimal("0.1"), Decimal("0.2"))
    tier = schedule.tier(0.0)
    assert tier.rate(TAKER) == Decimal("0.00045")
    assert tier.rate(TAKER, reduce_only=True) == Decimal("0.00036")  # 0.00045 * 0.8
    assert tier.rate(MAKER, reduce_only=True) == Decimal("-0.0001")
    assert tier.expected(1_000.0, TAKER) == pytest.approx(0.45)
    assert tier.expected(1_000.0, TAKER, reduce_only=True) == pytest.approx(0.36)
    assert tier.expected(1_000.0, MAKER) == pytest.approx(-0.1)


# -- what pays -----------------------------------------------------------------------------------------


def test_the_break_even_move_by_hand():
    # Bought at 100 * 1.001 = 100.1 with 0.1 %: 100.2001 paid. Sold at p * 0.999 with 0.1 % off: p * 0.998001.
    # p = 100.2001 / 0.998001 = 100.40080…: a move of 0.40080 %.
    tier = Tier(index=0, name="x", volume=0.0, maker=Decimal("0.0002"), taker=Decimal("0.001"))
    move = tier.break_even_move(TAKER, TAKER, half_spread=0.001)
    assert move == pytest.approx(100.2001 / 0.998001 / 100 - 1)
    assert move == pytest.approx(0.0040080, abs=1e-6)


def test_orders_that_rest_pay_no_spread():
    tier = Tier(index=0, name="x", volume=0.0, maker=Decimal("0.0002"), taker=Decimal("0.001"))
    # Bought resting: 1.0002. Sold resting: p * 0.9998. p = 1.0002 / 0.9998 = 1.00040008.
    assert tier.break_even_move(MAKER, MAKER, half_spread=0.001) == pytest.approx(1.0002 / 0.9998 - 1)
    # Bought resting, sold taking: p * 0.999 * 0.999.
    assert tier.break_even_move(MAKER, TAKER, half_spread=0.001) == pytest.approx(1.0002 / 0.998001 - 1)
    assert tier.break_even_move(TAKER, MAKER, half_spread=0.001) == pytest.approx(1.002001 / 0.9998 - 1)


def test_a_profit_target_leaves_the_profit_after_costs():
    tier = Tier(index=0, name="x", volume=0.0, maker=Decimal(0), taker=Decimal("0.001"))
    # 1.001 spent, 0.01 to be left: p * 0.999 = 1.011, p = 1.012012….
    assert tier.min_profit_target(TAKER, TAKER, profit=0.01) == pytest.approx(1.011 / 0.999 - 1)


fees = st.floats(-0.001, 0.01)
spreads = st.floats(0.0, 0.01)


@given(fees, fees, spreads, spreads, st.floats(0.0, 0.1))
def test_the_move_pays_on_both_sides_and_nothing_less_does(f_in, f_out, s_in, s_out, profit):
    move = profit_move((f_in, s_in), (f_out, s_out), profit)

    def long(m: float) -> float:
        return (1 + m) * (1 - s_out) * (1 - f_out) - (1 + s_in) * (1 + f_in)

    def short(m: float) -> float:
        return (1 - s_in) * (1 - f_in) - (1 - m) * (1 + s_out) * (1 + f_out)

    assert min(long(move), short(move)) == pytest.approx(profit, abs=1e-12)
    assert min(long(move - 1e-6), short(move - 1e-6)) < profit


@given(st.decimals(0, 10**9, places=8), st.sampled_from(sorted(SCHEDULES)), st.floats(0, 1e11))
def test_fees_are_exact_and_add_up(notional, name, volume):
    tier = SCHEDULES[name].tier(volume)
    for liquidity in Liquidity:
        halves = tier.fee(notional / 2, liquidity) + tier.fee(notional / 2, liquidity)
        assert halves == tier.fee(notional, liquidity) == notional * tier.rate(liquidity)
        assert tier.expected(float(notional), liquidity) == pytest.approx(
            float(tier.fee(notional, liquidity)), rel=1e-12
        )


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_more_volume_never_costs_more(name):
    tiers = SCHEDULES[name].tiers
    for low, high in pairwise(tiers):
        assert high.maker <= low.maker
        assert high.taker <= low.taker


# -- what is no schedule -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "at least one tier"),
        ([("a", 5, "0", "0")], "begins at a volume of 0"),
        ([("a", 0, "0", "0"), ("b", 10, "0", "0"), ("c", 10, "0", "0")], "rise"),
        ([("a", 0, "0", "0"), ("b", math.inf, "0", "0")], "rise"),
        ([("a", 0, "100", "0")], "maker"),
        ([("a", 0, "0", "100")], "taker"),
    ],
)
def test_what_is_no_schedule_is_refused(rows, says):
    with pytest.raises(ValueError, match=says):
        FeeSchedule.of("x", rows)


def test_an_impossible_discount_is_refused():
    with pytest.raises(ValueError, match="discount"):
        SCHEDULES["okx_spot"].discounted(Decimal("1.1"))
    with pytest.raises(ValueError, match="reduce_only_discount"):
        SCHEDULES["okx_spot"].discounted(Decimal(0), Decimal(-1))
