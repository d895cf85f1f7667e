"""The instruments a book can be hedged with, and what they cost now."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.instruments import CryptoFuture, CryptoPerpetual

from nautilus_quant.host.fees import FeeBook
from nautilus_quant.host.hedging_net import unit_delta
from nautilus_quant.host.options_underlying import coin_of
from nautilus_quant.host.routing import client_of
from nautilus_quant.host.touch import mid_of
from nautilus_quant.options.hedging import SECOND
from nautilus_quant.options.hedging_market import Candidate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nautilus_trader.model.data import QuoteTick
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.system.kernel import NautilusKernel

_EIGHT_HOURS = 28_800.0
_SOON = 3_600 * SECOND


class HedgeMarket:
    """
    Lists what one underlying can be hedged with.

    Parameters
    ----------
    kernel
        The node.
    underlying
        Which coin.
    chosen
        Instruments in question; none for every perpetual, future and dollar pair of the coin in the cache.
    max_age
        Age from which on a quote counts no more [s].

    """

    def __init__(
        self, kernel: NautilusKernel, underlying: str, chosen: Sequence[str], max_age: float
    ) -> None:
        self._kernel = kernel
        self._cache = kernel.cache
        self._underlying = underlying
        self._chosen = [InstrumentId.from_str(name) for name in chosen]
        self._max_age = round(max_age * SECOND)
        self._fees = FeeBook.on(kernel.msgbus)
        self._seen = -1
        self._listed: dict[InstrumentId, Instrument] = {}

    def listed(self) -> dict[InstrumentId, Instrument]:
        """Return the instruments in question that the cache knows."""
        known = self._cache.instruments()
        if len(known) != self._seen:
            self._seen = len(known)
            self._listed = {
                one.id: one
                for one in known
                if coin_of(one) == self._underlying and (not self._chosen or one.id in self._chosen)
            }
        return self._listed

    def price(self, instrument_id: InstrumentId) -> float:
        """Return the middle of an instrument's last quote of both sides, however old; NaN without one."""
        quote = self._cache.quote_tick(instrument_id)
        return math.nan if quote is None else mid_of(quote)

    def candidates(self) -> list[Candidate]:
        """Return what can be traded now: with a fresh quote of both sides, and not about to expire."""
        now = self._kernel.clock.timestamp_ns()
        found = []
        for instrument_id, instrument in self.listed().items():
            quote = self._cache.quote_tick(instrument_id)
            if quote is None or not 0 <= now - quote.ts_init <= self._max_age:
                continue
            if not mid_of(quote) > 0.0:
                continue
            if isinstance(instrument, CryptoFuture) and instrument.expiration_ns - now < _SOON:
                continue
            found.append(self._candidate(instrument, quote))
        return found

    def _candidate(self, instrument: Instrument, quote: QuoteTick) -> Candidate:
        buys, sells = self._room(instrument, quote)
        least = instrument.min_quantity
        return Candidate(
            name=instrument.id.value,
            bid=quote.bid_price.as_double(),
            ask=quote.ask_price.as_double(),
            bid_size=quote.bid_size.as_double(),
            ask_size=quote.ask_size.as_double(),
            delta=unit_delta(instrument, mid_of(quote)),
            lot=instrument.size_increment.as_decimal(),
            least=Decimal(0) if least is None else least.as_decimal(),
            taker=self._fees.rate(instrument),
            maker=self._fees.rate(instrument, passive=True),
            funding=self._funding(instrument),
            buys=buys,
            sells=sells,
        )

    def _room(self, instrument: Instrument, quote: QuoteTick) -> tuple[float, float]:
        """Return what one order can buy and sell: its largest size; without margin, what there is."""
        most = math.inf if instrument.max_quantity is None else float(instrument.max_quantity)
        # By the client orders go to: an adapter may name its accounts otherwise than its venue.
        client = client_of(self._kernel.exec_engine, instrument.id.venue)
        account_id = None if client is None else client.account_id
        account = None if account_id is None else self._cache.account(account_id)
        if account is None or not account.is_cash_account:
            return most, most
        money, coins = (
            account.balance_free(c) for c in (instrument.quote_currency, instrument.base_currency)
        )
        buys = 0.0 if money is None else money.as_double() / quote.ask_price.as_double()
        return min(most, buys), min(most, 0.0 if coins is None else coins.as_double())

    def _funding(self, instrument: Instrument) -> float:
        """Return what a long position pays each second, by the last rate known; 0 when none is."""
        update = self._cache.funding_rate(instrument.id) if isinstance(instrument, CryptoPerpetual) else None
        if update is None:
            return 0.0
        seconds = 60.0 * float(update.interval) if update.interval else _EIGHT_HOURS
        return float(update.rate) / seconds
