"""Prices at which an order rests instead of taking."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, NamedTuple

from nautilus_quant.gating.intent import Side

if TYPE_CHECKING:
    from nautilus_trader.model.data import Bar, QuoteTick


class Touch(NamedTuple):
    """
    The best prices of a market.

    Parameters
    ----------
    bid, ask
        What others pay, and ask for [quote currency].

    """

    bid: Decimal
    ask: Decimal

    @classmethod
    def of(cls, side: Side, quote: QuoteTick | None, bar: Bar, tick: Decimal) -> Touch:
        """
        Return where an order of `side` meets the market.

        Without a quote since the bar began the market is taken to be at its close, where an order takes.
        """
        if quote is not None and quote.ts_event >= bar.ts_event - bar.bar_type.spec.get_interval_ns():
            return cls(quote.bid_price.as_decimal(), quote.ask_price.as_decimal())
        close = bar.close.as_decimal()
        return cls(close - tick, close) if side is Side.BUY else cls(close, close + tick)

    def takes(self, side: Side, price: Decimal) -> bool:
        """Tell whether an order at a price would trade at once."""
        return price >= self.ask if side is Side.BUY else price <= self.bid

    def rest(self, side: Side, price: Decimal, away: Decimal) -> Decimal:
        """Return the price itself, or where it would take the best price that does not; `away` from both."""
        if self.takes(side, price):
            price = self.bid if side is Side.BUY else self.ask
        return price - side * away


def to_tick(side: Side, price: float, tick: Decimal) -> Decimal:
    """Return a price rounded to ticks, never to the worse for whoever rests there [quote currency]."""
    exact = Decimal(f"{price:.12g}")  # what floats add behind must not cost a tick
    rounding = ROUND_FLOOR if side is Side.BUY else ROUND_CEILING
    return (exact / tick).to_integral_value(rounding=rounding) * tick
