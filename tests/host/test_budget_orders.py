"""What the portfolio budget reserves, whatever becomes of an order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import OmsType, TimeInForce, TriggerType
from nautilus_trader.model.events import OrderFilled, OrderModifyRejected
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.host.gateway import OrderGateway, find_gateway
from nautilus_quant.host.messages import GateDecision, subscribe
from nautilus_quant.portfolio.reservations import SCALE
from tests.host.budget_kit import (
    BUY,
    SELL,
    Keeper,
    cancel,
    denials,
    limit,
    look,
    market,
    modify,
    play,
)
from tests.host.engine import BTC, SECOND, START, Script, Valve, quotes


def test_nothing_is_reserved_when_another_gate_denies():
    keeper = Keeper(max_gross=1.0, before=Valve(Decimal(0)))
    seen: list[float] = []
    script = Script({1: limit(BUY, "1.000", "25000.0"), 2: look(keeper, seen)})
    play(keeper, script)
    assert len(denials(script)) == 1
    assert seen == [0.0]


def test_a_gate_asked_later_that_denies_leaks_nothing():
    class Late(Keeper):
        def on_start(self) -> None:
            super().on_start()
            OrderGateway.join(self.msgbus, valve)

        def on_stop(self) -> None:
            super().on_stop()
            gateway = find_gateway(self.msgbus)
            assert gateway is not None
            gateway.leave(valve)

    valve = Valve(Decimal(0))
    keeper = Late(max_gross=1.0)
    seen: list[float] = []
    script = Script({1: limit(BUY, "1.000", "25000.0"), 2: look(keeper, seen)})
    play(keeper, script)
    assert len(valve.asked) == 1
    assert len(denials(script)) == 1
    assert seen == [0.0]


def test_what_is_cancelled_is_released():
    keeper, seen = Keeper(max_gross=1.0), []
    script = Script(
        {
            1: limit(BUY, "1.000", "25000.0"),
            2: look(keeper, seen),
            3: cancel,
            5: look(keeper, seen),
        }
    )
    play(keeper, script)
    assert seen == [25_000.0, 0.0]
    assert keeper.final == {}


def test_what_is_rejected_is_released():
    keeper, seen = Keeper(max_gross=1.0), []
    # Post only at a price that would take: the venue rejects it.
    script = Script({1: limit(BUY, "1.000", "31000.0", post_only=True), 3: look(keeper, seen)})
    play(keeper, script)
    assert "OrderRejected" in script.kinds()
    assert seen == [0.0]


def test_what_expires_is_released():
    import pandas as pd

    keeper, seen = Keeper(max_gross=1.0), []
    until = pd.Timestamp(START + 5 * SECOND, unit="ns", tz="UTC")
    bid = limit(BUY, "1.000", "25000.0", time_in_force=TimeInForce.GTD, expire_time=until)
    script = Script({1: bid, 2: look(keeper, seen), 8: look(keeper, seen)})
    play(keeper, script)
    assert "OrderExpired" in script.kinds()
    assert seen == [25_000.0, 0.0]


def test_a_fill_moves_from_the_reservation_to_the_position():
    keeper, seen, gross, after = Keeper(max_gross=1.0), [], [], []
    prices = [30_000.0] * 5 + [24_000.0] * 5

    class Watch(Script):
        def on_order_filled(self, event: OrderFilled) -> None:
            gross.append((round(keeper.reserved, 2), round(keeper.gross, 2)))

    script = Watch(
        {
            1: limit(BUY, "2.000", "25000.0"),
            2: look(keeper, seen),
            8: look(keeper, seen),
            9: look(keeper, after, "gross"),
        }
    )
    play(keeper, script, data=quotes(prices))
    assert seen == [50_000.0, 0.0]
    # The strategy hears of its fill before anybody valued at the quote that filled it; 2 x 24,000 soon after.
    assert gross == [(0.0, 60_000.0)]
    assert after == [48_000.0]


def test_a_resting_order_that_closes_reserves_only_what_it_opens():
    keeper, seen = Keeper(max_gross=1.0), []
    script = Script(
        {
            1: market(BUY, "1.000"),
            2: limit(SELL, "3.000", "32000.0"),
            3: look(keeper, seen),  # opens 2 x 32,000
            4: market(BUY, "1.000"),
            5: look(keeper, seen),  # closes two now, opens one
            6: market(SELL, "2.000", reduce_only=True),
            7: look(keeper, seen),  # would open all three
        }
    )
    play(keeper, script)
    assert seen == [64_000.0, 32_000.0, 96_000.0]


def test_changes_are_reserved_as_they_are_approved():
    keeper, seen = Keeper(amounts={"gross": 60_000.0}), []
    script = Script(
        {
            1: limit(BUY, "2.000", "25000.0"),
            2: look(keeper, seen),
            3: modify(price="26000.0"),  # judged as a whole: 52,000, and its own 50,000 are not in its way
            5: look(keeper, seen),
            6: modify(quantity="3.000"),  # one more: 78,000
            8: look(keeper, seen),
            9: modify(quantity="1.000"),
            11: look(keeper, seen),
        }
    )
    play(keeper, script)
    assert seen == [50_000.0, 52_000.0, 52_000.0, 26_000.0]
    assert len([e for e in script.events if isinstance(e, OrderModifyRejected)]) == 1


@pytest.mark.parametrize("oms", [OmsType.NETTING, OmsType.HEDGING])
def test_a_restart_counts_what_is_open(oms):
    """The gate starts, as after a restart, when a position and orders are already there."""
    keeper = Keeper(max_gross=1.0)
    seen: list[tuple[float, float]] = []

    def again(script: Script) -> None:
        before = (keeper.reserved, keeper.gross)
        keeper.gate.stop()
        keeper.gate.reset()
        assert keeper.gross == 0.0
        keeper.gate.start()
        seen.extend([before, (keeper.reserved, keeper.gross)])

    script = Script(
        {
            1: market(BUY, "1.000"),
            2: limit(BUY, "2.000", "25000.0"),
            5: again,
            6: cancel,
            8: look(keeper, seen),
        }
    )
    play(keeper, script, oms=oms)
    assert seen == [(50_000.0, 80_000.0), (50_000.0, 80_000.0), 0.0]


def test_bracket_orders_reserve_their_entry_alone():
    keeper, seen = Keeper(max_gross=1.0), []

    def bracket(script: Script) -> None:
        script.submit_order_list(
            script.order_factory.bracket(
                BTC.id,
                BUY,
                Quantity.from_str("1.000"),
                entry_order_type=2,
                entry_price=Price.from_str("29000.0"),
                tp_price=Price.from_str("33000.0"),
                sl_trigger_price=Price.from_str("28000.0"),
            )
        )

    script = Script(
        {1: bracket, 3: look(keeper, seen), 14: look(keeper, seen), 15: look(keeper, seen, "gross")}
    )
    play(keeper, script, data=quotes([30_000.0] * 10 + [28_900.0] * 10))
    assert seen == [29_000.0, 0.0, 28_900.0]
    assert not denials(script)


def test_an_order_to_close_that_lost_its_position_is_reserved():
    """Both close one position; the one that comes too late would open a new one."""
    keeper, seen = Keeper(max_gross=1.0), []
    script = Script(
        {
            1: market(BUY, "1.000"),
            2: limit(SELL, "1.000", "33000.0"),
            3: look(keeper, seen),
            4: market(SELL, "1.000", reduce_only=True),
            6: look(keeper, seen),
            7: cancel,
            9: look(keeper, seen),
        }
    )
    play(keeper, script)
    assert seen == [0.0, 33_000.0, 0.0]


def test_an_emulated_order_is_reserved_when_it_is_released():
    keeper, seen = Keeper(amounts={"gross": 58_000.0}), []
    bid = limit(BUY, "1.000", "29000.0", emulation_trigger=TriggerType.BID_ASK)
    script = Script(
        {
            1: bid,
            2: bid,
            3: bid,
            5: look(keeper, seen),
            13: look(keeper, seen),
            14: look(keeper, seen, "gross"),
        }
    )
    play(keeper, script, data=quotes([30_000.0] * 10 + [28_900.0] * 10))
    assert seen[:2] == [0.0, 0.0]
    assert seen[2] <= 60_000.0
    assert script.left == 2
    assert len(denials(script)) == 1


def test_a_size_in_quote_currency_is_reserved_in_full():
    keeper, seen = Keeper(amounts={"gross": 50_000.0}), []
    spend = market(BUY, "30000.000", quote_quantity=True)
    script = Script({1: spend, 2: look(keeper, seen), 3: look(keeper, seen, "gross"), 4: spend})
    play(keeper, script)
    assert seen == [0.0, pytest.approx(30_000.0, rel=1e-3)]
    assert len(denials(script)) == 1


def test_many_orders_leave_nothing_behind():
    keeper = Keeper(max_gross=1.0)
    steps: dict[int, Any] = {}
    for n in range(1, 280, 4):
        steps |= {n: limit(BUY, "0.100", "25000.0"), n + 1: market(BUY, "0.100"), n + 2: cancel}
        steps[n + 3] = market(SELL, "0.100")
    script = Script(steps)
    play(keeper, script, data=quotes([30_000.0] * 300))
    assert not denials(script)
    assert keeper.final == {}
    book = keeper.gate.budget.reservations
    assert (len(book), book._desks, keeper.gate.orders._held, keeper.gate.orders._changes) == (0, {}, {}, {})
    assert set(keeper.gate.budget.exposures.sums) == {"total"}


def test_a_denied_order_reserves_nothing_even_for_a_moment():
    keeper, seen = Keeper(amounts={"gross": 10_000.0}), []

    class Listens(Script):
        def on_start(self) -> None:
            super().on_start()
            subscribe(self.msgbus, GateDecision, lambda _: seen.append(keeper.reserved))

    play(keeper, Listens({1: limit(BUY, "1.000", "25000.0")}))
    assert seen == [0.0]


def test_the_rest_of_an_order_filled_in_part_is_released():
    keeper, seen = Keeper(), []
    # One is offered; the venue cancels the other two.
    one = Quantity.from_str("1.000")
    data = [
        QuoteTick(BTC.id, q.bid_price, q.ask_price, one, one, q.ts_event, q.ts_init)
        for q in quotes([30_000.0] * 9)
    ]
    script = Script(
        {
            1: limit(BUY, "3.000", "30000.1", time_in_force=TimeInForce.IOC),
            3: look(keeper, seen),
            # NautilusTrader itself denies what is more than the instrument's largest size.
            4: limit(BUY, "1500.000", "30000.1"),
            6: look(keeper, seen),
        }
    )
    play(keeper, script, data=data)
    assert script.left == 1
    assert "OrderCanceled" in script.kinds()
    assert "BUDGET" not in denials(script)[0]
    assert seen == [0.0, 0.0]


def test_a_change_is_reserved_until_its_venue_has_answered():
    keeper, seen = Keeper(), []
    script = Script(
        {
            1: limit(BUY, "1.000", "25000.0"),
            10: modify(price="26000.0"),
            11: look(keeper, seen),
            20: modify(price="20000.0"),
            21: look(keeper, seen),  # until it is confirmed, it may still fill at 26,000
            30: look(keeper, seen),
            31: modify(quantity="2.000"),
            32: look(keeper, seen),
        }
    )
    play(keeper, script, latency_model=LatencyModel(3 * SECOND))
    assert seen == [26_000.0, 26_000.0, 20_000.0, 40_000.0]


def test_exits_that_wait_for_their_entry_take_nothing_from_others():
    keeper, seen = Keeper(), []

    def bracket(script: Script) -> None:
        script.submit_order_list(
            script.order_factory.bracket(
                BTC.id,
                BUY,
                Quantity.from_str("1.000"),
                entry_order_type=2,
                entry_price=Price.from_str("29000.0"),
                tp_price=Price.from_str("33000.0"),
                sl_trigger_price=Price.from_str("28000.0"),
            )
        )

    script = Script(
        {1: market(BUY, "1.000"), 2: bracket, 3: limit(SELL, "1.000", "34000.0"), 5: look(keeper, seen)}
    )
    play(keeper, script)
    assert seen == [29_000.0]


def test_a_position_counts_though_nobody_told_of_its_fill():
    keeper, seen = Keeper(max_gross=1.0), []

    def deafen(script: Script) -> None:
        script.msgbus.unsubscribe("events.fills.*", keeper.gate._on_fill)

    def net(_script: Script) -> None:
        seen.append(keeper.gate.budget.exposures.sums["total"].net / SCALE)

    steps = {1: deafen, 2: market(BUY, "1.000"), 3: net, 4: market(SELL, "1.000"), 5: net}
    play(keeper, Script(steps))
    assert seen == [30_000.0, 0.0]
