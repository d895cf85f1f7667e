"""The router in a backtest of several venues: where orders go, and how they are booked."""

import math
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from nautilus_trader.model.data import InstrumentStatus
from nautilus_trader.model.enums import (
    AccountType,
    MarketStatusAction,
    OmsType,
    OrderSide,
    OrderStatus,
    TimeInForce,
    TriggerType,
)
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.model.orders import Order

from nautilus_quant.gating.intent import Intent, Verdict
from nautilus_quant.venues.incident_module import IncidentModule, IncidentModuleConfig
from tests.actors.routing_runs import (
    ROUTER,
    SECOND,
    START,
    USDT,
    Levels,
    Script,
    books,
    perpetual,
    quote,
    run,
    spot,
)
from tests.host.engine import GateActor, Valve

D = Decimal
BUY, SELL = OrderSide.BUY, OrderSide.SELL
A, B, C = perpetual("A", 0.0005), perpetual("B", 0.0002), perpetual("C", 0.0004)
X = perpetual("X")
ROUTES = ((A.id, B.id, C.id),)
BIDS: Levels = [(29_999.0, 5.0), (29_998.0, 5.0)]


def market(
    a: Levels = ((30_000.0, 1.0), (30_001.0, 5.0)),
    b: Levels = ((30_006.0, 2.0), (30_012.0, 9.0)),
    c: Levels = ((30_050.0, 9.0),),
    **seconds: Any,
) -> list[Any]:
    """With fees, A asks 30 015.00 and 30 016.00, B 30 012.00 and 30 018.00, C 30 062.02."""
    given = zip((A, B, C), (a, b, c), strict=True)
    return [item for one, asks in given for item in books(one, BIDS, asks, **seconds)]


TIME = books(X, BIDS, [(30_000.0, 1.0)])
"""A market that goes on where others fall silent."""


def buy(quantity: str = "3.000", **more: Any) -> Any:
    return lambda script: script.market(A, BUY, quantity, **more)


def sell(quantity: str = "3.000", **more: Any) -> Any:
    return lambda script: script.market(A, SELL, quantity, **more)


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


def incidents(*given: dict[str, Any]) -> dict[str, Any]:
    config = msgspec.convert({"incidents": list(given)}, IncidentModuleConfig)
    return {"modules": [IncidentModule(config)]}


def rejecting(start: float = 0.0, seconds: float = 100.0, share: float = 1.0) -> dict[str, Any]:
    return {"kind": "rejects", "at": start, "duration": seconds, "probability": share}


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


# -- kinds of orders -----------------------------------------------------------------------------------


def test_an_order_larger_than_all_books_is_done_in_waves() -> None:
    thin = market(a=[(30_000.0, 1.0)], b=[(30_006.0, 2.0)], c=[(30_050.0, 0.5)])
    done = run({3: buy("8.000")}, [A, B, C], thin)
    # 3.5, 3.5, and 1 of what is cheapest.
    assert done.script.filled() == {"A": D(2), "B": D(5), "C": D(1)}
    assert len({event.ts_event for event in done.script.events}) >= 3
    few = run({3: buy("8.000")}, [A, B, C], thin, waves=2)
    assert sum(few.script.filled().values()) == D(7)
    assert few.script.orders[0].quantity == Quantity.from_str("1.000")


def test_a_limit_order_takes_what_is_within_it_and_rests_at_home() -> None:
    steps = {
        3: lambda s: s.limit(A, BUY, "5.000", 30_006.0),
        9: lambda s: s.cancel_order(s.orders[0]),
    }
    data = [*market(a=[(30_007.0, 5.0)])]
    done = run(steps, [A, B, C], data)
    order = done.script.orders[0]
    # Only 2 of B ask no more than 30 006; the other 3 rest at A as the order itself.
    assert done.script.filled() == {"B": D(2)}
    assert done.script.kinds(order) == [
        "OrderInitialized",
        "OrderSubmitted",
        "OrderAccepted",
        "OrderPendingCancel",
        "OrderCanceled",
    ]
    assert order.quantity == Quantity.from_str("3.000")
    assert done.parts(order)["B"].time_in_force == TimeInForce.IOC
    update = done.updates[order.client_order_id.value]
    assert (update.filled, update.left, update.over) == (2.0, 3.0, True)


def test_what_rests_may_be_filled_later() -> None:
    later = [*market(a=[(30_007.0, 5.0)], seconds=range(8)), *books(A, BIDS, [(29_999.5, 9.0)], range(8, 20))]
    done = run({3: lambda s: s.limit(A, BUY, "5.000", 30_006.0)}, [A, B, C], later)
    order = done.script.orders[0]
    assert order.status == OrderStatus.FILLED
    assert done.held == [{"A": D(3), "B": D(2)}]
    assert done.updates[order.client_order_id.value].over


def test_immediate_orders_leave_nothing_behind() -> None:
    for force, bought in ((TimeInForce.IOC, "2"), (TimeInForce.FOK, "0")):
        steps = {3: lambda s, force=force: s.limit(A, BUY, "5.000", 30_006.0, time_in_force=force)}
        done = run(steps, [A, B, C], market(a=[(30_007.0, 5.0)]))
        assert sum(done.script.filled().values(), D(0)) == D(bought)
        assert done.script.orders[0].is_closed
        assert not done.cache.orders_open()


def test_all_or_nothing_goes_to_one_venue_that_has_it_all() -> None:
    steps = {3: lambda s: s.limit(A, BUY, "3.000", 30_020.0, time_in_force=TimeInForce.FOK)}
    done = run(steps, [A, B, C], market())
    assert done.script.filled() == {"B": D(3)}  # 90 042.0048 against A's 90 047.0010


def test_what_may_only_rest_rests_and_takes_nothing() -> None:
    steps = {3: lambda s: s.limit(A, BUY, "5.000", 29_990.0, post_only=True)}
    done = run(steps, [A, B, C], market())
    order = done.script.orders[0]
    assert done.script.kinds(order) == ["OrderInitialized", "OrderSubmitted", "OrderAccepted"]
    assert done.cache.orders_total_count() == 1


def test_it_rests_elsewhere_when_its_own_venue_is_down() -> None:
    quiet = [item for item in market() if item.instrument_id != A.id or item.ts_init < START + 2 * SECOND]
    steps = {
        40: lambda s: s.limit(A, BUY, "5.000", 29_990.0),
        45: lambda s: s.cancel_order(s.orders[0]),
    }
    done = run(steps, [A, B, C], quiet)
    order = done.script.orders[0]
    (part,) = done.parts(order).values()
    assert part.instrument_id in (B.id, C.id)
    assert part.price == Price.from_str("29990.0")
    assert part.time_in_force == TimeInForce.GTC
    assert part.status == OrderStatus.CANCELED
    assert done.script.kinds(order) == ["OrderInitialized", "OrderCanceled"]


def test_other_kinds_of_orders_go_on_unchanged() -> None:
    def orders(script: Script) -> None:
        make = script.order_factory
        size = Quantity.from_str("1.000")
        script.send(make.stop_market(A.id, BUY, size, Price.from_str("30500.0"), exec_algorithm_id=ROUTER))
        script.send(
            make.limit(A.id, BUY, size, Price.from_str("29000.0"), display_qty=Quantity.from_str("0.100"),
                       exec_algorithm_id=ROUTER)
        )  # fmt: skip

    done = run({3: orders}, [A, B, C], market())
    assert [order.status for order in done.script.orders] == [OrderStatus.ACCEPTED] * 2
    assert done.cache.orders_total_count() == 2


def test_a_bracket_goes_on_unchanged() -> None:
    def bracket(script: Script) -> None:
        made = script.order_factory.bracket(
            A.id,
            BUY,
            Quantity.from_str("1.000"),
            sl_trigger_price=Price.from_str("29000.0"),
            tp_price=Price.from_str("31000.0"),
            entry_exec_algorithm_id=ROUTER,
        )
        script.submit_order_list(made)

    done = run({3: bracket}, [A, B, C], market())
    assert done.held == [{"A": D(1)}]
    assert done.cache.orders_total_count() == 3


def test_an_emulated_stop_is_routed_when_it_is_released() -> None:
    def stop(script: Script) -> None:
        order = script.order_factory.stop_market(
            A.id,
            BUY,
            Quantity.from_str("3.000"),
            Price.from_str("30010.0"),
            emulation_trigger=TriggerType.BID_ASK,
            exec_algorithm_id=ROUTER,
        )
        script.send(order)

    later = [*market(seconds=range(8)), *market(a=[(30_011.0, 9.0)], seconds=range(8, 20))]
    quotes = [quote(A, second, BIDS, [(30_000.0 if second < 8 else 30_011.0, 1.0)]) for second in range(20)]
    done = run({3: stop}, [A, B, C], [*later, *quotes])
    # A asks 30 026.0055 by then, B 30 012.0012 and 30 018.0024.
    assert done.script.filled() == {"B": D(3)}
    order: Order = done.cache.order(done.script.orders[0].client_order_id)
    assert order.status == OrderStatus.CANCELED


# -- ends ----------------------------------------------------------------------------------------------


def test_cancelling_stops_waves() -> None:
    thin = market(a=[(30_000.0, 1.0)], b=[(30_006.0, 2.0)], c=[(30_050.0, 0.5)])
    steps = {3: buy("8.000"), 4: lambda s: s.cancel_order(s.orders[0])}
    done = run(steps, [A, B, C], thin, pause=3.0)
    assert sum(done.script.filled().values()) == D("3.5")
    assert done.script.orders[0].status == OrderStatus.CANCELED
    assert done.script.orders[0].quantity == Quantity.from_str("4.500")


def test_cancelling_all_orders_reaches_the_router() -> None:
    thin = market(a=[(30_000.0, 1.0)], b=[(30_006.0, 2.0)], c=[(30_050.0, 0.5)])

    def rest(script: Script) -> None:  # without any order of an instrument, NautilusTrader cancels nothing
        size, price = Quantity.from_str("1.000"), Price.from_str("20000.0")
        script.submit_order(script.order_factory.limit(A.id, BUY, size, price))

    steps = {2: rest, 3: buy("8.000"), 4: lambda s: s.cancel_all_orders(A.id)}
    done = run(steps, [A, B, C], thin, pause=3.0)
    assert sum(done.script.filled().values()) == D("3.5")
    assert not [order for order in done.cache.orders() if not order.is_closed]


def test_nothing_is_opened_for_a_strategy_that_has_stopped() -> None:
    thin = market(a=[(30_000.0, 1.0)], b=[(30_006.0, 2.0)], c=[(30_050.0, 0.5)])
    done = run({3: buy("8.000"), 4: lambda s: s.stop()}, [A, B, C], thin, pause=3.0)
    assert sum(done.script.filled().values()) == D("3.5")
    assert done.script.orders[0].status == OrderStatus.CANCELED


def test_what_waits_when_the_router_stops_is_cancelled() -> None:
    thin = market(a=[(30_000.0, 1.0)], b=[(30_006.0, 2.0)], c=[(30_050.0, 0.5)])
    done = run({57: buy("9.000")}, [A, B, C], thin, pause=30.0)
    order = done.script.orders[0]
    assert order.status == OrderStatus.CANCELED
    assert sum(done.script.filled().values()) == D("3.5")


def test_a_cash_account_pays_with_what_it_has() -> None:
    spot_a, spot_b = spot("A", 0.0005), spot("B", 0.0002)
    data = [*books(spot_a, BIDS, [(30_010.0, 9.0)]), *books(spot_b, BIDS, [(30_000.0, 9.0)])]
    balances = {"A": 200_000, "B": 30_100}
    cash = {
        name: {"account_type": AccountType.CASH, "starting_balances": [Money(amount, USDT)],
               "default_leverage": D(1)}
        for name, amount in balances.items()
    }  # fmt: skip
    steps = {
        3: lambda s: s.market(spot_a, BUY, "2.000"),
        9: lambda s: s.market(spot_a, SELL, "1.500"),
    }
    done = run(steps, [spot_a, spot_b], data, venue=lambda name: cash[name])
    bought = done.script.events[: len(done.script.events) // 2]
    assert bought
    first, second = (done.parts(order) for order in done.script.orders)
    assert first["B"].filled_qty.as_decimal() == D("1.002")  # 30 100 / (30 000 · 1.0002 · 1.001)
    assert first["A"].filled_qty.as_decimal() == D("0.998")
    assert sum(part.filled_qty.as_decimal() for part in second.values()) == D("1.5")
    assert all(size >= 0 for size in done.held[0].values())
