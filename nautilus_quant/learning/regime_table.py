"""Sums by regime and arm that fade with time; regimes come as they are named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nautilus_quant.learning.policy import Floats

type Places = Sequence[int | None]


class RegimeTable:
    """
    Rows of sums over the columns (arms), one block for each regime; O(regimes x rows x columns).

    A regime ages with the evaluations spent in it, and `absent_ageing` times as fast while another is in
    force. What drifts is how well an arm does *within* a regime, and that is seen only there, hence the
    regime's own clock; but the world also moves on behind one's back, hence not that clock alone.

    Parameters
    ----------
    rows, columns
        Shape of the block of a regime.
    discount
        What one evaluation leaves of the weight of the earlier ones [-].
    absent_ageing
        See `nautilus_quant.learning.params.PolicyParams`.

    """

    def __init__(self, rows: int, columns: int, *, discount: float, absent_ageing: float) -> None:
        self._discount = discount
        self._absent_ageing = absent_ageing
        self._index: dict[str, int] = {}
        self._blocks = np.zeros((0, rows, columns))
        self._nothing = np.zeros((rows, columns))
        self._others: list[Floats] = []

    @property
    def regimes(self) -> tuple[str, ...]:
        """Names of the regimes seen, in the order they came."""
        return tuple(self._index)

    def own(self, regime: str) -> Floats:
        """Return the block of a regime; shape (rows, columns), zeros when it was never seen."""
        at = self._index.get(regime)
        return self._nothing.copy() if at is None else self._blocks[at]

    def alone(self, regime: str) -> bool:
        """Whether no other regime was ever seen."""
        return len(self._index) == (regime in self._index)

    def others(self, regime: str) -> Floats:
        """Return the sum over all other regimes; shape (rows, columns)."""
        at = self._index.get(regime)
        if at is None:
            return np.asarray(np.add.reduce(self._blocks), dtype=np.float64)
        # not total minus own: what is left of a small difference of large sums is rounding
        return np.asarray(np.add.reduce(self._blocks[self._others[at]]), dtype=np.float64)

    def age(self, regime: str, weight: float) -> Floats:
        """Let `weight` evaluations pass in a regime; give its block, to be added to in place."""
        at = self._index.get(regime)
        if at is None:
            at = self._add(regime)
        self._blocks *= self.fading(regime, weight)[:, None, None]
        block: Floats = self._blocks[at]
        return block

    def fading(self, regime: str, weight: float) -> Floats:
        """Return what `weight` evaluations in a regime leave of each regime's sums; shape (regimes,) [-]."""
        left = np.full(len(self._index), self._discount ** (weight * self._absent_ageing))
        if regime in self._index:
            left[self._index[regime]] = self._discount**weight
        return left

    def _add(self, regime: str) -> int:
        at = self._index[regime] = len(self._index)
        self._blocks = np.concatenate([self._blocks, self._nothing[None]])
        everyone = np.arange(at + 1)
        self._others = [np.delete(everyone, i) for i in everyone]
        return at

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        return {regime: self._blocks[at].tolist() for regime, at in self._index.items()}

    def restore(self, state: Mapping[str, Any], places: Places) -> Self:
        """Go on from what `to_dict` gave; a column whose place is ``None`` starts at 0."""
        for regime, block in state.items():
            at = self._index.get(regime)
            if at is None:
                at = self._add(regime)
            self._blocks[at] = columns_at(np.asarray(block, dtype=np.float64), places)
        return self


def columns_at(saved: Floats, places: Places, fill: float = 0.0) -> Floats:
    """Take columns of an array, shape (rows, saved columns), by place; `fill` where there is none."""
    taken = np.full((saved.shape[0], len(places)), fill)
    kept = [(new, old) for new, old in enumerate(places) if old is not None]
    if kept:
        new, old = (list(side) for side in zip(*kept, strict=True))
        taken[:, new] = saved[:, old]
    return taken
