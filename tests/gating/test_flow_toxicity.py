"""VPIN: buckets worked out by hand, bounds, symmetry."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.gating.flow_toxicity import Toxicity

SECOND = 1_000_000_000
T0 = 1_700_000_000 * SECOND


def steady(one: Toxicity, signs: list[int], start: int = T0) -> int:
    """A trade of one a second."""
    ts = start
    for sign in signs:
        one.add(ts, 1.0, sign)
        ts += SECOND
    return ts


class Fixed(Toxicity):
    """Buckets of four."""

    __slots__ = ()

    def _expected(self) -> float:
        return 4.0


@pytest.fixture
def four() -> Fixed:
    one = Fixed(10, 1e-9)
    one.add(T0, 1.0, 1)
    one.add(T0 + 10, 1.0, 1)  # the first bucket begins after this one
    assert (one.bucket, one.count) == (4.0, 0)
    return one


def test_buckets_by_hand(four):
    # nine buckets of 3 bought, 1 sold: parted by 2 of 4; ten make a figure
    for n in range(9):
        four.add(T0 + 20 + n, 3.0, 1)
        four.add(T0 + 20 + n, 1.0, -1)
    assert four.count == 9
    assert math.isnan(four.value)
    four.add(T0 + 30, 4.0, -1)
    # (9·2 + 4) / (10·4)
    assert four.value == pytest.approx(22 / 40)


def test_a_trade_is_split_over_buckets_and_half_of_the_unknown_was_bought(four):
    four.add(T0 + 20, 3.0, 1)
    four.add(T0 + 21, 6.0, -1)  # 1 into the first, 4 make the second, 1 begins the third
    assert list(four._parted) == [2.0, 4.0]
    four.add(T0 + 22, 3.0, 0)  # 1 + 1.5 sold, 1.5 bought
    assert list(four._parted) == [2.0, 4.0, 1.0]


def test_a_trade_larger_than_everything_fills_every_bucket_once(four):
    four.add(T0 + 20, 1e12, 1)
    assert four.count == 10
    assert four.value == 1.0


def test_a_bucket_is_what_usually_comes_in_its_time():
    one = Toxicity(20, 5.0)
    end = steady(one, [1, -1] * 200)
    assert one.bucket == pytest.approx(5.0, rel=0.1)
    assert one.count == 20
    # alternating trades of one part a bucket of five by one at most
    assert 0.0 < one.value <= 0.2
    steady(one, [1] * 200, end)
    assert one.value == pytest.approx(1.0)


def test_buckets_follow_a_market_that_wakes_up():
    one = Toxicity(10, 5.0)
    steady(one, [1, -1] * 100)
    for n in range(2_000):
        one.add(T0 + 200 * SECOND + n * SECOND // 10, 1.0, 1)
    assert one.bucket == pytest.approx(50.0, rel=0.15)


@given(
    st.lists(
        st.tuples(st.integers(0, 8), st.floats(1e-3, 1e5), st.sampled_from([-1, 0, 1])),
        min_size=30,
        max_size=150,
    )
)
def test_bounds_and_symmetry(trades):
    one, other, ts = Toxicity(10, 2.0), Toxicity(10, 2.0), T0
    for seconds, size, sign in trades:
        ts += seconds * SECOND
        one.add(ts, size, sign)
        other.add(ts, size, -sign)
        assert math.isnan(one.value) or 0.0 <= one.value <= 1.0
        assert one.count <= 10
    assert math.isnan(one.value) == math.isnan(other.value)
    if not math.isnan(one.value):
        assert one.value == pytest.approx(other.value, abs=1e-6)


def test_what_is_no_size_is_left_out(four):
    for size in (0.0, -1.0, math.nan, math.inf):
        four.add(T0 + 20, size, 1)
    assert four._filled == 0.0


def test_impossible_parameters_are_refused():
    with pytest.raises(ValueError, match="buckets >= 10"):
        Toxicity(9)
    with pytest.raises(ValueError, match="0 < bucket_time"):
        Toxicity(10, 0.0)
