"""What each gate saw and said: how often it was asked, what it allowed, and why it did not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from nautilus_quant.gating.intent import ALLOW

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.gating.intent import Decision

_MOST = 64
_OTHERS = "OTHERS"
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLine:
    """
    One gate.

    Parameters
    ----------
    allow, sized_down, deny
        How often it let new risk through, less of it, or none.
    codes
        How often each of its rules cut, the most frequent first.

    """

    allow: int = 0
    sized_down: int = 0
    deny: int = 0
    codes: Mapping[str, int] = field(default_factory=dict)

    @property
    def asked(self) -> int:
        """How often it was asked."""
        return self.allow + self.sized_down + self.deny

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return {
            "asked": self.asked,
            "allow": self.allow,
            "sized_down": self.sized_down,
            "deny": self.deny,
            "codes": dict(self.codes),
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_dict` gave; what is missing counts as never."""
        counts = {name: int(document.get(name) or 0) for name in ("allow", "sized_down", "deny")}
        codes = {str(code): int(count) for code, count in (document.get("codes") or {}).items()}
        return cls(**counts, codes=codes)

    def why(self) -> str:
        """Return the rules that cut most often, in words."""
        codes = list(self.codes.items())
        more = sum(count for _, count in codes[_SHOWN:])
        parts = [f"{code} {count}" for code, count in codes[:_SHOWN]]
        return ", ".join([*parts, f"others {more}"] if more else parts)


class CutCodes:
    """Counts by gate which rules cut; of one gate no more than 64 are told apart."""

    def __init__(self) -> None:
        self._codes: dict[str, Counter[str]] = {}

    def add(self, decision: Decision) -> None:
        """Count every verdict that let less through than was asked, whichever decided."""
        if decision.outcome == ALLOW:
            return
        opening = decision.intent.opening
        for verdict in decision.verdicts:
            if verdict.bound < opening:
                codes = self._codes.setdefault(verdict.gate, Counter())
                known = verdict.code in codes or len(codes) < _MOST
                codes[verdict.code if known else _OTHERS] += 1

    def of(self, gate: str) -> dict[str, int]:
        """Return how often each rule of a gate cut, the most frequent first."""
        return dict(self._codes.get(gate, Counter()).most_common())
