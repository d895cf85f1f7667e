"""Closing orders in a thin book."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.safety.slicing import max_slice, walk

D = Decimal
BIDS = [(100.0, 2.0), (99.0, 3.0), (90.0, 10.0)]

sizes = st.floats(1e-3, 1e6)
books = st.lists(st.tuples(st.floats(50.0, 150.0), sizes), min_size=1, max_size=10).map(
    lambda levels: sorted(levels, reverse=True)
)


def average_cost(depth, quantity):
    """Distance of the average fill from the best price [basis points], walking the book level by level."""
    left, paid = quantity, 0.0
    for price, size in depth:
        part = min(left, size)
        paid += part * abs(price - depth[0][0])
        left -= part
    return paid / quantity / depth[0][0] * 10_000.0


def test_walk_stops_inside_the_level_that_gets_too_dear():
    # 2 at 100, then x at 99: the average is x / (2 + x) away, 0.5 % of 100 at x = 2
    assert walk(BIDS, 50.0) == (4.0, 15.0)


def test_walk_takes_everything_when_all_is_cheap_enough():
    assert walk(BIDS, 10_000.0) == (15.0, 15.0)


def test_walk_takes_the_best_level_only_when_nothing_may_be_paid():
    assert walk(BIDS, 0.0) == (2.0, 15.0)


def test_walk_works_on_asks_as_well():
    assert walk([(100.0, 2.0), (101.0, 3.0)], 50.0) == (4.0, 5.0)


def test_walk_leaves_out_what_is_no_price_or_size_and_more_than_ten_levels():
    bad = [(math.nan, 5.0), (0.0, 5.0), (100.0, math.nan), (100.0, 0.0), (math.inf, 1.0), (100.0, math.inf)]
    assert walk([*bad, *[(100.0, 1.0)] * 12], 10.0) == (10.0, 10.0)
    assert walk(bad, 10.0) == (0.0, 0.0)


@given(books, st.floats(0.0, 500.0))
def test_walk_costs_at_most_the_bound_and_a_little_more_would_cost_more(depth, bound):
    quantity, visible = walk(depth, bound)
    assert 0.0 < quantity <= visible * (1 + 1e-12)
    assert average_cost(depth, quantity) <= bound * (1 + 1e-6) + 1e-6
    if quantity < visible * 0.98:
        assert average_cost(depth, quantity * 1.02) > bound * (1 - 1e-6)


def test_slice_is_the_smaller_of_cost_and_participation():
    assert max_slice(D(100), BIDS, lot=D("0.1"), max_impact_bps=50.0, participation=1.0) == D("4.0")
    assert max_slice(D(100), BIDS, lot=D("0.1"), max_impact_bps=50.0, participation=0.2) == D("3.0")


def test_slice_is_rounded_down_to_a_lot():
    assert max_slice(D(100), BIDS, lot=D(3), max_impact_bps=50.0, participation=1.0) == D(3)


def test_slice_is_at_least_the_smallest_order():
    thin = [(100.0, 0.01)]
    assert max_slice(D(100), thin, lot=D("0.1")) == D("0.1")
    assert max_slice(D(100), thin, lot=D("0.1"), smallest=D(5)) == D(5)


def test_slice_takes_along_what_could_not_be_closed_alone():
    assert max_slice(
        D("4.5"), BIDS, lot=D("0.1"), smallest=D(1), max_impact_bps=50.0, participation=1.0
    ) == D("4.5")
    assert max_slice(D(5), BIDS, lot=D("0.1"), smallest=D(1), max_impact_bps=50.0, participation=1.0) == D(4)


@pytest.mark.parametrize("depth", [[], [(math.nan, 1.0)], [(100.0, 0.0)]])
def test_without_depth_everything_goes_at_once(depth):
    assert max_slice(D(100), depth, lot=D("0.1")) == D(100)


@given(
    remaining=st.decimals("0.001", "1000000", places=3),
    depth=books | st.just([]),
    lot=st.sampled_from([D("0.001"), D("0.1"), D(1)]),
    smallest=st.sampled_from([None, D("0.01"), D(7)]),
    bound=st.floats(0.0, 500.0),
    share=st.floats(1e-6, 1.0),
)
def test_slice_is_positive_never_more_than_remains_and_leaves_nothing_unclosable(
    *, remaining, depth, lot, smallest, bound, share
):
    quantity = max_slice(
        remaining, depth, lot=lot, smallest=smallest, max_impact_bps=bound, participation=share
    )
    least = max(lot, smallest or lot)
    assert 0 < quantity <= remaining
    assert quantity == remaining or (quantity >= least and quantity % lot in (0, least % lot))
    assert remaining - quantity == 0 or remaining - quantity >= least


@pytest.mark.parametrize(
    "wrong",
    [
        {"lot": D(0)},
        {"lot": D(-1)},
        {"max_impact_bps": -1.0},
        {"max_impact_bps": math.nan},
        {"participation": 0.0},
        {"participation": 1.1},
        {"participation": math.nan},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="need lot > 0, max_impact_bps >= 0"):
        max_slice(D(1), BIDS, **{"lot": D(1), **wrong})
