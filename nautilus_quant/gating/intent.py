"""What an order means for risk, and what a gate answers: the vocabulary every gate shares."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple, Protocol, Self, runtime_checkable

UNLIMITED = Decimal("Infinity")
"""The answer of a gate which has no objection to any size."""

ALLOW = "ALLOW"
SIZED_DOWN = "SIZED_DOWN"
DENY = "DENY"

_ZERO = Decimal(0)
_NO_NUMBERS: Mapping[str, float | str] = MappingProxyType({})


class Side(IntEnum):
    """Order side; the value is the sign of the position it builds."""

    BUY = 1
    SELL = -1


class Intent(NamedTuple):
    """
    One order as the gates see it.

    Parameters
    ----------
    ts
        When it was asked, UNIX time [ns].
    strategy, instrument
        Identifiers as NautilusTrader writes them, e.g. ``"BTCUSDT-PERP.SIM"``.
    side
        Which way it trades.
    quantity
        All of it [base coin, or contracts]; ``reducing + opening``.
    price
        Limit or trigger price [quote currency]; ``None`` for an order at market.
    reducing
        What closes the strategy's own open position, less what its working orders already close.
    opening
        The rest: new risk.
    notional
        Value of `opening` [reporting currency]; NaN when there is no price to tell.
    order
        Client order id; empty for a preview.
    command
        ``submit``, ``modify``, ``release`` (of an emulated order), ``rest`` (an order that was to close and
        would now open) or ``preview``.
    source
        The order itself, for gates that look at its type and flags; ``None`` for a
        preview. Rules never look at it.

    """

    ts: int
    strategy: str
    instrument: str
    side: Side
    quantity: Decimal
    price: float | None
    reducing: Decimal
    opening: Decimal
    notional: float
    order: str = ""
    command: str = "submit"
    source: object | None = None

    @property
    def venue(self) -> str:
        """The part of the instrument id behind its last dot."""
        return self.instrument.rpartition(".")[2]


class Verdict(NamedTuple):
    """
    One gate's answer.

    Parameters
    ----------
    gate
        Who says so.
    allowed
        The largest opening quantity allowed now: 0, a size, or `UNLIMITED`.
    code
        ``"ALLOW"``, or the rule that binds, e.g. ``"DAILY_LOSS"``.
    reason
        The rule in words, with unit, value and bound.
    numbers
        What the gate looked at.

    """

    gate: str
    allowed: Decimal
    code: str = ALLOW
    reason: str = ""
    numbers: Mapping[str, float | str] = _NO_NUMBERS

    @property
    def bound(self) -> Decimal:
        """What counts: `allowed`, or 0 when that is not a number."""
        if self.allowed is UNLIMITED:
            return UNLIMITED
        return _ZERO if self.allowed.is_nan() else self.allowed

    @classmethod
    def allow(cls, gate: str, **numbers: float | str) -> Self:
        """No objection to any size."""
        return cls(gate, UNLIMITED, ALLOW, "", numbers)

    @classmethod
    def deny(cls, gate: str, code: str, reason: str, **numbers: float | str) -> Self:
        """No new risk at all."""
        return cls(gate, _ZERO, code, reason, numbers)

    @classmethod
    def limit(cls, gate: str, allowed: Decimal, code: str, reason: str, **numbers: float | str) -> Self:
        """Allow new risk up to `allowed` [base coin, or contracts]; a negative or NaN size means none."""
        sane = not allowed.is_nan() and allowed > 0
        return cls(gate, allowed if sane else _ZERO, code, reason, numbers)


@runtime_checkable
class Gate(Protocol):
    """Anything with a name and an opinion on new risk."""

    @property
    def name(self) -> str:
        """Unique within a gateway."""

    def check(self, intent: Intent) -> Verdict:
        """Say how much of ``intent.opening`` may be traded now; must not change the market or block."""


class Decision(NamedTuple):
    """
    What the whole chain says: the smallest of its verdicts.

    Parameters
    ----------
    intent
        What was asked.
    verdicts
        One for each gate, in the order asked; empty when nothing of the order was new risk.
    allowed
        The largest opening quantity that passes every gate; never more than asked.
    outcome
        ``ALLOW``, ``SIZED_DOWN`` or ``DENY``.

    """

    intent: Intent
    verdicts: tuple[Verdict, ...]
    allowed: Decimal
    outcome: str

    @classmethod
    def of(cls, intent: Intent, verdicts: tuple[Verdict, ...]) -> Self:
        """Combine: the minimum wins, and a verdict that is not a number counts as zero."""
        allowed = opening = intent.opening
        for verdict in verdicts:
            # What nearly every gate says of nearly every order.
            if verdict.allowed is not UNLIMITED:
                allowed = min(allowed, verdict.bound)
        if allowed is opening or allowed >= opening:
            return cls(intent, verdicts, allowed, ALLOW)
        return cls(intent, verdicts, allowed, SIZED_DOWN if allowed > 0 else DENY)

    @property
    def binding(self) -> Verdict | None:
        """The verdict that decided, or ``None`` when nothing was cut."""
        if self.outcome == ALLOW:
            return None
        return min(self.verdicts, key=lambda verdict: verdict.bound)

    @property
    def passes(self) -> Decimal:
        """Total quantity that may be sent: what reduces, and what is allowed of the rest."""
        return self.intent.reducing + self.allowed
