"""Points and classes of liquidity."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.gating.liquidity_score import LiquidityClass, ScoreParams, classify, part, score

PARAMS = ScoreParams(
    tight_spread=0.0001,
    wide_spread=0.01,
    deep_depth=1_000_000.0,
    dry_depth=10_000.0,
    deep_volume=10_000_000.0,
    dry_volume=100_000.0,
)
DEEP, NORMAL, THIN, DRY, UNKNOWN = (
    LiquidityClass.DEEP,
    LiquidityClass.NORMAL,
    LiquidityClass.THIN,
    LiquidityClass.DRY,
    LiquidityClass.UNKNOWN,
)


def test_points_by_hand():
    assert score(0.0001, 1e6, 1e7, PARAMS) == 100.0
    assert score(0.01, 1e4, 1e5, PARAMS) == 0.0
    # a spread halfway by ratio (0.001), depth at the top, volume at the bottom: 100·(0.2 + 0.4 + 0)
    assert score(0.001, 1e6, 1e5, PARAMS) == pytest.approx(60.0)
    # without trades the other two make up all: 50·(0.5 + 1)
    assert score(0.001, 1e6, None, PARAMS) == pytest.approx(75.0)
    assert score(0.00001, 1e9, 1e12, PARAMS) == 100.0


def test_what_is_no_number_is_worth_nothing():
    assert part(math.nan, 1.0, 10.0) == part(0.0, 1.0, 10.0) == part(-1.0, 1.0, 10.0) == 0.0
    assert score(0.0001, math.nan, math.nan, PARAMS) == 40.0
    assert classify(math.nan, DEEP, PARAMS) is UNKNOWN


def test_a_class_changes_beyond_its_bound_by_the_margin():
    # bounds 75, 45, 15; margin 4
    assert [classify(p, UNKNOWN, PARAMS) for p in (80.0, 75.0, 74.9, 45.0, 44.9, 15.0, 14.9)] == [
        DEEP,
        DEEP,
        NORMAL,
        NORMAL,
        THIN,
        THIN,
        DRY,
    ]
    assert classify(78.9, NORMAL, PARAMS) is NORMAL
    assert classify(79.0, NORMAL, PARAMS) is DEEP
    assert classify(71.0, DEEP, PARAMS) is DEEP
    assert classify(70.9, DEEP, PARAMS) is NORMAL
    assert classify(18.9, DRY, PARAMS) is DRY
    assert classify(19.0, DRY, PARAMS) is THIN
    assert classify(11.0, THIN, PARAMS) is THIN
    assert classify(10.9, THIN, PARAMS) is DRY
    # a fall through two classes stops where the margin of the second holds
    assert classify(43.0, DEEP, PARAMS) is NORMAL
    assert classify(40.0, DEEP, PARAMS) is THIN
    assert classify(0.0, DEEP, PARAMS) is DRY
    assert classify(100.0, DRY, PARAMS) is DEEP


@given(st.lists(st.floats(-1.9, 1.9), max_size=50), st.sampled_from([15.0, 45.0, 75.0]))
def test_a_score_that_trembles_about_a_bound_does_not_change_the_class(noise, bound):
    first = classify(bound, UNKNOWN, PARAMS)
    assert {classify(bound + move, first, PARAMS) for move in noise} <= {first}


@given(
    st.tuples(st.floats(1e-6, 1.0), st.floats(1.0, 1e9), st.floats(1.0, 1e12)),
    st.floats(1.0, 100.0),
)
def test_more_of_it_never_scores_less(market, factor):
    spread, depth, volume = market
    before = score(spread, depth, volume, PARAMS)
    assert 0.0 <= before <= 100.0
    assert score(spread / factor, depth, volume, PARAMS) >= before
    assert score(spread, depth * factor, volume, PARAMS) >= before
    assert score(spread, depth, volume * factor, PARAMS) >= before


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"tight_spread": 0.02}, "tight_spread < wide_spread"),
        ({"dry_depth": 0.0}, "dry_depth < deep_depth"),
        ({"deep_volume": 1.0}, "dry_volume < deep_volume"),
        ({"thin": 50.0}, "thin < normal < deep"),
        ({"margin": 20.0}, "margin < thin"),
        ({"deep": 99.0}, "100 - margin"),
    ],
)
def test_impossible_parameters_are_refused(changed: dict[str, Any], rule: str):
    with pytest.raises(ValueError, match=rule):
        ScoreParams(**changed)
