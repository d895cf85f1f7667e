"""Fees paid against fees expected: the difference to the last unit, and a word when it lasts."""

from __future__ import annotations

import decimal
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping

_ZERO = Decimal(0)
# Sums of money are exact or an error, never rounded in silence.
_EXACT = decimal.Context(prec=80, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow])


class Deviation(NamedTuple):
    """
    Fees began to differ from what was expected, or came back to it.

    Parameters
    ----------
    venue, currency
        Where, and what was paid in.
    off
        Whether they differ now.
    fills
        How many in a row say so.
    expected, paid
        Sums over those fills [currency].

    """

    venue: str
    currency: str
    off: bool
    fills: int
    expected: Decimal
    paid: Decimal


@dataclass(slots=True)
class Tally:
    """
    Sums of one venue and currency since the beginning.

    Parameters
    ----------
    expected, paid
        Fees [currency]; exact.
    fills
        How many were compared.
    off
        Whether the last fills differed from what was expected.
    run, run_expected, run_paid
        Fills in a row that contradict `off`, and their sums [currency].

    """

    expected: Decimal = _ZERO
    paid: Decimal = _ZERO
    fills: int = 0
    off: bool = False
    run: int = 0
    run_expected: Decimal = _ZERO
    run_paid: Decimal = _ZERO

    @property
    def difference(self) -> Decimal:
        """Paid more than expected [currency]; negative when less."""
        return _EXACT.subtract(self.paid, self.expected)

    def add(self, expected: Decimal, paid: Decimal, *, off: bool) -> None:
        """Take a fill, which is off or not."""
        self.expected = _EXACT.add(self.expected, expected)
        self.paid = _EXACT.add(self.paid, paid)
        self.fills += 1
        if off is self.off:
            self.end_run()
            return
        self.run += 1
        self.run_expected = _EXACT.add(self.run_expected, expected)
        self.run_paid = _EXACT.add(self.run_paid, paid)

    def end_run(self) -> None:
        """Count from the beginning again."""
        self.run, self.run_expected, self.run_paid = 0, _ZERO, _ZERO


class FeeReconciler:
    """
    Compares the fee of each fill with what the schedule says.

    Parameters
    ----------
    tolerance
        By how much they may differ [fraction of the expected fee]. Typical 0.01 to 0.1; less cries sooner.
    fills
        Fills in a row outside of it before anything is said, and inside of it before it is over. One
        fill may be rounded or misread; 5 are another tier.

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    def __init__(self, *, tolerance: float = 0.02, fills: int = 5) -> None:
        require(0.0 <= tolerance < 1.0, "0 <= tolerance < 1 [fraction of the fee]", tolerance)
        require(fills >= 1, "fills >= 1", fills)
        self._tolerance = Decimal(repr(tolerance))
        self._fills = fills
        self._tallies: dict[tuple[str, str], Tally] = {}

    @property
    def tallies(self) -> dict[tuple[str, str], Tally]:
        """Sums by venue and currency."""
        return self._tallies

    def update(
        self, venue: str, currency: str, expected: Decimal, paid: Decimal, unit: Decimal = _ZERO
    ) -> Deviation | None:
        """
        Take a fill.

        Parameters
        ----------
        venue, currency
            Where it was made, and what its fee was paid in.
        expected, paid
            Its fee by the schedule, and the one paid [currency]; rebates are negative.
        unit
            Least amount of the currency: a difference up to it is rounding.

        Returns
        -------
        Deviation or None
            When fees began to differ, or are as expected again.

        Raises
        ------
        ValueError
            If an amount is not a finite number.

        """
        require(expected.is_finite() and paid.is_finite(), "finite fees [currency]", (expected, paid))
        tally = self._tallies.setdefault((venue, currency), Tally())
        bound = max(unit, abs(expected) * self._tolerance)
        tally.add(expected, paid, off=abs(paid - expected) > bound)
        if tally.run < self._fills:
            return None
        tally.off = not tally.off
        told = Deviation(venue, currency, tally.off, tally.run, tally.run_expected, tally.run_paid)
        tally.end_run()
        return told

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs: sums, and what is deviating; a run that is not over begins anew."""
        return {
            f"{venue}|{currency}": {
                "expected": str(tally.expected),
                "paid": str(tally.paid),
                "fills": tally.fills,
                "off": tally.off,
            }
            for (venue, currency), tally in self._tallies.items()
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """
        Go on from what `to_dict` gave.

        Raises
        ------
        ValueError
            If it cannot be what `to_dict` gave.

        """
        try:
            tallies = {
                key: Tally(
                    Decimal(item["expected"]), Decimal(item["paid"]), int(item["fills"]), bool(item["off"])
                )
                for key, item in state.items()
            }
        except (KeyError, TypeError, ValueError, decimal.InvalidOperation) as error:
            raise ValueError(f"need the stored sums of fees, was {dict(state)!r:.200}") from error
        for tally in tallies.values():
            require(tally.expected.is_finite() and tally.paid.is_finite(), "finite sums of fees", tally)
        self._tallies = {tuple(key.split("|", 1)): tally for key, tally in tallies.items()}  # type: ignore[misc]
        return self
