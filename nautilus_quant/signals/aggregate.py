"""One opinion out of many: signals of several sources, weighed by trust, confidence and age, and voted on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Self

from nautilus_quant.signals.aggregate_weights import LearningParams, LearntWeights
from nautilus_quant.signals.sequence import require

_NANOS = 1_000_000_000
_AHEAD = _NANOS  # a venue's clock may run a little before ours [ns]


class Vote(StrEnum):
    """How one value comes of many."""

    WEIGHTED = "weighted"
    MAJORITY = "majority"
    UNANIMOUS = "unanimous"


@dataclass(frozen=True, slots=True)
class Signal:
    """
    What one source thinks.

    Parameters
    ----------
    source
        Who: ``technical``, ``model``, ``order_flow``, ``sentiment``, a strategy id…
    value
        From -1, surely down, to 1, surely up; beyond it is cut.
    confidence
        How much it trusts itself [0, 1]; beyond it is cut.
    ts
        Of the event it follows from, UNIX time [ns].

    """

    source: str
    value: float
    confidence: float
    ts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AggregatorParams:
    """
    Whom to ask, and how to make one of their answers.

    Parameters
    ----------
    weights
        Trust in each source [any unit, positive]; sources not named here are not heard.
    vote
        ``weighted``: the mean of all values. ``majority``: one source, one vote for up, down or neither; more
        than half of those heard must agree. ``unanimous``: all that are heard must agree.
    half_life
        Age at which a signal's confidence has halved [s]; infinite: it does not age. Typical: the horizon
        the sources look ahead.
    max_age
        Age beyond which a signal is not used [s]. Typical 2-5 half-lives.
    quorum
        Least number of sources that must be heard [sources].
    min_confidence
        Confidence, after ageing, below which a source is not heard [0, 1].
    neutral
        Values up to this size are a vote for neither side [0, 1).
    learning
        How weights are learnt by `Aggregator.learn`, beginning with `weights`; ``None`` keeps them fixed.

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    weights: Mapping[str, float]
    vote: Vote = Vote.WEIGHTED
    half_life: float = math.inf
    max_age: float = 3_600.0
    quorum: int = 1
    min_confidence: float = 0.0
    neutral: float = 0.0
    learning: LearningParams | None = None

    def __post_init__(self) -> None:
        require(len(self.weights) > 0, "at least one source in weights", dict(self.weights))
        for source, weight in self.weights.items():
            require(0.0 < weight < math.inf, f"a positive, finite weight of {source!r}", weight)
        require(self.vote in set(Vote), f"vote in {', '.join(Vote)}", self.vote)
        require(self.half_life > 0.0, "half_life > 0 [s]", self.half_life)
        require(0.0 < self.max_age < math.inf, "0 < max_age < inf [s]", self.max_age)
        count = len(self.weights)
        require(1 <= self.quorum <= count, f"1 <= quorum <= {count} [sources]", self.quorum)
        require(0.0 <= self.min_confidence <= 1.0, "0 <= min_confidence <= 1 [-]", self.min_confidence)
        require(0.0 <= self.neutral < 1.0, "0 <= neutral < 1 [-]", self.neutral)


@dataclass(frozen=True, slots=True, kw_only=True)
class Combined:
    """
    What the sources think together.

    Parameters
    ----------
    value
        From -1 to 1; 0 when there is no opinion.
    confidence
        Share of all trust that stands behind it, each source's by its confidence now [0, 1].
    agreement
        1 when all heard point the same way, 0 when they cancel [0, 1].
    used
        Sources heard, by name.
    reason
        In a few words.

    """

    value: float = 0.0
    confidence: float = 0.0
    agreement: float = 0.0
    used: tuple[str, ...] = field(default=())
    reason: str

    @property
    def exposure(self) -> float:
        """Value times confidence [-1, 1]: what to hold when doubt shall mean less."""
        return self.value * self.confidence


class _Heard(NamedTuple):
    source: str
    value: float
    mass: float  # trust times confidence now


class Aggregator:
    """
    Keeps the last signal of each source, and combines them; O(sources).

    What is missing, stale, from the future or no number is not heard, and what nobody says is 0 with
    confidence 0.

    Parameters
    ----------
    params
        Whom to ask, and how.

    Examples
    --------
    >>> both = Aggregator(AggregatorParams(weights={"technical": 1.0, "model": 3.0}, max_age=60.0))
    >>> both.put(Signal("technical", -1.0, confidence=1.0, ts=0))
    >>> both.put(Signal("model", 1.0, confidence=0.5, ts=0))
    >>> combined = both.combine(now=30_000_000_000)
    >>> combined.value, combined.confidence, combined.used
    (0.2, 0.625, ('model', 'technical'))
    >>> both.combine(now=90_000_000_000).value
    0.0

    """

    def __init__(self, params: AggregatorParams) -> None:
        self._params = params
        self._signals: dict[str, Signal] = {}
        self._judged: dict[str, float] = {}
        learning = params.learning
        self._learnt = None if learning is None else LearntWeights(params.weights, learning)
        total = math.fsum(params.weights.values())
        self._fixed = {source: weight / total for source, weight in params.weights.items()}

    @property
    def shares(self) -> Mapping[str, float]:
        """Trust in each source now; they sum to 1."""
        return self._fixed if self._learnt is None else self._learnt.shares

    def put(self, signal: Signal) -> None:
        """
        Take what a source says.

        One older than the last of its source is late and changes nothing, unless it is older by more than
        `max_age`: then the clock was set back. A value or confidence that is no number withdraws what the
        source said before.
        """
        source = signal.source
        if source not in self._params.weights:
            return
        last = self._signals.get(source)
        if last is not None and 0 < last.ts - signal.ts <= self._params.max_age * _NANOS:
            return
        self._signals[source] = signal

    def combine(self, now: int) -> Combined:
        """Return what all say together at `now`, UNIX time [ns]."""
        heard = self._heard(now)
        params, used = self._params, tuple(one.source for one in heard)
        if len(heard) < params.quorum:
            return Combined(used=used, reason=f"{len(heard)} of {params.quorum} sources needed are heard")
        agreement = _agreement(heard)
        behind, word = (heard, "") if params.vote is Vote.WEIGHTED else self._voters(heard)
        mass = math.fsum(one.mass for one in behind)
        if not mass:
            return Combined(used=used, agreement=agreement, reason=word or "nobody is confident")
        value = math.fsum(one.mass * one.value for one in behind) / mass
        return Combined(
            value=max(-1.0, min(1.0, value)),
            confidence=min(1.0, mass),
            agreement=agreement,
            used=used,
            reason=f"{params.vote} of {len(heard)}: {value:+.2f}",
        )

    def learn(self, realised: float, now: int) -> None:
        """
        Judge what was said at the last call by the return since, and remember what is said now.

        Call it at regular times, e.g. on every bar. Without `learning` it does nothing.

        Parameters
        ----------
        realised
            Return of the instrument since the last call [fraction]; NaN when it is not known.
        now
            UNIX time [ns].

        """
        if self._learnt is not None:
            self._learnt.learn(self._judged, realised)
            self._judged = {one.source: one.value for one in self._heard(now)}

    def forget(self) -> None:
        """Drop all signals; what was learnt of the sources stays."""
        self._signals.clear()
        self._judged.clear()

    def _heard(self, now: int) -> list[_Heard]:
        """Return who is heard, by name: the order of arrival must not matter, to the last bit."""
        found = []
        for source in sorted(self._signals):
            signal = self._signals[source]
            confidence = self._confidence(signal, now)
            if confidence is not None and math.isfinite(signal.value):
                value = max(-1.0, min(1.0, signal.value))
                found.append(_Heard(source, value, self.shares[source] * confidence))
        return found

    def _confidence(self, signal: Signal, now: int) -> float | None:
        """Return what is left of a signal's confidence, or ``None`` when it is not to be heard."""
        age = now - signal.ts
        if age < -_AHEAD or age > self._params.max_age * _NANOS or not math.isfinite(signal.confidence):
            return None
        faded = 2.0 ** (-max(0, age) / _NANOS / self._params.half_life)
        confidence = max(0.0, min(1.0, signal.confidence)) * faded
        return confidence if confidence >= self._params.min_confidence else None

    def _voters(self, heard: list[_Heard]) -> tuple[list[_Heard], str]:
        """Return the side that wins; nobody, and why, when none does."""
        up = [one for one in heard if one.value > self._params.neutral]
        down = [one for one in heard if one.value < -self._params.neutral]
        winner = max(up, down, key=len)
        needed = len(heard) if self._params.vote is Vote.UNANIMOUS else len(heard) // 2 + 1
        if len(winner) >= needed:
            return winner, ""
        neither = len(heard) - len(up) - len(down)
        return [], f"not {self._params.vote}: {len(up)} up, {len(down)} down, {neither} neither"

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs to go on exactly here."""
        return {
            "fit": sorted(self._params.weights),
            "signals": [[s.source, s.value, s.confidence, s.ts] for s in self._signals.values()],
            "judged": dict(self._judged),
            "learnt": None if self._learnt is None else self._learnt.to_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; what was said by other sources is left alone."""
        if state.get("fit") != sorted(self._params.weights):
            return self
        self._signals = {
            source: Signal(source, float(value), float(confidence), int(ts))
            for source, value, confidence, ts in state["signals"]
        }
        self._judged = {source: float(value) for source, value in state["judged"].items()}
        if self._learnt is not None and state["learnt"] is not None:
            self._learnt.restore(state["learnt"])
        return self


def _agreement(heard: list[_Heard]) -> float:
    total = math.fsum(one.mass * abs(one.value) for one in heard)
    return min(1.0, abs(math.fsum(one.mass * one.value for one in heard)) / total) if total else 0.0
