"""Bars of any length from one-second bars."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.venues.simulated.history import History, bar_seconds
from nautilus_quant.venues.simulated.market import MarketConfig
from tests.venues.simulated.conftest import ORIGIN, blocks_of

S = 10**9
GENESIS = ORIGIN - 60 * S
BLOCKS = blocks_of(MarketConfig(seed=2, step=1.0, history=60.0), 12)


def by_hand(row: int, length: int, first_second: int, start: int, end: int) -> list[list[int]]:
    """The slow way: every second's bar, grouped by the end it belongs to."""
    groups: dict[int, list[list[int]]] = {}
    for index, block in enumerate(BLOCKS):
        for second in range(60):
            ts = GENESIS + (index * 60 + second + 1) * S
            bar = [
                int(getattr(block.groups[0].seconds, n)[row, second])
                for n in ("open", "high", "low", "close", "volume")
            ]
            if index * 60 + second >= first_second:
                groups.setdefault(-(-ts // (length * S)) * length * S, []).append(bar)
    return [
        [
            ts,
            bars[0][0],
            max(b[1] for b in bars),
            min(b[2] for b in bars),
            bars[-1][3],
            sum(b[4] for b in bars),
        ]
        for ts, bars in sorted(groups.items())
        if len(bars) == length and start <= ts <= end
    ]


@given(
    row=st.integers(0, 7),
    length=st.sampled_from([1, 5, 60, 120, 300]),
    span=st.tuples(st.integers(-100, 800), st.integers(-100, 800)),
    keep=st.sampled_from([60, 300, 100_000]),
)
def test_bars_of_any_span(row, length, span, keep):
    history = History(keep)
    for block in BLOCKS:
        history.add(block)
    start, end = GENESIS + span[0] * S, GENESIS + span[1] * S
    ends, values = history.bars(row, length, start, end)
    found = [[ts, *bar] for ts, bar in zip(ends.tolist(), values.tolist(), strict=True)]
    assert found == by_hand(row, length, max(0, 720 - (keep + 60)), start, end)


def test_nothing_kept_nothing_known():
    ends, values = History(60).bars(0, 60, 0, 2**62)
    assert (len(ends), values.shape) == (0, (0, 5))


def test_memory_is_bounded():
    history = History(120)
    for block in BLOCKS:
        history.add(block)
    ends, _ = history.bars(0, 1, 0, 2**62)
    assert len(ends) == 180
    assert ends[-1] == BLOCKS[-1].ts[-1]


@pytest.mark.parametrize(
    ("spec", "length"), [("1-SECOND", 1), ("5-MINUTE", 300), ("12-HOUR", 43_200), ("1-DAY", 86_400)]
)
def test_lengths(spec, length):
    assert bar_seconds(spec) == length


@pytest.mark.parametrize(
    "spec", ["", "1", "1-TICK", "0-SECOND", "7-SECOND", "60-SECOND", "2-DAY", "1-MINUTE-LAST", "-1-HOUR"]
)
def test_other_lengths_are_refused(spec):
    with pytest.raises(ValueError, match="divide the next unit"):
        bar_seconds(spec)


def test_a_bar_closes_with_its_last_trade():
    history = History(60)
    history.add(BLOCKS[0])
    block = BLOCKS[0].groups[0]
    _, values = history.bars(0, 1, GENESIS + S, GENESIS + S)
    trades = block.tape.price[(block.tape.row == 0) & (block.tape.step == 0)]
    assert values[0, 3] == (trades[-1] if len(trades) else block.seconds.open[0, 0])
    assert np.array_equal(values[0, [1, 2]], [values[0, :4].max(), values[0, :4].min()])
