"""
Confidence sequences: intervals for a mean that stay valid while one keeps looking.

With probability 1 − alpha the mean lies in the interval at *every* time, so one may look after each
observation and stop when one likes (Howard, Ramdas, McAuliffe, Sekhon, Annals of Statistics 49, 2021). The
observations may depend on the past in any way but one: given the past, each has the same mean. Their
volatility may change, cluster or be drawn by somebody else.

The intervals are open: the mean lies strictly between `lower` and `upper`. They only shrink; when nothing is
left, the mean was not constant.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nautilus_quant.learning.policy import Floats

BETS = np.geomspace(0.02, 0.9, 8)
"""Shares of the bounds' half-width staked, from what suits effects of 0.3 % of a deviation to 15 %."""

_MOST = 0.9  # of the wealth is staked at most: a bet never ruins
_CANDIDATES = 100  # means on each side of zero
_CROWDING = 5.0  # of the candidates around zero, where they matter


class ConfidenceSequence(Protocol):
    """An interval for a constant mean, one observation at a time."""

    lower: float
    upper: float

    @property
    def p_value(self) -> float:
        """Anytime p-value of a mean of zero; never grows."""

    def update(self, value: float) -> None:
        """Take an observation."""

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs to go on exactly here."""

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; what was seen with other parameters is left alone."""


class BettingSequence:
    """
    Confidence sequence for bounded observations, by betting; exact for every sample size.

    For each candidate mean somebody bets a little on "more" and somebody on "less"; when the candidate is
    true neither can expect to gain, and by Ville's inequality few ever multiply their wealth by 2 / alpha.
    A candidate against which that was done is ruled out. Each bettor spreads over eight stakes.

    Waudby-Smith, Ramdas, "Estimating means of bounded random variables by betting", JRSS B 86 (2024):
    the hedged capital process of section 4.4 with the diversified Kelly bets of appendix B. O(1) per
    observation: 201 candidate means, crowded around zero, and the ends err on the wide side.

    Parameters
    ----------
    bounds
        Least and largest possible observation, around zero; what is outside is cut to them. Width costs
        power: 4 to 8 standard deviations to each side are good.
    alpha
        Probability of ever being wrong (0, 1).
    marks
        Means that decisions depend on, put among the candidates exactly; zero always is.

    Raises
    ------
    ValueError
        If the bounds do not enclose zero, or alpha is no probability.

    """

    def __init__(self, bounds: tuple[float, float], alpha: float = 0.05, marks: Sequence[float] = ()) -> None:
        low, high = bounds
        require(-math.inf < low < 0.0 < high < math.inf, "low < 0 < high, finite (bounds)", bounds)
        require(0.0 < alpha < 1.0, "0 < alpha < 1 [-]", alpha)
        self.lower, self.upper = low, high
        self._bounds, self._alpha = (low, high), alpha
        self._means = _candidates(low, high, marks)
        self._zero = int(np.searchsorted(self._means, 0.0))
        self._stakes = stakes(self._means, low, high)
        self._log = np.zeros_like(self._stakes)
        self._evidence = 0.0

    def update(self, value: float) -> None:
        """Take an observation; it must be a number."""
        low, high = self._bounds
        self._log += np.log1p(self._stakes * (min(max(value, low), high) - self._means))
        wealth = log_wealth(self._log, axis=1)
        self._evidence = max(self._evidence, float(wealth[:, self._zero].max()))
        # More is the better a bet the lower the mean, so that what is ruled out is one piece on each side.
        below, above = np.count_nonzero(wealth >= -math.log(self._alpha), axis=1)
        if below:
            self.lower = max(self.lower, float(self._means[below - 1]))
        if above:
            self.upper = min(self.upper, float(self._means[-above]))

    @property
    def p_value(self) -> float:
        """Anytime p-value of a mean of zero; never grows, and is at most alpha exactly when 0 is out."""
        return math.exp(-self._evidence)

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs to go on exactly here."""
        return {
            "fit": self._fit(),
            "log_wealth": self._log.tolist(),
            "interval": [self.lower, self.upper],
            "evidence": self._evidence,
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; what was seen with other parameters is left alone."""
        if state.get("fit") != self._fit():
            return self
        self._log = np.array(state["log_wealth"], dtype=np.float64)
        self.lower, self.upper = (float(end) for end in state["interval"])
        self._evidence = float(state["evidence"])
        return self

    def _fit(self) -> list[float]:
        return [*self._bounds, self._alpha, len(self._means), len(BETS)]


class NormalMixture:
    """
    Confidence sequence of the mixture sequential probability ratio test with a normal prior on the mean.

    With `sd` it is exact for observations whose deviations are sub-Gaussian with that scale (Robbins, Annals
    of Mathematical Statistics 41, 1970; Johari, Koomen, Pekelis, Walsh, Operations Research 70, 2022).
    Without, the deviation seen so far stands in, and the error is alpha only in the limit of a late `start`
    (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, Annals of Statistics 52, 2024, theorem 2.2): not for
    heavy tails and few observations. O(1) per observation.

    Parameters
    ----------
    alpha
        Probability of ever being wrong (0, 1).
    tuned_for
        Observations at which the interval is tightest; it is good within a factor of ten around.
    sd
        Standard deviation of an observation when it is known; ``None`` to use the one seen.
    start
        First observation after which anything is said. Without `sd`, at least 100 is wise.

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    def __init__(
        self, alpha: float = 0.05, *, tuned_for: float = 500.0, sd: float | None = None, start: int = 100
    ) -> None:
        require(sd is None or 0.0 < sd < math.inf, "sd > 0, or none", sd)
        require(start >= 1 if sd is not None else start >= 2, "start >= 1, or >= 2 without sd", start)
        self.lower, self.upper = -math.inf, math.inf
        self._alpha, self._tuned_for, self._sd, self._start = alpha, tuned_for, sd, start
        self._ratio = prior_ratio(alpha, tuned_for)
        self._n = 0
        self._mean = self._squares = self._evidence = 0.0

    def update(self, value: float) -> None:
        """Take an observation; it must be a number."""
        self._n += 1
        step = value - self._mean
        self._mean += step / self._n
        self._squares += step * (value - self._mean)
        sd = self._sd if self._sd is not None else math.sqrt(self._squares / max(1, self._n - 1))
        if self._n < self._start or sd <= 0.0:
            return
        radius = mixture_radius(self._n, sd, self._alpha, self._ratio)
        self.lower = max(self.lower, self._mean - radius)
        self.upper = min(self.upper, self._mean + radius)
        evidence = log_mixture(self._n, self._n * self._mean / sd, self._ratio)
        self._evidence = max(self._evidence, evidence)

    @property
    def p_value(self) -> float:
        """Anytime p-value of a mean of zero; never grows, and is at most alpha exactly when 0 is out."""
        return math.exp(-self._evidence)

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs to go on exactly here."""
        return {
            "fit": self._fit(),
            "moments": [self._n, self._mean, self._squares],
            "interval": [self.lower, self.upper],
            "evidence": self._evidence,
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; what was seen with other parameters is left alone."""
        if state.get("fit") != self._fit():
            return self
        n, self._mean, self._squares = state["moments"]
        self._n = int(n)
        self.lower, self.upper = (float(end) for end in state["interval"])
        self._evidence = float(state["evidence"])
        return self

    def _fit(self) -> list[float | None]:
        return [self._alpha, self._tuned_for, self._sd, self._start]


def stakes(means: Floats, low: float, high: float) -> Floats:
    """
    Return what is staked against each candidate mean, per unit an observation lies above it.

    Parameters
    ----------
    means
        Shape (means,).
    low, high
        Bounds of an observation.

    Returns
    -------
    Floats
        Shape (2, bets, means): first on more (positive), then on less (negative).

    """
    base = (BETS / (0.5 * (high - low)))[:, None]
    tiny = np.finfo(np.float64).tiny
    with np.errstate(over="ignore"):
        more = np.minimum(base, _MOST / np.maximum(means - low, tiny))
        less = np.minimum(base, _MOST / np.maximum(high - means, tiny))
    return np.stack([more, -less])


def log_wealth(logs: Floats, axis: int) -> Floats:
    """
    Return the log wealth of a bettor who spread one half evenly over bets.

    Parameters
    ----------
    logs
        Log of the factor by which each bet has grown.
    axis
        Along which the bets lie; it goes away.

    """
    most = logs.max(axis=axis, keepdims=True)
    total: Floats = np.log(np.exp(logs - most).mean(axis=axis)) + np.squeeze(most, axis=axis)
    return total - math.log(2.0)


def log_mixture(n: float, total: float, ratio: float) -> float:
    """
    Return the log of the mixture likelihood ratio against a mean of zero.

    Parameters
    ----------
    n
        Observations.
    total
        Their sum [standard deviations of one].
    ratio
        Variance of the prior over that of an observation, see `prior_ratio`.

    """
    spread = 1.0 + n * ratio
    return 0.5 * (ratio * total * total / spread - math.log(spread))


def mixture_radius(n: float, sd: float, alpha: float, ratio: float) -> float:
    """Return half the width of the interval after `n` observations [unit of `sd`]; theorem 2.2."""
    spread = 1.0 + n * ratio
    return sd / n * math.sqrt(spread / ratio * (math.log(spread) - 2.0 * math.log(alpha)))


def prior_ratio(alpha: float, tuned_for: float) -> float:
    """
    Return the prior variance, over that of an observation, with the tightest interval at `tuned_for`.

    Howard et al. (2021), section 3.5: (−W(−alpha² / e) − 1) / n, with the lower branch of Lambert's W.

    Raises
    ------
    ValueError
        If alpha is no probability, or `tuned_for` is not positive [observations].

    """
    from scipy.special import lambertw  # slow to import, and needed once

    require(0.0 < alpha < 1.0, "0 < alpha < 1 [-]", alpha)
    require(0.0 < tuned_for < math.inf, "tuned_for > 0 [observations]", tuned_for)
    return float(-lambertw(-alpha * alpha / math.e, -1).real - 1.0) / tuned_for


def _candidates(low: float, high: float, marks: Sequence[float]) -> Floats:
    steps = np.linspace(0.0, 1.0, _CANDIDATES + 1)
    side = np.sinh(_CROWDING * steps) / math.sinh(_CROWDING)
    inside = [mark for mark in marks if low < mark < high]
    return np.unique(np.concatenate([low * side, high * side, [0.0], inside]))
