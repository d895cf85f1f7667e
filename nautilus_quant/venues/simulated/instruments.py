"""The instruments as NautilusTrader sees them."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CryptoPerpetual, CurrencyPair, Instrument
from nautilus_trader.model.objects import Currency, Money, Price, Quantity

from nautilus_quant.venues.simulated.listing import Listing
from nautilus_quant.venues.simulated.outlet import Outlet

_PERP_FEES: Final = (Decimal("0.0002"), Decimal("0.0005"))
_SPOT_FEES: Final = (Decimal("0.0010"), Decimal("0.0010"))
_MIN_NOTIONAL: Final = Money(5, USDT)
_LARGEST: Final = 2_000_000.0
"""Value of the largest order [USDT, at the starting price]."""


def instrument_id(listing: Listing, venue: str) -> InstrumentId:
    """Name an instrument of the market at a venue."""
    return InstrumentId(Symbol(listing.symbol), Venue(venue))


def instrument(listing: Listing, venue: str, outlet: Outlet | None = None) -> Instrument:
    """
    Describe an instrument of the market.

    Fees are those of a large venue's ordinary customer: 2 and 5 basis points for making and taking on
    perpetuals, 10 on spot, unless the venue has its own.
    """
    maker, taker = _fees(listing, outlet)
    lot = Decimal(1).scaleb(-listing.size_precision)
    tick = Decimal(1).scaleb(-listing.price_precision)
    terms = {
        "instrument_id": instrument_id(listing, venue),
        "raw_symbol": Symbol(listing.symbol),
        "base_currency": Currency.from_str(listing.coin.name),
        "quote_currency": USDT,
        "price_precision": listing.price_precision,
        "size_precision": listing.size_precision,
        "price_increment": Price.from_str(f"{tick:f}"),
        "size_increment": Quantity.from_str(f"{lot:f}"),
        "lot_size": Quantity.from_str(f"{lot:f}"),
        "max_quantity": Quantity(_LARGEST / listing.coin.price, listing.size_precision),
        "min_quantity": Quantity.from_str(f"{lot:f}"),
        "min_notional": _MIN_NOTIONAL,
        "maker_fee": maker,
        "taker_fee": taker,
        "ts_event": 0,
        "ts_init": 0,
    }
    if listing.kind == "spot":
        return CurrencyPair(**terms)
    margin = Decimal(listing.coin.margin)
    return CryptoPerpetual(
        settlement_currency=USDT, is_inverse=False, margin_init=margin, margin_maint=margin / 2, **terms
    )


def _fees(listing: Listing, outlet: Outlet | None) -> tuple[Decimal, Decimal]:
    perp = listing.kind == "perp"
    if outlet is None:
        return _PERP_FEES if perp else _SPOT_FEES
    rates = (outlet.maker_fee, outlet.taker_fee) if perp else (outlet.spot_maker_fee, outlet.spot_taker_fee)
    return Decimal(repr(rates[0])), Decimal(repr(rates[1]))
