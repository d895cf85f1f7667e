"""The moments before an expiry: the right second, on any day, each once."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.options.expiry_calendar import ExpiryCalendar, ExpiryTimes, Stage
from tests.options.expiry_kit import EXPIRY, HOUR, SECOND, at

MINUTE = 60 * SECOND


def stages(times: ExpiryTimes, expiry: int) -> dict[str, int]:
    return {f"{m.stage}{m.before:g}": m.ts for m in times.moments(expiry)}


@pytest.mark.parametrize(
    ("expiry", "roll", "close", "day"),
    [
        ("2026-01-01T00:00:00", "2025-12-31T20:00:00", "2025-12-31T22:00:00", "2025-12-31T00:00:00"),
        ("2026-03-01T02:00:00", "2026-02-28T22:00:00", "2026-03-01T00:00:00", "2026-02-28T02:00:00"),
        ("2028-03-01T08:00:00", "2028-03-01T04:00:00", "2028-03-01T06:00:00", "2028-02-29T08:00:00"),
        # The night in which clocks in Europe go forward, and the one in which those in New York go back.
        ("2026-03-29T03:30:00", "2026-03-28T23:30:00", "2026-03-29T01:30:00", "2026-03-28T03:30:00"),
        ("2026-11-01T08:00:00", "2026-11-01T04:00:00", "2026-11-01T06:00:00", "2026-10-31T08:00:00"),
    ],
)
def test_moments_are_at_the_right_second(expiry: str, roll: str, close: str, day: str) -> None:
    known = stages(ExpiryTimes(), at(expiry))
    assert known["roll14400"] == at(roll)
    assert known["close7200"] == at(close)
    assert known["warn86400"] == at(day)
    assert known["warn14400"] == at(roll)
    assert known["prepare14460"] == at(roll) - MINUTE
    assert known["expiry0"] == at(expiry)
    assert known["overdue-300"] == at(expiry) + 5 * MINUTE


@given(st.integers(0, 2_000_000_000))
def test_no_day_shifts_anything(seconds: int) -> None:
    """Whatever day it is, the same lies before an expiry; dates only ever name instants."""
    expiry = seconds * SECOND
    first = [(m.ts, m.stage) for m in ExpiryTimes().moments(0)]
    assert [(m.ts - expiry, m.stage) for m in ExpiryTimes().moments(expiry)] == first


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "UTC", "Asia/Kathmandu"])
def test_the_clock_of_the_machine_is_nobodys_business(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        (roll,) = [m.ts for m in ExpiryTimes().moments(at("2026-03-29T03:00:00")) if m.stage is Stage.ROLL]
    finally:
        monkeypatch.undo()
        time.tzset()
    assert dt.datetime.fromtimestamp(roll // SECOND, dt.UTC).isoformat() == "2026-03-28T23:00:00+00:00"


def test_what_happens_at_once_has_an_order() -> None:
    """The warning comes before the roll it warns of."""
    both = [m.stage for m in ExpiryTimes().moments(EXPIRY) if m.before == 14_400.0]
    assert both == [Stage.WARN, Stage.ROLL]


def test_a_moment_is_due_in_its_nanosecond_and_once() -> None:
    calendar = ExpiryCalendar()
    calendar.hold("a", EXPIRY)
    assert calendar.next() == EXPIRY - 24 * HOUR
    assert calendar.due(EXPIRY - 24 * HOUR - 1) == []
    (first,) = calendar.due(EXPIRY - 24 * HOUR)
    assert (first[0], first[1].stage, first[1].before) == ("a", Stage.WARN, 86_400.0)
    assert calendar.due(EXPIRY - 24 * HOUR) == []
    assert calendar.next() == EXPIRY - 4 * HOUR - MINUTE


def test_walking_from_moment_to_moment_meets_each() -> None:
    calendar = ExpiryCalendar()
    calendar.hold("a", EXPIRY)
    met = []
    while (ts := calendar.next()) is not None:
        met += [(moment.stage, moment.before) for _, moment in calendar.due(ts)]
    assert met == [(m.stage, m.before) for m in ExpiryTimes().moments(EXPIRY)]
    assert len(met) == 12


def test_of_what_was_missed_only_the_latest_counts() -> None:
    calendar = ExpiryCalendar()
    calendar.hold("a", EXPIRY)
    late = [(m.stage, m.before) for _, m in calendar.due(EXPIRY - HOUR)]
    assert late == [(Stage.WARN, 14_400.0), (Stage.PREPARE, 7_260.0), (Stage.CHECK, 3_600.0)]


def test_after_the_expiry_nothing_is_traded_any_more() -> None:
    calendar = ExpiryCalendar()
    calendar.hold("a", EXPIRY)
    assert [m.stage for _, m in calendar.due(EXPIRY)] == [Stage.EXPIRY]
    assert [m.stage for _, m in calendar.due(EXPIRY + 300 * SECOND)] == [Stage.OVERDUE]
    assert calendar.next() is None


def test_a_position_opened_late_has_only_what_is_to_come() -> None:
    calendar = ExpiryCalendar()
    opened = EXPIRY - HOUR
    calendar.hold("a", EXPIRY, since=opened)
    assert calendar.due(opened) == []
    assert calendar.next() == EXPIRY - HOUR // 2
    assert calendar.stage("a", opened) is Stage.CHECK


def test_stages_last_from_their_moment_to_the_expiry() -> None:
    calendar = ExpiryCalendar()
    calendar.hold("a", EXPIRY)
    assert calendar.stage("a", EXPIRY - 4 * HOUR - 1) is None
    assert calendar.stage("a", EXPIRY - 4 * HOUR) is Stage.ROLL
    assert calendar.stage("a", EXPIRY - 2 * HOUR) is Stage.CLOSE
    assert calendar.stage("a", EXPIRY - 1) is Stage.CHECK
    assert calendar.stage("a", EXPIRY) is None
    assert calendar.stage("nobody", EXPIRY - 1) is None


def test_several_expiries_are_in_order() -> None:
    calendar = ExpiryCalendar()
    for key, expiry in (("b", EXPIRY + 24 * HOUR), ("a", EXPIRY), ("c", EXPIRY)):
        calendar.hold(key, expiry)
    assert calendar.expiries() == [EXPIRY, EXPIRY + 24 * HOUR]
    assert sorted(key for key, _ in calendar.due(EXPIRY - 24 * HOUR)) == ["a", "c"]
    calendar.drop("a")
    calendar.drop("c")
    assert calendar.next() == EXPIRY
    assert len(calendar) == 1


def test_a_restart_goes_on_where_it_was() -> None:
    calendar = ExpiryCalendar()
    calendar.hold("a", EXPIRY)
    calendar.hold("gone", EXPIRY)
    calendar.due(EXPIRY - 4 * HOUR)
    again = ExpiryCalendar()
    again.restore(calendar.to_dict(), ["a"])
    again.hold("a", EXPIRY)  # what is there already stays
    assert again.due(EXPIRY - 4 * HOUR) == []
    assert "gone" not in again
    assert [m.stage for _, m in again.due(EXPIRY - 2 * HOUR)] == [Stage.PREPARE, Stage.CLOSE]


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"roll": 7_200.0}, "0 < close < roll"),
        ({"close": 0.0}, "0 < close < roll"),
        ({"checks": (600.0, 1_800.0)}, "longest first"),
        ({"checks": (7_200.0,)}, "checks < close"),
        ({"warnings": (0.0,)}, "warnings > 0"),
        ({"grace": float("nan")}, "grace > 0"),
        ({"average": -1.0}, "average >= 0"),
        ({"prepare": -1.0}, "0 <= prepare"),
    ],
)
def test_impossible_times_are_refused(wrong: dict[str, float], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        ExpiryTimes(**wrong)  # type: ignore[arg-type]
