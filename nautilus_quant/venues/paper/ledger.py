"""What a paper venue owes its client: balances and open positions, as numbers that outlive a process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """
    One open position as the venue knows it.

    Parameters
    ----------
    position : str
        Position id; under NETTING ``{instrument}-{strategy}``.
    strategy : str
        Strategy id that owns it, so that it comes back under the same name.
    instrument : str
        Instrument id.
    quantity : Decimal
        Signed size [base units or contracts], long positive; never zero.
    price : float
        Average entry price [quote currency].
    ts_opened, ts_last : int
        UNIX times [ns] of the first and of the latest fill.
    """

    position: str
    strategy: str
    instrument: str
    quantity: Decimal
    price: float
    ts_opened: int
    ts_last: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; the price keeps every bit of the float."""
        return {
            "position": self.position,
            "strategy": self.strategy,
            "instrument": self.instrument,
            "quantity": str(self.quantity),
            "price": repr(self.price),
            "ts_opened": self.ts_opened,
            "ts_last": self.ts_last,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Holding:
        """Return the holding that `to_dict` described."""
        return cls(
            position=str(values["position"]),
            strategy=str(values["strategy"]),
            instrument=str(values["instrument"]),
            quantity=Decimal(str(values["quantity"])),
            price=float(values["price"]),
            ts_opened=int(values["ts_opened"]),
            ts_last=int(values["ts_last"]),
        )


def after_fill(before: Holding | None, fill: Holding) -> Holding | None:
    """
    Return the holding after one more fill, None when it closes.

    Parameters
    ----------
    before : Holding or None
        What was held under the position id.
    fill : Holding
        The fill written as a holding of its own: signed quantity, price and times of the fill.

    Notes
    -----
    Average cost: adding moves the entry price, reducing keeps it, and a fill larger than the position opens
    the other side at the price of the fill. The order of the float operations is NautilusTrader's, so that
    both sides of the wire agree to the last bit.
    """
    if before is None:
        return fill
    quantity = before.quantity + fill.quantity
    if quantity == 0:
        return None
    if (before.quantity > 0) == (fill.quantity > 0):
        old, new = abs(float(before.quantity)), abs(float(fill.quantity))
        price = (before.price * old + fill.price * new) / (old + new)
        return replace(before, quantity=quantity, price=price, ts_last=fill.ts_last)
    if (quantity > 0) == (before.quantity > 0):
        return replace(before, quantity=quantity, ts_last=fill.ts_last)
    return replace(fill, quantity=quantity)


@dataclass(slots=True)
class Ledger:
    """
    The account of a paper venue.

    Parameters
    ----------
    balances : dict of str to Decimal
        Total per currency [units of that currency].
    holdings : dict of str to Holding
        Open positions by position id.
    """

    balances: dict[str, Decimal] = field(default_factory=dict)
    holdings: dict[str, Holding] = field(default_factory=dict)

    def credit(self, currency: str, amount: Decimal) -> None:
        """Add an amount [currency], negative for a debit."""
        self.balances[currency] = self.balances.get(currency, Decimal(0)) + amount

    def apply(self, fill: Holding) -> None:
        """Move the position the fill belongs to."""
        after = after_fill(self.holdings.get(fill.position), fill)
        if after is None:
            del self.holdings[fill.position]
        else:
            self.holdings[fill.position] = after

    def net(self, instrument: str) -> Decimal:
        """Return the signed size of all holdings in an instrument [base units or contracts]."""
        return sum((h.quantity for h in self.holdings.values() if h.instrument == instrument), Decimal(0))

    def to_dict(self) -> dict[str, Any]:
        """Return the account as plain values for the state store."""
        return {
            "balances": {currency: str(amount) for currency, amount in self.balances.items()},
            "holdings": [holding.to_dict() for holding in self.holdings.values()],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Ledger:
        """Return the account that `to_dict` described."""
        holdings = [Holding.from_dict(item) for item in values["holdings"]]
        return cls(
            balances={str(c): Decimal(str(a)) for c, a in values["balances"].items()},
            holdings={holding.position: holding for holding in holdings},
        )
