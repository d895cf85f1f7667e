"""The rolling maximum against a list that remembers everything."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.safety.windows import BUCKETS, RollingMax

WINDOW, BUCKET = 60, 7

steps = st.lists(st.tuples(st.integers(-30, 90), st.integers(-20, 20)), min_size=1, max_size=60)


class Remembering:
    """Keeps every value with the last time at which it was in force."""

    def __init__(self) -> None:
        self.values: list[list[int]] = []  # [value, from, last in force]

    def push(self, ts: int, value: int) -> None:
        now = max([ts, *(start for _, start, _ in self.values)])
        if self.values and now > self.values[-1][1]:
            self.values[-1][2] = now - 1
        self.values.append([value, now, now])

    def highest(self, window: int, bucket: int = 1) -> int:
        now = self.values[-1][1]
        return max(v for v, _, last in self.values if last // bucket >= (now - window) // bucket)


def walk(moves):
    ts = 1_000
    for change, value in moves:
        ts = max(0, ts + change)
        yield ts, value


@given(steps)
def test_maximum_is_that_of_all_values_in_force_in_the_window(moves):
    window, memory = RollingMax(WINDOW, BUCKET), Remembering()
    for ts, value in walk(moves):
        memory.push(ts, value)
        assert window.push(ts, value) == memory.highest(WINDOW, BUCKET) == window.highest


@given(steps)
def test_window_is_never_shorter_than_asked_and_at_most_a_bucket_longer(moves):
    window, memory = RollingMax(WINDOW, BUCKET), Remembering()
    for ts, value in walk(moves):
        memory.push(ts, value)
        assert memory.highest(WINDOW) <= window.push(ts, value) <= memory.highest(WINDOW + BUCKET)


@given(steps)
def test_bucket_of_one_is_exact(moves):
    window, memory = RollingMax(WINDOW, 1), Remembering()
    for ts, value in walk(moves):
        memory.push(ts, value)
        assert window.push(ts, value) == memory.highest(WINDOW)


@given(steps, st.integers(0, 59))
def test_restart_from_stored_state_changes_nothing(moves, stop):
    through, window = RollingMax(WINDOW, BUCKET), RollingMax(WINDOW, BUCKET)
    for i, (ts, value) in enumerate(walk(moves)):
        if i == stop:
            window = RollingMax.from_dict(json.loads(json.dumps(window.to_dict())))
        assert window.push(ts, value) == through.push(ts, value)
    assert window.to_dict() == through.to_dict()


def test_memory_is_bounded_while_values_fall_for_ever():
    window = RollingMax(720, 10)
    for ts in range(5_000):
        window.push(ts, -float(ts))
        assert len(window) <= 720 // 10 + 2
    assert window.highest == -float((4_999 - 720) // 10 * 10)  # first value of the oldest bucket


def test_value_expires_when_its_last_bucket_leaves_the_window():
    window = RollingMax(60, 10)
    window.push(100, 9.0)
    window.push(105, 5.0)  # 9 was in force until 104, in bucket 10
    assert window.push(169, 4.0) == 9.0  # (169 - 60) // 10 == 10
    assert window.push(170, 4.0) == 5.0


def test_value_before_a_gap_counts_after_it():
    window = RollingMax(60, 10)
    window.push(100, 9.0)
    assert window.push(5_000, 4.0) == 9.0  # nobody knows when it was lost
    assert window.push(5_059, 4.0) == 9.0  # in force until 4 999, within the window and a bucket
    assert window.push(5_060, 4.0) == 4.0


def test_restart_forgets_the_past_but_goes_on():
    window = RollingMax(60, 10)
    window.push(100, 9.0)
    window.restart(5.0)
    assert window.highest == 5.0
    assert window.push(101, 4.0) == 5.0
    assert window.push(102, 6.0) == 6.0


def test_clock_that_steps_back_keeps_what_is_there():
    window = RollingMax(60, 10)
    window.push(1_000, 9.0)
    assert window.push(10, 4.0) == 9.0
    assert window.now == 1_000


def test_reset_clock_lets_time_begin_earlier_and_keeps_the_maximum():
    window = RollingMax(60, 10)
    window.push(1_000, 9.0)
    window.push(1_001, 4.0)
    window.reset_clock(100)
    assert window.now == 100
    assert window.push(101, 4.0) == 9.0
    assert window.push(170, 4.0) == 4.0
    window.reset_clock(500)  # later than now: nothing to reset
    assert window.now == 170


def test_reset_clock_of_an_empty_window_does_nothing():
    window = RollingMax(60, 10)
    window.reset_clock(100)
    assert (window.now, len(window), window.highest) == (-1, 0, -math.inf)


def test_default_bucket_is_a_720th():
    assert RollingMax(7_200).bucket == 7_200 // BUCKETS == 10
    assert RollingMax(5).bucket == 1


@pytest.mark.parametrize(("window", "bucket"), [(0, None), (10, 0), (10, 11), (-5, 1)])
def test_impossible_sizes_are_refused(window, bucket):
    with pytest.raises(ValueError, match=r"need 0 < bucket <= window \[ns\]"):
        RollingMax(window, bucket)


def damaged(**changes):
    window = RollingMax(60, 10)
    window.push(100, 9.0)
    window.push(115, 5.0)
    return {**window.to_dict(), **changes}


def test_undamaged_example_is_accepted():
    assert RollingMax.from_dict(damaged()).to_dict() == damaged()


@pytest.mark.parametrize(
    "changes",
    [
        {"window": None},
        {"window": 60.5},
        {"bucket": True},
        {"now": "soon"},
        {"now": 5},  # before what the window holds
        {"last": math.nan},
        {"last": None},
        {"queue": None},
        {"queue": [[10, 9.0, 1]]},
        {"queue": [[10, 9.0], 5]},
        {"queue": [[10, 9.0], [11, 9.5]]},  # rises
        {"queue": [[10, 9.0], [11, 9.0]]},  # does not fall
        {"queue": [[11, 9.0], [10, 5.0]]},  # time falls
        {"queue": [[10, 9.0], [10, 5.0]]},  # time stands still
        {"queue": [[10, math.inf]]},
        {"queue": [["10", 9.0]]},
        {"queue": []},  # but a last value
        {"queue": [[i, -float(i)] for i in range(9)]},  # more than fits
    ],
)
def test_damaged_state_is_refused(changes):
    with pytest.raises(ValueError, match="stored"):
        RollingMax.from_dict(damaged(**changes))


def test_missing_field_is_named():
    state = damaged()
    del state["queue"]
    with pytest.raises(ValueError, match="needs 'queue'"):
        RollingMax.from_dict(state)
