"""Which rate is settled when, and what was held then."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.carry.funding_ledger import Stamp
from nautilus_quant.carry.funding_schedule import FundingSchedule, RecentFills, Untimed

MINUTE = 60_000_000_000
HOUR = 60 * MINUTE
T = 8 * HOUR


def d(value):
    return Decimal(str(value))


def stamps(schedule, now, **how):
    return [(s.ts // HOUR, str(s.rate)) for s in schedule.due(now, **how)]


def test_records_are_paid_at_their_own_time():
    schedule = FundingSchedule()
    schedule.update("BTC", d("0.1"), T)
    assert schedule.next == T
    assert schedule.due(T) == []
    assert schedule.due(T + 1) == [Stamp("BTC", T, d("0.1"))]
    assert schedule.next is None
    schedule.update("BTC", d("0.2"), 2 * T)
    schedule.update("BTC", d("0.3"), 3 * T)
    assert schedule.next == 2 * T
    assert stamps(schedule, 3 * T, last=True) == [(16, "0.2"), (24, "0.3")]


def test_repeated_records_pay_once():
    schedule = FundingSchedule()
    for rate in ("0.1", "0.2"):
        schedule.update("BTC", d(rate), T)
    assert stamps(schedule, T + 1) == [(8, "0.2")]
    schedule.update("BTC", d("0.3"), T)
    assert schedule.next is None
    assert stamps(schedule, 2 * T) == []


def test_the_last_announcement_counts_also_at_the_stamp_itself():
    schedule = FundingSchedule()
    schedule.update("BTC", d("0.1"), 0, T)
    schedule.update("BTC", d("0.2"), T - MINUTE, T)
    schedule.update("BTC", d("0.3"), T, T)
    assert stamps(schedule, T + 1) == [(8, "0.3")]
    schedule.update("BTC", d("0.4"), T + 1, 2 * T)
    assert schedule.next == 2 * T


def test_the_announcement_after_makes_the_one_before_due():
    schedule = FundingSchedule()
    schedule.update("BTC", d("0.1"), 0, T)
    schedule.update("BTC", d("0.2"), T, 2 * T)
    assert stamps(schedule, T, last=True) == [(8, "0.1")]
    assert stamps(schedule, 2 * T + 1) == [(16, "0.2")]


def test_a_payment_may_be_moved_while_it_lies_ahead():
    schedule = FundingSchedule()
    schedule.update("BTC", d("0.1"), 0, T)
    schedule.update("BTC", d("0.2"), HOUR, 4 * HOUR)
    assert stamps(schedule, 5 * HOUR) == [(4, "0.2")]
    schedule.update("BTC", d("0.3"), 5 * HOUR, T)
    schedule.update("BTC", d("0.4"), 6 * HOUR, T + HOUR)
    assert stamps(schedule, 2 * T) == [(9, "0.4")]


def test_a_time_that_has_passed_is_no_time():
    """A venue may go on announcing the last payment for a moment."""
    schedule = FundingSchedule(interval=T)
    schedule.update("BTC", d("0.1"), 0, T)
    assert stamps(schedule, T + 1) == [(8, "0.1")]
    schedule.update("BTC", d("0.2"), T + MINUTE, T)
    assert stamps(schedule, T + HOUR) == []
    assert schedule.next == 2 * T
    schedule.update("ETH", d("0.2"), T + MINUTE, T)
    assert stamps(schedule, T + HOUR) == [(8, "0.2")]  # nothing else known of it: a record of now


def test_rates_without_a_time_at_a_venue_that_has_told_times():
    schedule = FundingSchedule(interval=4 * HOUR)
    schedule.update("BTC", d("0.1"), 0, T)
    schedule.update("BTC", d("0.2"), HOUR)
    assert stamps(schedule, T + 1) == [(8, "0.2")]
    schedule.update("BTC", d("0.3"), T + HOUR)
    schedule.update("BTC", d("0.4"), T + 2 * HOUR, interval=2 * HOUR)
    assert stamps(schedule, 2 * T) == [(12, "0.4")]


def test_predicted_rates_are_paid_at_whole_intervals():
    schedule = FundingSchedule(Untimed.PREDICTED, interval=T)
    schedule.update("BTC", d("0.1"), HOUR)
    schedule.update("BTC", d("0.2"), T)
    schedule.update("BTC", d("0.3"), T + 1)
    assert stamps(schedule, 2 * T) == [(8, "0.2")]
    assert stamps(schedule, 2 * T + 1) == [(16, "0.3")]


def test_ignored_rates():
    schedule = FundingSchedule(Untimed.IGNORED)
    schedule.update("BTC", d("0.1"), T)
    assert schedule.next is None
    schedule.update("BTC", d("0.1"), T, 2 * T)
    schedule.update("BTC", d("0.2"), T + 1)
    assert stamps(schedule, 3 * T) == [(16, "0.2")]


@pytest.mark.parametrize("rate", ["NaN", "Infinity"])
def test_an_unknown_rate_changes_nothing(rate):
    schedule = FundingSchedule()
    schedule.update("BTC", d("0.1"), 0, T)
    schedule.update("BTC", d(rate), HOUR, T)
    assert stamps(schedule, T + 1) == [(8, "0.1")]
    schedule.update("ETH", d(rate), HOUR)
    assert schedule.next is None


def test_several_instruments_in_order_of_time():
    schedule = FundingSchedule()
    schedule.update("SOL", d("0.3"), 2 * HOUR)
    schedule.update("ETH", d("0.2"), HOUR)
    schedule.update("BTC", d("0.1"), 2 * HOUR)
    assert [s.instrument for s in schedule.due(T)] == ["ETH", "BTC", "SOL"]


@given(
    st.lists(st.tuples(st.integers(1, 5 * HOUR), st.integers(0, 10)), min_size=1, max_size=60),
    st.integers(0, 60),
)
@settings(max_examples=40)
def test_every_announced_stamp_is_settled_once_at_the_last_rate_before_it(steps, restart):
    schedule, now, last, expected, found = FundingSchedule(), 0, {}, {}, []
    for n, (step, rate) in enumerate(steps):
        now += step
        at = -(-now // T) * T
        schedule.update("BTC", d(rate), now, at)
        last[at] = d(rate)
        if n == restart:
            found += schedule.due(now)
            schedule = FundingSchedule().restore(schedule.to_dict())
    expected = [Stamp("BTC", at, rate) for at, rate in last.items()]
    assert found + schedule.due(now + T + 1) == expected


def test_an_impossible_interval():
    with pytest.raises(ValueError, match="interval > 0"):
        FundingSchedule(interval=0)


# -- what was held ---------------------------------------------------------------------------------


def test_held_before_undoes_what_came_since():
    fills = RecentFills()
    fills.note(T - 1, "BTC", "a", d(1))
    fills.note(T, "BTC", "a", d(-3))  # turned round
    fills.note(T + 1, "BTC", "b", d(5))  # opened since
    fills.note(T + 1, "ETH", "c", d(7))
    assert fills.held_before(T, "BTC", {"a": d(-2), "b": d(5)}) == {"a": d(1)}
    assert fills.held_before(T + 1, "BTC", {"a": d(-2), "b": d(5)}) == {"a": d(-2)}
    # Closed since: it is not held now, and was held then.
    assert fills.held_before(T + 1, "ETH", {"c": d(7)}) == {}
    fills.note(T + 2, "ETH", "c", d(-7))
    assert fills.held_before(T + 2, "ETH", {}) == {"c": d(7)}


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab"), st.integers(-5, 5)), max_size=40))
@settings(max_examples=40)
def test_held_before_is_what_was_there(changes):
    fills, held, ts, history = RecentFills(memory=10_000), {}, 0, [(0, {})]
    for step, position, change in changes:
        if step:
            history.append((ts + step, {p: s for p, s in held.items() if s}))
        ts += step
        fills.note(ts, "BTC", position, d(change))
        held[position] = held.get(position, d(0)) + d(change)
    for at, before in history:
        assert fills.held_before(at, "BTC", held) == before


def test_old_fills_are_forgotten():
    fills = RecentFills(memory=HOUR)
    for n in range(1_000):
        fills.note(n * MINUTE, "BTC", "a", d(1))
    assert len(fills._fills) == 61
    with pytest.raises(ValueError, match="memory"):
        RecentFills(memory=0)
