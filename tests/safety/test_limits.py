"""The loss limits on worked examples; `test_limits_definition` has the general case."""

from __future__ import annotations

import math

import pytest

from nautilus_quant.safety.limits import CEILINGS, LimitStatus, LossMonitor, SafetyLimits

SECOND = 10**9
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
START = 1_700_000_000 * SECOND  # not a whole bucket of the day's window


@pytest.fixture
def monitor():
    return LossMonitor(SafetyLimits())


def feed(monitor, *equities, start=START, step=SECOND):
    return [monitor.update(start + i * step, equity, True) for i, equity in enumerate(equities)]


def trips(statuses):
    return [status.trips for status in statuses]


def code(monitor, ts):
    block = monitor.blocked(ts)
    return block and block[0]


def test_nothing_is_allowed_before_the_first_valuation(monitor):
    assert code(monitor, START) == "STALE_EQUITY"
    status = monitor.status
    assert math.isnan(status.equity)
    assert math.isnan(status.peak)


def test_first_valuation_sets_every_reference(monitor):
    assert monitor.update(START, 1_000.0, True) == LimitStatus(
        ts=START, equity=1_000.0, fresh=True, hourly_loss=0.0, daily_loss=0.0, drawdown=0.0, peak=1_000.0,
        hourly_until=0, daily_until=0, latched=False, pending=False, trips=(),
    )  # fmt: skip
    assert monitor.blocked(START) is None


def test_loss_at_the_limit_is_tolerated_and_just_beyond_is_not(monitor):
    assert trips(feed(monitor, 1_000.0, 995.0, 995.0, 995.0)) == [(), (), (), ()]
    assert trips(feed(monitor, 994.999, 994.999, start=START + 4 * SECOND)) == [(), ("hourly_loss",)]


def test_hourly_trip_halts_for_an_hour_from_the_second_valuation(monitor):
    first, breach, trip = feed(monitor, 1_000.0, 994.0, 993.0)
    assert (first.pending, breach.pending, trip.pending) == (False, True, False)
    assert breach.hourly_loss == 0.006
    assert trip.hourly_until == START + 2 * SECOND + HOUR
    assert trip.hourly_loss == 0.0  # used up
    assert code(monitor, trip.hourly_until - 1) == "HOURLY_LOSS"
    assert monitor.blocked(trip.hourly_until) is None


def test_halt_says_what_was_lost_and_how_long_it_lasts(monitor):
    feed(monitor, 1_000.0, 994.0, 993.0)
    assert monitor.blocked(START + 2 * SECOND + HOUR // 2) == (
        "HOURLY_LOSS",
        "lost 0.700%, the limit is 0.500%; halted for 1800 s",
        {"loss": 0.007, "limit": 0.005, "seconds_left": 1_800.0},
    )


def test_what_a_limit_tripped_at_is_known_though_its_window_begins_anew(monitor):
    assert monitor.tripped_at("hourly_loss") == (0.0, 0.005)
    feed(monitor, 1_000.0, 994.0, 993.0)
    assert monitor.tripped_at("hourly_loss") == (0.007, 0.005)
    assert monitor.tripped_at("daily_loss") == (0.0, 0.02)
    assert monitor.status.hourly_loss == 0.0


def test_daily_trip_halts_for_a_day_and_outranks_the_hour(monitor):
    *_, trip = feed(monitor, 1_000.0, 979.0, 979.0)
    assert trip.trips == ("hourly_loss", "daily_loss")
    assert trip.daily_until == START + 2 * SECOND + DAY
    assert code(monitor, START + 3 * SECOND) == "DAILY_LOSS"
    assert code(monitor, trip.daily_until - 1) == "DAILY_LOSS"
    assert monitor.blocked(trip.daily_until) is None


def test_slow_loss_trips_the_day_but_not_the_hour(monitor):
    path = [1_000.0 - 4.0 * i for i in range(8)]  # 0.4 % every hour, 2.4 % after six
    assert trips(feed(monitor, *path, step=HOUR)) == [(), (), (), (), (), (), (), ("daily_loss",)]


def test_drawdown_latches_for_ever_and_is_announced_once(monitor):
    *_, trip, again = feed(monitor, 1_000.0, 899.0, 899.0, 898.0)
    assert trip.trips == ("hourly_loss", "daily_loss", "drawdown")
    assert (trip.latched, again.latched, again.trips) == (True, True, ())
    assert monitor.latched
    monitor.update(START + 400 * DAY, 5_000.0, True)
    assert code(monitor, START + 400 * DAY) == "DRAWDOWN"


def test_drawdown_at_the_limit_is_tolerated_and_just_beyond_is_not():
    limits = SafetyLimits(max_hourly_loss=0.5, max_daily_loss=0.5, max_drawdown=0.125)
    monitor = LossMonitor(limits)
    assert trips(feed(monitor, 1_000.0, 875.0, 875.0)) == [(), (), ()]
    assert trips(feed(monitor, 874.5, 874.5, start=START + 3 * SECOND)) == [(), ("drawdown",)]


def test_recovery_between_two_breaches_starts_the_count_again(monitor):
    assert trips(feed(monitor, 1_000.0, 994.0, 996.0, 994.0)) == [(), (), (), ()]
    assert code(monitor, START + 4 * SECOND) == "LOSS_UNCONFIRMED"


def test_stale_valuation_between_two_breaches_neither_counts_nor_resets(monitor):
    feed(monitor, 1_000.0, 994.0)
    assert monitor.update(START + 2 * SECOND, math.nan, True).trips == ()
    assert monitor.update(START + 3 * SECOND, 500.0, False).trips == ()
    assert code(monitor, START + 3 * SECOND) == "STALE_EQUITY"
    assert monitor.update(START + 4 * SECOND, 994.0, True).trips == ("hourly_loss",)


def test_breach_is_not_confirmed_by_its_own_instant(monitor):
    feed(monitor, 1_000.0, 994.0)
    assert monitor.update(START + SECOND, 994.0, True).trips == ()
    assert monitor.update(START + SECOND + 1, 994.0, True).trips == ("hourly_loss",)


def test_breach_is_confirmed_though_the_clock_steps_back(monitor):
    feed(monitor, 1_000.0, 994.0)
    status = monitor.update(START - HOUR, 994.0, True)
    assert status.trips == ("hourly_loss",)
    assert status.hourly_until == START + SECOND + HOUR  # an hour from the latest time seen


def test_old_peak_does_not_trip_again_after_the_halt(monitor):
    feed(monitor, 1_000.0, 994.0, 994.0)
    later = feed(monitor, *[994.0] * 5, start=START + HOUR, step=HOUR // 8)
    assert trips(later) == [()] * 5


def test_fresh_loss_during_the_halt_prolongs_it(monitor):
    *_, trip = feed(monitor, 1_000.0, 994.0, 994.0)
    *_, second = feed(monitor, 989.0, 989.0, start=START + HOUR // 2)  # 0.503 % below 994
    assert second.trips == ("hourly_loss",)
    assert second.hourly_until == START + HOUR // 2 + SECOND + HOUR > trip.hourly_until


def test_loss_before_and_after_a_trip_is_not_added_up(monitor):
    feed(monitor, 1_000.0, 994.0, 994.0)
    assert trips(feed(monitor, 990.0, 990.0, start=START + 10 * SECOND)) == [(), ()]  # 0.4 % more


def test_recovery_during_the_halt_raises_the_reference(monitor):
    feed(monitor, 1_000.0, 994.0, 994.0)
    statuses = feed(monitor, 1_000.0, 994.5, 994.5, start=START + HOUR // 2)
    assert trips(statuses) == [(), (), ("hourly_loss",)]


def test_loss_across_a_gap_counts_within_the_hour(monitor):
    feed(monitor, 1_000.0)
    assert trips(feed(monitor, 994.0, 994.0, start=START + 5 * HOUR)) == [(), ("hourly_loss",)]


def test_deposit_is_no_profit_and_withdrawal_no_loss(monitor):
    feed(monitor, 1_000.0)
    status = monitor.update(START + SECOND, 1_500.0, True, 500.0)
    assert (status.peak, status.drawdown, status.hourly_loss) == (1_500.0, 0.0, 0.0)
    status = monitor.update(START + 2 * SECOND, 300.0, True, -1_200.0)
    assert (status.peak, status.drawdown, status.hourly_loss, status.daily_loss) == (300.0, 0.0, 0.0, 0.0)
    assert monitor.blocked(START + 2 * SECOND) is None


def test_flow_with_a_stale_valuation_still_moves_the_references(monitor):
    feed(monitor, 1_000.0)
    assert monitor.update(START + SECOND, math.nan, False, -400.0).peak == 600.0
    assert monitor.update(START + 2 * SECOND, 600.0, True).drawdown == 0.0


def test_flow_that_is_no_number_is_refused_and_changes_nothing(monitor):
    feed(monitor, 1_000.0)
    for flow in (math.nan, math.inf):
        with pytest.raises(ValueError, match=r"a flow must be finite \[reporting currency\]"):
            monitor.update(START + SECOND, 1_000.0, True, flow)
    assert monitor.update(START + SECOND, 1_000.0, True).peak == 1_000.0


def test_account_without_equity_may_open_nothing_but_does_not_trip(monitor):
    statuses = feed(monitor, 0.0, 0.0, 0.0)
    assert trips(statuses) == [(), (), ()]
    assert code(monitor, START + 2 * SECOND) == "NO_EQUITY"


def test_withdrawal_of_more_than_the_equity_counts_as_total_loss(monitor):
    feed(monitor, 1_000.0)
    statuses = [
        monitor.update(START + SECOND, -1.0, True, -1_000.0),
        monitor.update(START + 2 * SECOND, -1.0, True),
    ]
    assert statuses[0].drawdown == statuses[0].hourly_loss == 1.0
    assert statuses[1].trips == ("hourly_loss", "daily_loss", "drawdown")


def test_negative_equity_is_more_than_a_total_loss(monitor):
    assert feed(monitor, 1_000.0, -500.0)[-1].drawdown == 1.5


def test_valuation_is_stale_after_its_time(monitor):
    monitor.update(START, 1_000.0, True, 0.0, START + 30)
    assert monitor.blocked(START + 30) is None
    assert code(monitor, START + 31) == "STALE_EQUITY"


def test_rearm_begins_a_new_peak_and_leaves_the_halts(monitor):
    feed(monitor, 1_000.0, 890.0, 890.0)
    monitor.rearm(START + HOUR, 900.0)
    assert (monitor.latched, monitor.status.drawdown, monitor.status.peak) == (False, 0.0, 900.0)
    assert code(monitor, START + HOUR) == "DAILY_LOSS"
    monitor.update(START + 25 * HOUR, 895.0, True)
    assert monitor.blocked(START + 25 * HOUR) is None
    assert monitor.status.drawdown == 5.0 / 900.0


def test_rearm_without_equity_takes_the_next_valuation_as_peak(monitor):
    feed(monitor, 1_000.0, 890.0)
    monitor.update(START + SECOND, 890.0, True, 10.0)
    monitor.rearm(START + HOUR, math.nan)
    assert math.isnan(monitor.status.peak)
    assert monitor.update(START + HOUR, 880.0, True).peak == 880.0


def test_rearm_uses_up_what_waits_for_confirmation(monitor):
    feed(monitor, 1_000.0, 890.0)
    monitor.rearm(START + SECOND, 890.0)
    assert not monitor.pending
    assert monitor.update(START + 2 * SECOND, 890.0, True).trips == ()


def test_rearm_after_a_clock_far_ahead_cuts_the_halt_to_a_full_one(monitor):
    feed(monitor, 1_000.0, 994.0, 994.0, start=START + 1_000 * DAY)
    monitor.rearm(START, 994.0)
    assert monitor.status.hourly_until == START + HOUR
    *_, last = feed(monitor, 994.0, 994.0, start=START + 2 * HOUR)
    assert last.hourly_loss == 0.0
    assert monitor.blocked(START + 2 * HOUR + SECOND) is None


def test_rearm_after_a_clock_far_ahead_makes_time_go_on_from_now(monitor):
    feed(monitor, 1_000.0, start=START + 1_000 * DAY)
    monitor.rearm(START, 1_000.0)
    *_, trip = feed(monitor, 994.0, 994.0, start=START + SECOND)
    assert trip.hourly_until == START + 2 * SECOND + HOUR
    assert trips(feed(monitor, 994.0, start=START + 2 * HOUR)) == [()]


def test_tighter_limits_and_longer_halts_are_kept():
    monitor = LossMonitor(SafetyLimits(max_hourly_loss=0.001, hourly_halt=7_200.0))
    *_, trip = feed(monitor, 1_000.0, 998.5, 998.5)
    assert trip.trips == ("hourly_loss",)
    assert trip.hourly_until == START + 2 * SECOND + 2 * HOUR


def test_limits_come_from_the_config_and_not_from_stored_state(monitor):
    feed(monitor, 1_000.0, 997.0)
    tight = LossMonitor.from_dict(monitor.to_dict(), SafetyLimits(max_hourly_loss=0.001))
    assert trips(feed(tight, 997.0, 997.0, start=START + 5 * SECOND)) == [(), ("hourly_loss",)]


def test_latch_survives_a_restart(monitor):
    feed(monitor, 1_000.0, 890.0, 890.0)
    restored = LossMonitor.from_dict(monitor.to_dict(), SafetyLimits())
    assert restored.latched
    assert restored.status.peak == 1_000.0
    assert code(restored, START + DAY) == "DRAWDOWN"


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("version", 0),
        ("version", None),
        ("peak", math.nan),
        ("peak", "high"),
        ("flow", math.inf),
        ("flow", None),
        ("ts", 1.5),
        ("drawdown", "deep"),
        ("latched", 1),
        ("latched", None),
        ("since", 0.5),
        ("hourly_loss", None),
        ("daily_loss", {}),
    ],
)
def test_damaged_state_is_refused(monitor, key, wrong):
    feed(monitor, 1_000.0, 994.0)
    state = monitor.to_dict()
    with pytest.raises(ValueError, match="stored"):
        LossMonitor.from_dict({**state, key: wrong}, SafetyLimits())
    del state[key]
    with pytest.raises(ValueError, match="stored"):
        LossMonitor.from_dict(state, SafetyLimits())


@pytest.mark.parametrize(
    ("key", "wrong"),
    [("until", None), ("until", True), ("loss", math.nan), ("tripped_loss", []), ("since", "x")],
)
def test_damaged_window_limit_is_refused(monitor, key, wrong):
    feed(monitor, 1_000.0, 994.0)
    state = monitor.to_dict()
    state["daily_loss"][key] = wrong
    with pytest.raises(ValueError, match=f"stored '{key}'"):
        LossMonitor.from_dict(state, SafetyLimits())


def test_window_of_another_length_is_refused(monitor):
    state = monitor.to_dict()
    state["daily_loss"] = state["hourly_loss"]
    with pytest.raises(ValueError, match="stored daily_loss window must last 86400000000000 ns"):
        LossMonitor.from_dict(state, SafetyLimits())


@pytest.mark.parametrize("state", [None, [], "text", 5])
def test_state_that_is_no_mapping_is_refused(state):
    with pytest.raises(ValueError, match="stored loss windows must have version 1, was None"):
        LossMonitor.from_dict(state, SafetyLimits())


def test_defaults_are_the_ceilings():
    limits = SafetyLimits()
    assert {name: getattr(limits, name) for name in CEILINGS} == dict(CEILINGS)
