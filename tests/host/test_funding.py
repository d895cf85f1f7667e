"""What a live node is paid beside what it is owed."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from nautilus_trader.model.data import FundingRateUpdate, MarkPriceUpdate
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.objects import Price
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.actors.portfolio_monitor import PortfolioMonitor, PortfolioMonitorConfig
from nautilus_quant.host.accounting import Accounting
from nautilus_quant.host.funding import FundingWatch
from nautilus_quant.host.funding_messages import FundingChecked
from nautilus_quant.host.messages import Alert, subscribe
from nautilus_quant.host.valuation import Valuer
from tests.host.live import LiveSystem, live_system

BTC = TestInstrumentProvider.btcusdt_perp_binance()
ETH = TestInstrumentProvider.ethusdt_perp_binance()
SECOND = 1_000_000_000
BUY, SELL = OrderSide.BUY, OrderSide.SELL


@pytest.fixture
def live():
    with live_system() as system:
        Valuer.on(system.kernel.msgbus)
        yield system


@pytest.fixture
def margin(live):
    client = live.venue("BINANCE", BTC, ETH)
    live.balance(client, USDT=10_000)
    live.quote(BTC, 30_000)
    live.quote(ETH, 2_000)
    return client


class Watched:
    """A book and a watch on one node, and what they say."""

    def __init__(self, live: LiveSystem) -> None:
        self.live = live
        kernel = live.kernel
        self.book = Accounting(kernel, Valuer.on(kernel.msgbus, "USDT"), live.clock)
        self.book.begin(live.now)
        self.watch = FundingWatch(kernel.msgbus, live.cache, live.clock)
        self.book.on_funding = self.watch.on_funding
        self.watch.start()
        self.told: list[FundingChecked] = []
        self.alerts: list[Alert] = []
        subscribe(kernel.msgbus, FundingChecked, self.told.append)
        subscribe(kernel.msgbus, Alert, self.alerts.append)

    def settle(self, later: int = 200) -> None:
        self.book.settle(self.live.now)
        assert self.book.settle(self.live.now + 3 * SECOND)
        self.watch._look(self.live.now + later * SECOND)


def mark(live, instrument, price):
    update = MarkPriceUpdate(instrument.id, Price.from_str(price), live.now, live.now)
    live.cache.add_mark_price(update)


def announce(live, instrument, rate, due_in=1):
    """Announce a payment in so many ms, and wait for it."""
    now = live.now
    due = now + due_in * SECOND // 1_000
    update = FundingRateUpdate(instrument.id, Decimal(rate), now, now, next_funding_ns=due)
    topic = f"data.funding_rates.{instrument.id.venue}.{instrument.id.symbol}"
    live.kernel.msgbus.publish(topic, update)
    time.sleep((due_in + 2) / 1_000)
    return due


def test_what_is_paid_as_owed_is_told_and_no_alert(live, margin):
    watched = Watched(live)
    live.trade(margin, BTC, BUY, "1", 30_000)
    mark(live, BTC, "30000")
    due = announce(live, BTC, "0.0001")
    live.balance(margin, USDT=9_997)
    watched.settle()
    (one,) = watched.told
    assert (one.key, one.due, one.expected, one.paid, one.difference) == ("USDT", due, -3.0, -3.0, 0.0)
    assert watched.alerts == []
    assert watched.watch.check.paid == {"USDT": -3}


def test_what_is_not_paid_as_owed_raises_an_alert_once_until_it_is_again(live, margin):
    watched = Watched(live)
    live.trade(margin, BTC, SELL, "1", 30_000)
    mark(live, BTC, "30000")
    balance = 10_000.0
    for paid, alerts in ((1.5, 1), (0.0, 1), (3.0, 2), (3.0, 2)):
        announce(live, BTC, "0.0001")
        balance += paid
        live.balance(margin, USDT=balance)
        watched.settle()
        watched.book._due.clear()
        assert len(watched.alerts) == alerts
        assert watched.told[-1].difference == pytest.approx(paid - 3.0)
    first, last = watched.alerts
    assert (first.key, first.severity, last.severity) == ("portfolio|funding USDT", "WARNING", "INFO")
    assert "of 1.5 USDT was paid, 3 were owed" in first.text
    assert first.numbers["difference"] == pytest.approx(-1.5)


def test_without_a_mark_price_nothing_is_judged(live, margin):
    watched = Watched(live)
    live.trade(margin, BTC, BUY, "1", 30_000)
    live.trade(margin, ETH, BUY, "1", 2_000)
    mark(live, BTC, "30000")
    announce(live, ETH, "0.01")
    live.balance(margin, USDT=9_980)
    watched.settle()
    (one,) = watched.told
    assert (one.paid, one.wrong) == (-20.0, False)
    assert watched.alerts == []


def test_a_position_opened_after_the_stamp_is_owed_nothing(live, margin):
    watched = Watched(live)
    mark(live, BTC, "30000")
    announce(live, BTC, "0.0001")
    live.trade(margin, BTC, BUY, "1", 30_000)
    watched.watch._look(live.now + 200 * SECOND)
    assert watched.told == []


def test_the_portfolio_monitor_watches_a_live_node(live, margin):
    monitor = PortfolioMonitor(PortfolioMonitorConfig(budget=None, fees=None))
    kernel = live.kernel
    monitor.register_base(kernel.portfolio, kernel.msgbus, kernel.cache, live.clock)
    told = []
    subscribe(kernel.msgbus, FundingChecked, told.append)
    monitor.start()
    live.trade(margin, BTC, BUY, "1", 30_000)
    mark(live, BTC, "30000")
    announce(live, BTC, "0.0001")
    live.balance(margin, USDT=9_997)
    monitor.book.accounting.settle(live.now)
    monitor.book.accounting.settle(live.now + 3 * SECOND)
    monitor._funding._look(live.now + 200 * SECOND)
    monitor.stop()
    assert [(one.expected, one.paid) for one in told] == [(-3.0, -3.0)]
    assert monitor._funding is None
