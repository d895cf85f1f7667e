"""Where the kill switch stands, why it tripped, and how patient it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from nautilus_quant.safety import stored

SECOND = 1_000_000_000


class KillState(StrEnum):
    """Where the switch stands; everything but ARMED forbids new risk."""

    ARMED = "armed"
    TRIPPED = "tripped"
    CANCELLING = "cancelling"
    FLATTENING = "flattening"
    FLAT = "flat"
    HALTED = "halted"


@dataclass(frozen=True, slots=True)
class Trip:
    """
    Why and when the switch tripped.

    Parameters
    ----------
    ts
        When [ns].
    trigger
        What pulled it: ``drawdown``, ``file``, ``command``, ``signal``.
    reason, numbers
        Why, in words and in numbers.

    """

    ts: int
    trigger: str
    reason: str
    numbers: Mapping[str, float | str]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able state."""
        return {
            "ts": self.ts,
            "trigger": self.trigger,
            "reason": self.reason,
            "numbers": dict(self.numbers),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Restore what `to_dict` gave; ValueError when it is damaged."""
        trigger, reason = (str(stored.field(state, key)) for key in ("trigger", "reason"))
        return cls(stored.moment(state, "ts"), trigger, reason, dict(stored.mapping(state, "numbers")))


@dataclass(frozen=True, slots=True, kw_only=True)
class KillParams:
    """
    Patience of the kill switch.

    Parameters
    ----------
    retry
        Between two commands of the same kind [s]. Less is faster, but repeats what is still on its way.
    slowest_retry
        Where the doubling of that pause ends, after orders that changed nothing [s].
    cancel_attempts
        After how many tries closing begins though orders are still open [-]; cancelling goes on beside it.
    stuck
        After which a closing order that neither fills nor fails is cancelled and sent anew [s].
    confirmations
        How many times the venue must confirm, and no view must deny, that all is flat [-].
    alarm_interval
        Between two alarms about the same lasting trouble [s].

    """

    retry: float = 1.0
    slowest_retry: float = 30.0
    cancel_attempts: int = 5
    stuck: float = 10.0
    confirmations: int = 2
    alarm_interval: float = 10.0

    def __post_init__(self) -> None:
        """Refuse what would never retry or never confirm."""
        if not 0.0 < self.retry <= self.slowest_retry < math.inf:
            raise ValueError(f"need 0 < retry <= slowest_retry < inf [s], was {self}")
        if self.cancel_attempts < 1 or self.confirmations < 1:
            raise ValueError(f"cancel_attempts and confirmations must be at least 1 [-], was {self}")
        if not (0.0 < self.stuck < math.inf and 0.0 < self.alarm_interval < math.inf):
            raise ValueError(f"stuck and alarm_interval must be positive and finite [s], was {self}")

    def pause(self, failures: int) -> int:
        """Return the pause after so many failures in a row [ns]: doubling, up to `slowest_retry`."""
        return round(min(self.retry * 2.0 ** min(failures, 64), self.slowest_retry) * SECOND)
