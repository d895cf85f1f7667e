"""What a person should be told of stress losses, once for each change."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from nautilus_quant.options.surface_watch import SEVERITIES, Note
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from nautilus_quant.options.stress_book import StressBook

_BACK: Final = 0.9  # of a bound: a loss that hovers around it is not told again and again


class StressWatch:
    """
    Remembers what was told of a stress book.

    Parameters
    ----------
    alert
        Share of the limit from which on to warn [fraction]; beyond the limit itself it is critical.

    """

    def __init__(self, alert: float = 0.8) -> None:
        require(0.0 < alert <= 1.0, "0 < alert <= 1 [fraction of the limit]", alert)
        self._bounds = (alert, 1.0)
        self._level = 0
        self._unknown: set[str] = set()

    def tell(self, book: StressBook) -> list[Note]:
        """Return what is new since it was last asked."""
        unknown = {name: book.problem(name) for name in book.underlyings if book.problem(name)}
        if not math.isfinite(book.equity) and book.underlyings:
            unknown["equity"] = "the equity is unknown"
        notes = [
            Note(f"{name}|unknown", "WARNING", f"stress loss of {name} unknown: {problem}", {})
            for name, problem in unknown.items()
            if name not in self._unknown
        ]
        known = sorted(self._unknown - set(unknown))
        notes += [Note(f"{name}|unknown", "INFO", f"stress loss of {name} known again", {}) for name in known]
        self._unknown = set(unknown)
        return notes if unknown else notes + self._tell_loss(book)

    def _tell_loss(self, book: StressBook) -> list[Note]:
        loss, limit = book.loss, book.limit
        share = loss / limit if limit > 0.0 else math.inf if loss > 0.0 else 0.0
        level = sum(
            share >= bound * (_BACK if self._level > n else 1.0) for n, bound in enumerate(self._bounds)
        )
        if level == self._level:
            return []
        self._level = level
        worst = [f"{name} {book.worst(name).scenario.text}" for name in book.underlyings]
        text = (
            f"stress loss of all options is {loss:,.2f}, {share:.0%} of the limit of {limit:,.2f}"
            f"{': ' if worst else ''}{'; '.join(worst)}"
        )
        numbers = {"loss": loss, "limit": limit, "equity": book.equity}
        return [Note("loss", SEVERITIES[level], text, numbers)]
