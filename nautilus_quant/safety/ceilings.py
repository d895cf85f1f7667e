"""What an account may lose, and how loose that may be set where money is real."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

CEILINGS: Mapping[str, float] = {"max_hourly_loss": 0.005, "max_daily_loss": 0.02, "max_drawdown": 0.10}
"""Loosest loss limits of a deployment with real money [fraction]."""

FLOORS: Mapping[str, float] = {"hourly_halt": 3_600.0, "daily_halt": 86_400.0}
"""Shortest halts of a deployment with real money [s]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyLimits:
    """
    What the account may lose.

    Parameters
    ----------
    max_hourly_loss
        Loss from the highest equity of the last hour, as a fraction of it, beyond which nothing new is opened
        for `hourly_halt`. Smaller halts sooner; the ordinary noise of the account should stay inside it.
    max_daily_loss
        The same for 24 hours and `daily_halt`.
    max_drawdown
        Fall from the all-time peak, as a fraction of it, beyond which the kill switch trips.
    hourly_halt, daily_halt
        How long nothing new is opened after the trip [s]. Longer is safer.

    """

    max_hourly_loss: float = 0.005
    max_daily_loss: float = 0.02
    max_drawdown: float = 0.10
    hourly_halt: float = 3_600.0
    daily_halt: float = 86_400.0

    def __post_init__(self) -> None:
        """Refuse limits that could never trip, or always would."""
        for name, typical in CEILINGS.items():
            was = getattr(self, name)
            if not 0.0 < was < 1.0:
                raise ValueError(
                    f"{name} must lie between 0 and 1 [fraction], was {was}; typical {typical:g}"
                )
        for name, typical in FLOORS.items():
            was = getattr(self, name)
            if not 0.0 < was < math.inf:
                raise ValueError(f"{name} must be positive and finite [s], was {was}; typical {typical:g}")

    def loosened(self) -> list[str]:
        """Return the rules that these limits break by being looser than `CEILINGS` and `FLOORS` allow."""
        broken = [
            f"{name} must be at most {ceiling:g} [fraction], was {getattr(self, name):g}"
            for name, ceiling in CEILINGS.items()
            if getattr(self, name) > ceiling
        ]
        broken += [
            f"{name} must be at least {floor:g} [s], was {getattr(self, name):g}"
            for name, floor in FLOORS.items()
            if getattr(self, name) < floor
        ]
        return broken
