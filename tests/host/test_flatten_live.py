"""The kill switch against live venues which are slow, mistaken, or not all there."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from nautilus_trader.model.enums import AccountType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, VenueOrderId
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from tests.host.engine import BTC
from tests.host.stubborn import Bench

XBT = TestInstrumentProvider.btcusdt_binance()
BUY, SELL = OrderSide.BUY, OrderSide.SELL


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


@pytest.fixture
def bench(loop):
    bench = Bench(loop)
    yield bench
    bench.close()


def test_a_position_is_closed_and_the_venue_confirms(bench):
    bench.send("S-A", BUY, "6.000")
    bench.trip()
    bench.run(10)
    assert bench.venue.net[BTC.id] == 0
    assert bench.halted
    assert len(bench.venue.submitted) == 2


def test_the_venue_is_not_asked_more_often_than_it_bears(bench):
    bench.send("S-A", BUY, "6.000")
    bench.trip()
    bench.run(60)
    assert bench.halted
    assert bench.venue.asked <= 8  # an order list of all symbols costs 40 of 2 400 a minute at Binance


def test_an_answer_from_before_a_fill_brings_no_position_back(bench):
    bench.send("S-A", BUY, "6.000")
    bench.trip()
    bench.venue.may_answer.clear()
    bench.step()  # asks while 6 are held; the answer is on its way while they are sold
    bench.step()
    assert bench.venue.net[BTC.id] == 0
    bench.venue.may_answer.set()
    bench.run(20)
    assert [order.strategy_id.value for order in bench.venue.submitted] == ["S-A", "S-A"]
    assert bench.halted


def test_a_position_the_node_never_heard_of_is_closed(bench):
    bench.venue.net[BTC.id] = Decimal(-3)
    bench.trip()
    bench.run(30)
    assert bench.venue.net[BTC.id] == 0
    assert bench.halted


@pytest.mark.parametrize("held", ["9", "2", "-4"])
def test_a_venue_that_holds_something_else_than_the_node_thinks_ends_flat(bench, held):
    bench.send("S-A", BUY, "6.000")
    bench.venue.net[BTC.id] = Decimal(held)
    bench.trip()
    bench.run(90)
    assert bench.venue.net[BTC.id] == 0
    assert bench.halted


def test_a_closing_fill_nobody_heard_of_does_not_stall_the_end(bench):
    bench.send("S-A", BUY, "6.000")
    bench.venue.lose_fills = True
    bench.trip()
    bench.run(120)
    assert bench.venue.net[BTC.id] == 0
    assert bench.halted


def test_a_closing_order_that_never_arrived_is_sent_again(bench):
    bench.send("S-A", BUY, "6.000")
    bench.venue.lose_orders = 1
    bench.trip()
    bench.run(30)
    assert bench.venue.net[BTC.id] == 0
    assert bench.halted


def test_positions_that_come_back_are_closed_again(bench):
    bench.trip()
    bench.run(10)
    assert bench.halted
    bench.venue.net[BTC.id] = Decimal(4)
    bench.run(100)
    assert bench.venue.net[BTC.id] == 0
    assert bench.halted
    assert bench.alarms == ["REOPENED"]


def test_what_the_node_cannot_trade_is_named_and_keeps_it_from_calling_itself_flat(bench):
    strange = InstrumentId.from_str("DOGEUSDT-PERP.BINANCE")
    bench.venue.net[strange] = Decimal(1_000)
    bench.trip()
    bench.run(30)
    assert not bench.halted
    assert "UNCONFIRMED" in bench.alarms
    assert bench.watch.problem == "not loaded here, close it at the venue: DOGEUSDT-PERP.BINANCE"


def test_an_order_only_the_venue_knows_is_cancelled_before_it_can_fill(bench):
    stranger = bench.order("S-A", BUY, "1.000", "20000.0")
    bench.venue.resting["V-X"] = bench.venue.rest(stranger, VenueOrderId("V-X"), known=False)
    bench.trip()
    bench.run(20)
    assert "V-X" in bench.venue.cancelled
    assert bench.halted


def test_opposite_positions_of_two_strategies_are_closed_as_the_venue_nets_them(bench):
    bench.send("S-A", BUY, "5.000")
    bench.send("S-B", SELL, "2.000")
    assert bench.venue.net[BTC.id] == 3
    bench.trip()
    bench.run(15)
    assert bench.venue.net[BTC.id] == 0
    assert bench.halted
    assert "CLOSE_FAILED" not in bench.alarms


def test_a_venue_that_does_not_answer_is_asked_again(bench):
    bench.send("S-A", BUY, "6.000")
    bench.trip()
    bench.venue.may_answer.clear()
    bench.run(20)
    assert bench.venue.net[BTC.id] == 0
    assert not bench.halted
    bench.venue.may_answer.set()
    bench.run(40)
    assert bench.halted


def test_what_is_below_the_smallest_order_does_not_hold_up_the_end(loop):
    coarse = _like_btc(min_quantity="1.000")
    bench = Bench(loop, (coarse,))
    bench.send("S-A", BUY, "6.000", instrument=coarse)
    bench.venue.net[coarse.id] = Decimal("6.000")
    bench.send("S-A", SELL, "5.500", instrument=coarse)
    assert bench.cache.positions_open()[0].signed_decimal_qty() == Decimal("0.5")
    bench.trip()
    bench.run(15)
    assert bench.halted
    assert len(bench.venue.submitted) == 2
    bench.close()


def test_a_position_larger_than_the_largest_order_is_closed_in_parts(loop):
    narrow = _like_btc(max_quantity="2.000")
    bench = Bench(loop, (narrow,))
    for _ in range(3):
        bench.send("S-A", BUY, "2.000", instrument=narrow)
    bench.trip()
    bench.run(15)
    assert bench.venue.net[narrow.id] == 0
    assert bench.halted
    bench.close()


def _like_btc(**sizes: str):
    values = CryptoPerpetual.to_dict(BTC)
    return CryptoPerpetual.from_dict({**values, **sizes})


def test_a_venue_that_is_away_does_not_keep_the_others_open(loop):
    other = TestInstrumentProvider.xbtusd_bitmex()
    bench = Bench(loop, (BTC, other))
    here, away = bench.venues
    assert here.venue == BTC.venue
    bench.send("S-A", BUY, "6.000")
    bench.send("S-A", BUY, "100", instrument=other)
    away._set_connected(False)
    bench.trip()
    bench.run(5)
    assert here.net[BTC.id] == 0
    assert away.net[other.id] == 100
    assert not bench.halted
    away._set_connected(True)
    bench.run(15)
    assert away.net[other.id] == 0
    assert bench.halted
    bench.close()


def test_spot_is_sold_without_a_word_spot_venues_refuse(loop):
    bench = Bench(loop, (XBT,), account=AccountType.CASH)
    bench.send("S-A", BUY, "1.000000", instrument=XBT)
    bench.trip()
    bench.run(3)
    assert bench.venue.net[XBT.id] == 0
    assert not bench.venue.submitted[-1].is_reduce_only
    bench.close()
