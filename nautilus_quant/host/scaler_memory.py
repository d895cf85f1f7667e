"""What carries remember over a restart, and what they write into the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_quant.host.book_memory import BookMemory

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.carry.scaler_terms import CarryDecision

_DOCUMENT = "scaler"


class CarryMemory(BookMemory):
    """Documents and journal of one book of carries."""

    namespace = "carry"
    kind = "carry"

    def load(self) -> dict[str, Any] | None:
        """Return what an earlier run kept."""
        return self._documents().get(_DOCUMENT)

    def keep(self, document: Mapping[str, Any], ts: int) -> None:
        """Keep what the next run goes on with."""
        self._put(
            _DOCUMENT, document, ts, f"{self._owner} is not saved, a restart would forget its forecasts"
        )

    def note(self, decision: CarryDecision, ts: int) -> None:
        """Write down why a size is what it is."""
        body = {"size": decision.size, "why": decision.why, "edge": decision.edge, **decision.numbers}
        self._write_down(decision.pair, "size", ts, {"book": self._owner, "pair": decision.pair, **body})

    def note_payment(self, pair: str, ts: int, body: Mapping[str, Any]) -> None:
        """Write down what was paid, and how much of what was expected that is."""
        self._write_down(pair, "paid", ts, {"book": self._owner, "pair": pair, **body})
