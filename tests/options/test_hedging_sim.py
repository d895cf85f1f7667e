"""Hedging along paths: what theory says of it, and figures by hand."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.options.hedging_band import BandKind, BandParams, Exposure, wanted_trade
from nautilus_quant.options.hedging_params import HedgeParams, Mode
from nautilus_quant.options.hedging_sim import (
    Books,
    Heston,
    Paths,
    TradeCosts,
    gbm,
    hedge,
    heston,
    straddle,
    wanted_trades,
)

MONTH = 30 / 365
FREE = TradeCosts(0.0, 0.0, 0.0, 0.0)
ALWAYS = HedgeParams(band=BandParams(kind=BandKind.TIMED, interval=1e-3))


def replicated(steps: int, seed: int = 1) -> tuple[float, float]:
    """Mean and deviation of what is left of a straddle hedged at every step, without cost."""
    outcome = hedge(straddle(gbm(seed, 4_000, steps, MONTH), 0.6, MONTH), ALWAYS, FREE)
    return float(outcome.profit.mean()), outcome.deviation


@pytest.mark.parametrize("steps", [96, 384])
def test_a_hedged_option_costs_its_premium_but_for_an_error_that_theory_knows(steps):
    # M. Kamal, E. Derman, "When you cannot hedge continuously", RISK 12(1), 1999: the deviation of the
    # replication error is sqrt(pi / 4) vega vol / sqrt(steps); vega at the money is S sqrt(T / 2 pi), twice
    # for a straddle.
    expected = math.sqrt(math.pi / 4) * 2e5 * math.sqrt(MONTH / (2 * math.pi)) * 0.6 / math.sqrt(steps)
    mean, deviation = replicated(steps)
    assert deviation == pytest.approx(expected, rel=0.04)
    # Sold for its premium and hedged, nothing is left on average: within four standard errors.
    assert abs(mean) < 4.0 * deviation / math.sqrt(4_000)


def test_the_error_halves_when_hedges_come_four_times_as_often():
    deviations = [replicated(steps, seed=2)[1] for steps in (12, 48, 192)]
    for coarse, fine in pairwise(deviations):
        assert coarse / fine == pytest.approx(2.0, rel=0.05)


def test_an_unhedged_straddle_keeps_the_premium_and_pays_what_it_is_worth_at_the_end():
    paths = straddle(gbm(3, 50, 10, MONTH), 0.6, MONTH)
    outcome = hedge(paths, None, TradeCosts())
    # Sold for -value[0]; at the end it is the distance of the price from the strike.
    paid = np.abs(paths.price[-1] - 100_000.0)
    np.testing.assert_allclose(outcome.profit, -paths.value[0] - paid, rtol=1e-6)
    assert not outcome.cost.any()


def by_hand(params: HedgeParams, costs: TradeCosts) -> tuple[float, float, float]:
    """A book of -0.5, then -0.52, then -0.6 coins, at 100, 110, 90 and 100."""
    column = np.array
    paths = Paths(
        price=column([[100.0], [110.0], [90.0], [100.0]]),
        value=column([[-7.0], [-12.0], [-5.0], [-6.0]]),
        delta=column([[-0.5], [-0.52], [-0.6], [-0.55]]),
        gamma=column([[-0.02], [-0.02], [-0.02], [-0.02]]),
        interval=3_600.0,
    )
    outcome = hedge(paths, params, costs)
    return float(outcome.profit[0]), float(outcome.cost[0]), float(outcome.trades[0])


def test_a_fixed_band_by_hand():
    # Bought 0.5 at 100; -0.02 is within 0.05; bought 0.1 at 90; sold 0.6 at 100.
    # Cost at 1 %: 0.5 + 0.09 + 0.6 = 1.19.
    # Hedge 0.5 * 10 - 0.5 * 20 + 0.6 * 10 = 1; book -6 + 7 = 1; together 2 - 1.19.
    profit, cost, trades = by_hand(HedgeParams(band=BandParams(width=0.05)), TradeCosts(0.009, 0.0, 0.001))
    assert (profit, cost, trades) == (pytest.approx(0.81), pytest.approx(1.19), 2)


def test_intervals_by_hand():
    # Every two hours: 0.5 at 100 and 0.1 at 90, as above.
    timed = HedgeParams(band=BandParams(kind=BandKind.TIMED, interval=7_200.0))
    assert by_hand(timed, TradeCosts(0.009, 0.0, 0.001)) == (pytest.approx(0.81), pytest.approx(1.19), 2)


def test_a_path_that_ends_early_closes_its_hedge_there():
    column = np.array
    nan = math.nan
    paths = Paths(
        price=column([[100.0, 100.0], [110.0, 110.0], [nan, 120.0]]),
        value=column([[0.0, 0.0], [0.0, 0.0], [nan, 0.0]]),
        delta=column([[-1.0, -1.0], [-1.0, -1.0], [nan, -1.0]]),
        gamma=column([[0.0, 0.0], [0.0, 0.0], [nan, 0.0]]),
        interval=1.0,
    )
    outcome = hedge(paths, HedgeParams(band=BandParams(width=0.01)), TradeCosts(0.01, 0.0, 0.0))
    # Bought at 100 for 1, sold at 110 for 1.1, gained 10; the other sold at 120 for 1.2, gained 20.
    np.testing.assert_allclose(outcome.cost, [2.1, 2.2])
    np.testing.assert_allclose(outcome.profit, [7.9, 17.8])


def test_what_a_mode_costs():
    costs = TradeCosts(taker=0.0005, maker=-0.0001, half_spread=0.0001, rests=0.25)
    assert costs.share(Mode.AGGRESSIVE) == pytest.approx(0.0006)
    assert costs.share(Mode.BALANCED) == pytest.approx(0.0006)
    # A quarter at -1 bp, the rest at 6 bps: -0.25 + 4.5 bps.
    assert costs.share(Mode.CONSERVATIVE) == pytest.approx(0.000425)


KINDS = st.sampled_from(list(BandKind))
NUMBERS = st.floats(-5.0, 5.0)


@given(
    kind=KINDS,
    book=st.tuples(NUMBERS, st.floats(-1e-3, 1e-3) | st.just(math.nan), st.floats(0.0, 0.01)),
    aversion=st.floats(1e-6, 1e-1),
    since=st.sampled_from([0.0, 1_800.0, 3_600.0, math.inf]),
)
def test_many_books_at_once_are_hedged_as_each_by_itself(kind, book, aversion, since):
    delta, gamma, cost = book
    params = BandParams(kind=kind, width=0.05, widest=0.8, risk_aversion=aversion, interval=3_600.0)
    alone = wanted_trade(Exposure(delta, gamma, 100_000.0, cost), params, since)
    column = np.array
    books = Books(column([delta]), column([gamma]), column([100_000.0]), cost)
    assert wanted_trades(books, params, column([since]))[0] == pytest.approx(alone, abs=1e-12)


def test_simulated_prices_move_as_much_as_they_should_and_drift_nowhere():
    prices = gbm(5, 20_000, 4, 0.25, vol=0.5)
    logs = np.log(prices[-1] / prices[0])
    assert logs.std() == pytest.approx(0.5 * math.sqrt(0.25), rel=0.02)
    assert prices[-1].mean() == pytest.approx(100_000.0, rel=0.01)


def test_stochastic_volatility_reverts_and_leans_against_the_price():
    prices, vols = heston(5, 4_000, 200, 0.5, market=Heston(mean_vol=0.5, correlation=-0.7, vol_of_vol=1.0))
    assert prices[-1].mean() == pytest.approx(100_000.0, rel=0.03)
    assert (vols[-1] ** 2).mean() == pytest.approx(0.25, rel=0.05)
    moves, changes = np.diff(np.log(prices), axis=0), np.diff(vols**2, axis=0)
    assert np.corrcoef(moves.ravel(), changes.ravel())[0, 1] == pytest.approx(-0.7, abs=0.08)


def test_the_same_seed_gives_the_same_paths():
    np.testing.assert_array_equal(gbm(9, 5, 5, MONTH), gbm(9, 5, 5, MONTH))
    assert (gbm(9, 5, 5, MONTH)[1:] != gbm(10, 5, 5, MONTH)[1:]).all()


def test_the_score_weighs_risk_against_cost():
    outcome = hedge(straddle(gbm(3, 50, 10, MONTH), 0.6, MONTH), ALWAYS, TradeCosts())
    assert outcome.score(2e-4) == pytest.approx(
        outcome.cost.mean() + 1e-4 * ((outcome.profit - outcome.profit.mean()) ** 2).mean()
    )
