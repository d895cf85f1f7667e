"""Options that bring a book's gamma or vega back within their limits."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from nautilus_quant.gating.intent import Side
from nautilus_quant.host.fees import FeeBook
from nautilus_quant.options.hedging import SECOND, Plan
from nautilus_quant.options.hedging_limits import option_hedge
from nautilus_quant.options.hedging_market import Candidate, Style, units_of

if TYPE_CHECKING:
    from nautilus_trader.model.data import QuoteTick
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.system.kernel import NautilusKernel

    from nautilus_quant.host.options import OptionDesk
    from nautilus_quant.options.contract import Contract
    from nautilus_quant.options.hedging import Hedger
    from nautilus_quant.options.hedging_limits import Net

_WIDE = 0.2
"""Half spread from which on an option is nothing to hedge with [fraction of its price]."""
_PAUSE = 5 * SECOND
"""Between two searches: all options are priced for each."""


class _Offer(NamedTuple):
    """An option that is quoted: what one contract moves and costs."""

    candidate: Candidate
    gamma_1pct: float
    vega: float
    cost: float


class OptionOffers:
    """
    Finds the cheapest option against too much gamma or vega.

    Parameters
    ----------
    kernel
        The node.
    underlying
        Which coin.
    desk
        Knows the options.
    max_age
        Age from which on a quote counts no more [s].

    """

    def __init__(self, kernel: NautilusKernel, underlying: str, desk: OptionDesk, max_age: float) -> None:
        self._cache = kernel.cache
        self._underlying = underlying
        self._desk = desk
        self._max_age = round(max_age * SECOND)
        self._fees = FeeBook.on(kernel.msgbus)
        self._again = 0

    def plan(self, net: Net, hedger: Hedger, now: int) -> Plan | None:
        """Return an order that brings gamma and vega back, or nothing while they are within limits."""
        limits = hedger.params.limits
        over = abs(net.gamma_1pct) > limits.gamma_1pct or abs(net.vega) > limits.vega
        if not over or not hedger.may_send(now, is_option=True) or now < self._again:
            return None
        self._again = now + _PAUSE
        offers = [one for one in self._offers(now) if hedger.trusts(one.candidate.name, now)]
        found = option_hedge(
            net, [o.gamma_1pct for o in offers], [o.vega for o in offers], [o.cost for o in offers], limits
        )
        return None if found is None else self._order(offers[found.option], found.quantity, net, hedger)

    def _order(self, offer: _Offer, wanted: float, net: Net, hedger: Hedger) -> Plan | None:
        one, side = offer.candidate, Side.BUY if wanted > 0.0 else Side.SELL
        there = one.ask_size if side is Side.BUY else one.bid_size
        quantity = units_of(one, side * min(abs(wanted), there))
        if not quantity:
            return None
        return Plan(
            instrument=one.name,
            side=side,
            quantity=quantity,
            price=one.ask if side is Side.BUY else one.bid,
            style=Style.TAKE,
            mode=hedger.mode,
            coins=side * float(quantity) * one.delta,
            arrival=one.mid,
            before=net.delta,
            reason=f"net gamma {net.gamma_1pct:.6g} coins for 1 %, net vega {net.vega:.6g} per vol point",
            is_option=True,
        )

    def _offers(self, now: int) -> list[_Offer]:
        found = []
        for instrument_id, contract in self._desk.contracts(self._underlying).items():
            quote = self._cache.quote_tick(instrument_id)
            if quote is None or not 0 <= now - quote.ts_init <= self._max_age:
                continue
            offer = self._offer(instrument_id, contract, quote)
            if offer is not None:
                found.append(offer)
        return found

    def _offer(self, instrument_id: InstrumentId, contract: Contract, quote: QuoteTick) -> _Offer | None:
        instrument: Instrument = self._cache.instrument(instrument_id)
        bid, ask = quote.bid_price.as_double(), quote.ask_price.as_double()
        greeks, forward = self._desk.greeks(instrument_id, 1.0), self._desk.forward(contract).value
        if greeks is None or not 0.0 < bid <= ask or (ask - bid) / (ask + bid) > _WIDE:
            return None
        least = instrument.min_quantity
        candidate = Candidate(
            name=instrument_id.value,
            bid=bid,
            ask=ask,
            bid_size=quote.bid_size.as_double(),
            ask_size=quote.ask_size.as_double(),
            # Counted in contracts here; what they move in coins is their delta, which is hedged afterwards.
            delta=1.0,
            lot=instrument.size_increment.as_decimal(),
            least=Decimal(0) if least is None else least.as_decimal(),
        )
        fee = self._fees.expected(instrument, 1.0, candidate.mid)
        scale = forward if contract.coin_settled else 1.0
        cost = (0.5 * (ask - bid) * contract.multiplier + fee) * scale
        if not math.isfinite(cost):
            return None
        return _Offer(candidate, float(greeks.gamma_1pct), float(greeks.vega) * forward, max(cost, 0.0))
