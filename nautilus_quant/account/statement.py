"""The book of an account: where every unit of its equity came from, added up without rounding."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Context, Decimal
from enum import StrEnum
from typing import Any, Self

from nautilus_quant.safety import stored
from nautilus_quant.signals.sequence import require

VERSION = 1
AMOUNT_DIGITS = 16
RATE_DIGITS = 12
VALUE_DIGITS = AMOUNT_DIGITS + RATE_DIGITS
_ONE = 10**RATE_DIGITS
_VALUE = 10**VALUE_DIGITS
_WIDE = Context(prec=100)  # more digits than any amount has: nothing is rounded
_OPENING = "opening"


class Part(StrEnum):
    """Why the value of the balances changed."""

    REALISED = "realised"
    """Trading result of closed quantity, before fees; of cash accounts what was traded against its rate."""
    FEES = "fees"
    """Commissions; rebates are positive."""
    FUNDING = "funding"
    """Funding payments, received > 0."""
    TRANSFERS = "transfers"
    """Deposits > 0 and withdrawals < 0: no profit."""
    ROUNDING = "rounding"
    """What a venue rounds otherwise than its own figures add up to."""
    REVALUATION = "revaluation"
    """Balances in other currencies whose rate moved."""


PARTS = tuple(Part)


def units(amount: Decimal) -> int:
    """
    Return an amount as a whole number of 1e-16.

    Raises
    ------
    ValueError
        If it is not finite, or has more decimals than that.

    """
    require(amount.is_finite(), "a finite amount", amount)
    scaled = amount.scaleb(AMOUNT_DIGITS, _WIDE)
    whole = int(scaled)
    require(whole == scaled, f"an amount of at most {AMOUNT_DIGITS} decimals", amount)
    return whole


def rate_units(rate: float) -> int:
    """
    Return a rate as a whole number of 1e-12: what is booked by from then on.

    Raises
    ------
    ValueError
        If it is not finite and positive.

    """
    require(0.0 < rate < math.inf, "a finite rate > 0 [reporting currency]", rate)
    return max(1, round(Decimal(rate).scaleb(RATE_DIGITS, _WIDE)))


def amount_of(whole: int) -> Decimal:
    """Return an amount [currency] from its whole number of 1e-16."""
    return Decimal(whole).scaleb(-AMOUNT_DIGITS, _WIDE)


def number_of(whole: int) -> float:
    """Return the float nearest to a value [reporting currency], from its whole number of 1e-28."""
    return float(whole / _VALUE)


def value_of(whole: int) -> Decimal:
    """Return a value [reporting currency] from its whole number of 1e-28."""
    return Decimal(whole).scaleb(-VALUE_DIGITS, _WIDE)


class Statement:
    """
    The book of all accounts of a node in one reporting currency.

    Definition
    ----------
    ``opening + sum(parts) == sum(balance × rate)`` to the last unit, whatever is booked in whatever order.
    Amounts are whole numbers of 1e-16, rates of 1e-12, and so values of 1e-28; none is ever rounded. A rate
    is what it was set to: the part it changes is REVALUATION.

    What is booked in a currency without a rate waits for it and is valued by the first one; until then the
    equity is unknown.

    Parameters
    ----------
    currency
        Reporting currency; its rate is 1.

    """

    __slots__ = ("_pending", "balances", "currency", "opening", "parts", "rates")

    def __init__(self, currency: str) -> None:
        self.currency = currency
        self.opening = 0
        self.balances: dict[str, int] = {}
        self.rates: dict[str, int] = {currency: _ONE}
        self.parts: dict[str, int] = dict.fromkeys(PARTS, 0)
        self._pending: dict[str, dict[str, int]] = {}

    def open(self, currency: str, amount: int) -> None:
        """Take what the accounts hold in a currency as the start [1e-16]."""
        self._book(_OPENING, currency, amount)

    def entry(self, kind: Part, currency: str, amount: int) -> None:
        """
        Book a change of a balance.

        Parameters
        ----------
        kind
            Why it changed.
        currency
            Of the balance.
        amount
            By how much [1e-16].

        Raises
        ------
        ValueError
            If it is a REVALUATION, which only rates make.

        """
        if kind is Part.REVALUATION:
            require(False, "a part that is booked; rates make revaluations", kind.value)
        self._book(kind, currency, amount)

    def rate(self, currency: str, new: int) -> None:
        """
        Value a currency by another rate from now on [1e-12 reporting currency].

        Raises
        ------
        ValueError
            If it is not positive, or not 1 for the reporting currency.

        """
        require(new > 0, "rate > 0 [1e-12 reporting currency]", new)
        require(
            currency != self.currency or new == _ONE,
            "rate = 1e12, which is 1, for the reporting currency",
            new,
        )
        old = self.rates.get(currency)
        self.rates[currency] = new
        if old is not None:
            self.parts[Part.REVALUATION] += self.balances.get(currency, 0) * (new - old)
            return
        for kind, amount in self._pending.pop(currency, {}).items():
            self._add(kind, amount * new)

    @property
    def equity(self) -> int | None:
        """Balances at their rates [1e-28 reporting currency]; ``None`` while one has no rate."""
        rates, total = self.rates, 0
        for code, amount in self.balances.items():
            if amount:
                rate = rates.get(code)
                if rate is None:
                    return None
                total += amount * rate
        return total

    @property
    def waiting(self) -> tuple[str, ...]:
        """Currencies that need a rate."""
        return tuple(code for code, amount in self.balances.items() if amount and code not in self.rates)

    @property
    def explained(self) -> int:
        """Opening and parts [1e-28 reporting currency]: the same as the equity where that is known."""
        return self.opening + sum(self.parts.values())

    def _book(self, kind: str, currency: str, amount: int) -> None:
        self.balances[currency] = self.balances.get(currency, 0) + amount
        rate = self.rates.get(currency)
        if rate is not None:
            self._add(kind, amount * rate)
            return
        pending = self._pending.setdefault(currency, {})
        pending[kind] = pending.get(kind, 0) + amount

    def _add(self, kind: str, value: int) -> None:
        if kind == _OPENING:
            self.opening += value
        else:
            self.parts[kind] += value

    def to_dict(self) -> dict[str, Any]:
        """Return all of it; whole numbers as texts, which no reader of JSON rounds."""
        return {
            "version": VERSION,
            "currency": self.currency,
            "opening": str(self.opening),
            "balances": _texts(self.balances),
            "rates": _texts(self.rates),
            "parts": _texts(self.parts),
            "pending": {code: _texts(amounts) for code, amounts in self._pending.items()},
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Restore what `to_dict` gave; ValueError when it is damaged, or does not add up."""
        stored.check_version("statement", state, VERSION)
        self = cls(str(stored.field(state, "currency")))
        self.opening = int(str(stored.field(state, "opening")))
        self.balances = _numbers(state, "balances")
        self.rates = _numbers(state, "rates")
        parts = _numbers(state, "parts")
        self.parts = {part: parts.get(part.value, 0) for part in PARTS}
        pending = stored.mapping(state, "pending")
        self._pending = {code: _numbers(pending, code) for code in pending}
        known = sum(self.balances[code] * rate for code, rate in self.rates.items() if code in self.balances)
        if known != self.explained or self.rates.get(self.currency) != _ONE:
            raise stored.DamagedStateError(
                f"a stored statement must add up, its parts come to {value_of(self.explained)} "
                f"and its balances to {value_of(known)} {self.currency}"
            )
        return self


def _texts(numbers: Mapping[str, int]) -> dict[str, str]:
    return {str(name): str(number) for name, number in numbers.items()}


def _numbers(state: Mapping[str, Any], key: str) -> dict[str, int]:
    return {name: int(str(text)) for name, text in stored.mapping(state, key).items()}
