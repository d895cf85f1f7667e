"""How much of what is sent to a venue is filled there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple, Self

from nautilus_quant.safety import stored
from nautilus_quant.signals.sequence import require

VERSION = 1


class Grade(IntEnum):
    """How bad it is."""

    WELL = 0
    LOW = 1
    BAD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FillParams:
    """
    When too little is filled.

    Parameters
    ----------
    low, bad
        Ratio of filled to sent below which people are told, and below which they are told loudly [-].
    margin
        By how much a ratio must be above a bound again before it is taken back [-].
    half_life
        Orders after which one counts half [-]; more is slower to notice, and to forgive.
    least
        Orders before anything is said [-].

    """

    low: float = 0.9
    bad: float = 0.8
    margin: float = 0.02
    half_life: float = 30.0
    least: int = 10

    def __post_init__(self) -> None:
        require(0.0 < self.bad < self.low <= 1.0, "0 < bad < low <= 1 [-]", (self.bad, self.low))
        require(0.0 <= self.margin < self.low - self.bad, "0 <= margin < low - bad [-]", self.margin)
        require(0.0 < self.half_life < math.inf, "0 < half_life < inf [orders]", self.half_life)
        require(self.least >= 1, "least >= 1 [orders]", self.least)


class FillChange(NamedTuple):
    """
    A venue that fills too little, or enough again.

    Parameters
    ----------
    venue
        Which.
    ratio
        Filled over sent [-].
    grade, previous
        Now, and before.
    orders
        How many were sent.

    """

    venue: str
    ratio: float
    grade: Grade
    previous: Grade
    orders: int


@dataclass(slots=True)
class _Record:
    sent: float = 0.0
    filled: float = 0.0
    orders: int = 0
    grade: Grade = Grade.WELL


class FillBook:
    """
    Follows ``sum(filled) / sum(sent)`` of each venue over fading sums.

    In worth, not in orders: a large order that is missed leaves a large leg alone.

    Parameters
    ----------
    params
        When it is too little.

    """

    def __init__(self, params: FillParams | None = None) -> None:
        self.params = params or FillParams()
        self._decay = 0.5 ** (1.0 / self.params.half_life)
        self._records: dict[str, _Record] = {}

    def update(self, venue: str, sent: float, filled: float) -> FillChange | None:
        """
        Take an order that is done.

        Parameters
        ----------
        venue
            Where it was.
        sent, filled
            What it was worth, and what of it was filled [one currency for all orders].

        Returns
        -------
        FillChange or None
            Once for each change of grade. An order of nothing, or of what is no number, changes nothing.

        """
        if not (0.0 < sent < math.inf and 0.0 <= filled < math.inf):
            return None
        record = self._records.setdefault(venue, _Record())
        record.sent = self._decay * record.sent + sent
        record.filled = self._decay * record.filled + min(filled, sent)
        record.orders += 1
        if record.orders < self.params.least:
            return None
        ratio = record.filled / record.sent
        before, record.grade = record.grade, self._grade(ratio, record.grade)
        if record.grade is before:
            return None
        return FillChange(venue, ratio, record.grade, before, record.orders)

    def _grade(self, ratio: float, before: Grade) -> Grade:
        for grade, bound in ((Grade.BAD, self.params.bad), (Grade.LOW, self.params.low)):
            if ratio < bound + (self.params.margin if before >= grade else 0.0):
                return grade
        return Grade.WELL

    def ratio(self, venue: str) -> float | None:
        """Return filled over sent [-]; ``None`` while there is too little to tell."""
        record = self._records.get(venue)
        return None if record is None or record.orders < self.params.least else record.filled / record.sent

    def grade(self, venue: str) -> Grade:
        """Return how bad it is."""
        record = self._records.get(venue)
        return Grade.WELL if record is None else record.grade

    def to_dict(self) -> dict[str, Any]:
        """Return all that `restore` needs."""
        venues = {name: [r.sent, r.filled, r.orders, int(r.grade)] for name, r in self._records.items()}
        return {"version": VERSION, "venues": venues}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; ValueError when it is damaged."""
        stored.check_version("fill ratios", state, VERSION)
        records = {}
        for name, (sent, filled, orders, grade) in stored.mapping(state, "venues").items():
            require(0.0 <= filled <= sent < math.inf, "0 <= filled <= sent < inf", (filled, sent))
            records[str(name)] = _Record(float(sent), float(filled), int(orders), Grade(grade))
        self._records = records
        return self
