"""What was paid beside what was owed."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.carry.funding_check import CheckParams, FundingCheck, Round

SECOND = 1_000_000_000
T = 8 * 3_600 * SECOND
LATER = T + 121 * SECOND


def d(text):
    return Decimal(str(text))


def test_one_payment_for_all_positions():
    check = FundingCheck()
    check.expect("USDT", T, d("-8.2"))
    check.expect("USDT", T, d("3.1"))
    check.pay("USDT", T + SECOND, d("-5.1"))
    assert check.poll(T + 120 * SECOND) == []
    assert check.poll(LATER) == [Round("USDT", T, d("-5.1"), d("-5.1"), d("11.3"), True, False)]
    assert check.poll(LATER) == []
    assert (check.expected, check.paid) == ({"USDT": d("-5.1")}, {"USDT": d("-5.1")})


def test_payments_one_by_one_and_in_other_currencies():
    check = FundingCheck()
    check.expect("USDT", T, d(-8))
    check.expect("BTC", T, d("0.001"))
    check.pay("USDT", T + SECOND, d(-5))
    check.pay("BTC", T + 2 * SECOND, d("0.001"))
    check.pay("USDT", T + 60 * SECOND, d(-3))
    assert [(r.currency, r.difference, r.is_wrong) for r in check.poll(LATER)] == [
        ("USDT", 0, False),
        ("BTC", 0, False),
    ]


# Of 100 paid and received in all 5 may be missing: the venue's mark is another.
@pytest.mark.parametrize(("paid", "wrong"), [("-15", False), ("-14.9", True), ("-25.1", True), ("20", True)])
def test_what_is_a_difference(paid, wrong):
    check = FundingCheck()
    check.expect("USDT", T, d(-60))
    check.expect("USDT", T, d(40))
    check.pay("USDT", T, d(paid))
    (one,) = check.poll(LATER)
    assert one.is_wrong is wrong
    assert one.difference == d(paid) + 20


def test_nothing_paid_is_wrong_and_nothing_worth_a_word_is_not():
    check = FundingCheck(CheckParams(least=d("0.01")))
    check.expect("USDT", T, d("-0.01"))
    check.expect("BTC", T, d("-0.011"))
    assert [(r.currency, r.is_wrong) for r in check.poll(LATER)] == [("USDT", False), ("BTC", True)]


def test_a_payment_may_come_before_it_is_known_what_is_owed():
    check = FundingCheck()
    check.pay("USDT", T - 4 * SECOND, d(-8))
    check.pay("USDT", T + SECOND, d(-1))
    check.expect("USDT", T, d(-9))
    (one,) = check.poll(LATER)
    assert (one.paid, one.is_wrong) == (-9, False)


def test_a_payment_nobody_expected_is_told_and_not_judged():
    check = FundingCheck()
    check.pay("USDT", T, d(-8))
    assert check.next == T + 125 * SECOND + 1
    assert check.poll(check.next - 1) == []
    assert check.poll(check.next) == [Round("USDT", T, d(0), d(-8), d(0), False, False)]
    assert check.expected == check.paid == {}
    assert check.next is None


def test_a_round_with_an_unknown_part_is_not_judged():
    check = FundingCheck()
    check.expect("USDT", T, d(-8))
    check.expect_unknown("USDT", T)
    check.pay("USDT", T, d(-20))
    (one,) = check.poll(LATER)
    assert (one.paid, one.is_known, one.is_wrong) == (-20, False, False)


def test_rounds_end_in_order_of_time():
    check = FundingCheck()
    for due in (3 * T, T, 2 * T):
        check.expect("USDT", due, d(1))
    check.pay("USDT", 2 * T + SECOND, d(1))
    assert [(r.due // T, r.paid) for r in check.poll(4 * T)] == [(1, 0), (2, 1), (3, 0)]


@given(st.lists(st.tuples(st.integers(-1000, 1000), st.integers(-1000, 1000)), min_size=1, max_size=100))
@settings(max_examples=40)
def test_sums_are_exact_and_memory_is_bounded(rounds):
    check = FundingCheck()
    for n, (owed, came) in enumerate(rounds, 1):
        check.expect("USDT", n * T, d(owed).scaleb(-8))
        check.pay("USDT", n * T, d(came).scaleb(-8))
        assert len(check.poll(n * T + T // 2)) == 1
    assert check.expected["USDT"] == sum(d(owed).scaleb(-8) for owed, _ in rounds)
    assert check.paid["USDT"] == sum(d(came).scaleb(-8) for _, came in rounds)
    assert len(check.rounds) <= 64


@pytest.mark.parametrize(
    "wrong", [{"window": 0.0}, {"early": 500.0}, {"tolerance": 1.0}, {"least": Decimal(-1)}]
)
def test_impossible_parameters(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CheckParams(**wrong)


@pytest.mark.parametrize("amount", ["NaN", "Infinity"])
def test_amounts_that_are_none(amount):
    check = FundingCheck()
    with pytest.raises(ValueError, match="finite"):
        check.expect("USDT", T, d(amount))
    with pytest.raises(ValueError, match="finite"):
        check.pay("USDT", T, d(amount))
