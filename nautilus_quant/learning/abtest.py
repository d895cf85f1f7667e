"""Which of two arms is better, asked as often as one likes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from nautilus_quant.learning.confidence import BettingSequence, ConfidenceSequence, NormalMixture
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping

REACH = 6.0
"""Bounds set by the calibration, in root mean squares of its differences."""

_TINY = 1e-300  # differences as small as that are rounding
_FEW = 20  # pairs, below which an autocorrelation is not worth a word


class Decision(StrEnum):
    """What is known of two arms."""

    A_BETTER = "a_better"
    B_BETTER = "b_better"
    EQUIVALENT = "equivalent"
    UNDECIDED = "undecided"


class Method(StrEnum):
    """Which confidence sequence is used."""

    BETTING = "betting"
    NORMAL = "normal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """
    What a test has found so far; may be read after every pair.

    Parameters
    ----------
    decision
        In one word.
    estimate
        Mean difference A − B [unit of the observations]; NaN before the first pair.
    lower, upper
        Ends of the confidence sequence; the mean difference lies strictly between.
    p_value
        Anytime p-value of "no difference"; never grows.
    n
        Pairs the verdict rests on.
    calibration
        Pairs that only set the bounds.
    skipped
        Pairs of which one was missing.
    clipped
        Pairs whose difference was cut to the bounds; more than a few per cent, and the bounds are too narrow.
    mean_a, mean_b
        Mean of each arm over the pairs counted in `n`.
    sd
        Standard deviation of a difference; NaN below two pairs.
    autocorrelation
        Of a difference with the next one [-]; NaN while there are few. When it is far from zero, longer
        intervals make better observations.
    drifted
        Whether no constant difference explains what was seen.
    reason
        In words.

    """

    decision: Decision
    estimate: float
    lower: float
    upper: float
    p_value: float
    n: int
    calibration: int
    skipped: int
    clipped: int
    mean_a: float
    mean_b: float
    sd: float
    autocorrelation: float
    drifted: bool
    reason: str


class ABTest:
    """
    Compares two arms by pairs of what they earned over the same time; O(1) per pair.

    The mean difference is taken as constant given the past. "A is better" also holds when it changes, as
    evidence that B was not the better one throughout. Looking does not cost anything, hence stop as soon as
    there is a decision, or never.

    Parameters
    ----------
    alpha
        Probability of ever deciding for the better arm when there is none (0, 1).
    min_effect
        Mean difference that matters [unit of the observations]; when it is surely smaller, the arms are
        called equivalent, be one a little better or not. 0 never calls them so.
    bounds
        Least and largest difference; others are cut to them. ``None``: the first `calibration` pairs set
        them, six times their root mean square to each side, and count for nothing else.
    method
        ``betting`` is exact; ``normal`` needs no bounds and somewhat fewer pairs, and is right for many
        observations without heavy tails only. See `nautilus_quant.learning.confidence`.
    calibration
        Pairs that set the bounds.

    Raises
    ------
    ValueError
        If a value is impossible.

    Examples
    --------
    >>> test = ABTest(bounds=(-1.0, 1.0))
    >>> for hour in range(200):
    ...     test.update(0.3 if hour % 2 else -0.1, 0.0)
    >>> result = test.result()
    >>> result.decision, round(result.estimate, 3), result.p_value < 0.05
    (<Decision.A_BETTER: 'a_better'>, 0.1, True)

    """

    def __init__(
        self,
        alpha: float = 0.05,
        min_effect: float = 0.0,
        bounds: tuple[float, float] | None = None,
        *,
        method: Method = Method.BETTING,
        calibration: int = 30,
    ) -> None:
        require(0.0 < alpha < 1.0, "0 < alpha < 1 [-]", alpha)
        require(0.0 <= min_effect < math.inf, "min_effect >= 0 [unit of the observations]", min_effect)
        require(calibration >= 1, "calibration >= 1 [pairs]", calibration)
        if bounds is not None:
            narrow = min(-bounds[0], bounds[1])
            require(min_effect < narrow, "bounds wider than min_effect to both sides", (bounds, min_effect))
        self._alpha, self._min_effect, self._method = alpha, min_effect, Method(method)
        self._given, self._calibration = bounds, calibration
        self._set_up(bounds)
        self._seen = self._skipped = self._clipped = self._n = 0
        self._square = self._mean_a = self._mean_b = 0.0
        self._mean = self._squares = self._products = self._last = 0.0

    def update(self, a: float, b: float) -> None:
        """
        Take what both arms earned over one interval, net of costs, in one unit.

        Parameters
        ----------
        a, b
            One that is missing or no finite number leaves the pair out.

        """
        a, b = float(a), float(b)
        difference = a - b
        if not math.isfinite(difference):
            self._skipped += 1
        elif self._sequence is None:
            self._calibrate(difference)
        else:
            self._count(a, b, difference)

    def _set_up(self, bounds: tuple[float, float] | None) -> None:
        self._bounds = bounds
        self._sequence: ConfidenceSequence | None = None
        if self._method is Method.NORMAL:
            self._sequence = NormalMixture(self._alpha)
        elif bounds is not None:
            marks = (-self._min_effect, self._min_effect)
            self._sequence = BettingSequence(bounds, self._alpha, marks)

    def _calibrate(self, difference: float) -> None:
        self._seen += 1
        self._square += (difference * difference - self._square) / self._seen
        reach = max(REACH * math.sqrt(self._square), 2.0 * self._min_effect)
        if self._seen >= self._calibration and reach > _TINY:
            self._set_up((-reach, reach))

    def _count(self, a: float, b: float, difference: float) -> None:
        assert self._sequence is not None  # the calibration is over
        if self._bounds is not None:
            low, high = self._bounds
            self._clipped += not low <= difference <= high
            difference = min(max(difference, low), high)
        self._n += 1
        step = difference - self._mean
        self._mean += step / self._n
        self._squares += step * (difference - self._mean)
        self._products += difference * self._last
        self._last = difference
        self._mean_a += (a - self._mean_a) / self._n
        self._mean_b += (b - self._mean_b) / self._n
        self._sequence.update(difference)

    def result(self) -> Result:
        """Tell what has been found so far."""
        sequence, n = self._sequence, self._n
        lower, upper = (-math.inf, math.inf) if sequence is None else (sequence.lower, sequence.upper)
        decision, reason = self._decide(lower, upper)
        return Result(
            decision=decision,
            estimate=self._mean if n else math.nan,
            lower=lower,
            upper=upper,
            p_value=1.0 if sequence is None else sequence.p_value,
            n=n,
            calibration=self._seen,
            skipped=self._skipped,
            clipped=self._clipped,
            mean_a=self._mean_a if n else math.nan,
            mean_b=self._mean_b if n else math.nan,
            sd=math.sqrt(self._squares / (n - 1)) if n > 1 else math.nan,
            autocorrelation=self._autocorrelation(),
            drifted=lower >= upper,
            reason=reason,
        )

    def _decide(self, lower: float, upper: float) -> tuple[Decision, str]:
        effect = self._min_effect
        if not self._n:
            return Decision.UNDECIDED, f"calibrating, {self._seen} of {self._calibration} pairs seen"
        if lower >= upper:
            return Decision.UNDECIDED, "the difference was not constant: no single value explains it"
        if effect and -effect <= lower and upper <= effect:
            return Decision.EQUIVALENT, f"the difference is smaller than {effect:.6g}"
        if lower >= 0.0:
            return Decision.A_BETTER, f"A earns at least {lower:.6g} more"
        if upper <= 0.0:
            return Decision.B_BETTER, f"B earns at least {-upper:.6g} more"
        return Decision.UNDECIDED, "not enough evidence yet"

    def _autocorrelation(self) -> float:
        n, variance = self._n, self._squares / max(1, self._n)
        if n < _FEW or variance <= 0.0:
            return math.nan
        return (self._products / (n - 1) - self._mean * self._mean) / variance

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs to go on exactly here."""
        return {
            "fit": self._fit(),
            "bounds": None if self._bounds is None else list(self._bounds),
            "counts": [self._seen, self._skipped, self._clipped, self._n],
            "means": [self._square, self._mean_a, self._mean_b],
            "moments": [self._mean, self._squares, self._products, self._last],
            "sequence": None if self._sequence is None else self._sequence.to_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; what was seen with other parameters is left alone."""
        if state.get("fit") != self._fit():
            return self
        bounds = state["bounds"]
        self._set_up(None if bounds is None else (float(bounds[0]), float(bounds[1])))
        self._seen, self._skipped, self._clipped, self._n = (int(count) for count in state["counts"])
        self._square, self._mean_a, self._mean_b = state["means"]
        self._mean, self._squares, self._products, self._last = state["moments"]
        if self._sequence is not None:
            self._sequence.restore(state["sequence"])
        return self

    def _fit(self) -> list[Any]:
        given = None if self._given is None else list(self._given)
        return [self._alpha, self._min_effect, given, self._method.value, self._calibration]
