"""Regret against theory and against other people's implementations, on the same rewards."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from backtests.bandits import MabWiser, Ours, River, World, bernoulli, gaussian, play, switching

pytestmark = pytest.mark.xdist_group("regrets")

ROUNDS = 800
STATIONARY = {"half_life": math.inf}


@cache
def regrets(
    make: Callable[[int, int], World],
    name: str,
    kind: type = Ours,
    *,
    rounds: int = ROUNDS,
    seeds: int = 12,
    **params: float,
) -> np.ndarray:
    """Regret at the end, for each seed."""
    worlds = [make(rounds, seed) for seed in range(seeds)]
    told = (STATIONARY | params) if kind is Ours else {}
    return np.array([play(kind(name, world, seed, **told), world)[-1] for seed, world in enumerate(worlds)])


def error(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / math.sqrt(len(values)))


def kl(p: float, q: float) -> float:
    return p * math.log(p / q) + (1.0 - p) * math.log((1.0 - p) / (1.0 - q))


@pytest.mark.parametrize("name", ["thompson", "thompson_beta", "ucb", "kl_ucb"])
def test_regret_on_bernoulli_arms_is_within_lai_and_robbins_rate(name):
    # sum of gap / kl(arm, best) ln T: no consistent policy does better in the long run, and Thompson sampling
    # (Agrawal, Goyal 2013) and KL-UCB (Garivier, Cappe 2011) reach it, at this horizon from below
    bound = (0.3 / kl(0.3, 0.6) + 0.15 / kl(0.45, 0.6)) * math.log(ROUNDS)
    assert bound < 0.3 * ROUNDS * 0.15  # choosing at random costs more than three times as much
    assert regrets(bernoulli, name).mean() <= bound


@pytest.mark.parametrize("name", ["thompson", "ucb", "kl_ucb"])
def test_regret_on_gaussian_arms_is_within_the_rate_for_known_variance(name):
    # sum of 2 sd^2 / gap ln T, and 3 standard errors
    bound = sum(2.0 / gap for gap in (1.0, 0.75, 0.5)) * math.log(ROUNDS)
    assert bound < 0.2 * ROUNDS * 0.5625
    seen = regrets(gaussian, name)
    assert seen.mean() <= bound + 3.0 * error(seen)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "ours", "theirs"),
    [
        (bernoulli, "thompson_beta", "thompson"),
        (bernoulli, "ucb", "ucb"),
        (bernoulli, "kl_ucb", "ucb"),
        (gaussian, "ucb", "ucb"),
        (gaussian, "kl_ucb", "ucb"),
    ],
)
def test_regret_is_no_worse_than_that_of_peers(make, ours, theirs):
    # paired over the 12 seeds, one-sided at 1 %: the mean difference is at most 2.72 standard errors
    for peer in (MabWiser, River):
        more = regrets(make, ours) - regrets(make, theirs, peer)
        assert more.mean() <= 2.72 * error(more), peer


@pytest.mark.slow
@pytest.mark.parametrize("name", ["thompson", "thompson_beta", "ucb", "kl_ucb"])
def test_where_arms_switch_forgetting_clearly_wins(name):
    # clearly: by a tenth, and paired over 8 seeds beyond chance at 1 % (3.0 standard errors)
    stubborn = regrets(switching, name, rounds=1_600, seeds=8)
    for forgetting in ({"half_life": 100.0}, {"window": 250}):
        fresh = regrets(switching, name, rounds=1_600, seeds=8, **forgetting)
        assert (stubborn - fresh).mean() > 3.0 * error(stubborn - fresh), forgetting
        assert fresh.mean() < 0.9 * stubborn.mean(), forgetting
