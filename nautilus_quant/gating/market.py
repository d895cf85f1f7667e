"""The regime of the whole market, from those of its instruments."""

from __future__ import annotations

import math
from collections import Counter

from nautilus_quant.gating.regime_rule import Regime, most_cautious


class MarketRegime:
    """
    Counts instruments: a crisis in enough of them is a crisis of all.

    CRISIS when at least `share` of the instruments that are known (not warming up), and at least `least` of
    them, are in CRISIS; where fewer than `least` are known, all of them must be, so a node with one
    instrument has that one's crisis. Otherwise what most instruments are in, a crisis too lonely to be the
    market's counting as HIGH_VOL and ties going to the more cautious; WARMING_UP when nothing is known.

    Parameters
    ----------
    share
        Share of the known instruments [fraction]. Less is quicker to stop everything; typical 0.3-0.7.
    least
        Never fewer than so many [instruments], so that one coin's collapse stops only itself.

    """

    def __init__(self, share: float = 0.5, least: int = 2) -> None:
        if not 0.0 < share <= 1.0:
            raise ValueError(f"share must be in (0, 1] [fraction of instruments], was {share}; typical 0.5")
        if least < 1:
            raise ValueError(f"least must be at least 1 [instruments], was {least}; typical 2")
        self._share = share
        self._least = least
        self._of: dict[str, Regime] = {}
        self.regime = Regime.WARMING_UP

    def update(self, instrument: str, regime: Regime) -> Regime:
        """Take an instrument's regime, give the market's."""
        if self._of.get(instrument) is not regime:
            self._of[instrument] = regime
            self.regime = self._judge()
        return self.regime

    @property
    def crises(self) -> int:
        """How many instruments are in CRISIS."""
        return sum(regime is Regime.CRISIS for regime in self._of.values())

    @property
    def known(self) -> int:
        """How many instruments are not warming up."""
        return sum(regime is not Regime.WARMING_UP for regime in self._of.values())

    @property
    def needed(self) -> int:
        """How many instruments in CRISIS make it the market's."""
        return min(self.known, max(self._least, math.ceil(self._share * self.known)))

    def _judge(self) -> Regime:
        if self.crises >= self.needed > 0:
            return Regime.CRISIS
        votes = Counter(Regime.HIGH_VOL if r is Regime.CRISIS else r for r in self._of.values())
        del votes[Regime.WARMING_UP]
        most = max(votes.values(), default=0)
        return most_cautious(regime for regime, count in votes.items() if count == most)
