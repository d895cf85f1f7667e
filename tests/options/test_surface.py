"""Surfaces made of known slices are found again, and what is wrong with a surface is found too."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.options.arbitrage import butterflies, calendars
from nautilus_quant.options.surface import Surface
from nautilus_quant.options.surface_fit import SurfaceParams, fit_surface
from nautilus_quant.options.svi import Svi, density_factor, derivatives, stack, total_variance, variance_at
from nautilus_quant.options.svi_fit import Points, fit
from tests.options.surface_kit import DAY, DAYS, NOW, SPOT, chain_of, forward_of, smiles, svi

shapes = st.builds(
    lambda vol, rho, skew: {"vol": vol, "rho": rho, "skew": skew},
    st.floats(0.15, 1.5),
    st.floats(-0.7, 0.7),
    st.floats(0.3, 1.4),
)


def k_of(days: float, vol: float, reach: float = 2.5, count: int = 41) -> np.ndarray:
    root = vol * math.sqrt(days / 365.0)
    return np.linspace(-reach * root, reach * root, count)


# -- the curve ----------------------------------------------------------------------------------------


def test_the_curve_by_hand():
    params = Svi(0.01, 0.2, -0.5, 0.1, 0.3)
    # k = 0.5: 0.01 + 0.2·(−0.5·0.4 + √(0.16 + 0.09)) = 0.01 + 0.2·(−0.2 + 0.5) = 0.07
    assert variance_at(0.5, params) == pytest.approx(0.07)
    w, first, second = derivatives(np.array([0.5]), params)
    assert w[0] == pytest.approx(0.07)
    assert first[0] == pytest.approx(0.2 * (-0.5 + 0.4 / 0.5))  # b·(ρ + (k − m)/root)
    assert second[0] == pytest.approx(0.2 * 0.09 / 0.125)  # b·σ²/root³
    # g = (1 − k·w'/2w)² − w'²/4·(1/w + 1/4) + w''/2 with w = 0.07, w' = 0.06, w'' = 0.144:
    # (1 − 0.5·0.06/0.14)² − 0.0036/4·(14.2857 + 0.25) + 0.072 = 0.617347 − 0.013082 + 0.072
    assert density_factor(np.array([0.5]), params)[0] == pytest.approx(0.676265, abs=1e-6)
    # lowest: 0.01 + 0.2·0.3·√0.75
    assert params.lowest == pytest.approx(0.0619615, abs=1e-7)


@given(shapes, st.floats(1.0, 400.0))
def test_derivatives_are_those_of_the_curve(shape, days):
    params = svi(days, **shape)
    k = k_of(days, shape["vol"])
    h = 1e-5 * (k[-1] - k[0])
    _, first, second = derivatives(k, params)
    up, mid, down = (total_variance(k + d, params) for d in (h, 0.0, -h))
    scale = np.abs(first).max()
    np.testing.assert_allclose(first, (up - down) / (2 * h), atol=1e-5 * scale)
    np.testing.assert_allclose(second, (up - 2 * mid + down) / h**2, rtol=1e-2, atol=1e-3 * second.max())


# -- the fit ------------------------------------------------------------------------------------------


@given(shapes)
@settings(max_examples=40, deadline=None)
def test_known_slices_are_found_again(shape):
    true = [svi(days, **shape) for days in DAYS]
    k = np.array([k_of(days, shape["vol"]) for days in DAYS])
    w = total_variance(k, stack(true))
    left = np.array(DAYS)[:, None] / 365.0
    vol = np.sqrt(w / left)
    found = fit(Points(k, w, 2.0 * vol * left * 0.002, np.ones_like(k, dtype=bool)))
    fitted = np.sqrt(total_variance(k, stack(found.slices)) / left)
    assert np.abs(fitted - vol).max() < 2e-4  # a fiftieth of a vol point


def test_a_warm_start_ends_where_a_cold_one_does_in_few_steps():
    rng = np.random.default_rng(5)
    true = [svi(days, 0.6) for days in DAYS]
    k = np.array([k_of(days, 0.6) for days in DAYS])
    left = np.array(DAYS)[:, None] / 365.0
    vol = np.sqrt(total_variance(k, stack(true)) / left) + rng.normal(0.0, 0.002, k.shape)
    points = Points(k, vol**2 * left, 2.0 * vol * left * 0.002, np.ones_like(k, dtype=bool))
    cold, warm = fit(points), fit(points, list(true))
    np.testing.assert_allclose(warm.cost, cold.cost, rtol=1e-3)
    again = fit(points, list(cold.slices))
    assert again.steps <= 4


@given(shapes, shapes)
@settings(max_examples=25, deadline=None)
def test_a_fit_follows_smiles_that_move_a_lot(before, after):
    before = {**after, "rho": before["rho"]}  # the tilt turns; the level is where it was
    k = np.array([k_of(days, after["vol"]) for days in DAYS])
    left = np.array(DAYS)[:, None] / 365.0
    true = [svi(days, **after) for days in DAYS]
    vol = np.sqrt(total_variance(k, stack(true)) / left)
    points = Points(k, vol**2 * left, 2.0 * vol * left * 0.002, np.ones_like(k, dtype=bool))
    found = fit(points, [svi(days, **before) for days in DAYS])
    assert np.abs(np.sqrt(total_variance(k, stack(found.slices)) / left) - vol).max() < 1e-3


def test_rows_do_not_know_of_each_other():
    """What is fitted beside it does not change a slice: each is padded to another width alone."""
    k = np.array([k_of(days, 0.5) for days in DAYS])
    w = total_variance(k, stack([svi(days, 0.5) for days in DAYS]))
    error = 0.01 * w
    alone = [
        fit(Points(k[n : n + 1, :21], w[n : n + 1, :21], error[n : n + 1, :21], np.ones((1, 21), bool)))
        for n in range(len(DAYS))
    ]
    used = np.zeros_like(k, dtype=bool)
    used[:, :21] = True
    together = fit(Points(k, np.where(used, w, 7.0), np.where(used, error, 1.0), used))
    for n, one in enumerate(alone):
        a = total_variance(k[n, :21], one.slices[0])
        b = total_variance(k[n, :21], together.slices[n])
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_one_bad_quote_does_not_bend_the_smile():
    true = svi(30, 0.5)
    k = k_of(30, 0.5)[None]
    w = total_variance(k, true)
    error = 2.0 * np.sqrt(w * 30 / 365) * 0.002
    bad = w.copy()
    bad[0, 33] *= 1.5
    found = fit(Points(k, bad, error, np.ones_like(k, dtype=bool)))
    vol = np.sqrt(total_variance(k, found.slices[0]) * 365 / 30)
    off = np.abs(vol - np.sqrt(w * 365 / 30))[0]
    assert np.median(off) < 0.003


@given(st.lists(st.floats(-0.1, 0.1), min_size=11, max_size=11), st.floats(0.1, 2.0))
@settings(max_examples=60, deadline=None)
def test_whatever_is_quoted_the_slice_is_admissible(noise, vol):
    """No price makes a curve that is negative, or wings steeper than Lee allows."""
    k = k_of(20, vol, count=11)[None]
    quoted = np.maximum(vol + np.array(noise) * vol, 0.01)[None]
    w = quoted**2 * 20 / 365
    found = fit(Points(k, w, 2.0 * quoted * 20 / 365 * 0.002, np.ones_like(k, dtype=bool)))
    (slice_,) = found.slices
    assert slice_.lowest > 0.0
    assert slice_.b >= 0.0
    assert abs(slice_.rho) < 1.0
    assert slice_.sigma > 0.0
    assert slice_.b * (1.0 + abs(slice_.rho)) <= 2.0
    assert np.isfinite(found.cost).all()


# -- the surface --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def surface() -> Surface:
    return fit_surface(chain_of(smiles()))


@given(shapes)
@settings(max_examples=15, deadline=None)
def test_a_surface_of_quotes_is_that_of_its_slices(shape):
    true = smiles(**shape)
    found = fit_surface(chain_of(true))
    assert [slice_.expiry for slice_ in found.slices] == sorted(true)
    for slice_ in found.slices:
        days = (slice_.expiry - NOW) / DAY
        k = k_of(days, shape["vol"], 2.0)
        wanted = np.sqrt(total_variance(k, true[slice_.expiry]) * 365.0 / days)
        np.testing.assert_allclose(slice_.vols(k), wanted, atol=1e-3)
        assert slice_.forward == pytest.approx(forward_of(slice_.expiry), rel=2e-5)
        assert slice_.inside == 1.0


@given(shapes)
@settings(max_examples=25, deadline=None)
def test_a_surface_without_arbitrage_reports_none(shape):
    """These smiles are one shape in units of √t: g is positive, and total variance grows."""
    true = smiles(**shape)
    k = np.linspace(-2.5, 2.5, 301)[None] * np.array([svi(d, **shape).lowest for d in DAYS])[:, None] ** 0.5
    if density_factor(k, stack([true[NOW + d * DAY] for d in DAYS])).min() < 0.05:
        return
    found = fit_surface(chain_of(true))
    assert found.free, [(s.butterfly, s.calendar) for s in found.slices]


def test_a_calendar_crossing_is_found_where_it_is():
    # The 23-day smile at 50 % on one side of the 9-day smile at 90 %: 0.9²·9 = 7.29 > 0.5²·23 = 5.75.
    true = smiles(days=(9, 23))
    expiries = sorted(true)
    true[expiries[0]] = svi(9, 0.9)
    found = fit_surface(chain_of(true))
    near, far = found.slices
    assert near.calendar.free
    assert not far.calendar.free
    assert far.calendar.before == expiries[0]
    k = np.linspace(max(near.low, far.low), min(near.high, far.high), 2001)
    lack = total_variance(k, true[expiries[0]]) - total_variance(k, true[expiries[1]])
    assert far.calendar.worst == pytest.approx(lack.max(), rel=0.02)
    at = k[lack.argmax()]
    before, later = (math.sqrt(variance_at(at, true[e]) * 365 / 23) for e in expiries)
    assert far.calendar.vol == pytest.approx(before - later, rel=0.02)
    assert far.calendar.places > 60
    assert not found.free


def test_calendars_are_looked_for_where_both_are_quoted():
    slices = [svi(9, 0.5), svi(23, 0.3)]  # 0.25·9 = 2.25 > 0.09·23 = 2.07
    left = np.array([9, 23]) / 365
    apart = calendars(slices, left, [1, 2], np.array([-0.3, 0.2]), np.array([0.1, 0.4]))
    assert apart[1].free
    both = calendars(slices, left, [1, 2], np.array([-0.1, -0.1]), np.array([0.1, 0.1]))
    assert not both[1].free


def test_a_butterfly_that_costs_less_than_nothing_is_found():
    # Gatheral, Jacquier (2014), example 3.1 (Axel Vogt's): a slice whose density is negative to the right.
    vogt = Svi(-0.0410, 0.1331, 0.3060, 0.3586, 0.4153)
    (found,) = butterflies([vogt], np.array([-1.5]), np.array([1.5]))
    assert not found.free
    assert 0.6 < found.at < 1.1
    assert found.worst < -0.01
    assert found.places > 5
    (left,) = butterflies([vogt], np.array([-1.5]), np.array([0.3]))
    assert left.free


@given(st.floats(20_000.0, 200_000.0), st.floats(0.0, 200.0))
def test_total_variance_grows_between_expiries(surface, strike, days):
    first, second = NOW + round(days * DAY) + DAY, NOW + round((days + 3.0) * DAY) + DAY
    k = math.log(strike / SPOT)
    early, late = float(surface.smile(k, first)), float(surface.smile(k, second))
    assert early**2 * (first - NOW) <= late**2 * (second - NOW) * (1.0 + 1e-9)


def test_the_surface_goes_through_its_slices_and_keeps_their_vol_outside(surface):
    for slice_ in surface.slices:
        strike = slice_.forward * math.exp(0.05)
        assert float(surface.vol(strike, slice_.expiry)) == pytest.approx(slice_.vol_at(0.05), rel=1e-12)
    first, last = surface.slices[0], surface.slices[-1]
    assert float(surface.smile(0.01, first.expiry - DAY)) == pytest.approx(first.vol_at(0.01))
    assert float(surface.smile(0.01, last.expiry + 100 * DAY)) == pytest.approx(last.vol_at(0.01))
    assert math.isnan(float(surface.smile(0.0, NOW)))
    assert math.isnan(float(surface.vol(SPOT, NOW - DAY)))


def test_vol_is_vectorised(surface):
    strikes = np.array([[80_000.0, 90_000.0, 100_000.0]])
    expiries = np.array([[NOW + 9 * DAY], [NOW + 40 * DAY]])
    vols = surface.vol(strikes, expiries)
    assert vols.shape == (2, 3)
    for row in range(2):
        for column in range(3):
            alone = surface.vol(float(strikes[0, column]), int(expiries[row, 0]))
            assert vols[row, column] == float(alone)


def test_forwards_between_and_beyond(surface):
    a, b = surface.slices[1], surface.slices[2]
    middle = (a.expiry + b.expiry) // 2
    assert surface.forward(middle) == pytest.approx(math.sqrt(a.forward * b.forward), rel=1e-9)
    assert surface.forward(surface.slices[-1].expiry + 400 * DAY) == pytest.approx(
        surface.slices[-1].forward, rel=1e-12
    )
    assert math.isnan(Surface(NOW, "BTC", ()).forward(NOW + DAY))


def test_wings_have_a_delta_of_a_quarter(surface):
    from scipy.stats import norm

    atm, put, call = surface.wings
    for n, slice_ in enumerate(surface.slices):
        k = np.linspace(slice_.low * 1.5, slice_.high * 1.5, 20_001)
        vol = slice_.vols(k)
        root = math.sqrt(slice_.years)
        delta = norm.cdf(-k / (vol * root) + 0.5 * vol * root)
        assert call[n] == pytest.approx(vol[np.abs(delta - 0.25).argmin()], abs=1e-4)
        assert put[n] == pytest.approx(vol[np.abs(delta - 0.75).argmin()], abs=1e-4)
        assert atm[n] == pytest.approx(slice_.atm)


def test_a_surface_survives_json(surface):
    assert Surface.from_dict(json.loads(json.dumps(surface.to_dict()))) == surface


def test_a_warm_fit_of_the_same_chain_is_the_same_surface(surface):
    again = fit_surface(chain_of(smiles()), None, surface)
    for a, b in zip(surface.slices, again.slices, strict=True):
        k = np.linspace(a.low, a.high, 50)
        np.testing.assert_allclose(a.vols(k), b.vols(k), atol=2e-5)


def test_a_warm_start_that_misleads_is_left(surface):
    """From smiles that turn six deviations away, steps lead nowhere: the fit starts from nothing then."""
    wrong = []
    for slice_ in surface.slices:
        root = math.sqrt(variance_at(0.0, slice_.params))
        b, m, sigma = 3.0 * root, -6.0 * root, root
        wrong.append(replace(slice_, params=Svi(root**2 - b * math.hypot(m, sigma), b, 0.0, m, sigma)))
    found = fit_surface(chain_of(smiles()), None, Surface(NOW, "BTC", tuple(wrong)))
    assert max(slice_.rmse for slice_ in found.slices) < 1e-3


def test_without_quotes_there_is_no_surface():
    empty = fit_surface(chain_of(smiles()).take(np.zeros(5 * 31 * 2, dtype=bool)))
    assert empty.slices == ()
    assert np.isnan(empty.vol(SPOT, NOW + DAY))
    assert math.isnan(empty.atm(NOW + DAY))
    assert empty.wings.shape == (3, 0)


def test_impossible_parameters_are_refused():
    with pytest.raises(ValueError, match="fewest >= 5"):
        SurfaceParams(fewest=4)
    with pytest.raises(ValueError, match=r"least_error > 0 \[vol\], was nan"):
        SurfaceParams(least_error=math.nan)
