"""Option series of a simulated market: which expiries and strikes are listed, and what they settle at.

Lists change at the beginning of a block only. A series begins with strikes around the index of that moment;
when the index moves towards their edge, more are listed. So what is listed is carried from block to block.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.venues.simulated import surface
from nautilus_quant.venues.simulated.options import (
    SECOND,
    SETTLEMENTS,
    UNDERLYINGS,
    Options,
    expiries,
    window_of,
)

_STEP: Final = 0.5
"""Distance of strikes [standard deviations of the time a series is listed for, rounded to 1, 2 or 5]."""

_LEAST: Final = {"BTC": 10, "ETH": 1}
_EDGE: Final = 0.5
"""Share of `Options.strikes` there must be on each side of the index before more are listed."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """
    All options of one underlying and expiry.

    Parameters
    ----------
    underlying
        Row in `UNDERLYINGS`.
    expiry
        UNIX time [ns].
    listed
        When it was listed, UNIX time [ns].
    step
        Distance of its strikes [USDT].
    low, high
        First and last strike [steps].
    total, count
        Sum of the index in its settlement window so far [ticks of the perpetual], and how many there were.

    """

    underlying: int
    expiry: int
    listed: int
    step: int
    low: int
    high: int
    total: int = 0
    count: int = 0

    @property
    def strikes(self) -> range:
        """The strikes [USDT]."""
        return range(self.low * self.step, (self.high + 1) * self.step, self.step)


@dataclass(frozen=True, slots=True)
class Option:
    """
    One option as the generator knows it.

    Parameters
    ----------
    series
        Underlying and expiry, as (row, UNIX time [ns]).
    strike
        In USDT.
    call
        A call; a put otherwise.
    coin
        Premium and settlement in the coin; in USDT otherwise.
    listed
        When its series was listed, UNIX time [ns].

    """

    series: tuple[int, int]
    strike: int
    call: bool
    coin: bool
    listed: int

    @property
    def underlying(self) -> str:
        """For example ``BTC``."""
        return UNDERLYINGS[self.series[0]]

    @property
    def expiry(self) -> int:
        """UNIX time [ns]."""
        return self.series[1]

    @property
    def symbol(self) -> str:
        """
        Name it: ``BTCUSDT-20261225-100000-C`` is settled in USDT, ``BTC-20261225-100000-C`` in bitcoin.

        Expiries at another time than 08:00 UTC have it in their name: ``BTC-20261225T143020-100000-C``.
        """
        at = datetime.fromtimestamp(self.expiry // SECOND, UTC)
        moment = at.strftime("%Y%m%d" if (at.hour, at.minute, at.second) == (8, 0, 0) else "%Y%m%dT%H%M%S")
        base = self.underlying if self.coin else f"{self.underlying}USDT"
        return f"{base}-{moment}-{self.strike}-{'C' if self.call else 'P'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionState:
    """
    What the option market carries from one block to the next.

    Parameters
    ----------
    identity
        Of the config it was made by; another one begins anew.
    parameters
        Of the surfaces. Shape: (underlyings, surface.PARAMETERS).
    series
        What is listed.

    """

    identity: str
    parameters: Floats
    series: tuple[Series, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain lists; floats survive JSON exactly."""
        rows = [[getattr(item, name) for name in Series.__slots__] for item in self.series]
        return {"identity": self.identity, "parameters": self.parameters.tolist(), "series": rows}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        rows = (dict(zip(Series.__slots__, map(int, row), strict=True)) for row in document["series"])
        return cls(
            identity=str(document["identity"]),
            parameters=np.array(document["parameters"], dtype=float),
            series=tuple(Series(**row) for row in rows),
        )


@dataclass(frozen=True, slots=True)
class Settlement:
    """
    What a series settles at.

    Parameters
    ----------
    series
        As (row of its underlying, expiry [ns]).
    price
        Average index [USDT], to the cent.

    """

    series: tuple[int, int]
    price: float


def relist(
    config: Options, series: tuple[Series, ...], index: Floats, span: tuple[int, int]
) -> tuple[Series, ...]:
    """
    List what trades in a block.

    Parameters
    ----------
    config
        The option market.
    series
        What was listed at the end of the block before.
    index
        Price of each of `UNDERLYINGS` at the beginning [USDT]. Shape: (underlyings,).
    span
        Beginning and end of the block, UNIX times [ns].

    """
    start, end = span
    known = {(item.underlying, item.expiry): item for item in series}
    listed = []
    for expiry in expiries(config, start, end):
        for row in _rows(config):
            price = float(index[row])
            found = known.get((row, expiry)) or _begin(config, row, expiry, price, start)
            listed.append(_widen(config, found, price))
    return tuple(listed)


def _rows(config: Options) -> list[int]:
    return sorted({UNDERLYINGS.index(name) for name in config.underlyings})


def _begin(config: Options, row: int, expiry: int, price: float, start: int) -> Series:
    years = max(expiry - start, 10 * SECOND) / surface.YEAR
    wide = _STEP * price * float(surface.BASE[row]) * config.volatility * math.sqrt(years)
    step = max(_round(wide), _LEAST[UNDERLYINGS[row]])
    centre = round(price / step)
    low = max(centre - config.strikes, 1)
    return Series(
        underlying=row, expiry=expiry, listed=start, step=step, low=low, high=centre + config.strikes
    )


def _round(value: float) -> int:
    """Round down to 1, 2 or 5 times a power of ten; 1 at least."""
    power = 10 ** max(math.floor(math.log10(value)), 0)
    return max((part * power for part in (1, 2, 5) if part * power <= value), default=1)


def _widen(config: Options, series: Series, price: float) -> Series:
    at, least = price / series.step, _EDGE * config.strikes
    low, high = series.low, series.high
    if at - low < least:
        low = max(min(low, round(at) - config.strikes), 1)
    if high - at < least:
        high = max(high, round(at) + config.strikes)
    return replace(series, low=low, high=high)


@lru_cache(maxsize=256)
def options_of(config: Options, series: Series) -> tuple[Option, ...]:
    """List the options of a series: by settlement, then strike, then calls before puts."""
    return tuple(
        Option((series.underlying, series.expiry), strike, call, kind == "coin", series.listed)
        for kind in SETTLEMENTS
        if kind in config.settlements
        for strike in series.strikes
        for call in (True, False)
    )


def observe(config: Options, series: Series, ts: Ints, ticks: Ints) -> tuple[Ints, Ints]:
    """
    Sum the index within a series' settlement window.

    Parameters
    ----------
    config
        The option market.
    series
        As it stood at the beginning of the block.
    ts
        When the steps of the block happen, UNIX time [ns]. Shape: (steps,).
    ticks
        The index of its underlying [ticks]. Shape: (steps,).

    Returns
    -------
    tuple
        Sum [ticks] and count after each step. Shape: (steps,) each.

    """
    inside = (ts > series.expiry - window_of(config)) & (ts <= series.expiry)
    return series.total + np.cumsum(np.where(inside, ticks, 0)), series.count + np.cumsum(inside)
