"""Quantiles in constant memory, held against numpy and against a case worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.gating.flow_quantile import P2Quantile, RollingQuantile

# The example of Jain and Chlamtac (1985), table I: twenty values, median by P² 4.44.
PAPER = [0.02, 0.15, 0.74, 3.39, 0.83, 22.37, 10.15, 15.43, 38.62, 15.92]
PAPER += [34.60, 10.28, 1.47, 0.40, 0.05, 11.39, 0.27, 0.42, 0.09, 11.37]


def test_the_example_of_the_paper():
    one = P2Quantile(0.5)
    for value in PAPER:
        one.update(value)
    assert one.value == pytest.approx(4.44, abs=0.005)


def test_few_values_are_exact():
    one = P2Quantile(0.5)
    assert math.isnan(one.value)
    for value in (7.0, 1.0, 4.0):
        one.update(value)
    assert one.value == 4.0
    one.update(math.nan)
    one.update(math.inf)
    assert (one.count, one.value) == (3, 4.0)


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.95, 0.99])
@pytest.mark.parametrize("draw", ["lognormal", "exponential", "uniform"])
def test_it_agrees_with_numpy(quantile, draw):
    values = getattr(np.random.default_rng(11), draw)(size=20_000)
    one = P2Quantile(quantile)
    for value in values:
        one.update(float(value))
    # in ranks, since tails of sizes are long
    assert float((values <= one.value).mean()) == pytest.approx(quantile, abs=0.01)


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=200), st.floats(0.05, 0.99))
def test_it_stays_between_the_least_and_the_largest(values, quantile):
    one = P2Quantile(quantile)
    for value in values:
        one.update(value)
    assert min(values) <= one.value <= max(values)
    assert one._heights == sorted(one._heights)
    assert len(one._heights) <= 5


def test_a_rolling_one_forgets_what_is_long_ago():
    rng = np.random.default_rng(5)
    small, large = rng.lognormal(0.0, 1.0, 4_000), rng.lognormal(3.0, 1.0, 4_000)
    rolling, all_of_it = RollingQuantile(0.95, 1_000), P2Quantile(0.95)
    for value in [*small, *large]:
        rolling.update(float(value))
        all_of_it.update(float(value))
    assert float((large[-1_000:] <= rolling.value).mean()) == pytest.approx(0.95, abs=0.02)
    for value in small[:1_001]:
        rolling.update(float(value))
        all_of_it.update(float(value))
    assert rolling.value < 0.5 * all_of_it.value
    assert float((small <= rolling.value).mean()) == pytest.approx(0.95, abs=0.03)


def test_a_rolling_one_says_nothing_of_less_than_twenty():
    one = RollingQuantile(0.5, 100)
    for n in range(19):
        one.update(float(n))
        assert math.isnan(one.value)
    one.update(19.0)
    assert 8.0 <= one.value <= 11.0


@pytest.mark.parametrize("quantile", [0.0, 1.0, math.nan])
def test_impossible_quantiles_are_refused(quantile):
    with pytest.raises(ValueError, match="0 < quantile < 1"):
        P2Quantile(quantile)


def test_impossible_windows_are_refused():
    with pytest.raises(ValueError, match="window >= 40"):
        RollingQuantile(0.5, 39)
