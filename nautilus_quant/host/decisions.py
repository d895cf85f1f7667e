"""A decision in words: for the strategy that is denied, for the bus, and for the journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, override

from nautilus_quant.host.messages import GateDecision

if TYPE_CHECKING:
    from nautilus_quant.gating.intent import Decision


def denial_text(decision: Decision) -> str:
    """Return the reason put on a denied order: gate, rule, and the largest size that would pass."""
    binding = decision.binding
    if binding is None:
        return ""
    passes = decision.passes
    rest = f"; {passes.normalize():f} would pass" if passes else ""
    return f"{binding.gate} {binding.code}: {binding.reason}{rest}"


def decision_message(decision: Decision) -> GateDecision:
    """Return the bus message of a decision that cut or denied."""
    intent, binding = decision.intent, decision.binding
    return GateDecision(
        key=intent.order or f"{intent.strategy}|{intent.instrument}",
        ts=intent.ts,
        strategy=intent.strategy,
        instrument=intent.instrument,
        outcome=decision.outcome,
        asked=str(intent.quantity),
        allowed=str(decision.passes),
        gate="" if binding is None else binding.gate,
        code="" if binding is None else binding.code,
        reason="" if binding is None else binding.reason,
    )


def decision_body(decision: Decision) -> dict[str, Any]:
    """Return the journal entry of a decision: what was asked, and what each gate said on what numbers."""
    intent = decision.intent
    return {
        "order": intent.order,
        "strategy": intent.strategy,
        "instrument": intent.instrument,
        "outcome": decision.outcome,
        "allowed": decision.passes,
        "intent": {
            "command": intent.command,
            "side": intent.side.name,
            "quantity": intent.quantity,
            "price": intent.price,
            "reducing": intent.reducing,
            "opening": intent.opening,
            "notional": intent.notional,
        },
        "verdicts": [
            {
                "gate": verdict.gate,
                "allowed": verdict.allowed,
                "code": verdict.code,
                "reason": verdict.reason,
                "numbers": dict(verdict.numbers),
            }
            for verdict in decision.verdicts
        ],
    }


class DecisionRecord(Mapping[str, Any]):
    """
    The journal entry of a decision, written out when somebody reads it.

    A journal encodes its entries later, off the trading thread; until then a decision, which never
    changes, need not be more than itself.

    Parameters
    ----------
    decision
        What was decided.

    """

    __slots__ = ("_body", "_decision")

    def __init__(self, decision: Decision) -> None:
        self._decision = decision
        self._body: dict[str, Any] | None = None

    def _written(self) -> dict[str, Any]:
        if self._body is None:
            self._body = decision_body(self._decision)
        return self._body

    @override
    def __getitem__(self, key: str) -> Any:
        return self._written()[key]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._written())

    @override
    def __len__(self) -> int:
        return len(self._written())
