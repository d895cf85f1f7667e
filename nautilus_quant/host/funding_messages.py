"""What a venue that books funding itself tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from nautilus_quant.host.messages import Message


@dataclass(frozen=True, kw_only=True)
class FundingPaid(Message):
    """
    Funding is being booked into an account (key: instrument id): told just before the balance changes.

    Parameters
    ----------
    account
        Id of the account.
    due
        Time of the settlement, UNIX time [ns].
    currency
        Of the amounts.
    amount
        Booked in all [currency]; negative when it is paid.
    rate
        Of the interval [fraction].
    mark
        Price the positions were settled at [quote currency].
    positions
        What is booked for each position, by its id [currency].

    """

    account: str
    due: int
    currency: str
    amount: Decimal
    rate: Decimal
    mark: Decimal
    positions: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class FundingChecked(Message):
    """
    What a venue paid at one settlement beside what was owed (key: currency).

    Parameters
    ----------
    due
        Time of the settlement, UNIX time [ns].
    expected, paid, difference
        What was owed, what came, and what came more; received > 0 [currency].
    wrong
        Whether they differ by more than is allowed.

    """

    due: int
    expected: float
    paid: float
    difference: float
    wrong: bool
