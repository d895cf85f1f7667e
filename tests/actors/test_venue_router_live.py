"""The router in a live system, where venues answer when they like, or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from nautilus_trader.execution.messages import SubmitOrder
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import OrderSide, OrderStatus
from nautilus_trader.model.identifiers import VenueOrderId
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.model.orders import Order

from nautilus_quant.actors.venue_router import VenueRouter, VenueRouterConfig
from nautilus_quant.carry.venue_health import Health
from nautilus_quant.host.messages import everything
from nautilus_quant.host.routing_report import RouteUpdate
from nautilus_quant.host.state import shared_store
from nautilus_quant.host.venue_health import HealthBook
from tests.actors.routing_runs import Script, perpetual
from tests.host.live import LiveSystem, VenueProbe, live_system

D = Decimal
BUY, SELL = OrderSide.BUY, OrderSide.SELL
A, B = perpetual("A", 0.0005), perpetual("B", 0.0002)


class Quiet(Script):
    """Does nothing by itself."""

    def on_start(self) -> None: ...


class Slow(VenueProbe):
    """A venue that says nothing until it is told to."""

    async def _submit_order(self, command: SubmitOrder) -> None:
        order = command.order
        self.submitted.append(order)
        self.generate_order_submitted(*_names(order), self._clock.timestamp_ns())

    def accept(self, order: Order) -> None:
        place = VenueOrderId(f"V-{self.submitted.index(order) + 1}")
        self.generate_order_accepted(*_names(order), place, self._clock.timestamp_ns())

    def reject(self, order: Order) -> None:
        self.generate_order_rejected(*_names(order), "no margin", self._clock.timestamp_ns())

    def cancel(self, order: Order) -> None:
        place = VenueOrderId(f"V-{self.submitted.index(order) + 1}")
        self.generate_order_canceled(*_names(order), place, self._clock.timestamp_ns())


def _names(order: Order) -> tuple[Any, ...]:
    return order.strategy_id, order.instrument_id, order.client_order_id


class World:
    """A live system with two venues, a router and a strategy."""

    def __init__(self, live: LiveSystem, **config: Any) -> None:
        self.live = live
        self.a, self.b = (self._venue(one) for one in (A, B))
        self.router = VenueRouter(VenueRouterConfig(book="quotes", **config))
        self.script = Quiet({})
        live.kernel.trader.add_exec_algorithm(self.router)
        live.kernel.trader.add_strategy(self.script)
        self.router.start()
        self.script.start()
        self.turn()
        # With fees, A asks 30 015 and B 30 012.
        self.show(A, 29_990.0, 30_000.0, 5.0)
        self.show(B, 29_990.0, 30_006.0, 2.0)

    def _venue(self, instrument: Instrument) -> Slow:
        name = instrument.id.venue.value
        self.live.cache.add_instrument(instrument)
        client = Slow(self.live.kernel, name)
        self.live.kernel.exec_engine.register_client(client)
        client.connect()
        self.turn()
        self.live.balance(client, USDT=1_000_000)
        return client

    def turn(self) -> None:
        self.live.turn()

    def show(self, instrument: Instrument, bid: float, ask: float, size: float) -> None:
        now = self.live.now
        sizes = Quantity(size, instrument.size_precision)
        tick = QuoteTick(
            instrument.id,
            Price(bid, instrument.price_precision),
            Price(ask, instrument.price_precision),
            sizes,
            sizes,
            now,
            now,
        )
        self.live.cache.add_quote_tick(tick)
        self.live.kernel.msgbus.publish(f"data.quotes.{instrument.id.venue}.{instrument.id.symbol}", tick)

    def send(self, how: str = "market", *arguments: Any, **more: Any) -> Order:
        order = getattr(self.script, how)(A, *arguments, **more)
        self.turn()
        return order

    @property
    def update(self) -> RouteUpdate:
        (found,) = everything(self.live.kernel.msgbus, RouteUpdate).values()
        return found

    def sizes(self, venue: Slow) -> list[str]:
        return [str(order.quantity) for order in venue.submitted]


@contextmanager
def world(**config: Any) -> Iterator[World]:
    with live_system() as live:
        made = World(live, **config)
        yield made
        made.script.stop()
        made.router.stop()


def test_parts_are_filled_and_booked_where_they_were_sent() -> None:
    with world() as one:
        order = one.send("market", BUY, "3.000")
        assert (one.sizes(one.a), one.sizes(one.b)) == (["1.000"], ["2.000"])
        assert order.quantity == Quantity.from_str("0.001")
        for venue, price in ((one.b, 30_006.0), (one.a, 30_000.0)):
            part = venue.submitted[0]
            venue.accept(part)
            venue.fill(part, part.quantity, price)
        one.turn()
        assert one.script.held() == {"A": D(1), "B": D(2)}
        assert order.status == OrderStatus.CANCELED
        assert (one.update.filled, one.update.left, one.update.over) == (3.0, 0.0, True)


def test_a_rejected_part_goes_to_the_next_venue_and_only_once() -> None:
    with world() as one:
        order = one.send("market", BUY, "2.000")
        assert (one.sizes(one.a), one.sizes(one.b)) == ([], ["2.000"])
        one.b.reject(one.b.submitted[0])
        one.turn()
        assert (one.sizes(one.a), one.sizes(one.b)) == (["2.000"], ["2.000"])
        one.a.reject(one.a.submitted[0])
        one.turn()
        assert (len(one.a.submitted), len(one.b.submitted)) == (1, 1)
        assert order.status == OrderStatus.DENIED
        assert "no margin" in one.script.events[-1].reason


def test_what_a_silent_venue_may_still_fill_is_sent_to_nobody_else() -> None:
    with world() as one:
        order = one.send("market", BUY, "2.000")
        one.show(A, 29_990.0, 29_000.0 + 1_000.0, 5.0)
        one.turn()
        assert (one.sizes(one.a), one.sizes(one.b)) == ([], ["2.000"])
        assert order.status == OrderStatus.INITIALIZED
        one.script.cancel_order(order)
        one.turn()
        assert order.status == OrderStatus.CANCELED
        part = one.b.submitted[0]
        one.b.accept(part)
        one.b.fill(part, part.quantity, 30_006.0)
        one.turn()
        assert one.script.held() == {"B": D(2)}
        assert one.update.filled == 2.0
        assert not one.a.submitted


def test_a_cancelled_order_takes_back_what_rests_elsewhere_once_it_is_there() -> None:
    with world() as one:
        book = HealthBook.on(one.live.kernel.msgbus)
        book.of("A").plan(one.live.now - 1, one.live.now + 10**12)
        order = one.script.limit(A, BUY, "2.000", 29_900.0)
        one.script.cancel_order(order)  # before the venue has even seen it
        one.turn()
        assert one.sizes(one.b) == ["2.000"]
        assert not one.b.cancelled
        part = one.b.submitted[0]
        one.b.accept(part)
        one.turn()
        assert [command.client_order_id for command in one.b.cancelled] == [part.client_order_id]
        one.b.fill(part, Quantity.from_str("0.500"), 29_900.0)  # it was quicker
        one.turn()
        one.b.cancel(part)
        one.turn()
        assert one.script.held() == {"B": D("0.5")}
        assert order.status == OrderStatus.CANCELED
        assert (one.update.filled, one.update.working, one.update.left) == (0.5, 0.0, 1.5)
        assert not one.a.submitted


def test_a_partial_fill_and_a_cancel_by_the_venue_give_the_rest_back() -> None:
    with world(pause=0.0) as one:
        order = one.send("market", BUY, "4.000")
        assert (one.sizes(one.a), one.sizes(one.b)) == (["2.000"], ["2.000"])
        there, here = one.b.submitted[0], one.a.submitted[0]
        one.b.accept(there)
        one.b.fill(there, there.quantity, 30_006.0)
        one.a.accept(here)
        one.a.fill(here, Quantity.from_str("0.700"), 30_000.0)
        one.turn()
        assert len(one.a.submitted) == 1
        one.a.cancel(here)
        one.turn()
        # B's quote still shows the 2 we took, which are cheaper: only A, with 4.3 left, has any.
        assert (one.sizes(one.a), one.sizes(one.b)) == (["2.000", "1.300"], ["2.000"])
        assert order.status == OrderStatus.INITIALIZED
        assert order.quantity == Quantity.from_str("0.001")


def test_a_venue_that_lost_its_connection_is_left_out() -> None:
    with world() as one:
        one.b.disconnect()
        one.turn()
        one.send("market", BUY, "2.000")
        assert (one.sizes(one.a), one.sizes(one.b)) == (["2.000"], [])
        state = HealthBook.on(one.live.kernel.msgbus).state("B", one.live.now)
        assert state.health is Health.DOWN
        assert "B is not connected" in state.reasons


def test_how_an_order_was_routed_is_in_the_journal(tmp_path: Any) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    with world(state=url) as one:
        order = one.send("market", BUY, "1.000")
        part = one.b.submitted[0]
        one.b.accept(part)
        one.b.fill(part, part.quantity, 30_006.0)
        one.turn()
        name = order.client_order_id.value
    store = shared_store(url)
    entries = store.entries(kind="route")
    store.close()
    assert [entry.body["over"] for entry in entries] == [False, True]
    assert {entry.body["order"] for entry in entries} == {name}
    assert entries[-1].body["sent"] == {"BTCUSDT-PERP.B": 1.0}
