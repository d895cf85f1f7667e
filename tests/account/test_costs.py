import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.account.costs import CostModel

MODEL = CostModel(taker=0.0004, maker=-0.0001, half_spread=0.0003, impact=0.8)


def test_taking_costs_fee_spread_and_impact():
    rate = MODEL.rate(participation=0.04, volatility=0.05)
    assert rate == pytest.approx(0.0004 + 0.0003 + 0.8 * 0.05 * 0.2)
    assert MODEL.rate() == pytest.approx(0.0007)


def test_resting_costs_the_maker_fee_alone():
    assert MODEL.rate(passive=True, half_spread=0.01, participation=1.0, volatility=1.0) == -0.0001


@pytest.mark.parametrize(("told", "paid"), [(None, 0.0003), (math.nan, 0.0003), (-0.1, 0.0003), (0.0, 0.0)])
def test_the_present_spread_goes_before_the_usual_one_if_it_can_be_one(told, paid):
    assert MODEL.spread(told) == paid
    assert MODEL.rate(half_spread=told) == pytest.approx(0.0004 + paid)


@given(st.floats(0.0, 10.0), st.floats(0.0, 2.0), st.floats(1.0, 9.0))
def test_impact_grows_with_the_root_of_the_size(participation: float, volatility: float, times: float):
    once = MODEL.impact_of(participation, volatility)
    assert MODEL.impact_of(participation * times**2, volatility) == pytest.approx(times * once)


def test_without_a_coefficient_nothing_needs_to_be_known_for_impact():
    assert CostModel().impact_of(math.nan, math.nan) == 0.0


@pytest.mark.parametrize("unknown", [(math.nan, 0.1), (0.1, math.nan), (-0.1, 0.1), (0.1, -0.1)])
def test_impact_of_the_unknown_is_refused(unknown):
    with pytest.raises(ValueError, match=r">= 0 \["):
        MODEL.impact_of(*unknown)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("taker", -0.1, r"0 <= taker < 1 \[fraction\], was -0.1"),
        ("taker", math.nan, "taker"),
        ("maker", -1.0, "-1 < maker < 1"),
        ("half_spread", 1.0, "0 <= half_spread < 1"),
        ("impact", -1.0, "impact >= 0"),
        ("impact", math.inf, "impact >= 0"),
    ],
)
def test_impossible_costs_are_refused(name, value, rule):
    with pytest.raises(ValueError, match=rule):
        CostModel(**{name: value})
