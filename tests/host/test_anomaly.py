"""What is measured of orders, in engine runs and of events by hand."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.common.component import TestClock
from nautilus_trader.common.factories import OrderFactory
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.enums import LiquiditySide, OrderSide, OrderType, TimeInForce, TriggerType
from nautilus_trader.model.events import (
    OrderAccepted,
    OrderFilled,
    OrderRejected,
    OrderSubmitted,
)
from nautilus_trader.model.identifiers import (
    AccountId,
    ClientOrderId,
    StrategyId,
    TradeId,
    TraderId,
    VenueOrderId,
)
from nautilus_trader.model.objects import Money, Price, Quantity

from nautilus_quant.host.anomaly import OrderWatch
from tests.host.engine import BTC, SECOND, START, USDT, Script, engine, quotes


def market(side: OrderSide, size: str = "1.000", instrument: Any = BTC, **options: Any) -> Any:
    def step(script: Script) -> None:
        made = script.order_factory.market(instrument.id, side, Quantity.from_str(size), **options)
        script.submit_order(made)

    return step


BUY, SELL = market(OrderSide.BUY), market(OrderSide.SELL)


def observations(script: Script, data: Any = None, **options: Any) -> list[tuple[str, float]]:
    seen: list[tuple[str, float]] = []
    made = engine(data or quotes([30_000.0] * 60, spread=60.0), strategies=[script], **options)
    watch = OrderWatch(made.kernel.msgbus, made.cache, lambda *one: seen.append((one[3].value, one[4])))
    made.kernel.msgbus.subscribe("events.order.*", watch.on_event)
    made.run()
    made.dispose()
    assert len(watch) == 0
    return seen


def test_what_is_measured_of_an_order_at_market():
    """Half of 60 on 30000 is 10 bps, for a buyer and for a seller."""
    for step in (BUY, SELL):
        seen = observations(Script({1: step}))
        assert seen == [
            ("ack_latency", 0.0), ("reject_rate", 0.0),
            ("slippage", pytest.approx(10.0)), ("fill_ratio", 1.0),
        ]  # fmt: skip


def test_latencies_are_measured_from_sending_to_answer_and_from_answer_to_fill():
    slow = LatencyModel(base_latency_nanos=SECOND // 4)
    seen = observations(Script({1: BUY}), latency_model=slow, use_market_order_acks=True)
    assert Counter(name for name, _ in seen) == Counter(
        ["ack_latency", "reject_rate", "fill_latency", "slippage", "fill_ratio"]
    )
    # The venue of a backtest looks at what has arrived with the next quote: a second later.
    assert dict(seen)["ack_latency"] in {250.0, 1_000.0}
    assert dict(seen)["fill_latency"] == 0.0


def limit(price: str, **options: Any) -> Any:
    def step(script: Script) -> None:
        size = Quantity.from_str("1.000")
        script.submit_order(
            script.order_factory.limit(BTC.id, OrderSide.BUY, size, Price.from_str(price), **options)
        )

    return step


def test_an_order_that_rested_has_no_slippage_and_one_cancelled_a_fill_ratio_of_none():
    falling = quotes([30_000.0 - 10.0 * n for n in range(30)])
    rested = observations(Script({1: limit("29900.0")}), falling)
    assert ("fill_ratio", 1.0) in rested
    assert "slippage" not in dict(rested)
    assert "fill_latency" not in dict(rested)

    def cancel(script: Script) -> None:
        script.cancel_all_orders(BTC.id)

    gone = observations(Script({1: limit("20000.0"), 3: cancel}))
    assert gone == [("ack_latency", 0.0), ("reject_rate", 0.0), ("fill_ratio", 0.0)]
    at_once = observations(Script({1: limit("20000.0", time_in_force=TimeInForce.IOC)}))
    assert at_once[-1] == ("fill_ratio", 0.0)


def test_an_order_changed_until_it_takes_is_measured_from_the_change():
    """Sent at a mid of 30000, made to take at 29900: it pays half the spread, no more."""

    def change(script: Script) -> None:
        (order,) = script.cache.orders_open()
        script.modify_order(order, price=Price.from_str("30000.0"))

    falling = quotes([30_000.0 - 10.0 * n for n in range(30)])
    seen = dict(observations(Script({1: limit("29000.0"), 10: change}), falling))
    assert abs(seen["slippage"]) < 0.1


def test_a_stop_is_measured_by_its_trigger():
    """Sent at 30000, set off at 29900, and filled ten or less below: 3.3 bps, not 40."""

    def stop(script: Script) -> None:
        order = script.order_factory.stop_market(
            BTC.id, OrderSide.SELL, Quantity.from_str("1.000"), Price.from_str("29905.0"),
            trigger_type=TriggerType.BID_ASK,
        )  # fmt: skip
        script.submit_order(order)

    falling = quotes([30_000.0 - 10.0 * n for n in range(30)])
    seen = dict(observations(Script({1: stop}), falling))
    assert 0.0 <= seen["slippage"] < 4.0


def made_up(event: type, **other: Any) -> Any:
    """An event as a reconciliation with the venue makes it, long after the fact."""
    kinds = {
        OrderAccepted: {"venue_order_id": VenueOrderId("1")},
        OrderRejected: {"reason": "asked afterwards"},
        OrderFilled: {
            "venue_order_id": VenueOrderId("1"), "trade_id": TradeId("1"), "position_id": None,
            "order_side": OrderSide.BUY, "order_type": OrderType.MARKET,
            "last_qty": Quantity.from_str("1.000"),
            "last_px": Price.from_str("33000.0"), "currency": USDT, "commission": Money(0, USDT),
            "liquidity_side": LiquiditySide.TAKER,
        },
    }  # fmt: skip
    same = {
        "trader_id": TraderId("TESTER-001"), "strategy_id": StrategyId("S-001"), "instrument_id": BTC.id,
        "client_order_id": ClientOrderId("O-1"), "account_id": AccountId("BINANCE-001"), "event_id": UUID4(),
        "ts_event": START + SECOND, "ts_init": START + 9_000 * SECOND, "reconciliation": True,
    }  # fmt: skip
    return event(**same, **kinds[event], **other)


class Sent:
    """A cache that knows one order at market, sent at a mid of 30000."""

    def __init__(self) -> None:
        factory = OrderFactory(TraderId("TESTER-001"), StrategyId("S-001"), TestClock())
        self.sent = factory.market(BTC.id, OrderSide.BUY, Quantity.from_str("1.000"))

    def order(self, _name: Any) -> Any:
        return self.sent

    def quote_tick(self, _instrument_id: Any) -> Any:
        return quotes([30_000.0])[0]


@pytest.mark.parametrize("kinds", [(OrderAccepted,), (OrderRejected,), (OrderFilled,)])
def test_what_a_venue_was_asked_afterwards_is_no_measure(kinds):
    seen: list[Any] = []
    made = engine()
    watch = OrderWatch(made.kernel.msgbus, Sent(), lambda *one: seen.append(one))
    same = {"trader_id": TraderId("TESTER-001"), "strategy_id": StrategyId("S-001"), "instrument_id": BTC.id}
    submitted = OrderSubmitted(
        **same, client_order_id=ClientOrderId("O-1"), account_id=AccountId("BINANCE-001"), event_id=UUID4(),
        ts_event=START, ts_init=START,
    )  # fmt: skip
    watch.on_event(submitted)
    for kind in kinds:
        watch.on_event(made_up(kind))
    assert seen == []
    made.dispose()


def test_orders_under_way_are_bounded(monkeypatch):
    from nautilus_quant.host import anomaly

    monkeypatch.setattr(anomaly, "MOST", 5)
    made = engine()
    watch = OrderWatch(made.kernel.msgbus, Sent(), lambda *one: None)
    for n in range(20):
        watch.on_event(
            OrderSubmitted(
                TraderId("TESTER-001"),
                StrategyId("S-001"),
                BTC.id,
                ClientOrderId(f"O-{n}"),
                AccountId("BINANCE-001"),
                UUID4(),
                START,
                START,
            )
        )
    assert len(watch) == 5
    made.dispose()
