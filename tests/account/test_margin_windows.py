"""Which leverage is in force when, and what comes next."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.account.margin_limits import MarginLimits, Outlook
from nautilus_quant.account.margin_windows import (
    FOREVER,
    MINUTE,
    WEEK,
    FundingCalendar,
    MarginSchedule,
    MarginWindow,
)

SHIPPED = MarginSchedule()


def at(text: str) -> int:
    """UNIX time [ns] of a time in the week of Monday, 1 January 2024."""
    return int(datetime.fromisoformat(f"{text}+00:00").timestamp()) * 1_000_000_000


def day(leverage: float = 3.0, name: str = "day") -> MarginWindow:
    return MarginWindow(name, 0, 0, leverage)


@pytest.mark.parametrize(
    ("time", "name", "leverage"),
    [
        ("06:00:00", "normal", 10.0),
        ("07:29:59", "normal", 10.0),
        ("07:30:00", "pre-funding", 4.0),
        ("07:59:59", "pre-funding", 4.0),
        ("08:00:00", "normal", 10.0),
        ("12:59:59", "normal", 10.0),
        ("13:00:00", "intraday", 6.67),
        ("15:30:00", "pre-funding", 4.0),
        ("16:00:00", "intraday", 6.67),
        ("21:00:00", "overnight", 5.0),
        ("23:30:00", "pre-funding", 4.0),
        ("00:00:00", "overnight", 5.0),
        ("05:59:59", "overnight", 5.0),
    ],
)
@pytest.mark.parametrize("date", ["2024-01-01", "2024-03-31", "2024-07-06", "1970-01-01"])
def test_the_shipped_windows_on_any_day(date, time, name, leverage):
    """Also on the last Sunday of March, when clocks in Europe lose an hour."""
    assert SHIPPED.window(at(f"{date}T{time}")) == (name, leverage)


def test_the_changes_of_a_day_in_order():
    changes = SHIPPED.transitions(at("2024-01-01T05:00:00"))
    found = [next(changes) for _ in range(10)]
    assert [(c.ts, c.window.name) for c in found] == [
        (at("2024-01-01T06:00:00"), "normal"),
        (at("2024-01-01T07:30:00"), "pre-funding"),
        (at("2024-01-01T08:00:00"), "normal"),
        (at("2024-01-01T13:00:00"), "intraday"),
        (at("2024-01-01T15:30:00"), "pre-funding"),
        (at("2024-01-01T16:00:00"), "intraday"),
        (at("2024-01-01T21:00:00"), "overnight"),
        (at("2024-01-01T23:30:00"), "pre-funding"),
        (at("2024-01-02T00:00:00"), "overnight"),
        (at("2024-01-02T06:00:00"), "normal"),
    ]


def test_a_change_that_is_now_is_over():
    assert SHIPPED.next_transition(at("2024-01-01T13:00:00")).ts == at("2024-01-01T15:30:00")
    assert SHIPPED.next_transition(at("2024-01-01T12:59:59")).ts == at("2024-01-01T13:00:00")


def test_the_week_goes_round():
    """From Sunday's last minutes into the next Monday."""
    sunday = at("2024-01-07T23:45:00")
    assert SHIPPED.window(sunday).name == "pre-funding"
    change = SHIPPED.next_transition(sunday)
    assert (change.ts, change.window.name) == (at("2024-01-08T00:00:00"), "overnight")


def test_weekends_may_have_windows_of_their_own():
    schedule = MarginSchedule(
        (MarginWindow("week", 0, 0, 10.0, (0, 1, 2, 3, 4)), MarginWindow("weekend", 0, 0, 3.0, (5, 6))), None
    )
    assert schedule.window(at("2024-01-05T23:59:59")).name == "week"  # Friday
    assert schedule.window(at("2024-01-06T00:00:00")).name == "weekend"
    change = schedule.next_transition(at("2024-01-02T12:00:00"))
    assert (change.ts, change.window.leverage) == (at("2024-01-06T00:00:00"), 3.0)


def test_a_window_belongs_to_the_day_it_begins_on():
    night = MarginWindow("night", 22 * 60, 2 * 60, 2.0, (6,))
    assert sorted(night.minutes())[:120] == list(range(120))  # Monday, midnight to two
    assert len(list(night.minutes())) == 240


def test_funding_takes_precedence_unless_less_is_allowed_anyway():
    strict = MarginSchedule((day(3.0),), FundingCalendar(leverage=4.0))
    assert strict.window(at("2024-01-01T07:45:00")) == ("day", 3.0)
    assert strict.next_transition(0) is None
    assert strict.same_until(0, (MINUTE,)) == FOREVER


@pytest.mark.parametrize(("interval", "payments"), [(60, 168), (240, 42), (480, 21), (1440, 7)])
def test_funding_at_other_intervals(interval, payments):
    calendar = FundingCalendar(interval, 0, 10, 2.0)
    schedule = MarginSchedule((day(8.0),), calendar)
    lower = [c for c, _ in zip(schedule.transitions(0), range(2 * payments), strict=False)]
    assert sum(c.window.name == "pre-funding" for c in lower) == payments
    assert lower[-1].ts - lower[0].ts < WEEK * MINUTE
    assert all((c.ts // MINUTE) % interval == interval - 10 for c in lower if c.window.leverage == 2.0)


def test_an_offset_moves_every_payment():
    schedule = MarginSchedule((day(8.0),), FundingCalendar(480, 60, 30, 2.0))
    assert schedule.window(at("2024-01-01T00:30:00")).leverage == 2.0
    assert schedule.window(at("2024-01-01T01:00:00")).leverage == 8.0
    assert schedule.window(at("2024-01-01T08:59:00")).leverage == 2.0


SOMETIMES = st.integers(0, 60 * 365 * 24 * 60).map(lambda minutes: minutes * MINUTE + 17)


@given(SOMETIMES)
def test_the_next_change_is_where_a_walk_by_the_minute_finds_it(ts):
    window, walked = SHIPPED.window(ts), ts - ts % MINUTE
    while SHIPPED.window(walked) == window:
        walked += MINUTE
    assert SHIPPED.next_transition(ts) == (walked, SHIPPED.window(walked))


@given(SOMETIMES)
def test_the_window_is_that_of_the_clock(ts):
    """Against the definition, written differently."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ts // 1000)
    minutes = moment.hour * 60 + moment.minute
    expected = 10.0 if 360 <= minutes < 780 else 6.67 if 780 <= minutes < 1260 else 5.0
    if minutes % 480 >= 450:
        expected = 4.0
    assert SHIPPED.window(ts).leverage == expected


# -- what comes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "quiet"),
    [
        ("06:59:59", None),
        ("07:00:00", "pre-funding"),  # exactly half an hour before
        ("07:29:59", "pre-funding"),
        ("07:30:00", None),  # from 4x to 10x: not quiet
        ("12:30:00", "intraday"),
        ("13:00:00", None),
        ("20:45:00", "overnight"),
        ("05:45:00", None),  # from 5x to 10x
    ],
)
def test_quiet_before_less_leverage(time, quiet):
    found = SHIPPED.tighter(at(f"2024-01-01T{time}"), 30 * MINUTE)
    assert (found and found.window.name) == quiet


def test_quiet_before_any_change_when_asked_for():
    ts = at("2024-01-01T05:45:00")
    assert SHIPPED.tighter(ts, 30 * MINUTE, any_change=True).window.name == "normal"


def test_of_several_changes_the_tightest_counts():
    ts = at("2024-01-01T12:45:00")
    assert SHIPPED.tighter(ts, 180 * MINUTE).window.name == "pre-funding"
    assert SHIPPED.tighter(ts, 60 * MINUTE).window.name == "intraday"


HORIZONS = st.lists(st.integers(0, 300).map(lambda m: m * MINUTE), min_size=1, max_size=3)


@given(SOMETIMES, HORIZONS)
def test_answers_stay_until_they_are_said_to_change(ts, horizons):
    def answers(moment: int):
        return SHIPPED.window(moment), [SHIPPED.tighter(moment, horizon) for horizon in horizons]

    until, now = SHIPPED.same_until(ts, horizons), answers(ts)
    assert until > ts
    for step in range(5):
        assert answers(ts + (until - 1 - ts) * step // 4) == now


def test_the_outlook_of_the_limits():
    limits = MarginLimits(quiet=1_800.0, look_ahead=3_600.0, act_before=900.0)

    def seen(time: str):
        found = Outlook.of(SHIPPED, limits, at(f"2024-01-01T{time}"))
        return [None if c is None else c.window.name for c in (found.ahead, found.quiet, found.act)]

    assert seen("11:59:59") == [None, None, None]
    assert seen("12:00:00") == ["intraday", None, None]
    assert seen("12:30:00") == ["intraday", "intraday", None]
    assert seen("12:45:00") == ["intraday", "intraday", "intraday"]
    found = Outlook.of(SHIPPED, limits, at("2024-01-01T12:00:00"))
    assert found.until == at("2024-01-01T12:30:00")
    assert found.following.window.name == "intraday"


def test_no_quiet_period_when_it_is_zero():
    limits = MarginLimits(quiet=0.0, any_change=True)
    assert Outlook.of(SHIPPED, limits, at("2024-01-01T12:59:59")).quiet is None


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("windows", "message"),
    [
        ([], "must cover the whole week, none holds on Monday at 00:00 UTC"),
        ([MarginWindow("a", 0, 1439, 2.0)], "none holds on Monday at 23:59 UTC"),
        ([MarginWindow("a", 0, 0, 2.0, (0, 1, 2, 3, 4, 5))], "none holds on Sunday at 00:00 UTC"),
        ([day(name="a"), MarginWindow("b", 60, 61, 2.0, (2,))], "overlap: a and b do on Wednesday at 01:00"),
    ],
)
def test_gaps_and_overlaps_are_refused(windows, message):
    with pytest.raises(ValueError, match=message):
        MarginSchedule(windows, None)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MarginWindow("", 0, 0, 1.0), "a name"),
        (lambda: MarginWindow("a", 1440, 0, 1.0), "start of a < 1440 .minutes of day., was 1440"),
        (lambda: MarginWindow("a", 0, 1441, 1.0), "end of a"),
        (lambda: MarginWindow("a", 0, 0, 0.0), "leverage of a > 0"),
        (lambda: MarginWindow("a", 0, 0, float("nan")), "leverage of a > 0"),
        (lambda: MarginWindow("a", 0, 0, 1.0, (7,)), "days of a from 0"),
        (lambda: MarginWindow("a", 0, 0, 1.0, ()), "days of a from 0"),
        (lambda: FundingCalendar(interval=1000), "whole number makes 10080 .minutes., was 1000"),
        (lambda: FundingCalendar(offset=480), "offset"),
        (lambda: FundingCalendar(lead=481), "lead"),
        (lambda: FundingCalendar(leverage=0.0), "leverage before funding"),
        (lambda: MarginLimits(target_utilisation=0.95), "target_utilisation <= max_utilisation"),
        (lambda: MarginLimits(max_utilisation=float("nan")), "target_utilisation <= max_utilisation"),
        (lambda: MarginLimits(alert_clear=0.9), "alert_clear <= alert_at"),
        (lambda: MarginLimits(quiet=4_000.0), "quiet <= look_ahead"),
        (lambda: MarginLimits(act_before=4_000.0), "act_before <= look_ahead"),
    ],
)
def test_impossible_values_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
