"""A measured number beside the number it has to hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """
    One line of the table.

    Parameters
    ----------
    name
        What was measured.
    value
        What came out [`unit`].
    unit
        Of `value` and `budget`; ``"x"`` for a ratio.
    budget
        What it may be at most, or must be at least; ``None`` for what is shown and binds nobody.
    at_least
        Which of the two.
    note
        How it was measured, in a few words.

    """

    name: str
    value: float
    unit: str
    budget: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def ok(self) -> bool:
        """Whether the budget holds; a NaN holds nothing."""
        if self.budget is None:
            return True
        return self.value >= self.budget if self.at_least else self.value <= self.budget

    def to_dict(self) -> dict[str, Any]:
        """Return what goes into the JSON file."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "budget": self.budget,
            "ok": self.ok,
        }


class Unavailable(Exception):  # noqa: N818 (nothing went wrong)
    """What a figure needs is not on this machine; the text says what."""
