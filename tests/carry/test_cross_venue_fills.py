"""Fill ratios and who is told of them."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.carry.cross_venue_fills import FillBook, FillChange, FillParams, Grade

PLAIN = FillParams(half_life=1e9, least=1)


def test_by_hand():
    book = FillBook(PLAIN)
    assert book.update("A", 100.0, 95.0) is None
    # (95 + 80) / 200
    assert book.update("A", 100.0, 80.0) == FillChange("A", pytest.approx(0.875), Grade.LOW, Grade.WELL, 2)
    # 205 / 300: below 80 %
    change = book.update("A", 100.0, 30.0)
    assert change[1:4] == (pytest.approx(205 / 300), Grade.BAD, Grade.LOW)
    assert book.grade("A") is Grade.BAD
    assert book.update("A", 200.0, 200.0) is None  # 405 / 500 = 81 %: not yet 82 %
    assert book.update("A", 100.0, 100.0)[2:4] == (Grade.LOW, Grade.BAD)  # 505 / 600 = 84 %
    assert book.update("A", 700.0, 690.0) is None  # 1195 / 1300 = 91.9 %: not yet 92 %
    assert book.update("A", 100.0, 100.0)[2:4] == (Grade.WELL, Grade.LOW)
    assert book.ratio("A") == pytest.approx(1295 / 1400)


def test_venues_are_told_apart():
    book = FillBook(PLAIN)
    assert book.update("A", 1.0, 0.0).grade is Grade.BAD  # from well to bad at once
    assert book.update("B", 1.0, 1.0) is None
    assert (book.ratio("A"), book.ratio("B"), book.ratio("C")) == (0.0, 1.0, None)
    assert (book.grade("B"), book.grade("C")) == (Grade.WELL, Grade.WELL)


def test_a_large_order_counts_more():
    book = FillBook(PLAIN)
    for _ in range(9):
        book.update("A", 1.0, 0.0)
    assert book.ratio("A") == 0.0
    book.update("A", 991.0, 991.0)
    assert book.ratio("A") == pytest.approx(0.991)


def test_old_orders_fade():
    book = FillBook(FillParams(half_life=1.0, least=1))
    book.update("A", 8.0, 0.0)
    book.update("A", 8.0, 8.0)
    assert book.ratio("A") == pytest.approx(8 / 12)


def test_too_few_orders_say_nothing():
    book = FillBook(FillParams(least=3))
    assert book.update("A", 1.0, 0.0) is None
    assert book.update("A", 1.0, 0.0) is None
    assert book.ratio("A") is None
    assert book.update("A", 1.0, 0.0).grade is Grade.BAD


@pytest.mark.parametrize(
    ("sent", "filled"), [(0.0, 0.0), (math.nan, 1.0), (1.0, math.nan), (-1.0, 0.0), (1.0, -0.1)]
)
def test_what_is_no_order_changes_nothing(sent, filled):
    book = FillBook(PLAIN)
    assert book.update("A", sent, filled) is None
    assert book.ratio("A") is None


@given(st.lists(st.tuples(st.floats(0.01, 100.0), st.floats(0.0, 1.2)), min_size=1, max_size=60))
def test_a_ratio_is_a_share_and_a_grade_is_what_it_says(orders):
    book = FillBook(FillParams(least=1, half_life=5.0))
    grade = Grade.WELL
    for sent, share in orders:
        change = book.update("A", sent, sent * share)
        ratio = book.ratio("A")
        assert 0.0 <= ratio <= 1.0 + 1e-12
        if change is not None:
            assert change.previous is grade
            grade = change.grade
        assert grade is book.grade("A")
        assert (ratio < 0.8) <= (grade is Grade.BAD)
        assert (ratio < 0.9) <= (grade >= Grade.LOW)
        assert (ratio >= 0.92) <= (grade is Grade.WELL)


def test_it_goes_on_after_a_restart():
    book = FillBook(PLAIN)
    book.update("A", 3.0, 2.0)
    again = FillBook(PLAIN).restore(json.loads(json.dumps(book.to_dict())))
    assert (again.ratio("A"), again.grade("A")) == (book.ratio("A"), Grade.BAD)
    assert again.update("A", 0.1, 0.0) is None  # told already


@pytest.mark.parametrize("damage", [{"version": 2}, {"venues": {"A": [1.0, 2.0, 1, 0]}}, {"venues": 3}])
def test_damaged_state_is_refused(damage):
    with pytest.raises(ValueError, match=r"filled|version|venues"):
        FillBook().restore({**FillBook().to_dict(), **damage})


@pytest.mark.parametrize(
    "changes", [{"bad": 0.95}, {"low": 1.1}, {"margin": 0.2}, {"half_life": 0.0}, {"least": 0}]
)
def test_parameters_that_cannot_be(changes):
    with pytest.raises(ValueError, match=r"low|margin|half_life|least"):
        FillParams(**changes)
