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


# ------------------------------------------------------------------ flattening


def test_cancelling_goes_on_beside_closing_slows_down_and_alarms(switch):
    run(switch, *[(i, view(1)) for i in range(5)])
    emitted = dict(zip(range(5, 80), run(switch, *[(i, view(1)) for i in range(5, 80)]), strict=True))
    cancels = [i for i, actions in emitted.items() if "CancelAll" in codes(actions)]
    alarms = [i for i, actions in emitted.items() if "ORDERS_OPEN" in codes(actions)]
    assert cancels == [5, 7, 11, 19, 35, 65]  # pauses of 2, 4, 8, 16, 30 s
    assert alarms == [15, 25, 35, 45, 55, 65, 75]


def test_position_is_closed_once_while_the_order_works(switch):
    emitted = run(switch, (0, view(btc=5)), *[(i / 2, view(btc=5, working={"btc": 5})) for i in range(1, 20)])
    assert [action for actions in emitted for action in actions] == [Close(BTC, D(5), -1)]


def test_only_what_no_working_close_covers_is_closed(switch):
    assert run(switch, (0, view(btc=5, working={"btc": 2}))) == [[Close(BTC, D(3), -1)]]


def test_position_that_grew_by_a_late_fill_is_closed_as_well(switch):
    emitted = run(
        switch, (0, view(btc=5)), (0.5, view(btc=7, working={"btc": 5})), (1, view(btc=7, working={"btc": 5}))
    )
    assert emitted == [[Close(BTC, D(5), -1)], [], [Close(BTC, D(2), -1)]]


def test_partial_fill_that_ended_is_followed_by_the_rest(switch):
    emitted = run(switch, (0, view(btc=5)), (0.5, view(btc=3)), (1, view(btc=3)))
    assert emitted == [[Close(BTC, D(5), -1)], [], [Close(BTC, D(3), -1)]]


def test_thin_book_is_closed_in_slices_one_after_the_other(switch):
    emitted = run(
        switch,
        (0, view(btc=5, slices={"btc": 2})),
        (1, view(btc=5, slices={"btc": 2}, working={"btc": 2})),  # the slice still works
        (2, view(btc=4, slices={"btc": 2}, working={"btc": 1})),  # half of it
        (3, view(btc=3, slices={"btc": 2})),
        (4, view(btc=1, slices={"btc": 2})),
    )
    assert emitted == [
        [Close(BTC, D(2), -1)], [], [Close(BTC, D(1), -1)], [Close(BTC, D(2), -1)], [Close(BTC, D(1), -1)],
    ]  # fmt: skip


def test_deeper_book_lets_more_be_closed_beside_the_slice_that_works(switch):
    emitted = run(
        switch,
        (0, view(btc=5, slices={"btc": 2})),
        (1, view(btc=5, slices={"btc": 4}, working={"btc": 2})),
    )
    assert emitted == [[Close(BTC, D(2), -1)], [Close(BTC, D(2), -1)]]


@pytest.mark.parametrize("most", ["0", "-1", "NaN", "Infinity"])
def test_slice_that_is_none_is_no_bound(switch, most):
    assert run(switch, (0, view(btc=5, slices={"btc": most}))) == [[Close(BTC, D(5), -1)]]


def test_rejected_closes_are_repeated_for_ever_more_slowly_with_an_alarm_each(switch):
    emitted = run(switch, *[(i / 2, view(btc=5)) for i in range(400)])
    closes = [i / 2 for i, actions in enumerate(emitted) if "Close" in codes(actions)]
    assert closes == [0, 1, 3, 7, 15, 31, 61, 91, 121, 151, 181]
    alarms = [a for actions in emitted for a in actions if isinstance(a, Alarm)]
    assert [(a.code, a.count) for a in alarms] == [("CLOSE_FAILED", i) for i in range(1, 11)]
    assert alarms[1].message == f"{BTC}: 5 open after 2 closing orders without effect"


def test_any_progress_makes_the_pause_short_again(switch):
    run(switch, *[(i, view(btc=5)) for i in range(32)])  # pause is 30 s now
    emitted = run(switch, (33, view(btc=4)), (34, view(btc=4)))
    assert [codes(actions) for actions in emitted] == [["Close"], ["CLOSE_FAILED", "Close"]]


def test_one_stubborn_position_does_not_hold_up_another(switch):
    run(switch, *[(i, view(btc=5)) for i in range(32)])
    assert run(switch, (32, view(btc=5, eth=-1))) == [[Close(ETH, D(1), 1)]]


def test_close_that_does_not_fill_is_cancelled_and_sent_anew(switch):
    stuck = view(btc=5, working={"btc": 5})
    emitted = run(
        switch, (0, view(btc=5)), (1, stuck), (10.5, stuck), (11, stuck), (12, stuck), (13, view(btc=5))
    )
    assert [codes(actions) for actions in emitted] == [
        ["Close"], [], [], ["CancelAll", "CLOSE_STUCK"], [], ["CLOSE_FAILED", "Close"],
    ]  # fmt: skip
    assert emitted[3][0] == CancelAll(1, closes=True)


def test_close_that_fills_slowly_is_not_stuck(switch):
    run(switch, (0, view(btc=5)))
    emitted = run(switch, *[(i, view(btc=60 - i, working={"btc": 60 - i})) for i in range(1, 50)])
    assert emitted == [[]] * 49


def test_closes_that_cannot_be_cancelled_are_tried_again_and_nothing_is_added(switch):
    emitted = run(switch, (0, view(btc=5)), *[(i, view(btc=5, working={"btc": 5})) for i in range(1, 60)])
    assert {c for actions in emitted[1:] for c in codes(actions)} == {"CancelAll", "CLOSE_STUCK"}
    assert [i for i, actions in enumerate(emitted) if "CancelAll" in codes(actions)] == [11, 13, 17, 25, 41]


def test_closes_larger_than_the_position_are_cancelled_if_that_lasts(switch):
    over = view(btc=2, working={"btc": 5})
    emitted = run(switch, (0, view(btc=5)), (1, over), (1.5, over), (2, over), (2.5, view(btc=2)))
    assert emitted[:3] == [[Close(BTC, D(5), -1)], [], []]
    assert codes(emitted[3]) == ["CancelAll", "OVERCLOSED"]
    assert emitted[3][0] == CancelAll(1, closes=True)
    assert emitted[4] == [Close(BTC, D(2), -1)]


def test_close_left_over_when_the_position_is_gone_is_cancelled(switch):
    left = view(working={"btc": 5})
    emitted = run(switch, (0, view(btc=5)), (1, left), (2, left))
    assert [codes(actions) for actions in emitted] == [["Close"], [], ["CancelAll", "OVERCLOSED"]]
    assert switch.state is KillState.FLATTENING


def test_mismatch_that_passes_and_returns_has_not_lasted(switch):
    over = view(btc=2, working={"btc": 5})
    fitting = view(btc=5, working={"btc": 5})
    emitted = run(switch, (0, view(btc=5)), (1, over), (1.5, fitting), (2.5, over), (3, over))
    assert emitted[1:] == [[], [], [], []]


def test_closes_of_the_wrong_side_are_cancelled_before_anything_is_sent(switch):
    flipped = view(btc=-9, working={"btc": 5})
    emitted = run(switch, (0, view(btc=5)), (1, flipped), (2, flipped), (3, view(btc=-9)))
    assert [codes(actions) for actions in emitted] == [["Close"], [], ["CancelAll", "OVERCLOSED"], ["Close"]]
    assert emitted[3] == [Close(BTC, D(9), 1)]


def test_order_and_position_reported_one_after_the_other_cause_no_alarm(switch):
    emitted = run(switch, (0, view(btc=5)), (1, view(working={"btc": 5})), (1.5, view()))
    assert emitted[1:] == [[], []]


@pytest.mark.parametrize("seen", [view(btc="NaN"), view(btc=5, working={"btc": "NaN"}), view(btc="Infinity")])
def test_position_of_unknown_size_alarms_and_is_not_flat(switch, seen):
    emitted = run(switch, (0, seen), (1, seen), (2, seen), (60, view(btc=5)))
    assert [codes(actions) for actions in emitted] == [["UNKNOWN_SIZE"], [], ["UNKNOWN_SIZE"], ["Close"]]


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
