"""Whether a change of target pays for itself."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.portfolio.hurdle import pays


def test_the_band_by_hand():
    # 2 % volatility, 0.12 % in and out, a full position expects a fifth of a standard deviation: it must grow
    # by more than 5 * 0.12 / 2 = 0.3 of a full position.
    assert not pays(0.2999, 0.02, 0.0012, 5.0)
    assert pays(0.3001, 0.02, 0.0012, 5.0)
    assert pays(-0.3001, 0.02, 0.0012, 5.0)


def test_the_band_is_where_utility_changes_sign():
    volatility, cost, hurdle = 0.02, 0.0012, 5.0
    gamma = (volatility / hurdle) / volatility**2  # for which a full position is best

    def gain(change: float) -> float:
        return gamma * volatility**2 * change**2 / 2 - change * cost / 2

    for change in (0.1, 0.29, 0.31, 0.9):
        assert pays(change, volatility, cost, hurdle) == (gain(change) > 0)


@pytest.mark.parametrize(
    ("change", "volatility", "cost"),
    [
        (math.nan, 0.02, 0.001),
        (1.0, math.nan, 0.001),
        (1.0, 0.02, math.nan),
        (1.0, 0.0, 0.0),
        (math.inf, math.nan, 0.001),
        (math.inf, 0.02, math.nan),
    ],
)
def test_what_is_unknown_does_not_pay(change, volatility, cost):
    assert not pays(change, volatility, cost, 1.0)


def test_what_is_made_anyway_pays_once_the_numbers_are_known():
    assert pays(math.inf, 0.0001, 0.01, 100.0)


positive = st.floats(1e-6, 1.0)


@given(positive, positive, positive, st.floats(0.0, 10.0), st.floats(1.0, 10.0))
def test_more_change_or_volatility_and_less_cost_or_hurdle_pay_sooner(change, volatility, cost, hurdle, more):
    if pays(change, volatility, cost, hurdle):
        assert pays(change * more, volatility, cost, hurdle)
        assert pays(change, volatility * more, cost, hurdle)
        assert pays(change, volatility, cost / more, hurdle)
        assert pays(change, volatility, cost, hurdle / more)
