import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.learning.switching import handicaps, switching_cost

TURNING = np.array([0.001, 0.004, 0.02])

weights = st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3).map(
    lambda drawn: np.array(drawn) / max(1.0, sum(drawn))
)


def test_going_from_one_arm_to_another_pays_twice():
    assert switching_cost(TURNING, np.array([1.0, 0, 0]), np.array([0, 1.0, 0])) == pytest.approx(0.005)
    assert switching_cost(TURNING, np.array([0.5, 0.5, 0]), np.array([0.5, 0.25, 0.25])) == pytest.approx(
        0.006
    )


@given(weights, weights, weights)
def test_a_detour_is_never_cheaper(first, between, last):
    direct = switching_cost(TURNING, first, last)
    detour = switching_cost(TURNING, first, between) + switching_cost(TURNING, between, last)
    assert direct <= detour + 1e-15
    assert switching_cost(TURNING, first, first) == 0.0
    assert direct == switching_cost(TURNING, last, first)


def test_who_is_held_has_no_handicap_and_the_others_pay_both_ways():
    assert handicaps(TURNING, np.array([0, 1.0, 0]), 0.01, 5.0) == pytest.approx([0.1, 0.0, 0.48])


def test_out_of_nothing_only_opening_costs():
    assert handicaps(TURNING, np.zeros(3), 0.01, 1.0) == pytest.approx([0.1, 0.4, 2.0])


@pytest.mark.parametrize("unit", [math.nan, 0.0, math.inf])
def test_without_a_measure_of_reward_there_is_no_handicap(unit: float):
    assert handicaps(TURNING, np.zeros(3), unit, 5.0).tolist() == [0.0, 0.0, 0.0]


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match="horizon > 0"):
        handicaps(TURNING, np.zeros(3), 0.01, 0.0)
