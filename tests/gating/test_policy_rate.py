"""The bucket of tokens: hand-worked figures, a slow twin, clocks that run back, restarts."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.gating.policy_rate import MINUTE, TokenBucket
from nautilus_quant.safety.stored import DamagedStateError

SECOND = 1_000_000_000
T = 1_700_000_000 * SECOND


def spend(bucket: TokenBucket, count: int, ts: int = T) -> TokenBucket:
    for _ in range(count):
        bucket.take(ts)
    return bucket


def test_opening_orders_stop_at_the_reserve_and_go_on_a_token_later():
    bucket = TokenBucket(rate=60.0, burst=5.0, reserve=2.0)
    passed = 0
    while bucket.is_open(T):
        bucket.take(T)
        passed += 1
    assert (passed, bucket.tokens(T)) == (3, 2.0)
    assert not bucket.is_open(T + SECOND - 1000)
    assert bucket.is_open(T + SECOND)  # 60 per minute is one a second
    assert bucket.ready_at(T) == T + SECOND


def test_orders_that_close_use_the_reserve_and_then_credit_of_a_minute():
    bucket = spend(TokenBucket(rate=30.0, burst=4.0, reserve=3.0), 10)
    assert bucket.tokens(T) == -6.0
    # 4 tokens for one opening order: 10 are missing, at one in two seconds
    assert bucket.ready_at(T) == T + 20 * SECOND
    spend(bucket, 1000)
    assert bucket.tokens(T) == -30.0
    assert bucket.ready_at(T) == T + 68 * SECOND
    assert bucket.is_open(T + 68 * SECOND)
    assert not bucket.is_open(T + 68 * SECOND - 1000)


def test_tokens_come_back_no_further_than_the_burst():
    bucket = spend(TokenBucket(burst=30.0), 1)
    assert bucket.tokens(T + 3600 * SECOND) == 30.0
    bucket.give_back()
    assert bucket.tokens(T) == 30.0
    bucket.give_back()
    assert bucket.tokens(T) == 30.0


def test_what_never_left_is_given_back():
    bucket = spend(TokenBucket(burst=3.0, reserve=1.0), 2)
    assert not bucket.is_open(T)
    bucket.give_back()
    assert bucket.is_open(T)


def test_a_clock_that_steps_back_a_little_costs_its_refill():
    bucket = spend(TokenBucket(burst=3.0, reserve=1.0), 2)
    bucket.take(T - SECOND)
    assert bucket.tokens(T - SECOND) == bucket.tokens(T) == 0.0
    assert bucket.tokens(T + SECOND) == 1.0


def test_a_clock_that_is_set_back_does_not_close_the_venue_for_hours():
    bucket = spend(TokenBucket(burst=3.0, reserve=1.0), 2)
    yesterday = T - 86_400 * SECOND
    assert not bucket.is_open(yesterday)
    assert bucket.is_open(yesterday + SECOND)


def test_a_clock_that_wobbles_gives_nothing_away():
    bucket = spend(TokenBucket(rate=60.0, burst=3.0, reserve=1.0), 2)
    for _ in range(100):
        assert not bucket.is_open(T - 30 * SECOND)
        assert not bucket.is_open(T)


def test_a_restart_does_not_reset_the_count():
    before = spend(TokenBucket(), 29)
    after = TokenBucket()
    after.restore(before.to_dict())
    assert after.to_dict() == before.to_dict()
    assert not after.is_open(T + 9 * SECOND)  # 1 + 9 tokens are the reserve
    assert after.is_open(T + 10 * SECOND)


def test_a_restart_with_a_smaller_bucket_keeps_to_it():
    after = TokenBucket(burst=12.0)
    after.restore({"tokens": 1e9, "ts": T})
    assert after.tokens(T) == 12.0
    after.restore({"tokens": -1e9, "ts": T})
    assert after.tokens(T) == -60.0


@pytest.mark.parametrize(
    "state", [{}, {"tokens": "3", "ts": 1}, {"tokens": float("nan"), "ts": 1}, {"tokens": 1.0, "ts": 1.5}]
)
def test_damaged_state_is_refused(state):
    with pytest.raises(DamagedStateError):
        TokenBucket().restore(state)


@pytest.mark.parametrize(
    ("given_", "text"),
    [
        ({"rate": 0.0}, "need a finite rate > 0 [orders/min], was 0.0"),
        ({"burst": 5.0, "reserve": 5.0}, "need 0 <= reserve <= burst - 1 [orders], was (5.0, 5.0)"),
        ({"reserve": -1.0}, "need 0 <= reserve <= burst - 1 [orders]"),
        ({"burst": float("inf")}, "need a finite burst [orders], was inf"),
    ],
)
def test_impossible_parameters_are_refused(given_, text):
    with pytest.raises(ValueError) as told:
        TokenBucket(**given_)
    assert text in str(told.value)


class Naive:
    """Every order ever sent, and exact fractions."""

    def __init__(self, rate, burst, reserve):
        self.rate, self.burst, self.reserve = Fraction(rate), Fraction(burst), Fraction(reserve)
        self.sent = []

    def tokens(self, ts):
        tokens, last = self.burst, None
        for when in self.sent:
            if last is not None:
                tokens = min(self.burst, tokens + Fraction(when - last) * self.rate / MINUTE)
            tokens, last = max(tokens - 1, -self.rate), when
        return tokens if last is None else min(self.burst, tokens + Fraction(ts - last) * self.rate / MINUTE)


@settings(max_examples=150, deadline=None)
@given(
    rate=st.integers(1, 600),
    burst=st.integers(2, 40),
    reserve=st.integers(0, 40),
    steps=st.lists(st.tuples(st.integers(0, 3 * SECOND), st.booleans()), max_size=60),
)
def test_it_agrees_with_its_slow_twin_and_never_holds_back_what_closes(rate, burst, reserve, steps):
    reserve = min(reserve, burst - 1)
    bucket, naive = TokenBucket(rate, burst, reserve), Naive(rate, burst, reserve)
    ts, opened = T, []
    for step, closes in steps:
        ts += step
        exact = naive.tokens(ts)
        assert bucket.tokens(ts) == pytest.approx(float(exact), abs=1e-6)
        if abs(exact - reserve - 1) > Fraction(1, 10**6):
            assert bucket.is_open(ts) == (exact >= reserve + 1)
        if closes or bucket.is_open(ts):
            bucket.take(ts)
            naive.sent.append(ts)
            if not closes:
                opened.append(ts)
                assert bucket.tokens(ts) >= reserve - 1e-6  # the reserve is never touched by what opens
    within = [sum(1 for other in opened if 0 <= other - when < MINUTE) for when in opened]
    assert max(within, default=0) <= rate + burst - reserve
