"""Which instruments a market has, in the order in which it always speaks of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nautilus_quant.venues.simulated.market import MarketConfig
from nautilus_quant.venues.simulated.params import COINS, Coin, coin_index


@dataclass(frozen=True, slots=True)
class Listing:
    """
    One instrument as the generator knows it.

    Parameters
    ----------
    row
        Its place in every array of a block.
    coin
        What it is on.
    kind
        ``perp`` or ``spot``.

    """

    row: int
    coin: Coin
    kind: Literal["perp", "spot"]

    @property
    def symbol(self) -> str:
        """For example ``BTCUSDT-PERP`` or ``BTCUSDT``."""
        return f"{self.coin.name}USDT-PERP" if self.kind == "perp" else f"{self.coin.name}USDT"

    @property
    def price_precision(self) -> int:
        """Decimals of a price."""
        return self.coin.price_precision if self.kind == "perp" else self.coin.spot_precision

    @property
    def size_precision(self) -> int:
        """Decimals of a size."""
        return self.coin.size_precision if self.kind == "perp" else self.coin.spot_size_precision


def listings(config: MarketConfig) -> tuple[Listing, ...]:
    """Perpetuals first, then (if the market has any) spot pairs."""
    coins = COINS if config.outlet is None else tuple(config.outlet.coin(coin) for coin in COINS)
    perps = tuple(Listing(row, coin, "perp") for row, coin in enumerate(coins))
    if not config.spot:
        return perps
    return perps + tuple(Listing(len(coins) + row, coin, "spot") for row, coin in enumerate(coins))


def offered(config: MarketConfig, symbols: tuple[str, ...]) -> tuple[Listing, ...]:
    """
    Choose the coins a node gets to see; their events are the same whichever others it sees.

    Raises
    ------
    ValueError
        If a coin does not exist, or none was named.
    """
    if not symbols:
        raise ValueError("a simulated market needs at least one symbol, was none; try symbols: [BTC, ETH]")
    chosen = {coin_index(symbol) for symbol in symbols}
    return tuple(item for item in listings(config) if item.row % len(COINS) in chosen)
