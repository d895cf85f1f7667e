"""When a carry is cut, left, or left alone."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.carry.scaler_guard import (
    FREE,
    FREE_OF_MARGIN,
    Account,
    Bound,
    GuardParams,
    bound,
    limited,
)

SAFE = FREE_OF_MARGIN
PARAMS = GuardParams(distance=0.1, target=0.2, leave_before=3 * 86_400.0)
DAY = 86_400_000_000_000


def account(equity: float, notional: float, maintenance: float) -> Account:
    distance = (equity / notional - maintenance) / (1.0 + maintenance)
    return Account(distance, equity, notional, maintenance)


NEAR = account(50.0, 1_000.0, 0.0)
BETWEEN = account(150.0, 1_000.0, 0.0)
UNKNOWN = Account(math.nan, 100.0, 1_000.0, 0.0)


def test_far_from_everything_nothing_holds_it_back():
    assert bound(1_000.0, [SAFE, SAFE], PARAMS) == Bound(FREE, "", urgent=False)


def test_near_liquidation_both_legs_are_cut_by_hand():
    # Equity 6 500 on 100 000 at 2.5 %: a move by x ends it where 6 500 − 100 000·x = 2 500·(1 + x), 3.9 %.
    near = account(6_500.0, 100_000.0, 0.025)
    assert near.distance == pytest.approx(4_000 / 102_500)
    found = bound(100_000.0, [SAFE, near], PARAMS)
    # 20 % asks for N·0.2 + 0.025·N·1.2 = 6 500.
    assert found.most == pytest.approx(6_500 / 0.23)
    assert (found.why, found.urgent) == ("margin", True)
    # Half of it is another pair's, and cut by the same share.
    assert bound(50_000.0, [near], PARAMS).most == pytest.approx(3_250 / 0.23)


def test_the_nearest_account_counts_and_one_that_is_gone_goes_altogether():
    found = bound(100.0, [NEAR, account(20.0, 1_000.0, 0.0)], PARAMS)
    assert found.most == pytest.approx(100.0 * 0.02 / 0.2)
    assert bound(100.0, [Account(0.0, -5.0, 1_000.0, 0.0)], PARAMS).most == 0.0


@given(st.floats(1.0, 1e6), st.floats(0.051, 0.15), st.floats(0.0, 0.05))
def test_what_is_left_is_as_far_as_it_should_be(held, share, maintenance):
    near = account(held * share, held, maintenance)
    found = bound(held, [near], PARAMS)
    if near.distance >= PARAMS.distance:
        assert found == Bound(held, "margin", urgent=False)
        return
    assert account(near.equity, found.most, maintenance).distance == pytest.approx(PARAMS.target)


def test_no_more_is_added_than_the_target_bears():
    # 300 bear 1 500 at 20 %; 1 000 are there, 600 of them of this pair.
    assert bound(600.0, [account(300.0, 1_000.0, 0.0)], PARAMS) == Bound(1_100.0, "", urgent=False)
    empty = Account(math.inf, 300.0, 0.0, 0.005)
    assert bound(0.0, [empty], PARAMS).most == pytest.approx(300.0 / (0.2 + 0.005 * 1.2))


def test_an_account_that_bears_both_legs_bears_half_of_each():
    shared = account(300.0, 1_000.0, 0.0)
    # 500 more are what it bears: 250 of each leg.
    assert bound(600.0, [shared, shared], PARAMS) == Bound(850.0, "", urgent=False)
    empty = Account(math.inf, 300.0, 0.0, 0.005)
    other = empty._replace(maintenance=0.01)  # of the other instrument
    assert bound(0.0, [empty, other], PARAMS).most == pytest.approx(0.5 * 300.0 / (0.2 + 0.01 * 1.2))


@pytest.mark.parametrize(
    ("other", "halted", "why"),
    [(BETWEEN, False, "margin"), (UNKNOWN, False, "margin unknown"), (SAFE, True, "halted")],
)
def test_nothing_is_added_in_between(other, halted, why):
    assert bound(70.0, [SAFE, other], PARAMS, halted=halted) == Bound(70.0, why, urgent=False)


def test_what_is_halted_near_liquidation_is_still_cut():
    assert bound(70.0, [NEAR], PARAMS, halted=True).urgent


def test_what_ends_is_left_in_time():
    ends = 100 * DAY
    assert bound(70.0, [SAFE], PARAMS, ends=ends, now=97 * DAY - 1).why == ""
    for other in (SAFE, NEAR, UNKNOWN):
        assert bound(70.0, [other], PARAMS, ends=ends, now=97 * DAY)[:2] == (0.0, "ends")


def test_what_ends_while_it_is_halted_stays_hedged():
    found = bound(70.0, [SAFE], PARAMS, ends=100 * DAY, now=99 * DAY, halted=True)
    assert found == Bound(70.0, "halted", urgent=False)


@pytest.mark.parametrize("other", [SAFE, NEAR, UNKNOWN])
def test_what_is_held_and_not_known_bounds_all_but_the_way_out(other):
    found = bound(math.nan, [other], PARAMS)
    assert (math.isnan(found.most), found.why) == (True, "size unknown")
    assert math.isnan(limited(50.0, math.nan, found))
    assert limited(0.0, math.nan, found) == 0.0
    assert bound(math.nan, [other], PARAMS, ends=100 * DAY, now=99 * DAY).most == 0.0


@pytest.mark.parametrize("field", Account._fields)
def test_an_account_of_which_anything_is_unknown_bears_no_more(field):
    for known in (NEAR, BETWEEN, account(300.0, 1_000.0, 0.0)):
        found = bound(70.0, [known._replace(**{field: math.nan})], PARAMS)
        assert found == Bound(70.0, "margin unknown", urgent=False)


def test_sizes_within_a_bound():
    assert limited(-80.0, -50.0, Bound(60.0, "margin", urgent=False)) == -60.0
    assert limited(40.0, 50.0, Bound(50.0, "halted", urgent=False)) == 40.0
    assert limited(0.0, 50.0, Bound(50.0, "margin", urgent=False)) == 0.0
    assert limited(-80.0, 50.0, Bound(50.0, "margin", urgent=False)) == 0.0  # nothing new the other way
    assert limited(-80.0, 50.0, Bound(FREE, "", urgent=False)) == -80.0


@pytest.mark.parametrize("changes", [{"distance": 0.2}, {"distance": -0.1}, {"leave_before": -1.0}])
def test_impossible_parameters(changes):
    with pytest.raises(ValueError, match="need"):
        GuardParams(**{"distance": 0.1, "target": 0.2, **changes})
