"""What a strategy may use of the equity, where several have a say in it."""

from __future__ import annotations

import math

WHOLE = ""
"""Instrument of an allocation that is meant for all a strategy trades."""


class Allocations:
    """
    The last word of each publisher, multiplied.

    Each may take away, and none gives back what another has taken: a selector chooses a strategy, a rollout
    lets it use a hundredth of that. Who says nothing any more is held to the last word.
    """

    def __init__(self) -> None:
        self._said: dict[str, dict[str, float]] = {}

    def put(self, source: str, instrument: str, share: float) -> None:
        """
        Take a word.

        Parameters
        ----------
        source
            Who says it.
        instrument
            Id of what it is meant for; `WHOLE` for all.
        share
            Of the equity [-]; what is no number from 0 on counts as 0.

        """
        self._said.setdefault(source, {})[instrument] = share if 0.0 <= share < math.inf else 0.0

    def of(self, instrument: str) -> float:
        """Return the share on an instrument [-]; 1 before anybody has said anything."""
        product = 1.0
        for said in self._said.values():
            product *= said.get(instrument, said.get(WHOLE, 1.0))
        return product

    def clear(self) -> None:
        """Forget what was said."""
        self._said.clear()
