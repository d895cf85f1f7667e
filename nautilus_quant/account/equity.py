"""Equity: balances + unrealised P&L at mark + accrued funding, in one reporting currency."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from nautilus_quant.account.marks import FOREVER, MAX_AGE, PAR, UNKNOWN, Mark, MarkBook, Price, freshest

__all__ = [
    "FOREVER", "MAX_AGE", "PAR", "UNKNOWN", "Account", "AccountKind", "Mark", "MarkBook", "OpenPosition",
    "Price", "Valuation", "convert", "freshest", "unrealised", "value",
]  # fmt: skip

_NOTHING: Mapping[str, float] = MappingProxyType({})


class AccountKind(StrEnum):
    """What an account's balances mean."""

    MARGIN = "margin"
    """Balances leave out the P&L of open positions: it is added."""
    CASH = "cash"
    """What was bought is itself a balance, valued at its rate: nothing is added."""


class OpenPosition(NamedTuple):
    """
    One open position.

    Parameters
    ----------
    instrument
        Instrument id.
    quantity
        Signed size, long > 0 [contracts or base units].
    entry
        Average open price [quote currency].
    currency
        Currency the P&L settles in: quote currency when linear, base coin when inverse.
    multiplier
        Base units per contract when linear; quote currency per contract when inverse.
    inverse
        Whether the contract is worth a fixed amount of quote currency and settles in the base coin.

    """

    instrument: str
    quantity: float
    entry: float
    currency: str
    multiplier: float = 1.0
    inverse: bool = False


class Account(NamedTuple):
    """
    One account at one venue.

    Parameters
    ----------
    kind
        Whether unrealised P&L comes on top of the balances.
    balances
        Total by currency, free and locked.
    positions
        Open positions; they matter to margin accounts only.
    funding
        Accrued and not yet booked funding by currency, received > 0.

    """

    kind: AccountKind
    balances: Mapping[str, float]
    positions: Iterable[OpenPosition] = ()
    funding: Mapping[str, float] = _NOTHING


class Valuation(NamedTuple):
    """
    What everything is worth.

    Parameters
    ----------
    ts
        Time of the valuation [ns].
    equity
        ``balances + unrealised + funding`` [reporting currency]; NaN when a price is altogether unknown. When
        not fresh, the best guess: something to show, nothing to act on.
    balances, unrealised, funding
        Its parts [reporting currency].
    fresh
        Whether every price in it is fresh and credible.
    stale
        What is wrong, as "instrument or currency: problem", sorted; empty when fresh.
    valid_until
        Time [ns] after which it is stale if no newer price comes; 0 when it is not fresh.

    """

    ts: int
    equity: float
    balances: float
    unrealised: float
    funding: float
    fresh: bool
    stale: tuple[str, ...]
    valid_until: int


def unrealised(position: OpenPosition, price: float) -> float:
    """
    Return the P&L of a position if it were closed at `price`, in its settlement currency.

    Linear: ``quantity × multiplier × (price − entry)``; inverse:
    ``quantity × multiplier × (1/entry − 1/price)``. NaN when one of the numbers is none.
    """
    entry = position.entry
    if not (0.0 < price < math.inf and math.isfinite(entry) and math.isfinite(position.quantity)):
        return math.nan
    size = position.quantity * position.multiplier
    if position.inverse:
        return size * (1.0 / entry - 1.0 / price) if entry > 0.0 else math.nan
    return size * (price - entry)


def convert(amounts: Mapping[str, float], rates: Mapping[str, Price], currency: str) -> float:
    """Return the sum of `amounts` in `currency`; NaN when a rate is unknown. Amounts of 0 need no rate."""
    return math.fsum(
        amount * (1.0 if code == currency else rates.get(code, UNKNOWN).value)
        for code, amount in amounts.items()
        if amount != 0.0
    )


Lookup = Callable[[str], Price]


class _Tally:
    """Converts amounts, collects what is wrong with their prices, and when the first becomes stale."""

    __slots__ = ("currency", "prices", "problems", "rates", "valid_until")

    def __init__(self, prices: Lookup, rates: Lookup, currency: str) -> None:
        self.prices = prices
        self.rates = rates
        self.currency = currency
        self.problems: dict[str, str] = {}
        self.valid_until = FOREVER

    def worth(self, amounts: Mapping[str, float]) -> list[float]:
        return [self._convert(amount, code) for code, amount in amounts.items()]

    def profits(self, positions: Iterable[OpenPosition]) -> list[float]:
        return [self._profit(held) for held in positions]

    def _convert(self, amount: float, code: str) -> float:
        if not math.isfinite(amount):
            self.problems[code] = "unknown amount"
        if code == self.currency or amount == 0.0:
            return amount
        return amount * self._use(code, self.rates(code))

    def _profit(self, held: OpenPosition) -> float:
        if held.quantity == 0.0:
            return 0.0
        profit = unrealised(held, self._use(held.instrument, self.prices(held.instrument)))
        if not math.isfinite(profit):
            self.problems.setdefault(held.instrument, "unknown P&L")
            return math.nan
        return self._convert(profit, held.currency)

    def _use(self, name: str, price: Price) -> float:
        value, problem, valid_until = price
        if problem or not 0.0 < value < math.inf:
            self.problems[name] = problem or f"absurd price {value:g}"
        elif valid_until < self.valid_until:
            self.valid_until = valid_until
        return value


def value(
    ts: int,
    accounts: Iterable[Account],
    prices: Lookup,
    rates: Lookup,
    currency: str,
) -> Valuation:
    """
    Value accounts in one currency.

    Parameters
    ----------
    ts
        Time of the valuation [ns, UTC].
    accounts
        What there is; accounts whose balances overlap must not both be given.
    prices
        Price of an instrument id in its quote currency, e.g. ``lambda i: book.price(i, ts)``.
    rates
        Price of one unit of a currency in the reporting currency; `PAR` where they are worth the same. It is
        not asked for the reporting currency itself.
    currency
        Reporting currency.

    """
    tally = _Tally(prices, rates, currency)
    balances: list[float] = []
    profits: list[float] = []
    funding: list[float] = []
    for account in accounts:
        balances += tally.worth(account.balances)
        if account.funding:
            funding += tally.worth(account.funding)
        if account.kind is AccountKind.MARGIN:
            profits += tally.profits(account.positions)
    parts = (exact_sum(balances), exact_sum(profits), exact_sum(funding))
    equity = exact_sum(parts)
    problems = tally.problems
    if problems or not math.isfinite(equity):
        said = tuple(sorted(f"{name}: {problem}" for name, problem in problems.items()))
        return Valuation(ts, equity, *parts, False, said, 0)
    return Valuation(ts, equity, *parts, True, (), tally.valid_until)


def exact_sum(amounts: Sequence[float]) -> float:
    """Return the exactly rounded sum; NaN instead of an error when infinities meet."""
    if len(amounts) == 1:
        return amounts[0]
    try:
        return math.fsum(amounts)
    except (ValueError, OverflowError):
        return math.nan
