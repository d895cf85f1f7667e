"""Black-76 and implied volatility against published figures, QuantLib and NautilusTrader's own."""

import math
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.options.black76 import greeks, price, price_and_greeks
from nautilus_quant.options.implied_vol import implied_vol

# Examples of Hull, "Options, Futures, and Other Derivatives". Those on a share are put as options on its
# forward S exp(rT), discounted by exp(-rT).


def test_hull_put_on_a_futures_contract() -> None:
    # Black's model: F = K = 20, r = 9 %, sigma = 25 %, 4 months: 1.12
    assert price(20.0, 20.0, 4 / 12, 0.25, False, discount=math.exp(-0.09 * 4 / 12)) == pytest.approx(
        1.12, abs=5e-3
    )


def test_hull_call_on_gold() -> None:
    # F = 620, K = 600, r = 5 %, sigma = 20 %, half a year: 44.19
    assert price(620.0, 600.0, 0.5, 0.2, True, discount=math.exp(-0.025)) == pytest.approx(44.19, abs=5e-3)


def test_hull_call_and_put_on_a_share() -> None:
    # S = 42, K = 40, r = 10 %, sigma = 20 %, half a year: 4.76 and 0.81
    told = price(42.0 * math.exp(0.05), 40.0, 0.5, 0.2, [True, False], discount=math.exp(-0.05))
    assert told == pytest.approx([4.76, 0.81], abs=5e-3)


def test_hull_implied_volatility() -> None:
    # S = 21, K = 20, r = 10 %, 3 months, call at 1.875: 0.235 (to the third decimal)
    told = implied_vol(1.875, 21.0 * math.exp(0.025), 20.0, 0.25, True, discount=math.exp(-0.025))
    assert told == pytest.approx(0.235, abs=5e-4)


def test_hull_greeks() -> None:
    # S = 49, K = 50, r = 5 %, sigma = 20 %, 20 weeks (0.3846): value 2.40, delta 0.522, theta -4.31 a year,
    # gamma 0.066, vega 12.1, rho 8.91. His move the spot with the forward, F = S exp(rT), where ours hold it:
    # dF/dS = exp(rT), dF/dr = FT, dF/dt = -rF.
    s, k, r, t = 49.0, 50.0, 0.05, 0.3846
    f, d = s * math.exp(r * t), math.exp(-r * t)
    value, told = price_and_greeks(f, k, t, 0.2, True, discount=d)
    assert value == pytest.approx(2.40, abs=5e-3)
    assert told.delta / d == pytest.approx(0.522, abs=5e-4)
    assert told.gamma / d**2 == pytest.approx(0.066, abs=5e-4)
    assert told.vega * 100 == pytest.approx(12.1, abs=5e-2)
    assert told.theta * 365 - r * f * told.delta == pytest.approx(-4.31, abs=5e-3)
    assert told.rho * 100 + told.delta * f * t == pytest.approx(8.91, abs=5e-3)


@pytest.fixture(scope="module")
def ql() -> ModuleType:
    return pytest.importorskip("QuantLib")


def their_type(ql: ModuleType, call: bool) -> int:
    return ql.Option.Call if call else ql.Option.Put


@given(
    f=st.floats(1.0, 1e5),
    x=st.floats(-1.0, 1.0),
    t=st.floats(1 / 365, 3.0),
    v=st.floats(0.1, 2.0),
    call=st.booleans(),
    d=st.floats(0.7, 1.0),
)
def test_quantlib_has_the_same_price_and_greeks(ql, *, f, x, t, v, call, d) -> None:
    k = f * math.exp(x)
    s = v * math.sqrt(t)
    theirs = ql.BlackCalculator(ql.PlainVanillaPayoff(their_type(ql, call), k), f, s, d)
    value, ours = price_and_greeks(f, k, t, v, call, discount=d)
    scale = 1e-12 * d * (f + k)
    assert value == pytest.approx(theirs.value(), rel=1e-9, abs=scale)
    assert ours.delta == pytest.approx(theirs.deltaForward(), rel=1e-9, abs=1e-12)
    assert ours.gamma == pytest.approx(theirs.gammaForward(), rel=1e-9, abs=1e-12 / f)
    assert ours.vega * 100 == pytest.approx(theirs.vega(t), rel=1e-9, abs=scale)
    # Theirs come with the spot: with spot = forward it is theirs without a carry.
    assert ours.vanna * 100 == pytest.approx(theirs.vanna(f, t), rel=1e-7, abs=1e-10)
    # QuantLib 1.44 divides by the total volatility where the derivative divides by the annual one; ours
    # is checked by finite differences.
    assert ours.volga * 1e4 == pytest.approx(theirs.volga(t) * math.sqrt(t), rel=1e-7, abs=1e2 * scale)


def test_quantlib_finds_the_same_volatility(ql: ModuleType) -> None:
    generator = np.random.default_rng(3)
    n = 500
    k = 60_000.0 * np.exp(generator.normal(0.0, 0.3, n))
    t, v = generator.uniform(1 / 365, 1.0, n), generator.uniform(0.3, 1.2, n)
    call = k > 60_000.0
    premium = price(60_000.0, k, t, v, call)
    ours = implied_vol(premium, 60_000.0, k, t, call)
    for i in range(n):
        if premium[i] < 1e-6:
            continue  # theirs stops at an accuracy of the price
        theirs = ql.blackFormulaImpliedStdDev(
            their_type(ql, bool(call[i])), float(k[i]), 60_000.0, float(premium[i]), 1.0, 0.0, 0.5, 1e-12, 200
        )
        assert ours[i] == pytest.approx(theirs / math.sqrt(t[i]), rel=1e-6)


@pytest.fixture(scope="module")
def imply() -> Callable[..., float]:
    from nautilus_trader.core import nautilus_pyo3

    return nautilus_pyo3.imply_vol


def test_nautilus_trader_finds_the_same_volatility(imply: Callable[..., float]) -> None:
    generator = np.random.default_rng(4)
    n = 200
    k = 60_000.0 * np.exp(generator.normal(0.0, 0.1, n))
    t, v = generator.uniform(14 / 365, 1.0, n), generator.uniform(0.3, 1.2, n)
    premium = price(60_000.0, k, t, v, True)
    theirs = [imply(60_000.0, 0.0, 0.0, True, *each) for each in zip(k, t, premium, strict=True)]
    assert implied_vol(premium, 60_000.0, k, t, True) == pytest.approx(theirs, rel=1e-4)


def test_nautilus_trader_has_the_same_greeks() -> None:
    from nautilus_trader.core import nautilus_pyo3

    theirs = nautilus_pyo3.black_scholes_greeks(60_000.0, 0.0, 0.0, 0.7, True, 65_000.0, 0.2)
    ours = greeks(60_000.0, 65_000.0, 0.2, 0.7, True)
    assert ours.delta == pytest.approx(theirs.delta, rel=1e-5)
    assert ours.gamma == pytest.approx(theirs.gamma, rel=1e-5)
    assert ours.vega == pytest.approx(theirs.vega, rel=1e-5)
    assert ours.theta == pytest.approx(theirs.theta * 365.25 / 365, rel=1e-3)
