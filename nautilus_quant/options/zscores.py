"""How unusual figures are against their own past, and when to say so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreParams:
    """
    What the past is.

    Parameters
    ----------
    every
        Time between two figures that are remembered [s]; what comes between is scored and forgotten.
    window
        How many are remembered; with `every` it is how far back the past goes.
    fewest
        How many are needed before anything is scored.
    least
        Standard deviation at least, in the unit of the figures: what hardly ever moves would otherwise be
        extraordinary as soon as it does.

    Raises
    ------
    ValueError
        If one is impossible.

    """

    every: float = 900.0
    window: int = 672
    fewest: int = 30
    least: float = 0.0005

    def __post_init__(self) -> None:
        require(self.every >= 0.0, "every >= 0 [s]", self.every)
        require(2 <= self.fewest <= self.window, "2 <= fewest <= window [figures]", self)
        require(self.least > 0.0, "least > 0 [unit of the figures]", self.least)


class RollingScores:
    """
    Scores named figures against the mean and standard deviation of their own past, the present left out.

    Parameters
    ----------
    params
        What the past is.

    """

    def __init__(self, params: ScoreParams | None = None) -> None:
        self.params = params or ScoreParams()
        self._names: dict[str, int] = {}
        self._past = np.full((0, self.params.window), np.nan)
        self._next = 0
        self._ts = -1

    def update(self, ts: int, figures: Mapping[str, float]) -> dict[str, float]:
        """
        Score figures of a moment, then remember them.

        Parameters
        ----------
        ts
            UNIX time [ns]; nothing is remembered of a moment that is not later than the last.
        figures
            By name; those that are not finite are left out, and a name not seen for a whole window is
            forgotten.

        Returns
        -------
        dict
            Scores [standard deviations] of those whose past is long enough.

        """
        known = {name: float(value) for name, value in figures.items() if math.isfinite(value)}
        scores = self._score(known)
        if self._ts < 0 or (ts > self._ts and ts - self._ts >= self.params.every * SECOND):
            self._remember(known)
            self._ts = ts
        return scores

    @property
    def depth(self) -> dict[str, int]:
        """How many figures of each name are remembered."""
        counts = np.isfinite(self._past).sum(axis=1)
        return {name: int(counts[row]) for name, row in self._names.items()}

    def _score(self, figures: Mapping[str, float]) -> dict[str, float]:
        names = [name for name in figures if name in self._names]
        if not names:
            return {}
        past = self._past[[self._names[name] for name in names]]
        there = np.isfinite(past)
        count = there.sum(axis=1)
        filled = np.where(there, past, 0.0)
        several = np.maximum(count, 2)
        mean = filled.sum(axis=1) / several
        off = np.where(there, past - mean[:, None], 0.0)
        deviation = np.maximum(np.sqrt((off * off).sum(axis=1) / (several - 1)), self.params.least)
        value = np.array([figures[name] for name in names])
        scores = ((value - mean) / deviation).tolist()
        enough = (count >= self.params.fewest).tolist()
        return {name: score for name, score, good in zip(names, scores, enough, strict=True) if good}

    def _remember(self, figures: Mapping[str, float]) -> None:
        self._past[:, self._next] = np.nan
        self._forget_unseen()
        new = [name for name in figures if name not in self._names]
        if new:
            self._names.update({name: len(self._names) + at for at, name in enumerate(new)})
            more = np.full((len(new), self.params.window), np.nan)
            self._past = np.concatenate((self._past, more))
        for name, value in figures.items():
            self._past[self._names[name], self._next] = value
        self._next = (self._next + 1) % self.params.window

    def _forget_unseen(self) -> None:
        kept = [name for name, row in self._names.items() if np.isfinite(self._past[row]).any()]
        if len(kept) < len(self._names):
            self._past = self._past[[self._names[name] for name in kept]]
            self._names = {name: row for row, name in enumerate(kept)}

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs; what was missing at a time is ``None``."""
        order = np.roll(self._past, -self._next, axis=1)
        used = np.flatnonzero(np.isfinite(order).any(axis=0))
        recent = order[:, used[0] :] if len(used) else order[:, :0]
        return {
            "ts": self._ts,
            "past": {
                name: [value if math.isfinite(value) else None for value in recent[row].tolist()]
                for name, row in self._names.items()
            },
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; of a longer past the latest part is taken."""
        past = {str(name): list(values) for name, values in state["past"].items()}
        length = min(max((len(values) for values in past.values()), default=0), self.params.window)
        self._names = {name: row for row, name in enumerate(past)}
        self._past = np.full((len(past), self.params.window), np.nan)
        for row, values in enumerate(past.values()):
            recent = values[-length:] if length else []
            self._past[row, : len(recent)] = [math.nan if v is None else float(v) for v in recent]
        self._next = length % self.params.window
        self._ts = int(state["ts"])
        return self


class Crossing(NamedTuple):
    """
    A figure that rose over a bound, or came back.

    Parameters
    ----------
    name
        Of the figure.
    level
        How many bounds it is over now.
    before
        How many it was over.
    value
        The figure.
    bound
        The one it crossed.

    """

    name: str
    level: int
    before: int
    value: float
    bound: float

    @property
    def is_worse(self) -> bool:
        """Whether it rose."""
        return self.level > self.before


class Ladder:
    """
    Says once when the size of a figure rises over one of some bounds, and once when it is back.

    Parameters
    ----------
    bounds
        Rising, in the unit of the figures.
    back
        Share of a bound below which a figure is no longer over it [-]; less is calmer.

    Raises
    ------
    ValueError
        If bounds do not rise or `back` is not in (0, 1].

    """

    def __init__(self, bounds: Sequence[float], back: float = 0.85) -> None:
        require(len(bounds) > 0 and bounds[0] > 0.0, "bounds above 0", tuple(bounds))
        rising = all(low < high for low, high in pairwise(bounds))
        require(rising, "bounds that rise", tuple(bounds))
        require(0.0 < back <= 1.0, "0 < back <= 1 [-]", back)
        self._bounds = tuple(bounds)
        self._back = back
        self._levels: dict[str, int] = {}

    @property
    def levels(self) -> dict[str, int]:
        """How many bounds each figure is over that is over any."""
        return dict(self._levels)

    def update(self, figures: Mapping[str, float]) -> list[Crossing]:
        """Take figures; what is not a number, or missing, is where it was."""
        found = []
        for name, value in figures.items():
            before = self._levels.get(name, 0)
            level = self._level(abs(value), before) if math.isfinite(value) else before
            if level == before:
                continue
            bound = self._bounds[level - 1] if level > before else self._bounds[level]
            found.append(Crossing(name, level, before, value, bound))
            if level:
                self._levels[name] = level
            else:
                del self._levels[name]
        return found

    def _level(self, size: float, before: int) -> int:
        risen = sum(size >= bound for bound in self._bounds)
        if risen >= before:
            return risen
        return sum(size >= self._back * bound for bound in self._bounds[:before])

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        return dict(self._levels)

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave."""
        most = len(self._bounds)
        self._levels = {str(name): min(int(level), most) for name, level in state.items() if int(level) > 0}
        return self
