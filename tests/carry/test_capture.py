"""Paid over expected funding."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.carry.capture import CaptureBook, CaptureChange, CaptureParams

PLAIN = CaptureParams(half_life=1e9, least=1)


def test_by_hand():
    book = CaptureBook(PLAIN)
    assert book.update("a", 8.0, 10.0) is None
    assert book.ratio("a") == pytest.approx(0.8)
    # (8 + 5) / 20 = 0.65
    change = book.update("a", 5.0, 10.0)
    assert change == CaptureChange("a", pytest.approx(0.65), True, pytest.approx(13), pytest.approx(20))
    assert book.scale("a") == pytest.approx(0.65)
    assert book.update("a", 9.0, 10.0) is None  # 22 / 30: better than 0.7, not yet 0.8
    assert book.scale("a") == pytest.approx(22 / 30)
    change = book.update("a", 12.0, 10.0)
    assert change[1:3] == (pytest.approx(0.85), False)
    assert book.scale("a") == 1.0


def test_old_payments_fade():
    book = CaptureBook(CaptureParams(half_life=1.0, least=1))
    book.update("a", 0.0, 8.0)
    book.update("a", 8.0, 8.0)
    assert book.ratio("a") == pytest.approx(8 / 12)  # the first counts half


def test_too_few_payments_say_nothing():
    book = CaptureBook(CaptureParams(least=3))
    for _ in range(2):
        assert book.update("a", 0.0, 10.0) is None
        assert book.ratio("a") is None
        assert book.scale("a") == 1.0
    assert book.update("a", 0.0, 10.0).is_low


def test_a_position_that_pays_keeps_its_floor():
    book = CaptureBook(CaptureParams(half_life=1e9, least=1, floor=0.2))
    book.update("a", -5.0, 10.0)
    assert book.scale("a") == 0.2
    assert CaptureBook().scale("unknown") == 1.0


def test_nothing_expected_says_nothing():
    book = CaptureBook(PLAIN)
    assert book.update("a", -5.0, 0.0) is None
    assert book.update("a", -5.0, -3.0) is None
    assert book.ratio("a") is None


@pytest.mark.parametrize(("paid", "expected"), [(math.nan, 1.0), (1.0, math.inf)])
def test_what_is_no_number_changes_nothing(paid, expected):
    book = CaptureBook(PLAIN)
    assert book.update("a", paid, expected) is None
    assert book.to_dict()["positions"] == {}


@given(st.lists(st.tuples(st.floats(-10, 20), st.floats(0.1, 10)), max_size=40), st.integers(0, 40))
def test_changes_take_turns_and_survive_a_restart(payments, restart):
    book, low = CaptureBook(CaptureParams(least=1)), False
    for n, (paid, expected) in enumerate(payments):
        if n == restart:
            book = CaptureBook(book.params).restore(book.to_dict())
        change = book.update("a", paid, expected)
        if change is not None:
            assert change.is_low is not low
            low = change.is_low
        assert book.scale("a") == 1.0 if not low else 0.0 <= book.scale("a") < 0.8
        assert 0.0 <= book.scale("a") <= 1.0


def test_positions_are_apart_and_forgotten():
    book = CaptureBook(PLAIN)
    book.update("a", 1.0, 10.0)
    book.update("b", 10.0, 10.0)
    assert (book.scale("a"), book.scale("b")) == (pytest.approx(0.1), 1.0)
    book.forget("a")
    assert book.scale("a") == 1.0


def test_damaged_state():
    with pytest.raises(ValueError, match="version"):
        CaptureBook().restore({})
    with pytest.raises(ValueError, match="finite"):
        CaptureBook().restore({"version": 1, "positions": {"a": [math.nan, 1.0, 1, True]}})


@pytest.mark.parametrize("wrong", [{"half_life": 0.0}, {"low": 0.9}, {"least": 0}, {"floor": 0.7}])
def test_impossible_parameters(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CaptureParams(**wrong)
