"""What is measured, what is not, and that nothing is made up."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from nautilus_quant.cli.answer import plain
from nautilus_quant.learning.measures import LEAST_BARS, measure
from tests.learning.markets import market, returning, trending, walk


def test_numbers_of_a_known_market():
    found = measure(market(walk(3, 4_000, 0.004)))
    steps = np.diff(walk(3, 4_000, 0.004)).std(ddof=1)
    assert found.volatility.value == pytest.approx(steps * math.sqrt(24 * 365.25))
    assert found.bar_volatility == pytest.approx(steps)
    assert (found.spread.value, found.spread.bars, found.spread.source) == (2e-4, 3, "median of quotes")
    assert found.cost.value == pytest.approx(2e-4 + 2 * 5e-4)
    assert found.turnover.value == pytest.approx(3.0 * np.median(np.exp(walk(3, 4_000, 0.004))))
    assert found.depth.value == 700.0
    assert found.bars == 4_000


def test_trend_and_half_life_come_with_their_statistics():
    found = measure(market(trending(2)))
    assert found.trend.value > 1.5
    assert found.efficiency.value > 1.1
    assert "z +" in found.trend.source
    back = measure(market(10.0 + returning(2, 12.0)))
    assert back.trend.value < 0.6
    assert back.half_life.value == pytest.approx(12.0, rel=0.25)
    assert "t -" in back.half_life.source


def test_horizons_are_powers_of_two_that_fit_eight_times():
    assert [item.q for item in measure(market(walk(1, 600))).ratios] == [2, 4, 8, 16, 32, 64]


def test_the_cointegrated_one_is_found_among_others():
    base, own = walk(20), walk(21)
    others = {
        "BASE.X": np.exp(base),
        "C.X": np.exp(walk(22)),
        "D.X": np.exp(walk(23)),
    }
    found = measure(market(2.0 + 0.8 * base + returning(24, 10.0, sigma=0.004)), others)
    best = found.partners[0]
    assert (best.instrument, best.bars) == ("BASE.X", 4_000)
    assert best.p < 1e-6
    assert best.beta == pytest.approx(0.8, abs=0.02)
    assert best.half_life == pytest.approx(10.0, rel=0.2)
    assert found.partner.value == best.p
    assert all(partner.p > 0.01 for partner in measure(market(own), others).partners)


def test_unrelated_ones_are_taken_for_partners_as_rarely_as_promised():
    """The best of three counts as the best of three."""
    named = []
    for seed in range(100):
        others = {f"{n}.X": np.exp(walk(5_000 + 3 * seed + n, 600)) for n in range(3)}
        named.append(measure(market(walk(9_000 + seed, 600)), others).partner.value < 0.05)
    assert np.mean(named) < 0.12


def test_only_common_bars_count_for_partners():
    base = walk(20, 1_000)
    closes = np.exp(base)
    closes[::3] = np.nan
    own = market(base + returning(2, 5.0, 1_000, 0.002))
    assert measure(own, {"B.X": closes}).partners[0].bars == 666
    closes[: 1_000 - LEAST_BARS] = np.nan
    found = measure(own, {"B.X": closes})
    assert found.partners == ()
    assert found.partner.reason == "too few common bars"


@pytest.mark.parametrize(
    ("known", "name", "reason"),
    [
        ({"spreads": None, "highs": None}, "spread", "no quotes, and no highs and lows"),
        ({"spreads": np.array([np.nan]), "lows": None}, "spread", "no quotes, and no highs and lows"),
        ({"spreads": None, "highs": None}, "cost", "no quotes, and no highs and lows"),
        ({"taker_fee": math.nan}, "cost", "the fee is unknown"),
        ({"volumes": None}, "turnover", "no volumes"),
        ({"depths": None}, "depth", "no quotes"),
        ({}, "partner", "no other instruments to compare with"),
    ],
)
def test_what_is_missing_is_nan_with_the_reason(known, name, reason):
    found = measure(market(walk(1, 400), **known)).table[name]
    assert math.isnan(found.value)
    assert found.reason == reason


def test_too_few_bars_say_nothing_about_structure():
    found = measure(market(walk(1, LEAST_BARS - 1), spreads=None), {"B.X": np.exp(walk(2, LEAST_BARS - 1))})
    for name in ("trend", "efficiency", "half_life", "spread", "cost"):
        assert found.table[name].reason == f"needs {LEAST_BARS} bars, has {LEAST_BARS - 1}", name
        assert not found.table[name].known
    assert found.volatility.known
    assert (found.ratios, found.returning, found.partners) == ((), None, ())
    assert measure(market(walk(1, 10))).volatility.reason == "needs 21 bars, has 10"
    assert measure(market(walk(1, 0))).turnover.reason == "no volumes"


def test_a_standing_price_says_so():
    found = measure(market(np.full(500, 3.0)))
    for name in ("trend", "efficiency", "half_life"):
        assert found.table[name].reason == "the price does not move"
    assert found.volatility.value == 0.0


def test_quotes_come_before_what_was_given():
    assert measure(market(walk(1, 400), spread=0.5)).spread.value == 2e-4
    given = measure(market(walk(1, 10), spread=0.5, spreads=None)).spread
    assert (given.value, given.source) == (0.5, "given")


def test_a_spread_from_bars_is_marked_and_never_below_a_tick():
    prices = walk(1, 400)
    closes = np.exp(prices)
    still = market(prices, spreads=None, highs=closes, lows=closes)
    assert "tick" in measure(still).spread.source
    assert measure(still).spread.value == pytest.approx(0.01 / closes[-1])
    coarse = market(prices, spreads=None, tick=50.0)
    assert 0.0 < measure(market(prices, spreads=None)).spread.value < 50.0 / closes[-1]
    assert measure(coarse).spread.value == pytest.approx(50.0 / closes[-1])
    unknown = measure(market(prices, spreads=None, tick=math.nan, highs=closes, lows=closes)).spread
    assert unknown.reason == "bars show no spread, and the tick is unknown"
    rng = np.random.default_rng(1)
    side = rng.choice([0.99, 1.01], len(closes))
    seen = market(prices, spreads=None, highs=closes * 1.01, lows=closes * 0.99)
    bounced = market(np.log(closes * side), spreads=None, highs=seen.highs, lows=seen.lows)
    spread = measure(bounced).spread
    assert spread.source == "estimate from bars (Abdi, Ranaldo)"
    assert spread.value == pytest.approx(0.02, rel=0.3)


@pytest.mark.parametrize(
    ("known", "rule"),
    [
        ({"highs": np.ones(3)}, "as many highs as closes"),
        ({"volumes": np.full(400, -1.0)}, "finite and positive volumes"),
        ({"lows": np.full(400, np.nan)}, "finite and positive lows"),
        ({"interval": 0}, "interval must be positive"),
    ],
)
def test_impossible_markets_are_refused(known, rule):
    good = market(walk(1, 400))
    facts = {name: getattr(good, name) for name in good.__slots__} | known
    with pytest.raises(ValueError, match=rule):
        type(good)(**facts)
    with pytest.raises(ValueError, match=r"as many closes of B\.X"):
        measure(good, {"B.X": np.ones(399)})


def test_everything_goes_into_json():
    found = measure(market(walk(1, 100)), {"B.X": np.ones(100)})
    text = json.dumps(plain(found.to_dict()), allow_nan=False)
    assert json.loads(text)["measures"]["trend"]["value"] is None
