"""The usual difference between two venues, and how long others last."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.carry.cross_venue_basis import Basis, BasisParams

SECOND = 1_000_000_000


def fed(values, params=None, start=0):
    basis = Basis(params)
    for n, value in enumerate(values):
        basis.update((start + n) * SECOND, value)
    return basis


def test_by_hand():
    basis = fed([0.001, 0.003, 0.001, 0.003], BasisParams(half_life=1e9, least=2))
    assert basis.mean == pytest.approx(0.002)
    assert basis.deviation == pytest.approx(0.001)
    assert basis.persistence == 0.0  # there and back: nothing is left of a deviation
    assert basis.error == pytest.approx(0.001 / 2)
    assert basis.lasts(0.01, 0.005) == 1.0


@given(st.lists(st.floats(-0.01, 0.01), min_size=3, max_size=60), st.floats(1.0, 30.0))
def test_mean_and_scatter_are_those_of_fading_weights(values, half_life):
    basis = fed(values, BasisParams(half_life=half_life, least=2))
    weights = 0.5 ** (np.arange(len(values))[::-1] / half_life)
    mean = np.average(values, weights=weights)
    assert basis.mean == pytest.approx(mean, abs=1e-12)
    spread = math.sqrt(np.average((np.array(values) - mean) ** 2, weights=weights))
    assert basis.deviation == pytest.approx(spread, abs=1e-9)
    assert 0.0 <= basis.persistence < 1.0
    assert basis.error >= 0.0


@pytest.mark.parametrize("left", [0.5, 0.9, 0.98])
def test_it_finds_how_fast_differences_go_away(left):
    noise, x, values = np.random.default_rng(5).normal(0.0, 1e-4, 20_000), 0.0, []
    for one in noise:
        x = left * x + one
        values.append(0.002 + x)
    basis = fed(values, BasisParams(half_life=5_000.0))
    assert basis.mean == pytest.approx(0.002, abs=4e-4)
    assert abs(basis.mean - 0.002) < 4.0 * basis.error
    assert basis.persistence == pytest.approx(left, abs=0.03)
    # from 0.004 to 0.001 is two half lives
    assert basis.lasts(0.004, 0.001) == pytest.approx(2 * math.log(0.5) / math.log(basis.persistence))


def test_a_time_has_bounds_and_is_long_while_nothing_is_known():
    params = BasisParams(shortest=5.0, longest=100.0, least=10)
    assert Basis(params).lasts(0.01, 0.001) == 100.0
    basis = fed([0.001 * (n % 2) for n in range(20)], params)
    assert basis.lasts(0.01, 0.001) == 5.0
    assert basis.lasts(math.nan, 0.001) == 100.0
    assert basis.lasts(0.0, 0.001) == 5.0
    assert basis.lasts(0.0005, 0.001) == 5.0  # there already
    slow = fed([0.01 + n * 1e-4 for n in range(400)], params)
    assert slow.lasts(0.01, 0.0) == 100.0


def test_what_is_early_or_no_number_is_no_sample():
    basis = Basis(BasisParams(interval=2.0, least=2))
    assert basis.update(0, 0.001)
    assert not basis.update(SECOND, 0.5)
    assert not basis.update(9 * SECOND, math.nan)
    assert not basis.update(9 * SECOND, math.inf)
    assert not basis.ready
    assert math.isnan(basis.mean)
    assert math.isnan(basis.deviation)
    assert basis.update(2 * SECOND, 0.003)
    assert basis.mean == pytest.approx(0.002, rel=1e-3)
    assert basis.seen == 2


def test_after_a_gap_nothing_follows_from_what_was_before():
    params = BasisParams(half_life=1e9, least=2)
    together = fed([0.001, 0.001, 0.003, 0.003], params)
    apart = Basis(params)
    for ts, value in ((0, 0.001), (1, 0.001), (9, 0.003), (10, 0.003)):
        apart.update(ts * SECOND, value)
    assert apart.mean == together.mean
    assert apart.persistence >= together.persistence  # the jump from 1 to 3 is not counted


def test_it_goes_on_after_a_restart():
    values = list(np.random.default_rng(3).normal(0.001, 1e-4, 200))
    whole, first = fed(values), fed(values[:120])
    second = Basis().restore(json.loads(json.dumps(first.to_dict())))
    for n, value in enumerate(values[120:], 120):
        second.update(n * SECOND, value)
    assert (second.mean, second.deviation, second.persistence) == (
        whole.mean,
        whole.deviation,
        whole.persistence,
    )


@pytest.mark.parametrize("damage", [{"version": 9}, {"sums": [1.0]}, {"sums": [math.nan] * 4}, {"ts": "x"}])
def test_damaged_state_is_refused(damage):
    with pytest.raises(ValueError, match=r"sums|version|ts"):
        Basis().restore({**fed([0.1, 0.2]).to_dict(), **damage})


@pytest.mark.parametrize(
    "changes", [{"interval": 0.0}, {"half_life": math.inf}, {"least": 1}, {"shortest": 10.0, "longest": 5.0}]
)
def test_parameters_that_cannot_be(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        BasisParams(**changes)
