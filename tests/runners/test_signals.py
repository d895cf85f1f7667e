"""Signals that ask for the end."""

import asyncio
import signal

import pytest

from nautilus_quant.host.runner_signals import KILL_SIGNAL, STOP_SIGNALS, StopSignals


@pytest.fixture
def before():
    handlers = {number: signal.getsignal(number) for number in (*STOP_SIGNALS, KILL_SIGNAL)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_the_first_signal_is_told_once_and_the_second_sigterm_changes_nothing(before):
    told = []
    signals = StopSignals(on_force=lambda: told.append("forced"))
    signals.install()
    signals.listen(told.append)
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)
    assert told == ["signal SIGTERM"]


def test_a_listener_that_comes_late_hears_what_was_said(before):
    signals = StopSignals(on_force=list)
    signals.install()
    signal.raise_signal(signal.SIGINT)
    told = []
    signals.listen(told.append)
    assert told == ["signal SIGINT"]


def test_nohup_is_respected(before):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    StopSignals(on_force=list).install()
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_the_kill_signal_waits_for_a_loop_before_it_is_passed_on(before):
    signals = StopSignals(on_force=list)
    signals.install()
    told = []
    signals.listen_kill(lambda: told.append("kill"))
    signal.raise_signal(KILL_SIGNAL)
    assert told == []
    loop = asyncio.new_event_loop()
    signals.enter_loop(loop)
    assert told == ["kill"]
    signals.leave_loop(loop)
    loop.close()
    assert signals.reason == ""
