"""Kinds of orders that are routed, what rests of them, and how they end."""

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model.enums import (
    AccountType,
    OrderStatus,
    TimeInForce,
    TriggerType,
)
from nautilus_trader.model.objects import Currency, Money, Price, Quantity
from nautilus_trader.model.orders import Order

from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.liquidator import Liquidator
from tests.actors.routing_runs import (
    BIDS,
    BUY,
    ROUTER,
    SECOND,
    SELL,
    START,
    USDT,
    A,
    B,
    C,
    Script,
    books,
    buy,
    market,
    perpetual,
    quote,
    run,
    spot,
)

D = Decimal


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


def test_all_or_nothing_is_not_divided_into_what_closes_and_what_opens() -> None:
    steps = {
        3: buy("1.000", exec_algorithm_params={"venues": "C"}),
        6: lambda s: s.limit(A, SELL, "2.000", 29_000.0, time_in_force=TimeInForce.FOK),
        9: lambda s: s.limit(A, SELL, "9.000", 29_000.0, time_in_force=TimeInForce.FOK, reduce_only=True),
    }
    done = run(steps, [A, B, C], market())
    assert done.held == [{"B": D(-2), "C": D(1)}]  # B's fee is the lowest
    assert len(done.parts(done.script.orders[1])) == 1
    assert done.script.orders[2].status == OrderStatus.DENIED


def test_currencies_worth_the_same_may_be_on_one_route() -> None:
    other = perpetual("B", 0.0002, quoted="USDC")
    data = [*books(A, BIDS, [(30_000.0, 9.0)]), *books(other, BIDS, [(30_000.0, 9.0)])]
    coins = {"starting_balances": [Money(1_000_000, Currency.from_str("USDC"))]}
    steps = {3: lambda s: s.limit(A, BUY, "2.000", 30_000.0, time_in_force=TimeInForce.IOC)}
    more = {"venue": lambda name: coins if name == "B" else {}, "routes": ((A.id, other.id),)}
    done = run(steps, [A, other], data, **more)
    assert done.script.filled() == {"B": D(2)}
    unnamed = run(steps, [A, other], data, venue=more["venue"])
    assert unnamed.script.filled() == {"A": D(2)}  # by themselves only the same coins are one market


def test_an_order_the_router_fails_on_is_denied_and_the_node_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_arguments: Any) -> None:
        raise RuntimeError("drill")

    monkeypatch.setattr("nautilus_quant.host.routing_market.RoutingMarket.allowed", broken)
    done = run({3: buy(), 6: buy()}, [A, B, C], market())
    assert [order.status for order in done.script.orders] == [OrderStatus.DENIED] * 2
    assert "ROUTER_ERROR: RuntimeError('drill')" in done.script.events[-1].reason


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


def test_an_order_sent_before_the_router_runs_is_answered() -> None:
    class Early(Script):
        def on_start(self) -> None:
            super().on_start()
            self.market(A, BUY, "1.000")

    done = run({}, [A, B, C], market(), script=Early({}))
    order = done.script.orders[0]
    assert order.status == OrderStatus.DENIED
    assert done.cache.orders_total_count() == 1


def test_what_cancels_everything_in_an_emergency_reaches_the_router() -> None:
    thin = market(a=[(30_000.0, 1.0)], b=[(30_006.0, 2.0)], c=[(30_050.0, 0.5)])
    cancelled: list[int] = []
    steps = {
        3: buy("8.000"),
        4: lambda s: cancelled.append(Liquidator(find_kernel(s.msgbus)).cancel_all()),
    }
    done = run(steps, [A, B, C], thin, pause=3.0)
    assert cancelled == [1]
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
