"""How a selection has done, net of cost, beside what would have been done without it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nautilus_quant.learning.paired import Outcome, Paired, compare

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nautilus_quant.learning.policy import Floats
    from nautilus_quant.learning.record import Evaluation

_DAY = 86_400e9  # [ns]
_SAME = 1e-12

FLAT = ""
"""Leader of weights which are all 0."""


class Curves(NamedTuple):
    """
    Net returns per evaluation; each of shape (evaluations,) [fraction of the market's capital].

    Capital follows the budget of the market at each evaluation, so returns are summed, not compounded.

    Parameters
    ----------
    ts
        Of the evaluations, UNIX time [ns].
    selector
        Sum of weights in force times returns of the arms, less the cost of switching.
    equal
        The arms in equal shares, all the time.
    best
        The one arm whose sum is largest in hindsight.
    last
        The arm with the largest weight at the end, held from the start; 0 when none has one.

    """

    ts: Floats
    selector: Floats
    equal: Floats
    best: Floats
    last: Floats


class Summary(NamedTuple):
    """
    Of all evaluations, or of those in one regime.

    Parameters
    ----------
    days
        Time covered [days].
    selector, equal, best, last
        Sums of net returns [fraction of capital], see `Curves`; the best arm is that of these evaluations,
        among those seen in them.
    best_arm
        Its name; empty when there is none.
    costs
        Paid for switching [fraction of capital], contained in `selector`.
    switches
        Changes of the arm with the largest weight.
    churn
        Half the sum of absolute changes of weights [-].
    shares
        Share of the time each arm was held, by its weight; with `FLAT` the rest; sums to 1.

    """

    days: float
    selector: float
    equal: float
    best: float
    last: float
    best_arm: str
    costs: float
    switches: int
    churn: float
    shares: dict[str, float]

    @property
    def regret(self) -> float:
        """What the best arm in hindsight has earned more [fraction of capital]."""
        return self.best - self.selector

    @property
    def regret_of_equal(self) -> float:
        """What equal weights have earned more [fraction of capital]; below 0 when the selector has."""
        return self.equal - self.selector

    @property
    def churn_per_day(self) -> float:
        """Churn per day [1/day]; 0 when no time is covered."""
        return self.churn / self.days if self.days else 0.0


class Judgement(NamedTuple):
    """
    Whether the selector has beaten equal weights after all costs.

    Parameters
    ----------
    paired
        Of selector minus equal weights, per evaluation.
    words
        The same for people.

    """

    paired: Paired
    words: str


@dataclass(slots=True)
class _Tally:
    """What adds up, in all or within one regime."""

    time: float = 0.0  # [ns]
    selector: float = 0.0
    equal: float = 0.0
    costs: float = 0.0
    switches: int = 0
    churn: float = 0.0
    arms: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    held: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))  # [ns]


class Track:
    """
    The record of one market, one evaluation after the other.

    The weights in record k are in force until record k + 1, whose returns they earn; the cost in record k
    is paid at its time, and counts in the regime that begins then. What is earned counts in the regime the
    weights were chosen for. The first evaluation opens the book: it earns nothing, and is no change.

    An arm that is not in a record has earned 0; a return that is no number counts as 0, and is counted. A
    record that is not later than the last is passed over, and counted. Memory grows with evaluations times
    arms, time with the number of evaluations.
    """

    def __init__(self) -> None:
        self.missing = 0
        """Returns and costs that were not numbers."""
        self.missing_held = 0
        """Those returns among them whose arm was held."""
        self.ignored = 0
        """Records that were not later than the one before."""
        self._ts: list[int] = []
        self._selector: list[float] = []
        self._equal: list[float] = []
        self._arms: dict[str, list[float]] = {}
        self._all = _Tally()
        self._regimes: dict[str, _Tally] = {}
        self._weights: dict[str, float] = {}
        self._names: tuple[str, ...] = ()
        self._regime = ""

    # -- what comes in -----------------------------------------------------------------------------

    def add(self, record: Evaluation) -> None:
        """Take the next evaluation of the market."""
        if self._ts and record.ts <= self._ts[-1]:
            self.ignored += 1
            return
        returns = self._returns_of(record)
        cost = self._number(record.cost)
        weights = dict(zip(record.arms, record.weights, strict=True))
        earned, equal = self._earn(record.ts, returns)
        self._pay(record.regime, cost, weights)
        self._ts.append(record.ts)
        self._selector.append(earned - cost)
        self._equal.append(equal)
        self._weights, self._names, self._regime = weights, record.arms, record.regime

    def _returns_of(self, record: Evaluation) -> dict[str, float]:
        returns = {}
        for arm, value in zip(record.arms, record.returns, strict=True):
            returns[arm] = self._number(value)
            if value != value and self._weights.get(arm, 0.0) > 0.0:  # noqa: PLR0124 (NaN)
                self.missing_held += 1
        return returns

    def _number(self, value: float) -> float:
        if np.isfinite(value):
            return value
        self.missing += 1
        return 0.0

    def _earn(self, ts: int, returns: dict[str, float]) -> tuple[float, float]:
        """Book what was earned since the last evaluation; give that of the selector and of equal weights."""
        if not self._ts:
            returns = dict.fromkeys(returns, 0.0)
        for arm in returns:
            if arm not in self._arms:
                self._arms[arm] = [0.0] * len(self._ts)
                self._all.arms[arm] = 0.0
        for arm, series in self._arms.items():
            series.append(returns.get(arm, 0.0))
        if not self._ts:
            return 0.0, 0.0
        earned = sum(weight * returns.get(arm, 0.0) for arm, weight in self._weights.items())
        equal = sum(returns.get(arm, 0.0) for arm in self._names) / max(1, len(self._names))
        for tally in self._tallies(self._regime):
            self._book(tally, ts - self._ts[-1], returns)
            tally.selector += earned
            tally.equal += equal
        return earned, equal

    def _book(self, tally: _Tally, time: int, returns: dict[str, float]) -> None:
        tally.time += time
        for arm, value in returns.items():
            tally.arms[arm] += value
        for arm, weight in self._weights.items():
            tally.held[arm] += weight * time

    def _pay(self, regime: str, cost: float, weights: dict[str, float]) -> None:
        """Book what was changed, and what that cost, in the regime that begins."""
        before = self._weights
        changes = {arm: weights.get(arm, 0.0) - before.get(arm, 0.0) for arm in {**before, **weights}}
        for tally in self._tallies(regime):
            tally.costs += cost
            tally.selector -= cost
            if self._ts:
                tally.churn += sum(map(abs, changes.values())) / 2.0
                tally.switches += leader(weights) != leader(before)

    def _tallies(self, regime: str) -> tuple[_Tally, _Tally]:
        return self._all, self._regimes.setdefault(regime, _Tally())

    # -- what comes out ----------------------------------------------------------------------------

    def __len__(self) -> int:
        """Count the evaluations taken in."""
        return len(self._ts)

    @property
    def arms(self) -> dict[str, Floats]:
        """Net returns of every arm there ever was, by name; each of shape (evaluations,) [fraction]."""
        return {arm: np.array(series) for arm, series in self._arms.items()}

    @property
    def last_choice(self) -> str:
        """The arm with the largest weight now; `FLAT` when none has one."""
        return leader(self._weights)

    def curves(self) -> Curves:
        """Return what the selector and its baselines have earned, evaluation by evaluation."""
        nothing = [0.0] * len(self._ts)
        return Curves(
            np.array(self._ts, dtype=np.int64),
            np.array(self._selector),
            np.array(self._equal),
            np.array(self._arms.get(_best(self._all), nothing)),
            np.array(self._arms.get(self.last_choice, nothing)),
        )

    def summary(self) -> Summary:
        """Sum everything up."""
        return self._summary(self._all)

    def by_regime(self) -> dict[str, Summary]:
        """Sum up regime by regime, in the order they were first seen."""
        return {regime: self._summary(tally) for regime, tally in self._regimes.items()}

    def verdict(self, *, level: float = 0.05) -> Judgement:
        """
        Tell whether the selector has beaten equal weights after all costs.

        Parameters
        ----------
        level
            See `nautilus_quant.learning.paired.compare`.

        """
        paired = compare(np.array(self._selector) - np.array(self._equal), level=level)
        said = {
            Outcome.BETTER: "The selector beats equal weight after costs",
            Outcome.WORSE: "The selector does worse than equal weight after costs",
            Outcome.UNDECIDED: "Not enough evidence that the selector differs from equal weight after costs",
        }[paired.outcome]
        if not paired.pairs:
            return Judgement(paired, f"{said}: there was no evaluation.")
        return Judgement(
            paired,
            f"{said}: {paired.mean:+.4%} per evaluation, standard error {paired.error:.4%}, "
            f"t = {paired.t:.2f}, {paired.pairs} evaluations.",
        )

    def _summary(self, tally: _Tally) -> Summary:
        best = _best(tally)
        return Summary(
            days=tally.time / _DAY,
            selector=tally.selector,
            equal=tally.equal,
            best=tally.arms.get(best, 0.0),
            last=tally.arms.get(self.last_choice, 0.0),
            best_arm=best,
            costs=tally.costs,
            switches=tally.switches,
            churn=tally.churn,
            shares=_shares(tally),
        )


def track(records: Iterable[Evaluation]) -> dict[str, Track]:
    """Follow every market in a stream of evaluations; by market, in the order they were first seen."""
    tracks: dict[str, Track] = {}
    for record in records:
        tracks.setdefault(record.market, Track()).add(record)
    return tracks


def leader(weights: dict[str, float]) -> str:
    """Return the arm with the largest weight, the first of equals; `FLAT` when all are 0."""
    arm = max(weights, key=lambda name: weights[name], default=FLAT)
    return arm if weights.get(arm, 0.0) > 0.0 else FLAT


def _best(tally: _Tally) -> str:
    return max(tally.arms, key=lambda name: tally.arms[name], default=FLAT)


def _shares(tally: _Tally) -> dict[str, float]:
    if not tally.time:
        return {}
    shares = {arm: time / tally.time for arm, time in tally.held.items()}
    rest = 1.0 - sum(shares.values())
    return {**shares, FLAT: rest if rest > _SAME else 0.0}
