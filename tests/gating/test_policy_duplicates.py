"""The same order twice, and orders that are alike on purpose."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nautilus_quant.gating.policy_duplicates import MOST, DuplicateGuard

SECOND = 1_000_000_000
T = 1_700_000_000 * SECOND
KEY = ("S-1", "BTCUSDT-PERP.BINANCE", 1, Decimal("0.5"), 30_000.0)


@pytest.fixture
def guard() -> DuplicateGuard:
    made = DuplicateGuard(1.0)
    made.add(KEY, T, "O-1")
    return made


def test_the_same_order_within_the_window_is_a_repetition(guard):
    assert guard.repeated(KEY, T) == "O-1"
    assert guard.repeated(KEY, T + SECOND - 1) == "O-1"
    assert guard.repeated(KEY, T + SECOND) == ""
    assert guard.quiet_from == T + SECOND


@pytest.mark.parametrize(
    "change",
    [("S-2", 0), ("ETHUSDT-PERP.BINANCE", 1), (-1, 2), (Decimal("0.51"), 3), (30_000.1, 4), (None, 4)],
    ids=str,
)
def test_an_order_that_differs_in_anything_is_another(guard, change):
    value, place = change
    assert guard.repeated((*KEY[:place], value, *KEY[place + 1 :]), T) == ""


def test_the_same_quantity_written_longer_is_the_same(guard):
    assert guard.repeated((*KEY[:3], Decimal("0.500"), KEY[4]), T) == "O-1"


def test_a_closed_order_is_forgotten(guard):
    assert "O-1" in guard
    guard.forget("O-1")
    guard.forget("O-1")
    guard.forget("O-9")
    assert "O-1" not in guard
    assert guard.repeated(KEY, T) == ""


def test_an_order_sent_again_counts_from_then(guard):
    guard.add(KEY, T + 2 * SECOND, "O-2")
    assert guard.repeated(KEY, T + 2 * SECOND) == "O-2"
    guard.forget("O-1")  # which was replaced
    assert guard.repeated(KEY, T + 2 * SECOND) == "O-2"
    assert len(guard) == 1


def test_members_of_one_family_are_alike_on_purpose():
    guard = DuplicateGuard(1.0)
    guard.add(KEY, T, "O-1", "PARENT-1")
    assert guard.repeated(KEY, T, "PARENT-1") == ""
    assert guard.repeated(KEY, T, "PARENT-2") == "O-1"
    assert guard.repeated(KEY, T) == "O-1"


def test_no_family_is_none_in_common(guard):
    assert guard.repeated(KEY, T, "") == "O-1"


def test_switched_off_it_remembers_nothing():
    guard = DuplicateGuard(0.0)
    guard.add(KEY, T, "O-1")
    assert guard.repeated(KEY, T) == ""
    assert (len(guard), guard.quiet_from) == (0, 0)


def test_a_clock_that_ran_back_still_knows_the_last_second(guard):
    assert guard.repeated(KEY, T - SECOND // 2) == "O-1"
    assert guard.repeated(KEY, T - SECOND) == ""


def key(n: int):
    return (*KEY[:4], float(n))


def test_memory_is_bounded_within_a_window_and_over_time():
    guard = DuplicateGuard(1.0)
    for n in range(MOST + 500):
        guard.add(key(n), T, f"O-{n}")
    assert len(guard) == len(guard._keys) == MOST
    assert guard.repeated(key(MOST + 499), T) == f"O-{MOST + 499}"
    assert guard.repeated(key(0), T) == ""
    for n in range(MOST):
        guard.add(key(n), T + n * SECOND, f"P-{n}")
    assert len(guard) == len(guard._keys) <= 2


@pytest.mark.parametrize("window", [-1.0, float("nan"), 3601.0])
def test_an_impossible_window_is_refused(window):
    with pytest.raises(ValueError, match=r"need 0 <= window <= 3600 \[s\]"):
        DuplicateGuard(window)
