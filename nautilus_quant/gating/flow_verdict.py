"""What order flow means for an order: whether it would open against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_quant.gating.intent import UNLIMITED, Side, Verdict

if TYPE_CHECKING:
    from nautilus_quant.gating.flow import InstrumentFlow
    from nautilus_quant.gating.intent import Intent

GATE = "flow"
"""Name of the gate."""
UNKNOWN = "FLOW_UNKNOWN"
"""Code of a denial for want of data."""

_ALLOWED = Verdict(GATE, UNLIMITED)


def judge(intent: Intent, flow: InstrumentFlow | None, *, allow_unknown: bool = False) -> Verdict:
    """
    Say whether an order may open now.

    Parameters
    ----------
    intent
        The order.
    flow
        Of its instrument; ``None`` when nothing was heard of it.
    allow_unknown
        Whether an order passes while there is not enough data to judge.

    """
    now = intent.ts
    if flow is None:
        return _ALLOWED if allow_unknown else _unknown(intent, "neither trades nor books have been heard")
    if flow.judge(now) is intent.side:
        return _against(intent, flow)
    if flow.known or allow_unknown:
        return _ALLOWED
    return _unknown(intent, flow.lacks(now))


def _unknown(intent: Intent, missing: str) -> Verdict:
    reason = (
        f"the order flow of {intent.instrument} is not known: {missing}; "
        "name it under `instruments`, wait, or set `without_data: allow`"
    )
    return Verdict.deny(GATE, UNKNOWN, reason)


def _against(intent: Intent, flow: InstrumentFlow) -> Verdict:
    says, rule = flow.read(intent.ts), flow.params
    word, press = ("buying", "sellers") if intent.side is Side.BUY else ("selling", "buyers")
    reason = (
        f"{word} {intent.instrument} goes against its flow: {press} press with a score of {says.score:+.2f} "
        f"(book {says.imbalance:+.2f}, trades {says.delta:+.2f}, large trades {says.large:+.2f}); "
        f"blocked from {-intent.side * rule.enter:+g} until {-intent.side * rule.leave:+g}"
    )
    return Verdict.deny(
        GATE,
        "FLOW_AGAINST",
        reason,
        score=says.score,
        imbalance=says.imbalance,
        delta=says.delta,
        large=says.large,
        trades=says.trades,
        enter=rule.enter,
        leave=rule.leave,
        # What is not known is left out: numbers are for people and for JSON.
        **({"toxicity": says.toxicity} if says.toxicity == says.toxicity else {}),
    )
