"""The hedging actor in a live system: late answers, a crash, and what a venue reports after it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.reports import OrderStatusReport
from nautilus_trader.model.data import OptionGreeks
from nautilus_trader.model.enums import OrderSide, OrderStatus, OrderType, TimeInForce
from nautilus_trader.model.identifiers import ClientOrderId, VenueOrderId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.model.orders import Order

from nautilus_quant.host.state import shared_store
from tests.actors.hedging_runs import DAY, PERP, VOL, hedger, moved
from tests.host.live import LiveSystem, live_system
from tests.host.options_kit import option


class Live:
    """A system whose venue reports an option; the hedger is at work."""

    def __init__(self, live: LiveSystem, state: str, reported: dict[Any, str], **settings: Any) -> None:
        self.live = live
        self.call = option((live.now // DAY + 7) * DAY, 30_000.0, True)
        self.client = live.venue("BINANCE", PERP, self.call)
        live.balance(self.client, USDT=1_000_000)
        for name, quantity in reported.items():
            instrument = self.call if name == "CALL" else PERP
            report = live.report(self.client, instrument, quantity)
            live.kernel.exec_engine.reconcile_execution_report(report)
        self.actor = hedger({"every": 3_600.0, **settings}, state=state)
        live.kernel.trader.add_actor(self.actor)

    def start(self) -> None:
        self.actor.start()
        self.market()

    def market(self) -> None:
        greeks = OptionGreeks(
            self.call.id,
            0.5,
            0.0,
            0.0,
            0.0,
            0.0,
            VOL,
            None,
            None,
            30_000.0,
            None,
            self.live.now,
            self.live.now,
        )
        topic = f"data.option_greeks.{self.call.id.venue}.{self.call.id.symbol}"
        self.live.kernel.msgbus.publish(topic, greeks)
        self.live.quote(PERP, 29_999.5, 30_000.5)
        self.look()

    def look(self) -> None:
        self.actor.desk("BTC").work()
        self.live.turn()

    @property
    def sent(self) -> list[Order]:
        return self.client.submitted

    @property
    def delta(self) -> float:
        return self.actor.nets["BTC"].delta


@pytest.fixture
def state(request: pytest.FixtureRequest) -> Iterator[str]:
    # Of one test alone: who crashes never lets go of its store.
    url = f"memory://{request.node.name}"
    with shared_store(url):
        yield url


def test_an_option_that_the_venue_reports_is_hedged_once_however_late_the_fill(state):
    with live_system() as live:
        one = Live(live, state, {"CALL": "5.0"})
        one.start()
        expected = 5.0 * moved(one.call, 30_000.0, live.now)[1]
        assert one.delta == pytest.approx(expected, abs=1e-3)
        [order] = one.sent
        assert float(order.quantity) == pytest.approx(expected, abs=1e-3)
        for _ in range(3):
            one.market()
        assert len(one.sent) == 1
        one.client.fill(order, order.quantity, 29_999.5)
        live.turn()
        assert abs(one.delta) < 0.002
        one.market()
        assert len(one.sent) == 1


def crashed(state: str, **settings: Any) -> Order:
    """A system that is gone after a hedge was sent and before anything was heard of it."""
    with live_system() as live:
        one = Live(live, state, {"CALL": "5.0"}, **settings)
        one.start()
        [order] = one.sent
        return order


def working(client: Any, order: Order, now: int) -> OrderStatusReport:
    return OrderStatusReport(
        account_id=client.account_id,
        instrument_id=PERP.id,
        client_order_id=ClientOrderId(order.client_order_id.value),
        venue_order_id=VenueOrderId("V-1"),
        order_side=OrderSide.SELL,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        order_status=OrderStatus.ACCEPTED,
        quantity=order.quantity,
        filled_qty=Quantity.from_str("0.000"),
        price=Price.from_str("29999.5"),
        report_id=UUID4(),
        ts_accepted=now,
        ts_last=now,
        ts_init=now,
    )


def test_after_a_crash_what_filled_meanwhile_is_not_hedged_again(state):
    lost = crashed(state)
    with live_system() as live:
        one = Live(live, state, {"CALL": "5.0", "PERP": f"-{lost.quantity}"})
        one.start()
        assert abs(one.delta) < 0.002
        assert one.sent == []
        # And from now on it hedges as ever.
        assert one.actor.desk("BTC").hedger.sent is None


def test_after_a_crash_an_order_that_still_works_is_asked_back_first(state):
    lost = crashed(state)
    with live_system() as live:
        one = Live(live, state, {"CALL": "5.0"}, answer=0.001)
        live.kernel.exec_engine.reconcile_execution_report(working(one.client, lost, live.now))
        one.start()
        live.turn()
        one.market()
        assert one.sent == []
        [cancel] = one.client.cancelled
        assert cancel.client_order_id == lost.client_order_id
        order = live.cache.order(lost.client_order_id)
        one.client.generate_order_canceled(
            order.strategy_id, PERP.id, order.client_order_id, order.venue_order_id, live.now
        )
        live.turn()
        one.market()
        [again] = one.sent
        assert again.client_order_id != lost.client_order_id
        assert again.quantity == lost.quantity


def test_after_a_crash_an_order_nobody_knows_is_waited_for(state):
    crashed(state, answer=0.5)
    with live_system() as live:
        one = Live(live, state, {"CALL": "5.0"}, lost=3_600.0)
        one.start()
        one.market()
        assert one.sent == []
        assert one.actor.desk("BTC").hedger.sent is not None
    with live_system() as live:
        one = Live(live, state, {"CALL": "5.0"}, answer=0.001, lost=0.001)
        one.start()
        time.sleep(0.6)  # until nobody can answer any more
        one.market()
        assert len(one.sent) == 1
