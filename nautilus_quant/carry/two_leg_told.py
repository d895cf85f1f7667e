"""What two legs ask for, and what they tell."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from decimal import Decimal

    from nautilus_quant.carry.two_leg_orders import Purpose


class Phase(StrEnum):
    """Where a pair is."""

    UNKNOWN = "unknown"
    """Restored, and not told yet what became of its orders: nothing is sent."""
    FLAT = "flat"
    HEDGED = "hedged"
    TRADING = "trading"
    """Orders are on their way, and the legs are even."""
    UNHEDGED = "unhedged"
    """One leg is ahead of the other."""


class What(StrEnum):
    """What has happened to a pair."""

    OPENED = "opened"
    RESIZED = "resized"
    CLOSED = "closed"
    FAILED = "failed"
    """An order was refused, or did not fill in time: nothing is added until asked again."""
    FORCED = "forced"
    """The budget of what may be unhedged is used up: the quickest hedge or unwinding."""
    STUCK = "stuck"
    """Legs are apart, time is up, and neither can be traded now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """
    Send an order.

    Parameters
    ----------
    id
        Its id; one that was sent already is not sent again.
    leg
        0 or 1.
    quantity
        Signed [base coin, or contracts].
    purpose
        What it is for.
    passive
        Whether it rests in the book, or takes what is there.
    reducing
        Whether it must only reduce.

    """

    id: str
    leg: int
    quantity: Decimal
    purpose: Purpose
    passive: bool
    reducing: bool


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take an order back."""

    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PairChange:
    """
    What has happened, by numbers.

    Parameters
    ----------
    what
        In one word.
    ts
        When, UNIX time [ns].
    reason
        Why.
    target, matched
        Wanted, and hedged now [units of the pair].
    held
        Signed units of both legs.
    unhedged
        Value that is not hedged now [reporting currency].
    used
        Of the budget of what may be unhedged [reporting currency times seconds].

    """

    what: What
    ts: int
    reason: str
    target: Decimal
    matched: Decimal
    held: tuple[Decimal, Decimal]
    unhedged: float
    used: float


type Action = Place | Cancel | PairChange
