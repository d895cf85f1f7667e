"""Every row of the kill switch's table; `test_kill_switch_venue` drives it against an unruly venue."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from nautilus_quant.safety.kill_switch import (
    Alarm,
    CancelAll,
    Close,
    Halt,
    KillParams,
    KillState,
    KillSwitch,
    Trip,
    Unhalt,
    VenueView,
)

SECOND = 10**9
START = 1_700_000_000 * SECOND
BTC, ETH = "BTCUSDT-PERP.SIM-EMACross-000", "ETHUSDT-PERP.SIM-EMACross-000"
D = Decimal


def view(open_orders=0, *, working=None, slices=None, confirmed=True, connected=True, **positions):
    held = {{"btc": BTC, "eth": ETH}[name]: D(size) for name, size in positions.items()}
    closes = {{"btc": BTC, "eth": ETH}[name]: D(size) for name, size in (working or {}).items()}
    most = {{"btc": BTC, "eth": ETH}[name]: D(size) for name, size in (slices or {}).items()}
    return VenueView(
        open_orders=open_orders, positions=held, confirmed=confirmed, connected=connected,
        working_closes=closes, max_slice=most,
    )  # fmt: skip


FLAT = view()


@pytest.fixture
def switch():
    """Tripped, and on disk."""
    switch = KillSwitch()
    switch.trip(START, "drawdown", "drawdown of 11 %", {"drawdown": 0.11})
    switch.latched()
    return switch


def run(switch, *steps, start=START):
    """Steps of (seconds since the trip, view); answers what each emitted."""
    return [switch.step(start + round(seconds * SECOND), seen) for seconds, seen in steps]


def codes(actions):
    return [action.code if isinstance(action, Alarm) else type(action).__name__ for action in actions]


def at_rest(switch):
    run(switch, (0, FLAT), (0.5, FLAT), (1, FLAT))
    assert switch.state is KillState.HALTED
    return switch


# ------------------------------------------------------------------ armed, tripped


def test_armed_switch_does_nothing_whatever_it_sees():
    switch = KillSwitch()
    assert run(switch, (0, view(3, btc=5)), (1, view(3, btc=5, connected=False))) == [[], []]
    assert switch.is_armed
    assert switch.blocked() is None


def test_trip_is_remembered_with_its_reason():
    switch = KillSwitch()
    assert switch.trip(START, "file", "/tmp/stop appeared", {"age": 0.5})
    assert switch.state is KillState.TRIPPED
    assert not switch.is_armed
    assert switch.tripped == Trip(START, "file", "/tmp/stop appeared", {"age": 0.5})
    assert switch.blocked() == ("KILL_SWITCH", "tripped, tripped by file: /tmp/stop appeared", {"age": 0.5})


def test_trip_needs_no_numbers():
    switch = KillSwitch()
    switch.trip(START, "command", "nq kill")
    assert switch.tripped == Trip(START, "command", "nq kill", {})


def test_first_reason_stays(switch):
    assert not switch.trip(START + 5, "file", "too late", {})
    assert switch.tripped.trigger == "drawdown"


def test_nothing_is_done_before_the_latch_is_on_disk():
    switch = KillSwitch()
    switch.trip(START, "drawdown", "deep", {})
    emitted = run(
        switch, (0, view(2, btc=5)), (9.5, view(2, btc=5)), (10, view(2, btc=5)), (20, view(2, btc=5))
    )
    assert [codes(actions) for actions in emitted] == [[], [], ["NOT_LATCHED"], ["NOT_LATCHED"]]
    assert switch.state is KillState.TRIPPED
    switch.latched()
    assert run(switch, (21, view(2, btc=5))) == [[CancelAll(1)]]


# ------------------------------------------------------------------ cancelling


def test_orders_are_cancelled_again_at_every_retry(switch):
    emitted = run(switch, *[(i / 2, view(2, btc=5)) for i in range(6)])
    assert emitted == [[CancelAll(1)], [], [CancelAll(2)], [], [CancelAll(3)], []]
    assert switch.state is KillState.CANCELLING


def test_closing_begins_when_no_order_is_open(switch):
    emitted = run(switch, (0, view(2, btc=5)), (0.5, view(0, btc=5)))
    assert emitted[1] == [Close(BTC, D(5), -1)]
    assert switch.state is KillState.FLATTENING


def test_closing_begins_though_orders_stay_open_after_five_cancels(switch):
    emitted = run(switch, *[(i, view(2, btc=5)) for i in range(6)])
    assert [codes(actions) for actions in emitted] == [["CancelAll"]] * 5 + [["CancelAll", "Close"]]
    assert switch.state is KillState.FLATTENING


def test_fifth_cancel_gets_its_time(switch):
    run(switch, *[(i, view(2)) for i in range(5)])
    assert run(switch, (4.5, view(2))) == [[]]
    assert switch.state is KillState.CANCELLING


def test_without_orders_closing_begins_at_once(switch):
    assert run(switch, (0, view(btc=-5, eth=2))) == [[Close(BTC, D(5), 1), Close(ETH, D(2), -1)]]


# ------------------------------------------------------------------ flat, halted


def test_flat_needs_two_confirmed_views_then_halts_once(switch):
    states = []
    emitted = []
    for i, seen in enumerate([view(btc=5), FLAT, view(btc=1, confirmed=False), FLAT, FLAT, FLAT, FLAT]):
        emitted.append(switch.step(START + i * SECOND, seen))
        states.append(switch.state.name)
    assert states == ["FLATTENING"] * 4 + ["FLAT", "HALTED", "HALTED"]
    assert emitted[1] == []
    assert emitted[3:] == [[], [], [Halt()], []]


def test_venue_that_is_slow_to_confirm_has_its_time(switch):
    waiting = view(confirmed=False)
    run(switch, (0, waiting), (1, FLAT), (2, waiting), (3, waiting))
    assert switch.state is KillState.FLATTENING
    run(switch, (4, FLAT))
    assert switch.state is KillState.FLAT


def test_position_between_two_confirmations_starts_the_count_again(switch):
    run(switch, (0, FLAT), (1, view(btc=1)), (2, FLAT))
    assert switch.state is KillState.FLATTENING
    run(switch, (3, FLAT))
    assert switch.state is KillState.FLAT


def test_disconnection_between_two_confirmations_starts_the_count_again(switch):
    run(switch, (0, FLAT), (1, view(connected=False)), (2, FLAT))
    assert switch.state is KillState.FLATTENING


def test_venue_that_does_not_confirm_raises_an_alarm(switch):
    unconfirmed = view(confirmed=False)
    emitted = run(switch, (0, unconfirmed), (5, unconfirmed), (10, unconfirmed))
    assert [codes(actions) for actions in emitted] == [[], [], ["UNCONFIRMED"]]
    assert switch.state is KillState.FLATTENING


def test_position_that_returns_between_confirmations_is_closed_at_once_and_without_alarm(switch):
    emitted = run(switch, (0, view(btc=5)), (0.2, FLAT), (0.4, view(btc=5)))
    assert emitted == [[Close(BTC, D(5), -1)], [], [Close(BTC, D(5), -1)]]


def test_order_that_returns_between_confirmations_is_cancelled_at_once_and_fast(switch):
    run(switch, *[(i, view(1)) for i in range(8)])  # the next cancel is due at 11 s
    emitted = run(switch, (8, FLAT), *[(9 + i, view(1)) for i in range(5)])
    assert emitted == [[], *[[CancelAll(i)] for i in range(1, 6)]]


@pytest.mark.parametrize(
    ("late", "answer"),
    [
        (view(eth=-3), Close(ETH, D(3), 1)),
        (view(1), CancelAll(1)),
        (view(eth=-3, confirmed=False), Close(ETH, D(3), 1)),
    ],
)
def test_whatever_appears_after_the_halt_is_removed(switch, late, answer):
    at_rest(switch)
    (actions,) = run(switch, (100, late))
    assert codes(actions[:2]) == ["Unhalt", "REOPENED"]
    assert actions[0] == Unhalt()
    assert actions[2:] == [answer]
    assert switch.state is KillState.FLATTENING
    assert run(switch, (101, FLAT), (102, FLAT), (103, FLAT)) == [[], [], [Halt()]]


def test_position_that_appears_when_flat_is_removed(switch):
    run(switch, (0, FLAT), (1, FLAT))
    assert switch.state is KillState.FLAT
    assert codes(run(switch, (2, view(btc=1)))[0]) == ["Unhalt", "REOPENED", "Close"]


# ------------------------------------------------------------------ disconnections, clocks


@pytest.mark.parametrize("seen", [view(2, btc=5), view(btc=5)])
def test_without_connection_no_command_but_an_alarm_at_intervals(switch, seen):
    run(switch, (0, seen))
    off = VenueView(open_orders=seen.open_orders, positions=seen.positions, confirmed=False, connected=False)
    emitted = run(switch, *[(i, off) for i in range(1, 32)])
    assert {c for actions in emitted for c in codes(actions)} == {"DISCONNECTED"}
    assert [i for i, actions in enumerate(emitted, 1) if actions] == [11, 21, 31]


def test_tripped_without_connection_waits(switch):
    assert run(switch, (0, view(2, btc=5, connected=False))) == [[]]
    assert switch.state is KillState.TRIPPED
    assert run(switch, (1, view(2, btc=5))) == [[CancelAll(1)]]


def test_commands_are_due_at_once_when_the_connection_returns(switch):
    run(switch, *[(i, view(btc=5)) for i in range(33)])  # the next close is due at 61 s
    run(switch, (34, view(btc=5, connected=False)))
    assert codes(run(switch, (35, view(btc=5)))[0]) == ["CLOSE_FAILED", "Close"]


def test_cancels_are_due_at_once_when_the_connection_returns(switch):
    run(switch, (0, view(1)), (0.1, view(1, connected=False)))
    assert run(switch, (0.2, view(1))) == [[CancelAll(2)]]


def test_commands_are_due_at_once_when_the_clock_steps_back(switch):
    run(switch, (0, view(1, btc=5)), (1, view(btc=5)))
    assert codes(run(switch, (-3_600, view(btc=5)))[0]) == ["CLOSE_FAILED", "Close"]


def test_alarm_comes_though_the_clock_steps_back(switch):
    unconfirmed = view(confirmed=False)
    run(switch, (0, unconfirmed), (-3_600, unconfirmed))
    assert codes(run(switch, (-3_590, unconfirmed))[0]) == ["UNCONFIRMED"]


def test_flat_and_halted_without_connection_is_at_rest(switch):
    at_rest(switch)
    assert run(switch, *[(i, view(connected=False)) for i in range(2, 40)]) == [[]] * 38


def test_position_seen_while_halted_and_disconnected_raises_an_alarm(switch):
    at_rest(switch)
    off = view(btc=1, connected=False)
    emitted = run(switch, (2, off), (12, off))
    assert [codes(actions) for actions in emitted] == [[], ["DISCONNECTED"]]
    assert switch.state is KillState.HALTED


# ------------------------------------------------------------------ re-arming


def test_rearm_from_halted_allows_risk_and_the_next_trip(switch):
    at_rest(switch).rearm("limits reviewed")
    assert switch.is_armed
    assert switch.tripped is None
    assert switch.blocked() is None
    assert switch.trip(START + 99, "file", "again", {})
    assert run(switch, (100, view(1))) == [[]]  # not on disk yet


def test_rearm_from_flat_is_allowed(switch):
    run(switch, (0, FLAT), (1, FLAT))
    switch.rearm("looked at it")
    assert switch.is_armed


def test_rearm_is_refused_in_every_other_state():
    switch = KillSwitch()
    for prepare in (
        lambda: None,
        lambda: switch.trip(START, "file", "", {}),
        lambda: (switch.latched(), run(switch, (0, view(1)))),
        lambda: run(switch, (1, view(btc=1))),
    ):
        prepare()
        with pytest.raises(ValueError, match=rf"only a flat or halted kill switch .*, was {switch.state}"):
            switch.rearm("please")


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_rearm_without_reason_is_refused(switch, reason):
    at_rest(switch)
    with pytest.raises(ValueError, match=r"re-arming needs a reason \[text\]"):
        switch.rearm(reason)
    assert switch.state is KillState.HALTED


# ------------------------------------------------------------------ restarts


def restarted(switch):
    return KillSwitch.from_dict(json.loads(json.dumps(switch.to_dict())), switch.params)


def test_armed_switch_stays_armed_over_a_restart():
    switch = restarted(KillSwitch())
    assert switch.is_armed
    switch.trip(START, "file", "", {})
    assert run(switch, (0, view(1))) == [[]]


def test_stored_trip_is_latched_by_that():
    switch = KillSwitch()
    switch.trip(START, "drawdown", "deep", {"drawdown": 0.2})
    again = restarted(switch)
    assert again.tripped == switch.tripped
    assert run(again, (0, view(1))) == [[CancelAll(1)]]


@pytest.mark.parametrize("steps", [[(0, view(2, btc=5))], [(0, view(btc=5))], [(0, FLAT), (1, FLAT)]])
def test_state_is_resumed(switch, steps):
    run(switch, *steps)
    again = restarted(switch)
    assert again.state is switch.state
    assert again.to_dict() == switch.to_dict()


def test_halted_switch_halts_again_in_a_new_process(switch):
    again = restarted(at_rest(switch))
    assert run(again, (100, view(connected=False)), (101, FLAT)) == [[Halt()], []]


def test_halted_switch_closes_what_a_new_process_finds(switch):
    again = restarted(at_rest(switch))
    assert codes(run(again, (100, view(btc=5)))[0]) == ["Unhalt", "REOPENED", "Close"]


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        {"version": 2, "state": "armed", "tripped": None},
        {"version": 1, "state": "asleep", "tripped": None},
        {"version": 1, "tripped": None},
        {"version": 1, "state": "armed"},
        {"version": 1, "state": "halted", "tripped": None},
        {"version": 1, "state": "armed", "tripped": {"ts": 1, "trigger": "", "reason": "", "numbers": {}}},
        {
            "version": 1,
            "state": "halted",
            "tripped": {"ts": None, "trigger": "", "reason": "", "numbers": {}},
        },
        {"version": 1, "state": "halted", "tripped": {"ts": 1, "trigger": "", "reason": "", "numbers": []}},
        {"version": 1, "state": "halted", "tripped": {"ts": 1, "trigger": ""}},
        {"version": 1, "state": "halted", "tripped": "yes"},
    ],
)
def test_damaged_state_is_refused(state):
    with pytest.raises(ValueError, match="stored"):
        KillSwitch.from_dict(state)


@pytest.mark.parametrize(
    "wrong",
    [
        {"retry": 0.0},
        {"retry": 31.0},
        {"slowest_retry": float("inf")},
        {"retry": float("nan")},
        {"cancel_attempts": 0},
        {"confirmations": 0},
        {"stuck": 0.0},
        {"stuck": float("inf")},
        {"alarm_interval": float("nan")},
    ],
)
def test_impossible_patience_is_refused(wrong):
    with pytest.raises(ValueError, match=r"was KillParams\("):
        KillParams(**wrong)


def test_patience_is_kept():
    params = KillParams(retry=3.0, cancel_attempts=1, confirmations=1)
    switch = KillSwitch(params)
    switch.trip(START, "file", "", {})
    switch.latched()
    emitted = run(switch, (0, view(1)), (2, view(1)), (3, view(1, btc=1)), (4, FLAT), (5, FLAT))
    assert [codes(actions) for actions in emitted] == [
        ["CancelAll"],
        [],
        ["CancelAll", "Close"],
        [],
        ["Halt"],
    ]


def test_a_venue_that_cannot_be_reached_keeps_no_other_position_open(switch):
    seen = VenueView(
        open_orders=0,
        positions={BTC: D(2), ETH: D(-3)},
        confirmed=False,
        connected=True,
        unreachable=frozenset({ETH}),
    )
    [actions] = run(switch, (0.5, seen))
    assert [a.position for a in actions if isinstance(a, Close)] == [BTC]
    back = VenueView(open_orders=0, positions={ETH: D(-3)}, confirmed=False, connected=True)
    [*_, actions] = run(switch, (11, seen), (22, seen), (22.5, back))
    assert Close(ETH, D(3), 1) in actions


def test_a_venue_that_stays_away_is_told_of(switch):
    away = VenueView(
        open_orders=0,
        positions={BTC: D(2), ETH: D(-3)},
        confirmed=False,
        connected=True,
        unreachable=frozenset({ETH}),
    )
    said = run(switch, (0.5, away), (5, away), (11, away))
    assert "DISCONNECTED" in codes(said[-1])
