"""What each pair is paid, where the venue tells it, and where it does not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.common.component import MessageBus, TestClock
from nautilus_trader.model.identifiers import TraderId

from nautilus_quant.carry.funding_ledger import Stamp
from nautilus_quant.host.funding_messages import FundingChecked, FundingPaid
from nautilus_quant.host.messages import publish
from nautilus_quant.host.scaler_payments import GRACE, CarryPayments, Paid
from tests.carry.scaler_kit import START, pair, perp, spot

ONE, TWO = "BTC-PERP.A", "BTC-PERP.B"
PAIRS = [pair(spot(), perp("A"), "home"), pair(perp("A"), perp("B"), "away")]


class Rates:
    """One coin is worth two of the reporting currency."""

    def rate(self, code: str, _now: int) -> float:
        return {"USDT": 1.0, "COIN": 2.0}[code]


class Book:
    def __init__(self, *, trusts: bool = True) -> None:
        self.bus = MessageBus(TraderId("TESTER-001"), TestClock())
        self.held = {"home": 1_000.0, "away": 0.0}
        self.paid: list[Paid] = []
        self.payments = CarryPayments(
            PAIRS,
            self.bus,
            Rates(),  # type: ignore[arg-type]
            held=lambda name: self.held[name],
            is_ours=lambda position: position.endswith("-ME"),
            currencies={ONE: "USDT", TWO: "COIN", "BTC.A": "BTC"},
            trusts=trusts,
            on_paid=lambda paid, _ts: self.paid.append(paid),
        )
        self.payments.start()

    def tell(
        self, instrument: str, rate: str, currency: str = "USDT", due: int = START, **positions: str
    ) -> None:
        amounts = {f"{instrument}-{name}": Decimal(amount) for name, amount in positions.items()}
        publish(
            self.bus,
            FundingPaid(
                key=instrument,
                ts=due + 1,
                account="A-1",
                due=due,
                currency=currency,
                amount=sum(amounts.values(), Decimal(0)),
                rate=Decimal(rate),
                mark=Decimal(1),
                positions=amounts,
            ),
        )

    def due(self, instrument: str, rate: str, ts: int = START) -> None:
        self.payments.expect([Stamp(instrument, ts, Decimal(rate))])

    def amounts(self) -> dict[tuple[str, str], float]:
        return {(one.pair, one.instrument): pytest.approx(one.amount) for one in self.paid}


@pytest.mark.parametrize("order", ["told first", "due first"])
def test_what_is_told_is_taken_once_whatever_comes_first(order: str):
    book = Book()
    if order == "due first":
        book.due(ONE, "0.001")
    book.tell(ONE, "0.001", ME="0.9", YOU="7")
    book.due(ONE, "0.001")
    book.payments.poll(START + GRACE)
    assert book.paid == [Paid("home", ONE, -1_000.0, pytest.approx(0.9))]
    assert book.payments.next is None


def test_what_is_told_too_late_is_not_taken_twice():
    book = Book()
    book.due(ONE, "0.001")
    book.payments.poll(START + GRACE)
    book.tell(ONE, "0.001", ME="0.9")
    assert book.paid == [Paid("home", ONE, -1_000.0, pytest.approx(1.0))]
    book.tell(ONE, "0.001", due=START + 1, ME="0.9")
    assert [one.amount for one in book.paid] == pytest.approx([1.0, 0.9])


def test_pairs_that_share_an_instrument_each_get_their_part():
    book = Book()
    book.held["away"] = 400.0  # long A: of it, the two are short 600
    book.tell(ONE, "0.001", ME="0.6")
    assert book.amounts() == {("home", ONE): 1.0, ("away", ONE): -0.4}


def test_pairs_that_cancel_out_pay_each_other():
    book = Book()
    book.held["away"] = 1_000.0
    book.tell(ONE, "0.001", ME="0")
    assert book.amounts() == {("home", ONE): 1.0, ("away", ONE): -1.0}


def test_another_currency_is_taken_at_its_rate():
    book = Book()
    book.held = {"home": 0.0, "away": 500.0}
    book.tell(TWO, "0.001", "COIN", ME="0.2")
    assert book.paid == [Paid("away", TWO, -500.0, pytest.approx(0.4))]


def test_a_venue_that_tells_nothing_is_taken_to_pay_its_rate():
    book = Book()
    book.due(ONE, "0.001")
    assert book.payments.next == START + GRACE
    book.payments.poll(START + GRACE - 1)
    assert book.paid == []
    book.held["home"] = 0.0  # it was left since
    book.payments.poll(START + GRACE)
    assert book.paid == [Paid("home", ONE, -1_000.0, pytest.approx(1.0))]


def test_less_what_was_found_missing_in_its_currency():
    book = Book()

    def checked(key: str, paid: float, *, wrong: bool) -> None:
        publish(
            book.bus,
            FundingChecked(key=key, ts=1, due=1, expected=2.0, paid=paid, difference=paid - 2.0, wrong=wrong),
        )

    checked("COIN", 0.0, wrong=True)
    checked("USDT", 0.5, wrong=True)
    book.due(ONE, "0.001")
    book.payments.poll(START + GRACE)
    checked("USDT", 1.99, wrong=False)
    book.due(ONE, "0.001", START + 1)
    book.payments.poll(START + 1 + GRACE)
    assert [one.amount for one in book.paid] == pytest.approx([0.25, 1.0])


def test_a_backtest_that_tells_nothing_pays_nothing():
    book = Book(trusts=False)
    book.due(ONE, "0.001")
    book.payments.poll(START + GRACE)
    assert book.paid == [Paid("home", ONE, -1_000.0, 0.0)]


@pytest.mark.parametrize("held", [0.0, float("nan")])
def test_who_holds_nothing_is_paid_nothing(held: Any):
    book = Book()
    book.held["home"] = held
    book.due(ONE, "0.001")
    book.tell(ONE, "0.001", ME="1")
    book.tell("ETH-PERP.A", "0.001", ME="1")
    book.payments.poll(START + GRACE)
    assert book.paid == []


def test_after_it_has_stopped_it_hears_nothing():
    book = Book()
    book.payments.stop()
    book.tell(ONE, "0.001", ME="1")
    assert book.paid == []
