"""No way round: every way to send an order, at a closed gate; what adds risk stays, what reduces goes."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.examples.algorithms.twap import TWAPExecAlgorithm
from nautilus_trader.model.enums import OmsType, OrderSide, OrderStatus, TrailingOffsetType, TriggerType
from nautilus_trader.model.events import OrderDenied, OrderModifyRejected
from nautilus_trader.model.identifiers import ExecAlgorithmId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.model.orders import OrderList

from nautilus_quant.host.gateway import find_gateway
from tests.host.engine import BTC, GateActor, Script, Valve, engine, quotes, run

ONE = Quantity.from_str("1.000")
TWO = Quantity.from_str("2.000")


def price(value: float) -> Price:
    return Price(value, BTC.price_precision)


def market(s: Script, side: OrderSide, quantity: Quantity = ONE, **options):
    return s.order_factory.market(BTC.id, side, quantity, **options)


def limit(s: Script, side: OrderSide, at: float, quantity: Quantity = ONE, **options):
    return s.order_factory.limit(BTC.id, side, quantity, price(at), **options)


def stop(s: Script, side: OrderSide, at: float, quantity: Quantity = ONE, **options):
    return s.order_factory.stop_market(BTC.id, side, quantity, price(at), **options)


def trailing(s: Script, side: OrderSide, quantity: Quantity = ONE, **options):
    return s.order_factory.trailing_stop_market(
        BTC.id,
        side,
        quantity,
        trailing_offset=Decimal(5),
        trailing_offset_type=TrailingOffsetType.PRICE,
        **options,
    )


TWAP = {
    "exec_algorithm_id": ExecAlgorithmId("TWAP"),
    "exec_algorithm_params": {"horizon_secs": 4, "interval_secs": 1},
}

OPENING = {
    "market": lambda s: s.submit_order(market(s, OrderSide.BUY)),
    "limit": lambda s: s.submit_order(limit(s, OrderSide.BUY, 29_000)),
    "stop": lambda s: s.submit_order(stop(s, OrderSide.BUY, 31_000)),
    "trailing": lambda s: s.submit_order(trailing(s, OrderSide.BUY)),
    "quote quantity": lambda s: s.submit_order(
        market(s, OrderSide.BUY, Quantity.from_str("30000.000"), quote_quantity=True)
    ),
    "bracket": lambda s: s.submit_order_list(
        s.order_factory.bracket(
            BTC.id, OrderSide.BUY, ONE, sl_trigger_price=price(29_000), tp_price=price(31_000)
        )
    ),
    "order list": lambda s: s.submit_order_list(
        OrderList(
            s.order_factory.generate_order_list_id(),
            [market(s, OrderSide.BUY), limit(s, OrderSide.SELL, 31_000)],
        )
    ),
    "emulated stop": lambda s: s.submit_order(
        stop(s, OrderSide.BUY, 30_001, emulation_trigger=TriggerType.BID_ASK)
    ),
    "emulated limit": lambda s: s.submit_order(
        limit(s, OrderSide.BUY, 30_500, emulation_trigger=TriggerType.BID_ASK)
    ),
    "emulated bracket": lambda s: s.submit_order_list(
        s.order_factory.bracket(
            BTC.id,
            OrderSide.BUY,
            ONE,
            sl_trigger_price=price(29_000),
            tp_price=price(31_000),
            emulation_trigger=TriggerType.BID_ASK,
        )
    ),
    "twap": lambda s: s.submit_order(market(s, OrderSide.BUY, **TWAP)),
    "reduce-only without a position": lambda s: s.submit_order(market(s, OrderSide.BUY, reduce_only=True)),
}


@pytest.mark.parametrize("path", OPENING, ids=str)
def test_nothing_that_opens_risk_reaches_the_venue_through_a_closed_gate(path):
    data = quotes([30_000.0] * 10 + [30_010.0] * 30)
    gate = Valve(Decimal(0))
    script = run({2: OPENING[path]}, gate, data=data, algorithms=[TWAPExecAlgorithm()])
    assert script.reached_venue() == []
    assert script.left == 0
    assert gate.asked
    # What is left waits inside the node (an untriggered emulated order, its children), or was denied.
    inside = (OrderStatus.INITIALIZED, OrderStatus.EMULATED, OrderStatus.DENIED, OrderStatus.CANCELED)
    assert {order.status for order in script.final} <= set(inside)


@pytest.mark.parametrize(
    "path", [name for name in OPENING if name != "reduce-only without a position"], ids=str
)
def test_the_same_orders_reach_the_venue_through_an_open_gate(path):
    data = quotes([30_000.0] * 10 + [30_010.0] * 30)
    script = run({2: OPENING[path]}, Valve(), data=data, algorithms=[TWAPExecAlgorithm()])
    assert script.reached_venue()


def held(then, gate: Valve, **options) -> Script:
    """Buy one, close the gate, do `then`."""

    def closing(s: Script) -> None:
        gate.close()
        then(s)

    return run({1: lambda s: s.submit_order(market(s, OrderSide.BUY)), 3: closing}, gate, **options)


REDUCING = {
    "market": lambda s: s.submit_order(market(s, OrderSide.SELL)),
    "part": lambda s: s.submit_order(market(s, OrderSide.SELL, Quantity.from_str("0.400"))),
    "reduce-only market": lambda s: s.submit_order(market(s, OrderSide.SELL, reduce_only=True)),
    "marketable limit": lambda s: s.submit_order(limit(s, OrderSide.SELL, 29_900)),
    "take profit": lambda s: s.submit_order(limit(s, OrderSide.SELL, 30_005)),
    "stop loss": lambda s: s.submit_order(stop(s, OrderSide.SELL, 29_000)),
    "trailing stop": lambda s: s.submit_order(trailing(s, OrderSide.SELL)),
    "stop loss and take profit": lambda s: [
        s.submit_order(stop(s, OrderSide.SELL, 29_000, reduce_only=True)),
        s.submit_order(limit(s, OrderSide.SELL, 31_000, reduce_only=True)),
        s.submit_order(market(s, OrderSide.SELL, reduce_only=True)),
    ],
    "close_position": lambda s: s.close_all_positions(BTC.id),
    "close_position, not reduce-only": lambda s: s.close_all_positions(BTC.id, reduce_only=False),
    "market exit": lambda s: s.market_exit(),
    "emulated stop": lambda s: s.submit_order(
        stop(s, OrderSide.SELL, 30_009, emulation_trigger=TriggerType.BID_ASK)
    ),
    "twap": lambda s: s.submit_order(market(s, OrderSide.SELL, **TWAP)),
    "quote quantity": lambda s: s.submit_order(
        market(s, OrderSide.SELL, Quantity.from_str("29000.000"), quote_quantity=True)
    ),
}


@pytest.mark.parametrize("path", REDUCING, ids=str)
def test_every_reducing_order_passes_a_closed_gate(path):
    gate = Valve()
    data = quotes([30_000.0] * 10 + [30_010.0] * 30)
    script = held(REDUCING[path], gate, data=data, algorithms=[TWAPExecAlgorithm()])
    assert not [e for e in script.events if isinstance(e, OrderDenied)]
    assert len(script.reached_venue()) > 1
    assert 0 <= script.left <= 1


def test_selling_more_than_is_held_is_denied_with_the_size_that_would_pass():
    script = held(lambda s: s.submit_order(market(s, OrderSide.SELL, TWO)), Valve())
    [denied] = [e for e in script.events if isinstance(e, OrderDenied)]
    assert "valve VALVE" in denied.reason
    assert denied.reason.endswith("1 would pass")
    assert script.left == 1


def test_closing_the_same_position_twice_counts_the_order_already_working():
    def twice(s: Script) -> None:
        s.submit_order(limit(s, OrderSide.SELL, 31_000))
        s.submit_order(limit(s, OrderSide.SELL, 31_000))

    script = held(twice, Valve())
    assert script.kinds().count("OrderDenied") == 1
    assert script.kinds().count("OrderAccepted") == 1


def test_a_partial_allowance_denies_a_foreign_order_and_names_the_size():
    script = run({2: lambda s: s.submit_order(market(s, OrderSide.BUY, TWO))}, Valve(Decimal("0.5")))
    [denied] = [e for e in script.events if isinstance(e, OrderDenied)]
    assert denied.reason.endswith("0.5 would pass")


def modified(change, gate: Valve, first=lambda s: limit(s, OrderSide.BUY, 29_000), **options) -> Script:
    kept = {}

    def place(s: Script) -> None:
        kept["order"] = first(s)
        s.submit_order(kept["order"])

    def later(s: Script) -> None:
        gate.close()
        change(s, kept["order"])

    return run({1: place, 4: later}, gate, **options)


@pytest.mark.parametrize(
    ("change", "passes"),
    [
        (lambda s, o: s.modify_order(o, quantity=TWO), False),
        (lambda s, o: s.modify_order(o, quantity=Quantity.from_str("0.500")), True),
        (lambda s, o: s.modify_order(o, price=price(30_100)), False),
        (lambda s, o: s.modify_order(o, quantity=Quantity.from_str("0.500"), price=price(30_100)), False),
    ],
    ids=["larger", "smaller", "to the market", "smaller, to the market"],
)
def test_a_change_that_adds_risk_is_refused(change, passes):
    script = modified(change, Valve())
    refused = [e for e in script.events if isinstance(e, OrderModifyRejected)]
    assert bool(refused) is not passes
    assert script.left == 0
    assert ("OrderUpdated" in script.kinds()) is passes


def test_an_emulated_order_made_larger_is_judged_when_it_is_released():
    gate = Valve(Decimal(1))
    data = quotes([30_000.0] * 10 + [30_010.0] * 10)
    kept = {}

    def place(s: Script) -> None:
        kept["order"] = stop(s, OrderSide.BUY, 30_005, emulation_trigger=TriggerType.BID_ASK)
        s.submit_order(kept["order"])

    script = run({1: place, 3: lambda s: s.modify_order(kept["order"], quantity=TWO)}, gate, data=data)
    assert script.reached_venue() == []
    assert script.kinds()[-1] == "OrderDenied"


def test_a_stop_loss_may_be_moved_while_the_gate_is_closed():
    kept = {}
    gate = Valve()

    def protect(s: Script) -> None:
        kept["stop"] = stop(s, OrderSide.SELL, 29_000, reduce_only=True)
        s.submit_order(kept["stop"])

    def move(s: Script) -> None:
        gate.close()
        s.modify_order(kept["stop"], trigger_price=price(29_500))

    script = run({1: lambda s: s.submit_order(market(s, OrderSide.BUY)), 2: protect, 4: move}, gate)
    assert "OrderUpdated" in script.kinds()


def test_a_list_that_mixes_opening_and_reducing_sends_the_reducing_order_alone():
    def mixed(s: Script) -> None:
        orders = [market(s, OrderSide.SELL), limit(s, OrderSide.BUY, 29_000)]
        s.submit_order_list(OrderList(s.order_factory.generate_order_list_id(), orders))

    script = held(mixed, Valve())
    assert script.kinds().count("OrderDenied") == 1
    assert script.left == 0


def test_a_position_of_another_strategy_gives_no_right_to_sell():
    gate = Valve()
    other = Script({1: lambda s: s.submit_order(market(s, OrderSide.BUY))}, tag="002")

    def sell(s: Script) -> None:
        gate.close()
        s.submit_order(market(s, OrderSide.SELL))

    script = run({3: sell}, gate, others=[other])
    assert script.reached_venue() == []
    assert other.left == 1


def test_two_strategies_on_one_instrument_close_their_own():
    gate = Valve()
    flip = {
        1: lambda s: s.submit_order(market(s, OrderSide.SELL)),
        5: lambda s: s.submit_order(market(s, OrderSide.BUY)),
    }
    other = Script(flip, tag="002")

    def sell(s: Script) -> None:
        gate.close()
        s.submit_order(market(s, OrderSide.SELL))

    script = run({1: lambda s: s.submit_order(market(s, OrderSide.BUY)), 3: sell}, gate, others=[other])
    assert script.left == 0
    assert other.left == 0


def test_hedging_a_position_is_closed_by_its_id_and_no_other_way():
    gate = Valve()

    def by_side(s: Script) -> None:
        gate.close()
        s.submit_order(market(s, OrderSide.SELL))

    def by_id(s: Script) -> None:
        [position] = s.cache.positions_open(strategy_id=s.id)
        s.submit_order(market(s, OrderSide.SELL), position_id=position.id)

    script = run(
        {1: lambda s: s.submit_order(market(s, OrderSide.BUY)), 3: by_side, 5: by_id},
        gate,
        oms=OmsType.HEDGING,
    )
    assert script.kinds().count("OrderDenied") == 1
    assert script.left == 0


def test_a_gate_that_raises_closes_new_risk_and_nothing_else():
    class Broken:
        name = "broken"

        def check(self, intent):
            raise RuntimeError("no idea")

    script = run({2: lambda s: s.submit_order(market(s, OrderSide.BUY))}, Broken())
    [denied] = [e for e in script.events if isinstance(e, OrderDenied)]
    assert "broken GATE_ERROR: gate broken failed: RuntimeError('no idea')" in denied.reason


def test_a_gate_stopped_while_strategies_run_leaves_the_door_closed():
    actor = GateActor(Valve())
    script = Script({3: lambda s: actor.stop(), 5: lambda s: s.submit_order(market(s, OrderSide.BUY))})
    made = engine(actors=[actor], strategies=[script])
    made.run()
    assert "GATE_STOPPED" in next(e.reason for e in script.events if isinstance(e, OrderDenied))
    assert find_gateway(made.kernel.msgbus) is None  # and once the strategies have stopped it is taken away
    made.dispose()


def test_commands_sent_straight_to_the_execution_engine_are_judged_too():
    from nautilus_trader.core.uuid import UUID4
    from nautilus_trader.execution.messages import SubmitOrder

    def straight(s: Script) -> None:
        order = market(s, OrderSide.BUY)
        s.cache.add_order(order)
        command = SubmitOrder(s.trader_id, s.id, order, UUID4(), s.clock.timestamp_ns())
        s.msgbus.send("ExecEngine.execute", command)

    script = run({2: straight}, Valve(Decimal(0)))
    assert script.reached_venue() == []
    assert script.left == 0
