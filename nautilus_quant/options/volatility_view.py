"""Whether volatility is worth selling or buying: what options imply against what is expected."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from nautilus_quant.options.zscores import RollingScores, ScoreParams
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping

_POINT = 0.01
_NAME = "premium"


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewParams:
    """
    When volatility is rich or cheap.

    Parameters
    ----------
    enter_points, exit_points
        Implied less expected volatility from which on a side is taken, and at which it is left again
        [vol points, 1 is 0.50 to 0.51]. More enters less often.
    enter_z
        How unusual that difference must be against its own past [standard deviations]; 0 does not ask.
    exit_z
        At which it is usual again, and left [standard deviations]; looked at only if `enter_z` is.
    sell, buy
        Which sides may be taken.
    every, window, fewest
        The past: time between two differences that are remembered [s], how many are, and how many are
        needed for a score.

    Raises
    ------
    ValueError
        If one is impossible, or nothing could ever be left.

    """

    enter_points: float = 5.0
    exit_points: float = 1.0
    enter_z: float = 1.0
    exit_z: float = 0.0
    sell: bool = True
    buy: bool = True
    every: float = 3_600.0
    window: int = 720
    fewest: int = 72

    def __post_init__(self) -> None:
        require(
            0.0 <= self.exit_points < self.enter_points < math.inf,
            "0 <= exit_points < enter_points [vol points]",
            (self.exit_points, self.enter_points),
        )
        scores = self.enter_z == 0.0 or -math.inf < self.exit_z < self.enter_z < math.inf
        require(scores and self.enter_z >= 0.0, "exit_z < enter_z, enter_z >= 0 [standard deviations]", self)
        require(self.sell or self.buy, "sell or buy allowed", (self.sell, self.buy))
        ScoreParams(every=self.every, window=self.window, fewest=self.fewest)


class View(NamedTuple):
    """
    What is thought of volatility now.

    Parameters
    ----------
    side
        -1 sells, 1 buys, 0 holds nothing.
    points
        Implied less expected [vol points]; NaN when unknown.
    score
        Of that [standard deviations]; NaN with too short a past.
    reason
        In a few words.

    """

    side: int
    points: float
    score: float
    reason: str


class VolatilityView:
    """
    Takes a side when implied volatility is far from what is expected, and leaves it when it is not any more.

    Parameters
    ----------
    params
        When.

    """

    def __init__(self, params: ViewParams) -> None:
        self.params = params
        self._scores = RollingScores(
            ScoreParams(every=params.every, window=params.window, fewest=params.fewest, least=0.1)
        )
        self.side = 0
        """The side taken: -1, 0 or 1."""

    def update(self, ts: int, implied: float, expected: float) -> View:
        """
        Compare two volatilities (annual, decimal) at `ts`, UNIX time [ns].

        What is unknown neither enters nor leaves.
        """
        points = (implied - expected) / _POINT
        if not math.isfinite(points) or not (implied > 0.0 and expected > 0.0):
            return View(self.side, math.nan, math.nan, "volatility unknown")
        score = self._scores.update(ts, {_NAME: points}).get(_NAME, math.nan)
        if self.side and self._is_over(points, score):
            self.side = 0
        if not self.side:
            self.side = self._taken(points, score)
        usual = f", z {score:+.1f}" if math.isfinite(score) else ""
        return View(self.side, points, score, f"implied {points:+.1f} points from expected{usual}")

    def forget(self) -> None:
        """Take no side until there is reason to enter again."""
        self.side = 0

    def _taken(self, points: float, score: float) -> int:
        """Return the side against the difference; one that is not known to be unusual is none."""
        p = self.params
        unusual = p.enter_z == 0.0 or score * math.copysign(1.0, points) >= p.enter_z
        if abs(points) < p.enter_points or not unusual:
            return 0
        return (-1 if p.sell else 0) if points > 0.0 else (1 if p.buy else 0)

    def _is_over(self, points: float, score: float) -> bool:
        toward = -self.side  # the sign of a difference that speaks for the side
        usual = self.params.enter_z > 0.0 and score * toward <= self.params.exit_z
        return points * toward <= self.params.exit_points or usual

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        return {"side": self.side, "scores": self._scores.to_dict()}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave."""
        self.side = int(state["side"])
        self._scores.restore(state["scores"])
        return self
