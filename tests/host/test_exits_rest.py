"""When no exits are sent, what protects a position at its venue, and sizes that floating point would cut."""

from __future__ import annotations

import pytest
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.host.exits_rest import NodeStopping, protected
from nautilus_quant.host.messages import SafetyStatus, publish
from tests.actors.exit_runs import BUY, D, manager, order, run
from tests.host.engine import BTC

FLAT = [30_000.0] * 30
ETH = TestInstrumentProvider.ethusdt_perp_binance()


def exits(script):
    return [o for o in script.final if o.tags and "EXIT" in o.tags]


def stopping(script):
    publish(script.msgbus, NodeStopping(ts=1))


def kill(state):
    def step(script):
        losses = {"hourly_loss": 0.0, "daily_loss": 0.0, "drawdown": 0.0}
        status = SafetyStatus(ts=1, state=state, equity=1.0, currency="USDT", entries=False, **losses)
        publish(script.msgbus, status)

    return step


def cancel_all(script):
    script.cancel_all_orders(BTC.id)


@pytest.mark.parametrize("quiet", [stopping, kill("flattening")])
def test_nothing_is_sent_on_the_way_down_and_while_the_kill_switch_closes(quiet):
    steps = {1: BUY, 8: quiet, 10: BUY, 12: cancel_all}
    script = run(steps, manager(stop_losses=((0.01, 1.0),), time_stop=15.0), FLAT, covers=False)
    assert len(exits(script)) == 1  # that of before
    assert script.working == []
    assert script.left == 6


def test_after_the_kill_switch_is_armed_again_positions_get_their_exits():
    steps = {1: BUY, 8: kill("flattening"), 10: cancel_all, 15: kill("armed")}
    script = run(steps, manager(stop_losses=((0.01, 1.0),)), FLAT, covers=False)
    assert len(exits(script)) == 2
    assert len(script.working) == 1


def test_a_replaced_stop_is_taken_away_on_the_way_down_too():
    # The price gains 2 % at second 8: the trailed stop is sent, and the node stops before it is accepted.
    prices = [*[30_000.0] * 7, *[30_600.0] * 10]
    actor = manager(stop_losses=((0.02, 1.0),), trailing=0.01)
    latency = LatencyModel(base_latency_nanos=1_500_000_000)
    script = run({1: BUY, 8: stopping}, actor, prices, covers=False, latency_model=latency)
    resting = [str(o.trigger_price) for o in exits(script) if o.is_open]
    assert resting == ["30299.9"]  # 30 599.9 - 300.001


def test_what_is_protected_is_what_stops_of_its_side_cover_and_no_more_than_is_held():
    found = []

    def look(script):
        (position,) = script.cache.positions_open()
        found.append(protected(script.cache, position))

    def stop(size, side=OrderSide.SELL, price="29000.0"):
        def step(script):
            make = script.order_factory.stop_market
            script.submit_order(make(BTC.id, side, BTC.make_qty(size), BTC.make_price(D(price))))

        return step

    steps = {
        1: BUY,
        3: look,
        4: stop(1),
        5: look,
        6: stop(5, OrderSide.BUY, "31000.0"),
        7: look,
        8: stop(2.5),
        9: look,
    }
    run(steps, manager(strategies=("Nobody-001",)), FLAT, covers=False)
    assert found == [0, 1, 1, 3]


def test_a_size_that_floats_would_cut_is_protected_whole_and_once():
    script = run({1: order(OrderSide.BUY, "0.043")}, manager(stop_losses=((0.01, 1.0),)), FLAT)
    assert [str(o.quantity) for o in exits(script)] == ["0.043"]
    assert str(BTC.make_qty(D("0.043"), round_down=True)) == "0.042"  # why this is not left to NautilusTrader
