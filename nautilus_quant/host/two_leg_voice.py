"""What a strategy of pairs tells of them: in its log, in the journal, and as alerts once per change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_quant.carry.two_leg_told import What
from nautilus_quant.host import messages
from nautilus_quant.host.messages import Alert

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from nautilus_trader.common.component import Logger, MessageBus

    from nautilus_quant.carry.two_leg_told import PairChange
    from nautilus_quant.host.two_leg_pair import PairDesk

_SEVERITY = {What.FAILED: "WARNING", What.FORCED: "WARNING", What.STUCK: "CRITICAL"}
_DONE = frozenset({What.OPENED, What.RESIZED, What.CLOSED})


class PairVoice:
    """
    Tell of the pairs of one strategy.

    Parameters
    ----------
    msgbus
        Where alerts are published.
    log
        Of the strategy.
    owner
        Its name.

    """

    def __init__(self, msgbus: MessageBus, log: Logger, owner: str) -> None:
        self._msgbus = msgbus
        self._log = log
        self._owner = owner
        self._failed: dict[str, str] = {}  # why a pair failed last, until it does not
        self._stuck: set[str] = set()

    def tell(self, pair: str, change: PairChange) -> None:
        """Tell what has happened; a failure for the reason of the last one is not alerted again."""
        what = change.what
        if what in _DONE and change.matched == change.target:
            self._failed.pop(pair, None)
        severity = _SEVERITY.get(what)
        if severity is None:
            return
        text = f"{pair} {what.value}: {change.reason}; {change.matched} of {change.target} hedged"
        self._log.warning(text)
        if what is What.FAILED:
            again = self._failed.get(pair) == change.reason
            self._failed[pair] = change.reason
            if again:
                return
        if what is What.STUCK:
            self._stuck.add(pair)
        numbers = {"unhedged": change.unhedged, "used": change.used, "matched": float(change.matched)}
        self._alert(f"{pair}|{what.value}", change.ts, severity, text, numbers)

    def even(self, pair: str, ts: int) -> None:
        """Tell that a pair which could not be mended is even again; nothing if it was not stuck."""
        if pair in self._stuck:
            self._stuck.discard(pair)
            self._alert(f"{pair}|{What.STUCK.value}", ts, "INFO", f"{pair}: its legs are even again", {})

    def found(self, desk: PairDesk, held: tuple[Decimal, Decimal], ts: int) -> None:
        """Tell that what a pair holds after a start is not known from before, where that is a danger."""
        apart = desk.machine.book.is_apart(held)
        if desk.saved or not (desk.unreadable or apart):
            return
        name = desk.pair.name
        known = f"cannot be read ({desk.unreadable})" if desk.unreadable else "is not there"
        what = "what is not hedged is closed" if apart else "nothing is added until it is wanted"
        text = f"{name}: its saved state {known}; by positions it holds {held[0]} and {held[1]}, {what}"
        self._log.error(text)
        numbers = {"one": float(held[0]), "two": float(held[1])}
        self._alert(f"{name}|unknown", ts, "CRITICAL", text, numbers)

    def missing(self, instrument: str, quantity: Decimal, ts: int) -> None:
        """Tell that something that was remembered is in no position: it is left alone."""
        text = f"{instrument}: {quantity} were held, and are in no position now: counted as gone, look at it"
        self._log.error(text)
        self._alert(f"{instrument}|missing", ts, "CRITICAL", text, {"quantity": float(quantity)})

    def _alert(self, key: str, ts: int, severity: str, text: str, numbers: Mapping[str, float]) -> None:
        alert = Alert(
            key=f"{self._owner}|{key}",
            ts=ts,
            source=self._owner,
            severity=severity,
            text=text,
            numbers=numbers,
        )
        messages.publish(self._msgbus, alert)
