"""Liquidation prices: by hand, against venues' examples, and against a search."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.optimize import brentq

from nautilus_quant.account.margin import Held, Maintenance, Terms
from nautilus_quant.account.margin_liquidation import (
    Priced,
    account_distance,
    distance,
    isolated_liquidation_price,
    liquidation_price,
    surplus,
)

LINEAR = Terms(Maintenance.flat(0.005))
INVERSE = Terms(Maintenance.flat(0.004), 100.0, True)
TIERS = Maintenance.of([(50_000.0, 0.004), (600_000.0, 0.005), (3_000_000.0, 0.0065), (None, 0.01)])


def test_isolated_long():
    # 2 at 30 000 with 6 000: 6 000 + 2 (p − 30 000) = 0.005 × 2 p  =>  p = 54 000 / 1.99
    price = isolated_liquidation_price(Held.of("BTC", 2.0, LINEAR), 30_000.0, 6_000.0)
    assert price == pytest.approx(54_000.0 / 1.99)
    assert distance(Held.of("BTC", 2.0, LINEAR), 30_000.0, price) == pytest.approx(1 - 0.9 / 0.995)


def test_isolated_short():
    # 6 000 − 2 (p − 30 000) = 0.005 × 2 p  =>  p = 66 000 / 2.01
    held = Held.of("BTC", -2.0, LINEAR)
    price = isolated_liquidation_price(held, 30_000.0, 6_000.0)
    assert price == pytest.approx(66_000.0 / 2.01)
    assert distance(held, 30_000.0, price) == pytest.approx(1.1 / 1.005 - 1)


def test_isolated_inverse_long():
    # 400 × 100 USD at 40 000, that is 1 BTC, with 0.1 BTC: 0.1 + 40 000 (1/40 000 − 1/p) = 0.004 × 40 000 / p
    # => 1.1 = 40 160 / p
    price = isolated_liquidation_price(Held.of("BTC", 400.0, INVERSE), 40_000.0, 0.1)
    assert price == pytest.approx(40_160.0 / 1.1)


def test_isolated_inverse_short():
    # 0.1 − 40 000 (1/40 000 − 1/p) = 160 / p  =>  39 840 / p = 0.9
    price = isolated_liquidation_price(Held.of("BTC", -400.0, INVERSE), 40_000.0, 0.1)
    assert price == pytest.approx(39_840.0 / 0.9)


def test_what_is_fully_backed_is_never_liquidated():
    assert isolated_liquidation_price(Held.of("BTC", 2.0, LINEAR), 30_000.0, 60_000.0) is None
    assert isolated_liquidation_price(Held.of("BTC", -400.0, INVERSE), 40_000.0, 1.0) is None
    assert isolated_liquidation_price(Held.of("BTC", 0.0, LINEAR), 30_000.0, 10.0) is None
    assert liquidation_price(Held.of("BTC", 2.0, LINEAR), 30_000.0, math.nan) is None
    assert distance(Held.of("BTC", 2.0, LINEAR), 30_000.0, None) == math.inf


def test_cross_margin_with_brackets():
    """
    Long 3 683.979 ETH from 1 456.84, and long 109.488 BTC from 32 481.98: Binance's worked example.

    Of "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts": wallet 1 535 443.01; rate and amount
    are 10 % and 135 365 of the ETH, 2.5 % and 16 300 of the BTC; their maintenance is 356 512.508 and
    71 200.81, their losses are 448 192.89 and 56 354.57. The prices are 1 153.26 and 26 316.89.
    """
    wallet = 1_535_443.01
    # Mark prices, from which Binance's profits of the others follow.
    eth, btc = (3_683.979, 1_456.84, 1_335.18), (109.488, 32_481.98, 31_967.27)

    def solve(mine, other, rate, amount, other_margin):
        size, entry, mark = mine
        held = Held.of("X", size, Terms(Maintenance.flat(rate)))
        equity = wallet + size * (mark - entry) + other[0] * (other[2] - other[1])
        # With one bracket given, its deduction counts like equity.
        return liquidation_price(held, mark, equity + amount, other_margin)

    assert solve(eth, btc, 0.10, 135_365.0, 71_200.81) == pytest.approx(1_153.26, abs=0.01)
    assert solve(btc, eth, 0.025, 16_300.0, 356_512.508) == pytest.approx(26_316.89, abs=0.01)


def test_an_account_under_water_has_its_price_behind_the_mark():
    held = Held.of("BTC", 1.0, LINEAR)
    price = liquidation_price(held, 100.0, 0.2)  # maintenance is 0.5
    assert price > 100.0
    assert distance(held, 100.0, price) < 0.0


# -- against a search ------------------------------------------------------------------------------

SIZES = st.floats(0.05, 200.0) | st.floats(-200.0, -0.05)
MARKS = st.floats(100.0, 60_000.0)
SHARES = st.floats(0.01, 3.0)
TERMS = st.sampled_from(
    [
        LINEAR,
        Terms(TIERS),
        Terms(TIERS, 0.01),
        INVERSE,
        Terms(Maintenance.of([(0.5, 0.01), (None, 0.05)]), 50.0, True),
    ]
)


def left(held: Held, mark: float, free: float, price: float) -> float:
    """What is above maintenance at a price, by definition."""
    size, multiplier = held.net, held.terms.multiplier
    if held.terms.inverse:
        profit = size * multiplier * (1 / mark - 1 / price)
        notional = abs(size) * multiplier / price
    else:
        profit = size * multiplier * (price - mark)
        notional = abs(size) * multiplier * price
    tier = next(b for b in held.terms.maintenance.brackets if notional <= b.cap)
    return free + profit - (notional * tier.rate - tier.deduction)


def search(held: Held, mark: float, free: float) -> float | None:
    """Bisect between a ten-thousandth and ten thousand times the mark, on a scale of logarithms."""
    low, high = mark * 1e-4, mark * 1e4
    if (left(held, mark, free, low) > 0) == (left(held, mark, free, high) > 0):
        return None
    rising = left(held, mark, free, high) > 0
    for _ in range(200):
        middle = math.sqrt(low * high)
        if (left(held, mark, free, middle) > 0) == rising:
            high = middle
        else:
            low = middle
    return math.sqrt(low * high)


@given(SIZES, MARKS, SHARES, TERMS, st.floats(0.0, 0.5))
def test_the_formula_finds_what_a_search_finds(size, mark, share, terms, others):
    held = Held.of("X", size, terms)
    equity = share * held.notional(mark)
    needed = others * equity
    found, searched = liquidation_price(held, mark, equity, needed), search(held, mark, equity - needed)
    if searched is None:
        assert found is None or not 1.001e-4 < found / mark < 0.999e4
        return
    assert found == pytest.approx(searched, rel=1e-9)
    before = left(held, mark, equity - needed, mark)
    assert (distance(held, mark, found) > 0.0) == (before > 0.0) or abs(before) < 1e-6 * equity


POSITIONS = st.lists(
    st.tuples(SIZES, MARKS, TERMS).map(
        lambda p: Priced(Held.of("X", p[0], p[2]), p[1], p[1] if p[2].inverse else 1.0)
    ),
    min_size=1,
    max_size=4,
)


@given(POSITIONS, SHARES)
def test_the_move_of_the_account_uses_up_its_margin(positions, share):
    equity = share * math.fsum(p.held.notional(p.mark) * p.rate for p in positions)
    move = account_distance(positions, equity)
    assume(math.isfinite(move))
    if move == 0.0:
        assert surplus(positions, equity, 0.0) <= 0.0
        return
    assert surplus(positions, equity, move * 0.999) > 0.0
    assert surplus(positions, equity, move * 1.001 + 1e-9) < 0.0


@given(SIZES, MARKS, st.floats(0.01, 0.9))
def test_alone_the_account_is_as_far_as_its_position(size, mark, share):
    held = Held.of("X", size, LINEAR)
    equity = share * held.notional(mark)
    price = liquidation_price(held, mark, equity)
    expected = max(distance(held, mark, price), 0.0)
    assert account_distance([Priced(held, mark)], equity) == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_an_account_that_nothing_liquidates():
    long = Priced(Held.of("X", 1.0, LINEAR), 100.0)
    assert account_distance([long], 100.5) == math.inf
    assert account_distance([], 1.0) == math.inf
    assert math.isnan(account_distance([long], math.nan))
    assert account_distance([long], 0.4) == 0.0


def test_two_positions_move_against_the_account_together():
    # Long 1 and short 1 of two markets at 100 with 10: 10 − 2 × 100 x = 0.005 (100 (1−x) + 100 (1+x)) = 1
    pair = [Priced(Held.of("X", 1.0, LINEAR), 100.0), Priced(Held.of("Y", -1.0, LINEAR), 100.0)]
    assert account_distance(pair, 10.0) == pytest.approx(9.0 / 200.0)


def test_opposite_positions_of_one_market_protect_each_other():
    # Long 3, short 1, each with its margin: 10 + 2 (p − 100) = 0.005 × 4 p  =>  p = 190 / 1.98
    held = Held("X", 2.0, 4.0, LINEAR)
    price = liquidation_price(held, 100.0, 10.0)
    assert price == pytest.approx(190.0 / 1.98)
    assert account_distance([Priced(held, 100.0)], 10.0) == pytest.approx(1.0 - price / 100.0)


def test_fully_hedged_what_needs_more_margin_is_the_danger():
    # Net 0, gross 2: 10 = 0.005 × 2 p  =>  p = 1000, far above.
    held = Held("X", 0.0, 2.0, LINEAR)
    assert liquidation_price(held, 100.0, 10.0) == pytest.approx(1_000.0)
    assert distance(held, 100.0, 1_000.0) == pytest.approx(9.0)
    assert account_distance([Priced(held, 100.0)], 10.0) == pytest.approx(9.0)


@given(
    st.lists(
        st.tuples(
            st.floats(-5.0, 5.0),  # net
            st.floats(0.0, 2.0),  # what is hedged
            st.floats(10.0, 50_000.0),
            st.booleans(),
            st.sampled_from([0.004, 0.05, None]),
        ),
        min_size=1,
        max_size=3,
    ),
    st.floats(1e2, 1e7),
)
def test_the_move_of_the_account_is_what_a_textbook_search_finds(made, equity):
    tiers = Maintenance.of([(50_000.0, 0.004), (250_000.0, 0.005), (None, 0.05)])
    positions = [
        Priced(Held(f"{n}.SIM", net, abs(net) + more, _terms(inverse, flat, tiers)), mark)
        for n, (net, more, mark, inverse, flat) in enumerate(made)
    ]
    found = account_distance(positions, equity)
    if found in {0.0, math.inf}:
        far = 2.0**19 if found else 0.0
        assert (surplus(positions, equity, far) > 0.0) == (found == math.inf)
        return
    high = 2.0 ** max(0, math.ceil(math.log2(found)) + 1)
    searched = brentq(lambda move: surplus(positions, equity, move), 0.0, high, xtol=1e-13)
    assert found == pytest.approx(searched, rel=1e-9, abs=1e-9)


def _terms(inverse: bool, flat: float | None, tiers: Maintenance) -> Terms:
    return Terms(tiers if flat is None else Maintenance.flat(flat), 100.0 if inverse else 1.0, inverse)
