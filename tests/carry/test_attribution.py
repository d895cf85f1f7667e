"""Profit by source adds up to the change of equity, and each source is what its name says."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.carry.attribution import Attribution, Sources

SPOT, PERP, OTHER = "BTCUSDT.A", "BTCUSDT-PERP.A", "BTCUSDT-PERP.B"


@pytest.fixture
def pair():
    book = Attribution({"BTC": (SPOT, PERP)})
    book.price(SPOT, Decimal(100))
    book.price(PERP, Decimal(101))
    return book


def test_a_hedged_position_by_hand(pair):
    pair.fill(SPOT, Decimal(2), Decimal("100.1"), Decimal("0.2"))
    pair.fill(PERP, Decimal(-2), Decimal("100.95"), Decimal("0.1"))
    pair.funding(PERP, Decimal("0.3"))
    pair.price(SPOT, Decimal(110))
    pair.price(PERP, Decimal("110.5"))
    # Slippage 2·0.1 + 2·0.05; the perpetual's premium fell from 1 to 0.5, which 2 short units gain.
    assert pair.total() == Sources(
        funding=Decimal("0.3"),
        basis=Decimal("1.0"),
        unhedged=Decimal(0),
        fees=Decimal("-0.3"),
        slippage=Decimal("-0.3"),
    )
    assert pair.total().total == Decimal("0.7")


def test_what_is_not_hedged_moves_with_the_first_leg(pair):
    pair.fill(SPOT, Decimal(3), Decimal(100), Decimal(0))
    pair.fill(PERP, Decimal(-1), Decimal(101), Decimal(0))
    pair.price(SPOT, Decimal(104))
    pair.price(PERP, Decimal(106))
    # -1·((106 - 101) - (104 - 100)) of basis, 2 units unhedged times 4.
    assert pair.total()[1:3] == (Decimal(-1), Decimal(8))


def test_a_move_before_the_fill_is_nobody_s(pair):
    pair.price(SPOT, Decimal(150))
    pair.fill(SPOT, Decimal(1), Decimal(150), Decimal(0))
    assert pair.total() == Sources()


def test_a_perpetual_alone_is_unhedged_whatever_the_other_leg_does(pair):
    pair.fill(PERP, Decimal(1), Decimal(101), Decimal(0))
    pair.price(PERP, Decimal(111))
    assert pair.total().total == Decimal(10)
    assert pair.total().basis == Decimal(10)
    pair.price(SPOT, Decimal(110))
    assert pair.total()[1:3] == (Decimal(0), Decimal(10))


def test_notional_is_the_larger_side(pair):
    pair.fill(SPOT, Decimal(3), Decimal(100), Decimal(0))
    pair.fill(PERP, Decimal(-2), Decimal(101), Decimal(0))
    assert pair.notional("BTC") == 300.0
    assert pair.held(PERP) == Decimal(-2)
    pair.fill(PERP, Decimal(-2), Decimal(101), Decimal(0))
    assert pair.notional("BTC") == 404.0


def test_assets_are_kept_apart():
    book = Attribution({"BTC": ("a", "b"), "ETH": ("c", "d")})
    for name, price in zip("abcd", (Decimal(1), Decimal(2), Decimal(3), Decimal(4)), strict=True):
        book.price(name, price)
    book.fill("c", Decimal(1), Decimal(3), Decimal("0.5"))
    book.funding("b", Decimal(7))
    assert book.sources() == {"BTC": Sources(funding=Decimal(7)), "ETH": Sources(fees=Decimal("-0.5"))}


amounts = st.decimals(-1_000, 1_000, places=4)
prices = st.decimals(Decimal("0.0001"), 100_000, places=4)
events = st.one_of(
    st.tuples(st.just("price"), st.integers(0, 2), prices),
    st.tuples(st.just("fill"), st.integers(0, 2), amounts, prices, amounts),
    st.tuples(st.just("funding"), st.integers(0, 2), amounts),
    st.tuples(st.just("mark")),
)


@given(start=st.tuples(prices, prices, prices), told=st.lists(events, max_size=40))
def test_sources_add_up_to_cash_and_what_is_held_at_the_middle(start, told):
    names = (SPOT, PERP, OTHER)
    book = Attribution({"BTC": names})
    middle, held, cash = list(start), [Decimal(0)] * 3, Decimal(0)
    for name, price in zip(names, start, strict=True):
        book.price(name, price)
    for kind, *rest in told:
        if kind == "mark":
            book.mark("BTC")
        elif kind == "price":
            middle[rest[0]] = rest[1]
            book.price(names[rest[0]], rest[1])
        elif kind == "fill":
            leg, change, price, fee = rest
            held[leg] += change
            cash -= change * price + fee
            book.fill(names[leg], change, price, fee)
        else:
            cash += rest[1]
            book.funding(names[rest[0]], rest[1])
    worth = sum((size * price for size, price in zip(held, middle, strict=True)), Decimal(0))
    assert book.total().total == cash + worth


@pytest.mark.parametrize("price", [Decimal("NaN"), Decimal(0), Decimal(-1), Decimal("Infinity")])
def test_a_price_must_be_one(pair, price):
    with pytest.raises(ValueError, match="a finite middle > 0"):
        pair.price(SPOT, price)


def test_impossible_groups_and_fills_are_refused(pair):
    with pytest.raises(ValueError, match="every instrument in one asset only"):
        Attribution({"BTC": (SPOT, PERP), "other": (PERP,)})
    with pytest.raises(ValueError, match="at least one leg"):
        Attribution({"BTC": ()})
    with pytest.raises(ValueError, match=f"need one of {SPOT}, {PERP}, was {OTHER}"):
        pair.fill(OTHER, Decimal(1), Decimal(1), Decimal(0))
    with pytest.raises(ValueError, match="need a price before the first fill"):
        Attribution({"BTC": (SPOT, PERP)}).fill(SPOT, Decimal(1), Decimal(1), Decimal(0))
