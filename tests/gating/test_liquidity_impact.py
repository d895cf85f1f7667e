"""The square-root law, and whether its coefficient is found again in costs made with it."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.gating.liquidity_impact import AVERAGE_OF_PEAK, ImpactModel, ImpactParams, load


def certain(k: float) -> ImpactModel:
    """A model without a doubt, so that figures can be worked out by hand."""
    return ImpactModel(ImpactParams(prior=k, caution=0.0))


def observed(k: float, count: int = 2_000, outliers: float = 0.0, seed: int = 3) -> ImpactModel:
    rng, model = np.random.default_rng(seed), ImpactModel()
    x = np.sqrt(rng.uniform(0.0001, 0.05, count))
    y = k * x + rng.normal(0.0, 0.0003, count)
    y += np.where(rng.random(count) < outliers, 0.05, 0.0)
    for load_, cost in zip(x.tolist(), y.tolist(), strict=True):
        model.update(load_, cost)
    return model


def test_the_law_by_hand():
    model = certain(0.004)
    # 1 % of the volume: 0.004·sqrt(0.01) = 4 bps; twice that in a book a quarter as deep as usual
    assert model.cost(10_000.0, 1_000_000.0) == pytest.approx(0.0004)
    assert model.cost(10_000.0, 1_000_000.0, 2.0) == pytest.approx(0.0008)
    # 12 bps: (0.0012 / 0.004)² = 9 % of the volume
    assert model.notional_within(0.0012, 1_000_000.0) == pytest.approx(90_000.0)
    assert model.notional_within(0.0012, 1_000_000.0, 2.0) == pytest.approx(22_500.0)


def test_without_volume_nothing_may_be_traded():
    assert load(1.0, 0.0) == math.inf
    assert load(0.0, 0.0) == 0.0
    assert load(1.0, math.nan) == math.inf
    for bound, volume in ((0.001, 0.0), (0.0, 1e6), (-0.001, 1e6), (math.nan, 1e6), (0.001, math.nan)):
        assert certain(0.003).notional_within(bound, volume) == 0.0


def test_one_observation_by_hand():
    # Prior 0.003 ± 0.002: precision 250 000. One cost of 5 bps at x = 0.1; expected 3 bps, so a residual of
    # 2 bps within 1.345·5 bps. Scatter: 0.0005 + 0.02·(1.2533·0.0002 − 0.0005) = 0.000495013.
    # Precision of the observation: 0.01 / 0.000495013² = 40 809.8; k = (250 000·0.003 + 40 809.8·0.005)
    # / 290 809.8 = 0.00328066; error 1/sqrt(290 809.8) = 0.00185437.
    model = ImpactModel(ImpactParams())
    model.update(0.1, 0.0005)
    assert model.coefficient == pytest.approx(0.00328066, rel=1e-5)
    assert model.error == pytest.approx(0.00185437, rel=1e-5)
    assert model.cautious == pytest.approx(0.00513503, rel=1e-5)


@pytest.mark.parametrize("k", [0.001, 0.003, 0.01])
def test_the_coefficient_is_found(k):
    model = observed(k)
    assert model.coefficient == pytest.approx(k, rel=0.1)
    assert abs(model.coefficient - k) < 4.0 * model.error
    assert model.error < 0.0005


def test_outliers_hardly_move_it():
    # Every 50th cost is 5 % too high: least squares would find about 0.003 + 0.001/0.16 = 0.009.
    assert observed(0.003, outliers=0.02).coefficient == pytest.approx(0.003, rel=0.15)


def test_it_follows_a_market_that_changes_and_keeps_its_prior():
    model = observed(0.002, 1_000)
    rng = np.random.default_rng(5)
    for x in np.sqrt(rng.uniform(0.0001, 0.05, 6_000)).tolist():
        model.update(x, 0.006 * x + rng.normal(0.0, 0.0003))
    assert model.coefficient == pytest.approx(0.006, rel=0.1)
    # However much was seen, what fades stays bounded: the error never goes to nothing.
    assert model.error > 0.00005


@given(st.lists(st.tuples(st.floats(0.0, 10.0), st.floats(-1.0, 1.0), st.floats(0.0, 1.0)), max_size=60))
def test_it_stays_within_its_bounds_and_goes_on_after_a_restart(costs):
    model, params = ImpactModel(), ImpactParams()
    for x, y, weight in costs:
        model.update(x, y, weight)
        assert params.lowest <= model.coefficient <= params.highest
        assert model.coefficient <= model.cautious <= params.highest
        assert 0.0 < model.error <= params.prior_error
    again = ImpactModel().restore(json.loads(json.dumps(model.to_dict())))
    for each in (model, again):
        each.update(0.2, 0.001)
    assert again.to_dict() == model.to_dict()
    assert again.coefficient == model.coefficient


@given(st.floats(0.0001, 0.01), st.floats(1.0, 1e9), st.floats(0.5, 3.0))
def test_the_largest_notional_costs_the_bound(bound, volume, multiplier):
    model = ImpactModel()
    assert model.cost(model.notional_within(bound, volume, multiplier), volume, multiplier) == pytest.approx(
        bound
    )


def test_numbers_that_cannot_be_teach_nothing():
    model = ImpactModel()
    before = model.to_dict()
    for x, y, weight in (
        (math.nan, 0.1, 1.0),
        (0.0, 0.1, 1.0),
        (math.inf, 0.1, 1.0),
        (0.1, math.nan, 1.0),
        (0.1, 0.1, 0.0),
    ):
        model.update(x, y, weight)
    assert model.to_dict() == before
    damaged = {"information": math.nan, "vector": 0.0, "scatter": 0.1, "count": 3}
    assert ImpactModel().restore(damaged).to_dict() == before


def test_the_mean_of_the_way_is_two_thirds_of_its_end():
    way = np.sqrt((np.arange(100_000) + 0.5) / 100_000)
    assert way.mean() == pytest.approx(AVERAGE_OF_PEAK, rel=1e-6)


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"prior": 0.0}, "lowest <= prior"),
        ({"highest": 0.001}, "prior <= highest"),
        ({"prior_error": 0.0}, "prior_error"),
        ({"noise": math.nan}, "noise"),
        ({"forgetting": 0.0}, "forgetting"),
        ({"huber": 0.0}, "huber"),
        ({"caution": -1.0}, "caution"),
        ({"market_weight": 1.1}, "market_weight"),
    ],
)
def test_impossible_parameters_are_refused(changed: dict[str, Any], rule: str):
    with pytest.raises(ValueError, match=rule):
        ImpactParams(**changed)
