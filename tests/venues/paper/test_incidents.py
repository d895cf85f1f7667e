"""A paper venue that is far away, in trouble, or both."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from nautilus_trader.data.messages import SubscribeFundingRates, SubscribeMarkPrices
from nautilus_trader.model.enums import OrderSide, OrderStatus
from nautilus_trader.model.events import OrderCancelRejected, OrderRejected, OrderSubmitted

from nautilus_quant.venues.incidents import Incident
from nautilus_quant.venues.paper import PaperExecClientConfig
from nautilus_quant.venues.paper.faults import FaultPlan
from nautilus_quant.venues.simulated.opening import Openings

BUY, SELL = OrderSide.BUY, OrderSide.SELL
S, MS = 10**9, 10**6


def wait(bench, ms):
    bench.loop.run_until_complete(asyncio.sleep(ms / 1_000))
    bench.loop.run_until_complete(bench.settle())


def times(order, kind):
    return [event.ts_event for event in order.events if isinstance(event, kind)]


# -- latency ---------------------------------------------------------------------------------------


def test_an_order_is_under_way_as_long_as_the_venue_is_far(life, btc):
    bench = life(btc, latency=0.1)
    bench.quote(btc, 50_000.0, 50_000.0)
    order = bench.market(btc, BUY, "0.500")
    assert order.status is OrderStatus.SUBMITTED
    bench.quote(btc, 51_000.0, 51_000.0)
    wait(bench, 150)
    assert order.status is OrderStatus.FILLED
    assert order.avg_px == 51_000.0  # the price there was when it came
    assert order.ts_last - times(order, OrderSubmitted)[0] >= 95 * MS


def test_commands_arrive_in_the_order_in_which_they_were_sent(life, btc):
    bench = life(btc, latency=0.03)
    bench.quote(btc, 50_000.0, 50_001.0)
    orders = [bench.limit(btc, BUY, "0.001", f"{40_000 + n}.0") for n in range(5)]
    bench.cancel(orders[2])
    wait(bench, 300)
    assert [order.status for order in orders] == [
        OrderStatus.ACCEPTED,
        OrderStatus.ACCEPTED,
        OrderStatus.CANCELED,
        OrderStatus.ACCEPTED,
        OrderStatus.ACCEPTED,
    ]
    accepted = [order.events[-1].ts_event for n, order in enumerate(orders) if n != 2]
    assert accepted == sorted(accepted)


def test_what_is_under_way_at_the_end_never_arrives(life, btc):
    bench = life(btc, latency=0.05)
    bench.quote(btc, 50_000.0, 50_000.0)
    complaints = []
    bench.loop.set_exception_handler(lambda _, about: complaints.append(about))
    order = bench.market(btc, BUY, "0.500")
    bench.client.disconnect()
    wait(bench, 100)
    assert complaints == []
    assert order.status is OrderStatus.SUBMITTED
    assert not bench.client.account.ledger.holdings


def test_a_rejection_takes_its_time_too_and_is_told_once(life, btc):
    bench = life(btc, latency=0.05, reject_probability=1.0)
    bench.quote(btc, 50_000.0, 50_000.0)
    order = bench.market(btc, BUY, "0.500")
    assert not times(order, OrderRejected)
    wait(bench, 80)
    assert order.status is OrderStatus.REJECTED
    assert len(times(order, OrderSubmitted)) == 1


# -- incidents -------------------------------------------------------------------------------------


def test_incidents_count_from_the_opening_of_the_market(life, btc):
    bench = life(btc, incidents=(Incident(kind="trading", at=100.4, duration=0.3),))
    bench.client.disconnect()
    Openings.on(bench.bus).venues["PAPER"] = bench.clock.timestamp_ns() - 100 * S
    bench.client.connect()
    bench.quote(btc, 50_000.0, 50_000.0)
    working = bench.limit(btc, BUY, "0.001", "40000.0")
    wait(bench, 500)
    assert not bench.client.is_connected
    refused = bench.market(btc, BUY, "0.500")
    assert refused.status is OrderStatus.REJECTED
    assert refused.events[-1].reason == "venue unreachable"
    bench.cancel(working)
    assert isinstance(working.events[-1], OrderCancelRejected)
    assert working.is_open
    wait(bench, 300)
    assert bench.client.is_connected
    assert bench.market(btc, BUY, "0.500").status is OrderStatus.FILLED


def test_they_come_again_and_again(life, btc):
    bench = life(btc, incidents=(Incident(kind="trading", at=0.2, duration=0.2, every=0.4),))
    seen = []
    for _ in range(3):
        wait(bench, 250)  # in the middle of what begins at 0.2, 0.6, 1.0
        seen.append(bench.client.is_connected)
        wait(bench, 150)
    assert seen == [False, False, False]
    bench.quote(btc, 50_000.0, 50_000.0)


def test_a_burst_rejects_its_share_while_it_lasts():
    plan = FaultPlan(0.0, (), 7, [Incident(kind="rejects", at=10.0, duration=5.0, probability=0.3)])
    plan.connected(1_000 * S)
    assert not any(plan.rejects(1_009 * S) for _ in range(100))
    rejected = sum(plan.rejects(1_012 * S) for _ in range(2_000))
    assert 520 < rejected < 680
    assert not any(plan.rejects(1_015 * S) for _ in range(100))


def test_a_plan_without_an_opening_counts_from_connecting_and_then_from_the_opening():
    known = {}
    plan = FaultPlan(0.0, (), 0, [Incident(kind="outage", at=10.0, duration=5.0)], lambda: known.get("at"))
    assert not plan.down(12 * S)  # not connected
    plan.connected(1_000 * S)
    assert plan.down(1_012 * S)
    assert plan.next_edge(1_012 * S) == 1_015 * S
    known["at"] = 1_100 * S
    assert not plan.down(1_012 * S)
    assert plan.down(1_112 * S)
    assert plan.next_edge(1_012 * S) == 1_110 * S


# -- funding by default ----------------------------------------------------------------------------


def test_rates_and_marks_of_a_traded_perpetual_are_subscribed_once(life, btc, coin):
    bench = life(btc, coin)
    bench.quote(btc, 50_000.0, 50_000.0)
    bench.quote(coin, 50_000.0, 50_000.0)
    assert bench.asked == []
    bench.limit(btc, BUY, "0.001", "40000.0")
    bench.market(btc, BUY, "0.500")
    bench.market(coin, BUY, "0.50000")
    assert [type(command) for command in bench.asked] == [SubscribeFundingRates, SubscribeMarkPrices]
    assert {command.instrument_id for command in bench.asked} == {btc.id}
    assert {command.venue for command in bench.asked} == {btc.id.venue}


def test_what_is_held_from_before_is_subscribed_at_the_start(life, btc):
    bench = life(btc)
    bench.quote(btc, 50_000.0, 50_000.0)
    bench.market(btc, BUY, "0.500")
    again = life(btc)
    assert [type(command) for command in again.asked] == [SubscribeFundingRates, SubscribeMarkPrices]


def test_without_funding_nothing_is_subscribed(life, btc):
    bench = life(btc, funding="off")
    bench.quote(btc, 50_000.0, 50_000.0)
    bench.market(btc, BUY, "0.500")
    assert bench.asked == []
    assert bench.balance() < Decimal(100_000)


def test_a_venue_on_the_moon_is_refused():
    with pytest.raises(ValueError, match="latency must be at most 10"):
        PaperExecClientConfig(venue="PAPER", starting_balances=["1 USDT"], latency=11.0)
