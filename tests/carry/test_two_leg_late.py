"""Two legs when things are told late or twice, after a crash, in small sizes, and if clocks are set back."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from nautilus_quant.carry.two_leg import TwoLeg
from nautilus_quant.carry.two_leg_orders import LegOrders
from nautilus_quant.carry.two_leg_terms import Leg, Style
from nautilus_quant.carry.two_leg_told import Phase, Place
from nautilus_quant.portfolio.sizing import Lot
from tests.carry.two_leg_kit import (
    CANCELED,
    FILLED,
    REFUSED,
    T0,
    WORKING,
    at,
    cancels,
    ids,
    legs,
    opened,
    pair,
    places,
)

# -- what is told twice, late, or after a crash --------------------------------------------------------------


def test_the_same_told_twice_or_late_or_of_nobody_changes_nothing() -> None:
    machine = pair()
    one, two = ids(machine.want(Decimal(4), T0))
    for order_id in (one, two):
        machine.on_order(order_id, Decimal(4), FILLED, at(1))
    for order_id in (one, two, "Z"):
        assert machine.on_order(order_id, Decimal(4), FILLED, at(2)) == []
        assert machine.on_order(order_id, Decimal(1), WORKING, at(2)) == []
    assert machine.held == (4, -4)


def test_what_fills_after_its_end_was_told_is_mended() -> None:
    machine = pair(style=Style.PASSIVE_AGGRESSIVE)
    [lead] = machine.want(Decimal(4), T0)
    machine.on_time(at(10))
    machine.on_order(lead.id, Decimal(0), CANCELED, at(10.1))
    assert places(machine.on_order(lead.id, Decimal(3), CANCELED, at(10.2))) == [(1, -3, "hedge")]


def test_what_a_venue_keeps_as_its_fee_is_not_hedged() -> None:
    machine = pair(style=Style.PASSIVE_AGGRESSIVE)
    [lead] = machine.want(Decimal(4), T0)
    actions = machine.on_order(lead.id, Decimal(4), FILLED, at(1), held=Decimal("3.9"))
    assert places(actions) == [(1, Decimal("-3.9"), "hedge")]


def again(machine: TwoLeg) -> TwoLeg:
    """The same, from what was kept."""
    other = pair()
    other.restore(json.loads(json.dumps(machine.to_dict())))
    return other


def test_a_restored_machine_sends_nothing_until_it_knows_what_became_of_its_orders() -> None:
    machine = pair()
    one, two = ids(machine.want(Decimal(4), T0))
    other = again(machine)
    assert other.phase is Phase.UNKNOWN
    assert other.to_dict() == machine.to_dict()
    assert other.on_time(at(100)) == []
    assert other.want(Decimal(8), at(100)) == []
    reports = {one: (Decimal(4), FILLED), two: None}
    assert places(other.reconcile(reports, (None, None), at(100.5))) == [(1, -4, "hedge")]
    assert other.held == (4, 0)


def test_an_order_whose_end_nobody_knows_is_not_sent_again() -> None:
    machine = pair(max_unhedged=1e6)
    one, two = ids(machine.want(Decimal(4), T0))
    other = again(machine)
    actions = other.reconcile({one: (Decimal(4), FILLED)}, (None, None), at(5))
    assert places(actions) == []
    assert cancels(actions) == [two]
    # not heard of for an answer's time: what is alone goes, the order that is missing still counts as alive
    assert places(other.on_time(at(6))) == [(0, -4, "unwind")]


def test_weights_that_were_changed_hold_after_a_restart_while_something_is_held() -> None:
    machine = opened(pair(), 4)
    assert machine.reweigh(legs("1", "-1.5"), at(1)) != []  # the legs are brought to them
    order = next(machine.book.orders.live())
    machine.on_order(order.id, abs(order.quantity), FILLED, at(2))
    other = again(machine)
    assert other.reconcile({}, (None, None), at(3)) == []
    assert other.phase is Phase.HEDGED
    assert other.book.legs[1].weight == Decimal("-1.5")
    flat = pair()
    flat.reweigh(legs("1", "-1.5"), at(1))
    assert again(flat).book.legs[1].weight == -1


def test_ids_are_never_used_again() -> None:
    orders = LegOrders("X")
    known = {orders.next_id(T0) for _ in range(3)}
    other = LegOrders("X")
    other.restore(orders.to_dict())
    assert len(known | {other.next_id(T0)}) == 4


def test_memory_is_bounded() -> None:
    machine = pair()
    for turn in range(60):
        for target in (4, 0):
            todo = machine.want(Decimal(target), at(turn))
            for place in [a for a in todo if isinstance(a, Place)]:
                machine.on_order(place.id, abs(place.quantity), FILLED, at(turn))
    assert len(machine.to_dict()["book"]["orders"]["orders"]) <= 70


# -- what is too small -------------------------------------------------------------------------------------


def worth_fifty() -> tuple[Leg, Leg]:
    """Of 100 a unit nothing below half a unit is taken."""
    lot = Lot(step=Decimal("0.01"))
    both = zip("AB", (Decimal(1), Decimal(-1)), strict=True)
    one, two = (Leg(name=name, weight=weight, lot=lot, least_value=50.0) for name, weight in both)
    return one, two


def test_a_fill_too_small_for_any_order_does_not_hold_up_the_pair() -> None:
    machine = pair(worth_fifty(), style=Style.PASSIVE_AGGRESSIVE)
    [lead] = machine.want(Decimal(5), T0)
    machine.on_order(lead.id, Decimal("0.3"), WORKING, at(1))  # worth 30
    machine.on_time(at(10))
    machine.on_order(lead.id, Decimal("0.3"), CANCELED, at(11))
    assert (machine.phase, machine.unhedged, machine.used) == (Phase.FLAT, 0.0, 0.0)
    # and it is part of what is opened next
    [lead] = machine.want(Decimal(5), at(100))
    assert lead.quantity == Decimal("4.7")
    [follow] = machine.on_order(lead.id, Decimal("4.7"), FILLED, at(101))
    machine.on_order(follow.id, Decimal(5), FILLED, at(101))
    assert machine.held == (5, -5)


def test_nothing_is_left_of_a_closing_that_could_not_be_closed() -> None:
    machine = opened(pair(worth_fifty(), max_unhedged=1_500.0), 1)  # parts are worth 250
    for target in ("2", "2.7"):
        todo = machine.want(Decimal(target), at(10))
        while placed := [a for a in todo if isinstance(a, Place)]:
            todo = [b for a in placed for b in machine.on_order(a.id, abs(a.quantity), FILLED, at(10))]
    # 2.7 by parts of 2.5 would leave 0.2, worth 20
    assert places(machine.want(Decimal(0), at(20))) == [
        (0, Decimal("-2.2"), "lead"),
        (1, Decimal("2.2"), "lead"),
    ]


# -- clocks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("restarts", [False, True])
def test_what_is_late_is_late_also_by_a_clock_that_was_set_back(restarts: bool) -> None:
    machine = pair(style=Style.PASSIVE_AGGRESSIVE)
    [lead] = machine.want(Decimal(5), at(0))
    if restarts:
        document = json.loads(json.dumps(machine.to_dict()))
        machine = pair(style=Style.PASSIVE_AGGRESSIVE)
        machine.restore(document)
        machine.reconcile({lead.id: (Decimal(0), WORKING)}, (None, None), at(-3_600))
        assert machine.wake is not None
        assert machine.wake <= at(-3_600 + 10)
        return
    assert machine.on_time(at(-3_600)) == []
    assert cancels(machine.on_time(at(-3_600 + 9))) == []
    assert cancels(machine.on_time(at(-3_600 + 10))) == [lead.id]


def test_a_wait_after_a_failure_does_not_last_for_an_hour_by_a_clock_that_was_set_back() -> None:
    machine = opened(pair(), 5)
    first = machine.want(Decimal(0), at(1))
    for order_id in ids(first):
        machine.on_order(order_id, Decimal(0), REFUSED, at(1))
    assert places(machine.on_time(at(-3_600))) == []
    assert [leg for leg, *_ in places(machine.on_time(at(-3_600 + 1)))] != []


def test_events_that_come_a_little_out_of_order_move_no_clock() -> None:
    machine = pair(style=Style.PASSIVE_AGGRESSIVE)
    [lead] = machine.want(Decimal(5), at(0))
    machine.on_time(at(5))
    machine.on_time(at(4.5))
    assert cancels(machine.on_time(at(9.7))) == []
    assert cancels(machine.on_time(at(10))) == [lead.id]
