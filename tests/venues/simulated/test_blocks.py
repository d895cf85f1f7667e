"""One block as a function of what was before."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.venues.simulated.blocks import Block, generate
from nautilus_quant.venues.simulated.listing import listings
from nautilus_quant.venues.simulated.market import MarketConfig, Timeline
from nautilus_quant.venues.simulated.state import MarketState
from tests.venues.simulated.conftest import ORIGIN, blocks_of

BTC, ADA, XRP = 0, 2, 7


def same(left: object, right: object) -> bool:
    """Compare two blocks (or parts of them) to the last bit."""
    if isinstance(left, np.ndarray):
        return np.array_equal(left, right)
    if isinstance(left, tuple):
        return all(same(a, b) for a, b in zip(left, right, strict=True))
    names = getattr(type(left), "__slots__", None)
    if names and not isinstance(left, str | int):
        return all(same(getattr(left, name), getattr(right, name)) for name in names)
    return left == right


def test_same_config_and_opening_give_the_same_market(market):
    assert all(same(a, b) for a, b in zip(blocks_of(market, 3), blocks_of(market, 3), strict=True))


def test_another_seed_is_another_market(market):
    other = MarketConfig(seed=12, step=0.5, history=60.0)
    assert not same(blocks_of(market, 1)[0].groups, blocks_of(other, 1)[0].groups)


@settings(max_examples=20)
@given(cut=st.integers(0, 4), seed=st.integers(0, 2**63 - 1))
def test_going_on_from_json_changes_nothing(cut, seed):
    config = MarketConfig(seed=seed, step=1.0, history=60.0, spot=True)
    timeline, state = Timeline(config, ORIGIN), MarketState.initial(len(listings(config)))
    whole = blocks_of(config, 5)
    for index in range(5):
        if index == cut:
            state = MarketState.from_dict(json.loads(json.dumps(state.to_dict())))
        block, state = generate(timeline, index, state)
        assert same(block, whole[index])


def test_spot_leaves_perpetuals_as_they_were(market):
    with_spot = MarketConfig(seed=11, step=0.5, depth_interval=1.0, history=60.0, spot=True)
    for alone, beside in zip(blocks_of(market, 3), blocks_of(with_spot, 3), strict=True):
        assert same(alone.groups[0], beside.groups[0])
        assert len(beside.groups) == 2


def test_steps_fill_the_block_and_end_on_the_next_ones_beginning(market):
    first, second = blocks_of(market, 2)
    genesis = ORIGIN - 60 * 10**9
    assert first.ts[0] == genesis + 500_000_000
    assert first.ts[-1] == genesis + 60 * 10**9
    assert len(first.ts) == 120
    assert second.ts[0] == first.ts[-1] + 500_000_000
    assert (first.first_step, second.first_step) == (1, 121)


@pytest.fixture
def block(market) -> Block:
    return blocks_of(market, 2)[1]


def test_books_are_never_crossed_or_empty(block):
    books = block.groups[0].books
    assert (books.bid < books.ask).all()
    assert (books.bid_size >= 1).all()
    assert (books.ask_size >= 1).all()
    assert books.bids.shape == (8, 60, 10)
    assert (np.diff(books.bids, axis=2) < 0).all()
    assert (np.diff(books.asks, axis=2) > 0).all()
    assert (books.bids > 0).all()
    assert (books.bid_sizes >= 1).all()
    assert (books.ask_sizes >= 1).all()


def test_the_best_level_of_a_book_is_the_quote_of_its_step(block):
    books = block.groups[0].books
    assert np.array_equal(books.bids[:, :, 0], books.bid[:, 1::2])
    assert np.array_equal(books.asks[:, :, 0], books.ask[:, 1::2])
    assert np.array_equal(books.bid_sizes[:, :, 0], books.bid_size[:, 1::2])
    assert np.array_equal(books.ask_sizes[:, :, 0], books.ask_size[:, 1::2])


def test_trades_happen_at_the_quote_or_one_tick_through(block):
    books, tape = block.groups[0].books, block.groups[0].tape
    buys = tape.side == 1
    over = np.where(
        buys, tape.price - books.ask[tape.row, tape.step], books.bid[tape.row, tape.step] - tape.price
    )
    there = np.where(buys, books.ask_size[tape.row, tape.step], books.bid_size[tape.row, tape.step])
    assert set(over.tolist()) <= {0, 1}
    assert 0.0 < over.mean() < 0.3
    assert (tape.size >= 1).all()
    assert (tape.size <= there).all()


def test_trades_are_found_by_their_offsets(block):
    tape = block.groups[0].tape
    for row, step in ((BTC, 0), (BTC, 119), (XRP, 60)):
        first, last = tape.offset[row * 120 + step : row * 120 + step + 2]
        mine = np.flatnonzero((tape.row == row) & (tape.step == step))
        assert mine.tolist() == list(range(first, last))
        assert tape.nth[first:last].tolist() == list(range(last - first))
    assert tape.offset[-1] == len(tape.price)


def test_second_bars_sum_the_trades_up(market):
    last = np.zeros(8, dtype=np.int64)
    for block in blocks_of(market, 2):
        tape, bars = block.groups[0].tape, block.groups[0].seconds
        for row in range(8):
            for second in range(60):
                mine = (
                    [
                        (int(p), int(q))
                        for r, s, p, q in zip(tape.row, tape.step, tape.price, tape.size, strict=True)
                        if r == row and s // 2 == second
                    ]
                    if row in (BTC, ADA)
                    else None
                )
                if mine is None:
                    continue
                bar = [int(getattr(bars, n)[row, second]) for n in ("open", "high", "low", "close", "volume")]
                if mine:
                    prices = [p for p, _ in mine]
                    assert bar == [prices[0], max(prices), min(prices), prices[-1], sum(q for _, q in mine)]
                    last[row] = prices[-1]
                elif last[row]:
                    assert bar == [last[row]] * 4 + [0]


def test_prices_keep_their_proportions(long_blocks):
    books = long_blocks[-1].groups[0].books
    tick = 10.0 ** -np.array([item.price_precision for item in long_blocks[-1].groups[0].listings])
    mid = (books.bid + books.ask).mean(axis=1) / 2 * tick
    start = np.array([item.coin.price for item in long_blocks[-1].groups[0].listings])
    assert (np.abs(np.log(mid / start)) < 0.25).all()
    spread = (books.ask - books.bid).mean(axis=1) * tick / mid
    assert spread[BTC] < 0.2e-4
    assert 1e-4 < spread[ADA] < 10e-4
