"""Cost curves: found again in noise and outliers, equal to the batch solution, honest about their errors."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.carry.slippage import Fit, Shape, SlippageCurve, SlippageParams, walk

UNIT = SlippageParams().unit


def observed(curve, truth, *, count=400, noise=0.0002, seed=1, outliers=0.0):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        notional = UNIT * 10 ** rng.uniform(-1, 1)
        cost = truth(notional / UNIT) + noise * rng.standard_normal()
        if rng.random() < outliers:
            cost += 0.05
        assert curve.observe(notional, cost)
    return curve


@pytest.mark.parametrize("outliers", [0.0, 0.05])
def test_a_linear_curve_is_found(outliers):
    curve = observed(SlippageCurve(), lambda x: 0.0003 + 0.0005 * x, outliers=outliers)
    assert curve.shape is Shape.LINEAR
    found = curve.fits[Shape.LINEAR].estimate()
    assert found.spread == pytest.approx(0.0003, abs=0.00012)
    assert found.impact == pytest.approx(0.0005, abs=0.00004)
    assert curve.cost().linear == pytest.approx(found.impact / UNIT)
    assert curve.cost().root == 0.0
    assert curve.expected(2 * UNIT) == pytest.approx(0.0013, abs=0.00012)


@pytest.mark.parametrize("outliers", [0.0, 0.05])
def test_a_square_root_is_found(outliers):
    curve = observed(SlippageCurve(), lambda x: 0.0002 + 0.001 * math.sqrt(x), outliers=outliers)
    assert curve.shape is Shape.ROOT
    assert curve.cost().root == pytest.approx(0.001 / math.sqrt(UNIT), rel=0.1)
    assert curve.cost().linear == 0.0
    assert curve.expected(UNIT) == pytest.approx(0.0012, abs=0.00012)


def test_least_squares_would_be_led_astray():
    """The outliers the test above withstands are worth a test: their mean alone is 25 basis points."""
    rng = np.random.default_rng(1)
    x = 10 ** rng.uniform(-1, 1, 400)
    y = 0.0003 + 0.0005 * x + 0.05 * (rng.random(400) < 0.05)
    slope, spread = np.polyfit(x, y, 1)
    assert abs(spread - 0.0003) + abs(slope - 0.0005) > 0.001


@given(st.lists(st.tuples(st.floats(0.01, 10.0), st.floats(-0.01, 0.02)), min_size=1, max_size=40))
@settings(max_examples=60)
def test_online_equals_batch(points):
    """Without outliers it is ridge regression towards the prior, at the scatter of the moment."""
    params = SlippageParams(forgetting=0.98, huber=1e6)
    fit = Fit(params)
    for load, cost in points:
        fit.observe(load, cost, 0.5)
    found = fit.estimate()
    weights = 0.5 * 0.98 ** (0.5 * np.arange(len(points))[::-1])
    x = np.array([[1.0, load] for load, _ in points])
    y = np.array([cost for _, cost in points])
    prior = fit.scatter**2 * np.diag([params.spread_error**-2, params.impact_error**-2])
    inverse = np.linalg.inv(x.T * weights @ x + prior)
    expected = inverse @ (x.T @ (weights * y) + prior @ [params.spread, params.impact])
    assert [found.spread, found.impact] == pytest.approx(expected, rel=1e-6, abs=1e-12)
    covariance = fit.scatter**2 * inverse
    assert found.spread_variance == pytest.approx(covariance[0, 0], rel=1e-6)
    assert found.covariance == pytest.approx(covariance[0, 1], rel=1e-6)
    assert found.error(2.0) == pytest.approx(math.sqrt([1, 2] @ covariance @ [1, 2]), rel=1e-6)


def test_errors_cover_the_truth_and_shrink():
    covered = 0
    for seed in range(60):
        params = SlippageParams(forgetting=1.0, noise=0.0002)
        curve = SlippageCurve(params)
        before = curve.error(UNIT)
        observed(curve, lambda x: 0.0002 + 0.0005 * x, count=80, seed=seed)
        fit = curve.fits[Shape.LINEAR].estimate()
        assert fit.error(1.0) < before / 5
        covered += abs(fit.at(1.0) - 0.0007) <= 2.0 * fit.error(1.0)
    assert covered >= 51  # 95 % of 60 would be 57, and 51 is 3.5 standard deviations below


def test_the_prior_stands_until_something_is_seen_and_returns_when_it_fades():
    curve = SlippageCurve()
    assert curve.shape is Shape.ROOT
    assert curve.expected(UNIT) == pytest.approx(0.0003)
    curve.observe(UNIT, 0.0003)
    assert curve.seen == 1


def test_it_follows_a_market_that_changes():
    curve = observed(SlippageCurve(), lambda x: 0.0002 + 0.0005 * x)
    observed(curve, lambda x: 0.0002 + 0.0015 * x, count=1_000, seed=2)
    assert curve.expected(UNIT) == pytest.approx(0.0017, abs=0.00015)


def test_caution_makes_it_dearer_and_a_gain_is_no_cost():
    curve = observed(SlippageCurve(), lambda x: 0.0003 + 0.0005 * x)
    calm, careful = curve.cost(), curve.cost(caution=2.0)
    assert careful.fixed > calm.fixed
    assert careful.linear > calm.linear
    better = observed(SlippageCurve(), lambda _: -0.001)
    assert better.expected(UNIT) == 0.0
    assert better.cost().fixed == 0.0
    assert better.cost().linear + better.cost().root > 0.0


def test_walking_a_book_by_hand():
    # Middle 100: 1 at 101 costs 1 %; then 3 at 102, in all 4 for 1 + 6 = 7 of 400.
    assert list(walk(100.0, [(101.0, 1.0), (102.0, 3.0)])) == [(100.0, 0.01), (400.0, 7 / 400)]
    assert list(walk(100.0, [(99.0, 2.0), (math.nan, 1.0), (97.0, 1.0)])) == [(200.0, 0.01)]
    assert list(walk(math.nan, [(99.0, 2.0)])) == []


def test_a_book_of_even_depth_is_linear():
    curve = SlippageCurve()
    levels = [(100.0 * (1 + 0.0001 * n), UNIT / 1_000) for n in range(1, 21)]
    for _ in range(100):
        assert curve.observe_book(100.0, levels) == 20
    assert curve.shape is Shape.LINEAR
    # 20 levels of a tenth of a unit: twice a unit costs (1 + … + 20) / 20 = 10.5 basis points.
    assert curve.expected(2 * UNIT) == pytest.approx(0.00105, rel=0.1)


def test_looks_at_a_book_do_not_drown_a_fill():
    """Ten levels count as the one look they are: a hundred looks fade a fill as five fills would."""
    params = SlippageParams(noise=0.0001)
    levels = [(100.0 + 0.001 * (n + 1), 10.0) for n in range(10)]
    once, often = SlippageCurve(params), SlippageCurve(params)
    for curve in (once, often):
        curve.observe(UNIT, 0.002)
    for _ in range(100):
        often.observe_book(100.0, levels, 0.05)
    fade = often.fits[Shape.LINEAR].to_list()[0] - sum(0.99 ** (0.005 * n) for n in range(1_000)) * 0.005
    assert fade == pytest.approx(0.99**5)
    assert once.fits[Shape.LINEAR].to_list()[0] == 1.0


@pytest.mark.parametrize(
    ("notional", "cost", "weight"),
    [(math.nan, 0.1, 1.0), (0.0, 0.1, 1.0), (1.0, math.inf, 1.0), (1.0, 0.1, 0.0), (-1.0, 0.1, 1.0)],
)
def test_what_is_no_number_changes_nothing(notional, cost, weight):
    curve = SlippageCurve()
    before = curve.to_dict()
    assert not curve.observe(notional, cost, weight)
    assert curve.to_dict() == before


def test_it_goes_on_where_it_was():
    curve = observed(SlippageCurve(), lambda x: 0.0003 + 0.0005 * x, count=50)
    other = SlippageCurve().restore(curve.to_dict())
    for one in (curve, other):
        observed(one, lambda x: 0.0003 + 0.0005 * x, count=10, seed=9)
    assert other.to_dict() == curve.to_dict()
    with pytest.raises(ValueError, match="version"):
        SlippageCurve().restore({})
    damaged = curve.to_dict()
    damaged["fits"]["root"][0] = math.nan
    with pytest.raises(ValueError, match="8 finite"):
        SlippageCurve().restore(damaged)


@pytest.mark.parametrize("wrong", [{"unit": 0.0}, {"spread": -1.0}, {"forgetting": 1.5}, {"huber": math.nan}])
def test_impossible_parameters(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SlippageParams(**wrong)
