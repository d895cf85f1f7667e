"""One minute of the whole market as a pure function of (config, opening, index, carried state)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.venues.simulated import book, premium, process, tape
from nautilus_quant.venues.simulated.board import Board, play
from nautilus_quant.venues.simulated.book import Books, Tide, scale_of
from nautilus_quant.venues.simulated.listing import Listing, listings
from nautilus_quant.venues.simulated.market import SECOND, SLOT_SECONDS, SLOTS, MarketConfig, Timeline
from nautilus_quant.venues.simulated.outlet import Apart, Drift, drift
from nautilus_quant.venues.simulated.params import COINS
from nautilus_quant.venues.simulated.premium import Basis
from nautilus_quant.venues.simulated.process import Path
from nautilus_quant.venues.simulated.series import OptionState
from nautilus_quant.venues.simulated.state import MarketState
from nautilus_quant.venues.simulated.stress import NAN_TICKS, Overlay, overlay
from nautilus_quant.venues.simulated.tape import Seconds, Tape

_PATH, _PREMIUM, _PERP, _SPOT, _OPTIONS, _APART = range(6)
"""Streams of chance: spot and options have their own, so that perpetuals are the same with and without."""

_COMMON: Final = frozenset({_PATH, _PREMIUM, _OPTIONS})
"""Streams that all venues of a market share."""

_N: Final = len(COINS)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Group:
    """Perpetuals, or spot pairs, of a block."""

    listings: tuple[Listing, ...]
    books: Books
    tape: Tape
    seconds: Seconds
    mark: Ints
    index: Ints
    """Prices of a perpetual in its ticks; without meaning for spot. Shape: (instruments, steps)."""


@dataclass(frozen=True, slots=True)
class Block:
    """
    One block of the market.

    Parameters
    ----------
    index
        Which one, from genesis.
    ts
        When its steps happen, UNIX time [ns]. Shape: (steps,).
    first_step
        Number of its first step, counted from genesis (which is step 0).
    groups
        Perpetuals, then spot if the market has it.
    basis
        Premia and funding.
    silent
        Steps at which a coin's feed says nothing, or ``None``. Shape: (coins, steps).
    board
        The option market, if there is one.

    """

    index: int
    ts: Ints
    first_step: int
    groups: tuple[Group, ...]
    basis: Basis
    silent: NDArray[np.bool_] | None
    board: Board | None = None


@dataclass(frozen=True, slots=True)
class _Scene:
    """What all instruments of a block have in common."""

    config: MarketConfig
    path: Path
    basis: Basis
    stress: Overlay | None
    drift: Drift | None


def generate(timeline: Timeline, index: int, state: MarketState) -> tuple[Block, MarketState]:
    """
    Make a block.

    Parameters
    ----------
    timeline
        The market and its opening.
    index
        Which block, from 0.
    state
        What the block before left; `MarketState.initial` for block 0.

    Returns
    -------
    tuple
        The block and what it leaves.

    """
    config = timeline.config
    ts = timeline.block_start(index) + config.step_ns * np.arange(1, config.steps + 1, dtype=np.int64)
    path, chains = process.walk(config, state.chains, _rng(config, index, _PATH))
    own, apart = _drift(config, state, index)
    basis, premia = premium.advance(
        config,
        state.premia,
        path.drive,
        ts,
        _rng(config, index, _PREMIUM),
        apart=None if own is None else own.perp,
    )
    stress = overlay(config.stress, (ts - timeline.origin) / SECOND)
    scene = _Scene(config, path, basis, stress, own)
    groups = tuple(
        _group(scene, group, state.last, _rng(config, index, stream))
        for stream, group in zip((_PERP, _SPOT), _split(config), strict=False)
    )
    last = np.concatenate([group.seconds.close[:, -1] for group in groups])
    silent = stress.silent if stress is not None and stress.silent.any() else None
    board, options = None, None
    if config.options is not None:
        board, options = _board(scene, state, ts, _rng(config, index, _OPTIONS))
    block = Block(index, ts, index * config.steps + 1, groups, basis, silent, board)
    return block, MarketState(chains=chains, premia=premia, last=last, options=options, apart=apart)


def _board(
    scene: _Scene, state: MarketState, ts: Ints, rng: np.random.Generator
) -> tuple[Board, OptionState]:
    stress = scene.stress
    index = np.exp(scene.path.log_price if stress is None else scene.path.log_price + stress.shift)
    widen = np.ones_like(index) if stress is None else stress.spread
    return play(scene.config, state.options, scene.path, ts, index=index, widen=widen, rng=rng)


def blocks(timeline: Timeline, first: int, state: MarketState) -> Iterator[tuple[Block, MarketState]]:
    """Make blocks from `first` on, for ever; each comes with the state it was made *from*."""
    index = first
    while True:
        block, after = generate(timeline, index, state)
        yield block, state
        index, state = index + 1, after


def _rng(config: MarketConfig, index: int, stream: int) -> np.random.Generator:
    own = [] if config.outlet is None or stream in _COMMON else [config.outlet.number]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([config.seed, index, stream, *own])))


def _drift(config: MarketConfig, state: MarketState, index: int) -> tuple[Drift | None, Apart | None]:
    if config.outlet is None:
        return None, None
    before = state.apart or Apart.initial()
    return drift(config.outlet, before, SLOTS, SLOT_SECONDS, _rng(config, index, _APART))


def _split(config: MarketConfig) -> tuple[tuple[Listing, ...], ...]:
    everything = listings(config)
    return (everything[:_N], everything[_N:]) if config.spot else (everything,)


def _group(scene: _Scene, group: tuple[Listing, ...], last: Ints, rng: np.random.Generator) -> Group:
    config, path, basis, stress = scene.config, scene.path, scene.basis, scene.stress
    perp = group[0].kind == "perp"
    index = np.exp(path.log_price if stress is None else path.log_price + stress.shift)
    mid = index * (1.0 + basis.premium) if perp else _spot(scene, index)
    widen = np.ones_like(mid) if stress is None else stress.spread
    tide = Tide(mid, widen, path.heat, path.drive)
    books = book.quote(config, group, tide, rng)
    trades = tape.trade(config, group, tide, books, rng)
    start = np.array([tape.ticks(item.coin.price, item.price_precision) for item in group])
    known = last[group[0].row : group[-1].row + 1]
    seconds = tape.bars(config, _N, trades, np.where(known > 0, known, start))
    tick = scale_of(group).tick
    mark, index = (np.round(price / tick).astype(np.int64) for price in (index * (1 + basis.smooth), index))
    if stress is None:
        return Group(group, books, trades, seconds, mark, index)
    return Group(group, _absurd_quotes(books, stress), trades, seconds, *_absurd_marks(mark, index, stress))


def _spot(scene: _Scene, index: Floats) -> Floats:
    if scene.drift is None:
        return index
    return index * (1.0 + premium.between(scene.config, scene.drift.spot.T))


def _absurd_marks(mark: Ints, index: Ints, stress: Overlay) -> tuple[Ints, Ints]:
    for prices in (mark, index):
        prices[stress.zero_mark] = 0
        prices[stress.nan_mark] = NAN_TICKS
    return mark, index


def _absurd_quotes(books: Books, stress: Overlay) -> Books:
    for values in (books.bid, books.ask, books.bid_size, books.ask_size):
        values[stress.zero_quote] = 0
    return books
