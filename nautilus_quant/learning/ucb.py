"""
Upper confidence bounds: choose the arm that could be the best.

UCB1-Tuned: Auer, Cesa-Bianchi, Fischer, "Finite-time analysis of the multiarmed bandit problem", Machine
Learning 47 (2002), section 4. KL-UCB: Garivier, Cappe, "The KL-UCB algorithm for bounded stochastic bandits
and beyond", COLT 2011. With discounted counts in place of counts: Garivier, Moulines, ALT 2011.

Rewards are clipped to their range and mapped to [0, 1]; bounds are mapped back to reward. The prior counts as
that many plays, hence no arm has to be tried first. No variance in [0, 1] exceeds 1/4; that of rewards which
spread less is held to be at most the larger of `reward_sd` squared and what was seen: with the range alone,
rewards of deviation 1 clipped at 3 would be explored ten times too long.
"""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np

from nautilus_quant.learning.evidence_policy import EvidencePolicy
from nautilus_quant.learning.outputs import boltzmann
from nautilus_quant.learning.params import Priors
from nautilus_quant.learning.policy import Flags, Floats

EDGE = 1e-9
STEPS = 4


class UpperBound(EvidencePolicy):
    """
    Chooses by an upper confidence bound of the expected reward.

    With shares as the answer they are proportional to exp(bound / width), where the width is the mean
    distance from belief to bound: arms whose bound lies far below the highest, compared to what is not known,
    get next to nothing.
    """

    def _expected(self, priors: Priors) -> Priors:
        return Priors(self._params.clip(priors.mean), priors.strength)

    def _heard(self, rewards: Floats) -> Floats:
        return self._params.clip(rewards)

    def _mean_and_bound(self, regime: str) -> tuple[Floats, Floats]:
        low, span = self._params.reward_low, self._params.span
        mean, variance, strength = self._evidence.posterior(regime)
        plays = math.log(max(float(strength.sum()), 1.0))
        known = variance / span**2
        ceiling = np.minimum(0.25, np.maximum(known, (self._params.reward_sd / span) ** 2))
        return mean, low + span * self._bound((mean - low) / span, ceiling, known, plays / strength)

    @abstractmethod
    def _bound(self, mean: Floats, ceiling: Floats, variance: Floats, budget: Floats) -> Floats:
        """Return the bound of means in [0, 1]; `budget` is ln(plays of all) / plays of each [nats]."""

    def _scores(self, regime: str) -> Floats:
        return self._mean_and_bound(regime)[1]

    def _shares(self, able: Flags, regime: str, handicap: Floats) -> Floats:
        mean, bound = self._mean_and_bound(regime)
        width = float((bound - mean)[able].mean()) if able.any() else 1.0
        return boltzmann((bound - np.where(able, handicap, 0.0)) / max(width, EDGE), able)


class UCB1Tuned(UpperBound):
    """Bound that widens with the spread of the rewards: Auer et al. (2002), section 4, below the ceiling."""

    kind = "ucb"

    def _bound(self, mean: Floats, ceiling: Floats, variance: Floats, budget: Floats) -> Floats:
        spread = np.minimum(ceiling, variance + np.sqrt(2.0 * budget))
        return np.asarray(mean + np.sqrt(budget * spread), dtype=np.float64)


class KLUCB(UpperBound):
    """
    Largest mean that the rewards do not rule out: Garivier and Cappe (2011), algorithm 1, c = 0.

    The lower of two bounds: by the divergence of Bernoulli distributions, which holds for all rewards in the
    range, and by that of normal ones with the variance at its ceiling, which is lower when rewards spread
    little in a wide range.
    """

    kind = "kl_ucb"

    def _bound(self, mean: Floats, ceiling: Floats, variance: Floats, budget: Floats) -> Floats:  # noqa: ARG002
        normal = mean + np.sqrt(2.0 * ceiling * budget)
        return np.asarray(np.minimum(kl_upper_bound(mean, budget), normal), dtype=np.float64)


def kl_upper_bound(mean: Floats, budget: Floats) -> Floats:
    """
    Return the largest q with kl(mean, q) <= budget, kl being that of Bernoulli distributions.

    kl(mean, .) is convex and rises from 0 at the mean, so Newton's steps from above stay above and converge
    quadratically. kl(p, q) is the integral of (x - p) / (x (1 - x)) from p to q; the start is the lowest of
    three bounds from above, by x (1 - x) being at most its largest value in between, by its being at most q,
    and by leaving out p ln(1/q) >= 0.

    Parameters
    ----------
    mean
        Shape (arms,), in [0, 1].
    budget
        Shape (arms,), not negative [nats].

    Returns
    -------
    Floats
        Shape (arms,), in [mean, 1].

    """
    p = np.minimum(np.maximum(mean, EDGE), 1.0 - EDGE)
    rest = 1.0 - p
    level = budget - p * np.log(p) - rest * np.log(rest)  # budget + entropy
    low, high = p + 0.1 * EDGE, 1.0 - 0.1 * EDGE
    variance = np.where(p < 0.5, 0.25, p * rest)
    q = np.minimum(p + np.sqrt(2.0 * variance * budget), p + budget + np.sqrt(budget * (budget + 2.0 * p)))
    q = np.minimum(np.maximum(np.minimum(q, 1.0 - np.exp(-level / rest)), low), high)
    for _ in range(STEPS):
        miss = -p * np.log(q) - rest * np.log1p(-q) - level
        q = np.minimum(np.maximum(q - miss * q * (1.0 - q) / (q - p), low), high)
    return np.asarray(q, dtype=np.float64)
