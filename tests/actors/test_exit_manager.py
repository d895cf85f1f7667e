"""The exit manager in real engine runs, over strategies that know nothing of it."""

from __future__ import annotations

from typing import Any

import pytest
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.model.enums import OmsType, OrderSide
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.host.exits_orders import TAG
from nautilus_quant.host.exits_settings import ExitSettings
from tests.actors.exit_runs import BUY, FLAT, SELL, D, manager, order, run
from tests.host.engine import BTC, GateActor, Script, Valve


def test_a_stop_rests_at_the_venue_and_closes_the_position():
    script = run({1: BUY}, manager(stop_losses=((0.01, 1.0),)), [*FLAT, 29_700.2, 29_700.0, 29_000.0])
    # 30 000.1 * 0.99 = 29 700.099, up to the tick of 0.1: 29 700.1. The bid is there at second 5 (29 700.1).
    assert script.watch.stops == ["3.000 @ 29700.1"]
    assert script.fills == [(1, "BUY", "3.000", "30000.1"), (5, "SELL", "3.000", "29700.1")]
    assert script.left == 0
    assert script.working == []
    assert all(tags[0] == TAG for tags in script.tags)
    assert {e.strategy_id.value for e in script.events} == {"Script-001"}


@pytest.mark.parametrize("oms", [OmsType.NETTING, OmsType.HEDGING])
@pytest.mark.parametrize("way", ["submit", "modify"])
@pytest.mark.parametrize("side", [OrderSide.BUY, OrderSide.SELL])
def test_a_ladder_fills_rung_by_rung_and_the_stops_follow(oms: OmsType, way: str, side: OrderSide):
    sign = 1 if side == OrderSide.BUY else -1
    prices = [30_000.0 + sign * d for d in (0, 0, 0, 0, 310, 310, 310, 610, 610, 0, 0, -700, -700, -700)]
    actor = manager(
        take_profits=((0.01, 0.5), (0.02, 0.25)), stop_losses=((0.01, 0.5), (0.02, 0.5)), replace=way
    )
    script = run({1: order(side, "4.000")}, actor, prices, oms=oms)
    out = "SELL" if sign > 0 else "BUY"
    closes = [(second, size) for second, how, size, _ in script.fills if how == out]
    # Half of four at 1 %, a quarter at 2 %; of the one that is left the stops close a half each.
    assert closes[0] == (4, "2.000")
    assert closes[1] == (7, "1.000")
    assert sum(D(size) for _, size in closes[2:]) == 1
    assert {second for second, _ in closes[2:]} == {11}
    assert script.left == 0
    assert script.working == []
    assert not script.alerts


def test_a_stop_trails_without_a_gap():
    prices = [*FLAT, *(30_000.0 + 10.0 * n for n in range(60)), *(30_590.0 - 20.0 * n for n in range(60))]
    for way in ("submit", "modify"):
        actor = manager(stop_losses=((0.02, 1.0),), trailing=0.01, step=0.0, pause=0.0, replace=way)
        script = run({1: BUY}, actor, prices)
        # The best bid is 30 589.9, and 1 % of the entry lies 300.001 behind: 30 289.899, up to 30 289.9.
        (_, sold) = script.fills
        assert D("30270") < D(sold[3]) <= D("30289.9")
        assert script.watch.most_orders <= 2
        assert script.left == 0
        assert not script.watch.rejects


def test_a_stop_trails_without_a_gap_where_every_answer_takes_time():
    prices = [*FLAT, *(30_000.0 + 10.0 * n for n in range(60)), *(30_590.0 - 20.0 * n for n in range(60))]
    latency = LatencyModel(base_latency_nanos=1_500_000_000)
    for way in ("submit", "modify"):
        actor = manager(stop_losses=((0.02, 1.0),), trailing=0.01, step=0.0, pause=0.0, replace=way)
        script = run({1: BUY}, actor, prices, latency_model=latency)
        assert script.left == 0
        assert script.working == []
        assert script.watch.most_orders <= 3


def test_break_even_takes_the_fees_of_the_instrument():
    prices = [*FLAT, 30_200.0, 30_310.0, 30_310.0, *(30_300.0 - 20.0 * n for n in range(20))]
    script = run({1: BUY}, manager(stop_losses=((0.02, 1.0),), break_even=0.01), prices)
    rate = float(BTC.taker_fee)
    # (1 + f) / (1 - f) - 1 is what two fees of f cost.
    even = 30_000.1 * (1.0 + (1.0 + rate) / (1.0 - rate) - 1.0)
    at = float(script.watch.stops[-1].split(" @ ")[1])
    assert 0.0 <= at - even < 0.1 + 1e-6
    assert D(script.fills[-1][3]) <= D(str(at))


def test_time_is_up_without_a_quote_in_the_instant():
    script = run({1: BUY}, manager(stop_losses=((0.05, 1.0),), time_stop=9.5), [30_000.0] * 30)
    assert script.fills == [(1, "BUY", "3.000", "30000.1"), (10, "SELL", "3.000", "29999.9")]
    assert script.left == 0
    assert script.working == []


def test_parts_of_an_entry_resize_the_ladder():
    steps = {1: BUY, 4: order(OrderSide.BUY, "1.000"), 8: order(OrderSide.SELL, "2.500")}
    script = run(steps, manager(stop_losses=((0.01, 1.0),), take_profits=((0.02, 0.5),)), [30_000.0] * 20)
    assert script.watch.stops == ["3.000 @ 29700.1", "4.000 @ 29700.1", "1.500 @ 29700.1"]
    assert script.left == D("1.500")
    sizes = {o.order_type: str(o.leaves_qty) for o in script.final if o.is_open}
    assert sorted(sizes.values()) == ["1.500", "1.500"]  # a target of 2.000 would be more than is held


def test_a_reversal_gets_the_stops_of_the_other_side():
    script = run(
        {1: BUY, 5: order(OrderSide.SELL, "5.000")}, manager(stop_losses=((0.01, 1.0),)), [30_000.0] * 20
    )
    # 29 999.9 * 1.01 = 30 299.899, down to 30 299.8.
    assert script.watch.stops == ["3.000 @ 29700.1", "2.000 @ 30299.8"]
    assert script.left == -2
    assert len(script.working) == 1


def test_a_new_position_of_the_same_id_begins_anew():
    steps = {1: BUY, 20: SELL, 30: BUY}
    prices = [30_000.0] * 10 + [30_900.0] * 15 + [30_000.0] * 20
    script = run(steps, manager(stop_losses=((0.02, 1.0),), trailing=0.01), prices)
    assert script.watch.stops[-1] == "3.000 @ 29700.1"
    assert script.left == 3


@pytest.mark.parametrize("oms", [OmsType.NETTING, OmsType.HEDGING])
def test_positions_of_strategies_are_kept_apart(oms: OmsType):
    other = Script({3: order(OrderSide.SELL, "1.000")}, tag="002")
    actor = manager(
        stop_losses=((0.01, 1.0),), overrides={"Script-002": ExitSettings(stop_losses=((0.02, 1.0),))}
    )
    script = run({1: BUY}, actor, [30_000.0] * 10, others=[other], oms=oms)
    assert script.watch.stops == ["3.000 @ 29700.1", "1.000 @ 30599.8"]
    assert len(script.working) == 2


def test_only_chosen_strategies():
    other = Script({3: order(OrderSide.SELL, "1.000")}, tag="002")
    actor = manager(stop_losses=((0.01, 1.0),), strategies=("Script-002",))
    script = run({1: BUY}, actor, [30_000.0] * 10, others=[other], oms=OmsType.HEDGING)
    assert script.watch.stops == ["1.000 @ 30299.8"]


def test_closed_gates_keep_no_exit_from_the_venue():
    valve = Valve()
    steps = {1: BUY, 2: lambda _: valve.close(), 5: order(OrderSide.BUY, "1.000")}
    actor = manager(stop_losses=((0.01, 1.0),), trailing=0.01, take_profits=((0.02, 0.5),), time_stop=30.0)
    prices = [*FLAT, *(30_000.0 + 20.0 * n for n in range(35))]
    script = run(steps, actor, prices, actors=[GateActor(valve)])
    assert "OrderDenied" in script.kinds()  # the addition
    assert len(script.watch.stops) > 3
    assert script.left == 0


def stop_of_its_own(size: str, price: str = "29000.0") -> Any:
    def step(script: Script) -> None:
        made = script.order_factory.stop_market(
            BTC.id, OrderSide.SELL, Quantity.from_str(size), Price.from_str(price), reduce_only=True
        )
        script.submit_order(made)

    return step


def test_what_a_strategy_protects_itself_is_respected():
    def drop(script: Script) -> None:
        for placed in script.cache.orders_open(strategy_id=script.id):
            if placed.tags is None:
                script.cancel_order(placed)

    steps = {1: BUY, 2: stop_of_its_own("3.000"), 10: drop}
    actor = manager(respect=True, grace=2.0, stop_losses=((0.01, 1.0),))
    script = run(steps, actor, [30_000.0] * 8, covers=False)
    assert script.watch.stops == ["3.000 @ 29000.0"]
    actor = manager(respect=True, grace=2.0, stop_losses=((0.01, 1.0),))
    script = run(steps, actor, [30_000.0] * 20, covers=False)
    assert script.watch.stops == ["3.000 @ 29000.0", "3.000 @ 29700.1"]  # it has cancelled its own


def test_the_rest_of_what_a_strategy_protects():
    steps = {1: BUY, 2: stop_of_its_own("1.000")}
    actor = manager(respect=True, grace=2.0, stop_losses=((0.01, 1.0),))
    script = run(steps, actor, [30_000.0] * 20)
    assert script.watch.stops == ["1.000 @ 29000.0", "2.000 @ 29700.1"]
