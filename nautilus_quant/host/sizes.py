"""Sizes of orders, exactly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_trader.model.objects import Quantity

if TYPE_CHECKING:
    from decimal import Decimal

    from nautilus_trader.model.instruments import Instrument


def whole_steps(instrument: Instrument, quantity: Decimal) -> Quantity:
    """
    Return a quantity rounded down to what can be traded.

    Not by ``make_qty(..., round_down=True)``, which goes through a float and makes 7.26 of 7.27.
    """
    step = instrument.size_increment.as_decimal()
    return Quantity(quantity // step * step, instrument.size_precision)
