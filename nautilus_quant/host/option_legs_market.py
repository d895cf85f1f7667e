"""The options a strategy looks at: heard while they matter, and priced for its rules."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_quant.host.fees import FeeBook
from nautilus_quant.host.options import OptionDesk
from nautilus_quant.host.touch import touch_of
from nautilus_quant.options.spread_book import Touch
from nautilus_quant.options.spread_build import DAY, Quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.trading.strategy import Strategy

    from nautilus_quant.options.contract import Contract

_NEAR = 2
"""Expiries heard for each number of days wanted: the nearest may not have all options."""
_SECOND = 1_000_000_000
_NOBODY = Touch(math.nan, math.nan)


class OptionMarket:
    """
    Subscribes options on one underlying for a strategy, and tells their prices.

    Parameters
    ----------
    strategy
        For which.
    underlying
        The coin, e.g. ``"BTC"``.
    coin_settled
        Whether options settled in the coin are meant; those settled in money otherwise.
    width
        Farthest strikes that are heard, as a distance from the forward [fraction].

    """

    def __init__(self, strategy: Strategy, underlying: str, *, coin_settled: bool, width: float) -> None:
        self._strategy = strategy
        self._venue = strategy.config.instrument.venue
        self._underlying = underlying
        self._coin_settled = coin_settled
        self._width = width
        self._heard: set[InstrumentId] = set()
        self._fees = FeeBook.on(strategy.msgbus)
        self.desk = OptionDesk.on(strategy.msgbus, strategy.cache, strategy.clock)

    def hear(self, days: Sequence[float], also: Iterable[InstrumentId] = ()) -> None:
        """
        Hear the options of the expiries nearest to some numbers of days, and others; leave the rest.

        Parameters
        ----------
        days
            To the expiries wanted [days].
        also
            What is held.

        """
        listed = self._listed()
        now = self._strategy.clock.timestamp_ns()
        expiries = sorted({contract.expiry for contract in listed.values()})
        chosen: set[int] = set()
        for wanted in days:
            near = sorted(expiries, key=lambda expiry: abs(expiry - now - wanted * DAY))
            chosen.update(near[:_NEAR])
        wanted_now = {name for name, c in listed.items() if c.expiry in chosen and self._is_near(c)}
        wanted_now |= set(also)
        for name in sorted(wanted_now - self._heard):
            self._strategy.subscribe_quote_ticks(name)
            self._strategy.subscribe_option_greeks(name)
        for name in sorted(self._heard - wanted_now):
            self._strategy.unsubscribe_quote_ticks(name)
            self._strategy.unsubscribe_option_greeks(name)
        self._heard = wanted_now

    def quoted(self) -> list[Quoted]:
        """Return the options heard, with what is known of their forwards, volatilities and prices."""
        found = []
        for name, contract in self._listed().items():
            if name in self._heard:
                touch = self.touch(name)
                forward, vol = self.desk.forward(contract).value, self.desk.vol(contract).value
                found.append(Quoted(contract, forward, vol, touch.bid, touch.ask))
        return found

    def touch(self, name: InstrumentId) -> Touch:
        """Return the best prices of an option; NaN where nobody quotes, or not lately."""
        quote = self._strategy.cache.quote_tick(name)
        if quote is None or not 0 <= self._age(quote.ts_init) <= self.desk.max_age * _SECOND:
            return _NOBODY
        return Touch(*touch_of(quote))

    def fee(self, name: InstrumentId, quantity: Decimal, price: float) -> float:
        """Return what a fill would be charged [settlement currency]; NaN without a price."""
        instrument = self._strategy.cache.instrument(name)
        return abs(self._fees.expected(instrument, abs(float(quantity)), price))

    def _listed(self) -> dict[InstrumentId, Contract]:
        return {
            name: contract
            for name, contract in self.desk.contracts(self._underlying).items()
            if contract.coin_settled == self._coin_settled and name.venue == self._venue
        }

    def _is_near(self, contract: Contract) -> bool:
        """Tell whether a strike matters; all do where nobody knows the forward."""
        forward = self.desk.forward(contract).value
        return not forward > 0.0 or abs(contract.strike / forward - 1.0) <= self._width

    def _age(self, ts: int) -> int:
        return int(self._strategy.clock.timestamp_ns() - ts)
