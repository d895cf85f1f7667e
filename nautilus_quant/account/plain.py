"""The equity of plain accounts in a few operations, for those who ask for it with every price."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

from nautilus_quant.account.equity import FOREVER, Account, AccountKind, Mark, exact_sum


class PlainAccounts(NamedTuple):
    """
    Accounts of which only the marks of some linear positions change the worth, worked out beforehand.

    Exactly what `equity.value` says of them, where it says anything: whatever is not plain (other currencies,
    inverse contracts, funding, an instrument of several sources or in doubt, a stale price) is left to it.

    Parameters
    ----------
    balances
        All of them [reporting currency].
    positions
        Instrument, signed size [base units] and entry price of each open position.

    """

    balances: float
    positions: tuple[tuple[str, float, float], ...]

    @classmethod
    def of(cls, accounts: Iterable[Account], currency: str) -> Self | None:
        """Work out what does not change with prices; ``None`` when these accounts are not plain."""
        balances: list[float] = []
        positions: list[tuple[str, float, float]] = []
        for account in accounts:
            if account.funding or any(a and c != currency for c, a in account.balances.items()):
                return None
            balances += account.balances.values()
            if account.kind is not AccountKind.MARGIN:
                continue
            for held in account.positions:
                if not held.quantity:
                    continue
                if held.inverse or held.currency != currency:
                    return None
                positions.append((held.instrument, held.quantity * held.multiplier, held.entry))
        numbers = [*balances, *(number for _, *both in positions for number in both)]
        if not all(map(math.isfinite, numbers)):
            return None
        return cls(exact_sum(balances), tuple(positions))

    def value(self, marks: Mapping[str, Mark], now: int, max_age: int) -> tuple[float, int] | None:
        """
        Return the equity at `now` [ns], and until when it is fresh.

        Parameters
        ----------
        marks
            The mark of each instrument that has one source and nothing in doubt: ``MarkBook.only``.
        now
            UNIX time [ns].
        max_age
            How old a mark may be [ns].

        Returns
        -------
        tuple or None
            ``None`` when a price is missing or stale, or the equity is no number.

        """
        profits: list[float] = []
        valid_until = FOREVER
        for instrument, size, entry in self.positions:
            mark = marks.get(instrument)
            if mark is None:
                return None
            price, ts, _, valid_for = mark
            until = ts + max_age + valid_for
            if not ts - max_age <= now <= until:
                return None
            if until < valid_until:  # noqa: PLR1730 (a call of min costs more than the rest of the loop)
                valid_until = until
            profits.append(size * (price - entry))
        # A sum of two is exactly rounded as it is, and `value` says why one is no number.
        equity = self.balances + (profits[0] if len(profits) == 1 else exact_sum(profits))
        return (equity, valid_until) if math.isfinite(equity) else None
