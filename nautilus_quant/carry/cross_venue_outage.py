"""A venue that goes down: when nothing new is opened there, and what is done when it is back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Self

from nautilus_quant.safety import stored
from nautilus_quant.signals.sequence import require

VERSION = 1
_NANOS = 1_000_000_000


class Access(StrEnum):
    """What may be done at a venue."""

    OPEN = "open"
    """All."""
    CLOSING = "closing"
    """Nothing new; what is held is reduced as usual."""
    DOWN = "down"
    """Nothing arrives there."""
    RETURNED = "returned"
    """It is back after a long outage: what is held there is closed, before anything new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageParams:
    """
    How outages are taken.

    Parameters
    ----------
    grace
        Outage after which all that is held at the venue is closed when it is back [s]; infinite keeps it.
    settle
        How long a venue must have been well before it counts as back [s].

    """

    grace: float = 60.0
    settle: float = 10.0

    def __post_init__(self) -> None:
        require(self.grace >= 0.0, "grace >= 0 [s]", self.grace)
        require(0.0 <= self.settle < math.inf, "0 <= settle < inf [s]", self.settle)


class OutageChange(NamedTuple):
    """
    A venue where other things may be done from now on.

    Parameters
    ----------
    venue
        Which.
    access, previous
        Now, and before.
    seconds
        How long it was down, if it was [s].

    """

    venue: str
    access: Access
    previous: Access
    seconds: float


@dataclass(slots=True)
class _Record:
    access: Access = Access.CLOSING  # until it is known to be well
    since: int = 0  # of the outage
    well: int | None = None  # since when it is well again


class Outages:
    """
    Follows every venue for itself: one that is down does not hold back the others.

    ========= ======================================= ========= ==============================
    access    on                                      to        because
    ========= ======================================= ========= ==============================
    any       down                                    DOWN      nothing arrives there
    OPEN      degraded                                CLOSING   what is new waits
    CLOSING   up                                      OPEN
    DOWN      not down for `settle`, outage < `grace` OPEN      it was short
    DOWN      the same, longer, and something is held RETURNED  who fails once fails again
    DOWN      the same, longer, and nothing is held   OPEN
    RETURNED  up, and nothing held there any more     OPEN
    ========= ======================================= ========= ==============================

    Parameters
    ----------
    params
        How outages are taken.

    """

    def __init__(self, params: OutageParams | None = None) -> None:
        self.params = params or OutageParams()
        self._records: dict[str, _Record] = {}

    def update(
        self, venue: str, ts: int, *, down: bool, degraded: bool = False, holds: bool = False
    ) -> OutageChange | None:
        """
        Take how a venue is.

        Parameters
        ----------
        venue
            Which.
        ts
            UNIX time [ns].
        down, degraded
            Whether nothing arrives there, or only something is wrong.
        holds
            Whether anything is held there.

        """
        record = self._records.setdefault(venue, _Record())
        before = record.access
        if down:
            if before is not Access.DOWN:
                record.access, record.since = Access.DOWN, ts
            record.well = None
        elif before is Access.DOWN:
            self._return(record, ts, degraded=degraded, holds=holds)
        elif before is Access.RETURNED and holds:
            pass
        else:
            record.access = Access.CLOSING if degraded else Access.OPEN
        if record.access is before:
            return None
        seconds = (ts - record.since) / _NANOS if before is Access.DOWN else 0.0
        return OutageChange(venue, record.access, before, max(seconds, 0.0))

    def _return(self, record: _Record, ts: int, *, degraded: bool, holds: bool) -> None:
        if record.well is None or ts < record.well:
            record.well = ts
        if ts - record.well < self.params.settle * _NANOS:
            return
        is_long = record.well - record.since > self.params.grace * _NANOS
        record.access = Access.RETURNED if is_long and holds else Access.CLOSING if degraded else Access.OPEN
        record.well = None

    def access(self, venue: str) -> Access:
        """Return what may be done at a venue; one nobody has told of is not open."""
        record = self._records.get(venue)
        return Access.CLOSING if record is None else record.access

    def to_dict(self) -> dict[str, Any]:
        """Return all that `restore` needs."""
        venues = {name: [r.access.value, r.since, r.well] for name, r in self._records.items()}
        return {"version": VERSION, "venues": venues}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; ValueError when it is damaged."""
        stored.check_version("outages", state, VERSION)
        records = {}
        for name, (access, since, well) in stored.mapping(state, "venues").items():
            records[str(name)] = _Record(Access(access), int(since), None if well is None else int(well))
        self._records = records
        return self
