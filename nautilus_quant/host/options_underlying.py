"""What an underlying costs where its options do not say: a future of the same expiry, a perpetual, spot."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from nautilus_trader.model.instruments import CryptoFuture, CryptoPerpetual, CurrencyPair

from nautilus_quant.host.touch import mid_of
from nautilus_quant.host.valuation import DOLLARS

if TYPE_CHECKING:
    from nautilus_trader.cache.base import CacheFacade
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.instruments import Instrument

UNKNOWN = (math.nan, 0, "")
_SPOT = (CryptoPerpetual, CurrencyPair)


def coin_of(instrument: Instrument | None) -> str | None:
    """
    Return which coin an instrument moves like; ``None`` of those that move like none.

    A future moves like what it is written on; a perpetual and a pair like their base currency, against a
    dollar: against another coin they move like both.
    """
    if isinstance(instrument, CryptoFuture):
        return str(instrument.underlying.code)
    if isinstance(instrument, _SPOT) and instrument.quote_currency.code in DOLLARS:
        return str(instrument.base_currency.code)
    return None


def moves_like(instrument: Instrument, underlying: str) -> bool:
    """Tell whether an instrument is a future of a coin, its perpetual, or the coin against a dollar."""
    return coin_of(instrument) == underlying


class Underlyings:
    """
    Finds prices of underlyings in the cache.

    Parameters
    ----------
    cache
        Of the node.

    """

    def __init__(self, cache: CacheFacade) -> None:
        self._cache = cache
        self._count = -1
        self._futures: dict[tuple[str, int], list[InstrumentId]] = {}
        self._others: dict[str, list[InstrumentId]] = {}

    def price(self, underlying: str, expiry: int) -> tuple[float, int, str]:
        """
        Return the best price for an expiry, when it is from, UNIX time [ns], and where.

        ``"future"`` of exactly that expiry, else ``"spot"``: of a perpetual or a pair against a dollar,
        whichever is the latest. NaN without any.
        """
        self._look()
        found = self._latest(self._futures.get((underlying, expiry), ()))
        if math.isfinite(found[0]):
            return (*found, "future")
        found = self._latest(self._others.get(underlying, ()))
        return (*found, "spot") if math.isfinite(found[0]) else UNKNOWN

    def _latest(self, listed: Any) -> tuple[float, int]:
        best = (math.nan, 0)
        for instrument_id in listed:
            quote = self._cache.quote_tick(instrument_id)
            if quote is not None and quote.ts_init >= best[1]:
                middle = mid_of(quote)
                best = (middle, quote.ts_init) if middle > 0.0 else best
            mark = self._cache.mark_price(instrument_id)
            if mark is not None and mark.ts_init > best[1]:
                best = (mark.value.as_double(), mark.ts_init)
        return best

    def _look(self) -> None:
        instruments: list[Instrument] = self._cache.instruments()
        if len(instruments) == self._count:
            return
        self._count = len(instruments)
        self._futures.clear()
        self._others.clear()
        for instrument in instruments:
            if isinstance(instrument, CryptoFuture):
                key = (instrument.underlying.code, int(instrument.expiration_ns))
                self._futures.setdefault(key, []).append(instrument.id)
            elif (coin := coin_of(instrument)) is not None:
                self._others.setdefault(coin, []).append(instrument.id)
