"""Loss as a fraction, and confirmation by a second finding."""

from __future__ import annotations

import pytest

from nautilus_quant.safety.window_limit import Confirmation, WindowLimit, loss_fraction


@pytest.mark.parametrize(
    ("reference", "equity", "loss"),
    [
        (100.0, 100.0, 0.0),
        (100.0, 110.0, 0.0),
        (100.0, 75.0, 0.25),
        (100.0, 0.0, 1.0),
        (100.0, -50.0, 1.5),
        (0.0, 0.0, 0.0),
        (0.0, -0.01, 1.0),
        (-10.0, -10.0, 0.0),
        (-10.0, -11.0, 1.0),
        (-10.0, 5.0, 0.0),
    ],
)
def test_loss_fraction(reference, equity, loss):
    assert loss_fraction(reference, equity) == loss


def test_second_finding_confirms_and_uses_up():
    confirmation = Confirmation()
    assert [confirmation.judge(ts, True) for ts in (1, 2, 3, 4)] == [False, True, False, True]


def test_finding_nothing_starts_again():
    confirmation = Confirmation(5)
    assert not confirmation.judge(6, False)
    assert confirmation.since is None
    assert not confirmation.judge(7, True)
    assert confirmation.since == 7


def test_same_instant_does_not_confirm():
    confirmation = Confirmation(5)
    assert not confirmation.judge(5, True)
    assert confirmation.since == 5
    assert confirmation.judge(4, True)


def test_flow_is_part_of_the_reference():
    limit = WindowLimit("hourly_loss", 0.1, 3_600, 50)
    limit.update(10, 100.0, 900.0)  # equity 1 000
    assert not limit.update(11, 80.0, 900.0)
    assert limit.loss == 0.02


def test_later_trip_never_shortens_a_halt():
    limit = WindowLimit("hourly_loss", 0.1, 3_600, 50)
    limit.until = 10_000
    for ts, value in ((10, 100.0), (11, 80.0), (12, 80.0)):
        limit.update(ts, value, 0.0)
    assert limit.tripped_loss == 0.2
    assert limit.until == 10_000
