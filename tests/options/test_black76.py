"""Black-76 against closed forms, parity, finite differences and symmetries."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.options.black76 import Greeks, greeks, price, price_and_greeks

N = NormalDist()

forwards = st.floats(1e-2, 1e6)
moneyness = st.floats(-2.0, 2.0)
times = st.floats(1 / (365 * 24), 5.0)
vols = st.floats(0.05, 3.0)
discounts = st.floats(0.5, 1.0)
calls = st.booleans()


def textbook(f: float, k: float, t: float, v: float, *, call: bool, d: float) -> float:
    """The formula as printed, which is good to about 1e-16 of the forward."""
    d1 = (math.log(f / k) + 0.5 * v * v * t) / (v * math.sqrt(t))
    d2 = d1 - v * math.sqrt(t)
    return d * (f * N.cdf(d1) - k * N.cdf(d2) if call else k * N.cdf(-d2) - f * N.cdf(-d1))


@given(f=forwards, x=moneyness, t=times, v=vols, call=calls, d=discounts)
def test_prices_are_the_textbook_formula(*, f, x, t, v, call, d) -> None:
    k = f * math.exp(x)
    assert price(f, k, t, v, call, discount=d) == pytest.approx(
        textbook(f, k, t, v, call=call, d=d), rel=1e-12, abs=1e-13 * (f + k)
    )


def test_tiny_premiums_keep_their_digits() -> None:
    # A call 10 standard deviations out: x = ln(F/K) = -1, s = 0.1, d1 = -9.95, d2 = -10.05. Upper tails
    # of the normal from tables: N(-9.95) = 1.2551e-23, N(-10.05) = 4.5940e-24; with K = e: the price is
    # N(d1) - e N(d2) = 1.2551e-23 - 1.2488e-23, where the textbook formula has one digit left. The series
    # phi(d1)(1/|d1| - 1/|d1|^3 + 3/|d1|^5 ...) less the same of d2 says:
    def mills(z: float) -> float:
        return sum((-1) ** n * math.prod(range(1, 2 * n, 2)) / z ** (2 * n + 1) for n in range(12))

    phi = math.exp(-0.5 * 9.95**2) / math.sqrt(2 * math.pi)
    expected = phi * (mills(9.95) - mills(10.05))
    assert price(1.0, math.e, 1.0, 0.1, True) == pytest.approx(expected, rel=1e-9)
    assert expected == pytest.approx(1.2e-25, rel=0.1)


@given(forwards, moneyness, times, vols, discounts)
def test_put_call_parity(f, x, t, v, d) -> None:
    k = f * math.exp(x)
    call, put = price(f, k, t, v, np.array([True, False]), discount=d)
    assert call - put == pytest.approx(d * (f - k), abs=1e-14 * (f + k))
    of_call, of_put = greeks(f, k, t, v, True, discount=d), greeks(f, k, t, v, False, discount=d)
    assert of_call.delta - of_put.delta == pytest.approx(d, rel=1e-14)
    for name in ("gamma", "vega", "vanna", "volga"):
        assert getattr(of_call, name) == getattr(of_put, name)


@given(moneyness, times, vols, calls)
def test_scaling_and_the_symmetry_of_calls_and_puts(x, t, v, call) -> None:
    k = math.exp(x)
    one = price(1.0, k, t, v, call)
    assert price(60_000.0, 60_000.0 * k, t, v, call) == pytest.approx(60_000.0 * one, rel=1e-9, abs=1e-250)
    # A call on F at K is a put on K at F.
    assert price(k, 1.0, t, v, not call) == pytest.approx(one, rel=1e-9, abs=1e-250)


def bumped(of: str, *, f, k, t, v, call, d) -> dict[str, float]:
    """Greeks of `of` ("price", or a greek) by central differences."""

    def at(f=f, t=t, v=v, r=0.0):
        value, moved = price_and_greeks(f, k, t, v, call, discount=d * math.exp(-r * t))
        return float(value if of == "price" else getattr(moved, of))

    df, dv = 1e-4 * f, 1e-4 * v
    return {
        "forward": (at(f=f + df) - at(f=f - df)) / (2 * df),
        "vol": (at(v=v + dv) - at(v=v - dv)) / (2 * dv),
        "rate": (at(r=1e-5) - at(r=-1e-5)) / 2e-5,
    }


@given(
    f=st.floats(10.0, 1e5),
    x=st.floats(-0.5, 0.5),
    t=st.floats(0.02, 2.0),
    v=st.floats(0.2, 1.5),
    call=calls,
    d=st.floats(0.8, 1.0),
)
def test_greeks_are_the_slopes_of_the_price(*, f, x, t, v, call, d) -> None:
    k = f * math.exp(x)
    told = greeks(f, k, t, v, call, discount=d)
    of_price, of_delta, of_vega = (
        bumped(what, f=f, k=k, t=t, v=v, call=call, d=d) for what in ("price", "delta", "vega")
    )
    scale = f * d
    assert told.delta == pytest.approx(of_price["forward"], rel=1e-4, abs=1e-7)
    assert told.gamma == pytest.approx(of_delta["forward"], rel=1e-3, abs=1e-6 / f)
    assert told.vega == pytest.approx(of_price["vol"] * 0.01, rel=1e-4, abs=1e-9 * scale)
    assert told.vanna == pytest.approx(of_delta["vol"] * 0.01, rel=1e-3, abs=1e-7)
    assert told.volga == pytest.approx(of_vega["vol"] * 0.01, rel=1e-3, abs=1e-9 * scale)
    assert told.rho == pytest.approx(of_price["rate"] * 0.01, rel=1e-5, abs=1e-9 * scale)


@given(st.floats(-0.5, 0.5), st.floats(0.1, 2.0), st.floats(0.2, 1.5), calls, st.floats(0.0, 0.2))
def test_theta_is_a_day_of_the_price(x, t, v, call, rate) -> None:
    f, k, step = 60_000.0, 60_000.0 * math.exp(x), 1e-5
    early, late = (price(f, k, t + by, v, call, discount=math.exp(-rate * (t + by))) for by in (step, -step))
    told = greeks(f, k, t, v, call, discount=math.exp(-rate * t)).theta
    assert told == pytest.approx((late - early) / (2 * step) / 365, rel=1e-4, abs=1e-6)


def test_a_straddle_at_the_money_by_hand() -> None:
    # F = K = 100 000, 36.5 days: t = 0.1, vol 0.6324555 = sqrt(0.4): s = 0.2, d1 = 0.1, d2 = -0.1.
    # N(0.1) = 0.5398278, phi(0.1) = 0.3969525.
    # call = 1e5 (0.5398278 - 0.4601722) = 7965.567; gamma = 0.3969525/(1e5*0.2) = 1.984763e-5
    # vega = 1e5*0.3969525*sqrt(0.1)*0.01 = 125.5274; theta = -0.5*1.984763e-5*1e10*0.4/365 = -108.7541
    # vanna = -0.3969525*(-0.1)/0.6324555*0.01 = 6.276371e-4; volga = 125.5274*0.1*(-0.1)/0.6324555*0.01
    # = -0.01984763; rho = -0.1*7965.567*0.01 = -7.965567
    told = greeks(1e5, 1e5, 0.1, math.sqrt(0.4), True)
    expected = Greeks(
        delta=0.5398278,
        gamma=1.984763e-5,
        vega=125.5274,
        theta=-108.7541,
        vanna=6.276371e-4,
        volga=-0.01984763,
        rho=-7.965567,
    )
    for name, value in expected._asdict().items():
        assert getattr(told, name) == pytest.approx(value, rel=2e-6), name
    assert price(1e5, 1e5, 0.1, math.sqrt(0.4), True) == pytest.approx(7965.567, rel=1e-6)


@pytest.mark.parametrize(("years", "vol"), [(0.0, 0.6), (0.25, 0.0), (0.0, math.nan)])
def test_without_time_or_volatility_only_the_intrinsic_value_is_left(years: float, vol: float) -> None:
    strikes, call = np.array([90.0, 100.0, 110.0] * 2), np.array([True] * 3 + [False] * 3)
    value, moved = price_and_greeks(100.0, strikes, years, vol, call)
    assert value.tolist() == [10.0, 0.0, 0.0, 0.0, 0.0, 10.0]
    assert moved.delta.tolist() == [1.0, 0.5, 0.0, 0.0, -0.5, -1.0]
    for each in (moved.gamma, moved.vega, moved.theta, moved.vanna, moved.volga):
        assert not each.any()


def test_huge_volatility_is_worth_the_forward_or_the_strike() -> None:
    vol = np.array([[12.0], [50.0], [500.0]])
    for strike in (80.0, 120.0):
        value, moved = price_and_greeks(100.0, strike, 1.0, vol, [True, False])
        assert value == pytest.approx(np.array([[100.0, strike]] * 3), rel=1e-7)
        assert moved.delta == pytest.approx(np.array([[1.0, 0.0]] * 3), abs=1e-7)
        assert np.isfinite(np.array(moved)).all()


def test_what_is_missing_to_the_bound_keeps_its_digits() -> None:
    # F = 1, K = 0.5, s = 9: what a put lacks of its strike is K N(d2) + F N(-d1), d1 = ln 2/9 + 4.5.
    for f, k in ((1.0, 0.5), (0.5, 1.0)):
        d1 = math.log(f / k) / 9.0 + 4.5
        for call, bound in ((False, k), (True, f)):
            missing = k * N.cdf(d1 - 9.0) + f * N.cdf(-d1)
            assert bound - price(f, k, 1.0, 9.0, call) == pytest.approx(missing, abs=4e-16)


def test_unknown_in_unknown_out() -> None:
    good = {"forward": 100.0, "strike": 110.0, "years": 0.5, "vol": 0.6}
    for name, bad in [*((n, math.nan) for n in good), ("vol", -0.1), ("forward", 0.0), ("strike", -1.0)]:
        value, moved = price_and_greeks(**{**good, name: bad}, call=True)
        assert np.isnan(value), (name, bad)
        assert all(np.isnan(each) for each in moved), (name, bad)


def test_everything_has_the_common_shape() -> None:
    value, moved = price_and_greeks(100.0, [[90.0], [110.0]], 0.5, 0.6, [True, False, True])
    assert value.shape == (2, 3)
    assert {each.shape for each in moved} == {(2, 3)}
    alone = price_and_greeks(100.0, 110.0, 0.5, 0.6, False)
    assert alone[0] == value[1, 1]
    assert [float(each) for each in alone[1]] == [float(each[1, 1]) for each in moved]
