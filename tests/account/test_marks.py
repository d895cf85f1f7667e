"""Marks: which source, how old, and what to believe."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.account.marks import FOREVER, MAX_AGE, SOURCES, UNKNOWN, Mark, MarkBook, Price, freshest

SECOND = 10**9
HOUR = 3_600 * SECOND
NOW = 1_700_000_000 * SECOND


def mark(price, age=0.0, source="mid", valid_for=0):
    return Mark(price, NOW - round(age * SECOND), source, valid_for)


@pytest.fixture
def book():
    return MarkBook(max_age=30 * SECOND, max_jump=0.5, jump_within=60 * SECOND)


# ------------------------------------------------------------------ one mark


@pytest.mark.parametrize(
    ("age", "valid_for", "fresh"),
    [(0, 0, True), (30, 0, True), (30.000000001, 0, False), (3_630, HOUR, True), (3_631, HOUR, False)],
)
def test_mark_is_fresh_for_its_age_and_interval(age, valid_for, fresh):
    assert mark(1.0, age, "bar", valid_for).is_fresh(NOW, 30 * SECOND) is fresh


def test_mark_from_the_future_is_fresh_only_within_the_age():
    assert mark(1.0, -30).is_fresh(NOW, 30 * SECOND)
    assert not mark(1.0, -31).is_fresh(NOW, 30 * SECOND)


@pytest.mark.parametrize(
    ("price", "sane"), [(1e-9, True), (0.0, False), (-1.0, False), (math.nan, False), (math.inf, False)]
)
def test_mark_is_sane_when_it_is_a_price(price, sane):
    assert mark(price).is_sane is sane


def test_mark_never_expires_beyond_the_end_of_time():
    assert Mark(1.0, NOW, "bar", FOREVER).expires(MAX_AGE) == FOREVER


# ------------------------------------------------------------------ the best of several


def test_freshest_prefers_mark_price_then_mid_then_last_then_bar():
    marks = [mark(float(i), source=source) for i, source in enumerate(SOURCES, 1)]
    for i, source in enumerate(("mark", "mid", "last", "bar")):
        assert freshest(marks[i:][::-1], NOW).source == source
    assert freshest([], NOW) is None


def test_freshest_skips_what_is_stale_or_no_price():
    stale, bad = mark(1.0, 31, "mark"), mark(math.nan, 0, "mid")
    last = mark(3.0, 29, "last")
    assert freshest([stale, bad, last], NOW, 30 * SECOND) == last
    assert freshest([stale, bad], NOW, 30 * SECOND) is None


def test_freshest_of_one_source_is_the_latest():
    old, new = mark(1.0, 9), mark(2.0, 3)
    assert freshest([old, new], NOW) == freshest([new, old], NOW) == new


@given(
    st.lists(
        st.builds(
            mark,
            st.sampled_from([1.0, 2.0, 0.0, math.nan]),
            st.integers(-60, 60),
            st.sampled_from(SOURCES),
            st.sampled_from([0, HOUR]),
        )
    )
)
def test_freshest_is_the_first_of_those_up_to_date_sorted_by_source_and_age(marks):
    usable = [m for m in marks if m.is_sane and m.is_fresh(NOW, 30 * SECOND)]
    up_to_date = [m for m in usable if all(other.ts - m.ts <= 5 * SECOND for other in usable)]
    expected = sorted(up_to_date, key=lambda m: (SOURCES.index(m.source), -m.ts))
    found = freshest(marks, NOW, 30 * SECOND)
    assert found is None if not expected else (found.source, found.ts) == (expected[0].source, expected[0].ts)


# ------------------------------------------------------------------ the book


def test_book_knows_nothing_of_what_it_never_saw(book):
    assert book.price("BTC", NOW) == UNKNOWN
    assert math.isnan(UNKNOWN.value)
    assert UNKNOWN.problem


def test_book_gives_the_best_price_and_until_when(book):
    assert book.put("BTC", mark(100.0, 10))
    assert book.put("BTC", mark(101.0, 5, "last"))
    assert book.price("BTC", NOW) == Price(100.0, "", NOW + 20 * SECOND)
    assert book.price("ETH", NOW) == UNKNOWN


def test_book_falls_back_to_the_next_source_when_one_goes_stale(book):
    book.put("BTC", mark(100.0, 31))
    book.put("BTC", mark(101.0, 5, "last"))
    assert book.price("BTC", NOW).value == 101.0


def test_stale_price_is_shown_with_its_problem(book):
    book.put("BTC", mark(100.0, 40))
    book.put("BTC", mark(99.0, 50, "mark"))
    assert book.price("BTC", NOW) == Price(100.0, "stale", 0)


@pytest.mark.parametrize("wrong", [0.0, -5.0, math.nan, math.inf])
def test_what_is_no_price_spoils_the_instrument_until_a_good_one_comes(book, wrong):
    book.put("BTC", mark(100.0, 10))
    assert not book.put("BTC", mark(wrong, 5))
    assert not book.put("BTC", mark(wrong, 4))  # a second one confirms nothing
    assert book.price("BTC", NOW) == Price(100.0, f"absurd mid price {wrong:g}", 0)
    assert book.put("BTC", mark(101.0, 3))
    assert book.price("BTC", NOW).problem == ""


def test_first_mark_that_is_no_price_leaves_nothing_to_show(book):
    book.put("BTC", mark(math.nan))
    price = book.price("BTC", NOW)
    assert math.isnan(price.value)
    assert price.problem == "absurd mid price nan"


@pytest.mark.parametrize(("jump", "believed"), [(150.0, True), (150.1, False), (50.0, True), (49.9, False)])
def test_jump_beyond_half_is_held_back(book, jump, believed):
    book.put("BTC", mark(100.0, 10))
    assert book.put("BTC", mark(jump, 5)) is believed
    assert (book.price("BTC", NOW).problem == "") is believed


def test_jump_is_believed_when_a_second_mark_confirms_it(book):
    book.put("BTC", mark(100.0, 10))
    assert not book.put("BTC", mark(40.0, 5))
    assert book.price("BTC", NOW) == Price(100.0, "absurd mid price 40", 0)
    assert book.put("BTC", mark(39.0, 4))
    assert book.price("BTC", NOW) == Price(39.0, "", NOW + 26 * SECOND)


def test_jump_is_forgotten_when_the_price_returns(book):
    book.put("BTC", mark(100.0, 10))
    book.put("BTC", mark(40.0, 5))
    assert book.put("BTC", mark(100.0, 4))
    assert not book.put("BTC", mark(40.0, 3))


def test_jump_to_somewhere_else_confirms_nothing(book):
    book.put("BTC", mark(100.0, 10))
    book.put("BTC", mark(40.0, 5))
    assert not book.put("BTC", mark(1_000.0, 4))
    assert book.put("BTC", mark(1_001.0, 3))


@pytest.mark.parametrize("wrong", [0.0, -40.0, math.nan, math.inf])
def test_jump_cannot_be_confirmed_by_what_is_no_price(book, wrong):
    book.put("BTC", mark(100.0, 10))
    book.put("BTC", mark(wrong, 5))
    assert not book.put("BTC", mark(40.0, 4))


def test_any_move_is_believed_after_a_while(book):
    book.put("BTC", mark(100.0, 61))
    assert book.put("BTC", mark(1.0, 0))
    book.put("ETH", mark(100.0, 60))
    assert not book.put("ETH", mark(1.0, 0))


def test_sources_do_not_judge_each_other(book):
    book.put("BTC", mark(100.0, 10))
    assert book.put("BTC", mark(10.0, 5, "last"))


def test_better_source_overrules_an_absurd_one(book):
    book.put("BTC", mark(100.0, 10, "mark"))
    book.put("BTC", mark(math.nan, 5, "mid"))
    assert book.price("BTC", NOW) == Price(100.0, "", NOW + 20 * SECOND)


def test_absurd_better_source_is_not_silently_replaced(book):
    book.put("BTC", mark(100.0, 10, "last"))
    book.put("BTC", mark(math.nan, 5, "mark"))
    assert book.price("BTC", NOW).problem == "absurd mark price nan"


def test_absurd_source_that_fell_silent_ceases_to_matter(book):
    book.put("BTC", mark(100.0, 1, "last"))
    book.put("BTC", mark(math.nan, 31, "mark"))
    assert book.price("BTC", NOW).value == 100.0
    assert book.price("BTC", NOW).problem == ""


@pytest.mark.parametrize(("lag", "problem"), [(5, "absurd mark price nan"), (5.1, "")])
def test_absurd_better_source_matters_only_while_it_is_up_to_date(book, lag, problem):
    book.put("BTC", mark(math.nan, lag, "mark"))
    book.put("BTC", mark(100.0, 0, "mid"))
    assert book.price("BTC", NOW).problem == problem


def test_unknown_source_is_refused(book):
    with pytest.raises(
        ValueError, match="source of a mark must be one of mark, mid, last, bar, was 'rumour'"
    ):
        book.put("BTC", mark(1.0, source="rumour"))


@pytest.mark.parametrize(
    "wrong", [{"max_age": 0}, {"max_jump": 0.0}, {"max_jump": math.nan}, {"jump_within": -1}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="need max_age > 0"):
        MarkBook(**wrong)


prices = st.sampled_from([100.0, 120.0, 49.0, 20.0, 300.0, 0.0, -1.0, math.nan, math.inf])


@given(st.lists(st.tuples(st.integers(0, 40), prices, st.sampled_from(SOURCES)), min_size=1, max_size=40))
def test_price_without_problem_is_always_sane_and_fresh(events):
    book = MarkBook(max_age=30 * SECOND)
    ts = NOW
    for pause, price, source in events:
        ts += pause * SECOND
        book.put("BTC", Mark(price, ts, source))
        for later in (0, 15, 31):
            found = book.price("BTC", ts + later * SECOND)
            if not found.problem:
                assert 0 < found.value < math.inf
                assert ts + later * SECOND <= found.valid_until <= ts + 30 * SECOND
            else:
                assert found.valid_until == 0


@given(
    st.lists(st.tuples(st.integers(0, 20), st.sampled_from([100.0, 120.0, 20.0, 25.0, 300.0])), max_size=40)
)
def test_two_sane_marks_near_each_other_always_end_the_doubt(events):
    book = MarkBook(max_age=30 * SECOND, max_jump=0.5)
    ts, last = NOW, None
    for pause, price in events:
        ts += pause * SECOND
        book.put("BTC", Mark(price, ts, "mid"))
        if last is not None and abs(price - last) <= 0.5 * last:
            assert book.price("BTC", ts).problem == ""
        last = price


def test_a_mark_price_that_came_once_does_not_hide_what_quotes_say_since():
    book = MarkBook()
    book.put("X", Mark(100.0, 0, "mark"))
    book.put("X", Mark(99.0, 4 * SECOND, "mid"))
    assert book.price("X", 4 * SECOND).value == 100.0
    book.put("X", Mark(70.0, 6 * SECOND, "mid"))
    assert book.price("X", 6 * SECOND).value == 70.0
    book.put("X", Mark(71.0, 7 * SECOND, "mark"))
    assert book.price("X", 7 * SECOND).value == 71.0


def test_a_bar_does_not_keep_a_market_fresh_whose_quotes_fell_silent(book):
    book.put("BTC", Mark(100.0, 0, "bar", 3_600 * SECOND))
    assert book.price("BTC", 1_000 * SECOND).problem == ""  # nothing but bars: one an hour is all there is
    book.put("BTC", Mark(101.0, 1_010 * SECOND, "mid"))
    assert book.price("BTC", 1_040 * SECOND).value == 101.0
    assert book.price("BTC", 1_041 * SECOND).problem == "stale"
    book.put("BTC", Mark(102.0, 3_600 * SECOND, "bar", 3_600 * SECOND))
    assert book.price("BTC", 5_000 * SECOND).problem == ""


marks_and_questions = st.lists(
    st.tuples(st.integers(0, 20), prices, st.sampled_from([*SOURCES, None])), min_size=1, max_size=30
)


@given(marks_and_questions)
def test_an_answer_does_not_depend_on_what_was_asked_before(events):
    asked, ts, heard = MarkBook(max_age=30 * SECOND), NOW, []
    for pause, price, source in events:
        ts += pause * SECOND
        if source is not None:
            heard.append(Mark(price, ts, source))
            asked.put("BTC", heard[-1])
        quiet = MarkBook(max_age=30 * SECOND)
        for mark in heard:
            quiet.put("BTC", mark)
        for now in (ts, ts, ts + 31 * SECOND, ts):
            assert repr(asked.price("BTC", now)) == repr(quiet.price("BTC", now))


def test_what_came_while_there_was_one_source_is_what_the_next_is_compared_with() -> None:
    """140 is the last of the bars, so that 200 is no jump by more than half; of 100 it would be one."""
    book = MarkBook()
    for n, price in enumerate((100.0, 140.0)):
        assert book.put("BTC", Mark(price, n * SECOND, "bar"))
    assert book.put("BTC", Mark(141.0, 2 * SECOND, "mid"))
    assert book.put("BTC", Mark(200.0, 3 * SECOND, "bar"))
    assert book.heard("BTC", "bar") == 3 * SECOND
