"""One measure of how orders fare, judged against what is usual for it."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from nautilus_quant.safety import stored
from nautilus_quant.safety.anomaly_params import UNITS, LadderParams, Measure, MeasureParams, Severity
from nautilus_quant.safety.quantiles import RobustBaseline

NORMAL_MAD = 1.4826
"""Standard deviations per median absolute deviation of a normal distribution."""

CLIP = 30.0
"""How far from what is usual a value is learnt at most [standard deviations]."""
ABSURD = 1e15
"""No measure is as large as this [unit of the measure]: 30 000 years of waiting."""
_ROUNDING = 1.0 + 1e-9  # a mean of values at the limit is not beyond it


class Finding(NamedTuple):
    """What a measure says now."""

    severity: Severity
    reason: str
    numbers: dict[str, float]


class MeasureMonitor:
    """
    Scores one measure of one instrument or venue.

    Definition
    ----------
    1. What is not finite, or beyond `ABSURD`, is counted (`unknown`) and nothing else.
    2. The *rolling mean* weighs each value ``2^(-1 / half_life)`` times the one after it.
    3. What is scored is the value, or, where that is asked for, the rolling mean once it has `half_life`
       values. Its score is ``± (x - median) / (1.4826 max(MAD, floor, relative_floor |median|))``, the bad
       side positive, against the baseline *before* it, and only with `min_samples` in that. The baseline
       learns it no further than `CLIP` deviations away: P² bears outliers, not absurd ones.
    4. The *persistent score* is the `persist`-th largest of the last `within`: so many are at least as bad.
       It calls for the highest severity whose threshold it reaches, and holds the highest one of whose
       threshold it reaches the share `release`. A rolling mean of `min_rolling` values beyond `limit` calls
       for `limit_severity`, and holds it beyond ``release × limit``.

    Parameters
    ----------
    measure, params, ladder
        What is measured, and by which rules.

    """

    __slots__ = ("_baseline", "_count", "_decay", "_first", "_scores", "_sum", "_weight",
                 "ladder", "measure", "more", "params", "steady", "unknown")  # fmt: skip

    def __init__(self, measure: Measure, params: MeasureParams, ladder: LadderParams) -> None:
        self.measure = measure
        self.params = params
        self.ladder = ladder
        self._baseline = RobustBaseline(ladder.window)
        self.unknown = 0
        """Values that were no numbers, since the beginning."""
        self._decay = 2.0 ** (-1.0 / ladder.half_life)
        self._first = params.alert
        self._scores: deque[float] = deque(maxlen=ladder.within)
        self._sum = self._weight = 0.0
        self._count = 0
        self.steady = math.nan
        """What all values were, and calls for nothing [unit of the measure]; NaN when there is none."""
        self.more = 0
        """How often that came besides, and was only counted: it is caught up with when somebody asks."""

    @property
    def baseline(self) -> RobustBaseline:
        """What is usual."""
        self._catch_up()
        return self._baseline

    @property
    def rolling(self) -> float:
        """The rolling mean [unit of the measure]; NaN without a value."""
        self._catch_up()
        return self._sum / self._weight if self._count else math.nan

    @property
    def score(self) -> float:
        """The persistent score [standard deviations]; minus infinity while there are too few."""
        self._catch_up()
        scores, persist = self._scores, self.ladder.persist
        return sorted(scores)[-persist] if len(scores) >= persist else -math.inf

    @property
    def usual(self) -> float:
        """Median of the baseline [unit of the measure]; NaN with less than `min_samples`."""
        baseline = self._baseline  # which is the same however often what is steady comes again
        return baseline.median if baseline.count >= self.ladder.min_samples else math.nan

    def observe(self, value: float) -> bool:
        """Take a value [unit of the measure]; tell whether it was one."""
        if not abs(value) < ABSURD:
            self.unknown += 1
            return False
        self._catch_up()
        self._observe(value)
        self.steady = value if self._is_steady(value) else math.nan
        return True

    def _observe(self, value: float) -> None:
        self._sum = self._sum * self._decay + value
        self._weight = self._weight * self._decay + 1.0
        self._count += 1
        params = self.params
        if params.smooth:
            if self._count < self.ladder.half_life:
                return
            value = self._sum / self._weight
        count, usual, mad = self._baseline.read()
        if count >= self.ladder.min_samples:
            deviation = NORMAL_MAD * max(mad, params.floor, params.relative_floor * abs(usual))
            score = (value - usual) / deviation
            self._scores.append(-score if params.low else score)
            if not -CLIP <= score <= CLIP:
                value = usual + deviation * (CLIP if score > 0.0 else -CLIP)
        self._baseline.update(value)

    def _is_steady(self, value: float) -> bool:
        """Tell whether the same value once more would score 0 and call for nothing, as those before it."""
        baseline, params = self._baseline, self.params
        if baseline.steady != value or baseline.count < self.ladder.min_samples or any(self._scores):
            return False
        # The rolling mean is exactly that, and stays so, of noughts and of ones.
        if params.smooth and self._sum != (self._weight if value == 1.0 else 0.0):
            return False
        return params.limit == math.inf or (value <= params.limit >= self._sum / self._weight)

    def _catch_up(self) -> None:
        """Count the values that only had to be counted."""
        more, self.more = self.more, 0
        if not more:
            return
        value, decay, total, weight = self.steady, self._decay, self._sum, self._weight
        for _ in range(more):
            before = total, weight
            total, weight = total * decay + value, weight * decay + 1.0
            if before == (total, weight):
                break  # and so for ever
        self._sum, self._weight = total, weight
        self._count += more
        score = -0.0 if self.params.low else 0.0
        self._scores.extend([score] * min(more, self.ladder.within))
        self._baseline.repeat(more)

    def calls(self) -> Severity:
        """Return what the measure calls for."""
        self._catch_up()
        scores = self._scores
        # As nearly always: no score reaches the first threshold, and no limit is near.
        if (not scores or max(scores) < self._first) and not self._is_beyond(1.0):
            return Severity.NONE
        return self._severity(1.0)

    def holds(self) -> Severity:
        """Return what the measure keeps up where it is so already; at least what it calls for."""
        return self._severity(self.ladder.release)

    def _severity(self, share: float) -> Severity:
        by_score = Severity(bisect_right(self.params.ladder, self.score / share))
        return max(by_score, self.params.limit_severity) if self._is_beyond(share) else by_score

    def _is_beyond(self, share: float) -> bool:
        limit = self.params.limit
        if limit == math.inf:
            return False
        bound = share * limit * _ROUNDING
        return self._count >= self.ladder.min_rolling and self.rolling > bound

    def forget(self) -> None:
        """Drop scores and rolling mean: that evidence is spent. What is usual stays."""
        self._catch_up()
        self.steady = math.nan
        self._scores.clear()
        self._sum = self._weight = 0.0
        self._count = 0

    def finding(self) -> Finding:
        """Say what the measure calls for, and why."""
        params, ladder, unit = self.params, self.ladder, UNITS[self.measure]
        numbers = {"rolling": self.rolling, "score": self.score, "usual": self.usual}
        severity = self.calls()
        by_score = bisect_right(params.ladder, self.score)
        if self._is_beyond(1.0) and by_score <= params.limit_severity:
            reason = f"rolling {self.measure} is {self.rolling:.4g} {unit}".rstrip()
            reason += f", the limit is {params.limit:.4g} {unit}".rstrip()
            numbers["limit"] = params.limit
        else:
            side = "below" if params.low else "above"
            reason = (
                f"{ladder.persist} of the last {len(self._scores)} of {self.measure} lay {self.score:.3g} or "
                f"more deviations {side} the usual {self.usual:.4g} {unit}"
            ).rstrip()
            if by_score:
                threshold = params.ladder[by_score - 1]
                reason += f"; {Severity(by_score).name} from {threshold:g}"
                numbers["threshold"] = threshold
        known = {name: value for name, value in numbers.items() if math.isfinite(value)}
        return Finding(severity, reason, known)

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs; the rules belong to the config."""
        self._catch_up()
        return {
            "baseline": self.baseline.to_dict(),
            "scores": list(self._scores),
            "sum": self._sum,
            "weight": self._weight,
            "count": self._count,
            "unknown": self.unknown,
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """
        Go on from what `to_dict` gave.

        Raises
        ------
        DamagedStateError
            When it is not what was written; nothing is taken over then.

        """
        scores = stored.field(state, "scores")
        if not isinstance(scores, list):
            raise stored.DamagedStateError(f"stored 'scores' must be a list, was {scores!r:.200}")
        scores = [stored.number({"score": score}, "score") for score in scores]
        total, weight = stored.number(state, "sum"), stored.number(state, "weight")
        count, unknown = stored.moment(state, "count"), stored.moment(state, "unknown")
        if count < 0 or unknown < 0 or (weight > 0.0) != (count > 0):
            raise stored.DamagedStateError(f"stored counts and weight contradict each other: {state!r:.200}")
        self._baseline.restore(stored.mapping(state, "baseline"))
        self.steady, self.more = math.nan, 0
        self._scores = deque(scores, maxlen=self.ladder.within)
        self._sum, self._weight, self._count, self.unknown = total, weight, count, unknown
        return self
