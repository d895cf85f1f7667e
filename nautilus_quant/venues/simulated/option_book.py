"""What options cost at one step: fair values from the surface, and quotes around them.

The forward of an expiry is the expected settlement price: the index grown at the carry and, within the
settlement window, what is known of the average already. Bids are never above and asks never below the fair
value, so that quotes of one moment hold no arbitrage either. Sizes and spreads vary by a hash of (seed,
option, step): an option is quoted the same, whichever others are listened to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.options.black76 import Greeks, price_and_greeks
from nautilus_quant.options.contract import intrinsic
from nautilus_quant.venues.simulated.board import TICKS, Board
from nautilus_quant.venues.simulated.market import MarketConfig
from nautilus_quant.venues.simulated.options import SECOND, window_of
from nautilus_quant.venues.simulated.series import Option
from nautilus_quant.venues.simulated.surface import CARRY, YEAR

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

_SPREAD: Final = 0.006
"""Spread of a weekly option at the money [volatility]."""

_WINGS: Final = 1.5
"""How much wider, in volatility, the spread of an option of no delta is than at the money [-]."""

_WEEK: Final = 7 / 365
_SHORT: Final = 8.0
"""How much wider, in volatility, the shortest options are at most [-]."""

_SHARE: Final = 0.01
"""Least spread [share of the premium]."""

_DEPTH: Final = np.array([15.0, 150.0])
"""What is usually quoted at the money [coins]."""

_SIZE_SD: Final = 0.5


@dataclass(frozen=True, slots=True)
class Units:
    """Ticks and lots by which an option is quoted: decimals of its price and size."""

    price: int
    size: int


LINEAR: Final = (Units(1, 2), Units(2, 1))
COIN: Final = (Units(4, 1), Units(4, 0))
"""By underlying."""


def units(option: Option) -> Units:
    """Return how finely an option is quoted."""
    return (COIN if option.coin else LINEAR)[option.series[0]]


@dataclass(frozen=True, slots=True)
class Table:
    """
    Fixed columns of some options of one underlying, to price them in one go. Shape of each array: (n,).

    `which` of the different `series` each option is of.
    """

    options: tuple[Option, ...]
    series: tuple[tuple[int, int], ...]
    which: Ints
    strike: Floats
    expiry: Ints
    call: NDArray[np.bool_]
    coin: NDArray[np.bool_]
    tick: Floats
    lot: Floats
    key: Words


@dataclass(frozen=True, slots=True)
class OptionQuotes:
    """
    Some options at one step. Shape of each array: (n,).

    Parameters
    ----------
    bid, ask, bid_size, ask_size
        In ticks and lots; a bid of 0 with a size of 0 is none.
    mark
        Fair value [ticks].
    vol, bid_vol, ask_vol
        Implied volatilities of the fair value, of bid and of ask [1/√year]; the last two by the vega of the
        first, none below 0.
    forward
        Expected settlement price [USDT].
    greeks
        Of the fair value in USDT, for one unit of the underlying.

    """

    bid: Ints
    ask: Ints
    bid_size: Ints
    ask_size: Ints
    mark: Ints
    vol: Floats
    bid_vol: Floats
    ask_vol: Floats
    forward: Floats
    greeks: Greeks


def table(options: tuple[Option, ...]) -> Table:
    """Collect options of one underlying into columns."""
    of = [units(option) for option in options]
    series = tuple(dict.fromkeys(option.series for option in options))
    return Table(
        options,
        series,
        np.array([series.index(option.series) for option in options]),
        np.array([float(option.strike) for option in options]),
        np.array([option.expiry for option in options], dtype=np.int64),
        np.array([option.call for option in options]),
        np.array([option.coin for option in options]),
        np.array([10.0**-unit.price for unit in of]),
        np.array([10.0**-unit.size for unit in of]),
        np.array([_key(option) for option in options], dtype=np.uint64),
    )


def _key(option: Option) -> int:
    """Name an option by a number: underlying and kind in the low bits, which the strike leaves free."""
    flags = (option.series[0] << 2) | (option.call << 1) | int(option.coin)
    return (option.expiry // SECOND << 28) ^ (option.strike << 3) ^ flags


def quote(market: MarketConfig, board: Board, rows: Table, step: int, now: int) -> OptionQuotes:
    """
    Quote some options of one underlying which are listed and have not expired.

    Parameters
    ----------
    market
        The market.
    board
        Its current block.
    rows
        The options.
    step
        Of the block.
    now
        When that is, UNIX time [ns].

    """
    row = rows.options[0].series[0]
    shape = board.shape(market, row, step)
    years = (rows.expiry - now) / YEAR
    window = window_of(board.config) / YEAR
    forward = _forward(board, rows, step, years, carry=float(shape.values[CARRY]))
    theta = shape.settled(years, np.full_like(years, window))
    vol = np.sqrt(shape.total(np.log(rows.strike / forward), theta) / years)
    fair, greeks = price_and_greeks(forward, rows.strike, years, vol, rows.call)
    fair = np.maximum(fair, intrinsic(forward, rows.strike, rows.call))
    hot = float(board.heat[row, step // market.steps_per_slot]) ** 0.5 * float(board.widen[row, step])
    chance = _chance(market.seed, rows.key, now)
    half = _half_spread(fair, greeks, years, hot * board.config.spread, chance[0])
    unit = np.where(rows.coin, forward, 1.0) * rows.tick
    bid = np.floor(np.maximum(fair - half, 0.0) / unit).astype(np.int64)
    ask = np.maximum(np.ceil((fair + half) / unit).astype(np.int64), bid + 1)
    usual = (
        _DEPTH[row] * (0.25 + 3.0 * np.abs(greeks.delta) * (1.0 - np.abs(greeks.delta))) / (rows.lot * hot)
    )
    sizes = [np.maximum(np.round(usual * np.exp(_SIZE_SD * (2.0 * u - 1.0))), 1.0) for u in chance[1:]]
    point = np.maximum(greeks.vega * 100.0, 1e-9)
    return OptionQuotes(
        bid,
        ask,
        np.where(bid > 0, sizes[0], 0.0).astype(np.int64),
        sizes[1].astype(np.int64),
        np.round(fair / unit).astype(np.int64),
        vol,
        np.maximum(vol + (bid * unit - fair) / point, 0.0),
        np.minimum(vol + (ask * unit - fair) / point, 99.0),
        forward,
        greeks,
    )


def _forward(board: Board, rows: Table, step: int, years: Floats, *, carry: float) -> Floats:
    """Expect the average of the window: its past as it was, its rest at the price grown half way there."""
    row = rows.options[0].series[0]
    window = window_of(board.config) / YEAR
    index = float(board.index[row, step])
    left = np.minimum(years, window)
    ahead = index * np.exp(carry * (years - 0.5 * left))
    past = _past(board, rows, step)
    share = 1.0 - left / window
    return np.asarray(np.where(np.isnan(past), ahead, share * past + (1.0 - share) * ahead))


def _past(board: Board, rows: Table, step: int) -> Floats:
    """Average each option's settlement window so far [USDT]; NaN before it."""
    where = {(item.underlying, item.expiry): nth for nth, item in enumerate(board.series)}
    nth = [where[series] for series in rows.series]
    counts = board.counts[nth, step]
    mean = board.sums[nth, step] / np.maximum(counts, 1) * TICKS[rows.series[0][0]]
    return np.asarray(np.where(counts > 0, mean, np.nan)[rows.which])


def _half_spread(fair: Floats, greeks: Greeks, years: Floats, scale: float, chance: Floats) -> Floats:
    wing = 1.0 + _WINGS * (2.0 * np.abs(greeks.delta) - 1.0) ** 2
    short = np.clip(np.sqrt(_WEEK / years), 0.7, _SHORT)
    width = _SPREAD * wing * short * scale * (0.8 + 0.4 * chance)
    return np.asarray(0.5 * np.maximum(width * greeks.vega * 100.0, _SHARE * fair * scale))


def _chance(seed: int, key: Words, now: int) -> Floats:
    """
    Draw three numbers in [0, 1) for each option.

    SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) of seed, time and option. Shape: (3, n).
    """
    base = np.uint64((seed * 0x9E3779B97F4A7C15 + now) & 0xFFFFFFFFFFFFFFFF)
    mixed = _mix(_mix(key) ^ base)
    words = np.array([_mix(mixed + np.uint64(nth)) for nth in (1, 2, 3)])
    return np.asarray((words >> np.uint64(11)) * 2.0**-53)


def _mix(words: Words) -> Words:
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def settlement_value(option: Option, price: float) -> float:
    """
    Return what an option pays at expiry, to eight decimals [its premium's currency].

    Linear: max(S − K, 0) of a call, max(K − S, 0) of a put; coin-settled: the same over S.
    """
    signed = (price - option.strike) * (1.0 if option.call else -1.0)
    paid = max(signed, 0.0)
    return round(paid / price if option.coin else paid, 8)
