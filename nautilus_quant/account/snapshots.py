"""Snapshots of the equity: every few minutes at first, fewer the older they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

from nautilus_quant.account.statement import PARTS, Part, Statement, number_of
from nautilus_quant.safety import stored

VERSION = 1
PORTFOLIO = "portfolio"
"""Namespace of the book and of closed trades in the state store."""
SNAPSHOTS = "snapshots"
"""Namespace of the snapshots in the state store: a document for each UTC day."""
DAY = 86_400 * 1_000_000_000
HOUR = 3_600 * 1_000_000_000
FULL_DAYS = 7
HOURLY_DAYS = 90
KEPT_DAYS = 3_650
_PLACES = {part: place for place, part in enumerate(PARTS)}


class Snapshot(NamedTuple):
    """
    The account at one time.

    Parameters
    ----------
    ts
        UNIX time [ns].
    equity
        Of everything, unrealised included [reporting currency].
    unrealised
        P&L of open positions, and accrued funding [reporting currency].
    positions
        How many are open.
    fresh
        Whether every price in it was fresh and credible.
    opening
        What the book began with [1e-28 reporting currency].
    parts
        What was added to that since, by `PARTS` [1e-28 reporting currency].

    """

    ts: int
    equity: float
    unrealised: float
    positions: int
    fresh: bool
    opening: int
    parts: tuple[int, ...]

    def part(self, kind: Part) -> int:
        """Return one part [1e-28 reporting currency]."""
        return self.parts[_PLACES[kind]]

    def to_list(self) -> list[Any]:
        """Return it as JSON holds it, whole numbers as texts, which no reader of JSON rounds."""
        exact = map(str, (self.opening, *self.parts))
        return [self.ts, self.equity, self.unrealised, self.positions, self.fresh, *exact]

    @classmethod
    def from_list(cls, row: Any) -> Self:
        """Restore what `to_list` gave; ValueError when it is damaged."""
        try:
            ts, equity, unrealised, positions, fresh, opening, *parts = row
            exact = tuple(int(str(part)) for part in parts)
            made = cls(
                int(ts),
                float(equity),
                float(unrealised),
                int(positions),
                bool(fresh),
                int(str(opening)),
                exact,
            )
        except (TypeError, ValueError) as error:
            raise stored.DamagedStateError(f"a stored snapshot cannot be read, was {row!r:.200}") from error
        if len(exact) != len(PARTS) or not math.isfinite(made.equity + made.unrealised):
            raise stored.DamagedStateError(
                f"a stored snapshot needs finite numbers and all parts, was {row!r:.200}"
            )
        return made


def take(ts: int, statement: Statement, unrealised: float, positions: int, *, fresh: bool) -> Snapshot | None:
    """
    Return a snapshot of a book and what is open beside it; ``None`` while the equity is unknown.

    Parameters
    ----------
    ts
        UNIX time [ns].
    statement
        The book of the balances.
    unrealised
        P&L of open positions, and accrued funding [reporting currency].
    positions
        How many are open.
    fresh
        Whether every price was fresh and credible.

    """
    balances = statement.equity
    if balances is None or not math.isfinite(unrealised):
        return None
    parts = tuple(map(statement.parts.__getitem__, PARTS))
    equity = number_of(balances) + unrealised
    return Snapshot(ts, equity, unrealised, positions, fresh, statement.opening, parts)


class SnapshotBook:
    """
    Snapshots by UTC day: all of the last days, then the last of each hour, then the last of each day.

    Parameters
    ----------
    full_days
        Days before today of which all are kept.
    hourly_days
        Days before those of which one an hour is kept.
    kept_days
        Days before today after which nothing is kept.

    Attributes
    ----------
    dirty
        Days that changed since they were last written, and those that are gone.

    """

    __slots__ = ("_days", "_today", "dirty", "full_days", "hourly_days", "kept_days")

    def __init__(
        self, full_days: int = FULL_DAYS, hourly_days: int = HOURLY_DAYS, kept_days: int = KEPT_DAYS
    ) -> None:
        if not 0 <= full_days <= full_days + hourly_days <= kept_days:
            raise ValueError(
                "need 0 <= full_days, 0 <= hourly_days, full_days + hourly_days <= kept_days [days], "
                f"was {full_days}, {hourly_days}, {kept_days}"
            )
        self.full_days = full_days
        self.hourly_days = hourly_days
        self.kept_days = kept_days
        self._days: dict[int, list[Snapshot]] = {}  # in order
        self._today = -1
        self.dirty: set[int] = set()

    def __len__(self) -> int:
        """Count snapshots."""
        return sum(map(len, self._days.values()))

    def add(self, snapshot: Snapshot) -> bool:
        """Take a snapshot; False when it is not later than the last one."""
        last = self.last
        if last is not None and snapshot.ts <= last.ts:
            return False
        day = snapshot.ts // DAY
        self._days.setdefault(day, []).append(snapshot)
        self.dirty.add(day)
        if day != self._today:
            self._today = day
            self._thin(day)
        return True

    @property
    def last(self) -> Snapshot | None:
        """The latest one."""
        return self._days[next(reversed(self._days))][-1] if self._days else None

    def before(self, ts: int) -> Snapshot | None:
        """Return the last one of the days before that of `ts` [ns]."""
        today = ts // DAY
        day = next((day for day in reversed(self._days) if day < today), None)
        return None if day is None else self._days[day][-1]

    def curve(self, since: int = 0) -> list[Snapshot]:
        """Return all from `since` [ns] on, in order."""
        return [
            s
            for day in sorted(self._days)
            if (day + 1) * DAY > since
            for s in self._days[day]
            if s.ts >= since
        ]

    def _thin(self, today: int) -> None:
        for day in list(self._days):
            age = today - day
            if age <= self.full_days:
                continue
            if age > self.kept_days:
                del self._days[day]
                self.dirty.add(day)
                continue
            step = HOUR if age <= self.full_days + self.hourly_days else DAY
            kept = list({snapshot.ts // step: snapshot for snapshot in self._days[day]}.values())
            if len(kept) < len(self._days[day]):
                self._days[day] = kept
                self.dirty.add(day)

    def document(self, day: int) -> dict[str, Any] | None:
        """Return what is stored of a UTC day [days since 1970]; ``None`` when it is to be removed."""
        rows = self._days.get(day)
        if not rows:
            return None
        return {"version": VERSION, "day": day, "snapshots": [snapshot.to_list() for snapshot in rows]}

    def restore(self, documents: Iterable[Mapping[str, Any]]) -> Self:
        """Take what was stored of each day; ValueError when one is damaged."""
        for document in documents:
            stored.check_version("snapshots", document, VERSION)
            day = stored.moment(document, "day")
            rows = [Snapshot.from_list(row) for row in stored.field(document, "snapshots")]
            if any(row.ts // DAY != day for row in rows):
                raise stored.DamagedStateError(f"snapshots of day {day} must lie on it")
            if rows:
                self._days[day] = sorted(rows)
        self._days = dict(sorted(self._days.items()))
        return self
