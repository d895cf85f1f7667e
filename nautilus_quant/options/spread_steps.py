"""In which order the legs of a spread are traded: protection comes first and goes last."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_ZERO = Decimal(0)


def next_changes[K](wanted: Mapping[K, Decimal], held: Mapping[K, Decimal]) -> dict[K, Decimal]:
    """
    Return what may be sent now on the way from what is held to what is wanted; empty when it is there.

    First everything that buys: what is sold short is bought back, and protection is bought. Only when all
    of that is filled is anything sold. So on no way between two positions is more short at once, or less
    long, than at its ends.

    Parameters
    ----------
    wanted, held
        Signed positions of the same legs [contracts].

    """
    changes = {leg: wanted[leg] - held[leg] for leg in wanted if wanted[leg] != held[leg]}
    buys = {leg: change for leg, change in changes.items() if change > 0}
    return buys or changes


def opens(change: Decimal, held: Decimal) -> bool:
    """Tell whether a change of a leg opens risk: it is no mere reduction of what is held."""
    return change * held >= 0 or abs(change) > abs(held)


def whole_units(units: Decimal, step: Decimal, least: Decimal) -> Decimal:
    """Return the units that whole lots allow, rounded down; 0 below the least."""
    if not units.is_finite() or units <= 0:
        return _ZERO
    whole = units // step * step
    return whole if whole >= least else _ZERO
