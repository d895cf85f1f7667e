from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.portfolio.matching import matched
from nautilus_quant.portfolio.sizing import Lot

CENT, TENTH = Lot(step=Decimal("0.01")), Lot(step=Decimal("0.1"), minimum=Decimal("0.5"))
LOTS = {"a": CENT, "b": TENTH}


def pair(a: str, b: str) -> dict[str, Decimal]:
    return {"a": Decimal(a), "b": Decimal(b)}


@pytest.mark.parametrize(
    ("plan", "held", "keeps"),
    [
        (("2", "-10"), ("2", "-10"), ("2", "-10")),  # as planned
        (("2", "-10"), ("2", "-4"), ("0.8", "-4")),  # the one filled in part
        (("2", "-10"), ("0.5", "-10"), ("0.5", "-2.5")),  # the other
        (("2", "-10"), ("2", "0"), ("0", "0")),  # alone
        (("2", "-10"), ("0", "0"), ("0", "0")),  # flat
        (("2", "-10"), ("2", "10"), ("0", "0")),  # on the wrong side
        (("2", "-10"), ("3", "-10"), ("2", "-10")),  # more than planned
        (("2", "-10"), ("3", "-15"), ("3", "-15")),  # more than planned of both
        (("2", "-10"), ("2", "-0.4"), ("0", "0")),  # too small to trade
        (("2", "-10"), ("0.999", "-5"), ("0.999", "-5")),  # within a step
        (("0", "0"), ("2", "-10"), ("2", "-10")),  # nobody knows the plan
        (("0", "0"), ("2", "0"), ("0", "0")),
    ],
)
def test_what_legs_have_in_common(plan, held, keeps) -> None:
    assert matched(pair(*plan), pair(*held), LOTS) == pair(*keeps)


def test_without_a_plan_legs_are_all_held_or_none() -> None:
    assert matched({}, pair("2", "-1"), LOTS) == pair("2", "-1")
    assert matched({"a": Decimal(2)}, pair("2", "0"), LOTS) == pair("0", "0")


amount = st.integers(1, 10_000).map(lambda n: Decimal(n) / 10)


@given(amount, amount, amount, amount)
def test_never_more_than_held_and_never_a_leg_alone(plan_a, plan_b, held_a, held_b) -> None:
    plan, held = {"a": plan_a, "b": -plan_b}, {"a": held_a, "b": -held_b}
    keeps = matched(plan, held, LOTS)
    assert Decimal(0) <= keeps["a"] <= held_a
    assert -held_b <= keeps["b"] <= Decimal(0)
    assert bool(keeps["a"]) == bool(keeps["b"])
    if keeps["a"]:
        tolerance = CENT.step / plan_a + TENTH.step / plan_b
        assert abs(keeps["a"] / plan_a + keeps["b"] / plan_b) <= tolerance
        assert keeps["a"] == held_a or keeps["b"] == -held_b
