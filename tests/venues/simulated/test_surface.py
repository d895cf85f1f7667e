"""The simulated surface: no static arbitrage, whatever its parameters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.options.black76 import price
from nautilus_quant.venues.simulated import surface
from nautilus_quant.venues.simulated.surface import CURVE, FAST, PARAMETERS, SKEW, SLOW, Shape, opening, walk

YEARS = np.geomspace(5 / 31_536_000, 1.5, 40)
WINDOW = 300 / 31_536_000


def shapes() -> st.SearchStrategy[Shape]:
    """Any parameters a walk can reach."""
    bounds = zip(surface._LOW.tolist(), surface._HIGH.tolist(), strict=True)
    values = st.tuples(*(st.floats(low, high) for low, high in bounds))
    return st.builds(lambda v, vol: Shape(vol * vol, np.array(v)), values, st.floats(0.05, 3.0))


def test_the_total_variance_of_a_known_surface():
    values = np.zeros(PARAMETERS)
    values[[SKEW, CURVE]] = -0.3, math.log(0.8)
    shape = Shape(0.25, values)
    theta = shape.theta(np.array([1.0]))
    assert theta[0] == pytest.approx(0.25)
    # phi = 0.8 x 0.25^-0.45 x 1.25^-0.55 = 1.320328; x = 0.1 phi = 0.1320328
    # w = 0.125 (1 - 0.3 x + sqrt((x - 0.3)^2 + 0.91)) = 0.125 (1 - 0.0396098 + 0.9686145) = 0.2411256
    phi = 0.8 * 0.25**-0.45 * 1.25**-0.55
    x = 0.1 * phi
    expected = 0.125 * (1 - 0.3 * x + math.sqrt((x - 0.3) ** 2 + 0.91))
    assert shape.total(np.array([0.1]), theta)[0] == pytest.approx(expected, rel=1e-14)
    assert expected == pytest.approx(0.2411, abs=5e-4)


def test_factors_bend_the_term_structure():
    values = np.zeros(PARAMETERS)
    values[[FAST, SLOW]] = 1.0, 0.5
    shape = Shape(0.36, values)
    year = 1e-7  # here and now the forward variance is V (1 + f + s)
    assert shape.theta(np.array([year]))[0] / year == pytest.approx(0.36 * 2.5, rel=1e-4)
    # far out: V (T + f / a + s / b), a = 365 / 2, b = 365 / 60
    assert shape.theta(np.array([10.0]))[0] == pytest.approx(0.36 * (10 + 2 / 365 + 0.5 * 60 / 365), rel=1e-9)


@given(shapes())
def test_no_calendar_arbitrage(shape):
    moneyness = np.linspace(-1.5, 1.5, 61)
    theta = shape.theta(YEARS)
    assert (np.diff(theta) > 0).all()
    totals = np.array([shape.total(moneyness, np.full_like(moneyness, item)) for item in theta])
    assert (np.diff(totals, axis=0) >= -1e-15).all()


@given(shapes())
def test_no_calendar_arbitrage_between_averages(shape):
    theta = shape.settled(YEARS, np.full_like(YEARS, WINDOW))
    assert (theta > 0).all()
    assert (np.diff(theta) > 0).all()
    assert (theta <= shape.theta(YEARS)).all()


@given(shapes(), st.sampled_from(YEARS.tolist()))
def test_no_butterfly_arbitrage(shape, years):
    theta = float(shape.theta(np.array([years]))[0])
    strikes = np.linspace(-6.0, 6.0, 401) * math.sqrt(theta)
    strikes = np.exp(strikes[np.abs(strikes) < 3.0])
    total = shape.total(np.log(strikes), np.full_like(strikes, theta))
    assert (total > 0).all()
    calls = price(1.0, strikes, 1.0, np.sqrt(total), True)
    slopes = np.diff(calls) / np.diff(strikes)
    noise = 1e-13 / np.diff(strikes).min()
    assert (slopes >= -1.0 - noise).all()
    assert (slopes <= noise).all()
    assert (np.diff(slopes) >= -2.0 * noise).all()  # convex: every butterfly costs something


def test_within_the_window_what_is_known_varies_no_more():
    shape = Shape(0.36, opening(1)[0])
    window = np.array([WINDOW])
    whole, half = shape.settled(window, window)[0], shape.settled(window / 2, window)[0]
    assert whole == pytest.approx(shape.theta(window)[0] / 3, rel=1e-12)  # an average of a walk: a third
    assert half == pytest.approx(shape.theta(window / 2)[0] / 12, rel=1e-12)  # (1/2)^2 of a third


def run(heat: float, drive: float, blocks: int = 300, seed: int = 1) -> np.ndarray:
    rng, values, seen = np.random.default_rng(seed), opening(2), []
    for _ in range(blocks):
        knots = walk(values, np.full((2, 12), heat), np.full((2, 12), drive), rng)
        assert (knots[0] == values).all()
        values = knots[-1]
        seen.append(values)
    return np.array(seen)


def test_volatility_follows_the_market_s_and_falls_lift_it():
    calm, hot = (run(heat, 0.0, 900)[100:, :, FAST].mean() for heat in (1.0, 3.0))
    # towards 0.5 ((3 / 1.6)^2 - 1) = 1.26 and 0.5 ((1 / 1.6)^2 - 1) = -0.30
    assert hot == pytest.approx(1.26, abs=0.12)
    assert calm == pytest.approx(-0.30, abs=0.12)
    assert run(1.6, -1.0)[50:, :, FAST].mean() > run(1.6, 1.0)[50:, :, FAST].mean() + 0.5
    assert run(1.6, -1.0)[50:, :, SKEW].mean() < run(1.6, 1.0)[50:, :, SKEW].mean() - 0.1


def test_parameters_stay_within_bounds_and_move():
    seen = run(4.0, -5.0, 600)
    assert (seen >= surface._LOW).all()
    assert (seen <= surface._HIGH).all()
    assert (run(1.6, 0.0, 600).std(axis=0) > 0.005).all()
