"""Implied volatility: the round trip, the plane of the solver, and why a price tells nothing."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import ndtr

from nautilus_quant.options.black76 import greeks, price
from nautilus_quant.options.contract import YEAR
from nautilus_quant.options.implied_vol import PRECISION, Information, implied_vol, information
from nautilus_quant.options.implied_vol_steps import (
    _guess,
    _Sought,
    _step,
    normalised_black,
    total_volatility,
)

EPS = np.finfo(np.float64).eps


def plane() -> tuple[np.ndarray, np.ndarray]:
    """Every (x, s) from at the money to 20 in log strike and from 1e-5 to 16 whose premium a double holds."""
    x, s = np.meshgrid(-np.concatenate([[0.0], np.geomspace(1e-8, 20.0, 120)]), np.geomspace(1e-5, 16.0, 400))
    value, _ = normalised_black(x, s)
    good = (value > 1e-300) & (np.exp(0.5 * x) - value > 1e-10 * np.exp(0.5 * x))
    return x[good], s[good]


def rest_of(x: np.ndarray, s: np.ndarray) -> np.ndarray:
    """What is missing to the upper bound, as a sum of two tails."""
    return np.exp(0.5 * x) * ndtr(-(x / s + 0.5 * s)) + np.exp(-0.5 * x) * ndtr(x / s - 0.5 * s)


def test_the_guess_is_close_everywhere_and_each_step_is_of_fourth_order() -> None:
    x, s = plane()
    assert len(s) > 25_000
    premium, slope = normalised_black(x, s)
    rest = rest_of(x, s)
    first, low = _guess(x, premium, rest)
    assert np.abs(first / s - 1.0).max() < 0.13
    sought = _Sought(x, np.where(low, premium, -rest), np.log(premium), low, np.where(low, 1.0, -1.0))
    second, _ = _step(first, sought)
    assert np.abs(second / s - 1.0).max() < 4e-5
    third, told = _step(second, sought)
    # Told the premium and what is missing to the bound, it has the last digits everywhere.
    assert np.abs(third - s).max() < 16 * EPS * 16.0
    assert (np.abs(third - s) < 16 * EPS * np.maximum(s, 1.0)).all()
    assert told == pytest.approx(slope, rel=1e-3)
    assert total_volatility(x, premium, rest)[0].tolist() == third.tolist()


def test_normalised_black_is_black() -> None:
    # b(-0.2, 0.5) by hand: h = -0.4, t = 0.25: N(-0.15) = 0.4403823, N(-0.65) = 0.2578461;
    # b = exp(-0.1)*0.4403823 - exp(0.1)*0.2578461 = 0.3984744 - 0.2849640 = 0.1135104
    value, slope = normalised_black(np.array([-0.2]), np.array([0.5]))
    assert value[0] == pytest.approx(0.1135104, abs=2e-7)
    up, down = (normalised_black(np.array([-0.2]), np.array([0.5 + by]))[0][0] for by in (1e-6, -1e-6))
    assert slope[0] == pytest.approx((up - down) / 2e-6, rel=1e-8)


SECONDS = st.floats(0.0, math.log(5 * 365 * 86_400)).map(lambda z: math.exp(z) * 1e9 / YEAR)


@given(
    f=st.floats(1e-3, 1e6),
    x=st.floats(-3.0, 3.0),
    t=SECONDS,
    vol=st.floats(math.log(0.01), math.log(8.0)).map(math.exp),
    call=st.booleans(),
    d=st.floats(0.3, 1.0),
)
# A put whose price is its strike but for the last digits, where a formula good for calls only is not enough.
@example(f=1.0, x=-1.0, t=1.6215130447931658, vol=math.exp(2.0), call=False, d=1.0)
def test_the_volatility_that_made_a_price_comes_back(*, f, x, t, vol, call, d) -> None:
    k = f * math.exp(x)
    premium = price(f, k, t, vol, call, discount=d)
    told = implied_vol(premium, f, k, t, call, discount=d)
    if information(premium, f, k, t, call, discount=d) == Information.GIVEN:
        assert abs(told - vol) <= PRECISION
    else:
        assert np.isnan(told)
        # It is right to give up: no time value a double can hold, or one whose rounding hides the volatility.
        vega = 100.0 * greeks(f, k, t, vol, call, discount=d).vega
        assert premium < 1e-290 * f or 8 * EPS * premium > PRECISION * vega


def test_a_whole_chain_comes_back() -> None:
    generator = np.random.default_rng(7)
    n = 20_000
    k = 1e5 * np.exp(generator.normal(0.0, 0.3, n))
    t, vol = generator.uniform(1 / 365, 1.0, n), generator.uniform(0.2, 1.5, n)
    call = generator.random(n) < 0.5
    told = implied_vol(price(1e5, k, t, vol, call), 1e5, k, t, call)
    assert np.isfinite(told).mean() > 0.97
    assert np.nanmax(np.abs(told - vol)) < PRECISION
    outside = call == (k > 1e5)
    assert np.isfinite(told[outside]).mean() > 0.999


def test_the_promise_holds_over_everything_a_double_can_hold() -> None:
    """From a second to five years, from 1 % to 800 %, at and far from the money."""
    generator = np.random.default_rng(11)
    n = 200_000
    f = np.exp(generator.uniform(-3.0, 12.0, n))
    k = f * np.exp(generator.uniform(-3.0, 3.0, n) * generator.random(n) ** 2)
    t = np.exp(generator.uniform(0.0, np.log(5 * 365 * 86_400), n)) * 1e9 / YEAR
    vol = np.exp(generator.uniform(np.log(0.01), np.log(8.0), n))
    call, d = generator.random(n) < 0.5, generator.uniform(0.3, 1.0, n)
    told = implied_vol(price(f, k, t, vol, call, discount=d), f, k, t, call, discount=d)
    assert np.isfinite(told).mean() > 0.4
    assert np.nanmax(np.abs(told - vol)) <= PRECISION


def test_it_is_the_root_a_bracketing_search_finds() -> None:
    for x, t, vol, call in [(0.3, 0.1, 0.7, True), (-0.4, 0.5, 1.1, False), (0.0, 0.01, 0.3, True)]:
        k = 60_000.0 * math.exp(x)
        premium = float(price(60_000.0, k, t, vol, call)) * 1.07
        found = brentq(
            lambda v, k=k, t=t, c=call, p=premium: price(60_000.0, k, t, v, c) - p, 1e-3, 9.0, xtol=1e-14
        )
        assert implied_vol(premium, 60_000.0, k, t, call) == pytest.approx(found, rel=1e-12)


@given(
    st.floats(-0.7, 0.7), st.floats(0.01, 2.0), st.booleans(), st.floats(0.001, 0.9), st.floats(1.001, 1.5)
)
def test_a_higher_price_is_a_higher_volatility(x, t, call, share, more) -> None:
    f, k = 1.0, math.exp(x)
    floor = max((f - k) if call else (k - f), 0.0)
    room = (f if call else k) - floor
    low, high = implied_vol([floor + share * room / more, floor + share * room], f, k, t, call)
    assert low < high


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, Information.GIVEN),
        ({"price": math.nan}, Information.INVALID),
        ({"price": math.inf}, Information.INVALID),
        ({"forward": math.nan}, Information.INVALID),
        ({"forward": 0.0}, Information.INVALID),
        ({"forward": math.inf}, Information.INVALID),
        ({"strike": -1.0}, Information.INVALID),
        ({"strike": 0.0}, Information.INVALID),
        ({"years": math.nan}, Information.INVALID),
        ({"years": -0.1}, Information.INVALID),
        ({"discount": 0.0}, Information.INVALID),
        ({"discount": math.nan}, Information.INVALID),
        ({"years": 0.0}, Information.EXPIRED),
        ({"price": 10.0}, Information.BELOW_INTRINSIC),
        ({"price": 9.0}, Information.BELOW_INTRINSIC),
        ({"price": -1.0}, Information.BELOW_INTRINSIC),
        ({"price": 0.0, "strike": 120.0}, Information.BELOW_INTRINSIC),
        ({"price": 110.0}, Information.ABOVE_BOUND),
        ({"price": 110.0, "strike": 120.0}, Information.ABOVE_BOUND),
        ({"price": 100.0, "call": False}, Information.ABOVE_BOUND),
        ({"price": 1e9}, Information.ABOVE_BOUND),
        ({"price": math.nextafter(10.0, 11.0)}, Information.UNRESOLVED),
        ({"price": math.nextafter(110.0, 0.0)}, Information.UNRESOLVED),
        # Under 1e-300 of the underlying a double holds fewer and fewer digits.
        ({"price": 1e-299, "strike": 120.0}, Information.UNRESOLVED),
        ({"price": 2e-298, "strike": 120.0}, Information.GIVEN),
        ({"price": 10.2, "resolution": 0.25}, Information.UNRESOLVED),
        ({"price": 109.9, "resolution": 0.25}, Information.UNRESOLVED),
        ({"price": 10.3, "resolution": 0.25}, Information.GIVEN),
        # What is paid later is compared with what is got later: 10.5/0.9 = 11.67 is above 10, 8.9/0.9 is not.
        ({"price": 10.5, "discount": 0.9}, Information.GIVEN),
        ({"price": 8.9, "discount": 0.9}, Information.BELOW_INTRINSIC),
        ({"price": 99.5, "discount": 0.9}, Information.ABOVE_BOUND),
    ],
)
def test_why_a_price_tells_nothing(changed: dict, why: Information) -> None:
    told = {"price": 12.0, "forward": 110.0, "strike": 100.0, "years": 0.25, "call": True, **changed}
    assert information(**told) == why
    assert np.isnan(implied_vol(**told)) == (why is not Information.GIVEN)
    assert Information(int(information(**told))).text


def test_one_bad_price_does_not_disturb_its_neighbours() -> None:
    prices = np.array([12.0, math.nan, 5.0, 12.0, 500.0, 12.0])
    told = implied_vol(prices, 110.0, 100.0, [0.25, 0.25, 0.25, 0.0, 0.25, 0.25], True)
    alone = implied_vol(12.0, 110.0, 100.0, 0.25, True)
    assert told[[0, 5]].tolist() == [alone, alone]
    assert np.isnan(told[1:5]).all()
    assert np.ndim(alone) == 0


def test_shapes_broadcast() -> None:
    told = implied_vol([[12.0], [13.0]], 110.0, [100.0, 101.0, 102.0], 0.25, True)
    assert (
        told.shape == information([[12.0], [13.0]], 110.0, [100.0, 101.0, 102.0], 0.25, True).shape == (2, 3)
    )
    assert told[1, 2] == implied_vol(13.0, 110.0, 102.0, 0.25, True)
    assert implied_vol([], 110.0, 100.0, 0.25, True).shape == (0,)
    assert implied_vol(12.0, 110.0, 100.0, 0.25, [True, False]).shape == (2,)
