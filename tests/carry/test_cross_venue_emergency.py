"""Hedges elsewhere: as large as what stands alone, as cheap as may be, and gone when nothing does."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.carry.cross_venue_emergency import HedgeStep, Refuge, plan, stranded

ZERO = Decimal(0)


def refuge(venue, cost=0.001, room="100", hedge="0", *, step="0.1", is_open=True):
    return Refuge(
        venue, is_open, cost, cost * 1.5, Decimal(room), Decimal(room), Decimal(step), Decimal(hedge)
    )


def steps(alone, *refuges):
    made = plan(Decimal(alone), refuges)
    return [(one.venue, str(one.change), one.reduces) for one in made.steps], str(made.missing)


def test_the_cheapest_venue_hedges():
    assert steps("5", refuge("A", 0.002), refuge("B", 0.001)) == ([("B", "-5", False)], "0")
    assert steps("-5", refuge("A", 0.002), refuge("B", 0.001)) == ([("B", "5", False)], "0")


def test_what_one_cannot_bear_the_next_does_and_the_rest_is_told():
    found = steps("5", refuge("A", 0.002, "1.57"), refuge("B", 0.001, "2"), refuge("C", 0.0, is_open=False))
    assert found == ([("B", "-2", False), ("A", "-1.5", False)], "-1.5")
    assert steps("5", refuge("A", math.nan)) == ([], "-5")
    assert steps("5", refuge("A", room="NaN")) == ([], "-5")
    assert steps("5") == ([], "-5")


def test_what_no_venue_takes_is_not_sent_again_and_again():
    picky = refuge("A", 0.001)._replace(smallest=Decimal("0.5"))
    assert steps("0.4", picky) == ([], "-0.4")
    assert steps("0.4", picky, refuge("B", 0.002)) == ([("B", "-0.4", False)], "0")
    assert steps("0.5", picky) == ([("A", "-0.5", False)], "0")
    assert steps("5", picky._replace(smallest=Decimal("NaN"))) == ([], "-5")
    # What is taken off is asked for in any case.
    assert steps("0", picky._replace(hedge=Decimal("-0.4"))) == ([("A", "0.4", True)], "0")


def test_a_hedge_is_taken_off_when_nothing_stands_alone_any_more():
    # closing never asks for room or a price
    assert steps("0", refuge("A", math.nan, "0", "-2"), refuge("B", 0.001, "0", "-3")) == (
        [("B", "3", True), ("A", "2", True)],
        "0",
    )
    assert steps("0", refuge("A", hedge="-2", is_open=False)) == ([], "2")


def test_a_part_of_it_goes_where_that_is_cheapest():
    assert steps("3", refuge("A", 0.002, hedge="-2"), refuge("B", 0.001, hedge="-3")) == (
        [("B", "2", True)],
        "0",
    )


def test_a_leg_that_changed_sides_takes_the_old_hedge_off_first():
    assert steps("-2", refuge("A", hedge="-3"), refuge("B", 0.0)) == (
        [("A", "3", True), ("B", "2", False)],
        "0",
    )


def test_what_is_smaller_than_an_order_is_left():
    assert steps("0.05", refuge("A")) == ([], "0")


coins = st.integers(-80, 80).map(lambda n: Decimal(n) / 8)
refuges = st.lists(
    st.builds(
        Refuge,
        venue=st.sampled_from("ABCD"),
        open=st.booleans(),
        buy_cost=st.floats(0.0, 0.01) | st.just(math.nan),
        sell_cost=st.floats(0.0, 0.01),
        buy_room=st.integers(0, 60).map(Decimal),
        sell_room=st.integers(0, 60).map(Decimal),
        step=st.sampled_from([Decimal("0.1"), Decimal("0.25"), Decimal(1)]),
        hedge=coins,
        smallest=st.sampled_from([ZERO, Decimal("0.5"), Decimal(3)]),
    ),
    max_size=4,
    unique_by=lambda one: one.venue,
)


@given(coins, refuges)
def test_a_plan_never_does_too_much(alone, known):
    made = plan(alone, known)
    by = {one.venue: one for one in known}
    before = -alone - sum((one.hedge for one in known), ZERO)
    left = before
    for step in made.steps:
        venue = by[step.venue]
        assert venue.open
        assert step.change % venue.step == 0
        assert step.change * before > 0  # always towards the goal
        if step.reduces:
            assert venue.hedge * step.change < 0
            assert abs(step.change) <= abs(venue.hedge)
        else:
            assert venue.smallest <= abs(step.change) <= venue.room(step.change)
            assert venue.hedge * step.change >= 0 or any(
                one.reduces and one.venue == step.venue for one in made.steps
            )
        left -= step.change
    assert left * before >= 0  # and never beyond it
    assert made.missing in {left, ZERO}
    finest = min((one.step for one in known), default=ZERO)
    assert (made.missing == 0) <= (abs(left) < finest or left == 0)


@given(coins, refuges)
def test_a_plan_that_was_carried_out_asks_for_nothing_more(alone, known):
    made = plan(alone, known)
    after = []
    for one in known:
        done = sum((step.change for step in made.steps if step.venue == one.venue), ZERO)
        added = sum((s.change for s in made.steps if s.venue == one.venue and not s.reduces), ZERO)
        room = {
            "buy_room": one.buy_room - max(added, ZERO),
            "sell_room": one.sell_room + min(added, ZERO),
        }
        after.append(one._replace(hedge=one.hedge + done, **room))
    again = plan(alone, after)
    assert sum((abs(step.change) for step in again.steps), ZERO) < max((one.step for one in known), default=1)


@pytest.mark.parametrize(
    ("held", "down", "alone"),
    [
        ({"A": "5", "B": "-5"}, "A", "0"),  # hedged: nothing to do, whoever is down
        ({"A": "5", "B": "-5"}, "AB", "0"),
        ({"A": "5", "B": "0"}, "A", "5"),
        ({"A": "5", "B": "-2"}, "A", "3"),
        ({"A": "5", "B": "-2"}, "B", "0"),  # A can be traded
        ({"A": "-5", "B": "2"}, "AB", "-3"),
        ({"A": "5", "B": "-2"}, "", "0"),
        ({"A": "0", "B": "0"}, "AB", "0"),
    ],
)
def test_what_stands_alone(held, down, alone):
    assert stranded({venue: Decimal(text) for venue, text in held.items()}, set(down)) == Decimal(alone)


def test_steps_are_plain():
    assert HedgeStep("A", Decimal(1), reduces=False) == ("A", 1, False)
