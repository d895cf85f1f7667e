"""The right kind of strategy for a market whose structure is known, and none for a market without."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from nautilus_quant.learning.assignment import KINDS, Finding, assign, find
from nautilus_quant.learning.measures import Measures, measure
from tests.learning.markets import market, returning, trending, walk


def uses(measures: Measures, **options: object) -> list[str]:
    return [choice.use for choice in assign(measures, **options).choices]


@pytest.mark.parametrize("seed", range(5))
def test_trends_get_momentum(seed):
    assert uses(measure(market(trending(seed)))) == ["momentum"]


@pytest.mark.parametrize("seed", range(5))
def test_reversion_to_a_mean_gets_mean_reversion_before_a_grid(seed):
    found = assign(measure(market(10.0 + returning(seed, 14.0))))
    assert found.choices[0].use == "mean_reversion"
    assert "momentum" in found.refused


def test_a_range_that_wanders_gets_a_grid():
    """Half of it is a walk, so there is no mean to come back to, but moves are taken back."""
    found = [uses(measure(market(walk(seed, sigma=0.004) + returning(seed + 50, 14.0)))) for seed in range(8)]
    assert sum("grid" in item for item in found) >= 5
    assert not any("momentum" in item for item in found)


def test_a_pair_gets_stat_arb_with_its_partner():
    base = walk(20)
    others = {"BASE.X": np.exp(base), "C.X": np.exp(walk(22))}
    known = {name: measure(market(np.log(closes), name)) for name, closes in others.items()}
    found = measure(market(2.0 + 0.8 * base + returning(24, 10.0, sigma=0.004)), others)
    (choice,) = assign(found, known).choices
    assert choice.use == "stat_arb"
    assert choice.params["partner"] == "BASE.X"
    assert choice.params["max_half_life"] == math.ceil(3 * found.partners[0].half_life)
    assert choice.params["window"] == 250


def test_random_walks_rarely_get_anything():
    """Four kinds are looked for, each at five per cent; the score asks for more than that."""
    given = [bool(uses(measure(market(walk(seed, 2_000))))) for seed in range(200)]
    assert np.mean(given) < 0.10


def test_costs_decide():
    prices = trending(3)
    cheap, dear = market(prices), market(prices, taker_fee=0.3)
    assert uses(measure(cheap)) == ["momentum"]
    found = assign(measure(dear))
    assert found.choices == ()
    assert found.refused["momentum"].startswith("score 0.00: variance ratio")
    assert "bp a trade after costs" in found.refused["momentum"]


@pytest.mark.parametrize("known", [{"taker_fee": math.nan}, {"spreads": None, "highs": None}])
def test_unknown_costs_refuse(known):
    found = assign(measure(market(trending(3), **known)))
    assert found.choices == ()
    assert found.refused["momentum"].startswith("costs unknown: ")
    assert found.refused["mean_reversion"].startswith("costs unknown: ")
    no_maker = assign(measure(market(10.0 + returning(1, 14.0), maker_fee=math.nan)))
    assert no_maker.refused["grid"] == "costs unknown: the maker fee is unknown"


def test_a_partner_whose_costs_are_unknown_is_refused():
    base = walk(20)
    found = measure(market(2.0 + 0.8 * base + returning(24, 10.0, sigma=0.004)), {"BASE.X": np.exp(base)})
    assert assign(found).refused["stat_arb"] == "BASE.X: its costs are unknown"
    dear = measure(market(base, "BASE.X", taker_fee=0.2))
    assert "stat_arb" not in uses(found, others={"BASE.X": dear})


def test_hedge_ratios_that_make_no_sense_are_refused():
    base = walk(20)
    found = measure(market(2.0 - 0.8 * base + returning(24, 10.0, sigma=0.004)), {"BASE.X": np.exp(base)})
    known = {"BASE.X": measure(market(base, "BASE.X"))}
    assert "hedge ratio -0.8" in assign(found, known).refused["stat_arb"]


def test_too_little_data_refuses_everything_and_says_why():
    found = assign(measure(market(trending(1)[:100])))
    assert found.choices == ()
    assert found.refused == {
        "momentum": "needs 250 bars, has 100",
        "mean_reversion": "needs 250 bars, has 100",
        "grid": "needs 250 bars, has 100",
        "stat_arb": "no other instruments to compare with",
    }


def test_a_standing_market_gets_nothing():
    found = assign(measure(market(np.full(500, 3.0))))
    assert found.choices == ()
    assert set(found.refused) == set(KINDS)
    assert found.refused["momentum"] == "the price does not move"


def test_reversion_too_fast_or_too_slow_for_the_bars_is_refused():
    fast = assign(measure(market(10.0 + returning(1, 0.8))))
    assert "shorter bars could trade it" in fast.refused["mean_reversion"]
    slow = measure(market(10.0 + returning(1, 14.0)))
    assert slow.returning is not None
    slow = replace(slow, returning=slow.returning._replace(half_life=401.0))
    assert "too long to be known from 4000 bars" in assign(slow).refused["mean_reversion"]


def test_the_score_is_its_formula():
    found = Finding("grid", p=0.01, net=0.002, risk=0.01, per_year=100.0, params={}, what="")
    assert found.sharpe == pytest.approx(2.0)
    assert found.score == pytest.approx(0.8 * 2.0 / 3.0)
    assert found._replace(p=0.05).score == 0.0
    assert found._replace(p=0.9).score == 0.0
    assert found._replace(net=-0.002).score == 0.0


def test_what_a_kind_earns_is_its_formula():
    measures = measure(market(10.0 + returning(3, 14.0)))
    found = find("mean_reversion", measures, {})
    assert isinstance(found, Finding)
    assert measures.returning is not None
    assert found.net == pytest.approx(1.5 * measures.returning.deviation - 0.0012)
    assert found.per_year == pytest.approx(24 * 365.25 / (8.5 * measures.half_life.value))
    assert found.params["lookback"] == round(6 * measures.half_life.value)
    trend = measure(market(trending(3)))
    found = find("momentum", trend, {})
    assert isinstance(found, Finding)
    q = int(found.params["slow"])
    short, long = (next(item for item in trend.ratios if item.q == n) for n in (q, 2 * q))
    risk = trend.bar_volatility * math.sqrt(q * short.ratio)
    edge = math.sqrt(2 / math.pi) * (long.ratio / short.ratio - 1) * risk
    assert found.net == pytest.approx(edge - 0.0006)
    assert (found.risk, found.per_year) == (pytest.approx(risk), pytest.approx(24 * 365.25 / q))
    assert found.params["fast"] == pytest.approx(q / 3, abs=0.01)


def test_only_the_best_are_taken():
    measures = measure(market(10.0 + returning(2, 14.0)))
    assert uses(measures) == ["mean_reversion", "grid"]
    one = assign(measures, top=1)
    assert [choice.use for choice in one.choices] == ["mean_reversion"]
    assert "but the best 1 are taken" in one.refused["grid"]
    strict = assign(measures, min_score=0.99)
    assert strict.choices == ()


def test_grid_levels_are_wider_than_fees():
    measures = measure(market(10.0 + returning(2, 14.0, sigma=0.0001), maker_fee=5e-4))
    found = find("grid", measures, {})
    assert isinstance(found, Finding)
    assert found.params["spacing"] == pytest.approx(0.002)


def test_impossible_requests_are_refused():
    measures = measure(market(walk(1, 300)))
    with pytest.raises(ValueError, match="0 < min_score <= 1"):
        assign(measures, min_score=0.0)
    with pytest.raises(ValueError, match="top >= 1"):
        assign(measures, top=0)
    with pytest.raises(ValueError, match="one of momentum"):
        find("hodl", measures, {})
