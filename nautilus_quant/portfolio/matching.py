"""Positions that belong together: how much of each may be held when one of them came out smaller."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.portfolio.sizing import Lot

_ZERO = Decimal(0)


def matched[K](
    plan: Mapping[K, Decimal], held: Mapping[K, Decimal], lots: Mapping[K, Lot]
) -> dict[K, Decimal]:
    """
    Return the largest positions in the ratio of a plan of which none is larger than what is held.

    A leg within a step of its share is left as it is. When a leg's share is less than can be traded, or a leg
    is missing or on the wrong side, nothing of any leg is worth holding.

    Parameters
    ----------
    plan
        Signed positions that belong together [base coin, or contracts]; without a plan, or where it misses a
        leg, legs are matched if all or none of them are held.
    held
        Signed positions there are.
    lots
        Sizes each leg can be traded in.

    Returns
    -------
    dict
        Signed positions, never larger than held and never on the other side.

    """
    if not all(plan.get(leg) for leg in held):
        whole = all(held.values())
        return {leg: quantity if whole else _ZERO for leg, quantity in held.items()}
    share = min(max(quantity / plan[leg], _ZERO) for leg, quantity in held.items())
    keeps = {leg: _keep(plan[leg] * share, quantity, lots[leg]) for leg, quantity in held.items()}
    if all(abs(quantity) >= (lots[leg].minimum or lots[leg].step) for leg, quantity in keeps.items()):
        return keeps
    return dict.fromkeys(held, _ZERO)


def _keep(wanted: Decimal, held: Decimal, lot: Lot) -> Decimal:
    return held if abs(held - wanted) < lot.step else lot.floor(wanted)
