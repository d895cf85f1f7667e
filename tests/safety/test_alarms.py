"""Alarms about lasting trouble."""

from __future__ import annotations

from nautilus_quant.safety.alarms import Alarms
from nautilus_quant.safety.venue import Alarm


def told(alarms, ts, *codes):
    actions = [action for code in codes for action in alarms.raise_(ts, code, f"{code} lasts")]
    alarms.end_round()
    return [(action.code, action.count) for action in actions]


def test_trouble_is_told_after_an_interval_and_then_at_every_interval():
    alarms = Alarms(10)
    assert [told(alarms, ts, "X") for ts in (100, 109, 110, 119, 121, 131)] == [
        [], [], [("X", 1)], [], [("X", 2)], [("X", 3)],
    ]  # fmt: skip


def test_alarm_carries_its_message():
    alarms = Alarms(0)
    assert alarms.raise_(100, "X", "too long") == [Alarm("X", "too long", 1)]


def test_trouble_that_ended_begins_anew():
    alarms = Alarms(10)
    told(alarms, 100, "X", "Y")
    told(alarms, 105, "Y")
    assert told(alarms, 112, "X", "Y") == [("Y", 1)]
    assert told(alarms, 122, "X", "Y") == [("X", 1), ("Y", 2)]


def test_clock_that_steps_back_delays_by_one_interval_at_most():
    alarms = Alarms(10)
    told(alarms, 100, "X")
    alarms.reset_clock(50)
    assert told(alarms, 59, "X") == []
    assert told(alarms, 60, "X") == [("X", 1)]
