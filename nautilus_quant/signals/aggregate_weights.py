"""How much each of several sources is believed, learnt from what following it would have earned."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Self

from nautilus_quant.signals.ewma import Ewma, decay_of_half_life
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping

_LARGE = 3.0  # typical returns, beyond which one return teaches no more


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningParams:
    """
    How weights are learnt.

    Parameters
    ----------
    rate
        Change of the log weight by the largest gain [-]. More learns faster and forgets sooner; over T
        observations of N sources √(8 ln N / T) is the classical choice. Typical 0.02-0.3.
    floor
        Least share of each source [-]: one that was wrong for long can come back. Typical 0.01-0.1; must be
        below one over the number of sources.
    half_life
        Of the typical return that gains are measured by [observations].

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    rate: float = 0.1
    floor: float = 0.02
    half_life: float = 100.0

    def __post_init__(self) -> None:
        require(0.0 < self.rate <= 10.0, "0 < rate <= 10 [-]", self.rate)
        require(0.0 < self.floor < 1.0, "0 < floor < 1 [share]", self.floor)
        require(0.0 < self.half_life < math.inf, "half_life > 0 [observations]", self.half_life)


class LearntWeights:
    """
    Multiplicative weights on what each source's signal would have earned; O(sources) per observation.

    A source's weight grows by exp(rate × gain), where the gain is its value times the return that followed,
    over three typical returns, cut to [−1, 1] (Hedge: Freund, Schapire, Journal of Computer and System
    Sciences 55, 1997). Sources that said nothing sleep: what the others have together stays what it was
    (Freund, Schapire, Singer, Warmuth, STOC 1997). Each keeps a least share, so that the best of a changing
    world is followed (by projection: Herbster, Warmuth, Journal of Machine Learning Research 1, 2001).

    Parameters
    ----------
    start
        Weight of each source to begin with, positive.
    params
        How fast.

    Raises
    ------
    ValueError
        If the floors together leave nothing to learn.

    """

    def __init__(self, start: Mapping[str, float], params: LearningParams) -> None:
        most = 1.0 / len(start)
        require(params.floor < most, f"floor < {most:.3g} for {len(start)} sources [share]", params.floor)
        self._start, self._params = dict(start), params
        total = math.fsum(start.values())
        self._shares = self._lift({source: weight / total for source, weight in start.items()})
        self._square = Ewma(decay_of_half_life(params.half_life))

    @property
    def shares(self) -> Mapping[str, float]:
        """Share of each source; they sum to 1."""
        return self._shares

    def learn(self, values: Mapping[str, float], realised: float) -> None:
        """
        Judge what was said by the return that followed.

        Parameters
        ----------
        values
            What each source said before [-1, 1]; who said nothing is not in it.
        realised
            Return since [fraction]; one that is no number teaches nothing.

        """
        if not math.isfinite(realised):
            return
        typical = math.sqrt(self._square.update(realised * realised))
        if typical <= 0.0 or not values:
            return
        move = realised / (_LARGE * typical)
        grown = {
            source: self._shares[source] * math.exp(self._params.rate * _cut(value * move))
            for source, value in values.items()
        }
        had = math.fsum(self._shares[source] for source in grown)
        scale = had / math.fsum(grown.values())
        self._shares = self._lift(self._shares | {source: scale * grown[source] for source in grown})

    def _lift(self, shares: dict[str, float]) -> dict[str, float]:
        """Give each its least share, at the cost of what the others have above theirs; all together 1."""
        floor = self._params.floor
        above = {source: max(0.0, share - floor) for source, share in shares.items()}
        scale = (1.0 - floor * len(shares)) / math.fsum(above.values())
        return {source: floor + scale * excess for source, excess in above.items()}

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs to go on exactly here."""
        return {"fit": self._fit(), "shares": dict(self._shares), "square": self._square.to_dict()}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; what was learnt with other parameters is left alone."""
        if state.get("fit") == self._fit():
            self._shares = {source: float(state["shares"][source]) for source in self._start}
            self._square.restore(state["square"])
        return self

    def _fit(self) -> list[Any]:
        return [*astuple(self._params), *([source, weight] for source, weight in sorted(self._start.items()))]


def _cut(gain: float) -> float:
    return max(-1.0, min(1.0, gain))
