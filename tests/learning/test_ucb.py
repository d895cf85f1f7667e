"""Upper confidence bounds solve their equations, and widen with what is not known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.learning.params import PolicyParams, Priors
from nautilus_quant.learning.policy import Form, Output
from nautilus_quant.learning.ucb import KLUCB, UCB1Tuned, kl_upper_bound

WINS = PolicyParams(half_life=math.inf, reward_low=0.0, reward_high=1.0, reward_sd=0.5)


def kl(p: float, q: float) -> float:
    return p * math.log(p / q) + (1.0 - p) * math.log((1.0 - p) / (1.0 - q))


@given(st.floats(1e-3, 1.0 - 1e-3), st.floats(1e-5, 8.0))
def test_the_bound_solves_its_equation(mean, budget):
    bound = float(kl_upper_bound(np.array([mean]), np.array([budget]))[0])
    assert mean <= bound < 1.0
    if bound < 1.0 - 1e-9:  # closer to 1 no float solves it
        assert kl(mean, bound) == pytest.approx(budget, rel=1e-4, abs=1e-9)


def test_bounds_at_the_edges():
    means, budgets = np.array([0.0, 0.5, 1.0, 0.0]), np.array([0.0, 0.0, 2.0, 1.0])
    expected = [0.0, 0.5, 1.0, 1.0 - math.exp(-1.0)]
    assert kl_upper_bound(means, budgets).tolist() == pytest.approx(expected, abs=1e-6)


def chosen(policy, plays: list[tuple[int, float]], handicap: tuple[float, float] = (0.0, 0.0)) -> int:
    for arm, reward in plays:
        rewards = np.full(2, np.nan)
        rewards[arm] = reward
        policy.update(rewards, "a")
    return int(policy.select(np.array([True, True]), "a", np.array(handicap)).argmax())


@pytest.mark.parametrize("kind", [UCB1Tuned, KLUCB])
def test_of_equal_arms_the_one_played_less_is_chosen(kind):
    policy = kind(2, WINS, priors=Priors.of(2, 0.5, 0.1))
    assert chosen(policy, [(0, 1.0), (0, 0.0), (0, 1.0), (0, 0.0), (1, 1.0), (1, 0.0)]) == 1


def test_the_tuned_bound_by_hand():
    # prior 1 play of 0.5 +- 0.5 each; arm 0: 1, 1, 0 and arm 1: 0
    policy = UCB1Tuned(2, WINS, priors=Priors.of(2, 0.5, 1.0))
    chosen(policy, [(0, 1.0), (0, 1.0), (0, 0.0), (1, 0.0)])
    logs = math.log(6.0)
    means, plays = (2.5 / 4.0, 0.5 / 2.0), (4.0, 2.0)
    seconds = ((0.5 + 2.0) / 4.0, 0.5 / 2.0)
    expected = [
        mean + math.sqrt(logs / n * min(0.25, second - mean**2 + math.sqrt(2.0 * logs / n)))
        for mean, n, second in zip(means, plays, seconds, strict=True)
    ]
    assert policy._scores("a").tolist() == pytest.approx(expected)


def test_rewards_that_spread_little_in_a_wide_range_are_explored_less():
    narrow = PolicyParams(reward_low=-3.0, reward_high=3.0, reward_sd=1.0)
    wide = PolicyParams(reward_low=-3.0, reward_high=3.0, reward_sd=3.0)
    for kind in (UCB1Tuned, KLUCB):
        gain = [kind(2, params)._scores("a")[0] for params in (narrow, wide)]
        assert gain[0] < gain[1] / 2.0
    # sqrt(2 ln(plays) / plays) deviations, 2 plays of each by the prior
    assert KLUCB(2, narrow)._scores("a")[0] == pytest.approx(math.sqrt(math.log(4.0)))


def test_wins_and_losses_are_bounded_by_their_own_divergence():
    policy = KLUCB(2, WINS, priors=Priors.of(2, 0.9, 4.0))
    bound = policy._scores("a")[0]
    assert kl(0.9, bound) == pytest.approx(math.log(8.0) / 4.0)
    assert bound < 1.0 < 0.9 + math.sqrt(math.log(8.0) / 8.0)  # where the normal one would be


@pytest.mark.parametrize("kind", [UCB1Tuned, KLUCB])
def test_rewards_and_priors_outside_the_range_are_clipped(kind):
    policy, same = kind(2, WINS, priors=Priors.of(2, 7.0)), kind(2, WINS, priors=Priors.of(2, 1.0))
    policy.update(np.array([-5.0, 9.0]), "a")
    same.update(np.array([0.0, 1.0]), "a")
    assert policy.to_dict() == same.to_dict()
    assert np.array_equal(policy._scores("a"), same._scores("a"))


@pytest.mark.parametrize("kind", [UCB1Tuned, KLUCB])
def test_shares_fall_with_the_bound(kind):
    policy = kind(3, WINS, output=Output(Form.WEIGHTS))
    for _ in range(30):
        policy.update(np.array([0.2, 0.9, 0.5]), "a")
    shares = policy.select(np.array([True] * 3), "a", np.zeros(3))
    assert shares[1] > shares[2] > shares[0] > 0.0
    mean, bound = policy._mean_and_bound("a")
    assert math.log(shares[1] / shares[2]) == pytest.approx((bound[1] - bound[2]) / (bound - mean).mean())
