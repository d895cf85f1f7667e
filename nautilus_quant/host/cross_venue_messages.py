"""What a strategy between venues tells: what it wants and why, and what somebody should transfer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nautilus_quant.host.messages import Message


@dataclass(frozen=True, kw_only=True)
class CrossVenueUpdate(Message):
    """
    A pair of venues is wanted in another size (key: ``strategy|pair``).

    Parameters
    ----------
    coins
        Wanted, signed: + is long the pair's first leg.
    why
        In a few words.
    numbers
        What it was read from: what is left of a coin, and of what it is made [fractions].

    """

    coins: float
    why: str
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TransferAdvice(Message):
    """
    Coins should be moved, which no node can do by itself (key: ``strategy|source|target``).

    Parameters
    ----------
    source, target
        Instruments whose venues hold too much and too little.
    coins
        How many; 0 when it is no longer needed.
    cost
        What of them is lost on the way [coins].
    seconds
        How long it takes [s].

    """

    source: str
    target: str
    coins: float
    cost: float = 0.0
    seconds: float = 0.0
