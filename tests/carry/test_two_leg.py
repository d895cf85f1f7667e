"""Two legs, step by step: who goes first, what is hedged and what taken back, and when time is up."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from nautilus_quant.carry.two_leg_orders import Purpose
from nautilus_quant.carry.two_leg_terms import Leg, Style, TwoLegParams
from nautilus_quant.carry.two_leg_told import Phase, What
from nautilus_quant.portfolio.sizing import Lot
from tests.carry.two_leg_kit import (
    CANCELED,
    FILLED,
    REFUSED,
    SECOND,
    T0,
    WORKING,
    at,
    cancels,
    ids,
    legs,
    news,
    opened,
    pair,
    places,
)

# -- who goes first ----------------------------------------------------------------------------------------


def test_both_go_at_once() -> None:
    machine = pair()
    first = machine.want(Decimal(5), T0)
    assert places(first) == [(0, 5, "lead"), (1, -5, "lead")]
    assert machine.phase is Phase.TRADING
    one, two = ids(first)
    assert machine.on_order(one, Decimal(5), FILLED, at(0.1)) == []
    assert machine.phase is Phase.UNHEDGED
    assert machine.unhedged == 500.0
    assert news(machine.on_order(two, Decimal(5), FILLED, at(0.3))) == [What.OPENED]
    assert (machine.phase, machine.matched, machine.held) == (Phase.HEDGED, 5, (5, -5))
    assert machine.used == 0.0  # a new budget for what comes next


def test_one_rests_and_the_other_follows_its_fills() -> None:
    machine = pair(style=Style.PASSIVE_AGGRESSIVE, lead=1)
    [lead] = machine.want(Decimal(5), T0)
    assert (lead.leg, lead.quantity, lead.passive, lead.reducing) == (1, -5, True, False)
    [follow] = machine.on_order(lead.id, Decimal(2), WORKING, at(1))
    assert (follow.leg, follow.quantity, follow.passive, follow.purpose) == (0, 2, False, Purpose.HEDGE)
    # one more fills while that is on its way: it waits, and is not sent twice
    assert machine.on_order(lead.id, Decimal(3), WORKING, at(1.1)) == []
    assert places(machine.on_order(follow.id, Decimal(2), FILLED, at(1.2))) == [(0, 1, "hedge")]


def test_nothing_rests_when_it_is_urgent() -> None:
    machine = pair(style=Style.PASSIVE_AGGRESSIVE)
    assert [a.passive for a in machine.want(Decimal(5), T0, urgent=True)] == [False, False]


def test_more_than_a_part_goes_in_parts() -> None:
    machine = pair()
    [one, two] = machine.want(Decimal(25), T0)
    assert abs(one.quantity) == abs(two.quantity) == 10  # 6 000 / (2 · 3 · 1 s) / 100
    machine.on_order(one.id, Decimal(10), FILLED, at(0.1))
    assert places(machine.on_order(two.id, Decimal(10), FILLED, at(0.2))) == [
        (0, 10, "lead"),
        (1, -10, "lead"),
    ]


def test_nor_is_an_order_larger_than_its_venue_takes() -> None:
    machine = pair(legs(most="3"))
    assert places(machine.want(Decimal(5), T0)) == [(0, 3, "lead"), (1, -3, "lead")]


def test_unlike_contracts_are_held_by_their_weights() -> None:
    """0.001 of a coin a contract: a coin against a thousand contracts; both of whole lots."""
    one = Leg(name="A", weight=Decimal(1), lot=Lot(step=Decimal("0.0001")))
    two = Leg(name="B", weight=Decimal(-1000), lot=Lot(step=Decimal(1)))
    machine = pair((one, two), prices=((100.0, 0.1), (0.1, 0.0001)))
    assert places(machine.want(Decimal("2.0005"), T0)) == [(0, 2, "lead"), (1, -2000, "lead")]


@pytest.mark.parametrize("values", [(math.nan, 100.0), (100.0, math.nan)])
def test_nothing_is_opened_without_values(values) -> None:
    machine = pair(prices=[(value, 0.1) for value in values])
    assert machine.want(Decimal(5), T0) == []


def test_what_is_too_small_for_a_venue_is_not_opened() -> None:
    machine = pair(legs(least="2"))
    assert machine.want(Decimal(1), T0) == []
    by_value = tuple(Leg(name=leg.name, weight=leg.weight, lot=leg.lot, least_value=150.0) for leg in legs())
    assert pair(by_value).want(Decimal("1.4"), T0) == []
    assert len(pair(by_value).want(Decimal("1.5"), T0)) == 2


# -- hedged or taken back ----------------------------------------------------------------------------------


def half_open(cost_two: float, value_two: float = 100.0, edge: float | None = None):
    """Four of A are there, resting; B has come to cost so much."""
    machine = pair(style=Style.PASSIVE_AGGRESSIVE)
    [lead] = machine.want(Decimal(4), T0, edge=edge)
    machine.on_market(1, value_two, cost_two, at(1))
    return machine, machine.on_order(lead.id, Decimal(4), FILLED, at(1))


@pytest.mark.parametrize(
    ("cost", "value", "edge", "hedges"),
    [
        (0.2, 100.0, None, True),  # as when it was wanted
        # hedging is worth the 0.2 accepted then and the 0.1 that unwinding costs: up to 0.3
        (0.299, 100.0, None, True),
        (0.301, 100.0, None, False),
        # B has fallen by 0.2: selling it now brings so much less
        (0.2, 99.901, None, True),
        (0.2, 99.899, None, False),
        # said to be worth 1.0 a unit: up to 1.1
        (1.099, 100.0, 1.0, True),
        (1.101, 100.0, 1.0, False),
        (math.nan, 100.0, None, False),  # unknown is not cheap
    ],
)
def test_by_what_costs_less(cost: float, value: float, edge: float | None, hedges: bool) -> None:
    _, actions = half_open(cost, value, edge)
    assert places(actions) == ([(1, -4, "hedge")] if hedges else [(0, -4, "unwind")])


def test_what_takes_back_only_reduces() -> None:
    machine, [unwind] = half_open(5.0)
    assert unwind.reducing
    # and is not entered again at the same price, until it is wanted again
    assert news(machine.on_order(unwind.id, Decimal(4), FILLED, at(2))) == [What.FAILED]
    assert machine.phase is Phase.FLAT
    assert len(machine.want(Decimal(4), at(3))) == 1


def test_a_refused_second_leg_takes_the_first_with_it() -> None:
    machine = pair()
    one, two = ids(machine.want(Decimal(4), T0))
    machine.on_order(one, Decimal(4), FILLED, at(0.1))
    refused = machine.on_order(two, Decimal(0), REFUSED, at(0.2))
    assert places(refused) == [(0, -4, "unwind")]
    done = machine.on_order(ids(refused)[0], Decimal(4), FILLED, at(0.3))
    assert news(done) == [What.FAILED]
    assert machine.matched == 0
    # nothing is added for a pause of 60 s, then the leg that was refused goes first and alone
    assert machine.want(Decimal(4), at(59)) == []
    assert places(machine.want(Decimal(4), at(61))) == [(1, -4, "lead")]


def test_what_goes_first_is_followed_by_as_much_as_has_filled() -> None:
    machine = pair()
    one, two = ids(machine.want(Decimal(4), T0))
    machine.on_order(two, Decimal(0), REFUSED, at(0.1))
    machine.on_order(one, Decimal(0), CANCELED, at(0.2))
    [lead] = machine.want(Decimal(4), at(61))
    assert (lead.leg, lead.quantity) == (1, -4)
    assert machine.want(Decimal(4), at(61.1)) == []  # on its way, and nothing has filled
    assert places(machine.on_order(lead.id, Decimal(1), WORKING, at(61.2))) == [(0, 1, "hedge")]


def test_a_partial_fill_is_what_both_are_cut_to() -> None:
    machine = pair()
    one, two = ids(machine.want(Decimal(4), T0))
    machine.on_order(one, Decimal(4), FILLED, at(0.1))
    assert places(machine.on_order(two, Decimal("1.5"), CANCELED, at(0.2))) == [
        (0, Decimal("-2.5"), "unwind")
    ]


def test_what_does_not_fill_in_time_is_taken_back_again_and_again() -> None:
    machine = pair(style=Style.PASSIVE_AGGRESSIVE)
    [lead] = machine.want(Decimal(4), T0)
    assert machine.on_time(at(9.9)) == []
    assert cancels(machine.on_time(at(10))) == [lead.id]
    assert machine.on_cancel_refused(lead.id, at(10.5)) == []
    assert cancels(machine.on_time(at(11))) == [lead.id]
    assert news(machine.on_order(lead.id, Decimal(0), CANCELED, at(11.1))) == [What.FAILED]
    assert places(machine.want(Decimal(4), at(11.2))) == [(0, 4, "lead")]  # a new wish is a new permission


def test_less_wanted_while_more_is_on_its_way_is_taken_back() -> None:
    machine = pair(style=Style.PASSIVE_AGGRESSIVE)
    [lead] = machine.want(Decimal(4), T0)
    assert cancels(machine.want(Decimal(2), at(1))) == [lead.id]
    assert places(machine.on_order(lead.id, Decimal(0), CANCELED, at(1.1))) == [(0, 2, "lead")]


# -- the budget ----------------------------------------------------------------------------------------------


def test_reaching_the_budget_forces_what_reduces() -> None:
    """400 alone, of 6 000: with three answers in reserve for 400 time is up at 6 000 / 400 - 3 = 12 s."""
    machine = pair(leg_timeout=30.0)
    one, two = ids(machine.want(Decimal(4), T0))
    machine.on_order(one, Decimal(4), FILLED, at(1))
    while machine.wake < at(12.9):
        assert machine.on_time(machine.wake) == []
    assert machine.wake == pytest.approx(at(13), abs=2)
    forced = machine.on_time(machine.wake + 1)
    assert news(forced) == [What.FORCED]
    assert cancels(forced) == [two]
    assert places(forced) == [(0, -4, "unwind")]
    assert machine.used == pytest.approx(4_800.0)


def test_a_venue_that_is_down_is_hedged_with_the_other_when_time_is_up() -> None:
    """Closing: A is out, B cannot be reached; A is taken again rather than left open."""
    machine = opened(pair(leg_timeout=30.0), 4)
    one, two = ids(machine.want(Decimal(0), at(1)))
    machine.on_order(one, Decimal(4), FILLED, at(1.1))
    assert machine.on_venue(1, at(1.2), down=True) == []
    back = machine.on_time(at(14))
    assert news(back) == [What.FORCED]
    assert places(back) == [(0, 4, "hedge")]
    # and when the closing of B was filled after all, A goes again
    machine.on_order(ids(back)[0], Decimal(4), FILLED, at(14.1))
    machine.on_venue(1, at(20), down=False)
    assert places(machine.on_order(two, Decimal(4), FILLED, at(20.1))) == [(0, -4, "unwind")]


def test_where_neither_leg_can_be_traded_somebody_is_told_once() -> None:
    machine = opened(pair(leg_timeout=30.0), 4)
    one, _ = ids(machine.want(Decimal(0), at(1)))
    machine.on_order(one, Decimal(4), FILLED, at(1.1))
    for leg in (0, 1):
        machine.on_venue(leg, at(1.2), down=True)
    assert news(machine.on_time(at(14))) == [What.FORCED, What.STUCK]
    assert news(machine.on_time(at(15))) == []


def test_what_is_alone_without_a_known_value_is_taken_back_at_once() -> None:
    machine = pair(prices=((math.nan, 0.1), (100.0, 0.1)))
    actions = machine.reconcile({}, (Decimal(4), Decimal(0)), at(1))
    assert news(actions) == [What.FORCED]
    assert places(actions) == [(0, -4, "unwind")]


def test_a_closing_that_is_refused_waits_twice_as_long_each_time() -> None:
    machine = opened(pair(max_unhedged=1e9, pause=5.0), 4)
    tries, now, todo = [], 1.0, machine.want(Decimal(0), at(1))
    machine.on_order(ids(todo)[0], Decimal(4), FILLED, at(1))
    order_id = ids(todo)[1]
    for _ in range(5):
        assert places(machine.on_order(order_id, Decimal(0), REFUSED, at(now))) == []
        while not (todo := machine.on_time(machine.wake)):
            pass
        [order_id], since, now = ids(todo), now, (machine._ts - T0) / SECOND
        tries.append(now - since)
    assert tries == [1.0, 2.0, 4.0, 5.0, 5.0]


# -- leaving -----------------------------------------------------------------------------------------------


def test_leaving_only_reduces_and_never_more_than_is_held() -> None:
    machine = opened(pair(), 25)
    actions = machine.want(Decimal(0), at(1))
    assert places(actions) == [(0, -10, "lead"), (1, 10, "lead")]
    assert all(a.reducing for a in actions)


def test_a_part_leaves_what_can_still_be_closed() -> None:
    """Of 11, of which 10 may go at once: the one that stays would be less than any order may be."""
    machine = opened(pair(legs(least="2")), 10)
    machine.reconcile({}, (Decimal(11), Decimal(-11)), at(1))
    assert places(machine.want(Decimal(0), at(2))) == [(0, -9, "lead"), (1, 9, "lead")]


def test_what_is_hedged_and_too_small_for_an_order_stays() -> None:
    machine = pair(legs(least="2"))
    machine.reconcile({}, (Decimal(1), Decimal(-1)), at(1))
    assert places(machine.want(Decimal(0), at(2))) == []
    assert machine.phase is Phase.HEDGED


def test_the_other_way_round_is_closed_before_it_is_opened() -> None:
    machine = opened(pair(), 4)
    one, two = ids(machine.want(Decimal(-3), at(1)))
    machine.on_order(one, Decimal(4), FILLED, at(1.1))
    assert places(machine.on_order(two, Decimal(4), FILLED, at(1.2))) == [(0, -3, "lead"), (1, 3, "lead")]


def test_the_other_way_round_may_rest_too() -> None:
    machine = opened(pair(style=Style.PASSIVE_AGGRESSIVE), 4)
    [lead] = machine.want(Decimal(-3), at(1))
    assert (lead.leg, lead.quantity, lead.passive, lead.reducing) == (0, -4, True, True)
    assert machine.on_time(at(2)) == []
    assert machine.want(Decimal(-2), at(3)) == []  # it is to go anyway
    assert cancels(machine.want(Decimal(4), at(4))) == [lead.id]  # and now it is not


def test_while_halted_nothing_is_opened_and_what_is_apart_is_taken_back() -> None:
    machine = pair(style=Style.PASSIVE_AGGRESSIVE)
    [lead] = machine.want(Decimal(4), T0)
    assert cancels(machine.halt(at(1))) == [lead.id]
    assert places(machine.on_order(lead.id, Decimal(1), CANCELED, at(1.1))) == [(0, -1, "unwind")]
    assert machine.want(Decimal(4), at(2)) == []


def test_whoever_leaves_waits_for_nothing() -> None:
    machine = pair(style=Style.PASSIVE_AGGRESSIVE)
    [lead] = machine.want(Decimal(4), T0)
    [hedge] = machine.on_order(lead.id, Decimal(1), WORKING, at(1))
    machine.on_order(hedge.id, Decimal(0), REFUSED, at(1.1))
    left = machine.leave(at(1.2))
    assert places(left) == [(0, -1, "unwind")]


def test_a_leg_traded_by_somebody_else_takes_the_other_with_it() -> None:
    machine = opened(pair(), 4)
    assert places(machine.on_held(1, Decimal(0), at(1))) == [(0, -4, "unwind")]
    order_id = next(machine.book.orders.live()).id
    assert set(news(machine.on_order(order_id, Decimal(4), FILLED, at(1.1)))) == {What.FAILED, What.CLOSED}
    assert machine.on_time(at(100)) == []


# -- parameters --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"lead": 2}, "lead 0 or 1"),
        ({"answer": 0.0}, "0 < answer"),
        ({"answer": math.nan}, "0 < answer"),
        ({"leg_timeout": 0.5}, "answer <= leg_timeout"),
        ({"max_unhedged": 0.0}, "0 < max_unhedged"),
        ({"pause": 0.1}, "answer <= pause"),
    ],
)
def test_impossible_parameters_are_refused(wrong, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        TwoLegParams(**wrong)


def test_a_leg_without_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="a weight other than 0"):
        Leg(name="A", weight=Decimal(0), lot=Lot(step=Decimal(1)))
