"""Prices out of NautilusTrader's cache, with where they come from and when they came."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_trader.model.enums import PriceType

if TYPE_CHECKING:
    from nautilus_trader.cache.base import CacheFacade
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.instruments import Instrument

_NAN = float("nan")


def last_price(cache: CacheFacade, instrument_id: InstrumentId) -> float | None:
    """Return mid, else last trade, else last bar's close, or ``None`` when nothing came yet."""
    quote = cache.quote_tick(instrument_id)
    if quote is not None:
        return (float(quote.bid_price) + float(quote.ask_price)) / 2.0
    trade = cache.trade_tick(instrument_id)
    if trade is not None:
        return float(trade.price)
    price = cache.price(instrument_id, PriceType.LAST)
    return None if price is None else float(price)


def notional_of(
    cache: CacheFacade,
    instrument: Instrument,
    quantity: float,
    price: float | None,
    currency: str | None,
) -> float:
    """
    Return the value of a quantity, NaN when a price or an exchange rate is missing.

    Parameters
    ----------
    cache
        Where prices are.
    instrument
        Its multiplier, and whether it is inverse, count.
    quantity
        Base coin, or contracts.
    price
        Limit price [quote currency]; ``None`` takes the last price known.
    currency
        Reporting currency; ``None`` leaves the value in the instrument's own.

    """
    size = quantity * float(instrument.multiplier)
    if instrument.is_inverse:
        return size * rate(cache, instrument.quote_currency.code, currency)
    at = price if price is not None else last_price(cache, instrument.id)
    if at is None:
        return _NAN
    return size * at * rate(cache, instrument.quote_currency.code, currency)


DOLLARS = frozenset({"USD", "USDT", "USDC", "FDUSD", "USDE", "DAI"})
"""Currencies taken as worth one dollar; few nodes subscribe a market among them."""


def is_par(one: str, other: str | None) -> bool:
    """Tell whether two currencies are taken as worth the same."""
    return one == other or (one in DOLLARS and other in DOLLARS)


def rate(cache: CacheFacade, base: str, quote: str | None) -> float:
    """
    Return the price of one unit of `base` in `quote`; NaN when no instrument in the cache tells.

    Dollar stablecoins count as one dollar each (`DOLLARS`).
    """
    if quote is None or is_par(base, quote):
        return 1.0
    for instrument in cache.instruments():
        listed = instrument.base_currency
        if listed is None or listed.code != base or instrument.is_inverse:
            continue
        if is_par(instrument.quote_currency.code, quote):
            price = last_price(cache, instrument.id)
            if price is not None:
                return price
    return _NAN
