"""How many observations an A/B test needs, before it is begun."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nautilus_quant.learning.abtest import REACH, Method
from nautilus_quant.learning.confidence import (
    BETS,
    log_wealth,
    mixture_radius,
    prior_ratio,
    stakes,
)
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_quant.learning.policy import Floats

_TUNED_FOR = 500.0  # what NormalMixture is tuned for when nothing else is said
_MANY = 1e15  # observations that nobody waits for


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """
    What a test of a given effect takes [pairs]; infinite when the effect is zero.

    Parameters
    ----------
    effect, sd
        Mean and standard deviation of a difference [unit of the observations].
    alpha, power
        Probability of deciding when there is no difference, and when there is this one.
    required
        Pairs by which a decision has fallen with probability `power`, looking after each.
    typical
        Pairs at which the mean path reaches the boundary: rather more than half of all tests end sooner.
    single_look
        Pairs of the classical test with one look at the end, for comparison.

    """

    effect: float
    sd: float
    alpha: float
    power: float
    required: float
    typical: float
    single_look: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """
    What simulated tests came to.

    Parameters
    ----------
    power
        Share that decided for the arm that is better, within the pairs they were given.
    wrong
        Share that decided for the other.
    mean_stop, median_stop
        Pairs until the decision; a test that did not decide counts with all its pairs.
    standard_error
        Of `power`.

    """

    power: float
    wrong: float
    mean_stop: float
    median_stop: float
    standard_error: float


def plan(
    effect: float,
    sd: float,
    alpha: float = 0.05,
    power: float = 0.8,
    *,
    method: Method = Method.BETTING,
    reach: float = REACH,
) -> Plan:
    """
    Compute how many pairs a test needs.

    A sum of `n` differences is taken as normal, and the test has decided by `n` at least when the sum is
    beyond the boundary at `n`: Φ((n effect − b(n)) / (sd √n)) = power. What it adds by looking earlier is
    left out, so that the figure is on the safe side.

    Parameters
    ----------
    effect, sd
        Mean and standard deviation of a difference [unit of the observations].
    alpha, power
        Probability of deciding when there is no difference, and when there is this one.
    method
        As in `nautilus_quant.learning.abtest.ABTest`.
    reach
        Bounds of a difference [standard deviations]; only for betting.

    Raises
    ------
    ValueError
        If a value is impossible.

    Examples
    --------
    >>> made = plan(0.1, 1.0)
    >>> round(made.required), round(made.typical), round(made.single_look)
    (1668, 1062, 785)

    """
    from scipy.stats import norm  # slow to import

    require(math.isfinite(effect), "a finite effect [unit of the observations]", effect)
    require(0.0 < sd < math.inf, "sd > 0 [unit of the observations]", sd)
    require(0.0 < power < 1.0, "0 < power < 1 [-]", power)
    drift = abs(effect) / sd
    bound = _boundary(alpha, Method(method), reach)
    quantile = float(norm.ppf(power))
    one_look = (float(norm.ppf(1.0 - alpha / 2.0)) + quantile) / drift if drift else math.inf
    return Plan(
        effect=effect,
        sd=sd,
        alpha=alpha,
        power=power,
        required=_first(lambda n: n * drift - bound(n) - quantile * math.sqrt(n)),
        typical=_first(lambda n: n * drift - bound(n)),
        single_look=one_look * one_look,
    )


def power_of(
    effect: float,
    sd: float,
    alpha: float = 0.05,
    *,
    n: float,
    method: Method = Method.BETTING,
    reach: float = REACH,
) -> float:
    """Return the probability at least that `n` pairs find an effect; see `plan`, which this inverts."""
    from scipy.stats import norm

    short = n * abs(effect) / sd - _boundary(alpha, Method(method), reach)(n)
    return float(norm.cdf(short / math.sqrt(n)))


def detectable(
    sd: float,
    alpha: float = 0.05,
    power: float = 0.8,
    *,
    n: float,
    method: Method = Method.BETTING,
    reach: float = REACH,
) -> float:
    """Return the effect that `n` pairs find with probability `power` [unit of `sd`]; see `plan`."""
    from scipy.stats import norm

    bound = _boundary(alpha, Method(method), reach)(n)
    return sd / n * (bound + float(norm.ppf(power)) * math.sqrt(n))


def simulate(
    effect: float,
    sd: float,
    alpha: float = 0.05,
    *,
    n: int,
    seed: int,
    runs: int = 500,
    reach: float = REACH,
) -> Simulated:
    """
    Run tests by betting on normal differences, with a look after each pair.

    Parameters
    ----------
    effect, sd
        Mean and standard deviation of a difference [unit of the observations].
    alpha
        As the test has it.
    n
        Pairs each test is given.
    seed
        Of the random numbers.
    runs
        How many tests.
    reach
        Bounds of a difference [standard deviations].

    """
    rng = np.random.default_rng(seed)
    more, less = stopping_times(rng.normal(effect / sd, 1.0, (runs, n)), reach, alpha)
    good, bad = (more, less) if effect >= 0.0 else (less, more)
    power = float(np.mean((good <= n) & (good < bad)))
    stop = np.minimum(np.minimum(more, less), n)
    return Simulated(
        power=power,
        wrong=float(np.mean((bad <= n) & (bad < good))),
        mean_stop=float(stop.mean()),
        median_stop=float(np.median(stop)),
        standard_error=math.sqrt(power * (1.0 - power) / runs),
    )


def stopping_times(differences: Floats, bound: float, alpha: float) -> tuple[Floats, Floats]:
    """
    Return when the betting test finds a mean above zero, and below; the batch form of `BettingSequence`.

    Parameters
    ----------
    differences
        Shape (runs, n).
    bound
        Differences are cut to it, on both sides of zero.
    alpha
        Probability of ever being wrong.

    Returns
    -------
    tuple[Floats, Floats]
        Each of shape (runs,) [pairs]; infinite for never.

    """
    runs, n = differences.shape
    cut = np.clip(differences, -bound, bound)
    bets = stakes(np.zeros(1), -bound, bound)
    logs = np.zeros((2, len(BETS), runs))
    times = np.full((2, runs), math.inf)
    for i in range(n):
        logs += np.log1p(bets * cut[:, i])
        over = (log_wealth(logs, axis=1) >= -math.log(alpha)) & np.isinf(times)
        times[over] = i + 1
    return times[0], times[1]


def _boundary(alpha: float, method: Method, reach: float) -> Callable[[float], float]:
    """Return how large the sum of `n` differences must be [standard deviations], as a function of `n`."""
    require(0.0 < alpha < 1.0, "0 < alpha < 1 [-]", alpha)
    require(1.0 <= reach < math.inf, "reach >= 1 [standard deviations]", reach)
    if method is Method.NORMAL:
        ratio = prior_ratio(alpha, _TUNED_FOR)
        return lambda n: n * mixture_radius(n, 1.0, alpha, ratio)
    bets = BETS / reach

    def betting(n: float) -> float:
        # log(1 + bet x) sums to about bet S − bet² n / 2 when bets are small
        def short(total: float) -> float:
            return math.log(alpha) + float(log_wealth(bets * total - 0.5 * bets**2 * n, axis=0))

        return _root(short, 1.0)

    return betting


def _first(ahead: Callable[[float], float]) -> float:
    """Return the least n from which `ahead` is positive; infinite when nobody would wait so long."""
    return _root(ahead, 2.0) if ahead(_MANY) > 0.0 else math.inf


def _root(rising: Callable[[float], float], guess: float) -> float:
    from scipy.optimize import brentq

    low = high = guess
    while rising(high) < 0.0:
        low, high = high, 2.0 * high
    return high if low == high else float(brentq(rising, low, high, rtol=1e-6))
