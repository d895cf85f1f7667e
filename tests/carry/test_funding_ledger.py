"""What positions are owed: figures by hand, and sums that add up to the last digit."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.carry.funding_ledger import FundingLedger, Payment, Stamp, Terms, booked, owed

LINEAR = Terms(currency="USDT", decimals=8)
INVERSE = Terms(currency="BTC", decimals=8, inverse=True)
HOUR = 3_600_000_000_000

sizes = st.decimals(-(10**6), 10**6, places=4).filter(bool)
marks = st.decimals("0.0001", 10**6, places=8).filter(lambda mark: mark > 0)
rates = st.decimals("-0.03", "0.03", places=8)


def d(text):
    return Decimal(text)


def test_by_hand():
    # 1.5 × 40 000.1 × 0.0001
    assert owed(d("1.5"), d("40000.1"), d("0.0001"), LINEAR) == d("-6.000015")
    assert owed(d("-1.5"), d("40000.1"), d("0.0001"), LINEAR) == d("6.000015")
    assert owed(d("1.5"), d("40000.1"), d("-0.0001"), LINEAR) == d("6.000015")
    # 20 000 contracts of 10 USD at 50 000 are 4 bitcoin.
    tens = Terms(currency="BTC", decimals=8, multiplier=d(10), inverse=True)
    assert owed(d(20_000), d(50_000), d("0.0003"), tens) == d("-0.0012")
    tenths = Terms(currency="USDT", decimals=8, multiplier=d("0.1"))
    assert owed(d(7), d(100), d("0.01"), tenths) == d("-0.7")


@given(sizes, marks, rates, st.booleans())
@settings(max_examples=40)
def test_owed_is_exact(size, mark, rate, inverse):
    """Against fractions of whole numbers; what no decimal can hold is right in its first 90 digits."""
    value = Fraction(size) / Fraction(mark) if inverse else Fraction(size) * Fraction(mark)
    exact = -value * Fraction(rate)
    found = Fraction(owed(size, mark, rate, INVERSE if inverse else LINEAR))
    assert abs(found - exact) <= abs(exact) / 10**90
    if not inverse:
        assert found == exact


@given(sizes, sizes, marks, rates)
def test_longs_pay_what_shorts_receive(one, other, mark, rate):
    assert owed(one, mark, rate, LINEAR) == -owed(-one, mark, rate, LINEAR)
    both = owed(one, mark, rate, LINEAR) + owed(other, mark, rate, LINEAR)
    assert both == owed(one + other, mark, rate, LINEAR)


@given(st.lists(st.tuples(sizes, sizes, marks, rates), min_size=1, max_size=20))
@settings(max_examples=40)
def test_the_total_is_what_positions_were_paid(stamps):
    ledger, paid = FundingLedger(), Decimal(0)
    for n, (one, other, mark, rate) in enumerate(stamps):
        held = {"a": one, "b": other}
        payments = ledger.settle(Stamp("BTC", n + 1, rate), mark, LINEAR, held)
        assert {p.position for p in payments} <= {"a", "b"}
        by_hand = [booked(-size * mark * rate, 8) for size in (one, other)]
        assert sum(p.amount for p in payments) == sum(by_hand)
        paid += sum(by_hand)
    total = ledger.totals["BTC"]
    assert total.net == paid
    assert total.received >= 0 <= total.paid
    assert FundingLedger.from_dict(ledger.to_dict()).totals == ledger.totals


def test_a_payment_says_how_it_came_about():
    ledger = FundingLedger()
    stamp = Stamp("BTCUSD", 8 * HOUR, d("0.0001"))
    assert ledger.settle(stamp, d(30_000), INVERSE, {"p-1": d(-100_000), "p-2": d(1)}) == (
        # 100 000 / 30 000 × 0.0001 = 0.000333..; 1 / 30 000 × 0.0001 is less than half of the last decimal
        Payment(stamp, "p-1", d(-100_000), d(30_000), "BTC", d("0.00033333")),
    )
    total = ledger.totals["BTCUSD"]
    assert (total.received, total.paid, total.payments, total.ts) == (d("0.00033333"), 0, 1, 8 * HOUR)


def test_a_stamp_is_settled_once():
    ledger = FundingLedger()
    stamp = Stamp("BTC", 8 * HOUR, d("0.0001"))
    assert len(ledger.settle(stamp, d(100), LINEAR, {"p": d(1)})) == 1
    assert ledger.settle(stamp, d(100), LINEAR, {"p": d(1)}) == ()
    assert ledger.settle(Stamp("BTC", HOUR, d("0.5")), d(100), LINEAR, {"p": d(1)}) == ()
    assert len(ledger.settle(Stamp("ETH", HOUR, d("0.5")), d(100), LINEAR, {"p": d(1)})) == 1
    assert ledger.totals["BTC"].net == d("-0.01")


@pytest.mark.parametrize(
    ("mark", "rate"), [("NaN", "0.01"), ("0", "0.01"), ("-1", "0.01"), ("Infinity", "0.01"), ("100", "NaN")]
)
def test_numbers_that_are_none_book_nothing(mark, rate):
    ledger = FundingLedger()
    with pytest.raises(ValueError, match="need a finite"):
        ledger.settle(Stamp("BTC", HOUR, d(rate)), d(mark), LINEAR, {"a": d(1), "b": d(2)})
    assert ledger.totals == {}


@pytest.mark.parametrize("wrong", [{"decimals": -1}, {"multiplier": Decimal(0)}])
def test_impossible_terms(wrong):
    with pytest.raises(ValueError, match="need"):
        Terms(**{"currency": "USDT", "decimals": 8, **wrong})


def test_damaged_state_is_refused():
    with pytest.raises(ValueError, match="version"):
        FundingLedger.from_dict({"version": 2, "totals": {}})
    with pytest.raises(ValueError, match="totals"):
        FundingLedger.from_dict({"version": 1})
