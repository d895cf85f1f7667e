"""The margin monitor on a live kernel: netting venues, balances by the venue, and a market that is silent."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.common.factories import OrderFactory
from nautilus_trader.model.enums import AccountType, OrderSide
from nautilus_trader.model.identifiers import StrategyId
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.actors.margin_monitor import MarginMonitor, MarginMonitorConfig, MarginUpdate
from nautilus_quant.actors.margin_monitor_config import MarginWindowConfig, VenueMargin
from nautilus_quant.gating.intent import Intent, Side
from nautilus_quant.host.messages import latest
from nautilus_quant.host.state import shared_store
from tests.host.live import TRADER, live_system

BTC = TestInstrumentProvider.btcusdt_perp_binance()
BUY, SELL = OrderSide.BUY, OrderSide.SELL
ACCOUNT = "BINANCELIVE-001"
CALM = {
    "windows": (MarginWindowConfig(name="day", start=0, end=0, leverage=10.0),),
    "funding_interval": 0.0,
    "report_interval": 0.0,
}


@pytest.fixture
def live():
    with live_system() as system:
        yield system


@pytest.fixture
def started(live):
    """Start monitors on this kernel; all are stopped at the end."""
    running = []

    def start(**config) -> MarginMonitor:
        made = MarginMonitor(MarginMonitorConfig(**{**CALM, **config}))
        live.kernel.trader.add_actor(made)
        made.start()
        live.turn()
        running.append(made)
        return made

    yield start
    for made in running:
        if made.is_running:
            made.stop()


@pytest.fixture
def client(live):
    client = live.venue("BINANCE", BTC)
    live.balance(client, USDT=100_000)
    live.quote(BTC, 30_000)
    return client


def asked(live, opening: str = "10") -> Intent:
    size = Decimal(opening)
    notional = float(size) * 30_000.0
    return Intent(live.now, "S-1", BTC.id.value, Side.BUY, size, None, Decimal(0), size, notional)


def told(live) -> MarginUpdate:
    found = latest(live.kernel.msgbus, MarginUpdate, ACCOUNT)
    assert found is not None
    return found


def test_nothing_opens_before_there_is_an_account(live, started):
    live.venue("BINANCE", BTC)
    monitor = started()
    assert monitor.check(asked(live)).code == "MARGIN_UNKNOWN"


def test_an_account_that_comes_later_is_seen(live, started):
    client = live.venue("BINANCE", BTC)
    monitor = started()
    live.balance(client, USDT=100_000)
    live.quote(BTC, 30_000)
    assert monitor.check(asked(live)).code == "ALLOW"
    live.balance(client, USDT=1_000)
    # 0.9 × 1 000 × 10 / 30 000
    assert monitor.check(asked(live)).allowed == Decimal("0.300")


def test_cash_accounts_need_no_margin(live, started):
    client = live.venue("BINANCE", BTC, kind=AccountType.CASH)
    live.balance(client, USDT=10)
    assert started().check(asked(live)).code == "ALLOW"


def test_the_venue_nets_positions_of_strategies(live, client, started):
    monitor = started()
    live.trade(client, BTC, BUY, "20", 30_000)
    long = live.cache.positions_open()[0]
    live.trade(client, BTC, SELL, "5", 30_000)
    assert long.signed_decimal_qty() == 15
    monitor._on_time(None)
    # 15 × 30 000 / 10 of 100 000
    assert told(live).utilisation == pytest.approx(0.45)


def test_opposite_positions_of_two_strategies_need_margin_for_their_sum(live, client, started):
    monitor = started()
    live.trade(client, BTC, BUY, "20", 30_000)
    live._orders = OrderFactory(TRADER, StrategyId("S-002"), live.clock, use_uuid_client_order_ids=True)
    live.trade(client, BTC, SELL, "5", 30_000)
    assert len(live.cache.positions_open()) == 2
    monitor._on_time(None)
    assert told(live).utilisation == pytest.approx(0.45)


def test_a_silent_market_is_looked_at_by_the_clock(live, client, started):
    monitor = started()
    assert f"{monitor.id.value}-poll" in monitor.clock.timer_names
    live.trade(client, BTC, BUY, "20", 30_000)
    monitor._on_time(None)
    assert told(live).liquidation[BTC.id.value] == pytest.approx(500_000.0 / (20 * 0.975))


def test_prices_that_are_stale_open_nothing(live, client, started):
    monitor = started()
    live.trade(client, BTC, BUY, "20", 30_000)
    assert monitor.check(asked(live, "1")).code == "ALLOW"
    later = asked(live, "1")._replace(ts=live.now + 60_000_000_000)
    found = monitor.check(later)
    assert found.code == "MARGIN_UNKNOWN"
    assert "stale" in found.reason


def test_what_an_earlier_run_left_working_counts(live, client, started):
    live.order(BTC, BUY, "10", at=29_000)
    monitor = started()
    # 10 × 29 000 / 10 are kept: 61 000 are left, × 10 / 30 000
    assert monitor.check(asked(live, "30")).allowed == Decimal("20.333")


def test_what_is_lost_without_a_word_is_forgotten(live, client, started):
    order = live.order(BTC, BUY, "10", at=29_000)
    monitor = started()
    client.fill(order, order.quantity, 29_000)
    live.turn()
    monitor._on_time(None)
    assert not monitor._orders.kept


def test_positions_of_an_earlier_run_are_cut_on_a_netting_venue(live, client, started):
    with shared_store("memory://margin-live") as store:
        live.trade(client, BTC, BUY, "25", 30_000)
        live.balance(client, USDT=50_000)
        live.quote(BTC, 30_000)
        client.fill_at = 30_000.0
        monitor = started(enforce="reduce", state="memory://margin-live")
        monitor._on_time(None)
        live.turn()
        monitor._on_time(None)
        entries = store.entries(kind="margin")
        assert [e.body["what"] for e in entries if e.body["what"] != "alert"] == ["plan", "reduce"]
    # 75 000 are needed of 50 000; 0.8 × 50 000 × 10 / 30 000 = 13.3 may stay
    (position,) = live.cache.positions_open()
    assert position.signed_decimal_qty() == pytest.approx(Decimal("13.33"), abs=Decimal("0.1"))
    assert client.submitted[-1].is_reduce_only


def test_a_close_that_works_is_not_sent_twice(live, client, started):
    live.trade(client, BTC, BUY, "25", 30_000)
    live.balance(client, USDT=50_000)
    live.quote(BTC, 30_000)
    monitor = started(enforce="reduce")
    for _ in range(3):
        monitor._on_time(None)
        live.turn()
    assert len([o for o in client.submitted if o.client_order_id.value.startswith("MM")]) == 1


def test_windows_go_by_the_venue_of_the_account(live, client, started):
    """Not by the name of the account, which is another here."""
    night = (MarginWindowConfig(name="night", start=0, end=0, leverage=2.0),)
    monitor = started(venues={"BINANCE": VenueMargin(windows=night)})
    assert monitor.check(asked(live)).allowed == Decimal("6.000")
