"""One minute of the option market as a function of its config, the market's prices and carried state."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from nautilus_quant.venues.simulated import surface
from nautilus_quant.venues.simulated.market import BLOCK, MarketConfig
from nautilus_quant.venues.simulated.options import UNDERLYINGS, Options
from nautilus_quant.venues.simulated.params import COINS, coin_index
from nautilus_quant.venues.simulated.process import Path
from nautilus_quant.venues.simulated.series import OptionState, Series, Settlement, observe, relist

ROWS: Final = np.array([coin_index(name) for name in UNDERLYINGS])
"""Where the underlyings are among the coins."""

TICKS: Final = np.array([10.0 ** -COINS[row].price_precision for row in ROWS])
"""One tick of the index of each underlying [USDT]."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Board:
    """
    One block of the option market. What an option costs follows from it: `option_book`.

    Parameters
    ----------
    config
        The option market.
    series
        What is listed, by expiry, then underlying. Lists change at the block's beginning only.
    index
        Price of each underlying, accidents included [USDT]. Shape: (underlyings, steps).
    knots
        Parameters of the surfaces at the ends of slots. Shape: (slots + 1, underlyings, PARAMETERS).
    heat, widen
        Volatility over its usual level, and accidents' factor on spreads [-].
        Shapes: (underlyings, slots), (underlyings, steps).
    sums, counts
        Of the index in the settlement window of each series, after each step [ticks].
        Shape: (series, steps).
    settlements
        What expires in this block, in the order of `series`.

    """

    config: Options
    series: tuple[Series, ...]
    index: Floats
    knots: Floats
    heat: Floats
    widen: Floats
    sums: Ints
    counts: Ints
    settlements: tuple[Settlement, ...]

    def shape(self, market: MarketConfig, row: int, step: int) -> surface.Shape:
        """Return the surface of an underlying at a step of the block."""
        slot, nth = divmod(step, market.steps_per_slot)
        share = (nth + 1) / market.steps_per_slot
        values = self.knots[slot, row] + share * (self.knots[slot + 1, row] - self.knots[slot, row])
        scale = float(surface.BASE[row]) * market.volatility * self.config.volatility
        return surface.Shape(scale * scale, values)


def identity(market: MarketConfig) -> str:
    """Return what changes with anything that would make the carried state of the options wrong."""
    return hashlib.sha256(msgspec.json.encode(market.options)).hexdigest()[:16]


def play(
    market: MarketConfig,
    before: OptionState | None,
    path: Path,
    ts: Ints,
    *,
    index: Floats,
    widen: Floats,
    rng: np.random.Generator,
) -> tuple[Board, OptionState]:
    """
    Make a block of the option market.

    Parameters
    ----------
    market
        The market; it has options.
    before
        What the block before left; ``None``, or the state of another option market, begins anew.
    path
        The block's prices.
    ts
        When its steps happen, UNIX time [ns]. Shape: (steps,).
    index, widen
        Prices [USDT], accidents included, and their factor on spreads. Shape: (coins, steps).
    rng
        Where chance comes from.

    """
    config = market.options
    assert config is not None
    name = identity(market)
    if before is None or before.identity != name:
        before = OptionState(identity=name, parameters=surface.opening(len(UNDERLYINGS)))
    prices = index[ROWS]
    end = int(ts[-1])
    # A market that stood still (`Start.within`) settles what expired meanwhile at the first price after that.
    missed = tuple(item for item in before.series if item.expiry <= end - BLOCK)
    listed = missed + relist(config, before.series, prices[:, 0], (end - BLOCK, end))
    ticks = np.round(prices / TICKS[:, None]).astype(np.int64)
    observed = [observe(config, item, ts, ticks[item.underlying]) for item in listed]
    sums, counts = (np.array(rows) for rows in zip(*observed, strict=True))
    knots = surface.walk(before.parameters, path.heat[ROWS], path.drive[ROWS], rng)
    board = Board(
        config,
        listed,
        prices,
        knots,
        path.heat[ROWS],
        widen[ROWS],
        sums,
        counts,
        tuple(
            Settlement(
                (item.underlying, item.expiry),
                _average(item.underlying, int(total), int(count))
                if count
                else float(prices[item.underlying, 0]),
            )
            for item, total, count in zip(listed, sums[:, -1], counts[:, -1], strict=True)
            if item.expiry <= end
        ),
    )
    left = tuple(
        replace(item, total=int(total), count=int(count))
        for item, total, count in zip(listed, sums[:, -1], counts[:, -1], strict=True)
        if item.expiry > end
    )
    return board, OptionState(identity=name, parameters=knots[-1], series=left)


def _average(row: int, total: int, count: int) -> float:
    """To the tick of the index, half up; whole numbers all the way."""
    precision = COINS[ROWS[row]].price_precision
    return round((2 * total + count) // (2 * count) * 10.0**-precision, precision)
