"""The last rewards of all arms, and what they add up to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nautilus_quant.learning.regime_table import Places, columns_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.learning.policy import Floats


class Window:
    """
    The last evaluations of one regime, oldest first; O(length x arms) each time.

    Sums are made anew rather than by taking off what leaves: that would leave rounding behind.

    Parameters
    ----------
    length
        Evaluations kept.
    arms
        How many there are.

    """

    def __init__(self, length: int, arms: int) -> None:
        self._rewards = np.full((length, arms), np.nan)
        self.left = np.zeros(length)
        """What is left of the weight of each; shape (length,) [evaluations]."""

    def push(self, rewards: Floats, weight: float) -> None:
        """Add the newest, shape (arms,), and drop the oldest."""
        self._rewards[:-1] = self._rewards[1:]
        self.left[:-1] = self.left[1:]
        self._rewards[-1], self.left[-1] = rewards, weight

    def sums(self) -> Floats:
        """Return count, sum, sum of squares and wins; shape (4, arms)."""
        seen = np.isfinite(self._rewards)
        x = np.where(seen, self._rewards, 0.0)
        return np.array([self.left @ part for part in (seen, x, x * x, x > 0.0)], dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs; JSON-able, ``None`` where nothing was observed."""
        kept = int(np.count_nonzero(self.left))
        rows = self._rewards[len(self.left) - kept :]
        known = [[x if math.isfinite(x) else None for x in row] for row in rows.tolist()]
        return {"rewards": known, "left": self.left[len(self.left) - kept :].tolist()}

    def restore(self, state: Mapping[str, Any], places: Places) -> Self:
        """Go on from what `to_dict` gave."""
        kept = len(state["left"])
        if kept:
            rows = np.array(state["rewards"], dtype=np.float64)  # None becomes NaN
            self._rewards[-kept:] = columns_at(rows, places, np.nan)
            self.left[-kept:] = state["left"]
        return self
