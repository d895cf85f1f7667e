"""What scaler and strategies of carry tell each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nautilus_quant.host.messages import Message


@dataclass(frozen=True, kw_only=True)
class CarrySize(Message):
    """
    How much of a pair should be held now (key: ``one|two``, its instruments' ids).

    Told again with every decision, also when nothing has changed: what is old says nothing.

    Parameters
    ----------
    size
        Signed notional, positive is long `one` and short `two` [reporting currency].
    why
        What decided: see `nautilus_quant.carry.scaler_terms.CarryDecision`.
    edge
        What a unit earns over the holding time before trading costs [fraction]; NaN when unknown.
    numbers
        What it was read from.

    """

    size: float
    why: str
    edge: float
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class CarryHeld(Message):
    """
    How much of a pair a strategy holds, hedged (key: ``strategy|one|two``).

    Parameters
    ----------
    pair
        ``one|two``, its instruments' ids.
    size
        Signed notional [reporting currency]; NaN when nobody can tell.
    full
        What that would be with all the allocation [reporting currency].

    """

    pair: str
    size: float
    full: float


@dataclass(frozen=True, kw_only=True)
class CarryCapture(Message):
    """
    How much of the funding a pair was entered for has been paid (key: ``one|two``); after every payment.

    Parameters
    ----------
    ratio
        Paid over expected [-]; NaN while there is too little to tell.
    paid
        What came with this payment; received > 0 [reporting currency].

    """

    ratio: float
    paid: float
