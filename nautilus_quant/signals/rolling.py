"""Extremes over the last n values."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Self


class RollingMax:
    """
    Highest of the last `window` values.

    A deque of candidates in falling order (Lemire 2006): a value leaves when a later one is as high or when
    it is too old, so a step costs O(1) amortised and never more than `window` values are kept.

    Parameters
    ----------
    window
        How many values count, the newest included [bars].

    """

    __slots__ = ("_candidates", "_count", "_window")

    def __init__(self, window: int) -> None:
        if window < 1:
            raise ValueError(f"window must be at least 1 [bars], was {window}; typical values 10-100")
        self._window = window
        self._count = 0
        self._candidates: deque[tuple[int, float]] = deque()

    def update(self, value: float) -> float:
        """Take one value, give the highest of the window including it."""
        candidates = self._candidates
        while candidates and candidates[-1][1] <= value:
            candidates.pop()
        candidates.append((self._count, value))
        self._count += 1
        if candidates[0][0] < self._count - self._window:
            candidates.popleft()
        return candidates[0][1]

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs: the candidates with their age [values]."""
        return {"candidates": [[self._count - at, value] for at, value in self._candidates]}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; the window stays this object's own."""
        pairs = state["candidates"]
        self._count = int(pairs[0][0]) if pairs else 0
        self._candidates = deque((self._count - int(age), float(value)) for age, value in pairs)
        return self
