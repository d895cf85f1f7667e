"""How the kill switch closes positions: sizes, slices, pauses, and closing orders that go wrong."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nautilus_quant.safety.kill_switch import (
    Alarm,
    CancelAll,
    Close,
    KillState,
    KillSwitch,
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
