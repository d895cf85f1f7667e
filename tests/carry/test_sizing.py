"""The best size against brute force, and what decides it."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nautilus_quant.carry.sizing import Cost, Opportunity, SizingParams, kelly, optimum, size

edges = st.floats(1e-6, 0.1)
impacts = st.floats(1e-12, 1e-6)
roots = st.floats(1e-8, 1e-3)


def test_by_hand():
    # (0.003 − 0.001) / (2 × 1e-8)
    assert optimum(0.003, Cost(0.001, linear=1e-8)) == pytest.approx(100_000)
    # (2/3 × 0.002 / 1e-5)²
    assert optimum(0.003, Cost(0.001, root=1e-5)) == pytest.approx(400 / 9 * 400)
    # 2·1e-8·q + 1.5·1e-5·sqrt(q) = 0.003 at sqrt(q) = 160.65
    both = optimum(0.003, Cost(0.0, linear=1e-8, root=1e-5))
    assert 2e-8 * both + 1.5e-5 * math.sqrt(both) == pytest.approx(0.003)


@given(edges, st.floats(0.0, 0.02), st.one_of(st.just(0.0), impacts), st.one_of(st.just(0.0), roots))
@settings(max_examples=40)
def test_the_optimum_is_the_best_of_all_sizes(edge, fixed, linear, root):
    assume(linear + root > 0.0)
    cost = Cost(fixed, linear, root)
    best = optimum(edge, cost)
    if edge <= fixed:
        assert best == 0.0
        return

    def profit(q):
        return edge * q - q * (fixed + linear * q + root * np.sqrt(q))

    grid = best * np.concatenate([np.linspace(0.0, 3.0, 3_001), 1.0 + np.linspace(-1e-3, 1e-3, 201)])
    assert profit(best) >= profit(grid).max() * (1 - 1e-12)
    assert cost.of(best) == pytest.approx(edge * best - profit(best))
    bounded = optimum(edge, cost, best / 2)
    assert bounded == best / 2


def test_without_impact_the_bound_is_the_best():
    assert optimum(0.01, Cost(0.001), 5_000.0) == 5_000.0
    with pytest.raises(ValueError, match="finite bound"):
        optimum(0.01, Cost(0.001))


@pytest.mark.parametrize("edge", [math.nan, -math.inf, 0.0, 0.001])
def test_no_edge_no_size(edge):
    assert optimum(edge, Cost(0.001, 1e-8)) == 0.0


@pytest.mark.parametrize(
    "cost", [Cost(math.nan, 1.0), Cost(0.0, -1.0), Cost(0.0, 1.0, -1.0), Cost(0.0, math.inf)]
)
def test_costs_that_are_none(cost):
    with pytest.raises(ValueError, match="cost"):
        optimum(0.01, cost)


def test_costs_add_up():
    leg, other = Cost(0.001, 1e-8, 1e-6), Cost(0.0005, 2e-8)
    assert leg.plus(other).times(2) == pytest.approx((0.003, 6e-8, 2e-6))


def test_kelly():
    # 0.25 × 0.001 / 0.0004 × 100 000
    assert kelly(0.001, 0.02, 100_000, 0.25) == pytest.approx(62_500)
    assert kelly(0.001, 0.0, 100_000, 0.25) == math.inf
    for mean, error, equity in (
        (0.0, 0.1, 1.0),
        (math.nan, 0.1, 1.0),
        (0.1, math.nan, 1.0),
        (0.1, 0.1, -1.0),
    ):
        assert kelly(mean, error, equity, 0.5) == 0.0
    with pytest.raises(ValueError, match="Kelly"):
        kelly(0.1, 0.1, 1.0, 0.0)


@given(st.floats(0.001, 0.02), st.floats(0.05, 0.5), st.floats(0.1, 1.0))
def test_a_full_kelly_bet_grows_fastest(mean, error, fraction):
    """Growth of a small bet ``f`` is ``f·mean - f²·error²/2``: largest at the full bet."""
    full = kelly(mean, error, 1.0, 1.0)
    bets = full * np.linspace(0.0, 2.0, 201)
    growth = bets * mean - bets**2 * error**2 / 2
    assert bets[growth.argmax()] == pytest.approx(full)
    assert kelly(mean, error, 1.0, fraction) == pytest.approx(fraction * full)


CALM = Opportunity(expected=0.004, error=0.001, borrow=0.0005, cost=Cost(0.001, linear=1e-8), most=1e9)
BOLD = SizingParams(kelly=0.0)


def test_eighty_percent_of_the_best():
    made = size(CALM, BOLD, 1e6)
    # 0.004 − 0.5 × 0.001 − 0.0005 = 0.003; (0.003 − 0.001) / 2e-8 = 100 000
    assert (made.best, made.size, made.why) == (pytest.approx(100_000), pytest.approx(80_000), "profit")
    assert made.numbers["edge"] == pytest.approx(0.003)
    # 0.003 × 80 000 − 80 000 × (0.001 + 0.0008) = 96, of 100 at the best
    assert made.numbers["profit"] == pytest.approx(96)


def test_it_scales_with_the_rate():
    sizes = [size(CALM._replace(expected=rate), BOLD, 1e6).size for rate in (0.002, 0.003, 0.004, 0.008)]
    assert sizes == pytest.approx([0, 40_000, 80_000, 240_000])


@pytest.mark.parametrize(
    ("changed", "why", "expected"),
    [
        ({"most": 50_000.0}, "limit", 40_000),
        ({"expected": 0.001}, "no edge", 0),
        ({"error": 0.02}, "no edge", 0),
        ({"borrow": 0.01}, "no edge", 0),
        ({"expected": math.nan}, "unknown", 0),
        ({"error": math.inf}, "unknown", 0),
        ({"most": math.nan}, "unknown", 0),
        ({"cost": Cost(0.001, math.nan)}, "unknown", 0),
    ],
)
def test_what_decides(changed, why, expected):
    made = size(CALM._replace(**changed), BOLD, 1e6)
    assert (made.why, made.size) == (why, pytest.approx(expected))


def test_kelly_bounds_and_small_sizes_are_none():
    # 0.25 × (0.003 − 0.001) / 0.001² × 100 = 50 000
    made = size(CALM, SizingParams(), 100.0)
    assert (made.why, made.size) == ("kelly", pytest.approx(50_000))
    assert size(CALM, SizingParams(smallest=60_000.0), 100.0).why == "too small"


def test_what_is_held_stays_while_it_earns():
    weak = CALM._replace(expected=0.0015)  # earns 0.0005 before costs: nobody would get in
    assert size(weak, BOLD, 1e6).size == 0.0
    assert size(weak, BOLD, 1e6, held=30_000.0)[:3] == (30_000.0, 0.0, "held")
    assert size(weak._replace(most=10_000.0), BOLD, 1e6, held=30_000.0).size == 10_000.0
    assert size(weak._replace(expected=0.0009), BOLD, 1e6, held=30_000.0)[::2] == (0.0, "no edge")
    assert size(CALM, BOLD, 1e6, held=90_000.0, scale=0.5).size == 45_000.0


@pytest.mark.parametrize(
    "wrong", [{"share": 0.0}, {"share": 1.1}, {"caution": -1.0}, {"kelly": 2.0}, {"smallest": math.nan}]
)
def test_impossible_parameters(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SizingParams(**wrong)
