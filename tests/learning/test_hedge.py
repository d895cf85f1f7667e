"""Exponential weights: the bounds of the papers hold for any rewards, to the last digit."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtests.bandits import hostile
from nautilus_quant.learning.hedge import Hedge, mix_gain, shared
from nautilus_quant.learning.params import PolicyParams, Priors
from nautilus_quant.learning.policy import Form, Output

SLACK = 1e-9
games = st.integers(2, 5).flatmap(
    lambda arms: st.lists(
        st.lists(st.floats(0.0, 1.0) | st.sampled_from([0.0, 1.0]), min_size=arms, max_size=arms),
        min_size=1,
        max_size=40,
    )
)
naps = st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=40, max_size=40)


def hedge(arms: int, **params: object) -> Hedge:
    told = {"half_life": math.inf, "pooling": 0.0, "reward_low": 0.0, "reward_high": 1.0} | params
    return Hedge(arms, PolicyParams(**told), output=Output(Form.WEIGHTS))  # type: ignore[arg-type]


def meet(policy: Hedge, gains: np.ndarray) -> np.ndarray:
    """Play; give the weights of each round, shape (rounds, arms)."""
    weights = np.empty_like(gains)
    for now, gain in enumerate(gains):
        weights[now] = policy.select(np.isfinite(gain), "a", np.zeros(len(gain)))
        policy.update(gain, "a")
    return weights


def regret(gains: np.ndarray, weights: np.ndarray) -> float:
    return float(gains.sum(axis=0).max() - (gains * weights).sum())


@pytest.fixture(scope="module")
def bad() -> np.ndarray:
    return hostile(2_000, 0).rewards


def adahedge_bounds(gains: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """De Rooij et al. (2014): theorem 6 with the variance met, and with the largest possible (S = 1)."""
    rounds, arms = gains.shape
    mean = (gains * weights).sum(axis=1, keepdims=True)
    variance = (weights * (gains - mean) ** 2).sum()
    rest = 4.0 / 3.0 * math.log(arms) + 2.0
    return 2.0 * math.sqrt(variance * math.log(arms)) + rest, math.sqrt(rounds * math.log(arms)) + rest


@given(games)
def test_adahedge_keeps_its_bound(game):
    gains = np.array(game)
    weights = meet(hedge(gains.shape[1]), gains)
    lost = regret(gains, weights)
    assert all(lost <= bound + SLACK for bound in adahedge_bounds(gains, weights))


@given(games)
def test_regret_is_at_most_twice_the_mixability_gap(game):  # lemma 3 of the same
    gains = np.array(game)
    policy = hedge(gains.shape[1])
    weights = meet(policy, gains)
    gap = policy.to_dict()["clock"]["a"][1][0]
    assert regret(gains, weights) <= 2.0 * gap + 1.0 * (gap == 0.0) * SLACK + SLACK


@given(games)
def test_the_anytime_rate_keeps_its_bound(game):
    # Cesa-Bianchi, Lugosi (2006), theorem 2.3
    gains = np.array(game)
    rounds, arms = gains.shape
    bound = 2.0 * math.sqrt(rounds / 2.0 * math.log(arms)) + math.sqrt(math.log(arms) / 8.0)
    assert regret(gains, meet(hedge(arms, rate="anytime"), gains)) <= bound + SLACK


@given(games, st.floats(0.05, 5.0))
def test_a_fixed_rate_keeps_its_bound(game, eta):
    gains = np.array(game)
    rounds, arms = gains.shape
    bound = math.log(arms) / eta + eta * rounds / 8.0
    assert regret(gains, meet(hedge(arms, rate=eta), gains)) <= bound + SLACK


def test_where_following_the_leader_loses_always_hedge_stays_near_the_best(bad):
    for rate in ("adahedge", "anytime", math.sqrt(8.0 * math.log(3.0) / len(bad))):
        weights = meet(hedge(3, rate=rate), bad)
        assert regret(bad, weights) <= math.sqrt(len(bad) * math.log(3.0)) + 4.0
    leader = np.zeros_like(bad)
    leader[np.arange(1, len(bad)), bad.cumsum(axis=0)[:-1].argmax(axis=1)] = 1.0
    assert regret(bad, leader) > 900.0


def test_one_arm_drawn_by_weight_stays_near_the_best_too(bad):
    policy = Hedge(3, PolicyParams(half_life=math.inf, reward_low=0.0, reward_high=1.0), seed=3)
    weights = meet(policy, bad)
    assert set(weights.sum(axis=1).tolist()) == {1.0}
    # the draw adds noise: Hoeffding, at 1 in 1000
    assert regret(bad, weights) <= adahedge_bounds(bad, meet(hedge(3), bad))[1] + math.sqrt(
        1_000.0 * math.log(1e3)
    )


@given(games, naps)
@settings(max_examples=60)
def test_arms_that_sleep_are_measured_by_the_rounds_they_were_awake(game, awake):
    gains = np.array(game)
    gains[~np.array(awake)[: gains.shape[0], : gains.shape[1]]] = np.nan
    gains[:, 0] = np.nan_to_num(gains[:, 0])  # somebody is always awake
    rounds, arms = gains.shape
    policy = hedge(arms)
    weights = meet(policy, gains)
    assert not weights[np.isnan(gains)].any()
    mixture = (np.nan_to_num(gains) * weights).sum(axis=1, keepdims=True)
    bound = math.sqrt(rounds * math.log(arms)) + 4.0 / 3.0 * math.log(arms) + 2.0
    assert np.nansum(gains - mixture, axis=0).max() <= bound + SLACK


def test_an_arm_asleep_keeps_its_place_against_the_mixture():
    policy = hedge(3, rate=1.0)
    meet(policy, np.array([[0.0, 0.3, 0.9], [0.0, 1.0, np.nan]]))
    # leads: gain - 0.4 each; then awake arms 0 and 1 weigh 1 : e^0.3
    share = math.exp(0.3) / (1.0 + math.exp(0.3))
    assert policy.to_dict()["leads"]["a"][0] == pytest.approx([-0.4 - share, -0.1 + 1.0 - share, 0.5])


def test_adahedge_does_not_care_about_the_scale(bad):
    small, large = hedge(3), hedge(3, reward_high=1e6)
    assert meet(small, bad[:200]) == pytest.approx(meet(large, bad[:200] * 1e6))


def test_with_a_share_the_best_arm_of_each_stretch_is_followed():
    # Cesa-Bianchi, Gaillard, Lugosi, Stoltz (2012), corollary 1: shares a/K each round, rate eta, S switches
    rounds, switches, arms = 900, 2, 3
    best = np.arange(rounds) * 3 // rounds
    gains = (np.arange(arms) == best[:, None]) * 1.0
    share, eta = switches / rounds, 0.25
    price = (switches + 1) * math.log(arms) - switches * math.log(share)
    price -= (rounds - switches - 1) * math.log(1.0 - share)
    bound = price / eta + eta * rounds / 8.0
    tracking = rounds - (gains * meet(hedge(arms, rate=eta, share=share), gains)).sum()
    assert tracking <= bound
    assert tracking < 0.3 * (rounds - (gains * meet(hedge(arms, rate=eta), gains)).sum())


def test_sharing_mixes_the_weights_and_keeps_the_mix_gain():
    lead, eta = np.array([0.5, -1.0, 2.0]), 0.7
    after = shared(lead, eta, 0.1)
    weights = np.exp(eta * lead) / np.exp(eta * lead).sum()
    again = np.exp(eta * after) / np.exp(eta * after).sum()
    assert again == pytest.approx(0.9 * weights + 0.1 / 3.0)
    assert mix_gain(after, eta) == pytest.approx(mix_gain(lead, eta))


def test_an_infinite_rate_follows_the_leaders():
    policy = hedge(3)
    assert policy.select(np.array([True, True, False]), "a", np.zeros(3)).tolist() == [0.5, 0.5, 0.0]
    assert mix_gain(np.array([1.0, 3.0, 3.0]), math.inf) == 3.0


def test_a_rarely_seen_regime_borrows_leads():
    policy = hedge(2, rate=1.0, pooling=0.5)
    policy.update(np.array([1.0, 0.0]), "a")  # leads +-0.5, from one evaluation
    everyone, free = np.array([True, True]), np.zeros(2)
    assert policy.select(everyone, "b", free)[0] == pytest.approx(
        1.0 / (1.0 + math.exp(-0.5))
    )  # half of them
    assert policy.select(everyone, "a", free)[0] == pytest.approx(1.0 / (1.0 + math.exp(-1.0)))
    policy.update(np.array([0.0, 1.0]), "b")
    weight = 1.0 / (1.0 + math.exp(-0.5))
    own = -weight - (1.0 - weight)  # what arm 0 fell behind arm 1 in this regime
    assert policy.select(everyone, "b", free)[0] == pytest.approx(1.0 / (1.0 + math.exp(-(own + 0.5))))


def test_the_prior_counts_as_its_strength_in_evaluations():
    policy = Hedge(
        2,
        PolicyParams(half_life=math.inf, rate=0.5),
        output=Output(Form.WEIGHTS),
        priors=Priors.of(2, [0.3, -0.1], 5.0),
    )
    everyone = np.array([True, True])
    assert policy.select(everyone, "a", np.zeros(2))[0] == pytest.approx(1.0 / (1.0 + math.exp(-0.5 * 2.0)))
    # a handicap of 0.4 per evaluation, over the same five, makes them level
    assert policy.select(everyone, "a", np.array([0.4, 0.0]))[0] == pytest.approx(0.5)


def test_a_handicap_stands_beside_the_mean_reward():
    policy = hedge(2, rate=2.0)
    meet(policy, np.tile([0.6, 0.5], (98, 1)))
    everyone = np.array([True, True])
    # 98 evaluations and 2 of the prior: the lead is 9.8, the handicap 100 times itself
    assert policy.select(everyone, "a", np.array([0.098, 0.0]))[0] == pytest.approx(0.5)
    assert policy.select(everyone, "a", np.array([0.2, 0.0]))[0] < 1e-6


def test_forgetting_lets_an_arm_return():
    gains = np.repeat([[1.0, 0.0], [0.0, 1.0]], [200, 40], axis=0)
    fresh, stubborn = hedge(2, half_life=10.0), hedge(2)
    assert meet(fresh, gains)[-1, 1] > 0.9
    assert meet(stubborn, gains)[-1, 1] < 0.1


def test_a_new_arm_starts_level_with_the_mixture():
    policy = hedge(2, rate=0.1)
    meet(policy, np.tile([1.0, 0.0], (20, 1)))
    saved = json.loads(json.dumps(policy.to_dict(), allow_nan=False))
    other = hedge(3, rate=0.1).restore(saved, [None, 1, 0])
    leads = policy.to_dict()["leads"]["a"][0]
    assert other.to_dict()["leads"]["a"][0] == [0.0, leads[1], leads[0]]
    shares = other.select(np.array([True] * 3), "a", np.zeros(3))
    assert shares[2] > shares[0] > shares[1]


def test_an_evaluation_of_which_nothing_was_seen_teaches_nothing():
    policy, same = hedge(2), hedge(2)
    policy.update(np.array([math.nan, math.inf]), "a")
    assert policy.select(np.array([True, True]), "a", np.zeros(2)).tolist() == [0.5, 0.5]
    gains = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert np.array_equal(meet(policy, gains), meet(same, gains))
