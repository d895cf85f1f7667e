"""The coins of the simulated market: how large, fine, wide and busy each one's book is.

The figures are round numbers in the proportions of large perpetual venues in 2024. They are not a fit to
any data set, and nothing that trades here says anything about profit elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

BP: Final = 1e-4
"""One basis point."""


@dataclass(frozen=True, slots=True)
class Coin:
    """
    One coin against USDT.

    Parameters
    ----------
    name
        Base currency, e.g. ``"BTC"``.
    price
        Where it starts [USDT]; in the long run the market comes back around it.
    beta
        Response to the common factor [-].
    sigma
        Own volatility, besides the factor's [log return per square root of a second].
    price_precision, spot_precision
        Decimals of a price; one tick is the last decimal.
    size_precision, spot_size_precision
        Decimals of a size; one lot is the last decimal.
    spread
        Typical spread [share of price]; never less than one tick.
    depth
        Typical value of the best level of one side [USDT].
    trades
        Trades per second when calm.
    ticket
        Median value of a trade [USDT].
    margin
        Initial margin [share of notional]; maintenance is half of it.

    """

    name: str
    price: float
    beta: float
    sigma: float
    price_precision: int
    spot_precision: int
    size_precision: int
    spot_size_precision: int
    spread: float
    depth: float
    trades: float
    ticket: float
    margin: str


COINS: Final = (
    Coin("BTC", 62_000.0, 0.90, 0.25 * BP, 1, 2, 3, 5, 0.02 * BP, 250_000.0, 6.0, 3_000.0, "0.01"),
    Coin("ETH", 3_000.0, 1.10, 0.35 * BP, 2, 2, 3, 4, 0.04 * BP, 180_000.0, 5.0, 2_000.0, "0.01"),
    Coin("ADA", 0.4500, 1.30, 0.60 * BP, 4, 4, 0, 1, 2.20 * BP, 50_000.0, 2.0, 500.0, "0.02"),
    Coin("BNB", 580.0, 0.80, 0.40 * BP, 2, 2, 2, 3, 0.20 * BP, 60_000.0, 2.0, 800.0, "0.02"),
    Coin("DOT", 6.500, 1.30, 0.65 * BP, 3, 3, 1, 2, 1.60 * BP, 30_000.0, 1.0, 400.0, "0.02"),
    Coin("LINK", 14.000, 1.25, 0.60 * BP, 3, 3, 2, 2, 0.80 * BP, 40_000.0, 1.5, 500.0, "0.02"),
    Coin("LTC", 82.00, 1.00, 0.50 * BP, 2, 2, 3, 3, 1.30 * BP, 40_000.0, 1.0, 500.0, "0.02"),
    Coin("XRP", 0.5500, 1.15, 0.55 * BP, 4, 4, 1, 1, 1.90 * BP, 80_000.0, 3.0, 800.0, "0.02"),
)
"""The whole market, always simulated; a node is offered the coins its config names."""

NAMES: Final = tuple(coin.name for coin in COINS)

FACTOR_SIGMA: Final = 0.60 * BP
"""Volatility of the common factor [log return per square root of a second]."""


def coin_index(symbol: str) -> int:
    """
    Find a coin by name; a pair such as ``BTCUSDT`` or ``BTCUSDT-PERP`` counts as its coin.

    Raises
    ------
    ValueError
        If the market has no such coin.
    """
    name = symbol.upper().removesuffix("-PERP").removesuffix("USDT")
    if name in NAMES:
        return NAMES.index(name)
    near = get_close_matches(name, NAMES, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(f"the simulated market has {', '.join(NAMES)}, was {symbol!r}{hint}")
