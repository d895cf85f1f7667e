"""Trades, and the one-second bars they make."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.venues.simulated.book import Books, Tide, scale_of
from nautilus_quant.venues.simulated.listing import Listing
from nautilus_quant.venues.simulated.market import BLOCK_SECONDS, MarketConfig

_BUSIEST: Final = 12
"""Most trades of one instrument in one step."""

_TICKET_SD: Final = 1.3
_THROUGH: Final = 0.1
"""Share of trades that go one tick through the best price."""

_URGE: Final = 1.0
"""How much a leaning book, and a move, turn the odds of the next aggressor being a buyer."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tape:
    """
    Trades of a group in a block, by instrument, then step. Shape of all but the first: (trades,).

    Parameters
    ----------
    offset
        Where the trades of (instrument, step) begin; the last entry is their number.
        Shape: (instruments * steps + 1,).
    row
        Place of the instrument in the group.
    step
        When, from 0.
    nth
        Which of the trades of its step it is.
    price, size
        In ticks and lots.
    side
        1 when the aggressor buys, -1 when it sells.

    """

    offset: Ints
    row: Ints
    step: Ints
    nth: Ints
    price: Ints
    size: Ints
    side: Ints


@dataclass(frozen=True, slots=True)
class Seconds:
    """One-second bars in ticks and lots; a second without a trade is flat. Shape: (instruments, seconds)."""

    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints


def trade(
    config: MarketConfig,
    group: tuple[Listing, ...],
    tide: Tide,
    books: Books,
    rng: np.random.Generator,
) -> Tape:
    """Draw the trades of a block against its books."""
    scale = scale_of(group)
    rate = scale.trades * config.step * np.repeat(tide.heat, config.steps_per_slot, axis=1)
    counts = np.minimum(rng.poisson(rate), _BUSIEST)
    cells = np.repeat(np.arange(counts.size), counts.ravel())
    row, step = np.divmod(cells, config.steps)
    offset = np.concatenate([[0], np.cumsum(counts.ravel())])
    nth = np.arange(len(cells)) - offset[cells]
    urge = _URGE * (books.lean + np.tanh(tide.drive))
    odds = 1.0 / (1.0 + np.exp(-urge))
    buys = rng.random(len(cells)) < odds[row, step // config.steps_per_slot]
    through = (rng.random(len(cells)) < _THROUGH).astype(np.int64)
    price = np.where(buys, books.ask[row, step] + through, books.bid[row, step] - through)
    wanted = scale.ticket[row, 0] * np.exp(_TICKET_SD * rng.standard_normal(len(cells)))
    there = np.where(buys, books.ask_size[row, step], books.bid_size[row, step])
    lots = np.round(wanted / (tide.mid[row, step] * scale.lot[row, 0])).astype(np.int64)
    size = np.clip(lots, 1, there)
    return Tape(offset, row, step, nth, price, size, np.where(buys, 1, -1))


def bars(config: MarketConfig, instruments: int, tape: Tape, last: Ints) -> Seconds:
    """
    Sum trades up.

    Parameters
    ----------
    config
        The market.
    instruments
        How many the group has.
    tape
        Their trades.
    last
        Price of each one's last trade before the block [ticks]. Shape: (instruments,).

    """
    shape = (instruments, BLOCK_SECONDS)
    cell = tape.row * BLOCK_SECONDS + tape.step // round(1.0 / config.step)
    traded, first = np.unique(cell, return_index=True)
    final = np.append(first[1:], len(cell)) - 1
    close = _filled(shape, traded, tape.price[final] if len(cell) else tape.price, last)
    before = np.concatenate([last[:, None], close[:, :-1]], axis=1)
    opened, high, low = before.copy(), before.copy(), before.copy()
    volume = np.zeros(shape, dtype=np.int64)
    if len(cell):
        opened.flat[traded] = tape.price[first]
        high.flat[traded] = np.maximum.reduceat(tape.price, first)
        low.flat[traded] = np.minimum.reduceat(tape.price, first)
        volume.flat[traded] = np.add.reduceat(tape.size, first)
    return Seconds(opened, high, low, close, volume)


def _filled(shape: tuple[int, int], traded: Ints, price: Ints, last: Ints) -> Ints:
    """Carry the last price over seconds without a trade."""
    seen = np.zeros(shape, dtype=np.int64)
    seen.flat[traded] = price
    known = np.where(seen > 0, np.arange(shape[1]), -1)
    latest = np.maximum.accumulate(known, axis=1)
    return np.where(latest >= 0, np.take_along_axis(seen, np.maximum(latest, 0), axis=1), last[:, None])


def ticks(price: float, precision: int) -> int:
    """Count the ticks of a price."""
    return math.floor(price * 10.0**precision + 0.5)
