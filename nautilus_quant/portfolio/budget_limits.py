"""How much may be at risk: limits by what they limit, as shares of the equity and as amounts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from nautilus_quant.signals.sequence import require

ALLOCATION, GROSS, LEVERAGE, NET = "allocation", "gross", "leverage", "net"
VENUE, INSTRUMENT, STRATEGY, GROUP = "venue", "instrument", "strategy", "group"

KINDS = (ALLOCATION, GROSS, LEVERAGE, NET, VENUE, INSTRUMENT, STRATEGY, GROUP)
"""What can be limited; the last four also by name, e.g. ``"venue:BINANCE"``."""
OF_ALL = frozenset({ALLOCATION, GROSS, LEVERAGE, NET})
SIGNED = frozenset({NET, GROUP})
"""Limits on long less short, on each side by itself; the others are on the sum of sizes."""


class Cap(NamedTuple):
    """
    The smaller of a share of the equity and an amount.

    Parameters
    ----------
    share
        As a multiple of the equity [-].
    amount
        In the reporting currency.

    """

    share: float = math.inf
    amount: float = math.inf

    def bound(self, equity: float) -> float:
        """Return the limit at an equity [reporting currency]."""
        return min(self.share * equity, self.amount)

    @property
    def binds(self) -> bool:
        """Whether it limits anything."""
        return min(self.share, self.amount) < math.inf


NO_CAP = Cap()
"""Limits nothing."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """
    All limits of a portfolio.

    Parameters
    ----------
    shares
        Largest exposure as a multiple of the equity [-], by kind (``"gross"``) or by kind and name
        (``"strategy:EMACross-001"``, which takes the place of that of all strategies).
    amounts
        The same in the reporting currency. Where both are given, the smaller holds.

    Raises
    ------
    ValueError
        If a limit is negative or no number, or of a kind that does not exist.

    """

    shares: Mapping[str, float] = field(default_factory=dict)
    amounts: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for label, value in [*self.shares.items(), *self.amounts.items()]:
            kind, colon, name = label.partition(":")
            require(kind in KINDS, f"a limit of {', '.join(KINDS)}", repr(label))
            named = bool(name) and kind not in OF_ALL
            require(named or not colon, "a name behind venue:, instrument:, strategy: or group:", repr(label))
            require(value >= 0.0, f"limit {label} >= 0 [multiple of equity, or reporting currency]", value)

    def cap(self, kind: str, name: str = "") -> Cap:
        """Return the limit of a kind, or that of the one of `name` where it has its own."""
        return Cap(
            self.shares.get(f"{kind}:{name}", self.shares.get(kind, math.inf)),
            self.amounts.get(f"{kind}:{name}", self.amounts.get(kind, math.inf)),
        )
