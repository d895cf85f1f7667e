"""Books after the square-root law."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.account.costs import CostModel
from nautilus_quant.carry.depth import SHARES, DepthParams, depth, rolling_day


@given(
    volatility=st.floats(0.001, 0.5),
    volume=st.floats(1.0, 1e9),
    impact=st.floats(0.0, 3.0),
    half_spread=st.floats(0.0, 0.01),
)
def test_walking_to_a_level_costs_what_the_law_says(volatility, volume, impact, half_spread):
    params = DepthParams(half_spread=half_spread, impact=impact)
    side = depth(np.array([volatility]), np.array([volume]), params)
    taken = np.cumsum(side.sizes[0])
    cost = np.cumsum(side.sizes[0] * side.distances[0]) / taken
    model = CostModel(half_spread=half_spread, impact=impact)
    expected = [half_spread + model.impact_of(share, volatility) for share in SHARES]
    assert np.allclose(taken, np.array(SHARES) * volume, rtol=1e-12)
    assert np.allclose(cost, expected, rtol=1e-9)
    assert (np.diff(side.distances[0]) >= 0.0).all()


def test_one_book_by_hand():
    # Shares 1 % and 4 % of 1000 units at 3 % a day: 0.03·0.1 on average up to 10, 0.03·0.2 up to 40. The
    # 30 units of the second level cost (40·0.006 - 10·0.003) / 30 = 0.007.
    side = depth(np.array([0.03]), np.array([1_000.0]), DepthParams(half_spread=0.001, shares=(0.01, 0.04)))
    assert side.sizes[0].tolist() == pytest.approx([10.0, 30.0])
    assert side.distances[0].tolist() == pytest.approx([0.004, 0.008])


def test_a_day_is_what_pandas_says():
    rng = np.random.default_rng(3)
    closes, volumes = np.exp(np.cumsum(rng.normal(0, 0.01, 60))), rng.uniform(1, 9, 60)
    volatility, volume = rolling_day(closes, volumes, 24)
    moves = pd.Series(np.log(closes)).diff()
    assert np.isnan(volatility[:24]).all()
    assert np.isnan(volume[:24]).all()
    assert np.allclose(volatility[24:], moves.rolling(24).std()[24:] * math.sqrt(24), rtol=1e-12)
    assert np.allclose(volume[24:], pd.Series(volumes).rolling(24).sum()[24:], rtol=1e-12)


def test_less_than_a_day_says_nothing():
    assert np.isnan(rolling_day(np.ones(24), np.ones(24), 24)).all()


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"half_spread": -0.1}, "0 <= half_spread < 1"),
        ({"impact": math.nan}, "impact >= 0"),
        ({"shares": (0.1, 0.1)}, "rising shares > 0"),
        ({"shares": (0.0, 0.1)}, "rising shares > 0"),
        ({"shares": ()}, "rising shares > 0"),
    ],
)
def test_impossible_parameters_are_refused(wrong, rule):
    with pytest.raises(ValueError, match=rule):
        DepthParams(**wrong)
