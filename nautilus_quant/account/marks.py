"""Marks: what an instrument is worth now, from several sources, and whether that can be believed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

SECOND = 1_000_000_000
FOREVER = 2**63 - 1
MAX_AGE = 30 * SECOND
MAX_LAG = 5 * SECOND
"""How far a better source may lie behind the newest word of any other [ns]; venues mark every 1 to 3 s."""

SOURCES = ("mark", "mid", "last", "bar")
"""Sources of marks, best first: the venue's mark price, middle of the quote, last trade, close of a bar."""

_RANK = {source: rank for rank, source in enumerate(SOURCES)}


class Mark(NamedTuple):
    """
    One observed price.

    Parameters
    ----------
    price
        Price [quote currency].
    ts
        When it reached us [ns, UTC].
    source
        One of `SOURCES`.
    valid_for
        How long this source normally takes until its next value [ns]: the interval of a bar, 0 for a stream.
        It is added to the age a mark may have.

    """

    price: float
    ts: int
    source: str
    valid_for: int = 0

    @property
    def is_sane(self) -> bool:
        """Whether it can be a price at all: finite and positive."""
        return 0.0 < self.price < math.inf

    def expires(self, max_age: int) -> int:
        """Last time [ns] at which it is fresh when marks may be `max_age` [ns] old."""
        return min(self.ts + max_age + self.valid_for, FOREVER)

    def is_fresh(self, now: int, max_age: int) -> bool:
        """Whether it may be used at `now` [ns]; one from the future by more than `max_age` may not."""
        return self.ts - max_age <= now <= self.expires(max_age)


type Quick = tuple[float, int, str, int]
"""A `Mark`, or the same without names, which are slow to make and to take apart with every price."""


class Price(NamedTuple):
    """What to value with: the best price known, and what is wrong with it, if anything."""

    value: float
    """Price, or rate into the reporting currency; NaN when none is known."""
    problem: str = ""
    """Why it must not be trusted; empty when it is fresh and credible."""
    valid_until: int = FOREVER
    """Time [ns] after which it is stale if nothing newer comes."""


PAR = Price(1.0)
"""Rate of the reporting currency, and of whatever is taken as worth the same."""
UNKNOWN = Price(math.nan, "no price yet", 0)
"""Nothing has been seen."""


def freshest(marks: Iterable[Mark], now: int, max_age: int = MAX_AGE, max_lag: int = MAX_LAG) -> Mark | None:
    """
    Return the mark to believe at `now` [ns]: of the best source among those sane, fresh and up to date.

    A source is up to date while it lies at most `max_lag` [ns] behind the newest mark of any other. A mark
    price that came once and never again must not hide what quotes have said since.
    """
    usable = [mark for mark in marks if mark.is_sane and mark.is_fresh(now, max_age)]
    if len(usable) < 2:
        return usable[0] if usable else None
    oldest = max(mark.ts for mark in usable) - max_lag
    return min((m for m in usable if m.ts >= oldest), key=lambda mark: (_RANK[mark.source], -mark.ts))


def freshest_doubt(
    doubts: Iterable[Mark], best: Mark | None, now: int, max_age: int, max_lag: int = MAX_LAG
) -> Mark | None:
    """Return an absurd mark fresh at `now` [ns] and up to date, unless a better source has a good one."""
    limit = len(_RANK) if best is None else _RANK[best.source]
    newest = 0 if best is None else best.ts
    for doubt in sorted(doubts, key=lambda mark: _RANK[mark.source]):
        if _RANK[doubt.source] <= limit and doubt.is_fresh(now, max_age) and doubt.ts >= newest - max_lag:
            return doubt
    return None


class MarkBook:
    """
    Latest marks of every instrument, with absurd ones held back.

    A mark is *absurd* when it is no price (NaN, infinite, not positive), or when it moved by more than
    `max_jump` against the last accepted mark of its source, if that is at most `jump_within` older. A jump is
    believed as soon as the next mark of that source lies within `max_jump` of it; what is no price never is.
    While the latest mark of a source is absurd, and that source is fresh and up to date as in `freshest`, the
    instrument has no credible price, unless a better source has one.

    Parameters
    ----------
    max_age
        How old a mark may be [ns].
    max_jump
        Largest believable move between two marks [fraction of the earlier]. Smaller is more suspicious.
    jump_within
        Time after which any move is believable [ns].

    Attributes
    ----------
    only
        The mark of every instrument that has a single source and nothing in doubt, fresh or not: what most
        have, and all that needs to be looked at then. Maybe without its names.

    """

    __slots__ = ("_doubts", "_marks", "_told", "jump_within", "max_age", "max_jump", "only")

    def __init__(
        self,
        max_age: int = MAX_AGE,
        max_jump: float = 0.5,
        jump_within: int = 60 * SECOND,
    ) -> None:
        if max_age <= 0 or jump_within < 0 or not max_jump > 0.0:
            raise ValueError(
                "need max_age > 0 [ns], max_jump > 0 [fraction] and jump_within >= 0 [ns], "
                f"was {max_age}, {max_jump}, {jump_within}"
            )
        self.max_age = max_age
        self.max_jump = max_jump
        self.jump_within = jump_within
        self._marks: dict[str, dict[str, Mark]] = {}  # for those in `only`, as of when they came to be there
        self._doubts: dict[str, dict[str, Mark]] = {}
        self.only: dict[str, Quick] = {}
        self._told: dict[str, tuple[int, Price]] = {}

    def put(self, instrument: str, mark: Quick) -> bool:
        """Take in a mark of `instrument`; False when it is absurd and held back."""
        only = self.only.get(instrument)
        if only is not None:
            price, _, source, _ = mark
            before, _, known, _ = only
            # A small step from the last one of the one source: what nearly every mark is.
            if source == known and abs(price - before) <= self.max_jump * before and 0.0 < price < math.inf:
                self.only[instrument] = mark
                return True
        return self._weigh(instrument, Mark(*mark))

    def _weigh(self, instrument: str, mark: Mark) -> bool:
        self._told.pop(instrument, None)
        marks = self._marks_of(instrument)
        doubts = self._doubts.setdefault(instrument, {})
        accepted = marks.get(mark.source)
        if accepted is None and mark.source not in _RANK:
            raise ValueError(f"source of a mark must be one of {', '.join(SOURCES)}, was {mark.source!r}")
        believed = mark.is_sane and not self._jumped(mark, accepted, doubts.get(mark.source))
        if believed:
            doubts.pop(mark.source, None)
            marks[mark.source] = mark
        else:
            doubts[mark.source] = mark
        if len(marks) == 1 and not doubts:
            (self.only[instrument],) = marks.values()
        else:
            self.only.pop(instrument, None)
        return believed

    def _marks_of(self, instrument: str) -> dict[str, Mark]:
        """Return its marks by source, up to date."""
        marks = self._marks.setdefault(instrument, {})
        only = self.only.get(instrument)
        if only is not None:
            marks[only[2]] = Mark(*only)
        return marks

    def _jumped(self, mark: Mark, accepted: Mark | None, doubt: Mark | None) -> bool:
        if accepted is None or mark.ts - accepted.ts > self.jump_within or self._near(mark, accepted):
            return False
        return doubt is None or not doubt.is_sane or not self._near(mark, doubt)

    def _near(self, mark: Mark, other: Mark) -> bool:
        return abs(mark.price - other.price) <= self.max_jump * other.price

    def heard(self, instrument: str, source: str) -> int:
        """Return when the last mark of a source came, credible or not [ns]; -1 before the first."""
        if instrument not in self._marks:
            return -1
        last = (marks.get(source) for marks in (self._marks_of(instrument), self._doubts[instrument]))
        return max((mark.ts for mark in last if mark is not None), default=-1)

    def price(self, instrument: str, now: int) -> Price:
        """Return the price to value `instrument` with at `now` [ns]."""
        only = self.only.get(instrument)
        if only is not None:  # the same as below, for instruments with one source
            price, ts, _, valid_for = only
            until = ts + self.max_age + valid_for
            if ts - self.max_age <= now <= until:
                # What `Price(...)` does, without its detour through a Python function.
                return tuple.__new__(Price, (price, "", until))
            return self._weighed(instrument, now)
        # All gates ask the same of one order.
        told = self._told.get(instrument)
        if told is not None and told[0] == now:
            return told[1]
        weighed = self._weighed(instrument, now)
        self._told[instrument] = (now, weighed)
        return weighed

    def _weighed(self, instrument: str, now: int) -> Price:
        if instrument not in self._marks:
            return UNKNOWN
        marks = self._marks_of(instrument)
        doubts = self._doubts[instrument]
        best = freshest(marks.values(), now, self.max_age)
        doubt = freshest_doubt(doubts.values(), best, now, self.max_age) if doubts else None
        if doubt is not None:
            return self._untrusted(marks, f"absurd {doubt.source} price {doubt.price:g}")
        if best is None or self._is_outlived(best, marks, now):
            return self._untrusted(marks, "stale")
        return Price(best.price, "", best.expires(self.max_age))

    def _is_outlived(self, best: Mark, marks: dict[str, Mark], now: int) -> bool:
        """
        Tell whether a mark is fresh by its interval alone, though newer ones have come and gone stale.

        The last bar of an hour says nothing of a market whose quotes were heard since, and fell silent.
        """
        if now - best.ts <= self.max_age:
            return False
        return any(mark.ts > best.ts for mark in marks.values())

    @staticmethod
    def _untrusted(marks: dict[str, Mark], problem: str) -> Price:
        latest = max(marks.values(), key=lambda mark: mark.ts, default=None)
        return Price(math.nan if latest is None else latest.price, problem, 0)
