"""What a settlement is compared with, piece by piece."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from nautilus_trader.common.component import MessageBus, TestClock
from nautilus_trader.model.data import InstrumentClose
from nautilus_trader.model.enums import InstrumentCloseType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, TraderId
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.host.expiry_settle import Paid, Settled, Settlements, entry_of, judge
from nautilus_quant.host.messages import publish
from nautilus_quant.host.option_messages import SettlementPrice, settlement_key
from nautilus_quant.options.contract import Contract
from nautilus_quant.options.settlement import Source

D = Decimal
EXPIRY = 1_766_649_600_000_000_000
CALL = Contract("BTC-C.SIM", "BTC", EXPIRY, 100_000.0, True, multiplier=0.1, settlement="USDT")
NAME = InstrumentId.from_str(CALL.name)
PLACE = ("SIM", "BTC", EXPIRY)


def fill(side: OrderSide, quantity: str, price: str) -> Any:
    return SimpleNamespace(
        order_side=side, last_qty=Quantity.from_str(quantity), last_px=Price.from_str(price)
    )


BUY, SELL = OrderSide.BUY, OrderSide.SELL


@pytest.mark.parametrize(
    ("fills", "entry"),
    [
        ([(BUY, "2", "100.0")], "100"),
        ([(BUY, "1", "100.0"), (BUY, "3", "104.0")], "103"),
        ([(BUY, "2", "100.0"), (SELL, "1", "120.0"), (BUY, "1", "110.0")], "105"),  # closing changes nothing
        ([(BUY, "2", "100.0"), (SELL, "5", "120.0")], "120"),  # a flip opens at its own price
        ([(SELL, "2", "100.0"), (SELL, "2", "90.0"), (BUY, "4", "1.0")], "95"),  # what is closed was at this
    ],
)
def test_the_entry_is_exact(fills: list[tuple[OrderSide, str, str]], entry: str) -> None:
    position: Any = SimpleNamespace(events=[fill(*one) for one in fills])
    assert entry_of(position) == D(entry)


SETTLED = Settled(
    position=None,  # type: ignore[arg-type]
    contract=CALL,
    quantity=D(-3),
    entry=D("1500.5"),
    paid=D("4000"),
    fee=D("1.25"),
    change=D("-1201.25"),
    unit=D("1e-8"),
    ts=EXPIRY,
)
KNOWN = Paid(Source.VENUE, D(4_000), D(104_000))


def test_figures_by_hand() -> None:
    # three sold of a tenth of a coin each: 0.3 * 4 000 = 1 200 to pay, and the fee; sold for 0.3 * 1 500.5
    verdict = judge(SETTLED, KNOWN)
    assert (verdict.severity, verdict.code) == ("INFO", "SETTLED")
    assert D(str(verdict.numbers["cash"])) == -1_200
    assert D(str(verdict.numbers["pnl"])) == D("-749.85")
    assert verdict.numbers["basis"] == "cash"


def test_an_account_that_books_profits_is_right_as_well() -> None:
    verdict = judge(replace(SETTLED, change=D("-751.10")), KNOWN)  # -749.85 - 1.25
    assert (verdict.code, verdict.numbers["basis"]) == ("SETTLED", "pnl")


@pytest.mark.parametrize("off", ["0.00000002", "-0.00000002", "1"])
def test_a_balance_that_is_off_is_an_alarm(off: str) -> None:
    assert SETTLED.change is not None
    verdict = judge(replace(SETTLED, change=SETTLED.change + D(off)), KNOWN)
    assert (verdict.severity, verdict.code) == ("CRITICAL", "WRONG_BALANCE")
    assert "where -1201.25 was due" in verdict.text


def test_where_the_venue_keeps_the_account_only_the_payoff_is_compared() -> None:
    assert judge(replace(SETTLED, change=None), KNOWN).code == "SETTLED"
    assert judge(replace(SETTLED, change=None, paid=D("4000.01")), KNOWN).code == "WRONG_PAYOFF"


def test_a_payoff_may_be_rounded_where_the_venue_rounds_it() -> None:
    third = Paid(Source.VENUE, D(1) / 3, D(150_000))
    coin = replace(CALL, coin_settled=True, settlement="BTC")
    rounded = replace(SETTLED, contract=coin, paid=D("0.33333333"), change=None)
    assert judge(rounded, third).code == "SETTLED"
    assert judge(replace(rounded, paid=D("0.33333331")), third).code == "WRONG_PAYOFF"
    assert judge(replace(rounded, paid=D("0.3333")), third).code == "SETTLED"
    assert judge(replace(rounded, paid=D("0.3334")), third).code == "WRONG_PAYOFF"


def test_without_a_price_it_is_an_alarm_and_our_average_is_none() -> None:
    assert judge(SETTLED, Paid(Source.NONE, None, None)).code == "NO_PRICE"
    average = Paid(Source.AVERAGE, D("3990.1"), D("103990.1"))
    verdict = judge(SETTLED, average, status="SETTLED")
    assert verdict.code == "SETTLED"
    assert verdict.numbers["difference"] == "9.9"
    assert verdict.numbers["status"] == "SETTLED"


@pytest.fixture
def bus() -> MessageBus:
    return MessageBus(TraderId("TESTER-001"), TestClock())


@pytest.fixture
def known(bus: MessageBus) -> Any:
    made = Settlements(bus)
    made.start()
    yield made
    made.stop()


def say(bus: MessageBus, price: str) -> None:
    publish(bus, SettlementPrice(key=settlement_key(*PLACE), ts=EXPIRY, price=price))


def test_the_best_source_counts(bus: MessageBus, known: Settlements) -> None:
    assert known.paid(NAME, CALL).source is Source.NONE
    known.begin(PLACE, 600.0)
    known.sample(PLACE, EXPIRY - 1_000, 101_000.0)
    assert known.paid(NAME, CALL) == (Source.AVERAGE, D(1_000), D(101_000))
    close = InstrumentClose(NAME, Price(1_500.25, 2), InstrumentCloseType.CONTRACT_EXPIRED, EXPIRY, EXPIRY)
    bus.publish(f"data.venue.close_price.{NAME}", close)
    assert known.paid(NAME, CALL) == (Source.CLOSE, D("1500.25"), D("101500.25"))
    say(bus, "101500.24")
    assert known.paid(NAME, CALL) == (Source.VENUE, D("1500.24"), D("101500.24"))


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity", "soon"])
def test_what_is_no_price_is_passed_over(bus: MessageBus, known: Settlements, price: str) -> None:
    say(bus, price)
    assert known.paid(NAME, CALL).source is Source.NONE


def test_a_close_at_the_end_of_a_session_is_no_settlement(bus: MessageBus, known: Settlements) -> None:
    close = InstrumentClose(NAME, Price(1.0, 2), InstrumentCloseType.END_OF_SESSION, EXPIRY, EXPIRY)
    bus.publish(f"data.venue.close_price.{NAME}", close)
    assert known.paid(NAME, CALL).source is Source.NONE


def test_averages_end_and_are_forgotten(known: Settlements) -> None:
    known.begin(PLACE, 600.0)
    assert known.open_windows(EXPIRY - 601_000_000_000) == []
    assert known.open_windows(EXPIRY - 1) == [PLACE]
    assert known.open_windows(EXPIRY) == []
    known.forget(EXPIRY + 1)
    assert known.open_windows(EXPIRY - 1) == []


def test_a_price_said_before_it_listens_is_heard(bus: MessageBus) -> None:
    say(bus, "100123")
    made = Settlements(bus)
    made.start()
    assert made.paid(NAME, CALL).payoff == D(123)
