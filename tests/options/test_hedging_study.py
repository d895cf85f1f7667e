"""The frontier of cost and risk: on paths of our own, and on recorded chains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nautilus_quant.options.chain import Chain
from nautilus_quant.options.hedging_recorded import DAY, StraddleTerms, straddles
from nautilus_quant.options.hedging_sim import TradeCosts, gbm, straddle
from nautilus_quant.options.hedging_study import (
    COST_AWARE,
    INTERVAL,
    MODES,
    NONE,
    Point,
    Way,
    advantage,
    compare,
    family_in,
    ways,
)
from nautilus_quant.options.recorded import RecordedChains, Snapshot

COSTS = TradeCosts()


def point(family: str, cost: float, deviation: float) -> Point:
    return Point(Way(family, "", None), cost, deviation, 0.0, 0.0, 0.0)


def test_who_leaves_less_risk_at_the_same_cost_has_the_advantage():
    points = [
        point("naive", 100.0, 400.0),
        point("naive", 400.0, 100.0),
        point("ours", 200.0, 150.0),
        point("ours", 50.0, 1.0),
    ]
    # Halfway in logarithms between 100 and 400 the naive way leaves 200: 150 is a quarter less. Nobody naive
    # costs as little as 50.
    [(found, less)] = advantage(points, "ours", "naive")
    assert found.cost == 200.0
    assert less == pytest.approx(0.25)


def test_a_naive_way_that_is_dearer_and_riskier_than_another_is_no_yardstick():
    points = [
        point("naive", 100.0, 400.0),
        point("naive", 200.0, 900.0),
        point("naive", 400.0, 100.0),
        point("ours", 200.0, 220.0),
    ]
    assert advantage(points, "ours", "naive")[0][1] == pytest.approx(-0.1)


def test_without_a_frontier_there_is_nothing_to_say():
    assert advantage([point("naive", 1.0, 1.0), point("ours", 1.0, 1.0)], "ours", "naive") == []


def assert_better(points: list[Point], least: float) -> None:
    for mode in MODES:
        found = advantage(points, family_in(COST_AWARE, mode), family_in(INTERVAL, mode))
        assert len(found) >= 3
        assert min(less for _, less in found) > least


def test_the_cost_aware_band_lies_on_the_better_side_in_a_simulated_market():
    paths = straddle(gbm(7, 400, 360, 30 / 365), 0.6, 30 / 365)
    assert_better(compare(paths, ways(paths), COSTS, 1e-4), 0.1)


def test_who_hedges_less_than_four_times_is_not_compared():
    paths = straddle(gbm(7, 2, 12, 0.1), 0.6, 0.1)
    names = {way.name for way in ways(paths) if way.family == family_in(INTERVAL, MODES[0])}
    assert len(names) == 3  # every step, every second, every third


@pytest.fixture(scope="module")
def recorded(nq_data: Path):
    chains = RecordedChains(nq_data / "options_deribit_btc_6h.parquet")
    return straddles(chains.snapshots("BTC"), StraddleTerms(every=2))


@pytest.mark.slow
def test_the_cost_aware_band_lies_on_the_better_side_on_recorded_chains(recorded):
    points = compare(recorded, ways(recorded), COSTS, 1e-4)
    assert_better(points, 0.0)
    unhedged = next(p for p in points if p.way.family == NONE)
    hedged = [p for p in points if p.way.family != NONE]
    # Of the variance of a straddle no way leaves more than half.
    assert max(p.deviation for p in hedged) < unhedged.deviation * 0.5**0.5


def snapshot(ts: int, *, forward: float = 100.0, missing: tuple[str, ...] = ()) -> Snapshot:
    """Two expiries with three strikes each, marked at 2 for calls and 3 for puts."""
    rows = [
        (expiry, strike, call)
        for expiry in (20 * DAY, 50 * DAY)
        for strike in (90.0, 100.0, 110.0)
        for call in (True, False)
    ]
    names = [f"{e // DAY}-{k:g}-{'C' if c else 'P'}" for e, k, c in rows]
    kept = [row for row, name in zip(rows, names, strict=True) if name not in missing]
    chain = Chain.of(
        ts,
        "BTC",
        expiry=np.array([e for e, _, _ in kept]),
        strike=np.array([k for _, k, _ in kept]),
        call=np.array([c for _, _, c in kept]),
        bid=np.full(len(kept), 1.0),
        ask=np.full(len(kept), 4.0),
        mark=np.array([2.0 if c else 3.0 for _, _, c in kept]),
        names=[name for name in names if name not in missing],
        reference=np.full(len(kept), forward),
    )
    return Snapshot(chain, np.full(len(kept), 0.6), forward)


def test_a_straddle_is_the_one_nearest_the_money_and_the_days():
    snapshots = [snapshot(n * DAY, forward=108.0 - n) for n in range(6)]
    paths = straddles(snapshots, StraddleTerms(days=21.0, holding=4.0, every=1))
    assert paths.price.shape == (5, 2)
    assert paths.interval == 86_400.0
    np.testing.assert_allclose(paths.price[:, 0], [108.0, 107.0, 106.0, 105.0, 104.0])
    np.testing.assert_allclose(paths.value, -5.0)  # minus 2 and 3
    # At 108 the strike of 110 is nearest, and a put in the money outweighs its call: sold, that is long.
    assert paths.delta[0, 0] == pytest.approx(-(2 * 0.4824 - 1.0), abs=0.02)
    assert (paths.gamma < 0.0).all()


def test_a_path_ends_where_an_option_is_missing():
    snapshots = [snapshot(n * DAY, missing=("20-100-P",) if n == 3 else ()) for n in range(6)]
    paths = straddles(snapshots, StraddleTerms(days=21.0, holding=4.0, every=1))
    assert np.isfinite(paths.value).sum(axis=0).tolist() == [3, 2]


def test_too_few_snapshots_are_refused():
    with pytest.raises(ValueError, match="at least three snapshots, was 2"):
        straddles([snapshot(0), snapshot(DAY)])
    with pytest.raises(ValueError, match="long enough for one straddle"):
        straddles([snapshot(n * DAY) for n in range(5)], StraddleTerms(holding=30.0))
