"""Whether one series of returns is better than another, with an error that knows of autocorrelation."""

from __future__ import annotations

import math
from enum import StrEnum
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from nautilus_quant.learning.policy import Floats

_LEAST = 30
"""Differences below which nothing is said: the normal approximation needs that many."""


class Outcome(StrEnum):
    """What a comparison found."""

    BETTER = "better"
    WORSE = "worse"
    UNDECIDED = "not enough evidence"


class Paired(NamedTuple):
    """
    The mean of paired differences and what it is worth.

    Parameters
    ----------
    mean
        Per pair [same unit as the differences].
    error
        Standard error of the mean [same unit]; NaN below two pairs.
    t
        ``mean / error`` [-]; infinite when the differences never vary, NaN when they are all 0.
    pairs
        How many there are.
    outcome
        At the level asked for, two-sided.

    """

    mean: float
    error: float
    t: float
    pairs: int
    outcome: Outcome


def newey_west_error(values: Floats, lags: int | None = None) -> float:
    """
    Return the standard error of the mean of an autocorrelated series.

    Newey, West, "A simple, positive semi-definite, heteroskedasticity and autocorrelation consistent
    covariance matrix", Econometrica 55 (1987), eq. 5: Bartlett weights ``1 - lag / (lags + 1)``.

    Parameters
    ----------
    values
        In order of time; shape (n,).
    lags
        Autocovariances taken in; ``None`` for ``4 (n / 100) ** (2 / 9)`` (Newey, West 1994), rounded down.

    Returns
    -------
    float
        NaN below two values.

    """
    count = len(values)
    if count < 2:
        return math.nan
    most = int(4.0 * (count / 100.0) ** (2.0 / 9.0)) if lags is None else lags
    require(most >= 0, "lags >= 0 [values]", most)
    rest = values - values.mean()
    if np.abs(rest).max() <= 1e-12 * np.abs(values).max():
        return 0.0  # a constant, but for rounding
    variance = float(rest @ rest)
    for lag in range(1, min(most, count - 1) + 1):
        variance += 2.0 * (1.0 - lag / (most + 1.0)) * float(rest[lag:] @ rest[:-lag])
    return math.sqrt(max(variance, 0.0)) / count


def compare(differences: Floats, *, level: float = 0.05) -> Paired:
    """
    Tell whether differences are above or below 0 on average.

    Parameters
    ----------
    differences
        One series minus the other, in order of time; shape (n,).
    level
        Chance of a finding where there is nothing to find (0, 1); typical 0.05. It holds for one look at the
        end, not for the most convenient of many.

    Raises
    ------
    ValueError
        If the level lies outside (0, 1).

    """
    require(0.0 < level < 1.0, "0 < level < 1 [-]", level)
    count = len(differences)
    mean = float(differences.mean()) if count else math.nan
    error = newey_west_error(differences)
    t = mean / error if error else math.inf * mean  # NaN for 0 of 0
    certain = count >= _LEAST and abs(t) > NormalDist().inv_cdf(1.0 - level / 2.0)
    outcome = Outcome.UNDECIDED
    if certain:
        outcome = Outcome.BETTER if mean > 0.0 else Outcome.WORSE
    return Paired(mean, error, t, count, outcome)
