"""Fees paid against fees expected: sums exact, and a word when they differ for good."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.account.fee_check import Deviation, FeeReconciler
from nautilus_quant.host.statejson import decode, encode

KEY = ("OKX", "USDT")
UNIT = Decimal("0.00000001")


def test_a_difference_that_lasts_is_told_once_and_its_end_too():
    made = FeeReconciler(tolerance=0.1, fills=3)
    told = [
        made.update(*KEY, Decimal(10), paid)
        for paid in map(Decimal, (10, 12, 12, 10, 12, 12, 13, 12, 10, 11, 10, 10))
    ]
    assert [n for n, item in enumerate(told) if item] == [6, 10]
    assert told[6] == Deviation("OKX", "USDT", True, 3, Decimal(30), Decimal(37))  # 12 + 12 + 13
    assert told[10] == Deviation(
        "OKX", "USDT", False, 3, Decimal(30), Decimal(31)
    )  # 10 + 11 + 10; 11 is 10 % off, no more


def test_what_is_within_a_unit_is_rounding():
    made = FeeReconciler(tolerance=0.0, fills=1)
    assert made.update(*KEY, Decimal("0.00000001"), Decimal("0.00000002"), UNIT) is None
    assert made.update(*KEY, Decimal("0.00000001"), Decimal("0.00000003"), UNIT) is not None


def test_a_fee_where_a_rebate_was_due_differs():
    made = FeeReconciler(tolerance=0.5, fills=1)
    assert made.update(*KEY, Decimal(-1), Decimal(1)).off


@pytest.mark.parametrize(("expected", "paid"), [(10, 8), (-10, -12), (-10, -8), (0, -1)])
def test_too_little_differs_as_much_as_too_much(expected, paid):
    made = FeeReconciler(tolerance=0.1, fills=1)
    told = made.update(*KEY, Decimal(expected), Decimal(paid))
    assert told == Deviation("OKX", "USDT", True, 1, Decimal(expected), Decimal(paid))


def test_venues_and_currencies_do_not_mix():
    made = FeeReconciler(fills=2)
    assert made.update("OKX", "USDT", Decimal(1), Decimal(2)) is None
    assert made.update("OKX", "BTC", Decimal(1), Decimal(2)) is None
    assert made.update("BYBIT", "USDT", Decimal(1), Decimal(2)) is None
    assert made.update("OKX", "USDT", Decimal(1), Decimal(2)) is not None
    assert {key: tally.fills for key, tally in made.tallies.items()} == {
        ("OKX", "USDT"): 2,
        ("OKX", "BTC"): 1,
        ("BYBIT", "USDT"): 1,
    }


amounts = st.decimals(-(10**12), 10**12, places=18, allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(st.sampled_from(["USDT", "BTC"]), amounts, amounts), max_size=60))
def test_sums_are_exact_to_the_last_unit(fills):
    made = FeeReconciler()
    for currency, expected, paid in fills:
        made.update("OKX", currency, expected, paid)
    for currency in {currency for currency, _, _ in fills}:
        tally = made.tallies["OKX", currency]
        mine = [(e, p) for c, e, p in fills if c == currency]
        assert Fraction(tally.expected) == sum(Fraction(e) for e, _ in mine)
        assert Fraction(tally.paid) == sum(Fraction(p) for _, p in mine)
        assert Fraction(tally.difference) == sum(Fraction(p) - Fraction(e) for e, p in mine)
        assert tally.fills == len(mine)


def test_a_restart_keeps_sums_and_what_is_off():
    made = FeeReconciler(fills=2)
    for _ in range(2):
        made.update("OKX", "BTC", Decimal("0.1"), Decimal("0.3"))
    again = FeeReconciler(fills=2).restore(decode(encode(made.to_dict())))
    assert again.to_dict() == made.to_dict()
    assert again.tallies["OKX", "BTC"].difference == Decimal("0.4")
    assert again.update("OKX", "BTC", Decimal("0.1"), Decimal("0.3")) is None  # told before
    assert again.update("OKX", "BTC", Decimal("0.1"), Decimal("0.1")) is None
    assert not again.update("OKX", "BTC", Decimal("0.1"), Decimal("0.1")).off


@pytest.mark.parametrize(
    "broken", [{"a|b": {}}, {"a|b": 5}, {"a|b": {"expected": "x"}}, {"a": {"expected": "NaN"}}]
)
def test_a_damaged_state_is_refused(broken):
    good = {"expected": "1", "paid": "1", "fills": 1, "off": False}
    state = {k: {**good, **v} if isinstance(v, dict) and v else v for k, v in broken.items()}
    with pytest.raises(ValueError, match="fees"):
        FeeReconciler().restore(state)


@pytest.mark.parametrize("options", [{"tolerance": -0.1}, {"tolerance": 1.0}, {"fills": 0}])
def test_impossible_parameters_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        FeeReconciler(**options)


def test_a_fee_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="finite"):
        FeeReconciler().update("OKX", "USDT", Decimal("NaN"), Decimal(1))
