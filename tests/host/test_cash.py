"""Deposits and withdrawals against what trading does to a balance, with venues that report as real ones."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.objects import Currency, Money
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.account.flows import FlowDetector
from nautilus_quant.host.cash import FUNDING_WINDOW, CashWatch
from nautilus_quant.host.valuation import Valuer
from tests.host.live import LiveSystem, live_system

BTC = TestInstrumentProvider.btcusdt_perp_binance()
ETH = TestInstrumentProvider.ethusdt_perp_binance()
INVERSE = TestInstrumentProvider.xbtusd_bitmex()
COIN = TestInstrumentProvider.btcusdt_binance()
ADA = TestInstrumentProvider.adausdt_binance()
SECOND = 1_000_000_000
BUY, SELL = OrderSide.BUY, OrderSide.SELL


@pytest.fixture
def live():
    with live_system() as system:
        Valuer.on(system.kernel.msgbus)  # hears quotes from the beginning
        yield system


def watching(live: LiveSystem, held=None, detector=None, currency: str = "USDT") -> CashWatch:
    watch = CashWatch(live.kernel, Valuer.on(live.kernel.msgbus, currency), detector)
    watch.start(live.now, held)
    return watch


def settled(live: LiveSystem, watch: CashWatch, later: int = 3 * SECOND) -> dict[str, float]:
    """What is called a flow when there was time for explanations."""
    watch.poll(live.now)
    _, done, flows = watch.poll(live.now + later)
    assert done
    return flows


@pytest.fixture
def margin(live):
    client = live.venue("BINANCE", BTC, ETH)
    live.balance(client, USDT=10_000)
    live.quote(BTC, 30_000)
    live.quote(ETH, 2_000)
    return client


def test_a_deposit_counts_when_nothing_explains_it(live, margin):
    watch = watching(live)
    assert watch.poll(live.now) == (0.0, True, {})
    live.balance(margin, USDT=12_500)
    amount, done, flows = watch.poll(live.now)
    assert (amount, done, flows) == (0.0, False, {})
    amount, done, flows = watch.poll(live.now + 3 * SECOND)
    assert (amount, done, flows) == (2_500.0, True, {"USDT": 2_500.0})


def test_a_deposit_of_a_coin_counts_in_the_reporting_currency(live, margin):
    watch = watching(live)
    live.balance(margin, USDT=10_000, BTC=0.5)
    watch.poll(live.now)
    amount, _, flows = watch.poll(live.now + 3 * SECOND)
    assert flows == {"BTC": 0.5}
    assert amount == 15_000.0


def test_a_flow_nobody_can_value_waits_for_its_price(live):
    client = live.venue("BINANCE", BTC)
    live.balance(client, USDT=10_000)
    watch = watching(live)
    live.balance(client, USDT=10_000, BTC=0.5)
    watch.poll(live.now)
    assert watch.poll(live.now + 3 * SECOND) == (0.0, False, {})
    live.quote(BTC, 30_000)
    amount, done, _ = watch.poll(live.now + 6 * SECOND)
    assert (amount, done) == (15_000.0, True)


def test_profit_and_fees_are_no_flow_whichever_comes_first(live, margin):
    watch = watching(live)
    margin.commission = Money(3, Currency.from_str("USDT"))
    live.trade(margin, BTC, BUY, "1", 30_000)
    live.balance(margin, USDT=9_997)  # the balance after its fill
    live.balance(margin, USDT=10_094)  # and before
    live.trade(margin, BTC, SELL, "1", 30_100)
    assert settled(live, watch) == {}


def test_a_flipped_position_and_the_next_one_are_no_flow(live, margin):
    watch = watching(live)
    margin.commission = Money(3, Currency.from_str("USDT"))
    live.trade(margin, BTC, BUY, "1", 30_000)
    live.trade(margin, BTC, SELL, "3", 30_100)
    live.trade(margin, BTC, BUY, "2", 30_000)
    live.trade(margin, BTC, BUY, "1", 30_000)
    live.balance(margin, USDT=10_000 + 100 + 200 - 4 * 3)
    assert settled(live, watch) == {}


def test_part_of_a_position_closed_is_explained_once(live, margin):
    watch = watching(live)
    live.trade(margin, BTC, BUY, "4", 30_000)
    for n in range(1, 5):
        live.trade(margin, BTC, SELL, "1", 30_000 + n)
    live.balance(margin, USDT=10_010)
    assert settled(live, watch) == {}


def test_every_position_of_a_hedging_account_explains_its_own(live):
    client = live.venue("BINANCE", BTC, oms=OmsType.HEDGING)
    live.balance(client, USDT=10_000)
    live.quote(BTC, 30_000)
    watch = watching(live)
    for _ in range(3):
        live.trade(client, BTC, BUY, "1", 30_000)
    for position in live.cache.positions_open():
        client.fill_at = 30_010
        live.order(BTC, SELL, "1", position_id=position.id)
    live.balance(client, USDT=10_030)
    assert settled(live, watch) == {}
    assert watch._readings._realized == {}  # nothing is kept of positions that are gone


def test_a_fee_in_a_third_currency_is_explained(live, margin):
    live.balance(margin, USDT=10_000, BNB=5)
    watch = watching(live)
    margin.commission = Money(0.01, Currency.from_str("BNB"))
    live.trade(margin, BTC, BUY, "1", 30_000)
    live.balance(margin, USDT=10_000, BNB=4.99)
    assert settled(live, watch) == {}


def test_a_loss_nobody_saw_happen_is_never_taken_for_a_withdrawal(live, margin):
    """Open before the node started: only what changes from now on explains anything."""
    live.trade(margin, BTC, BUY, "1", 30_000)
    live.trade(margin, BTC, SELL, "0.5", 29_000)
    watch = watching(live)
    live.trade(margin, BTC, SELL, "0.5", 28_000)
    live.balance(margin, USDT=9_000)
    assert settled(live, watch) == {}


def test_an_inverse_contract_pays_in_its_coin(live):
    client = live.venue("BITMEX", INVERSE, BTC)
    live.balance(client, BTC=1)
    live.quote(BTC, 20_000)
    watch = watching(live)
    live.trade(client, INVERSE, BUY, "20000", 20_000)
    live.trade(client, INVERSE, SELL, "20000", 25_000)
    live.balance(client, BTC=1.2)  # 20 000 × (1/20 000 − 1/25 000)
    assert settled(live, watch) == {}


@pytest.fixture
def cash(live):
    client = live.venue("BINANCE", COIN, ADA, kind=AccountType.CASH)
    live.balance(client, USDT=10_000)
    live.quote(COIN, 30_000)
    return client


def test_what_is_bought_with_cash_is_no_deposit(live, cash):
    watch = watching(live)
    live.trade(cash, COIN, BUY, "0.1", 30_000)
    live.balance(cash, USDT=7_000, BTC=0.1)
    live.trade(cash, COIN, SELL, "0.05", 32_000)
    live.balance(cash, USDT=8_600, BTC=0.05)
    assert settled(live, watch) == {}


@pytest.mark.parametrize(
    ("fee", "left"),
    [
        (Money(3, Currency.from_str("USDT")), {"USDT": 6_997, "BTC": 0.1}),
        (Money(0.0001, Currency.from_str("BTC")), {"USDT": 7_000, "BTC": 0.0999}),
        (Money(0.01, Currency.from_str("BNB")), {"USDT": 7_000, "BTC": 0.1, "BNB": 0.99}),
    ],
    ids=["quote", "base", "third"],
)
def test_a_fee_of_a_cash_trade_is_explained_in_its_currency(live, cash, fee, left):
    live.balance(cash, USDT=10_000, BNB=1)
    live.quote(ADA, 0.3)
    watch = watching(live)
    cash.commission = fee
    live.trade(cash, COIN, BUY, "0.1", 30_000)
    live.balance(cash, **left)
    assert settled(live, watch) == {}


def test_a_coin_sent_away_is_a_withdrawal(live, cash):
    watch = watching(live)
    live.trade(cash, COIN, BUY, "0.1", 30_000)
    live.balance(cash, USDT=7_000, BTC=0.1)
    live.balance(cash, USDT=7_000, BTC=0)
    assert settled(live, watch) == {"BTC": pytest.approx(-0.1)}


def funding(live: LiveSystem, instrument, rate: float, due_in: int) -> None:
    """What a venue says of the next payment."""
    now = live.now
    update = FundingRateUpdate(instrument.id, Decimal(str(rate)), now, now, next_funding_ns=now + due_in)
    topic = f"data.funding_rates.{instrument.id.venue}.{instrument.id.symbol}"
    live.kernel.msgbus.publish(topic, update)


def test_funding_that_is_due_is_a_cost_and_no_withdrawal(live, margin):
    watch = watching(live)
    live.trade(margin, BTC, BUY, "1", 30_000)
    funding(live, BTC, 0.0001, SECOND // 1_000)
    live.balance(margin, USDT=9_997)
    assert settled(live, watch) == {}


def test_funding_of_the_other_sign_or_size_is_a_flow(live, margin):
    watch = watching(live)
    live.trade(margin, BTC, BUY, "1", 30_000)
    funding(live, BTC, 0.0001, SECOND // 1_000)
    live.balance(margin, USDT=10_003)
    assert settled(live, watch) == {"USDT": 3.0}
    live.balance(margin, USDT=9_003)
    assert settled(live, watch) == {"USDT": -1_000.0}


def test_venues_pay_position_by_position(live, margin):
    watch = watching(live)
    live.trade(margin, BTC, BUY, "1", 30_000)
    live.trade(margin, ETH, SELL, "3", 2_000)
    funding(live, BTC, 0.0002, SECOND // 1_000)  # −6
    funding(live, ETH, -0.0001, SECOND // 1_000)  # −0.6
    live.balance(margin, USDT=9_999.4)
    assert settled(live, watch) == {}
    live.balance(margin, USDT=9_993.4)
    assert settled(live, watch) == {}
    live.balance(margin, USDT=9_987.4)  # nothing is due any more
    assert settled(live, watch) == {"USDT": pytest.approx(-6.0)}


def test_funding_of_long_ago_explains_nothing(live, margin):
    watch = watching(live)
    live.trade(margin, BTC, BUY, "1", 30_000)
    funding(live, BTC, 0.0001, -FUNDING_WINDOW - SECOND)
    live.balance(margin, USDT=9_997)
    assert settled(live, watch) == {"USDT": -3.0}


def test_what_was_not_paid_is_not_owed_twice(live, margin):
    watch = watching(live)
    live.trade(margin, BTC, BUY, "1", 30_000)
    funding(live, BTC, 0.0010, -8 * 3_600 * SECOND)
    funding(live, BTC, 0.0001, SECOND // 1_000)
    live.balance(margin, USDT=9_975)  # more than twice the 3 which are due now
    assert settled(live, watch) == {"USDT": -25.0}


def test_a_rate_whose_time_is_to_come_is_not_due(live, margin):
    watch = watching(live)
    live.trade(margin, BTC, BUY, "1", 30_000)
    funding(live, BTC, 0.0001, 3_600 * SECOND)
    live.balance(margin, USDT=9_997)
    assert settled(live, watch) == {"USDT": -3.0}


def untimed(live: LiveSystem, instrument, rate: float, minutes: int | None = None) -> None:
    """What a venue says that does not say when."""
    update = FundingRateUpdate(instrument.id, Decimal(str(rate)), live.now, live.now, interval=minutes)
    topic = f"data.funding_rates.{instrument.id.venue}.{instrument.id.symbol}"
    live.kernel.msgbus.publish(topic, update)


@pytest.mark.parametrize("minutes", [None, 60])
def test_a_payment_at_a_time_nobody_told_is_a_cost_when_it_is_what_is_owed(live, margin, minutes):
    watch = watching(live)
    live.trade(margin, BTC, BUY, "1", 30_000)
    untimed(live, BTC, 0.0001, minutes)
    live.balance(margin, USDT=9_997)
    assert settled(live, watch) == {}
    live.balance(margin, USDT=9_697)
    assert settled(live, watch) == {"USDT": -300.0}  # far more than that is a withdrawal


def test_what_comes_in_unannounced_in_the_middle_of_an_hour_is_a_deposit(live, margin):
    watch = watching(live)
    live.trade(margin, BTC, SELL, "1", 30_000)
    untimed(live, BTC, 0.0001, 60)
    live.balance(margin, USDT=10_003)
    hour = 3_600 * SECOND
    watch.poll(live.now)
    half_past = live.now // hour * hour + hour + hour // 2
    assert watch.poll(half_past)[2] == {"USDT": 3.0}
    live.balance(margin, USDT=10_006)
    watch.poll(half_past)
    assert watch.poll(half_past + hour // 2 + 5 * SECOND)[2] == {}


def test_a_time_said_once_holds_for_updates_without_one(live, margin):
    watch = watching(live)
    live.trade(margin, BTC, BUY, "1", 30_000)
    funding(live, BTC, 0.0005, 100 * SECOND)
    untimed(live, BTC, 0.0001)  # 3 then, and nothing before
    live.balance(margin, USDT=9_997)
    assert settled(live, watch) == {"USDT": -3.0}
    live.balance(margin, USDT=9_994)
    assert settled(live, watch, 110 * SECOND) == {}


def test_after_a_time_that_is_past_the_interval_says_when(live, margin):
    watch = watching(live)
    live.trade(margin, BTC, BUY, "1", 30_000)
    funding(live, BTC, 0.0001, -59 * 60 * SECOND)
    untimed(live, BTC, 0.0001, 60)  # in a minute
    live.balance(margin, USDT=9_997)
    assert settled(live, watch) == {"USDT": -3.0}
    live.balance(margin, USDT=9_994)
    assert settled(live, watch, 70 * SECOND) == {}


def test_untimed_funding_of_an_inverse_contract_is_owed_in_its_coin(live):
    client = live.venue("BITMEX", INVERSE, BTC)
    live.balance(client, BTC=1)
    live.quote(BTC, 20_000)
    live.quote(INVERSE, 20_000)
    watch = watching(live)
    live.trade(client, INVERSE, BUY, "20000", 20_000)
    untimed(live, INVERSE, 0.0005, 480)
    live.balance(client, BTC=0.9995)
    assert settled(live, watch) == {}


def test_funding_of_an_inverse_contract_is_paid_in_its_coin(live):
    client = live.venue("BITMEX", INVERSE, BTC)
    live.balance(client, BTC=1)
    live.quote(BTC, 20_000)
    live.quote(INVERSE, 20_000)
    watch = watching(live)
    live.trade(client, INVERSE, SELL, "20000", 20_000)
    funding(live, INVERSE, 0.0005, SECOND // 1_000)
    live.balance(client, BTC=1.0005)
    assert settled(live, watch) == {}


def test_funding_without_a_price_explains_nothing(live):
    client = live.venue("BINANCE", BTC)
    live.balance(client, USDT=10_000)
    watch = watching(live)
    live.trade(client, BTC, BUY, "1", 30_000)
    funding(live, BTC, 0.0001, SECOND // 1_000)
    live.balance(client, USDT=9_997)
    assert settled(live, watch) == {"USDT": -3.0}


def test_a_difference_over_a_restart_is_a_flow_when_nothing_else_changed(live, margin):
    live.trade(margin, BTC, BUY, "1.5", 30_000)
    first = watching(live)
    held = first.held()
    assert held == {"BTCUSDT-PERP.BINANCE": "1.5"}
    first.stop()
    live.balance(margin, USDT=11_000)
    again = watching(live, held, first.detector)
    assert settled(live, again) == {"USDT": 1_000.0}


def test_a_coin_that_is_gone_after_a_restart_is_a_withdrawal(live, margin):
    live.balance(margin, USDT=10_000, BTC=0.5)
    first = watching(live)
    held = first.held()
    first.stop()
    first.detector = FlowDetector.from_dict(first.detector.to_dict())
    other = CashWatch(live.kernel, Valuer.on(live.kernel.msgbus), first.detector)
    other._read_totals = lambda *_: {"USDT": 10_000.0}  # venues leave out what is nothing
    other.start(live.now, held)
    assert settled(live, other) == {"BTC": pytest.approx(-0.5)}


def test_a_coin_that_is_not_mentioned_any_more_is_gone(live, margin, monkeypatch):
    live.balance(margin, USDT=10_000, BTC=0.5)
    watch = watching(live)
    monkeypatch.setattr(watch, "_read_totals", lambda *_: {"USDT": 10_000.0})
    live.balance(margin, USDT=10_000)
    assert settled(live, watch) == {"BTC": pytest.approx(-0.5)}
    monkeypatch.undo()
    live.balance(margin, USDT=10_000, BTC=0.5)
    assert settled(live, watch) == {"BTC": pytest.approx(0.5)}


def test_a_difference_over_a_restart_is_profit_or_loss_when_positions_changed(live, margin):
    first = watching(live)
    held = first.held()
    first.stop()
    live.trade(margin, BTC, BUY, "1.5", 30_000)
    live.balance(margin, USDT=9_000)
    again = watching(live, held, first.detector)
    assert settled(live, again) == {}


def test_the_first_account_may_come_later(live):
    watch = watching(live)
    client = live.venue("BINANCE", BTC)
    live.balance(client, USDT=10_000)
    assert watch.poll(live.now) == (0.0, True, {})
    live.quote(BTC, 30_000)
    live.balance(client, USDT=10_000, BTC=0.1)
    assert settled(live, watch) == {"BTC": pytest.approx(0.1)}


def test_after_stop_nothing_is_heard(live, margin):
    watch = watching(live)
    watch.stop()
    live.balance(margin, USDT=20_000)
    assert watch.poll(live.now + 60 * SECOND) == (0.0, True, {})


def test_an_event_is_read_once_for_all_who_watch(live, margin):
    """Each of two watches explains all of it, whoever hears it first, and one that begins later the rest."""
    one, two = watching(live), watching(live)
    live.trade(margin, BTC, BUY, "1.5", 30_000)
    three = watching(live)
    live.trade(margin, BTC, SELL, "1.0", 31_000)
    assert one._readings is two._readings is three._readings
    found = [watch.detector.to_dict()["currencies"]["USDT"]["expected"] for watch in (one, two, three)]
    assert found == [found[0]] * 3
