"""Which limits are nearly used up, told once when it happens and once when it is over."""

from __future__ import annotations

from collections.abc import Iterable

from nautilus_quant.portfolio.budget import Use
from nautilus_quant.signals.sequence import require


class BudgetAlarms:
    """
    Raises and clears alarms with hysteresis.

    Parameters
    ----------
    raise_at, clear_at
        Share of a limit [-] from which on it is raised, and below which it is cleared; `clear_at` is less, so
        that what wavers around one of them is told once.

    """

    def __init__(self, raise_at: float = 0.9, clear_at: float = 0.8) -> None:
        require(
            0.0 <= clear_at < raise_at, "0 <= clear_at < raise_at [share of a limit]", (clear_at, raise_at)
        )
        self.raise_at = raise_at
        self.clear_at = clear_at
        self._raised: set[str] = set()

    @property
    def is_raised(self) -> bool:
        """Whether any alarm is on."""
        return bool(self._raised)

    def step(self, uses: Iterable[Use]) -> list[tuple[Use, bool]]:
        """Return the changes since the last step: what is raised (True), and what is over (False)."""
        changes: list[tuple[Use, bool]] = []
        raised, counted = self._raised, set[str]()
        for use in uses:
            limit = use.limit
            counted.add(limit)
            if limit not in raised:
                if use.share >= self.raise_at:
                    changes.append((use, True))
            elif use.share < self.clear_at:
                changes.append((use, False))
        # What nothing counts in any more is not listed at all.
        if not raised <= counted:
            changes += [(Use(limit, 0.0, 0.0), False) for limit in sorted(raised - counted)]
        for use, begins in changes:
            (raised.add if begins else raised.discard)(use.limit)
        return changes
