"""What a book of exits tells: people by alerts and the log, the journal what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_quant.host.messages import Alert, publish

if TYPE_CHECKING:
    from nautilus_trader.common.actor import Actor
    from nautilus_trader.model.position import Position

    from nautilus_quant.host.exits_state import ExitMemory
    from nautilus_quant.portfolio.exits import Kind
    from nautilus_quant.portfolio.exits_ladder import ExitLadder

_SOURCE = "exits"


class ExitTold:
    """
    Alerts, lines in the log, and entries in the journal.

    Parameters
    ----------
    host
        Whose bus, clock and log are used.
    memory
        Where the journal is.

    """

    def __init__(self, host: Actor, memory: ExitMemory) -> None:
        self._host = host
        self._memory = memory

    def alert(self, position: Position, severity: str, about: str, text: str) -> None:
        """Tell people what they should know of a position's exits."""
        now = self._host.clock.timestamp_ns()
        text = f"exits of {position.id}: {text}"
        (self._host.log.error if severity == "CRITICAL" else self._host.log.warning)(text)
        key = f"{_SOURCE}|{position.id.value}|{about}"
        publish(self._host.msgbus, Alert(key=key, ts=now, source=_SOURCE, severity=severity, text=text))
        self._memory.note(position, "alert", now, severity=severity, text=text)

    def note(self, what: str, position: Position, **body: Any) -> None:
        """Write into the journal what was done."""
        self._memory.note(position, what, self._host.clock.timestamp_ns(), **body)

    def not_resting(self, position: Position, ladder: ExitLadder, reasons: dict[Kind, str]) -> None:
        """Warn of exits that are wanted and rest at no venue."""
        for kind, reason in reasons.items():
            if reason and ladder.params.wants(kind):
                text = f"no {kind} order rests at the venue, watched for on this side: {reason}"
                self.alert(position, "WARNING", kind.value, text)
