"""What open perpetual positions are owed at a funding settlement, exactly, and what was paid so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, NamedTuple, Self

from nautilus_quant.safety import stored
from nautilus_quant.signals.sequence import require

VERSION = 1
_WIDE = Context(prec=100, rounding=ROUND_HALF_EVEN)  # a product of size, mark and rate keeps all its digits
_ZERO = Decimal(0)
_LAST = tuple(Decimal(1).scaleb(-decimals) for decimals in range(17))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """
    How a perpetual pays.

    Parameters
    ----------
    currency
        It settles in.
    decimals
        Of that currency: venues book no smaller amounts.
    multiplier
        Base units, or quote units of an inverse contract, per contract.
    inverse
        Whether it is quoted in one currency and settled in the other.

    """

    currency: str
    decimals: int
    multiplier: Decimal = Decimal(1)
    inverse: bool = False

    def __post_init__(self) -> None:
        require(0 <= self.decimals <= 16, "0 <= decimals <= 16", self.decimals)
        require(self.multiplier.is_finite() and self.multiplier > 0, "multiplier > 0", self.multiplier)


class Stamp(NamedTuple):
    """
    One settlement of one instrument.

    Parameters
    ----------
    instrument
        Its id.
    ts
        When it is settled, UNIX time [ns].
    rate
        Of that interval [fraction of the position's value]; positive when longs pay.

    """

    instrument: str
    ts: int
    rate: Decimal


class Payment(NamedTuple):
    """
    What one position is owed at one settlement.

    Parameters
    ----------
    stamp
        The settlement.
    position
        Id of the position.
    quantity
        Signed size it had at the stamp [base units or contracts].
    mark
        Price it was settled at [quote currency].
    currency
        Of the amount.
    amount
        Received > 0, paid < 0, in whole units of the currency's last decimal.

    """

    stamp: Stamp
    position: str
    quantity: Decimal
    mark: Decimal
    currency: str
    amount: Decimal


def owed(quantity: Decimal, mark: Decimal, rate: Decimal, terms: Terms) -> Decimal:
    """
    Return what a position is owed, before it is rounded [settlement currency].

    ``-quantity × multiplier × mark × rate``, and ``-quantity × multiplier / mark × rate`` of an inverse
    contract: longs pay shorts when the rate is positive (Binance, "Introduction to Binance Futures Funding
    Rates": funding amount = nominal value of positions × funding rate; BitMEX, "Perpetual Contracts Guide").

    Parameters
    ----------
    quantity
        Signed size [base units or contracts].
    mark
        Mark price at the settlement [quote currency].
    rate
        Of the interval [fraction].
    terms
        Of the contract.

    Raises
    ------
    ValueError
        If a number is not finite, or the mark not positive.

    """
    require(quantity.is_finite(), "a finite quantity", quantity)
    require(rate.is_finite(), "a finite funding rate [fraction]", rate)
    require(mark.is_finite() and mark > 0, "a finite mark price > 0 [quote currency]", mark)
    size = _WIDE.multiply(quantity, terms.multiplier)
    worth = _WIDE.divide(size, mark) if terms.inverse else _WIDE.multiply(size, mark)
    return _WIDE.multiply(worth, rate).copy_negate()


def booked(amount: Decimal, decimals: int) -> Decimal:
    """Return an amount as a venue books it: rounded half to even to the currency's last decimal."""
    return amount.quantize(_LAST[decimals], context=_WIDE) + _ZERO


@dataclass(slots=True)
class Total:
    """
    What an instrument has paid in all.

    Parameters
    ----------
    currency
        It settles in.
    received, paid
        Sums of what was received and of what was paid, both positive [currency].
    payments
        How many there were.
    ts
        Of the last settlement, UNIX time [ns].

    """

    currency: str
    received: Decimal = _ZERO
    paid: Decimal = _ZERO
    payments: int = 0
    ts: int = 0

    @property
    def net(self) -> Decimal:
        """What is left [currency]."""
        return _WIDE.subtract(self.received, self.paid)


class FundingLedger:
    """
    Settles positions, and adds up what they were paid, by instrument.

    Each position is rounded for itself, so that the payments of positions add up to what is booked into the
    account, to the last digit.
    """

    def __init__(self) -> None:
        self.totals: dict[str, Total] = {}

    def settle(
        self, stamp: Stamp, mark: Decimal, terms: Terms, held: Mapping[str, Decimal]
    ) -> tuple[Payment, ...]:
        """
        Settle one stamp, once; one that is not later than the last of its instrument pays nothing.

        Parameters
        ----------
        stamp
            What is settled.
        mark
            Mark price at its time [quote currency].
        terms
            Of the contract.
        held
            Signed sizes at its time, by position [base units or contracts].

        Raises
        ------
        ValueError
            If a number is not finite, or the mark not positive. Nothing is booked then.

        """
        total = self.totals.get(stamp.instrument)
        if total is not None and stamp.ts <= total.ts:
            return ()
        payments = tuple(
            Payment(stamp, position, size, mark, terms.currency, amount)
            for position, size in held.items()
            if (amount := booked(owed(size, mark, stamp.rate, terms), terms.decimals))
        )
        total = total or self.totals.setdefault(stamp.instrument, Total(terms.currency))
        total.ts = stamp.ts
        for payment in payments:
            _add(total, payment.amount)
        return payments

    def to_dict(self) -> dict[str, Any]:
        """Return all of it; amounts as texts, which no reader of JSON rounds."""
        return {
            "version": VERSION,
            "totals": {
                name: [t.currency, str(t.received), str(t.paid), t.payments, t.ts]
                for name, t in self.totals.items()
            },
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Restore what `to_dict` gave; ValueError when it is damaged."""
        stored.check_version("funding ledger", state, VERSION)
        self = cls()
        for name, (code, received, paid, payments, ts) in stored.mapping(state, "totals").items():
            self.totals[name] = Total(str(code), Decimal(received), Decimal(paid), int(payments), int(ts))
        return self


def _add(total: Total, amount: Decimal) -> None:
    total.payments += 1
    if amount > 0:
        total.received = _WIDE.add(total.received, amount)
    else:
        total.paid = _WIDE.subtract(total.paid, amount)
