"""
What is known of each arm in each regime: discounted sums, a sliding window, and what other regimes lend.

Discounted and sliding-window statistics after Garivier, Moulines, "On upper-confidence bound policies for
switching bandit problems", ALT 2011. Posterior of mean and variance after Murphy, "Conjugate Bayesian
analysis of the Gaussian distribution", 2007, section 3. Partial pooling in the spirit of Gelman, Hill, "Data
analysis using regression and multilevel models", 2007, chapter 12, with a cap in place of an estimated
variance between groups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from nautilus_quant.learning.policy import Beliefs, Floats
from nautilus_quant.learning.regime_table import Places, RegimeTable
from nautilus_quant.learning.reward_window import Window
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.learning.params import PolicyParams, Priors

COUNT, SUM, SQUARES, WINS = range(4)


class Posterior(NamedTuple):
    """
    Normal-inverse-gamma posterior of each arm's mean reward, written by what it amounts to.

    Parameters
    ----------
    mean
        Expected reward; shape (arms,) [reward].
    variance
        Of one reward, expected; shape (arms,) [reward^2].
    strength
        Prior and evidence together; shape (arms,) [evaluations].

    """

    mean: Floats
    variance: Floats
    strength: Floats


class Evidence:
    """
    Discounted count, sum, sum of squares and wins of rewards by regime and arm; O(regimes x arms) each time.

    The belief about an arm in a regime rests on its rewards there, and on those in all other regimes scaled
    down to at most `pooling` evaluations, and on the prior.

    Parameters
    ----------
    priors
        One for each arm.
    params
        How fast to forget, how much to borrow.

    """

    def __init__(self, priors: Priors, params: PolicyParams) -> None:
        self._priors = priors
        self._params = params
        self._table = RegimeTable(
            4, len(priors.mean), discount=params.discount, absent_ageing=params.absent_ageing
        )
        self._windows: dict[str, Window] = {}
        # the prior as sums: as if `strength` rewards with this mean and spread had been seen
        self._prior_sum = priors.strength * priors.mean
        self._prior_spread = priors.strength * params.reward_sd**2
        self._prior_squares = self._prior_spread + priors.strength * priors.mean**2

    def update(self, rewards: Floats, regime: str, weight: float) -> None:
        """
        Add one evaluation.

        Parameters
        ----------
        rewards
            Shape (arms,); what is not finite was not observed.
        regime
            In which they were earned.
        weight
            How much of an evaluation they count (0, 1].

        Raises
        ------
        ValueError
            If the shape or the weight is wrong; then nothing is added.

        """
        arms = (len(self._prior_sum),)
        require(rewards.shape == arms, f"rewards of shape {arms} [arms]", rewards.shape)
        require(0.0 < weight <= 1.0, "0 < weight <= 1 [evaluations]", weight)
        block = self._table.age(regime, weight)
        if self._params.window is None:
            block += _sums(rewards, weight)
            return
        for name, left in zip(self._table.regimes, self._table.fading(regime, weight), strict=True):
            if name in self._windows:
                self._windows[name].left *= left
        window = self._windows.setdefault(regime, Window(self._params.window, len(rewards)))
        window.push(rewards, weight)
        block[:] = window.sums()

    def sums(self, regime: str) -> Floats:
        """Return count, sum, sum of squares and wins, borrowed ones included; shape (4, arms)."""
        own = self._table.own(regime)
        if self._table.alone(regime):
            return own
        others = self._table.others(regime)
        part = np.minimum(1.0, self._params.pooling / np.maximum(others[COUNT], 1e-300))
        return np.asarray(own + others * part, dtype=np.float64)

    def posterior(self, regime: str) -> Posterior:
        """
        Return what is thought of mean and variance of the rewards.

        Murphy (2007), section 3.3, with kappa_0 = strength, alpha_0 = 1 + strength/2 and
        beta_0 = reward_sd^2 strength/2: so 2(alpha_n - 1) = kappa_n, and the expected variance
        beta_n / (alpha_n - 1) is 2 beta_n / kappa_n, a mean square over prior and evidence alike.
        """
        count, total, squares, _ = self.sums(regime)
        strength = self._priors.strength + count
        mean = (self._prior_sum + total) / strength
        variance = (self._prior_squares + squares) / strength - mean * mean
        # rounding only: the prior's share of the variance cannot vanish
        return Posterior(mean, np.maximum(variance, self._prior_spread / strength), strength)

    def beliefs(self, regime: str) -> Beliefs:
        """Return mean and standard deviation of the expected reward, and what they rest on."""
        mean, variance, strength = self.posterior(regime)
        return Beliefs(mean, np.sqrt(variance / strength), self.sums(regime)[COUNT].copy())

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs; JSON-able."""
        windows = {regime: window.to_dict() for regime, window in self._windows.items()}
        return {"sums": self._table.to_dict(), "windows": windows}

    def restore(self, state: Mapping[str, Any], places: Places) -> Self:
        """Go on from what `to_dict` gave; an arm whose place is ``None`` is at its prior."""
        self._table.restore(state["sums"], places)
        for regime, window in state["windows"].items():
            fresh = Window(int(self._params.window or 1), len(self._prior_sum))
            self._windows[regime] = fresh.restore(window, places)
        return self


def _sums(rewards: Floats, weight: float) -> Floats:
    seen = np.isfinite(rewards)
    x = np.where(seen, rewards, 0.0)
    return weight * np.array([seen, x, x * x, x > 0.0], dtype=np.float64)
