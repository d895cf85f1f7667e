"""From a target exposure to an order: how much, and whether it is worth trading at all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """
    What sizes an instrument can be traded in.

    Parameters
    ----------
    step
        Size increment [base coin, or contracts]; positive.
    minimum, maximum
        Bounds of one order [same unit]; ``None`` where the venue sets none.

    """

    step: Decimal
    minimum: Decimal | None = None
    maximum: Decimal | None = None

    def floor(self, quantity: Decimal) -> Decimal:
        """Round the absolute value down to the step, keeping the sign."""
        steps = (abs(quantity) / self.step).to_integral_value(rounding=ROUND_DOWN)
        return (steps * self.step).copy_sign(quantity) if steps else _ZERO


def target_quantity(exposure: float, budget: float, unit_value: float, lot: Lot) -> Decimal | None:
    """
    Return the signed position that holds `exposure` of a budget.

    Parameters
    ----------
    exposure
        Share of the budget [-1, 1]; its sign is the side.
    budget
        Value of a full position: ``allocation * equity * leverage`` [reporting currency].
    unit_value
        Value of one unit [reporting currency].
    lot
        Sizes it can be traded in.

    Returns
    -------
    Decimal or None
        ``None`` when it cannot be told (NaN, no price, no equity): leave the position alone.

    """
    if exposure == 0.0:
        return _ZERO
    if not (math.isfinite(exposure) and math.isfinite(budget) and budget >= 0.0):
        return None
    if not (math.isfinite(unit_value) and unit_value > 0.0):
        return None
    return lot.floor(Decimal(repr(max(-1.0, min(1.0, exposure)) * budget / unit_value)))


def order_quantity(current: Decimal, target: Decimal, full: Decimal, threshold: float, lot: Lot) -> Decimal:
    """
    Return the signed quantity to trade now; zero when the difference is not worth an order.

    A difference below ``threshold * full`` is left alone, so that prices and equity which wander
    do not churn the position; going flat and changing sides are always done.

    Parameters
    ----------
    current, target
        Signed position now, and wanted.
    full
        Size of a full position, as the measure of the threshold.
    threshold
        Share of a full position [-], typically 0.02 to 0.2; more trades less.
    lot
        Sizes it can be traded in.

    """
    difference = target - current
    if not difference:
        return _ZERO
    crosses = current * target <= 0
    if not crosses and abs(difference) < abs(full) * Decimal(repr(threshold)):
        return _ZERO
    if lot.maximum is not None and abs(difference) > lot.maximum:
        difference = lot.maximum.copy_sign(difference)
    if target == 0:
        return difference  # all of it, also a rest smaller than a step
    difference = lot.floor(difference)
    if lot.minimum is not None and abs(difference) < lot.minimum:
        return _ZERO
    return difference
