"""
Thompson sampling: choose each arm as often as it is likely to be the best.

Chapelle, Li, "An empirical evaluation of Thompson sampling", NIPS 2011; regret after Agrawal, Goyal, "Further
optimal regret bounds for Thompson sampling", AISTATS 2013; for unknown variances Honda, Takemura, "Optimality
of Thompson sampling for Gaussian bandits depends on priors", AISTATS 2014.

With shares as the answer each arm gets its probability of being the best, computed rather than drawn.
"""

from __future__ import annotations

import numpy as np
from scipy.special import betainc, stdtr

from nautilus_quant.learning.evidence import COUNT, WINS
from nautilus_quant.learning.evidence_policy import EvidencePolicy
from nautilus_quant.learning.outputs import chance_of_best
from nautilus_quant.learning.policy import Beliefs, Flags, Floats


class ThompsonNormal(EvidencePolicy):
    """
    Rewards taken for normal with unknown mean and variance.

    The expected reward of an arm is drawn from its posterior, Student's t with 2 alpha_n degrees of freedom
    around mu_n, of squared scale beta_n / (alpha_n kappa_n): Murphy (2007), section 3.4.
    """

    kind = "thompson"

    def _student(self, regime: str) -> tuple[Floats, Floats, Floats]:
        mean, variance, strength = self._evidence.posterior(regime)
        freedom = strength + 2.0  # 2 alpha_n, alpha_n = 1 + kappa_n / 2
        return mean, np.sqrt(variance / freedom), freedom

    def _scores(self, regime: str) -> Floats:
        mean, scale, freedom = self._student(regime)
        return mean + scale * self._rng.standard_t(freedom)

    def _shares(self, able: Flags, regime: str, handicap: Floats) -> Floats:
        mean, scale, freedom = self._student(regime)
        centre = mean - np.where(able, handicap, 0.0)

        def below(points: Floats, arms: Flags) -> Floats:
            z = (points - centre[arms, None]) / scale[arms, None]
            return np.asarray(stdtr(freedom[arms, None], z), dtype=np.float64)

        return chance_of_best(centre, scale, able, below)


class ThompsonBeta(EvidencePolicy):
    """
    Only whether a reward is a win (> 0) counts.

    Robust to outliers, blind to size: an arm that is flat for long looks like one that loses. A win is worth
    `reward_sd`, anything else minus that, so that the chance p of a win is an expected reward of
    (2p - 1) reward_sd, which is what handicaps, priors and beliefs are in.
    """

    kind = "thompson_beta"

    def _counts(self, regime: str) -> tuple[Floats, Floats]:
        sums = self._evidence.sums(regime)
        strength = self._priors.strength
        chance = np.minimum(np.maximum(0.5 + 0.5 * self._priors.mean / self._params.reward_sd, 0.01), 0.99)
        won = strength * chance + sums[WINS]
        # a discounted difference of equal sums may fall below what the prior alone gives
        lost = strength * (1.0 - chance) + np.maximum(sums[COUNT] - sums[WINS], 0.0)
        return won, lost

    def _scores(self, regime: str) -> Floats:
        return self._worth(self._rng.beta(*self._counts(regime)))

    def _worth(self, chance: Floats) -> Floats:
        return (2.0 * chance - 1.0) * self._params.reward_sd

    def beliefs(self, regime: str) -> Beliefs:
        """Return what is thought of each arm in a regime, in the reward of wins and losses."""
        won, lost = self._counts(regime)
        both = won + lost
        sd = 2.0 * self._params.reward_sd * np.sqrt(won * lost / (both + 1.0)) / both
        return Beliefs(self._worth(won / both), sd, self._evidence.sums(regime)[COUNT].copy())

    def _shares(self, able: Flags, regime: str, handicap: Floats) -> Floats:
        won, lost = self._counts(regime)
        mean, sd, _ = self.beliefs(regime)
        charge = np.where(able, handicap, 0.0)

        def below(points: Floats, arms: Flags) -> Floats:
            chance = 0.5 + 0.5 * (points + charge[arms, None]) / self._params.reward_sd
            inside = np.minimum(np.maximum(chance, 0.0), 1.0)
            return np.asarray(betainc(won[arms, None], lost[arms, None], inside), dtype=np.float64)

        return chance_of_best(mean - charge, sd, able, below)
