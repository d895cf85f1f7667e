import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from statsmodels.regression.linear_model import OLS

from nautilus_quant.learning.paired import Outcome, compare, newey_west_error

series = arrays(float, st.integers(3, 60), elements=st.floats(-10.0, 10.0, width=32))


@given(series, st.integers(0, 8))
def test_the_error_is_that_of_statsmodels(values, lags: int):
    if np.ptp(values) < 1e-6:
        return
    fit = OLS(values, np.ones_like(values)).fit(
        cov_type="HAC", cov_kwds={"maxlags": min(lags, len(values) - 1), "use_correction": False}
    )
    ours = newey_west_error(values, min(lags, len(values) - 1))
    assert ours == pytest.approx(float(fit.bse[0]), rel=1e-6, abs=1e-7)


def test_the_error_of_a_persistent_series_is_larger_than_that_of_its_shuffle():
    rng = np.random.default_rng(3)
    shocks = rng.normal(size=3000)
    persistent = np.array([shocks[max(0, n - 3) : n + 1].mean() for n in range(3000)])
    assert newey_west_error(persistent) > 1.5 * newey_west_error(rng.permutation(persistent))


def test_noise_is_rarely_taken_for_more():
    rng = np.random.default_rng(5)
    found = [compare(rng.normal(size=200)).outcome for _ in range(1000)]
    assert 0.02 < sum(one is not Outcome.UNDECIDED for one in found) / 1000 < 0.09


@pytest.mark.parametrize(("mean", "outcome"), [(0.3, Outcome.BETTER), (-0.3, Outcome.WORSE)])
def test_what_is_plain_is_found(mean: float, outcome: Outcome):
    paired = compare(np.random.default_rng(7).normal(mean, 1.0, 500))
    assert paired.outcome is outcome
    assert paired.t == pytest.approx(paired.mean / paired.error)
    assert paired.pairs == 500


def test_a_stricter_level_finds_less():
    values = np.random.default_rng(8).normal(0.12, 1.0, 500)
    assert compare(values, level=0.05).outcome is Outcome.BETTER
    assert compare(values, level=0.0001).outcome is Outcome.UNDECIDED
    with pytest.raises(ValueError, match="0 < level < 1"):
        compare(values, level=0.0)


def test_too_few_tell_nothing():
    values = np.random.default_rng(9).normal(5.0, 0.1, 29)
    assert compare(values).outcome is Outcome.UNDECIDED
    assert compare(np.append(values, 5.0)).outcome is Outcome.BETTER
    for few in (np.array([]), np.array([1.0])):
        assert math.isnan(compare(few).error)
        assert compare(few).outcome is Outcome.UNDECIDED


@pytest.mark.parametrize(
    ("value", "t", "outcome"),
    [(0.1, math.inf, Outcome.BETTER), (-0.1, -math.inf, Outcome.WORSE), (0.0, math.nan, Outcome.UNDECIDED)],
)
def test_what_never_varies_needs_no_error(value: float, t: float, outcome: Outcome):
    paired = compare(np.full(40, value))
    assert paired.error == 0.0
    assert paired.t == pytest.approx(t, nan_ok=True)
    assert paired.outcome is outcome
