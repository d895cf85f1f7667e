"""What an option pays when it expires, exactly, and whether that is what was booked."""

from __future__ import annotations

import math
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from nautilus_quant.options.contract import Contract

_ZERO = Decimal(0)


class Source(StrEnum):
    """Where a settlement price is from, best first."""

    VENUE = "venue"  # the venue's message
    CLOSE = "close"  # the venue's closing price of the underlying
    AVERAGE = "average"  # our own average of the index
    NONE = "none"


def payoff(contract: Contract, price: Decimal) -> Decimal:
    """
    Return what one unit of underlying pays, in the currency of settlement.

    Linear: ``max(S - K, 0)`` of a call, ``max(K - S, 0)`` of a put. Settled in the coin: the same divided by
    S, since it is paid in coins that are worth S each (Deribit, "Options": settlement in BTC and ETH).

    Parameters
    ----------
    contract
        The option.
    price
        Settlement price of the underlying [currency of the strike].

    Raises
    ------
    ValueError
        If the price is not positive.

    """
    if not price.is_finite() or not price > 0:
        raise ValueError(f"need a settlement price > 0, was {price}")
    paid = exact(contract.strike) - price
    paid = max(-paid if contract.call else paid, _ZERO)
    return paid / price if contract.coin_settled else paid


class Booked(NamedTuple):
    """
    What the settlement of one position comes to, in its currency of settlement.

    Parameters
    ----------
    payoff
        Of one unit of underlying.
    cash
        What the position is paid, or pays when negative.
    pnl
        `cash` less what was paid for the position; its fees are not in it.

    """

    payoff: Decimal
    cash: Decimal
    pnl: Decimal


def settle(contract: Contract, quantity: Decimal, entry: Decimal, price: Decimal) -> Booked:
    """
    Return what the settlement of a position comes to.

    Parameters
    ----------
    contract
        The option.
    quantity
        Of the position, negative when short [contracts].
    entry
        Average premium it was opened for, per unit of underlying [currency of settlement].
    price
        Settlement price of the underlying [currency of the strike].

    """
    return book(contract, quantity, entry, payoff(contract, price))


def book(contract: Contract, quantity: Decimal, entry: Decimal, paid: Decimal) -> Booked:
    """Return the same as `settle` where what one unit of underlying pays is known [settlement currency]."""
    units = quantity * exact(contract.multiplier)
    return Booked(paid, units * paid, units * (paid - entry))


def implied_price(contract: Contract, paid: Decimal) -> Decimal | None:
    """
    Return the settlement price a payoff came from; ``None`` when it paid nothing, or nothing possible.

    Parameters
    ----------
    contract
        The option.
    paid
        For one unit of underlying [currency of settlement].

    """
    strike = exact(contract.strike)
    if not paid > 0:
        return None
    sign = 1 if contract.call else -1
    if not contract.coin_settled:
        price = strike + sign * paid
        return price if price > 0 else None
    # (S - K) / S = p  =>  S = K / (1 - p); (K - S) / S = p  =>  S = K / (1 + p)
    below = 1 - sign * paid
    return strike / below if below > 0 else None


class Match(NamedTuple):
    """
    Whether what was booked is what it should be.

    Parameters
    ----------
    holds
        Whether it is, to the smallest unit of the currency for each amount that was rounded.
    difference
        Booked less expected.

    """

    holds: bool
    difference: Decimal


def reconcile(expected: Decimal, booked: Decimal, unit: Decimal, parts: int = 1) -> Match:
    """
    Compare what should be booked with what is.

    Parameters
    ----------
    expected, booked
        Amounts of one currency.
    unit
        Its smallest unit.
    parts
        How many amounts were rounded to it before they were added.

    """
    difference = booked - expected
    holds = difference.is_finite() and abs(difference) <= unit * max(parts, 1)
    return Match(holds, difference)


class IndexAverage:
    """
    The time-weighted average of an index over a window that has one end.

    Parameters
    ----------
    begins, ends
        Of the window, UNIX time [ns].

    Notes
    -----
    A price holds until the next one. Prices before the window count from its beginning on. Those out of
    order, and those from its end on, are passed over.

    """

    def __init__(self, begins: int, ends: int) -> None:
        self.begins = begins
        self.ends = ends
        self._ts = 0
        self._price = math.nan
        self._sum = 0.0
        self._weight = 0
        self.count = 0

    def update(self, ts: int, price: float) -> None:
        """Take notice of a price at `ts`, UNIX time [ns]; one that is no price is passed over."""
        if not 0.0 < price < math.inf or not self._ts <= ts < max(self.ends, self.begins + 1):
            return
        self._add_until(ts)
        self._ts, self._price = ts, price
        self.count += self.begins <= ts < self.ends

    def value(self, now: int) -> float:
        """
        Return the average up to `now`, UNIX time [ns]; NaN when no price is known.

        A window without length has the last price before its end.
        """
        span, weight = self._since(now)
        if weight + self._weight > 0:
            return (self._sum + span) / (weight + self._weight)
        return self._price

    @property
    def covered(self) -> float:
        """Share of the window for which a price was known, up to the last price [0, 1]."""
        length = self.ends - self.begins
        return self._weight / length if length > 0 else float(not math.isnan(self._price))

    def _since(self, now: int) -> tuple[float, int]:
        if math.isnan(self._price):
            return 0.0, 0
        weight = max(min(now, self.ends) - max(self._ts, self.begins), 0)
        return self._price * weight, weight

    def _add_until(self, ts: int) -> None:
        span, weight = self._since(ts)
        self._sum += span
        self._weight += weight


def exact(number: float) -> Decimal:
    """Return a float as the decimal number people would write."""
    return Decimal(repr(float(number)))
