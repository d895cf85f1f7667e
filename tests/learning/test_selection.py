"""The whole of learning and choosing, on markets whose truth is known."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from nautilus_quant.account.costs import CostModel
from nautilus_quant.learning.contest import Arm, Contest, Standing, Want
from nautilus_quant.learning.legs import Leg
from nautilus_quant.learning.params import PolicyParams
from nautilus_quant.learning.policies import POLICIES, make_policy
from nautilus_quant.learning.reward import RewardScale
from nautilus_quant.learning.selector import Selector, SelectorParams
from nautilus_quant.learning.track import track
from nautilus_quant.portfolio.sizing import Lot

MARKET = "BTCUSDT-PERP.SIM"
START = 1_700_000_000 * 1_000_000_000
EVALUATION = 6 * 3600 * 1_000_000_000
COSTS = CostModel(taker=0.0004, half_spread=0.0001)
SIGMA = 0.01  # per evaluation
HOLDS = {"long": 1.0, "short": -1.0}


def hold_contest(policy: str, drifts: dict[str, float], evaluations: int, stretch: int, seed: int):
    """Two arms, one always long, one always short, in a market whose drift goes with its regime."""
    rng = np.random.default_rng(seed)
    leg = Leg(instrument=MARKET, lot=Lot(step=Decimal("0.0001")), costs=COSTS)
    arms = [Arm(name, 0.5, (leg,)) for name in HOLDS]
    selector = Selector(
        list(HOLDS), make_policy(policy, 2, params=PolicyParams(), seed=seed), SelectorParams()
    )
    contest = Contest(MARKET, arms, selector, RewardScale(least=1), interval=EVALUATION / 1e9)
    regimes, price, records = list(drifts), 100.0, []
    for n in range(evaluations):
        ts, regime = START + n * EVALUATION, regimes[(n // stretch) % len(regimes)]
        contest.mark(MARKET, price, price, ts)
        contest.close(ts, price)
        records.append(contest.evaluate(Standing(ts, regime, np.ones(2, dtype=bool), 1e6, "interval")))
        for name, exposure in HOLDS.items():
            contest.target(Want(name, MARKET, exposure, price, price, ts))
        price *= float(np.exp(rng.normal(drifts[regime] * SIGMA, SIGMA)))
    return records


@pytest.mark.parametrize("policy", POLICIES)
def test_two_regimes_and_two_arms_each_good_in_one(policy):
    records = hold_contest(policy, {"UP": 0.3, "DOWN": -0.3}, 1600, 40, seed=3)
    learnt = records[400:]
    right = [r.weights[0] if r.regime == "UP" else r.weights[1] for r in learnt]
    summary = track(learnt)[MARKET].summary()

    assert np.mean(right) >= 0.9
    assert summary.selector > summary.best
    assert summary.selector > summary.equal
    assert summary.costs > 0.0


@pytest.mark.parametrize("policy", POLICIES)
def test_on_noise_it_is_no_worse_than_equal_weights_beyond_its_cost_of_switching(policy):
    lost, bounds = [], []
    for seed in range(4):
        records = hold_contest(policy, {"A": 0.0, "B": 0.0}, 800, 40, seed=seed)
        summary = track(records)[MARKET].summary()
        lost.append(summary.selector + summary.costs - summary.equal)
        bounds.append(SIGMA * np.sqrt(800))

    # Long or short by chance has the spread of the market; the mean over seeds must not be worse than that.
    assert np.mean(lost) > -2.0 * np.mean(bounds) / np.sqrt(len(lost))
