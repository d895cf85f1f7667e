"""Payments within the time a pair is held, and what is assumed of them."""

import json
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.carry.cross_venue_funding import (
    HOUR,
    NO_FUNDING,
    FundingDoubt,
    LegFunding,
    PairFunding,
    payments,
)
from nautilus_quant.carry.forecast import Carry

DAY = 24 * HOUR


@given(st.integers(0, 10**6), st.integers(0, 10**5), st.integers(-(10**6), 10**6), st.integers(1, 10**5))
def test_payments_are_counted_one_by_one(now, seconds, following, interval):
    # in seconds, so that each can be looked at
    while following <= now:
        following += interval
    count = 0
    while following <= now + seconds:
        count, following = count + 1, following + interval
    told = payments(
        now * 10**9, float(seconds), following * 10**9 - count * interval * 10**9, interval * 10**9
    )
    assert told == count


def test_by_hand():
    assert payments(0, 3_600.0, HOUR, 8 * HOUR) == 1  # the last moment counts
    assert payments(0, 3_599.9, HOUR, 8 * HOUR) == 0
    assert payments(0, 24 * 3_600.0, 8 * HOUR, 8 * HOUR) == 3
    assert payments(9 * HOUR, 8 * 3_600.0, 8 * HOUR, 8 * HOUR) == 1  # the one told has passed


def test_the_long_leg_pays_and_the_short_one_receives():
    pair = PairFunding.of(long=Carry(0.0003, 0.0003, 0.1), short=Carry(0.0005, 0.0004, 0.2))
    assert pair == pytest.approx((0.0002, 0.0005))
    assert PairFunding.of(NO_FUNDING, NO_FUNDING) == (0.0, 0.0)


def test_a_rate_that_is_announced_counts_at_its_time():
    leg = LegFunding(FundingDoubt(share=0.5))
    leg.update(Decimal("0.0004"), 0, 4 * HOUR, 4 * HOUR)
    assert leg.over(0, 3 * 3_600.0) == NO_FUNDING
    assert leg.over(0, 5 * 3_600.0) == pytest.approx((0.0004, 0.0002, 0.5))
    assert leg.over(0, 9 * 3_600.0) == pytest.approx((0.0008, 0.0004, 0.5))


def test_what_nobody_told_is_a_doubt_to_both_sides():
    leg = LegFunding(FundingDoubt(unknown=0.0007))
    assert leg.following(9 * HOUR) == 16 * HOUR
    assert leg.over(9 * HOUR, 6 * 3_600.0) == NO_FUNDING
    assert leg.over(9 * HOUR, 16 * 3_600.0) == pytest.approx((0.0, 2 * 0.0007, 0.5))


def test_a_rate_near_nothing_is_not_sure():
    leg = LegFunding(FundingDoubt(unknown=0.0007))
    leg.update(Decimal(0), 0, HOUR, HOUR)
    assert leg.over(0, 3_600.0).error == pytest.approx(0.00007)


def test_a_rate_nobody_repeats_is_none_after_a_while():
    leg = LegFunding(FundingDoubt(unknown=0.0003))
    for n in range(12):
        leg.update(Decimal("0.0009"), n * 8 * HOUR, (n + 1) * 8 * HOUR, 8 * HOUR)
    last = 88 * HOUR
    assert leg.over(last + 16 * HOUR, 8 * 3_600.0).expected == pytest.approx(0.0009)
    silent = leg.over(last + 16 * HOUR + 1, 16 * 3_600.0)
    assert silent == pytest.approx((0.0, 2 * 0.0009, 0.5))  # to both sides, as much as it was
    again = LegFunding(leg.doubt).restore(json.loads(json.dumps(leg.to_dict())))
    assert again.over(last + 16 * HOUR + 1, 16 * 3_600.0) == silent
    leg.update(Decimal("0.0009"), last + 20 * HOUR, last + 24 * HOUR, 8 * HOUR)
    assert leg.over(last + 20 * HOUR, 8 * 3_600.0).expected == pytest.approx(0.0009)


def test_history_has_a_say_in_what_comes_after_the_next_payment():
    leg = LegFunding()
    for n in range(12):
        leg.update(Decimal("0.0001"), n * 8 * HOUR, (n + 1) * 8 * HOUR, 8 * HOUR)
    now = 96 * HOUR + 1
    leg.update(Decimal("0.0009"), now, 104 * HOUR, 8 * HOUR)
    assert leg.forecast.seen == 12
    assert leg.over(now, 8 * 3_600.0).expected == pytest.approx(0.0009)  # as announced
    assert leg.over(now, 16 * 3_600.0).expected == pytest.approx(0.001)  # then as usual
    assert leg.over(now, 16 * 3_600.0).error < 1e-5


def test_what_is_no_number_changes_nothing():
    leg = LegFunding()
    leg.update(Decimal("0.0004"), 0, 4 * HOUR, 4 * HOUR)
    leg.update(Decimal("NaN"), 1, 8 * HOUR, 8 * HOUR)
    assert leg.rate == 0.0004
    assert leg.following(0) == 4 * HOUR


def test_it_goes_on_after_a_restart():
    whole, first = LegFunding(), LegFunding()

    def told(leg, hours):
        for n in hours:
            leg.update(Decimal(n % 7) / 10_000, n * HOUR, (n // 8 + 1) * 8 * HOUR, 8 * HOUR)
        return leg

    told(whole, range(100))
    told(first, range(60))
    second = told(LegFunding().restore(json.loads(json.dumps(first.to_dict()))), range(60, 100))
    for seconds in (3_600.0, 86_400.0):
        assert second.over(100 * HOUR, seconds) == whole.over(100 * HOUR, seconds)
    assert second.rate == whole.rate
    with pytest.raises(ValueError, match="interval"):
        LegFunding().restore({**first.to_dict(), "interval": 0})


@pytest.mark.parametrize("changes", [{"unknown": -1.0}, {"share": math.nan}, {"stale": 0.0}, {"interval": 0}])
def test_parameters_that_cannot_be(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        FundingDoubt(**changes)
