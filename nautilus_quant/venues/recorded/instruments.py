"""
Instruments for recorded symbols.

Increments, fees and margins are those of Binance in mid 2025 for the symbols of the table, and a guess by
price for others. Where recorded prices or sizes are finer than the increment, the increment is made finer:
recorded prices and trades are never rounded to fit. Volumes of bars are rounded to the size increment.
(Increments of the past were different, and nobody recorded them.)
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
from nautilus_trader.model.identifiers import InstrumentId, Symbol
from nautilus_trader.model.instruments import CryptoPerpetual, CurrencyPair, Instrument
from nautilus_trader.model.objects import Currency, Price, Quantity
from numpy.typing import NDArray

from nautilus_quant.venues.recorded.frame import RecordedError
from nautilus_quant.venues.recorded.naming import Asset

# decimals of price and size: exchangeInfo of fapi.binance.com and api.binance.com, June 2025
_DECIMALS = {
    "BTC": {"perp": (1, 3), "spot": (2, 5)},
    "ETH": {"perp": (2, 3), "spot": (2, 4)},
    "BNB": {"perp": (2, 2), "spot": (2, 3)},
    "SOL": {"perp": (2, 2), "spot": (2, 3)},
    "ADA": {"perp": (4, 0), "spot": (4, 1)},
    "DOT": {"perp": (3, 1), "spot": (3, 2)},
    "LINK": {"perp": (3, 2), "spot": (2, 2)},
    "LTC": {"perp": (2, 3), "spot": (2, 3)},
    "XRP": {"perp": (4, 1), "spot": (4, 1)},
}
# ordinary users without discounts; margins of the first bracket at 20 times leverage
_DEFAULTS: dict[str, dict[str, Any]] = {
    "perp": {"maker_fee": "0.0002", "taker_fee": "0.0005", "margin_init": "0.05", "margin_maint": "0.025"},
    "spot": {"maker_fee": "0.001", "taker_fee": "0.001"},
}
_INCREMENTS = ("price_increment", "size_increment")
OVERRIDES = (*_INCREMENTS, "maker_fee", "taker_fee", "margin_init", "margin_maint")
MAX_DECIMALS = 8


def decimals_of(values: NDArray[np.float64]) -> int:
    """Return how many decimals write all values exactly, at most eight."""
    for decimals in range(MAX_DECIMALS):
        if np.allclose(values, np.round(values, decimals), rtol=1e-12, atol=10.0 ** -(MAX_DECIMALS + 2)):
            return decimals
    return MAX_DECIMALS


def usual_decimals(asset: Asset, price: float) -> tuple[int, int]:
    """Return the decimals of price and size that an exchange would use around `price` [quote currency]."""
    if asset.base in _DECIMALS:
        return _DECIMALS[asset.base][asset.kind]
    magnitude = int(np.floor(np.log10(price))) if price > 0 else 0
    return int(np.clip(5 - magnitude, 0, MAX_DECIMALS)), int(np.clip(magnitude, 0, 5))


def build(
    asset: Asset,
    instrument_id: InstrumentId,
    decimals: tuple[int, int],
    needed: tuple[int, int],
    overrides: Mapping[str, Any],
) -> Instrument:
    """
    Return the instrument of a recorded symbol.

    Parameters
    ----------
    asset : Asset
        Base, quote and kind.
    instrument_id : InstrumentId
        Its id.
    decimals : (int, int)
        Usual decimals of price and size.
    needed : (int, int)
        Decimals without which recorded prices and sizes would be rounded.
    overrides : mapping
        Properties named in `OVERRIDES`.

    Raises
    ------
    RecordedError
        For unknown properties, or increments that are coarser than the data.
    """
    unknown = sorted(set(overrides) - set(OVERRIDES))
    if unknown:
        raise RecordedError(f"{instrument_id}: unknown overrides {unknown}; known: {', '.join(OVERRIDES)}")
    price, size = (
        _increment(instrument_id, name, (places, least), overrides)
        for name, places, least in zip(_INCREMENTS, decimals, needed, strict=True)
    )
    rest = {name: Decimal(str(value)) for name, value in overrides.items() if name not in _INCREMENTS}
    numbers = {name: Decimal(value) for name, value in _DEFAULTS[asset.kind].items()} | rest
    base, quote = Currency.from_str(asset.base), Currency.from_str(asset.quote)
    common = {
        "instrument_id": instrument_id,
        "raw_symbol": Symbol(asset.base + asset.quote),
        "base_currency": base,
        "quote_currency": quote,
        "price_precision": _places(price),
        "size_precision": _places(size),
        "price_increment": Price.from_str(f"{price:f}"),
        "size_increment": Quantity.from_str(f"{size:f}"),
        "ts_event": 0,
        "ts_init": 0,
    } | numbers
    if asset.kind == "perp":
        return CryptoPerpetual(settlement_currency=quote, is_inverse=False, **common)
    return CurrencyPair(**common)


def _increment(
    instrument_id: InstrumentId, name: str, decimals: tuple[int, int], overrides: Mapping[str, Any]
) -> Decimal:
    usual, needed = decimals
    wanted = Decimal(str(overrides.get(name, Decimal(1).scaleb(-max(usual, needed)))))
    if _places(wanted) < needed:
        raise RecordedError(
            f"{instrument_id}: {name} {wanted} is coarser than the recorded data, which has {needed} decimals"
        )
    return wanted


def _places(value: Decimal) -> int:
    return max(0, -int(value.as_tuple().exponent))
