"""Exits of positions that stay when a node stops: at venues that live on, and where orders end with it."""

from __future__ import annotations

import signal

import pytest
from nautilus_trader.model.enums import OrderSide, OrderStatus, TriggerType
from nautilus_trader.model.identifiers import ClientOrderId, VenueOrderId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.host.messages import SafetyStatus, publish
from nautilus_quant.host.runner_stop import Shutdown
from nautilus_quant.host.valuation import Valuer
from tests.host.engine import Script
from tests.host.live import LiveSystem, VenueProbe, live_system

BTC = TestInstrumentProvider.btcusdt_perp_binance()
EXIT = ClientOrderId("NX0123ABCDS0P0T1N1")


class Held:
    """A long position of three at a live venue, and whatever a test lets rest beside it."""

    def __init__(self, live: LiveSystem) -> None:
        self.live = live
        Valuer.on(live.kernel.msgbus)
        self.client: VenueProbe = live.venue("BINANCE", BTC)
        live.balance(self.client, USDT=1_000_000)
        live.quote(BTC, 30_000)
        self.strategy = Script({})
        live.kernel.trader.add_strategy(self.strategy)
        self.strategy.start()
        self.client.fill_at = 30_000
        self.send(self.strategy.order_factory.market(BTC.id, OrderSide.BUY, Quantity.from_str("3.000")))
        self.client.fill_at = None

    def send(self, order):
        self.strategy.submit_order(order)
        self.live.turn()
        return order

    def stop(self, size="3.000", *, reduce_only=True, name=None):
        self.live.turn()
        made = self.strategy.order_factory.stop_market(
            BTC.id,
            OrderSide.SELL,
            Quantity.from_str(size),
            Price.from_str("29000.0"),
            trigger_type=TriggerType.DEFAULT,
            reduce_only=reduce_only,
            client_order_id=name,
        )
        return self.send(made)

    def limit(self, side, price, *, reduce_only=False):
        size = Quantity.from_str("1.000")
        make = self.strategy.order_factory.limit
        return self.send(make(BTC.id, side, size, Price.from_str(price), reduce_only=reduce_only))

    def shutdown(self, *, flatten=False, lasting=("BINANCE",)):
        made = Shutdown(self.live.kernel, flatten=flatten, lasting=lasting, patience=0.5)
        made.begin()
        self.live.turn()
        return made

    @property
    def cancelled(self):
        return [command.client_order_id for command in self.client.cancelled]

    def confirm(self, order):
        """Let the venue say that an order is gone."""
        number = VenueOrderId(f"V-{self.client.submitted.index(order) + 1}")
        key = (order.strategy_id, order.instrument_id, order.client_order_id)
        self.client.generate_order_canceled(*key, number, self.live.now)
        self.live.turn()


@pytest.fixture
def held():
    with live_system() as live:
        made = Held(live)
        yield made
        made.strategy.stop()


def ended(held, shutdown):
    return held.live.loop.run_until_complete(shutdown.run())


def test_stops_stay_at_a_venue_that_lives_on_and_everything_else_goes(held):
    stop, foreign = held.stop("2.000", name=EXIT), held.stop("1.000")
    target, bid = held.limit(OrderSide.SELL, "31000.0", reduce_only=True), held.limit(OrderSide.BUY, "100.0")
    shutdown = held.shutdown()
    assert held.cancelled == [target.client_order_id, bid.client_order_id]
    assert "2 working orders" in ended(held, shutdown)
    held.confirm(target)
    held.confirm(bid)
    assert ended(held, shutdown) == ""
    assert len(shutdown.resting()) == 2
    assert shutdown.bare() == []
    assert stop.is_open
    assert foreign.is_open


def test_where_orders_end_with_the_node_they_are_cancelled_and_the_position_is_told_of(held):
    stop = held.stop(name=EXIT)
    shutdown = held.shutdown(lasting=())
    assert held.cancelled == [EXIT]
    held.confirm(stop)
    assert ended(held, shutdown) == ""
    assert shutdown.resting() == []
    (text,) = shutdown.bare()
    assert text == (
        "3 BTCUSDT-PERP.BINANCE of Script-001 stays open, 3 of it without exits: "
        "orders at BINANCE end with the node"
    )


def test_a_position_nobody_ever_protected_is_told_of_only_where_it_could_have_been(held):
    first = held.shutdown(lasting=())
    assert first.bare() == []
    first.end()
    (text,) = held.shutdown().bare()
    assert "3 of it without exits: no stop rests for it" in text


def test_what_is_protected_in_part_is_told_with_what_is_not(held):
    held.stop("1.000")
    assert "2 of it without exits" in held.shutdown().bare()[0]


def test_a_stop_that_could_open_a_position_does_not_stay(held):
    stop = held.stop(reduce_only=False)
    held.shutdown()
    assert held.cancelled == [stop.client_order_id]


def test_exits_go_with_the_positions_when_these_are_closed(held):
    held.stop(name=EXIT)
    held.client.fill_at = 30_000
    shutdown = held.shutdown(flatten=True)
    assert held.cancelled == [EXIT]
    assert "1 working orders" in ended(held, shutdown)
    assert not held.live.cache.positions_open()


def test_a_strategy_that_cancels_all_on_its_way_out_leaves_its_exits(held):
    stop, bid = held.stop(name=EXIT), held.limit(OrderSide.BUY, "100.0")
    shutdown = held.shutdown()
    held.client.cancelled.clear()
    held.strategy.cancel_all_orders(BTC.id)
    held.live.turn()
    assert held.cancelled == [bid.client_order_id]
    assert stop.status == OrderStatus.ACCEPTED
    held.strategy.cancel_order(stop)
    held.live.turn()
    assert EXIT not in held.cancelled
    held.strategy.cancel_orders([stop, held.live.cache.order(stop.client_order_id)])
    held.live.turn()
    assert EXIT not in held.cancelled
    assert stop.status == OrderStatus.ACCEPTED
    shutdown.end()
    held.strategy.cancel_order(stop)  # afterwards it may
    held.live.turn()
    assert EXIT in held.cancelled


def test_the_kill_switch_takes_exits_away_at_any_time(held):
    held.stop(name=EXIT)
    shutdown = held.shutdown()
    assert held.cancelled == []
    status = SafetyStatus(
        ts=1,
        state="flattening",
        equity=1.0,
        currency="USDT",
        hourly_loss=0.0,
        daily_loss=0.0,
        drawdown=0.2,
        entries=False,
    )
    publish(held.live.kernel.msgbus, status)
    assert shutdown.resting() == []
    assert "1 working orders" in ended(held, shutdown)


EXITS = "  exits: {use: exit_manager, respect: false, exits: {stop_losses: [[0.05, 1.0]]}}"


@pytest.mark.slow
def test_the_embedded_market_ends_with_the_node_and_the_next_start_protects_anew(deployed):
    deployed.write(more=EXITS)
    first = deployed.live("--duration", "3s", "--json")
    assert first.code == 0, first.err
    (alert,) = first.json["alerts"]
    assert first.json["bare"] == [alert]
    assert first.json["resting"] == []
    assert "0.001 of it without exits: orders at SIM end with the node" in alert
    (log,) = deployed.folder.glob("var/test/node_*.log")
    assert "DISPOSED" in log.read_text(encoding="utf-8").splitlines()[-1]

    second = deployed.start_live("--json")
    deployed.wait_for(second, lambda status: any(p["protected"] for p in status["positions"]))
    (line,) = deployed.status()["positions"]
    assert line["protected"] == line["quantity"]
    ended = deployed.end(second, signal.SIGTERM)
    assert ended.code == 0
    assert [line["protected"] for line in ended.json["positions"]] == [0.0]
