"""The router in a backtest of several venues: where orders go, and how they are booked."""

import math
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model.data import InstrumentStatus
from nautilus_trader.model.enums import (
    MarketStatusAction,
    OmsType,
    OrderStatus,
)
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.objects import Quantity

from nautilus_quant.gating.intent import Intent, Verdict
from tests.actors.routing_runs import (
    BIDS,
    ROUTER,
    ROUTES,
    SECOND,
    SELL,
    START,
    TIME,
    A,
    B,
    C,
    Script,
    X,
    books,
    buy,
    engine,
    incidents,
    market,
    perpetual,
    rejecting,
    run,
    sell,
)
from tests.host.engine import GateActor, Valve

D = Decimal


# -- where orders go -----------------------------------------------------------------------------------


def test_an_order_is_shared_out_after_fees_and_booked_where_it_is_filled() -> None:
    done = run({3: buy()}, [A, B, C], market())
    # 2 of B at 30 012, 1 of A at 30 015.
    assert done.script.filled() == {"A": D(1), "B": D(2)}
    assert done.held == [{"A": D(1), "B": D(2)}]
    for position in done.cache.positions():
        assert position.id.value == f"{position.instrument_id}-Script-001"
    order = done.script.orders[0]
    assert done.script.kinds(order) == ["OrderInitialized", "OrderCanceled"]
    assert order.status == OrderStatus.CANCELED
    assert order.quantity == Quantity.from_str("0.001")  # nothing is left; there is no order of size 0
    update = done.updates[order.client_order_id.value]
    assert (update.filled, update.left, update.over, update.reason) == (3.0, 0.0, True, "")
    assert update.sent == {"BTCUSDT-PERP.A": 1.0, "BTCUSDT-PERP.B": 2.0}
    assert update.expected == pytest.approx((2 * 30_012.0012 + 30_015.0) / 3)
    # B alone: 2 at 30 012.0012, 1 at 30 018.0024; A alone: 1 at 30 015, 2 at 30 016.0005.
    assert update.alone == pytest.approx((2 * 30_012.0012 + 30_018.0024) / 3)
    assert update.price == pytest.approx((2 * 30_006.0 + 30_000.0) / 3)


def test_a_second_run_is_the_same_as_the_first() -> None:
    script = Script({3: buy(), 9: sell("2.500")})
    made = engine([A, B, C], market(), [script])
    made.run()
    first = script.filled(), [order.status for order in script.orders]
    made.reset()
    script.events.clear()
    script.orders.clear()
    script.seconds = 0
    made.run()
    assert (script.filled(), [order.status for order in script.orders]) == first
    assert script.held() == {"A": D("0.5")}
    made.dispose()


def test_parts_are_the_strategys_own_and_name_their_order() -> None:
    done = run({3: buy(tags=["MINE"])}, [A, B, C], market())
    order = done.script.orders[0]
    parts = done.parts(order)
    assert {venue: part.client_order_id.value for venue, part in parts.items()} == {
        "A": f"{order.client_order_id}-E1",
        "B": f"{order.client_order_id}-E2",
    }
    for part in parts.values():
        assert part.strategy_id == done.script.id
        assert part.exec_algorithm_id == ROUTER
        assert part.tags == ["MINE", f"ROUTED:{order.client_order_id}"]
        assert part.time_in_force == order.time_in_force


def test_an_order_may_ask_for_one_venue_or_for_some() -> None:
    steps = {
        3: buy(exec_algorithm_params={"split": False}),
        6: buy(exec_algorithm_params={"venues": ["A", "C"]}),
        9: buy(exec_algorithm_params={"venues": "C"}),
    }
    done = run(steps, [A, B, C], market(), close_first=False)
    assert [set(done.parts(order)) for order in done.script.orders] == [{"B"}, {"A"}, {"C"}]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"venue": "A"}, "a router knows venues and split, was venue"),
        ({"venues": ["A", "X"]}, "venues are some of A, B, C"),
        ({"venues": []}, "venues are some of A, B, C"),
        ({"split": 1}, "split is true or false, was 1"),
    ],
)
def test_what_an_order_says_wrongly_is_denied(params: dict[str, Any], said: str) -> None:
    done = run({3: buy(exec_algorithm_params=params)}, [A, B, C], market())
    assert done.script.orders[0].status == OrderStatus.DENIED
    assert said in done.script.events[-1].reason
    assert done.cache.orders_total_count() == 1


def test_routes_may_be_named() -> None:
    done = run({3: buy()}, [A, B, C], market(), routes=((A.id, C.id),))
    assert set(done.parts(done.script.orders[0])) == {"A"}


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        (((A.id, InstrumentId.from_str("NO.A")),), "unknown: NO.A"),
        (((A.id, B.id), (B.id, C.id)), "in one route at most"),
    ],
)
def test_impossible_routes_are_refused(routes: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        run({}, [A, B, C], market(), routes=routes)


def test_contracts_of_different_sizes_count_in_coins() -> None:
    cents = perpetual("B", 0.0002, step="1", multiplier="0.01")
    data = [*books(A, BIDS, [(30_000.0, 1.0)]), *books(cents, BIDS, [(30_000.0, 150.0), (30_001.0, 900.0)])]
    done = run({3: buy("2.000")}, [A, cents], data)
    assert done.script.filled() == {"B": D(200)}  # contracts of 0.01
    done = run({3: buy("2.005")}, [A, cents], data)
    # 2 coins in whole contracts at 30 006.00 and 30 007.00, and 0.005 that only A takes, at 30 015.
    assert done.script.filled() == {"A": D("0.005"), "B": D(200)}


def test_without_another_venue_an_order_goes_on_unchanged() -> None:
    done = run({3: buy()}, [A], books(A, BIDS, [(30_000.0, 9.0)]))
    order = done.script.orders[0]
    assert order.status == OrderStatus.FILLED
    assert done.cache.orders_total_count() == 1
    assert not done.updates


# -- closing -------------------------------------------------------------------------------------------


def test_positions_are_closed_where_they_are_held() -> None:
    better = market()
    for item in list(better):  # C pays far more than anybody
        if item.instrument_id == C.id:
            better.remove(item)
    better += books(C, [(30_040.0, 9.0)], [(30_050.0, 9.0)])
    done = run({3: buy(), 6: sell("2.500")}, [A, B, C], better)
    # Bids are alike, and B's fee is lower: all of B is closed, and half of A.
    assert done.held == [{"A": D("0.5")}]
    done = run({3: buy(), 6: sell("4.000")}, [A, B, C], better)
    assert done.held == [{"C": D(-1)}]  # what opens goes where it brings most
    done = run({3: buy(), 6: sell("2.500")}, [A, B, C], better, close_first=False)
    assert done.held == [{"A": D(1), "B": D(2), "C": D("-2.5")}]


def test_what_is_being_closed_is_not_closed_again() -> None:
    def twice(script: Script) -> None:
        sell("2.000")(script)
        sell("2.000")(script)

    done = run({3: buy(), 6: twice}, [A, B, C], market())
    # The first closes the 2 at B, the second the 1 at A, and opens 1 at B, whose fee is the lowest.
    assert done.held == [{"B": D(-1)}]


def test_what_closes_and_what_opens_share_a_book() -> None:
    steps = {3: sell("1.000", exec_algorithm_params={"venues": "B"}), 6: buy()}
    done = run(steps, [A, B, C], market())
    # 1 at B closes; of the other 2, B has 1 left at 30 012, and A 1 at 30 015.
    assert done.held == [{"A": D(1), "B": D(1)}]


def test_reduce_only_orders_close_and_no_more() -> None:
    done = run({3: buy(), 6: sell("9.000", reduce_only=True)}, [A, B, C], market())
    assert done.held == [{}]
    order = done.script.orders[1]
    assert order.status == OrderStatus.CANCELED
    assert order.quantity == Quantity.from_str("6.000")
    assert all(part.is_reduce_only for part in done.parts(order).values())


def test_what_closes_passes_gates_that_let_nothing_open() -> None:
    valve = Valve()
    steps = {3: buy(), 5: lambda _script: valve.close(), 6: sell("5.000")}
    done = run(steps, [A, B, C], market(), actors=[GateActor(valve)])
    assert done.held == [{}]
    order = done.script.orders[1]
    assert order.status == OrderStatus.CANCELED
    assert order.quantity == Quantity.from_str("2.000")


def test_closing_needs_no_book() -> None:
    done = run({3: buy(), 50: sell()}, [A, B, C, X], [*market(seconds=range(10)), *TIME], routes=ROUTES)
    assert done.held == [{}]
    assert math.isnan(done.updates[done.script.orders[1].client_order_id.value].expected)


def test_positions_that_are_counted_each_by_itself_stay_on_their_instruments() -> None:
    done = run({3: buy(), 6: buy()}, [A, B, C], market(), oms=OmsType.HEDGING)
    positions = done.cache.positions_open()
    assert sorted((p.instrument_id.venue.value, p.quantity.as_decimal()) for p in positions) == [
        ("A", D(1)),
        ("A", D(1)),
        ("B", D(2)),
        ("B", D(2)),
    ]


def test_an_order_that_names_its_position_goes_where_that_is() -> None:
    def close(script: Script) -> None:
        held = next(p for p in script.cache.positions_open() if p.instrument_id == A.id)
        order = script.order_factory.market(A.id, SELL, held.quantity, exec_algorithm_id=ROUTER)
        script.orders.append(order)
        script.submit_order(order, position_id=held.id)

    done = run({3: buy(), 6: close}, [A, B, C], market(), oms=OmsType.HEDGING)
    assert done.held == [{"B": D(2)}]
    assert done.script.orders[1].status == OrderStatus.FILLED


# -- gates ---------------------------------------------------------------------------------------------


class Only:
    """A gate that lets a size open on some venues, and nothing on others."""

    name = "only"

    def __init__(self, **allowed: str) -> None:
        self.allowed = allowed

    def check(self, intent: Intent) -> Verdict:
        size = self.allowed.get(intent.venue)
        return (
            Verdict.allow(self.name) if size is None else Verdict.limit(self.name, D(size), "ONLY", "drill")
        )


def test_every_part_asks_the_gates() -> None:
    done = run({3: buy()}, [A, B, C], market(), actors=[GateActor(Only(B="0.5"))])
    assert done.script.filled() == {"A": D("2.5"), "B": D("0.5")}
    done = run({3: buy()}, [A, B, C], market(), actors=[GateActor(Only(B="0", A="0"))])
    assert done.script.filled() == {"C": D(3)}


def test_an_order_that_no_gate_lets_open_anywhere_is_denied() -> None:
    done = run({3: buy()}, [A, B, C], market(), actors=[GateActor(Valve(D(0)))])
    order = done.script.orders[0]
    assert done.script.kinds(order) == ["OrderInitialized", "OrderDenied"]
    assert "VALVE" in done.script.events[-1].reason
    assert done.cache.orders_total_count() == 1


class Once:
    """A gate that lets previews pass, and a limited sum of orders."""

    name = "once"

    def __init__(self, room: str) -> None:
        self.room = D(room)

    def check(self, intent: Intent) -> Verdict:
        if intent.command == "preview" or intent.opening <= self.room:
            if intent.command != "preview":
                self.room -= intent.opening
            return Verdict.allow(self.name)
        return Verdict.deny(self.name, "ONCE", "drill")


def test_a_denied_part_goes_elsewhere_or_nowhere() -> None:
    # A's part of 1 passes, B's of 2 does not, nor what is tried instead of it.
    done = run({3: buy()}, [A, B, C], market(), actors=[GateActor(Once("1.5"))])
    order = done.script.orders[0]
    assert done.script.filled() == {"A": D(1)}
    assert order.status == OrderStatus.CANCELED
    assert order.quantity == Quantity.from_str("2.000")
    assert "ONCE" in done.updates[order.client_order_id.value].reason


# -- health --------------------------------------------------------------------------------------------


def test_a_venue_without_fresh_data_is_left_out() -> None:
    quiet = [item for item in market() if item.instrument_id != B.id or item.ts_init < START + 5 * SECOND]
    done = run({3: buy("1.000"), 40: buy("1.000")}, [A, B, C], quiet)
    assert [set(done.parts(order)) for order in done.script.orders] == [{"B"}, {"A"}]
    reason = done.updates[done.script.orders[1].client_order_id.value].excluded["BTCUSDT-PERP.B"]
    assert "old" in reason


def test_a_halted_market_is_left_out_until_it_trades_again() -> None:
    def status(second: int, action: MarketStatusAction) -> InstrumentStatus:
        ts = START + second * SECOND
        return InstrumentStatus(B.id, action, ts, ts)

    data = [*market(), status(5, MarketStatusAction.HALT), status(20, MarketStatusAction.TRADING)]
    steps = {3: buy("1.000"), 10: buy("1.000"), 30: buy("1.000")}
    done = run(steps, [A, B, C], data)
    assert [set(done.parts(order)) for order in done.script.orders] == [{"B"}, {"A"}, {"B"}]


def test_with_no_venue_left_an_order_is_denied() -> None:
    done = run({50: buy()}, [A, B, C, X], [*market(seconds=range(10)), *TIME], routes=ROUTES)
    order = done.script.orders[0]
    assert order.status == OrderStatus.DENIED
    assert "bound 30 s" in done.script.events[-1].reason


def test_rejected_parts_go_to_the_next_venue_at_once() -> None:
    done = run(
        {3: buy()}, [A, B, C], market(), venue=lambda name: incidents(rejecting()) if name == "B" else {}
    )
    order = done.script.orders[0]
    assert done.script.filled() == {"A": D(3)}
    assert done.cache.orders_total_count() == 4  # the order, A's and B's part, and A's second
    ends = {event.ts_event for event in done.script.events if event.client_order_id == order.client_order_id}
    assert max(ends) - min(ends) <= 2 * SECOND


def test_a_venue_that_rejects_all_is_left_out_after_a_while() -> None:
    steps = {n: buy("0.010") for n in range(2, 12)}
    done = run(steps, [A, B, C], market(), venue=lambda name: incidents(rejecting()) if name == "B" else {})
    tried = [order for order in done.script.orders if any(
        part.instrument_id == B.id and part.client_order_id.value.startswith(f"{order.client_order_id}-")
        for part in done.cache.orders()
    )]  # fmt: skip
    # After three it counts as not well, and costs 5 basis points more: 30 027 against A's 30 015.
    assert len(tried) == 3
    assert done.script.filled() == {"A": D("0.1")}
    never = run(
        steps, [A, B, C], market(), venue=lambda name: incidents(rejecting()) if name == "B" else {},
        degraded_cost=0.0,
    )  # fmt: skip
    assert len([part for part in never.cache.orders() if part.instrument_id == B.id]) == 4  # it is down then


def test_an_order_everybody_rejects_is_denied_with_what_they_said() -> None:
    done = run({3: buy()}, [A, B, C], market(), venue=lambda _name: incidents(rejecting()))
    order = done.script.orders[0]
    assert done.script.kinds(order) == ["OrderInitialized", "OrderDenied"]
    assert done.script.filled() == {}
    assert "drill" in done.script.events[-1].reason
