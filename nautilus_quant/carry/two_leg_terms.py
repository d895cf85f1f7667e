"""Two legs that belong together: what they are, and how they may be traded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from nautilus_quant.portfolio.sizing import Lot

RESERVE = 3.0
"""Answers kept in reserve: one order that is refused, one in its place, and one for what filled meanwhile."""

_ZERO = Decimal(0)
_NANOS = 1_000_000_000


class Style(StrEnum):
    """How a pair is entered and left."""

    PASSIVE_AGGRESSIVE = "passive_aggressive"
    """The first leg rests in the book; what fills of it is hedged at once with the other."""
    SIMULTANEOUS = "simultaneous"
    """Both legs are taken at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """
    One of the two.

    Parameters
    ----------
    name
        Of its instrument.
    weight
        Units held per unit of the pair [base coin, or contracts]; signed, not zero. Spot against a
        perpetual of one coin has 1 and -1.
    lot
        Sizes it can be traded in.
    least_value
        Value of the smallest order, also of one that only reduces [reporting currency].

    """

    name: str
    weight: Decimal
    lot: Lot
    least_value: float = 0.0

    def __post_init__(self) -> None:
        require(self.weight.is_finite() and self.weight != 0, "a weight other than 0 [units]", self.weight)
        require(self.least_value >= 0.0, "least_value >= 0 [reporting currency]", self.least_value)

    def smallest(self, value: float) -> Decimal:
        """Return the smallest quantity that can be traded at a `value` of one unit [reporting currency]."""
        least = max(self.lot.minimum or _ZERO, self.lot.step)
        if self.least_value > 0.0 and value > 0.0:
            steps = (Decimal(repr(self.least_value / value)) / self.lot.step).to_integral_value(ROUND_UP)
            least = max(least, steps * self.lot.step)
        return least


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoLegParams:
    """
    How the two are traded.

    Parameters
    ----------
    style
        How they are entered and left.
    lead
        Which leg rests in the book when one does: 0 or 1. That with the lower fee for it, or the thinner
        book.
    leg_timeout
        Longest time an order may take [s]; then it is taken back. Typically 5 to 60 for one that rests.
    max_unhedged
        What may be unhedged, times how long, from one rest to the next [reporting currency times seconds].
        Reaching it forces the quickest hedge or unwinding; sizes are cut into parts for which it is enough.
    answer
        Time in which a venue that is well answers an order [s]; typically 0.5 to 2. An order without an
        answer is not counted on after it, when time presses.
    pause
        Wait after a failure before anything is added again [s]; also the longest between two attempts to
        reduce, which begin at `answer` and double.

    """

    style: Style = Style.PASSIVE_AGGRESSIVE
    lead: int = 0
    leg_timeout: float = 10.0
    max_unhedged: float = 100_000.0
    answer: float = 1.0
    pause: float = 60.0

    def __post_init__(self) -> None:
        require(self.lead in (0, 1), "lead 0 or 1", self.lead)
        require(0.0 < self.answer < math.inf, "0 < answer [s]; typical values 0.5-2", self.answer)
        rule = f"answer <= leg_timeout < inf [s], with an answer of {self.answer}; typical values 5-60"
        require(self.answer <= self.leg_timeout < math.inf, rule, self.leg_timeout)
        rule = "0 < max_unhedged < inf [reporting currency times seconds]"
        require(0.0 < self.max_unhedged < math.inf, rule, self.max_unhedged)
        require(self.answer <= self.pause < math.inf, "answer <= pause < inf [s]", self.pause)

    @property
    def part(self) -> float:
        """Largest value of one leg that is traded before the other has followed [reporting currency]."""
        return self.max_unhedged / (2.0 * RESERVE * self.answer)


def nanos(seconds: float) -> int:
    """Return a duration [ns]."""
    return int(seconds * _NANOS)
