"""Depth, imbalance, microprice and the walk into a book, against figures worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.gating.book import (
    MAX_LEVELS,
    BookView,
    Terms,
    measure,
    quantity_within,
    walk,
    walk_cost,
)

BOOK = BookView(
    bids=((100.0, 1.0), (99.0, 2.0), (98.0, 3.0), (97.0, 4.0), (96.0, 5.0), (95.0, 6.0)),
    asks=((102.0, 3.0), (103.0, 2.0), (105.0, 1.0)),
)

sizes = st.floats(0.001, 1_000.0)
steps = st.floats(0.01, 5.0)


@st.composite
def books(draw: st.DrawFn) -> BookView:
    def side(start: float, sign: float) -> tuple[tuple[float, float], ...]:
        price, levels = start, []
        for _ in range(draw(st.integers(1, 25))):
            levels.append((price, draw(sizes)))
            price += sign * draw(steps)
        return tuple(levels)

    return BookView(side(1_000.0, -1.0), side(1_000.0 + draw(steps), 1.0))


def test_depth_in_quote_currency_counts_one_five_and_ten_levels():
    seen = measure(BOOK)
    # bids: 100, 100+198 = 298, +294 = 592, +388 = 980, +480 = 1460, +570 = 2030
    assert (seen.bid_1, seen.bid_5, seen.bid_10, seen.bid_worth) == (100.0, 1460.0, 2030.0, 2030.0)
    # asks: 306, 306+206 = 512, +105 = 617
    assert (seen.ask_1, seen.ask_5, seen.ask_10, seen.ask_worth) == (306.0, 617.0, 617.0, 617.0)
    assert (seen.bid_size, seen.ask_size) == (21.0, 6.0)


def test_prices_between_the_best():
    seen = measure(BOOK)
    assert (seen.bid, seen.ask, seen.mid) == (100.0, 102.0, 101.0)
    assert seen.spread == 2.0 / 101.0
    # (100·3 + 102·1) / 4 = 100.5: most wait to sell, so the price is about to fall
    assert seen.microprice == 100.5
    # (1460 − 617) / (1460 + 617)
    assert seen.imbalance == 843.0 / 2077.0


def test_levels_beyond_the_twentieth_are_not_looked_at():
    asks = tuple((100.0 + n, 1.0) for n in range(30))
    seen = measure(BookView(((99.0, 1.0),), asks))
    assert seen.ask_size == MAX_LEVELS == 20
    assert seen.ask_10 == sum(price for price, _ in asks[:10]) == 1045.0
    assert walk(asks, 25.0)[1] == 20.0


def test_contracts_are_worth_their_multiplier_and_inverse_ones_no_price():
    linear = measure(BOOK, Terms(0.01))
    assert linear.bid_5 == pytest.approx(14.60)
    inverse = measure(BOOK, Terms(100.0, inverse=True))
    assert (inverse.ask_1, inverse.ask_10) == (300.0, 600.0)  # 3 contracts of 100, then 6
    assert Terms(100.0, inverse=True).notional(7.0, 3.0) == 300.0


def test_the_average_price_of_a_walk():
    # 3 at 102, 2 at 103, half of one at 105: (306 + 206 + 52.5) / 5.5
    price, done = walk(BOOK.asks, 5.5)
    assert (price, done) == (564.5 / 5.5, 5.5)
    assert walk_cost(BOOK.asks, 101.0, 5.5) == (564.5 / 5.5 - 101.0) / 101.0
    # 1 at 100 and 1 at 99 on the other side
    assert walk(BOOK.bids, 2.0) == (99.5, 2.0)
    assert walk_cost(BOOK.bids, 101.0, 2.0) == 1.5 / 101.0


def test_nobody_knows_what_lies_behind_what_is_seen():
    assert walk_cost(BOOK.asks, 101.0, 6.1) == math.inf
    price, done = walk(BOOK.asks, 6.1)
    assert price == pytest.approx(617.0 / 6.0)
    assert done == pytest.approx(6.0)
    assert walk_cost(BOOK.asks, 101.0, 0.0) == 0.0
    assert math.isnan(walk(BOOK.asks, 0.0)[0])


def test_the_quantity_whose_average_is_at_the_bound():
    # average 102.25 with x of the second level: (306 + 103x) / (3 + x) = 102.25 -> 0.75x = 0.75 -> x = 1
    assert quantity_within(BOOK.asks, 101.0, 1.25 / 101.0) == pytest.approx(4.0)
    assert quantity_within(BOOK.asks, 101.0, 0.9 / 101.0) == 0.0  # half the spread is 1
    assert quantity_within(BOOK.asks, 101.0, 1.0) == 6.0


@pytest.mark.parametrize(
    ("book", "fault"),
    [
        (BookView((), BOOK.asks), "the bid side is empty"),
        (BookView(BOOK.bids, ()), "the ask side is empty"),
        (BookView(((102.0, 1.0),), BOOK.asks), "the best bid 102.0 is not below the best ask 102.0"),
        (BookView(((103.0, 1.0),), BOOK.asks), "is not below"),
        (BookView(((math.nan, 1.0),), BOOK.asks), "is not below"),
        (BookView(((100.0, math.nan),), BOOK.asks), "bid prices and sizes must be positive numbers"),
        (BookView(((100.0, 0.0),), BOOK.asks), "bid prices and sizes"),
        (BookView(((-1.0, 1.0),), BOOK.asks), "bid prices and sizes"),
        (BookView(BOOK.bids, ((102.0, 1.0), (math.inf, 1.0))), "ask prices and sizes"),
        (BookView(BOOK.bids, ((102.0, 1.0), (102.0, 1.0))), "ask prices and sizes"),
        (BookView(((100.0, 1.0), (101.0, 1.0)), BOOK.asks), "bid prices and sizes"),
        (BookView(BOOK.bids, ((102.0, 1.0), (101.5, 1.0))), "from the best price on"),
    ],
)
def test_what_is_no_book_has_a_fault_and_no_numbers(book, fault):
    seen = measure(book)
    assert fault in seen.fault
    assert all(math.isnan(number) for number in seen[:-1])


@given(books())
def test_measures_of_a_book_are_finite_and_within_their_bounds(book):
    seen = measure(book)
    assert not seen.fault
    assert all(math.isfinite(number) and number > 0.0 for number in (*seen[:5], *seen[6:-1]))
    assert seen.bid <= seen.microprice <= seen.ask
    assert -1.0 <= seen.imbalance <= 1.0
    assert seen.bid_1 <= seen.bid_5 <= seen.bid_10 <= seen.bid_worth
    assert seen.ask_1 <= seen.ask_5 <= seen.ask_10 <= seen.ask_worth


@given(books(), st.floats(0.0, 0.1), st.floats(0.0, 0.1))
def test_more_may_be_taken_for_a_higher_price_and_never_beyond_the_bound(book, one, other):
    seen = measure(book)
    low, high = sorted((one, other))
    for levels, visible in ((book.asks, seen.ask_size), (book.bids, seen.bid_size)):
        less, more = quantity_within(levels, seen.mid, low), quantity_within(levels, seen.mid, high)
        assert 0.0 <= less <= more <= visible * (1 + 1e-12)
        assert walk_cost(levels, seen.mid, more) <= high + 1e-12
        if more < visible * 0.999:  # and it is the largest
            assert walk_cost(levels, seen.mid, more * 1.001 + 1e-9) > high - 1e-12


@given(books(), st.floats(0.001, 500.0), st.floats(0.001, 500.0))
def test_walking_further_never_costs_less(book, one, other):
    mid = measure(book).mid
    less, more = sorted((one, other))
    assert walk_cost(book.asks, mid, less) <= walk_cost(book.asks, mid, more) + 1e-12
    assert walk_cost(book.bids, mid, less) <= walk_cost(book.bids, mid, more) + 1e-12
