"""Greeks with their unit: numbers that mean different things do not add up."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NoReturn, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

type Number = Any
"""A float, or a float64 array of one value per position; all fields of one object have the same shape."""


class Unit(StrEnum):
    """What money and exposure are counted in."""

    COIN = "coin"
    """Units of the underlying: delta is how many coins one would hold to move alike."""
    REPORTING = "reporting"
    """Reporting currency: delta is what those coins are worth."""


class UnitError(TypeError):
    """Two numbers of different units were to be added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivities:
    """
    Greeks of something, all in one unit.

    Parameters
    ----------
    unit
        Coins or reporting currency.
    currency
        Which coin, or which currency: ``"BTC"``, ``"USD"``.
    value
        Premium it is worth [`currency`].
    delta
        Holding of the underlying that moves alike [`currency`].
    delta_adjusted
        The same for who counts wealth in coins: less the premium where it is paid in coin (premium-adjusted
        delta); equal to `delta` for other contracts.
    gamma_1pct
        Change of `delta` when the forward rises by 1 %, at the present price of the coin [`currency`].
    vega
        Change of value for one vol point, 0.50 to 0.51 [`currency`].
    theta
        Change of value in a day, at the present speed [`currency`].
    vanna
        Change of `delta` for one vol point [`currency`].
    volga
        Change of `vega` for one vol point [`currency`].
    rho
        Change of value when the rate that discounts it rises by one percentage point and the forward stays
        [`currency`].

    """

    unit: Unit
    currency: str
    value: Number
    delta: Number
    delta_adjusted: Number
    gamma_1pct: Number
    vega: Number
    theta: Number
    vanna: Number
    volga: Number
    rho: Number

    def in_reporting(self, coin_price: Number, currency: str) -> Self:
        """
        Return the same in the reporting currency.

        Parameters
        ----------
        coin_price
            What one coin is worth [`currency`]: the forward of its expiry, where nothing better is known.
        currency
            The reporting currency.

        Raises
        ------
        UnitError
            If it is in a reporting currency already.

        """
        if self.unit is not Unit.COIN:
            raise UnitError(f"cannot value {_said(self)} by the price of a coin; it is no longer in coins")
        return replace(self, unit=Unit.REPORTING, currency=currency, **self._scaled(coin_price))

    def _scaled(self, factor: Number) -> dict[str, Any]:
        return {name: getattr(self, name) * factor for name in NUMBERS}


NUMBERS = tuple(field.name for field in fields(Sensitivities) if field.name not in {"unit", "currency"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PerContract(Sensitivities):
    """Greeks of one contract bought. They do not add: contracts differ in size; say how many first."""

    def times(self, quantity: Number) -> PerPosition:
        """Return the greeks of `quantity` contracts; negative is short."""
        return PerPosition(unit=self.unit, currency=self.currency, **self._scaled(quantity))

    def __add__(self, other: object) -> NoReturn:
        raise UnitError(
            "greeks per contract do not add up, contracts differ in size; add times(quantity) of each"
        )

    __radd__ = __add__


@dataclass(frozen=True, slots=True, kw_only=True)
class PerPosition(Sensitivities):
    """Greeks of a position, or of several together. These add, in the same unit and currency."""

    def __add__(self, other: object) -> Self:
        """
        Return the greeks of both together.

        Raises
        ------
        UnitError
            If the other is no position, or in another unit or currency.

        """
        if not isinstance(other, PerPosition):
            raise UnitError(f"cannot add {_said(other)} to {_said(self)}; only positions add up")
        if (self.unit, self.currency) != (other.unit, other.currency):
            raise UnitError(f"cannot add {_said(other)} to {_said(self)}; convert one, see in_reporting")
        added: dict[str, Any] = {name: getattr(self, name) + getattr(other, name) for name in NUMBERS}
        return replace(self, **added)

    def __radd__(self, other: object) -> NoReturn:
        raise UnitError(f"cannot add {_said(self)} to {_said(other)}; total() adds positions up from nothing")

    def net(self) -> PerPosition:
        """Return the sum over positions when the fields are arrays; NaN where one is unknown."""
        added: dict[str, Any] = {name: float(np.sum(getattr(self, name))) for name in NUMBERS}
        return replace(self, **added)


def nothing(unit: Unit, currency: str) -> PerPosition:
    """Return the greeks of an empty book."""
    return PerPosition(unit=unit, currency=currency, **dict.fromkeys(NUMBERS, 0.0))


def total(positions: Iterable[PerPosition], unit: Unit, currency: str) -> PerPosition:
    """
    Add positions up, none included.

    Raises
    ------
    UnitError
        If one of them is in another unit or currency.

    """
    added = nothing(unit, currency)
    for position in positions:
        added += position
    return added


def _said(what: object) -> str:
    if not isinstance(what, Sensitivities):
        return f"a {type(what).__name__}"
    scope = "per contract" if isinstance(what, PerContract) else "per position"
    return f"greeks {scope} in {what.currency} ({_NAMES[what.unit]})"


_NAMES = {Unit.COIN: "the coin", Unit.REPORTING: "reporting currency"}
