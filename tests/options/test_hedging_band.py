"""When a delta is hedged, and back to where."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.options.hedging_band import (
    BandKind,
    BandParams,
    Exposure,
    cost_aware_width,
    half_width,
    wanted_trade,
)

FIXED = BandParams(width=0.05)
AWARE = BandParams(kind=BandKind.COST_AWARE, width=0.01, widest=2.0, risk_aversion=1e-5)
DELTAS = st.floats(-100.0, 100.0)


def exposure(delta: float, gamma: float = 1e-5, price: float = 60_000.0, cost: float = 0.0005) -> Exposure:
    return Exposure(delta, gamma, price, cost)


def test_width_of_whalley_and_wilmott():
    # 1.5 * 0.0005 * 60 000 * (1e-5)² / 1e-5 = 4.5e-4; its cube root is 0.07663.
    assert cost_aware_width(exposure(0.0), 1e-5) == pytest.approx(4.5e-4 ** (1 / 3), rel=1e-12)
    assert cost_aware_width(exposure(0.0), 1e-5) == pytest.approx(0.0766309, abs=1e-7)


def test_eight_times_the_cost_doubles_the_width():
    assert cost_aware_width(exposure(0.0, cost=0.004), 1e-5) == pytest.approx(
        2.0 * cost_aware_width(exposure(0.0, cost=0.0005), 1e-5)
    )


@pytest.mark.parametrize("delta", [0.05, -0.05, 0.0])
def test_a_delta_up_to_the_edge_stays(delta):
    assert wanted_trade(exposure(delta), FIXED, math.inf) == 0.0


def test_a_fixed_band_goes_to_the_middle_and_a_cost_aware_one_to_its_edge():
    assert wanted_trade(exposure(0.30), FIXED, math.inf) == pytest.approx(-0.30)
    width = half_width(exposure(0.30), AWARE)
    assert wanted_trade(exposure(0.30), AWARE, math.inf) == pytest.approx(width - 0.30)
    assert wanted_trade(exposure(-0.30), AWARE, math.inf) == pytest.approx(0.30 - width)


def test_a_timed_hedge_waits_for_its_time_only():
    params = BandParams(kind=BandKind.TIMED, interval=60.0)
    assert wanted_trade(exposure(5.0), params, 59.9) == 0.0
    assert wanted_trade(exposure(5.0), params, 60.0) == -5.0


def test_the_cost_aware_band_is_bounded_both_ways():
    assert half_width(exposure(0.0, gamma=1e-12), AWARE) == 0.01
    assert half_width(exposure(0.0, gamma=1.0), AWARE) == 2.0


@pytest.mark.parametrize("unknown", ["gamma", "cost", "price"])
def test_what_is_unknown_makes_the_band_no_wider(unknown):
    assert half_width(exposure(0.0, **{unknown: math.nan}), AWARE) == 0.01


def test_an_unknown_delta_is_not_traded():
    assert wanted_trade(exposure(math.nan), FIXED, math.inf) == 0.0


@given(delta=DELTAS, kind=st.sampled_from(BandKind), gamma=st.floats(0.0, 1e-2), cost=st.floats(0.0, 0.01))
def test_a_trade_never_grows_the_delta_nor_turns_it_round(delta, kind, gamma, cost):
    params = BandParams(kind=kind, width=0.01, widest=2.0)
    trade = wanted_trade(exposure(delta, gamma, cost=cost), params, math.inf)
    assert trade * delta <= 0.0
    assert abs(trade) <= abs(delta)


@pytest.mark.parametrize(
    ("field", "value"),
    [("width", 0.0), ("widest", 0.01), ("risk_aversion", -1.0), ("interval", math.nan), ("width", math.inf)],
)
def test_impossible_parameters_are_refused(field, value):
    with pytest.raises(ValueError, match=field):
        BandParams(**{"width": 0.05, field: value})
