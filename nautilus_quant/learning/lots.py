"""The sizing rule of `nautilus_quant.portfolio.sizing` in whole steps: the same answers without decimals."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from nautilus_quant.portfolio.sizing import Lot

_DOUBT = 1e-14
"""Relative distance from a whole step below which floats cannot tell on which side of it a number is."""
_LARGEST = 1e300


class WholeSteps:
    """
    How many steps to hold, and to trade.

    Positions and orders are counted in size increments, so all but one division is exact arithmetic of
    integers; where that division ends too close to a whole number for floats, decimals decide.

    Parameters
    ----------
    lot
        Sizes an instrument can be traded in.
    threshold
        Least change worth an order [fraction of a full position].

    Raises
    ------
    ValueError
        If the step is not positive or exceeds the maximum, or the threshold lies outside [0, 1].

    """

    __slots__ = ("_least", "_lot", "_most", "_numerator", "_over", "step")

    def __init__(self, lot: Lot, threshold: float) -> None:
        require(lot.step > 0, "step > 0 [base coin, or contracts]", lot.step)
        require(0.0 <= threshold <= 1.0, "0 <= threshold <= 1 [fraction]", threshold)
        self._lot = lot
        self.step = float(lot.step)
        self._least = 0
        if lot.minimum is not None:
            self._least = int((lot.minimum / lot.step).to_integral_value(rounding=ROUND_CEILING))
        self._most: int | None = None
        if lot.maximum is not None:
            self._most = int(lot.maximum / lot.step)
            require(self._most >= 1, "maximum >= step [base coin, or contracts]", lot.maximum)
        self._numerator, self._over = Decimal(repr(threshold)).as_integer_ratio()

    def wanted(self, exposure: float, budget: float, unit: float) -> int | None:
        """
        Return the position that holds `exposure` of a budget [steps].

        Parameters
        ----------
        exposure
            Share of the budget; beyond [-1, 1] it is cut.
        budget
            Value of a full position [reporting currency].
        unit
            Value of one unit [reporting currency]; positive and finite.

        Returns
        -------
        int or None
            ``None`` when it cannot be told: then the position is to be left alone.

        """
        if exposure == 0.0:
            return 0
        share = exposure if -1.0 <= exposure <= 1.0 else math.copysign(1.0, exposure)
        quantity = share * budget / unit
        steps = quantity / self.step
        if not (budget >= 0.0 and -_LARGEST < steps < _LARGEST):
            return None
        whole = int(steps)
        rest, doubt = abs(steps - whole), _DOUBT * abs(steps)
        if doubt < rest < 1.0 - doubt:
            return whole
        return int(self._lot.floor(Decimal(repr(quantity))) / self._lot.step)

    def order(self, current: int, target: int, full: int) -> int:
        """
        Return what to trade now [steps], 0 when the difference is not worth an order.

        Parameters
        ----------
        current, target
            Signed position now, and wanted [steps].
        full
            Size of a full position [steps], the measure of the threshold.

        """
        difference = target - current
        size = abs(difference)
        if current * target > 0 and size * self._over < abs(full) * self._numerator:
            return 0
        if self._most is not None and size > self._most:
            size = self._most
        if target and size < self._least:
            return 0
        return size if difference > 0 else -size
