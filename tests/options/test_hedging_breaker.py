"""A breaker opens after failures, tries once, and closes when that works."""

from __future__ import annotations

from itertools import pairwise

import pytest

from nautilus_quant.options.hedging_breaker import Breaker, BreakerParams, BreakerState

SECOND = 1_000_000_000
PARAMS = BreakerParams(failures=3, pause=30.0, longest=100.0)


@pytest.fixture
def breaker() -> Breaker:
    return Breaker(PARAMS)


def opened(breaker: Breaker, now: int = 0) -> Breaker:
    assert [breaker.failed(now) for _ in range(3)] == [False, False, True]
    return breaker


def test_three_failures_in_a_row_open_it(breaker):
    assert breaker.state(0) is BreakerState.CLOSED
    opened(breaker)
    assert breaker.state(0) is BreakerState.OPEN
    assert not breaker.allows(30 * SECOND - 1)


def test_a_fill_between_begins_the_count_anew(breaker):
    breaker.failed(0)
    breaker.failed(0)
    breaker.succeeded()
    assert not breaker.failed(0)
    assert breaker.allows(0)


def test_after_the_pause_one_order_is_tried(breaker):
    opened(breaker)
    now = 30 * SECOND
    assert breaker.state(now) is BreakerState.HALF_OPEN
    assert breaker.allows(now)
    breaker.sent(now)
    assert not breaker.allows(now)


def test_a_trial_that_works_closes_it(breaker):
    opened(breaker)
    breaker.sent(30 * SECOND)
    breaker.succeeded()
    assert breaker.state(30 * SECOND) is BreakerState.CLOSED


def test_each_trial_that_fails_doubles_the_pause_up_to_the_longest(breaker):
    opened(breaker)
    now, pauses = 0, [30, 60, 100, 100]
    for before, after in pairwise(pauses):
        now += before * SECOND
        breaker.sent(now)
        assert breaker.failed(now)
        assert not breaker.allows(now + after * SECOND - 1)
        assert breaker.allows(now + after * SECOND)


def test_late_failures_of_orders_sent_before_do_not_make_the_pause_longer(breaker):
    opened(breaker)
    assert not breaker.failed(20 * SECOND)
    assert breaker.allows(30 * SECOND)


def test_it_goes_on_after_a_restart(breaker):
    opened(breaker, now=5 * SECOND)
    again = Breaker(PARAMS)
    again.restore(breaker.to_dict())
    assert not again.allows(35 * SECOND - 1)
    assert again.allows(35 * SECOND)


@pytest.mark.parametrize(("field", "value"), [("failures", 0), ("pause", 0.0), ("longest", 1.0)])
def test_impossible_parameters_are_refused(field, value):
    with pytest.raises(ValueError, match=field):
        BreakerParams(**{field: value})
