"""Where the profit of hedged positions came from: funding, basis, what was not hedged, fees and slippage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import NamedTuple

from nautilus_quant.signals.sequence import require

_WIDE = Context(prec=100, rounding=ROUND_HALF_EVEN)  # prices times sizes keep all their digits
_ZERO = Decimal(0)


class Sources(NamedTuple):
    """
    Profit by where it came from [quote currency]; what was lost is below zero.

    Parameters
    ----------
    funding
        Received less paid.
    basis
        What the hedged part made because the legs' prices moved apart or together.
    unhedged
        What the rest made because prices moved.
    fees
        Paid for fills.
    slippage
        Of fills against the middle before them: half spread and impact.

    """

    funding: Decimal = _ZERO
    basis: Decimal = _ZERO
    unhedged: Decimal = _ZERO
    fees: Decimal = _ZERO
    slippage: Decimal = _ZERO

    @property
    def total(self) -> Decimal:
        """All of it: the change of the account's equity, at the middle of prices."""
        return sum_exact(*self)

    def plus(self, other: Sources) -> Sources:
        """Return both together."""
        return Sources(*(_WIDE.add(mine, more) for mine, more in zip(self, other, strict=True)))

    def minus(self, other: Sources) -> Sources:
        """Return what has come since `other`."""
        return Sources(*(_WIDE.subtract(mine, less) for mine, less in zip(self, other, strict=True)))


def sum_exact(*amounts: Decimal) -> Decimal:
    """Return the sum of amounts without rounding."""
    total = _ZERO
    for amount in amounts:
        total = _WIDE.add(total, amount)
    return total


@dataclass(slots=True)
class _Tally:
    funding: Decimal = _ZERO
    basis: Decimal = _ZERO
    unhedged: Decimal = _ZERO
    fees: Decimal = _ZERO
    slippage: Decimal = _ZERO

    def sources(self) -> Sources:
        return Sources(*(getattr(self, item.name) for item in fields(self)))


@dataclass(slots=True)
class _Leg:
    held: Decimal = _ZERO
    marked: Decimal | None = None
    middle: Decimal | None = None

    def move(self) -> Decimal:
        """Return how far the middle went since it was marked last, and mark it there."""
        before, now = self.marked, self.middle
        self.marked = now
        return _ZERO if before is None or now is None else _WIDE.subtract(now, before)


class Attribution:
    """
    Follows positions in several instruments of one asset, e.g. spot and perpetuals of one coin, exactly.

    Definition
    ----------
    With sizes ``q`` of the legs, moves ``d`` of their middles between two marks, and leg 0 the first named:
    ``sum(q·d) = sum(q·(d - d0)) + sum(q)·d0``. The first term is the basis, the second what was not hedged.
    A fill of ``f`` units at ``p`` costs ``f·(p - middle)`` of slippage. The sum of all sources is the change
    of equity at the middle of prices, to the last digit. Linear contracts of one quote currency only.

    Parameters
    ----------
    groups
        Legs by asset: ``{"BTC": ("BTCUSDT.BINANCE", "BTCUSDT-PERP.BINANCE")}``. An instrument is in one.

    Raises
    ------
    ValueError
        If an instrument is in two assets, or an asset has no legs.

    """

    def __init__(self, groups: Mapping[str, tuple[str, ...]]) -> None:
        self._groups = {name: {leg: _Leg() for leg in legs} for name, legs in groups.items()}
        self._group_of = {leg: name for name, legs in groups.items() for leg in legs}
        require(all(groups.values()), "at least one leg of each asset", dict(groups))
        count = sum(len(legs) for legs in groups.values())
        require(len(self._group_of) == count, "every instrument in one asset only", dict(groups))
        self._tallies = {name: _Tally() for name in groups}

    def price(self, instrument: str, middle: Decimal) -> None:
        """Take the middle of an instrument's prices [quote currency]; others than the named do not matter."""
        name = self._group_of.get(instrument)
        if name is not None:
            require(middle.is_finite() and middle > 0, "a finite middle > 0 [quote currency]", middle)
            self._groups[name][instrument].middle = middle

    def fill(self, instrument: str, change: Decimal, price: Decimal, fee: Decimal) -> None:
        """
        Take a fill.

        Parameters
        ----------
        instrument
            Which; must have had a price.
        change
            Signed size [base units]; bought > 0.
        price
            Of the fill [quote currency].
        fee
            Paid for it [quote currency]; a rebate is below zero.

        Raises
        ------
        ValueError
            If the instrument is none of the named, or had no price yet.

        """
        name, leg = self._leg(instrument)
        if leg.middle is None:
            raise ValueError(f"need a price before the first fill, was none of {instrument}")
        self.mark(name)
        tally = self._tallies[name]
        leg.held = _WIDE.add(leg.held, change)
        worse = _WIDE.multiply(change, _WIDE.subtract(price, leg.middle))
        tally.slippage = _WIDE.subtract(tally.slippage, worse)
        tally.fees = _WIDE.subtract(tally.fees, fee)

    def funding(self, instrument: str, amount: Decimal) -> None:
        """Take a payment [quote currency]; received > 0."""
        tally = self._tallies[self._leg(instrument)[0]]
        tally.funding = _WIDE.add(tally.funding, amount)

    def _leg(self, instrument: str) -> tuple[str, _Leg]:
        name = self._group_of.get(instrument)
        if name is None:
            raise ValueError(f"need one of {', '.join(self._group_of)}, was {instrument}")
        return name, self._groups[name][instrument]

    def mark(self, group: str) -> None:
        """Count what the middles of an asset's legs did since the last mark."""
        legs, tally = list(self._groups[group].values()), self._tallies[group]
        first = legs[0].move()
        net = legs[0].held
        basis = _ZERO
        for leg in legs[1:]:
            moved = leg.move()
            if leg.held:
                basis = _WIDE.add(basis, _WIDE.multiply(leg.held, _WIDE.subtract(moved, first)))
                net = _WIDE.add(net, leg.held)
        tally.basis = _WIDE.add(tally.basis, basis)
        tally.unhedged = _WIDE.add(tally.unhedged, _WIDE.multiply(net, first))

    def held(self, instrument: str) -> Decimal:
        """Return the signed size held [base units]."""
        return self._leg(instrument)[1].held

    def notional(self, group: str) -> float:
        """Return the larger of what is held long and what is held short in an asset [quote currency]."""
        worth = [
            float(leg.held * leg.middle) for leg in self._groups[group].values() if leg.middle is not None
        ]
        return max(sum(one for one in worth if one > 0.0), -sum(one for one in worth if one < 0.0))

    def sources(self) -> dict[str, Sources]:
        """Return profit by asset and source, all marked now."""
        for name in self._groups:
            self.mark(name)
        return {name: tally.sources() for name, tally in self._tallies.items()}

    def total(self) -> Sources:
        """Return profit by source, all marked now."""
        found = Sources()
        for one in self.sources().values():
            found = found.plus(one)
        return found
