"""What expired is settled at: the formula, the engine's bookings and the account, in real runs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.common.actor import Actor
from nautilus_trader.model.data import InstrumentClose
from nautilus_trader.model.enums import InstrumentCloseType
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Price

from nautilus_quant.host.messages import publish
from nautilus_quant.host.option_messages import SettlementPrice, settlement_key
from nautilus_quant.venues.settlement import OptionSettlement
from tests.actors.expiry_runs import (
    BTC,
    DAY,
    EXPIRY,
    HOUR,
    INDEX,
    MINUTE,
    SECOND,
    USDT,
    Holder,
    Run,
    Tape,
    engine,
    handler,
    option,
    run,
)

D = Decimal
NEVER: dict[str, Any] = {"close_before": 2.0, "roll_before": 3.0, "checks": (), "roll": False, "pin": 0.0}
"""Settings of a handler that lets everything expire, but for what is worth closing in the last seconds."""


class Herald(Actor):
    """Says what the venue settled at."""

    def __init__(self, price: str, *, late: int = 0, expiry: int = EXPIRY) -> None:
        super().__init__()
        self.price = price
        self.at = expiry + late
        self.expiry = expiry

    def on_start(self) -> None:
        self.clock.set_time_alert_ns("settle", self.at, self._say)

    def _say(self, _event: object) -> None:
        key = settlement_key("SIM", "BTC", self.expiry)
        publish(self.msgbus, SettlementPrice(key=key, ts=self.at, price=self.price))


def settled(instrument: Any, quantity: float, index: float, *actors: Any, **venue: Any) -> Run:
    """Hold an option to its end; nobody quotes in the last hours, so nothing can be closed."""
    held = Tape(
        [instrument],
        lambda ts: 100_000.0 if ts < EXPIRY - HOUR else index,
        start=EXPIRY - 5 * HOUR,
        end=EXPIRY + 6 * MINUTE,
        size=lambda _n, ts: 100.0 if ts < EXPIRY - 4 * HOUR - MINUTE else None,
    )
    return run(held, {instrument.id: quantity}, handler(**NEVER), actors=actors, **venue)


@pytest.mark.parametrize("call", [True, False])
@pytest.mark.parametrize("quantity", [2.0, -2.0])
@pytest.mark.parametrize(
    ("index", "moved"), [("104321.99", "4321.99"), ("100000.00", "0"), ("95000.01", "-4999.99")]
)
def test_linear_options_pay_the_formula(call: bool, quantity: float, index: str, moved: str) -> None:
    instrument = option(call=call)
    ran = settled(instrument, quantity, float(index), Herald(index))
    (update,) = [u for u in ran.updates if u.what == "settled"]
    paid = max(D(moved) if call else -D(moved), D(0))
    entry = ran.events[0].last_px.as_decimal()
    assert D(str(update.numbers["payoff"])) == paid
    assert D(str(update.numbers["expected"])) == paid
    assert D(str(update.numbers["pnl"])) == D(str(quantity)) * (paid - entry)
    assert (update.code, update.numbers["source"], update.numbers["price"]) == ("SETTLED", "venue", index)
    # The account, from the first to the last: premium, its fee of 1 %, and the payoff.
    fee = ran.events[0].commission.as_decimal()
    assert ran.balance() == 1_000_000 + D(str(quantity)) * (paid - entry) - fee
    assert update.numbers["basis"] == "cash"
    assert D(str(update.numbers["balance_change"])) == D(str(quantity)) * paid
    assert ran.held() == {}


@pytest.mark.parametrize(
    ("call", "price", "paid"),
    [(True, "125000", "0.2"), (False, "80000", "0.25"), (True, "100000", "0"), (True, "90000", "0")],
)
@pytest.mark.parametrize("quantity", [3.0, -3.0])
def test_options_settled_in_coin_pay_the_formula(call: bool, price: str, paid: str, quantity: float) -> None:
    """The engine is told what to pay: its own arithmetic knows no coin-settled options."""
    instrument = option(call=call, coin=True)
    prices = {instrument.id: float(paid)}
    ran = settled(instrument, quantity, float(price), Herald(price), settlement_prices=prices)
    (update,) = [u for u in ran.updates if u.what == "settled"]
    assert update.code == "SETTLED"
    assert D(str(update.numbers["cash"])) == D(str(quantity)) * D(paid)
    assert update.numbers["currency"] == "BTC"
    entry, fee = ran.events[0].last_px.as_decimal(), ran.events[0].commission.as_decimal()
    assert ran.balance(BTC) == 100 + D(str(quantity)) * (D(paid) - entry) - fee


def test_dollars_paid_as_coins_are_an_alarm() -> None:
    """What NautilusTrader's engine does by itself with an option that is settled in coin."""
    ran = settled(option(coin=True), 1.0, 125_000.0, Herald("125000"))
    assert ran.told("settled") == [("settled", "WRONG_PAYOFF")]
    (alarm,) = [a for a in ran.alerts if a.severity == "CRITICAL"]
    assert "settled at 25000 BTC per unit, by the price of the venue it should be 0.2" in alarm.text


def test_a_price_that_comes_late_counts() -> None:
    ran = settled(option(), 1.0, 104_000.0, Herald("104000", late=4 * MINUTE))
    assert ran.told("settled") == [("settled", "SETTLED")]
    assert ran.when("settled") == [EXPIRY + 5 * MINUTE]


def test_another_price_than_it_paid_by_is_an_alarm() -> None:
    ran = settled(option(), 1.0, 104_000.0, Herald("104000.01"))
    assert ran.told("settled") == [("settled", "WRONG_PAYOFF")]


def test_the_venues_closing_price_of_the_option_will_do() -> None:
    instrument = option(call=False)
    held = Tape([instrument], 95_000.0, start=EXPIRY - HOUR, end=EXPIRY + 6 * MINUTE)
    made = engine(held, [Holder({instrument.id: 1.0})], [handler(**NEVER)], end=EXPIRY - 30 * MINUTE)
    close = InstrumentClose(
        instrument.id, Price(5_000.0, 2), InstrumentCloseType.CONTRACT_EXPIRED, EXPIRY, EXPIRY
    )
    made.add_data([close])
    made.add_data([d for d in held.data() if d.ts_init > EXPIRY])
    ran = Run(made, None)
    made.run()
    (update,) = [u for u in ran.updates if u.what == "settled"]
    assert (update.code, update.numbers["source"], update.numbers["price"]) == ("SETTLED", "close", "95000.0")


def test_our_own_average_is_told_and_no_alarm() -> None:
    """The index is 100 000 for 20 of the 30 minutes, then 103 000; the engine takes the last price."""

    def path(ts: int) -> float:
        return 100_000.0 if ts < EXPIRY - 10 * MINUTE else 103_000.0

    instrument = option(99_000.0)
    held = Tape([instrument], path, start=EXPIRY - 5 * HOUR, end=EXPIRY + 6 * MINUTE)
    held.size = lambda _n, ts: 100.0 if ts < EXPIRY - 4 * HOUR else None
    ran = run(held, {instrument.id: 1.0}, handler(**NEVER, sample=30.0))
    (update,) = [u for u in ran.updates if u.what == "settled"]
    assert (update.code, update.numbers["source"]) == ("SETTLED", "average")
    # 101 000 on average, less what the sampling misses: half a minute of 3 000 in 30 minutes is 50
    assert float(update.numbers["price"]) == pytest.approx(101_000.0, abs=51.0)
    assert not [a for a in ran.alerts if a.severity == "CRITICAL"]


def test_a_settlement_nobody_names_a_price_for_is_an_alarm() -> None:
    instrument = option(99_000.0)
    held = Tape([instrument], 100_000.0, start=EXPIRY - 5 * HOUR, end=EXPIRY + 6 * MINUTE)
    data = [d for d in held.data() if d.ts_init < EXPIRY - 3 * HOUR or "TradeTick" in type(d).__name__]
    held.data = lambda: data  # type: ignore[method-assign]
    ran = run(held, {instrument.id: 1.0}, handler(**NEVER))
    assert ran.told("settled") == [("settled", "NO_PRICE")]
    (alarm,) = [a for a in ran.alerts if a.severity == "CRITICAL"]
    assert alarm.text.endswith("and nobody says at what price")


def test_what_is_still_there_after_the_grace_is_an_alarm() -> None:
    """Without an instrument for its underlying NautilusTrader's engine never settles an option."""
    instrument = option()
    later = option(expiry=EXPIRY + DAY)
    held = Tape([instrument, later], 104_000.0, start=EXPIRY - HOUR, end=EXPIRY + 6 * MINUTE)
    held.size = lambda name, ts: 100.0 if ts < EXPIRY - 30 * MINUTE or name == later.id.symbol.value else None
    ran = run(held, {instrument.id: 1.0}, handler(**NEVER), index=False, actors=[Herald("104000")])
    assert ran.told("overdue") == [("overdue", "NOT_SETTLED")]
    assert ran.when("overdue") == [EXPIRY + 5 * MINUTE]
    (alarm,) = [a for a in ran.alerts if a.severity == "CRITICAL"]
    assert "expired 300 s ago, and 1.0 of it are still there; it should pay 4000" in alarm.text


@pytest.mark.parametrize(("paid", "code"), [(4_000.0, "SETTLED"), (3_999.0, "WRONG_PAYOFF")])
def test_what_is_settled_after_the_grace_is_compared_all_the_same(paid: float, code: str) -> None:
    """The venue closes it seven minutes late; the alarm that it was overdue is over, unless it paid wrong."""
    instrument, later = option(), option(expiry=EXPIRY + DAY)
    held = Tape([instrument, later], 104_000.0, start=EXPIRY - HOUR, end=EXPIRY + 9 * MINUTE)
    held.size = lambda name, ts: 100.0 if ts < EXPIRY - 30 * MINUTE or name == later.id.symbol.value else None
    at = EXPIRY + 7 * MINUTE
    close = InstrumentClose(instrument.id, Price(paid, 2), InstrumentCloseType.CONTRACT_EXPIRED, at, at)
    made = engine(
        held,
        [Holder({instrument.id: 1.0})],
        [acting := handler(**NEVER), Herald("104000")],
        index=False,
        modules=[OptionSettlement()],
    )
    made.add_data([close])
    ran = Run(made, acting)
    made.run(end=EXPIRY + 8 * MINUTE)
    assert ran.told("overdue", "settled") == [("overdue", "NOT_SETTLED"), ("settled", code)]
    assert ran.when("settled") == [at]
    severities = [a.severity for a in ran.alerts if a.key.endswith("|expiry")]
    assert severities[-1] == ("INFO" if code == "SETTLED" else "CRITICAL")
    assert acting.expiries == []


def test_an_option_exercised_physically_is_an_alarm() -> None:
    """NautilusTrader's engine delivers coins when the underlying it finds is no index."""
    coins = CurrencyPair(
        INDEX.id, INDEX.raw_symbol, BTC, USDT, 2, 2, INDEX.price_increment, INDEX.size_increment, 0, 0
    )
    ran = settled(option(), 1.0, 104_000.0, Herald("104000"), underlying=coins)
    assert ran.told("settled") == [("settled", "WRONG_PAYOFF")]


def test_several_settled_at_once_are_each_compared() -> None:
    options = [option(strike, call=call) for strike in (98_000.0, 100_000.0) for call in (True, False)]
    held = Tape(options, 101_500.5, start=EXPIRY - 5 * HOUR, end=EXPIRY + 6 * MINUTE)
    held.size = lambda _n, ts: 100.0 if ts < EXPIRY - 4 * HOUR else None
    wanted = {o.id: size for o, size in zip(options, (1.0, -2.0, 3.0, -4.0), strict=True)}
    ran = run(held, wanted, handler(**NEVER), actors=[Herald("101500.5")])
    assert ran.told("settled") == [("settled", "SETTLED")] * 4
    cash = {u.instrument: D(str(u.numbers["cash"])) for u in ran.updates if u.what == "settled"}
    assert list(cash.values()) == [D("3500.5"), 0, D("4501.5"), 0]
    assert {u.numbers["basis"] for u in ran.updates if u.what == "settled"} == {"cash"}


def test_the_end_of_a_run_before_the_grace_still_compares() -> None:
    instrument = option()
    held = Tape([instrument], 104_000.0, start=EXPIRY - HOUR, end=EXPIRY + MINUTE)
    held.size = lambda _n, ts: 100.0 if ts < EXPIRY - 30 * MINUTE else None
    ran = run(held, {instrument.id: 1.0}, handler(**NEVER), actors=[Herald("104000")])
    assert ran.told("settled") == [("settled", "SETTLED")]


def test_units_of_the_tests() -> None:
    assert (DAY, USDT.precision, SECOND) == (24 * HOUR, 8, 1_000_000_000)
