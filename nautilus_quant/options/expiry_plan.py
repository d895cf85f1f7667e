"""The steps of a roll: never more at risk than before by more than one slice."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple, Self

from nautilus_quant.signals.sequence import require

_ZERO = Decimal(0)


class Leg(StrEnum):
    """What an order of a roll does."""

    CLOSE = "close"
    OPEN = "open"
    SPREAD = "spread"  # both at once, by the venue


class Step(NamedTuple):
    """
    The next order.

    Parameters
    ----------
    leg
        What it does.
    quantity
        How much [contracts].

    """

    leg: Leg
    quantity: Decimal


class RollPlan:
    """
    Closes one option and opens another, slice by slice.

    What was sold is bought back before it is sold anew, so that never more is sold than before. What is held
    is bought anew before it is sold, so that what it protects stays protected; then there is never more than
    one slice too much. Whatever fills, partly or not at all, the next step evens the legs out first.

    Parameters
    ----------
    total
        How much is rolled [contracts].
    slice_
        How much of it at a time [contracts].
    closes_first
        Whether each slice is closed before it is opened anew.

    Raises
    ------
    ValueError
        If a quantity is not positive.

    """

    def __init__(self, total: Decimal, slice_: Decimal, *, closes_first: bool) -> None:
        require(total > 0, "total > 0 [contracts]", total)
        require(slice_ > 0, "slice > 0 [contracts]", slice_)
        self.total = total
        self.slice = min(slice_, total)
        self.closes_first = closes_first
        self.closed = _ZERO
        self.opened = _ZERO

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return self.next() is None

    @property
    def excess(self) -> Decimal:
        """How much more is held than before [contracts]; negative when it is less."""
        return self.opened - self.closed

    def next(self) -> Step | None:
        """Return the next order; ``None`` when all is rolled."""
        left = self.total - self.closed
        if self.closes_first:
            return self._next(Leg.OPEN, -self.excess, Leg.CLOSE, left)
        return self._next(Leg.CLOSE, min(self.excess, left), Leg.OPEN, self.total - self.opened)

    def _next(self, evens: Leg, gap: Decimal, begins: Leg, left: Decimal) -> Step | None:
        if gap > 0:
            return Step(evens, gap)
        return Step(begins, min(self.slice, left)) if left > 0 else None

    def filled(self, leg: Leg, quantity: Decimal) -> None:
        """Count a fill [contracts]."""
        if leg is not Leg.OPEN:
            self.closed += quantity
        if leg is not Leg.CLOSE:
            self.opened += quantity

    def left_by_others(self, held: Decimal) -> None:
        """Take notice that only so much is held any more [contracts]: what others closed is not rolled."""
        self.total = min(self.total, self.closed + max(held, _ZERO))

    def to_dict(self) -> dict[str, Any]:
        """Return what a restart needs."""
        return {
            "total": str(self.total),
            "slice": str(self.slice),
            "closes_first": self.closes_first,
            "closed": str(self.closed),
            "opened": str(self.opened),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """
        Go on from what `to_dict` gave.

        Raises
        ------
        ValueError, KeyError, ArithmeticError
            If it is damaged.

        """
        plan = cls(Decimal(state["total"]), Decimal(state["slice"]), closes_first=bool(state["closes_first"]))
        plan.closed, plan.opened = Decimal(state["closed"]), Decimal(state["opened"])
        require(plan.closed >= 0 and plan.opened >= 0, "quantities >= 0 [contracts]", dict(state))
        return plan
