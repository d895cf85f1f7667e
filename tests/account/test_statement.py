"""The book adds up to the last unit, whatever is booked in whatever order."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.account.statement import (
    PARTS,
    Part,
    Statement,
    amount_of,
    number_of,
    rate_units,
    units,
    value_of,
)

BOOKED = [part for part in PARTS if part is not Part.REVALUATION]
CODES = ["USDT", "BTC", "ETH", "BNB"]


def u(text: str) -> int:
    return units(Decimal(text))


def worth(statement: Statement, part: Part) -> Decimal:
    return value_of(statement.parts[part])


def test_a_day_by_hand():
    book = Statement("USDT")
    book.open("USDT", u("1000"))
    book.rate("BTC", rate_units(30_000.0))
    book.open("BTC", u("0.5"))
    assert value_of(book.opening) == 16_000  # 1 000 + 0.5 × 30 000
    book.entry(Part.REALISED, "USDT", u("12.5"))
    book.entry(Part.FEES, "BTC", u("-0.001"))  # −0.001 × 30 000 = −30
    book.rate("BTC", rate_units(31_000.0))  # 0.499 × 1 000 = +499
    book.entry(Part.FUNDING, "USDT", u("-3"))
    book.entry(Part.TRANSFERS, "BTC", u("-0.1"))  # −0.1 × 31 000 = −3 100
    book.entry(Part.ROUNDING, "USDT", u("0.00000001"))
    assert [worth(book, part) for part in PARTS] == [
        Decimal("12.5"), -30, -3, -3_100, Decimal("0.00000001"), 499,
    ]  # fmt: skip
    # 1 009.50000001 + 0.399 × 31 000
    assert book.equity is not None
    assert value_of(book.equity) == Decimal("13378.50000001")
    assert book.equity == book.explained


def test_the_smallest_amount_at_the_smallest_rate_is_kept():
    book = Statement("USD")
    book.rate("X", 1)
    book.entry(Part.REALISED, "X", 1)
    assert book.equity == 1
    assert value_of(1) == Decimal("1e-28")
    assert amount_of(1) == Decimal("1e-16")


def test_a_currency_without_a_rate_waits_for_it():
    book = Statement("USDT")
    book.open("USDT", u("100"))
    book.open("BTC", u("2"))
    book.entry(Part.FEES, "BTC", u("-0.5"))
    assert book.equity is None
    assert book.waiting == ("BTC",)
    assert worth(book, Part.FEES) == 0
    book.rate("BTC", rate_units(10.0))
    assert value_of(book.opening) == 120
    assert worth(book, Part.FEES) == -5
    assert worth(book, Part.REVALUATION) == 0
    assert value_of(book.equity) == 115
    assert book.to_dict()["pending"] == {}


def test_nothing_left_of_a_currency_needs_no_rate():
    book = Statement("USDT")
    book.entry(Part.REALISED, "BTC", 5)
    book.entry(Part.FEES, "BTC", -5)
    assert book.equity == 0
    assert book.waiting == ()
    assert book.explained == 0


def test_impossible_entries_are_refused():
    book = Statement("USDT")
    with pytest.raises(ValueError, match="rates make revaluations, was revaluation"):
        book.entry(Part.REVALUATION, "USDT", 1)
    with pytest.raises(ValueError, match="rate > 0"):
        book.rate("BTC", 0)
    with pytest.raises(ValueError, match="reporting currency"):
        book.rate("USDT", 2)
    for amount in ("NaN", "Infinity", "1e-17"):
        with pytest.raises(ValueError, match="amount"):
            units(Decimal(amount))
    for rate in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="finite rate > 0"):
            rate_units(rate)


def test_amounts_of_any_size_are_exact():
    for text in ("123456789012345678.1234567890123456", "-0.0000000000000001", "1e20", "0"):
        assert amount_of(u(text)) == Decimal(text)


actions = st.one_of(
    st.tuples(st.just("open"), st.sampled_from(CODES), st.integers(-(10**24), 10**24)),
    st.tuples(st.sampled_from(BOOKED), st.sampled_from(CODES), st.integers(-(10**24), 10**24)),
    st.tuples(st.just("rate"), st.sampled_from(CODES[1:]), st.floats(1e-9, 1e6)),
    st.tuples(st.just("restart"), st.just(""), st.just(0)),
)


def checked(statement: Statement) -> None:
    known = sum(amount * statement.rates.get(code, 0) for code, amount in statement.balances.items())
    assert statement.opening + sum(statement.parts.values()) == known
    if all(code in statement.rates for code, amount in statement.balances.items() if amount):
        assert statement.equity == known
    else:
        assert statement.equity is None


@given(st.lists(actions, max_size=60))
def test_the_parts_add_up_to_the_last_unit(done):
    book = Statement("USDT")
    balances: dict[str, int] = {}
    for what, code, number in done:
        if what == "restart":
            book = Statement.from_dict(json.loads(json.dumps(book.to_dict())))
        elif what == "rate":
            book.rate(code, rate_units(number))
        else:
            balances[code] = balances.get(code, 0) + number
            if what == "open":
                book.open(code, number)
            else:
                book.entry(what, code, number)
        checked(book)
    assert book.balances == balances
    for code in CODES[1:]:
        book.rate(code, rate_units(7.0))
    checked(book)
    assert book.equity is not None


@given(st.lists(actions, max_size=30))
def test_a_restart_changes_nothing_that_comes_after_it(done):
    one, other = Statement("USDT"), Statement("USDT")
    for what, code, number in done:
        other = Statement.from_dict(other.to_dict())
        for book in (one, other):
            if what == "rate":
                book.rate(code, rate_units(number))
            elif what == "open":
                book.open(code, number)
            elif what != "restart":
                book.entry(what, code, number)
    assert one.to_dict() == other.to_dict()


def test_late_and_early_rates_come_to_the_same_equity():
    early, late = Statement("USDT"), Statement("USDT")
    early.rate("ETH", rate_units(2_000.0))
    for book in (early, late):
        book.open("ETH", u("3"))
        book.entry(Part.REALISED, "ETH", u("-1.25"))
    for book in (early, late):
        book.rate("ETH", rate_units(2_100.0))
    assert early.equity == late.equity
    assert worth(early, Part.REALISED) == -2_500  # −1.25 × 2 000
    assert worth(late, Part.REALISED) == -2_625  # −1.25 × 2 100: the first rate there was


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("version", 2, "must have version 1"),
        ("opening", "7", "must add up"),
        ("parts", [], "must be a mapping"),
        ("balances", {"USDT": "x"}, "invalid literal"),
        ("rates", {"USDT": "5"}, "must add up"),
    ],
)
def test_damaged_state_is_refused(field, value, said):
    book = Statement("USDT")
    book.open("USDT", 10)
    with pytest.raises(ValueError, match=said):
        Statement.from_dict({**book.to_dict(), field: value})


@given(st.integers(-(10**50), 10**50))
def test_numbers_are_the_nearest_floats(whole):
    assert number_of(whole) == float(value_of(whole))
