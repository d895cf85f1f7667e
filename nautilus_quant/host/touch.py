"""What a quote says, read in one way by all who price options and hedges: 0 is how venues write "nobody"."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nautilus_trader.model.data import QuoteTick


def touch_of(quote: QuoteTick) -> tuple[float, float]:
    """
    Return bid and ask that can be traded at; NaN where the price is not above 0, or nothing is there.

    Not of spreads, whose prices may be below 0.
    """
    bid = quote.bid_price.as_double() if quote.bid_size.raw else math.nan
    ask = quote.ask_price.as_double() if quote.ask_size.raw else math.nan
    return bid if bid > 0.0 else math.nan, ask if ask > 0.0 else math.nan


def mid_of(quote: QuoteTick) -> float:
    """Return the middle of bid and ask; NaN unless both are above 0. How much is there does not count."""
    bid, ask = quote.bid_price.as_double(), quote.ask_price.as_double()
    return float(0.5 * (bid + ask)) if bid > 0.0 and ask > 0.0 else math.nan
