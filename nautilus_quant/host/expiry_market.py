"""What the market says about options that expire: prices, where to roll to, and what it costs."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from nautilus_trader.model.enums import OrderSide

from nautilus_quant.host.fees import FeeBook
from nautilus_quant.host.options import OptionDesk
from nautilus_quant.host.touch import touch_of
from nautilus_quant.options.black76 import greeks
from nautilus_quant.options.contract import years
from nautilus_quant.options.expiry_rules import Outlook
from nautilus_quant.options.expiry_target import candidates, choose_target

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nautilus_trader.common.actor import Actor
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.instruments import Instrument

    from nautilus_quant.host.expiry_settings import ExpirySettings
    from nautilus_quant.options.contract import Contract

_SECOND = 1_000_000_000


class Touch(NamedTuple):
    """Best prices as quoted; NaN where nobody quotes, or the quote is too old."""

    bid: float = math.nan
    ask: float = math.nan

    def of(self, side: OrderSide) -> float:
        """Return what an order of a side meets."""
        return self.ask if side == OrderSide.BUY else self.bid

    def times(self, factor: float) -> Touch:
        """Return them in another unit."""
        return Touch(self.bid * factor, self.ask * factor)


class Combination(NamedTuple):
    """
    A spread instrument that rolls.

    Parameters
    ----------
    instrument
        What is traded.
    side
        Of the order.
    touch
        Its best prices.
    size
        How much is quoted on the other side [contracts].

    """

    instrument: Instrument
    side: OrderSide
    touch: Touch
    size: Decimal


class ExpiryMarket:
    """
    The market as the rules need it.

    Parameters
    ----------
    host
        Actor whose bus, cache and clock it uses.
    settings
        How options are left.

    """

    def __init__(self, host: Actor, settings: ExpirySettings) -> None:
        self._host = host
        self._cache = host.cache
        self._settings = settings
        self._fees = FeeBook.on(host.msgbus)
        self._desk = OptionDesk.on(host.msgbus, host.cache, host.clock)
        self._heard: dict[InstrumentId, set[str]] = {}

    # -- quotes ------------------------------------------------------------------------------------

    def hear(self, who: str, instrument_ids: Iterable[InstrumentId]) -> None:
        """Subscribe quotes and greeks of instruments for somebody; those it asked for before stay."""
        for instrument_id in instrument_ids:
            users = self._heard.setdefault(instrument_id, set())
            if not users:
                self._host.subscribe_quote_ticks(instrument_id)
                self._host.subscribe_option_greeks(instrument_id)
            users.add(who)

    def unhear(self, who: str) -> None:
        """Let go of what somebody asked for and nobody else needs."""
        for instrument_id, users in list(self._heard.items()):
            users.discard(who)
            if not users:
                del self._heard[instrument_id]
                self._host.unsubscribe_quote_ticks(instrument_id)
                self._host.unsubscribe_option_greeks(instrument_id)

    def unhear_all(self) -> None:
        """Let go of everything."""
        for who in {who for users in self._heard.values() for who in users}:
            self.unhear(who)

    def touch(self, instrument_id: InstrumentId) -> Touch:
        """Return the best prices of an instrument as they are quoted."""
        quote = self._cache.quote_tick(instrument_id)
        now = self._host.clock.timestamp_ns()
        if quote is None or now - quote.ts_init > float(self._settings.max_age) * _SECOND:
            return Touch()
        if not self._cache.instrument(instrument_id).is_spread():
            return Touch(*touch_of(quote))
        return Touch(
            quote.bid_price.as_double() if quote.bid_size.raw else math.nan,
            quote.ask_price.as_double() if quote.ask_size.raw else math.nan,
        )

    def contract(self, instrument_id: InstrumentId) -> Contract | None:
        """Return what an instrument pays; ``None`` when it is no option."""
        return self._desk.contract(instrument_id)

    def window(self, instrument_id: InstrumentId) -> float:
        """Return how long a venue averages the index for its settlement price [s]."""
        info = getattr(self._cache.instrument(instrument_id), "info", None) or {}
        told = info.get("settlement_window_s")
        return float(told) if isinstance(told, int | float) else float(self._settings.average)

    # -- values ------------------------------------------------------------------------------------

    def forward(self, contract: Contract) -> float:
        """Return the forward of an expiry; NaN when nobody knows."""
        return self._desk.forward(contract).value

    def unit(self, contract: Contract) -> float:
        """Return what one unit of the premium's currency is worth [forward's currency]."""
        return self.forward(contract) if contract.coin_settled else 1.0

    def delta(self, contract: Contract) -> float:
        """Return the delta of an option now; NaN when nobody knows."""
        forward, vol = self.forward(contract), self._desk.vol(contract).value
        left = years(self._host.clock.timestamp_ns(), contract.expiry)
        if not (forward > 0.0 and vol > 0.0 and left > 0.0):
            return math.nan
        return float(greeks(forward, contract.strike, left, vol, contract.call).delta)

    def fee(self, contract: Contract, instrument: Instrument, price: float) -> float:
        """Return what a trade at a quoted price costs, per unit of underlying [forward's currency]."""
        if not price >= 0.0:
            return 0.0
        contracts = 1.0 / contract.multiplier
        return self._fees.expected(instrument, contracts, price) * self.unit(contract)

    def outlook(self, instrument: Instrument, contract: Contract, *, long: bool, rolled: bool) -> Outlook:
        """Return a position as the rules see it."""
        quoted = self.touch(instrument.id)
        touch = quoted.times(self.unit(contract))
        meets = quoted.of(OrderSide.SELL if long else OrderSide.BUY)
        return Outlook(
            now=self._host.clock.timestamp_ns(),
            contract=contract,
            long=long,
            forward=self.forward(contract),
            vol=self._desk.vol(contract).value,
            bid=touch.bid,
            ask=touch.ask,
            fee=self.fee(contract, instrument, meets),
            rolled=rolled,
        )

    # -- rolling -----------------------------------------------------------------------------------

    def alike(self, held: Contract, instrument: Instrument) -> list[Contract]:
        """Return the options of the next expiry at the same venue a position may be rolled to."""
        venue = instrument.id.venue
        listed = self._desk.contracts(held.underlying)
        return candidates(
            held,
            (contract for instrument_id, contract in listed.items() if instrument_id.venue == venue),
            least=round(float(self._settings.next_after) * _SECOND),
            most=self._settings.candidates,
        )

    def target(self, held: Contract, instrument: Instrument) -> Contract | None:
        """Return the option a position is rolled to; ``None`` when there is none near enough."""
        return choose_target(
            held,
            self.alike(held, instrument),
            self._settings.by,
            self.delta,
            tolerance=float(self._settings.strike_tolerance),
        )

    def combination(self, old: InstrumentId, new: InstrumentId, *, long: bool) -> Combination | None:
        """
        Return the spread instrument that rolls, and which way; ``None`` when its venue has none.

        Only one that names its legs: NautilusTrader books the fills of a spread by them, and of one without
        (`CryptoOptionSpread`, as Deribit's combos) it would book nothing.
        """
        for instrument in self._cache.instruments(venue=old.venue):
            if not instrument.is_spread():
                continue
            legs = dict(instrument.legs())
            if set(legs) != {old, new} or sorted(legs.values()) != [-1, 1]:
                continue
            # Whoever is long sells the old leg and buys the new one.
            buys = (legs[new] > 0) is long
            side = OrderSide.BUY if buys else OrderSide.SELL
            quote = self._cache.quote_tick(instrument.id)
            size = Decimal(0)
            if quote is not None:
                size = (quote.ask_size if buys else quote.bid_size).as_decimal()
            return Combination(instrument, side, self.touch(instrument.id), size)
        return None
