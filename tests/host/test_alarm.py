"""An alarm can be set, changed and taken back at any moment, on a clock of a backtest and on a live one."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from nautilus_trader.common.component import LiveClock, TestClock

from nautilus_quant.host.alarm import Alarm

MILLI = 1_000_000


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


def advance(clock: TestClock, to: int) -> None:
    for handler in clock.advance_time(to):
        handler.handle()


def test_it_rings_once_at_its_time(clock):
    heard: list[int] = []
    alarm = Alarm(clock, "a", lambda event: heard.append(event.ts_event))
    alarm.set(5)
    assert alarm.at == 5
    advance(clock, 4)
    assert heard == []
    advance(clock, 20)
    assert heard == [5]
    assert alarm.at is None


def test_only_the_last_time_counts(clock):
    heard: list[int] = []
    alarm = Alarm(clock, "a", lambda event: heard.append(event.ts_event))
    alarm.set(5)
    alarm.set(9)
    advance(clock, 20)
    assert heard == [9]


def test_one_that_was_taken_back_is_not_heard_even_if_it_has_rung(clock):
    heard: list[int] = []
    alarm = Alarm(clock, "a", lambda event: heard.append(event.ts_event))
    alarm.set(5)
    (rung,) = clock.advance_time(6)  # on its way to its handler
    alarm.cancel()
    rung.handle()
    alarm.set(8)
    advance(clock, 9)
    assert heard == [8]
    alarm.cancel()
    assert clock.timer_names == []


def test_it_may_be_set_again_while_it_rings(clock):
    heard: list[int] = []

    def ring(event: Any) -> None:
        heard.append(event.ts_event)
        alarm.set(event.ts_event + 5)

    alarm = Alarm(clock, "a", ring)
    alarm.set(5)
    for now in (6, 11, 16):
        advance(clock, now)
    assert heard == [5, 10, 15]


class Slow:
    """A live clock at its worst: it still lists what has rung, and has rung what is being cancelled."""

    def __init__(self) -> None:
        self.listed: dict[str, Any] = {}

    def set_time_alert_ns(self, name: str, _at: int, handler: Any) -> None:
        if name in self.listed:
            raise KeyError(name)
        self.listed[name] = handler

    def cancel_timer(self, name: str) -> None:
        raise KeyError(name)


def test_a_clock_that_lags_behind_is_no_error():
    heard: list[str] = []
    clock = Slow()

    def ring(event: Any) -> None:
        heard.append(event.name)
        if len(heard) < 3:
            alarm.set(7)

    alarm = Alarm(clock, "a", ring)
    alarm.set(5)
    alarm.set(6)
    for _ in range(3):  # everything it lists rings, again and again
        for name, handler in list(clock.listed.items()):
            handler(SimpleNamespace(name=name, ts_event=0))
    assert heard == ["a-2", "a-3", "a-4"]
    alarm.cancel()


def test_a_live_clock_takes_it_at_any_moment():
    clock = LiveClock()
    alarm = Alarm(clock, "a", lambda _event: None)
    for turn in range(200):
        alarm.set(clock.timestamp_ns() + (turn % 3) * MILLI // 2)
        time.sleep((turn % 5) * 0.0003)
        if turn % 4 == 0:
            alarm.cancel()
    alarm.cancel()
    assert alarm.at is None


def test_a_live_clock_is_given_no_time_that_is_over():
    asked: list[int] = []

    class Clock(LiveClock):
        def set_time_alert_ns(self, name: str, alert_time_ns: int, *rest: Any) -> None:
            asked.append(alert_time_ns)
            super().set_time_alert_ns(name, alert_time_ns, *rest)

    clock, heard = Clock(), []
    alarm = Alarm(clock, "a", lambda event: heard.append(event.name))
    now = time.time_ns()
    alarm.set(now - 5 * MILLI)
    assert asked[0] > now
    for _ in range(200):
        if heard:
            break
        time.sleep(0.01)
    assert heard == ["a-1"]
