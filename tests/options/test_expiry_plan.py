"""The steps of a roll, whatever fills."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.options.expiry_plan import Leg, RollPlan, Step

D = Decimal


def walk(plan: RollPlan) -> list[tuple[str, str]]:
    taken = []
    while (step := plan.next()) is not None:
        taken.append((str(step.leg), str(step.quantity)))
        plan.filled(*step)
    return taken


def test_what_was_sold_is_bought_back_first() -> None:
    plan = RollPlan(D(5), D(2), closes_first=True)
    assert walk(plan) == [
        ("close", "2"),
        ("open", "2"),
        ("close", "2"),
        ("open", "2"),
        ("close", "1"),
        ("open", "1"),
    ]
    assert plan.is_done


def test_what_is_held_is_bought_anew_first() -> None:
    plan = RollPlan(D(3), D(2), closes_first=False)
    assert walk(plan) == [("open", "2"), ("close", "2"), ("open", "1"), ("close", "1")]


def test_a_part_is_evened_out_before_anything_else() -> None:
    plan = RollPlan(D(4), D(2), closes_first=False)
    plan.filled(Leg.OPEN, D("0.5"))
    assert plan.next() == Step(Leg.CLOSE, D("0.5"))
    plan.filled(Leg.CLOSE, D("0.2"))
    assert plan.next() == Step(Leg.CLOSE, D("0.3"))
    plan.filled(Leg.CLOSE, D("0.3"))
    assert plan.next() == Step(Leg.OPEN, D(2))


def test_a_spread_moves_both() -> None:
    plan = RollPlan(D(4), D(4), closes_first=True)
    plan.filled(Leg.SPREAD, D(3))
    assert plan.next() == Step(Leg.CLOSE, D(1))
    assert plan.excess == 0


def test_what_others_closed_is_not_rolled() -> None:
    plan = RollPlan(D(5), D(1), closes_first=True)
    plan.filled(Leg.CLOSE, D(1))
    plan.filled(Leg.OPEN, D(1))
    plan.left_by_others(D(2))  # four were left
    assert walk(plan) == [("close", "1"), ("open", "1"), ("close", "1"), ("open", "1")]
    late = RollPlan(D(5), D(2), closes_first=False)
    late.filled(Leg.OPEN, D(2))
    late.left_by_others(D(0))
    assert late.next() is None


fills = st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=60)


@given(st.integers(1, 40), st.integers(1, 50), st.booleans(), fills)
def test_never_more_at_risk_than_a_slice(
    total: int, slice_: int, closes: bool, parts: list[tuple[int, bool]]
) -> None:
    plan = RollPlan(D(total), D(slice_), closes_first=closes)
    for quarter, others in parts:
        step = plan.next()
        if step is None:
            break
        plan.filled(step.leg, step.quantity * quarter / 4)  # also nothing at all
        if others:
            plan = RollPlan.from_dict(json.loads(json.dumps(plan.to_dict())))
        assert plan.excess <= (0 if closes else plan.slice)
        assert -plan.excess <= (plan.slice if closes else 0)
        assert plan.closed <= plan.total
        assert plan.opened <= plan.total
    while (step := plan.next()) is not None:
        plan.filled(*step)
    assert plan.closed == plan.opened == plan.total == total


@given(st.integers(1, 40), st.integers(1, 50), st.booleans(), fills, st.integers(0, 40))
def test_left_by_others_it_ends(
    total: int, slice_: int, closes: bool, parts: list[tuple[int, bool]], held: int
) -> None:
    plan = RollPlan(D(total), D(slice_), closes_first=closes)
    for quarter, _ in parts:
        step = plan.next()
        if step is None:
            break
        plan.filled(step.leg, step.quantity * quarter / 4)
    left = min(D(held), plan.total - plan.closed)
    plan.left_by_others(left)
    closed = plan.closed
    walk(plan)
    assert plan.is_done
    assert plan.closed == closed + left


@pytest.mark.parametrize("wrong", [(0, 1), (1, 0), (-1, 1), ("NaN", 1)])
def test_impossible_quantities_are_refused(wrong: tuple[str, str]) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        RollPlan(D(wrong[0]), D(wrong[1]), closes_first=True)


def test_damage_is_refused() -> None:
    state = {**RollPlan(D(2), D(1), closes_first=True).to_dict(), "closed": "-1"}
    with pytest.raises(ValueError, match="quantities >= 0"):
        RollPlan.from_dict(state)
