"""Whether a venue's greeks are what its own volatility and forward come to."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nautilus_quant.host.options_contract import decimal_vol
from nautilus_quant.options.venue_greeks import Check, Convention, VenueGreeks, cross_check

if TYPE_CHECKING:
    from nautilus_trader.model.data import OptionGreeks
    from nautilus_trader.model.identifiers import InstrumentId

    from nautilus_quant.host.options import OptionDesk
    from nautilus_quant.options.contract import Contract

_TELLS_INDEX = frozenset({"OKX"})
"""Venues whose greeks name the index where others name the forward."""


def venue_greeks(told: OptionGreeks) -> VenueGreeks:
    """Return what a venue told of an option as the rules take it."""
    price = told.underlying_price
    is_forward = price is not None and told.instrument_id.venue.value not in _TELLS_INDEX
    return VenueGreeks(
        ts=told.ts_init,
        delta=told.delta,
        gamma=told.gamma,
        vega=told.vega,
        theta=told.theta,
        mark_iv=decimal_vol(told.mark_iv),
        underlying_price=float(price) if is_forward else math.nan,
        convention=Convention(str(told.convention)),
    )


def checks(desk: OptionDesk, underlying: str, venue: str | None = None) -> dict[InstrumentId, Check]:
    """
    Check the venue's greeks of the call nearest to the money of every expiry, where they say most.

    Parameters
    ----------
    desk
        Knows the options, and what venues told of them.
    underlying, venue
        Which ones; ``None`` takes all venues.

    Returns
    -------
    dict
        By option; those whose greeks no venue told lately are left out.

    """
    nearest: dict[int, tuple[float, InstrumentId, Contract, OptionGreeks]] = {}
    for instrument_id, contract in desk.contracts(underlying).items():
        told = desk.greeks_of_venue(instrument_id)
        if told is None or not contract.call or venue not in {None, instrument_id.venue.value}:
            continue
        away = abs(math.log(contract.strike / desk.forward(contract).value))
        if away < nearest.get(contract.expiry, (math.inf,))[0]:
            nearest[contract.expiry] = (away, instrument_id, contract, told)
    found = {}
    for _, instrument_id, contract, told in nearest.values():
        forward, vol = desk.forward(contract).value, desk.vol(contract).value
        check = cross_check(venue_greeks(told), contract, desk.now(), forward=forward, vol=vol)
        if check.fresh:
            found[instrument_id] = check
    return found
