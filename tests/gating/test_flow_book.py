"""Imbalance of five levels, averaged over the time it stood."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.gating.book import BookView
from nautilus_quant.gating.flow_book import BookPressure, imbalance

SECOND = 1_000_000_000
T0 = 1_700_000_000 * SECOND
SIZES = st.lists(st.floats(1e-6, 1e9), min_size=1, max_size=20)


def book(bids: list[float], asks: list[float]) -> BookView:
    return BookView(
        [(100.0 - n, size) for n, size in enumerate(bids)], [(101.0 + n, size) for n, size in enumerate(asks)]
    )


def test_levels_count_less_the_further_away():
    # bids 4 + 0.5·2 + 0.25·4 = 6, asks 2 + 0.5·2 + 0.25·4 = 4: 2 of 10
    assert imbalance(book([4, 2, 4], [2, 2, 4]), 0.5) == pytest.approx(0.2)
    assert imbalance(book([3], [1]), 0.5) == 0.5


def test_the_sixth_level_does_not_count():
    assert imbalance(book([1] * 5 + [1e9], [1] * 5)) == 0.0
    assert imbalance(book([1] * 4 + [2.0], [1] * 5), 1.0) == pytest.approx(1 / 11)


def test_a_book_of_nothing_says_nothing():
    assert math.isnan(imbalance(book([], [])))
    assert math.isnan(imbalance(book([math.nan], [1.0])))
    assert math.isnan(imbalance(book([-1.0], [1.0])))


@given(SIZES, SIZES, st.floats(0.1, 1.0))
def test_bounds_and_symmetry(bids, asks, decay):
    here = imbalance(book(bids, asks), decay)
    assert -1.0 <= here <= 1.0
    assert here == -imbalance(book(asks, bids), decay)


def test_a_lean_must_last_to_count():
    one = BookPressure(half_life=5.0)
    one.observe(book([3], [1]), T0)
    assert one.read(T0) == 0.0
    assert one.read(T0 + 5 * SECOND) == pytest.approx(0.25)  # half the way to 0.5
    assert one.read(T0 + 10 * SECOND) == pytest.approx(0.375)
    one.observe(book([1], [3]), T0 + 5 * SECOND)
    # half the way from 0.25 to −0.5
    assert one.read(T0 + 10 * SECOND) == pytest.approx(-0.125)


def test_a_flash_counts_for_its_time():
    one = BookPressure(half_life=5.0)
    one.observe(book([1], [1]), T0)
    one.observe(book([999], [1]), T0 + SECOND)
    one.observe(book([1], [1]), T0 + SECOND + 10_000_000)
    # 0.998 · (1 − 2^(−0.01/5))
    assert one.read(T0 + SECOND + 10_000_000) == pytest.approx(0.998 * (1 - 2**-0.002))


def test_what_cannot_be_used_is_no_news():
    one = BookPressure()
    one.observe(book([], []), T0)
    assert one.ts == 0
    one.observe(book([3], [1]), T0)
    one.observe(book([math.nan], [1]), T0 + SECOND)
    assert one.ts == T0


@given(st.lists(st.tuples(st.integers(-3, 30), SIZES, SIZES), min_size=1, max_size=30))
def test_the_average_stays_within_what_was_seen(seen):
    one, ts, values = BookPressure(), T0, [0.0]
    for seconds, bids, asks in seen:
        ts += seconds * SECOND
        one.observe(book(bids, asks), ts)
        values.append(imbalance(book(bids, asks)))
        assert min(values) - 1e-12 <= one.read(ts + SECOND) <= max(values) + 1e-12


def test_impossible_parameters_are_refused():
    with pytest.raises(ValueError, match="0 < book_half_life"):
        BookPressure(half_life=0.0)
    with pytest.raises(ValueError, match="0 < level_decay <= 1"):
        BookPressure(decay=0.0)
