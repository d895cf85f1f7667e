"""The fee book of a node in real engine runs: tiers by fills, answers, what was paid, restarts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import ComponentId
from nautilus_trader.model.objects import Currency, Money, Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.test_kit.stubs.events import TestEventStubs

from nautilus_quant.account.fee_tiers import REFRESH
from nautilus_quant.account.fees import Liquidity
from nautilus_quant.host.fee_model import TieredFeeModel, TieredFeeModelConfig
from nautilus_quant.host.fee_terms import FeeTerms, commission
from nautilus_quant.host.fees import NAMESPACE, FeeBook, FeeUpdate
from nautilus_quant.host.messages import Alert, subscribe
from nautilus_quant.host.state import shared_store
from tests.host.engine import BTC, START, USDT, Script, engine
from tests.host.test_fee_model import HOUR, TIERS, hourly, market

BUY, SELL = OrderSide.BUY, OrderSide.SELL
BITCOIN = Currency.from_str("BTC")
OWN = {"BINANCE": FeeTerms(tiers=TIERS)}
LARGE = {0: market(BUY, "1.000"), 1: market(SELL, "1.000"), 2: market(BUY, "0.100"), 3: market(SELL, "0.100")}
NEVER = FeeTerms(schedule="binance_spot")


class Accountant(Actor):
    """Starts the fee book, and keeps what it says."""

    def __init__(self, terms: Any = None, name: str = "Accountant", **options: Any) -> None:
        super().__init__(ActorConfig(component_id=ComponentId(name)))
        self.terms = terms
        self.options = options
        self.updates: list[FeeUpdate] = []
        self.alerts: list[Alert] = []
        self.said: dict[Any, Any] = {}

    def on_start(self) -> None:
        self.book = FeeBook.on(self.msgbus)
        self.book.start(self.clock, self.terms, **self.options)
        subscribe(self.msgbus, FeeUpdate, self.updates.append)
        subscribe(self.msgbus, Alert, self.alerts.append)

    def on_stop(self) -> None:
        self.said["tiers"] = self.book.tiers
        self.book.stop()


def run(steps: dict[int, Any], accountant: Accountant, *, data: Any = None, **venue: Any) -> Script:
    script = Script(steps)
    made = engine(hourly(8) if data is None else data, actors=[accountant], strategies=[script], **venue)
    made.run()
    made.dispose()
    return script


def charged(**options: Any) -> TieredFeeModel:
    return TieredFeeModel(TieredFeeModelConfig(**options))


def ask(accountant: Accountant, name: str, question: Any) -> Any:
    return lambda _script: accountant.said.update({name: question(accountant.book)})


# -- tiers ---------------------------------------------------------------------------------------------


def test_fills_earn_a_tier_and_the_venue_charges_as_expected():
    desk = Accountant(OWN)
    steps = {
        **LARGE,
        1: _both(LARGE[1], ask(desk, "before", lambda book: book.rate(BTC))),
        5: ask(desk, "after", lambda book: (book.rate(BTC), book.rate(BTC, passive=True))),
    }
    run(steps, desk, fee_model=charged(tiers=TIERS))
    assert desk.said["before"] == 0.0005
    assert desk.said["after"] == (0.0004, 0.0001)
    (update,) = desk.updates
    midnight = START - START % REFRESH + REFRESH
    assert (update.key, update.ts, update.tier, update.previous) == (
        "BINANCE|own",
        midnight,
        "tier 1",
        "tier 0",
    )
    assert (update.maker, update.taker) == (0.0001, 0.0004)
    assert update.volume == pytest.approx(60_000.0)
    tier, volume = desk.said["tiers"]["BINANCE|own"]
    assert (tier.index, volume) == (1, pytest.approx(66_000.0))
    # 15.00025 + 14.99975 + 1.20002 + 1.19998, as in the model's own test.
    tally = desk.book.reconciled["BINANCE", "USDT"]
    assert tally.paid == tally.expected == Decimal("32.4")
    assert (tally.fills, tally.difference, desk.alerts) == (4, 0, [])


def _both(*steps: Any) -> Any:
    def step(script: Script) -> None:
        for one in steps:
            one(script)

    return step


def test_by_the_instrument_nothing_is_followed_and_nothing_differs():
    desk = Accountant()
    run(LARGE, desk)
    assert (desk.updates, desk.alerts, desk.said["tiers"]) == ([], [], {})
    tally = desk.book.reconciled["BINANCE", "USDT"]
    assert tally.difference == 0
    assert tally.paid > 0


def test_a_tier_is_lost_without_a_trade_at_a_refresh():
    desk = Accountant({"BINANCE": FeeTerms(tiers=TIERS, initial_volume=50_001.0)})
    run({}, desk, data=hourly(12))
    # A thirtieth is forgotten at midnight; the refresh at 06:00 sees it a second time.
    (update,) = desk.updates
    assert (update.tier, update.previous) == ("tier 0", "tier 1")
    assert update.ts == START - START % REFRESH + 2 * REFRESH


# -- what was paid -------------------------------------------------------------------------------------


def test_fees_that_differ_are_told_once_with_both_numbers():
    desk = Accountant(OWN, alert_after=3)
    steps = {n: market(BUY if n % 2 else SELL, "0.010") for n in range(7)}
    run(steps, desk)  # the engine charges the instrument's 0.018 %
    (alert,) = desk.alerts
    assert (alert.key, alert.severity, alert.source) == ("fees|BINANCE|USDT", "WARNING", "fees")
    # 299.995 + 300.005 + 299.995 = 899.995 USDT: 0.05 % expected, 0.018 % paid.
    assert alert.numbers == {
        "expected": pytest.approx(0.4499975),
        "paid": pytest.approx(0.1619991),
        "fills": 3.0,
    }
    assert "expected 0.4499975 USDT" in alert.text
    tally = desk.book.reconciled["BINANCE", "USDT"]
    assert tally.fills == 7
    # 7 fills: four sold at 299.995, three bought at 300.005; (0.018 - 0.05) % of 2 099.995.
    assert tally.difference == Decimal("2099.995") * (Decimal("0.00018") - Decimal("0.0005"))


def test_fees_that_come_right_end_the_alert():
    desk = Accountant(OWN, alert_after=1)
    run({0: market(BUY, "2.000"), 1: market(SELL, "2.000")}, desk, fee_model=_WrongOnce())
    assert [alert.severity for alert in desk.alerts] == ["WARNING", "INFO"]


class _WrongOnce(TieredFeeModel):
    """Charges the first fill three times too much."""

    def __init__(self) -> None:
        super().__init__(TieredFeeModelConfig(tiers=TIERS))
        self.count = 0

    def get_commission(self, order, fill_qty, fill_px, instrument):
        self.count += 1
        fee = super().get_commission(order, fill_qty, fill_px, instrument)
        return type(fee)(fee.as_decimal() * (3 if self.count == 1 else 1), fee.currency)


class _InCoins(TieredFeeModel):
    """Takes its fee in the venue's own coin, worth what BTC is."""

    def get_commission(self, order, fill_qty, fill_px, instrument):
        fee = super().get_commission(order, fill_qty, fill_px, instrument)
        return Money(fee.as_double() / 30_000.0, BITCOIN)


def test_fees_paid_in_a_coin_are_compared_by_its_price():
    desk = Accountant(OWN, alert_after=1)
    model = _InCoins(TieredFeeModelConfig(tiers=TIERS))
    run({0: market(BUY, "1.000"), 1: market(SELL, "1.000")}, desk, fee_model=model)
    # 15.00025 USDT at 30 000 is 0.00050001 BTC, 14.99975 is 0.00049999 BTC.
    tally = desk.book.reconciled["BINANCE", "BTC"]
    assert (tally.fills, tally.paid, tally.expected) == (2, Decimal("0.00100000"), Decimal("0.00100000"))
    assert desk.alerts == []


def test_fees_in_a_coin_nobody_prices_are_not_compared():
    class _Unpriced(TieredFeeModel):
        def get_commission(self, order, fill_qty, fill_px, instrument):
            return Money(1, Currency.from_str("BNB"))

    desk = Accountant(OWN, alert_after=1)
    run({0: market(BUY, "1.000")}, desk, fee_model=_Unpriced(TieredFeeModelConfig(tiers=TIERS)))
    assert desk.book.reconciled == {}
    assert desk.said["tiers"]["BINANCE|own"][1] == pytest.approx(30_000.5)


def test_volume_not_quoted_in_dollars_counts_at_its_price():
    ada = TestInstrumentProvider.adabtc_binance()
    said: list[float] = []

    def question(script: Script) -> None:
        book = FeeBook.on(script.msgbus)
        fill = TestEventStubs.order_filled(
            script.order_factory.market(ada.id, BUY, ada.make_qty(1_000)),
            instrument=ada,
            last_px=ada.make_price(0.00002),
            ts_event=script.clock.timestamp_ns(),
        )
        said.append(book._paid.dollars(fill, ada))

    desk = Accountant(OWN)
    run({3: question}, desk, instruments=(BTC, ada))
    assert said == [pytest.approx(1_000 * 0.00002 * 30_000)]


def test_reduce_only_orders_are_expected_to_pay_less_where_it_is_configured():
    terms = {"BINANCE": FeeTerms(tiers=TIERS, reduce_only_discount=0.5)}
    desk = Accountant(terms, alert_after=1)
    steps = {0: market(BUY, "1.000"), 1: market(SELL, "1.000", reduce_only=True)}
    run(steps, desk, fee_model=charged(tiers=TIERS, reduce_only_discount=0.5))
    assert desk.alerts == []
    assert desk.book.reconciled["BINANCE", "USDT"].expected == Decimal("15.00025") + Decimal("7.499875")


# -- answers -------------------------------------------------------------------------------------------


def test_before_anybody_starts_it_it_answers_by_the_instrument():
    said: dict[str, Any] = {}

    def question(script: Script) -> None:
        assert FeeBook.find(script.msgbus) is None
        book = FeeBook.on(script.msgbus)
        assert FeeBook.find(script.msgbus) is book is FeeBook.on(script.msgbus)
        said["rates"] = (book.rate(BTC), book.rate(BTC, passive=True), book.tiers)

    made = engine(strategies=[Script({0: question})])
    made.run()
    made.dispose()
    assert said["rates"] == (0.00018, 0.0002, {})


def test_expected_fees_are_those_of_a_fill():
    desk = Accountant({**OWN, "BITMEX": FeeTerms(tiers=TIERS), "DERIBIT": FeeTerms(schedule="auto")})
    inverse, option = TestInstrumentProvider.xbtusd_bitmex(), TestInstrumentProvider.crypto_option()
    share = TestInstrumentProvider.aapl_option()
    desk.terms[share.id.venue.value] = FeeTerms(schedule="okx_options")
    cases = [
        (BTC, "0.123", "31234.5"),
        (inverse, "1000", "10104.0"),
        (option, "2.0", "0.0001"),
        (option, "2.0", "0.0100"),
        (share, "3", "4.00"),
    ]

    def question(book: FeeBook) -> list[tuple[float, float]]:
        return [
            (
                book.expected(i, float(q), float(p), passive=passive),
                commission(
                    i,
                    Quantity.from_str(q),
                    Price.from_str(p),
                    book.tier(i),
                    Liquidity.MAKER if passive else Liquidity.TAKER,
                ).as_double(),
            )
            for i, q, p in cases
            for passive in (False, True)
        ]

    run({0: ask(desk, "fees", question)}, desk)
    assert len(desk.said["fees"]) == 10
    for quick, exact in desk.said["fees"]:
        assert quick == pytest.approx(exact, abs=1e-8)


def test_break_even_by_hand():
    desk = Accountant(OWN)

    def question(book: FeeBook) -> tuple[float, ...]:
        return (
            book.break_even(BTC, 0.001),
            book.break_even(BTC, 0.001, entry_passive=True, exit_passive=True),
            book.break_even(BTC, 0.001, profit=0.01),
        )

    run({0: ask(desk, "moves", question)}, desk)
    taken, rested, target = desk.said["moves"]
    # Bought at 1.001 * 1.0005, sold at p * 0.999 * 0.9995.
    assert taken == pytest.approx(1.001 * 1.0005 / (0.999 * 0.9995) - 1)
    assert rested == pytest.approx(1.0002 / 0.9998 - 1)
    assert target == pytest.approx((1.001 * 1.0005 + 0.01) / (0.999 * 0.9995) - 1)


# -- life ----------------------------------------------------------------------------------------------


def test_volume_and_sums_survive_a_restart():
    url = "memory://fee-restart"
    keep = shared_store(url)
    first = Accountant(OWN, state=url)
    run({0: market(BUY, "2.000")}, first, fee_model=charged(tiers=TIERS))
    assert set(keep.documents(NAMESPACE)) == {"BINANCE|own", "reconciled"}
    again = Accountant(OWN, state=url)
    run({0: ask(again, "rate", lambda book: book.rate(BTC))}, again, fee_model=charged(tiers=TIERS))
    assert again.said["rate"] == 0.0004
    assert again.said["tiers"]["BINANCE|own"][1] == pytest.approx(60_001.0)
    assert again.book.reconciled["BINANCE", "USDT"].paid == Decimal("30.0005")
    keep.close()


def test_a_damaged_state_begins_anew_and_the_dearest_tier_holds():
    url = "memory://fee-damage"
    keep = shared_store(url)
    keep.put(NAMESPACE, "BINANCE|own", {"daily": "much"}, ts=0)
    keep.put(NAMESPACE, "reconciled", {"BINANCE|USDT": {}}, ts=0)
    keep.put(NAMESPACE, "NOWHERE|own", {}, ts=0)
    desk = Accountant(OWN, state=url)
    run({0: ask(desk, "rate", lambda book: book.rate(BTC))}, desk)
    assert desk.said["rate"] == 0.0005
    keep.close()


def test_who_starts_it_later_changes_nothing_and_may_leave_first():
    desk = Accountant(OWN)
    tiers: list[float] = []

    def join_and_leave(script: Script) -> None:
        desk.book.start(script.clock, dict(OWN))
        tiers.append(desk.book.rate(BTC))
        desk.book.stop()
        tiers.append(desk.book.rate(BTC))

    run({**LARGE, 2: join_and_leave, 5: LARGE[3]}, desk, fee_model=charged(tiers=TIERS))
    assert tiers == [0.0004, 0.0004]
    assert desk.book.reconciled["BINANCE", "USDT"].fills == 4
    assert desk.said["tiers"]["BINANCE|own"][1] == pytest.approx(66_000.0, rel=1e-3)


def test_a_fill_finds_the_tier_where_the_timer_is_late():
    desk = Accountant(OWN)
    steps = {
        **LARGE,
        1: _both(lambda _script: desk.clock.cancel_timer("fee-tiers"), LARGE[1]),
        2: _both(ask(desk, "late", lambda book: book.rate(BTC)), LARGE[2]),
        3: ask(desk, "found", lambda book: book.rate(BTC)),
    }
    run(steps, desk, fee_model=charged(tiers=TIERS))
    assert (desk.said["late"], desk.said["found"]) == (0.0005, 0.0004)
    (update,) = desk.updates
    assert update.ts == START + 2 * HOUR
    assert desk.book.reconciled["BINANCE", "USDT"].difference == 0


def test_two_who_start_it_share_it_and_must_agree():
    first, second, other = Accountant(OWN), Accountant(dict(OWN), "Another"), {"BINANCE": NEVER}

    def disagree(script: Script) -> None:
        with pytest.raises(ValueError, match="one set of fee terms"):
            FeeBook.on(script.msgbus).start(script.clock, other)

    script = Script({**LARGE, 4: disagree})
    made = engine(hourly(8), actors=[first, second], strategies=[script], fee_model=charged(tiers=TIERS))
    made.run()
    made.dispose()
    assert first.book is second.book
    assert len(first.updates) == 1
    assert first.book.reconciled["BINANCE", "USDT"].fills == 4  # counted once


def test_it_leaves_nothing_behind():
    desk = Accountant(OWN)
    made = engine(hourly(8), actors=[desk], strategies=[Script(LARGE)])
    made.run()
    assert not made.kernel.msgbus.is_subscribed("events.fills.*", desk.book._on_fill)
    assert desk.clock.timer_names == []
    assert desk.book.rate(BTC) == 0.00018  # by the instrument again
    made.dispose()


def test_a_second_run_repeats_the_first():
    desk, script = Accountant(OWN), Script(LARGE)
    made = engine(hourly(8), actors=[desk], strategies=[script], fee_model=charged(tiers=TIERS))
    made.run()
    first = (desk.updates[:], desk.book.reconciled["BINANCE", "USDT"].expected)
    desk.updates.clear()
    made.reset()
    script.seen = 0
    made.run()
    # The fee model remembers what was traded, as a venue would; the book was stopped and begins anew.
    # Whoever listens again first hears the last update of the run before.
    assert (desk.updates[1:], desk.book.reconciled["BINANCE", "USDT"].expected) == first
    made.dispose()


def test_money_of_the_account_is_less_by_what_was_reconciled():
    desk = Accountant(OWN)
    made = engine(hourly(8), actors=[desk], strategies=[Script(LARGE)], fee_model=charged(tiers=TIERS))
    made.run()
    account = made.cache.account_for_venue(BTC.venue)
    # Bought at 30 000.5, sold at 29 999.5, once 1 and once 0.1: 1.1 USDT lost besides the fees.
    lost = Decimal(1_000_000) - account.balance_total(USDT).as_decimal()
    assert lost == desk.book.reconciled["BINANCE", "USDT"].paid + Decimal("1.1")
    made.dispose()
