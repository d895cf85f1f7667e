"""What a strategy of pairs remembers over a restart, and writes into the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_quant.host.book_memory import BookMemory

if TYPE_CHECKING:
    from nautilus_quant.carry.two_leg import TwoLeg
    from nautilus_quant.carry.two_leg_told import PairChange


class TwoLegMemory(BookMemory):
    """The machines of the pairs of one strategy, in the state store."""

    namespace = "two_legs"
    kind = "pair"

    def read(self) -> dict[str, dict[str, Any]]:
        """Return what an earlier run kept, by pair."""
        return self._documents()

    def keep(self, pair: str, machine: TwoLeg, ts: int, *, now: bool) -> bool:
        """Keep a machine, on the disk when it returns if `now`; say whether it is."""
        if not self._keeps:
            return True
        return self._put(pair, machine.to_dict(), ts, f"pair {pair} is not kept over a restart", now=now)

    def note(self, pair: str, change: PairChange) -> None:
        """Write into the journal what has happened."""
        body = {
            "strategy": self._owner,
            "pair": pair,
            "reason": change.reason,
            "target": change.target,
            "matched": change.matched,
            "held": list(change.held),
            "unhedged": change.unhedged,
            "used": change.used,
        }
        self._write_down(pair, change.what.value, change.ts, body)
