"""Slices that add up and cost no more than they may, and orders inside wide spreads."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.gating.liquidity_advice import SliceParams, SlicePlan, post_only_offset, slice_plan

STEP = Decimal("0.1")


def test_slices_by_hand():
    # At most 4 at once, of which half: slices of 2. 7.3 are 73 steps: four slices of 18 or 19 steps. To be a
    # tenth of a volume of 900 a quarter (1 a second), 1.9 take 19 s.
    plan = slice_plan(Decimal("7.3"), 4.0, 900.0, step=STEP)
    assert plan.sizes == (Decimal("1.9"), Decimal("1.8"), Decimal("1.8"), Decimal("1.8"))
    assert plan.spacing == pytest.approx(19.0)
    assert plan.rest == 0
    assert plan.duration == pytest.approx(57.0)


def test_what_fits_at_once_is_one_slice():
    assert slice_plan(Decimal("2.0"), 4.0, 900.0, step=STEP) == SlicePlan((Decimal("2.0"),), 0.0, Decimal(0))
    assert slice_plan(Decimal(2), math.inf, 0.0, step=STEP).sizes == (Decimal("2.0"),)


def test_the_time_between_has_bounds():
    params = SliceParams(min_spacing=5.0, max_spacing=60.0)
    assert slice_plan(Decimal(8), 4.0, 1e9, step=STEP, params=params).spacing == 5.0
    assert slice_plan(Decimal(8), 4.0, 1e-9, step=STEP, params=params).spacing == 60.0
    assert slice_plan(Decimal(8), 4.0, 0.0, step=STEP, params=params).spacing == 60.0


def test_too_many_slices_leave_a_rest():
    plan = slice_plan(Decimal(10), 2.0, 900.0, step=STEP, params=SliceParams(most=3))
    assert plan.sizes == (Decimal("1.0"),) * 3
    assert plan.rest == 7


def test_nothing_is_planned_where_nothing_may_be_traded():
    for largest in (0.0, -1.0, math.nan):
        assert slice_plan(Decimal(5), largest, 900.0, step=STEP) == SlicePlan((), 0.0, Decimal(5))
    assert slice_plan(Decimal("0.05"), 4.0, 900.0, step=STEP).sizes == ()
    # the venue takes no order as small as the market bears
    assert slice_plan(Decimal(5), 1.0, 900.0, step=STEP, smallest=Decimal(2)) == SlicePlan(
        (), 0.0, Decimal(5)
    )
    assert slice_plan(Decimal(0), 4.0, 900.0, step=STEP) == SlicePlan((), 0.0, Decimal(0))


@given(
    st.integers(0, 10_000),
    st.floats(0.0, 500.0),
    st.floats(0.0, 1e6),
    st.integers(0, 30),
    st.builds(SliceParams, share=st.floats(0.01, 1.0), most=st.integers(1, 60)),
)
def test_slices_add_up_and_none_is_too_large_or_too_small(quantity, largest, volume, least, params):
    whole, smallest = Decimal(quantity) / 100, Decimal(least) / 10
    plan = slice_plan(whole, largest, volume, step=STEP, smallest=smallest, params=params)
    assert sum(plan.sizes) + plan.rest == whole
    assert plan.rest >= 0
    assert len(plan.sizes) <= params.most
    for size in plan.sizes:
        assert size > 0
        assert size % STEP == 0
        assert size >= smallest
        assert float(size) <= largest
    assert 0.0 <= plan.spacing <= params.max_spacing


def test_an_order_rests_inside_a_wide_spread():
    assert post_only_offset(2, 0.0) == 0  # one free tick is not worth it
    assert post_only_offset(9, 0.0) == 4  # half of 8 free ticks
    assert post_only_offset(9, 0.5) == 6  # the book leans its way: 8·0.5·1.5
    assert post_only_offset(9, -0.5) == 2
    assert post_only_offset(9, -1.0) == 0
    assert post_only_offset(9, math.nan) == 0
    with pytest.raises(ValueError, match="wide >= 2"):
        post_only_offset(9, 0.0, wide=1)


@given(st.integers(-5, 1_000), st.floats(-1.0, 1.0), st.integers(2, 50), st.floats(0.0, 1.0))
def test_it_never_meets_the_other_side(spread, imbalance, wide, share):
    offset = post_only_offset(spread, imbalance, wide=wide, share=share)
    assert 0 <= offset <= max(spread - 1, 0)


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"share": 0.0}, "share"),
        ({"participation": 2.0}, "participation"),
        ({"min_spacing": 400.0}, "min_spacing <= max_spacing"),
        ({"most": 0}, "most >= 1"),
    ],
)
def test_impossible_parameters_are_refused(changed: dict[str, Any], rule: str):
    with pytest.raises(ValueError, match=rule):
        SliceParams(**changed)
    with pytest.raises(ValueError, match="step > 0"):
        slice_plan(Decimal(1), 1.0, 1.0, step=Decimal(0))
