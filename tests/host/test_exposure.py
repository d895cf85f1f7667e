"""What of an order closes and what opens, where that is not obvious; and that nothing is kept for ever."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.examples.algorithms.twap import TWAPExecAlgorithm
from nautilus_trader.model.enums import OmsType, OrderSide
from nautilus_trader.model.identifiers import ExecAlgorithmId
from nautilus_trader.model.objects import Quantity

from nautilus_quant.gating.intent import Side
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.messages import MOST, GateDecision, everything, publish
from tests.host.engine import BTC, Script, Valve, quotes, run

BUY, SELL = OrderSide.BUY, OrderSide.SELL


def market(side: OrderSide, quantity: str, **options):
    size = Quantity.from_str(quantity)
    return lambda s: s.submit_order(s.order_factory.market(BTC.id, side, size, **options))


def limit(s: Script, side: OrderSide, at: float, position_id=None):
    order = s.order_factory.limit(BTC.id, side, Quantity.from_str("1.000"), BTC.make_price(at))
    s.submit_order(order, position_id=position_id)


def test_hedging_an_order_that_closes_one_position_does_not_stand_in_the_way_of_another():
    gate = Valve()

    def close_both(s: Script) -> None:
        gate.close()
        first, second = s.cache.positions_open()
        limit(s, SELL, 31_000, first.id)
        size = Quantity.from_str("1.000")
        s.submit_order(s.order_factory.market(BTC.id, SELL, size), position_id=second.id)

    steps = {1: market(BUY, "1.000"), 2: market(BUY, "1.000"), 4: close_both}
    script = run(steps, gate, oms=OmsType.HEDGING)
    assert script.left == 1
    assert "OrderDenied" not in script.kinds()


def test_hedging_two_orders_for_one_position_are_one_too_many():
    gate = Valve()

    def close_twice(s: Script) -> None:
        gate.close()
        [held] = s.cache.positions_open()
        limit(s, SELL, 31_000, held.id)
        limit(s, SELL, 32_000, held.id)

    script = run({1: market(BUY, "1.000"), 4: close_twice}, gate, oms=OmsType.HEDGING)
    assert script.kinds().count("OrderDenied") == 1


def test_a_reduce_only_order_larger_than_what_is_known_passes_and_stops_at_flat():
    gate = Valve()

    def close(s: Script) -> None:
        gate.close()
        market(SELL, "5.000", reduce_only=True)(s)

    script = run({1: market(BUY, "2.000"), 4: close}, gate)
    assert script.left == 0
    assert "OrderDenied" not in script.kinds()


def test_hedging_the_parts_of_an_algorithms_closing_order_pass():
    gate = Valve()

    def close(s: Script) -> None:
        gate.close()
        order = s.order_factory.market(
            BTC.id,
            SELL,
            Quantity.from_str("1.000"),
            exec_algorithm_id=ExecAlgorithmId("TWAP"),
            exec_algorithm_params={"horizon_secs": 4, "interval_secs": 1},
        )
        s.submit_order(order, position_id=s.cache.positions_open()[0].id)

    steps = {1: market(BUY, "1.000"), 4: close}
    script = run(steps, gate, oms=OmsType.HEDGING, algorithms=[TWAPExecAlgorithm()])
    assert script.left == 0
    assert "OrderDenied" not in script.kinds()


@pytest.mark.parametrize("oms", [OmsType.NETTING, OmsType.HEDGING])
@pytest.mark.parametrize("closed", [True, False])
def test_what_an_exit_leaves_behind_may_open_only_what_the_gates_allow(closed, oms):
    gate = Valve()

    def leave(s: Script) -> None:
        if closed:
            gate.close()
        held = s.cache.positions_open()[0].id
        limit(s, SELL, 30_100, held)
        order = s.order_factory.market(BTC.id, SELL, Quantity.from_str("1.000"), reduce_only=True)
        s.submit_order(order, position_id=held)

    prices = [30_000.0] * 10 + [30_200.0] * 10
    script = run({1: market(BUY, "1.000"), 4: leave}, gate, data=quotes(prices), oms=oms)
    assert script.left == (0 if closed else -1)
    assert script.kinds().count("OrderCanceled") == (1 if closed else 0)


def test_an_order_that_was_allowed_to_open_stays_when_the_gate_closes():
    gate = Valve()

    def enter(s: Script) -> None:
        order = s.order_factory.limit(BTC.id, BUY, Quantity.from_str("1.000"), BTC.make_price(29_000))
        s.submit_order(order)

    def leave(s: Script) -> None:
        gate.close()
        market(SELL, "1.000")(s)

    script = run({1: market(BUY, "1.000"), 2: enter, 4: leave}, gate)
    assert "OrderCanceled" not in script.kinds()


def test_closed_orders_are_forgotten_though_nobody_asks_for_them():
    sizes = []

    def look(s: Script) -> None:
        sizes.append(len(find_gateway(s.msgbus)._working))

    def trade(s: Script) -> None:
        market(BUY, "1.000")(s)
        market(SELL, "1.000", reduce_only=True)(s)

    steps = dict.fromkeys(range(1, 400), trade) | {400: look}
    run(steps, Valve(), data=quotes([30_000.0] * 402))
    assert 0 < sizes[0] <= 66


def test_the_board_forgets_the_oldest_keys():
    kept = []

    def tell(s: Script) -> None:
        for n in range(MOST + 10):
            update = GateDecision(
                key=f"O-{n}", ts=n, strategy="S", instrument="I", outcome="DENY", asked="1", allowed="0"
            )
            publish(s.msgbus, update)
        kept.extend(everything(s.msgbus, GateDecision))

    run({1: tell}, Valve())
    assert len(kept) == MOST
    assert kept[0] == "O-10"


@pytest.mark.parametrize("first", [SELL])
def test_previews_count_what_already_closes(first):
    gate = Valve()
    seen = []

    def ask(s: Script) -> None:
        limit(s, first, 31_000)
        exposure = find_gateway(s.msgbus).exposure
        seen.append(exposure.preview(s.id, BTC.id, -1, Decimal(2)).reducing)

    run({1: market(BUY, "2.000"), 4: ask}, gate)
    assert seen == [1]


def test_gates_see_the_order_behind_an_intent_and_none_behind_a_preview():
    valve = Valve()

    def step(script: Script) -> None:
        order = script.order_factory.market(BTC.id, OrderSide.BUY, Quantity.from_str("1.000"))
        gateway = find_gateway(script.msgbus)
        gateway.preview(gateway.exposure.preview(script.id, BTC.id, Side.BUY, Decimal(1)))
        script.submit_order(order)
        script.sent = order

    script = run({5: step}, valve)

    assert [intent.source for intent in valve.asked] == [None, script.sent]


@pytest.mark.parametrize("size", ["1.000", "0.400"])
def test_a_stop_that_rests_to_close_does_not_stand_in_the_way_of_a_close_at_once(size):
    gate = Valve()

    def rest(s: Script) -> None:
        quantity = Quantity.from_str("1.000")
        stop = s.order_factory.stop_market(BTC.id, SELL, quantity, BTC.make_price(29_000), reduce_only=True)
        target = s.order_factory.limit(BTC.id, SELL, quantity, BTC.make_price(31_000), reduce_only=True)
        s.submit_order(stop)
        s.submit_order(target)
        gate.close()

    script = run({1: market(BUY, "1.000"), 2: rest, 5: market(SELL, size)}, gate)

    assert script.left == Decimal(1) - Decimal(size)


def test_a_close_on_its_way_still_counts_when_another_comes():
    gate = Valve()

    def twice(s: Script) -> None:
        gate.close()
        quantity = Quantity.from_str("1.000")
        for reduce_only in (True, False):
            s.submit_order(s.order_factory.market(BTC.id, SELL, quantity, reduce_only=reduce_only))

    script = run({1: market(BUY, "1.000"), 5: twice}, gate)

    assert script.left == 0
