"""The equity of plain accounts in a few operations, for those who ask for it with every price."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from nautilus_quant.account.equity import FOREVER, Account, AccountKind, OpenPosition, exact_sum
from nautilus_quant.account.marks import Quick


@dataclass(slots=True)
class PlainAccounts:
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
        for kind, held, open_positions, funding in accounts:
            if funding or not _is_all_in(held, currency):
                return None
            balances += held.values()
            if kind is AccountKind.MARGIN:
                linear = _linear(open_positions, currency)
                if linear is None:
                    return None
                positions += linear
        balance = exact_sum(balances)
        return cls(balance, tuple(positions)) if math.isfinite(balance) else None

    def value(self, marks: Mapping[str, Quick], now: int, max_age: int) -> tuple[float, int] | None:
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
        positions = self.positions
        if len(positions) != 1:
            return self._sum(marks, now, max_age)
        # The same for one position, without a sum.
        instrument, size, entry = positions[0]
        mark = marks.get(instrument)
        if mark is None:
            return None
        price, ts, _, valid_for = mark
        until = ts + max_age + valid_for
        if not ts - max_age <= now <= until:
            return None
        equity = self.balances + size * (price - entry)
        if not -math.inf < equity < math.inf:
            return None
        return (equity, until if until < FOREVER else FOREVER)  # noqa: FURB136 (a call of min costs more)

    def unrealised(self, marks: Mapping[str, Quick]) -> float:
        """Return the P&L of all positions at these marks, where `value` has said what they come to."""
        profits = [size * (marks[name][0] - entry) for name, size, entry in self.positions]
        return exact_sum(profits)

    def _sum(self, marks: Mapping[str, Quick], now: int, max_age: int) -> tuple[float, int] | None:
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
        equity = self.balances + exact_sum(profits)  # a sum of two is exactly rounded as it is
        return (equity, valid_until) if math.isfinite(equity) else None


def _is_all_in(amounts: Mapping[str, float], currency: str) -> bool:
    for code, amount in amounts.items():  # noqa: SIM110 (a generator costs more than the look)
        if amount and code != currency:
            return False
    return True


def _linear(held: Iterable[OpenPosition], currency: str) -> list[tuple[str, float, float]] | None:
    found: list[tuple[str, float, float]] = []
    for instrument, quantity, entry, settled_in, multiplier, inverse in held:
        if not quantity:
            continue
        size = quantity * multiplier
        if inverse or settled_in != currency or not math.isfinite(size + entry):
            return None
        found.append((instrument, size, entry))
    return found
