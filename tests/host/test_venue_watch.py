"""What the kill switch is told of the venues: their word counts, not the node's memory."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.data import BookOrder
from nautilus_trader.model.enums import BookType, OmsType, OrderSide
from nautilus_trader.model.identifiers import ClientOrderId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.host import venue_truth
from nautilus_quant.host.liquidator import TAG, Liquidator
from nautilus_quant.host.venue_watch import VenueWatch
from tests.host.live import LiveSystem, VenueProbe, live_system

BTC = TestInstrumentProvider.btcusdt_perp_binance()
ETH = TestInstrumentProvider.ethusdt_perp_binance()


@pytest.fixture
def live(monkeypatch):
    monkeypatch.setattr(venue_truth, "PAUSE", 0)
    monkeypatch.setattr(venue_truth, "LASTING", 0)
    with live_system() as system:
        yield system


@pytest.fixture
def client(live):
    client = live.venue("BINANCE", BTC, ETH)
    live.balance(client, USDT=1_000_000)
    return client


@pytest.fixture
def watch(live, client):
    return VenueWatch(live.kernel, Liquidator(live.kernel), 25.0)


def answered(live: LiveSystem, watch: VenueWatch):
    """Look, let the venues answer, look again."""
    watch.look()
    live.turn()
    return watch.look()


class Report:
    """What is read of the status report of an open order."""

    is_open = True

    def __init__(self, order) -> None:
        self.client_order_id: ClientOrderId = order.client_order_id
        self.venue_order_id = order.venue_order_id


def test_flat_is_only_believed_when_the_venue_says_so(live, client, watch):
    first = watch.look()
    assert (first.positions, first.confirmed) == ({}, False)
    live.turn()
    assert watch.look().confirmed
    assert client.asked == 1


def test_one_answer_counts_for_one_look(live, client, watch):
    assert answered(live, watch).confirmed
    assert not watch.look().confirmed  # asked again, and not answered yet
    live.turn()
    assert watch.look().confirmed
    assert client.asked == 2


def test_a_position_the_node_knows_is_not_confirmed_flat(live, client, watch):
    live.trade(client, BTC, OrderSide.BUY, "2", 30_000)
    client.positions = [live.report(client, BTC, "2")]
    view = answered(live, watch)
    assert view.positions == {"BTCUSDT-PERP.BINANCE-S-001": Decimal(2)}
    assert not view.confirmed


def test_a_position_nobody_in_the_node_knows_is_taken_in(live, client, watch):
    client.positions = [live.report(client, BTC, "-3"), live.report(client, ETH, "0")]
    watch.look()
    live.turn()
    view = watch.look()
    assert list(view.positions.values()) == [Decimal(-3)]
    assert not view.confirmed


def test_a_venue_that_cannot_answer_confirms_nothing_and_says_why(live, client, watch):
    client.error = ConnectionError("no route to venue")
    assert not answered(live, watch).confirmed
    assert watch.problem == "ConnectionError('no route to venue')"
    client.error = None
    live.turn()
    assert answered(live, watch).confirmed
    assert watch.problem == ""


def test_one_venue_of_two_that_cannot_answer_is_enough(live, client, watch):
    other = live.venue("OKX")
    other.error = TimeoutError()
    assert not answered(live, watch).confirmed
    assert watch.problem == "TimeoutError()"


def test_an_order_no_venue_lists_holds_nothing_up(live, client, watch, monkeypatch):
    monkeypatch.setattr(venue_truth, "SETTLE", 0)
    order = live.order(BTC, OrderSide.BUY, "1", at=20_000.0)
    assert watch.look().open_orders == 1
    live.turn()
    assert watch.look().open_orders == 0  # the venue never heard of it
    client.orders = [Report(order)]
    assert answered(live, watch).open_orders == 1  # now it has


def test_an_order_of_this_moment_may_be_missing_from_the_list(live, client, watch):
    live.order(BTC, OrderSide.BUY, "1", at=20_000.0)
    assert answered(live, watch).open_orders == 1


def test_closing_orders_are_counted_apart_until_the_venue_has_lost_them(live, client, watch, monkeypatch):
    live.trade(client, BTC, OrderSide.BUY, "2", 30_000)
    [position] = live.cache.positions_open()
    assert watch._liquidator.close(position.id.value, Decimal("0.5"))
    live.turn()
    [order] = [o for o in client.submitted if TAG in (o.tags or ())]
    client.orders = [Report(order)]
    view = answered(live, watch)
    assert (view.open_orders, view.working_closes) == (0, {position.id.value: Decimal("0.5")})
    monkeypatch.setattr(venue_truth, "SETTLE", 0)
    client.orders = []
    live.turn()
    answered(live, watch)
    live.turn()
    assert watch.look().working_closes == {}


def test_a_venue_that_is_gone_cannot_be_reached(live, client, watch):
    live.trade(client, BTC, OrderSide.BUY, "2", 30_000)
    assert watch.look().connected
    client.disconnect()
    live.turn()
    assert not watch.look().connected


def test_a_position_without_a_client_cannot_be_reached(live, client, watch):
    live.trade(client, BTC, OrderSide.BUY, "2", 30_000)
    live.kernel.exec_engine.deregister_client(client)
    assert not watch.look().connected


@pytest.mark.parametrize(("side", "visible"), [(OrderSide.BUY, "bids"), (OrderSide.SELL, "asks")])
def test_one_close_takes_what_the_book_shows_on_the_other_side(live, client, watch, side, visible):
    live.trade(client, BTC, side, "9", 30_000)
    book = OrderBook(BTC.id, BookType.L2_MBP)
    closing = OrderSide.BUY if visible == "bids" else OrderSide.SELL
    step = -300 if visible == "bids" else 300
    for level in range(3):
        price, size = Price(30_000 + level * step, 1), Quantity(2 + level, 3)
        book.add(BookOrder(closing, price, size, level), live.now)
    live.cache.add_order_book(book)
    [most] = watch.look().max_slice.values()
    assert most == Decimal("2.666")  # 2 at the best and 2/3 at 100 bps cost 25 bps on average


def test_without_a_book_one_close_takes_everything(live, client, watch):
    live.trade(client, BTC, OrderSide.SELL, "9", 30_000)
    assert list(watch.look().max_slice.values()) == [Decimal(9)]


def test_in_a_hedging_account_unknown_positions_are_taken_in_too(live):
    client: VenueProbe = live.venue("BINANCE", BTC, oms=OmsType.HEDGING)
    live.balance(client, USDT=1_000_000)
    watch = VenueWatch(live.kernel, Liquidator(live.kernel), 25.0)
    client.positions = [live.report(client, BTC, "1")]
    watch.look()
    live.turn()
    assert list(watch.look().positions.values()) == [Decimal(1)]
