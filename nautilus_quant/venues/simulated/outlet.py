"""What is a venue's own where several venues show one market.

All venues of a market have its fair prices in common: same seed, step, volatility, pace, history and opening.
Around them each has prices of its own that wander and come back, a premium of its own, and so its own funding
rates, and its own ticks, lots, spreads, depths and trades. What a venue adds comes from chance of its own,
so that a venue is the same whichever others there are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self
from zlib import crc32

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.venues.simulated.params import COINS, Coin

_DECIMALS: Final = 3
"""How many decimals more or less than the market's a venue may have."""

_MOST_DECIMALS: Final = 9

Floats = NDArray[np.float64]


class Outlet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    What a venue has of its own.

    Parameters
    ----------
    name
        What its chance goes by; the name of the venue when empty.
    basis
        How far its prices are from the market's [share of price, standard deviation]. More makes more
        differences between venues; spread and fees decide whether they are worth anything. Typical 1–10 bps.
    basis_half_life
        How long such a difference lasts [s].
    premium
        How far the premium of its perpetuals over the index, and so its funding, is from the other venues'
        [share of price, standard deviation]; it wanders over hours.
    premium_mean
        What it differs by on average [bps]; may be negative.
    spread, depth, trades
        Times the market's spread, depth and number of trades [-].
    price_decimals, size_decimals
        Decimals more (or, negative, less) than the market's: 1 has a tick of a tenth, -1 of ten times.
    maker_fee, taker_fee
        Of perpetuals [share of value].
    spot_maker_fee, spot_taker_fee
        Of spot pairs [share of value].

    """

    name: str = ""
    basis: Fraction = 0.0002
    basis_half_life: Seconds = 20.0
    premium: Fraction = 0.0003
    premium_mean: float = 0.0
    spread: float = 1.0
    depth: float = 1.0
    trades: float = 1.0
    price_decimals: int = 0
    size_decimals: int = 0
    maker_fee: Fraction = 0.0002
    taker_fee: Fraction = 0.0005
    spot_maker_fee: Fraction = 0.0010
    spot_taker_fee: Fraction = 0.0010

    def __post_init__(self) -> None:
        _check(self)

    @property
    def number(self) -> int:
        """What seeds its own chance."""
        return crc32(self.name.encode())

    def coin(self, coin: Coin) -> Coin:
        """Describe a coin as it is traded here."""
        return replace(
            coin,
            spread=coin.spread * self.spread,
            depth=coin.depth * self.depth,
            trades=coin.trades * self.trades,
            price_precision=_decimals(coin.price_precision, self.price_decimals),
            spot_precision=_decimals(coin.spot_precision, self.price_decimals),
            size_precision=_decimals(coin.size_precision, self.size_decimals),
            spot_size_precision=_decimals(coin.spot_size_precision, self.size_decimals),
        )

    @property
    def carried(self) -> Outlet:
        """Return the same without what nothing in the carried state depends on."""
        return Outlet(name=self.name, price_decimals=self.price_decimals)


def _check(outlet: Outlet) -> None:
    if not (1.0 <= outlet.basis_half_life < math.inf):
        raise ValueError(
            f"basis_half_life must be at least 1 [s], was {outlet.basis_half_life}; typical 5–120"
        )
    for name in ("basis", "premium"):
        if getattr(outlet, name) > 0.02:
            raise ValueError(
                f"{name} must be at most 2 % [share of price], was {getattr(outlet, name)}; try 3bps"
            )
    if not -200.0 <= outlet.premium_mean <= 200.0:
        raise ValueError(f"premium_mean must be from -200 to 200 [bps], was {outlet.premium_mean}")
    for name in ("spread", "depth", "trades"):
        if not 0.01 <= getattr(outlet, name) <= 100.0:
            raise ValueError(
                f"{name} must be from 0.01 to 100 [times the market's], was {getattr(outlet, name)}"
            )
    for name in ("price_decimals", "size_decimals"):
        if abs(getattr(outlet, name)) > _DECIMALS:
            raise ValueError(
                f"{name} must be from -{_DECIMALS} to {_DECIMALS} [decimals more than the market's], was "
                f"{getattr(outlet, name)}"
            )


def _decimals(usual: int, more: int) -> int:
    return min(max(usual + more, 0), _MOST_DECIMALS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """
    How far a venue is from the market, as carried from block to block.

    Parameters
    ----------
    perp, spot
        Of its prices [share of price]. Shape: (coins,).
    premium
        Of its premium, besides the mean [share of index]. Shape: (coins,).

    """

    perp: Floats
    spot: Floats
    premium: Floats

    @classmethod
    def initial(cls) -> Self:
        """Nowhere: a venue opens at the market's prices."""
        return cls(**{name: np.zeros(len(COINS)) for name in cls.__slots__})

    def to_dict(self) -> dict[str, Any]:
        """Plain lists; floats survive JSON exactly."""
        return {name: getattr(self, name).tolist() for name in Apart.__slots__}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(**{name: np.array(document[name], dtype=float) for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Drift:
    """
    One block of a venue's distance from the market, at the beginning and after each slot.

    Parameters
    ----------
    perp
        Of perpetuals, premium included [share of price]. Shape: (slots + 1, coins).
    spot
        Of spot pairs [share of price]. Shape: (slots + 1, coins).

    """

    perp: Floats
    spot: Floats


_PREMIUM_HALF_LIFE: Final = 4 * 3_600.0
_BP: Final = 1e-4


def drift(
    outlet: Outlet, apart: Apart, slots: int, slot_seconds: float, rng: np.random.Generator
) -> tuple[Drift, Apart]:
    """
    Move a venue around the market through one block: three exact discrete Ornstein-Uhlenbeck processes.

    Parameters
    ----------
    outlet
        The venue.
    apart
        What the block before left.
    slots, slot_seconds
        How many slots the block has, and how long each is [s].
    rng
        Where chance comes from.

    """
    noise = rng.standard_normal((slots, 3, len(COINS)))
    perp = _wander(apart.perp, outlet.basis, outlet.basis_half_life / slot_seconds, noise[:, 0])
    spot = _wander(apart.spot, outlet.basis, outlet.basis_half_life / slot_seconds, noise[:, 1])
    premium = _wander(apart.premium, outlet.premium, _PREMIUM_HALF_LIFE / slot_seconds, noise[:, 2])
    after = Apart(perp=perp[-1], spot=spot[-1], premium=premium[-1])
    return Drift(perp + premium + outlet.premium_mean * _BP, spot), after


def _wander(start: Floats, size: float, half_life: float, noise: Floats) -> Floats:
    """Come back by half within `half_life` [slots]. Shape: (slots + 1, coins), the start included."""
    keep = 0.5 ** (1.0 / half_life)
    levels = [start]
    for shock in noise:
        levels.append(keep * levels[-1] + math.sqrt(1.0 - keep * keep) * size * shock)
    return np.array(levels)
