"""The exit manager over restarts, refusals and slow answers, and where no exit can rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.objects import Money, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.actors.exit_manager import ExitManager
from nautilus_quant.host.exits_orders import ExitOrders
from nautilus_quant.host.exits_settings import ExitSettings
from nautilus_quant.host.state import shared_store
from tests.actors.exit_runs import BUY, FLAT, SELL, D, Watch, manager, order, run
from tests.host.engine import BTC, SECOND, START, USDT, Script, engine, quotes


def test_on_this_side_with_a_warning():
    actor = manager(
        client_side=("BINANCE",), stop_losses=((0.01, 0.5), (0.02, 0.5)), take_profits=((0.01, 0.5),)
    )
    prices = [*FLAT, 30_310.0, 30_000.0, 29_690.0, 29_690.0, 29_300.0, 29_300.0]
    script = run({1: order(OrderSide.BUY, "4.000")}, actor, prices, covers=False)
    closes = [(second, size) for second, how, size, _ in script.fills if how == "SELL"]
    # Half at the target, then half of what is left, then the rest.
    assert closes == [(5, "2.000"), (7, "1.000"), (9, "1.000")]
    assert not script.watch.stops
    assert sorted(alert.severity for alert in script.alerts) == ["WARNING", "WARNING"]
    assert "watched for on this side: the settings keep exits" in script.alerts[0].text
    assert all(o.is_reduce_only for o in script.final if o.tags)


def test_a_gap_through_a_moved_stop_is_closed_at_market():
    # At second 6 the bid has gained 3 %, and at second 7, before a trailed stop can have arrived, lost it.
    prices = [*FLAT, 30_000.0, 31_000.0, 30_000.0, 30_000.0, 30_000.0, 30_000.0]
    latency = LatencyModel(base_latency_nanos=800_000_000)
    actor = manager(stop_losses=((0.05, 1.0),), trailing=0.01)
    script = run({1: BUY}, actor, prices, latency_model=latency)
    assert script.left == 0
    assert script.fills[-1][1:] == ("SELL", "3.000", "29999.9")
    assert script.working == []


def test_refused_stops_are_watched_for_here_and_said_so(monkeypatch: pytest.MonkeyPatch):
    honest = ExitOrders.stop

    # A venue without conditional orders: what it is sent is a stop in the market, which it refuses.
    monkeypatch.setattr(
        ExitOrders, "stop", lambda self, p, r, q, price: honest(self, p, r, q, price + D(1_000))
    )
    prices = [*[30_000.0] * 15, 29_690.0, 29_690.0, 29_690.0]
    script = run({1: BUY}, manager(stop_losses=((0.01, 1.0),), retries=3), prices)
    assert len(script.watch.rejects) == 3
    assert script.fills[-1] == (15, "SELL", "3.000", "29689.9")
    assert [alert.severity for alert in script.alerts] == ["CRITICAL"]
    assert "refused 3 times" in script.alerts[0].text
    assert script.left == 0


def test_a_restart_goes_on_with_orders_and_ladders(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/state.db"
    prices = [*FLAT, *[30_600.0] * 10, *[30_500.0] * 10]
    first = manager(stop_losses=((0.02, 1.0),), trailing=0.01, take_profits=((0.05, 1.0),), state=url)
    second = ExitManager(first.config)
    script = Script(
        {1: BUY, 10: lambda _: first.stop(), 15: lambda _: second.start()},
    )
    made = engine(quotes(prices), actors=[first], strategies=[script])
    watch = Watch(made)
    second.register_base(
        portfolio=made.kernel.portfolio,
        msgbus=made.kernel.msgbus,
        cache=made.kernel.cache,
        clock=made.kernel.clock,
    )
    made.run()
    # Best bid 30 599.9 less 300.001 is 30 299.899. The second finds both orders, sends none, and knows why.
    assert watch.stops == ["3.000 @ 29700.1", "3.000 @ 30299.9"]
    (desk,) = second.desks.values()
    assert desk.ladder.stops == (30_299.9,)
    assert len(made.cache.orders_open()) == 2
    assert len(made.cache.orders()) == 4
    made.dispose()


def test_the_journal_and_the_state(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/state.db"
    actor = manager(stop_losses=((0.01, 1.0),), state=url)
    run({1: BUY}, actor, [*FLAT, 29_600.0, 29_600.0])
    store = shared_store(url)
    assert [entry.body["what"] for entry in store.entries(kind="exit")] == ["armed", "stop", "filled"]
    assert store.entries(kind="exit", strategy="Script-001")
    assert store.documents("exits") == {}  # nothing is kept of a closed position
    store.close()


def restarted(settings: dict[str, Any], prices: list[float], down: tuple[int, int], tmp_path: Path) -> Any:
    """Run with a manager that stops and another that takes up its state."""
    first = manager(**settings, state=f"sqlite:///{tmp_path}/state.db")
    second = ExitManager(first.config)
    steps = {1: order(OrderSide.BUY, "4.000")}
    script = Script({**steps, down[0]: lambda _: first.stop(), down[1]: lambda _: second.start()})
    made = engine(quotes(prices), actors=[first], strategies=[script])
    watch = Watch(made)
    kernel = made.kernel
    second.register_base(
        portfolio=kernel.portfolio, msgbus=kernel.msgbus, cache=kernel.cache, clock=kernel.clock
    )
    made.run()
    watch.working = {f"{o.order_type}:{o.leaves_qty}" for o in made.cache.orders_open()}
    watch.all = [str(o.leaves_qty) for o in made.cache.orders_open()]
    made.dispose()
    return watch


def test_what_exits_closed_while_the_node_was_down_is_not_closed_again(tmp_path: Path):
    settings = {"stop_losses": ((0.02, 1.0),), "take_profits": ((0.01, 0.5), (0.05, 0.25))}
    prices = [*FLAT, *[30_000.0] * 3, *[30_320.0] * 20]
    watch = restarted(settings, prices, (6, 15), tmp_path)
    # The first target has sold two at second 8; of the two left, one is for the second target.
    assert [(second, size) for second, side, size, _ in watch.fills if side == "SELL"] == [(8, "2.000")]
    assert sorted(watch.all) == ["1.000", "2.000"]


def test_time_runs_on_while_the_node_is_down(tmp_path: Path):
    settings = {"stop_losses": ((0.02, 1.0),), "time_stop": 10.0}
    watch = restarted(settings, [30_000.0] * 30, (5, 20), tmp_path)
    assert watch.fills[-1][:3] == (20, "SELL", "4.000")


def test_a_cash_account_is_watched_from_this_side():
    spot = TestInstrumentProvider.btcusdt_binance()

    class Spot(Script):
        def on_start(self) -> None:
            self.subscribe_quote_ticks(spot.id)

    def buy(script: Script) -> None:
        made = script.order_factory.market(spot.id, OrderSide.BUY, Quantity.from_str("0.500000"))
        script.submit_order(made)

    made = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    made.add_venue(
        venue=spot.id.venue,
        oms_type=OmsType.NETTING,
        account_type=AccountType.CASH,
        base_currency=None,
        starting_balances=[Money(100_000, USDT)],
    )
    made.add_instrument(spot)
    made.add_data(quotes([*FLAT, *[30_000.0] * 5, *[29_650.0] * 4], spot))
    made.add_actor(manager(stop_losses=((0.01, 1.0),)))
    made.add_strategy(Spot({1: buy}))
    watch = Watch(made, covers=False)
    made.run()
    assert [fill[:3] for fill in watch.fills] == [(1, "BUY", "0.500000"), (10, "SELL", "0.500000")]
    assert [alert.severity for alert in watch.alerts] == ["WARNING"]
    assert "cash account" in watch.alerts[0].text
    made.dispose()


def test_a_close_that_is_refused_is_tried_again_less_and_less_often(monkeypatch: pytest.MonkeyPatch):
    honest = ExitOrders.market
    tried: list[int] = []

    def refused(self: ExitOrders, position: Any, rung: Any, quantity: Any) -> Any:
        tried.append((self._kernel.clock.timestamp_ns() - START) // SECOND)
        if len(tried) > 4:
            return honest(self, position, rung, quantity)
        return self.stop(position, rung, quantity, D(40_000))  # in the market: the venue refuses it

    monkeypatch.setattr(ExitOrders, "market", refused)
    script = run({1: BUY}, manager(stop_losses=((0.05, 1.0),), time_stop=5.0), [30_000.0] * 40)
    assert tried == [6, 7, 9, 13, 21]
    assert script.left == 0
    assert [alert.severity for alert in script.alerts] == ["CRITICAL"]


def test_a_change_that_is_refused_is_sent_as_a_new_order_where_changes_are_wanted(
    monkeypatch: pytest.MonkeyPatch,
):
    honest = ExitOrders.modify
    tried: list[Any] = []

    def refused(self: ExitOrders, placed: Any, quantity: Any, price: Any) -> None:
        tried.append(price)
        honest(self, placed, quantity, D(40_000) if len(tried) == 1 else price)

    monkeypatch.setattr(ExitOrders, "modify", refused)
    steps = {1: BUY, 5: order(OrderSide.SELL, "1.000")}
    script = run(steps, manager(stop_losses=((0.01, 1.0),), replace="modify"), [30_000.0] * 10)
    assert len(tried) == 2
    sizes = [str(o.leaves_qty) for o in script.final if o.is_open]
    assert sizes == ["2.000"]
    assert not script.alerts


def test_a_strategy_that_was_not_chosen_is_left_alone():
    alone = run({1: BUY, 10: SELL}, manager(strategies=("Nobody-001",)), [30_000.0] * 20, covers=False)
    assert [fill[:3] for fill in alone.fills] == [(1, "BUY", "3.000"), (10, "SELL", "3.000")]
    assert len(alone.final) == 2


def test_impossible_exits_are_refused_at_once():
    with pytest.raises(ValueError, match="rising distances"):
        manager(stop_losses=((0.02, 0.5), (0.01, 0.5)))
    with pytest.raises(ValueError, match="at least one exit"):
        manager(overrides={"A-001": ExitSettings(stop_losses=())})


def test_targets_never_close_more_than_is_held_where_answers_take_time():
    steps = {1: BUY, 6: order(OrderSide.BUY, "1.000"), 12: order(OrderSide.SELL, "2.000")}
    latency = LatencyModel(base_latency_nanos=1_500_000_000)
    actor = manager(stop_losses=((0.02, 1.0),), take_profits=((0.02, 0.5), (0.03, 0.5)))
    script = run(steps, actor, [30_000.0] * 30, latency_model=latency)
    targets = sorted(str(o.leaves_qty) for o in script.final if o.is_open and o.has_price)
    assert sum(map(D, targets)) == 2
    assert script.left == 2


def test_a_stop_on_its_way_is_waited_for_before_all_is_closed_at_market():
    # Bought at 2.5 s, which the quote at 3 s brings about; the price falls through the stop at 4 s, while it
    # is on its way. It arrives at 4.5 s and is refused with the quote at 5 s: sent at market only then.
    latency = LatencyModel(base_latency_nanos=1_500_000_000)
    prices = [30_000.0] * 4 + [29_600.0] * 10
    script = run({1: BUY}, manager(stop_losses=((0.01, 1.0),)), prices, latency_model=latency)
    sold = [second for second, side, _, _ in script.fills if side == "SELL"]
    ours = sorted(o.ts_init for o in script.final if o.tags)
    assert [(ts - START) / SECOND for ts in ours] == [3.0, 5.0]
    assert len(script.watch.rejects) == 1
    assert len(sold) == 1
    assert script.left == 0


def test_a_position_opened_before_the_last_ones_orders_are_gone_begins_anew():
    prices = [*FLAT, *[30_900.0] * 10, *[30_700.0] * 30]
    latency = LatencyModel(base_latency_nanos=1_500_000_000)
    actor = manager(stop_losses=((0.02, 1.0),), trailing=0.01)
    script = run({1: BUY, 20: SELL, 21: BUY}, actor, prices, latency_model=latency, covers=False)
    # The first trailed to 30 899.9 - 300.001, up to 30 599.9; the second is new: 30 700.1 * 0.99 = 30 393.1.
    assert "3.000 @ 30599.9" in script.watch.stops
    assert script.watch.stops[-1] == "3.000 @ 30393.1"
    assert [str(o.trigger_price) for o in script.final if o.is_open] == ["30393.1"]
    assert script.left == 3


def test_an_addition_moves_the_ladder_to_the_average_price():
    prices = [*FLAT, *[30_600.0] * 10]
    actor = manager(stop_losses=((0.01, 1.0),), take_profits=((0.05, 1.0),))
    script = run({1: BUY, 7: BUY}, actor, prices)
    # (30 000.1 + 30 600.1) / 2 = 30 300.1; 1 % below: 29 997.099; 5 % above: 31 815.105.
    assert script.watch.stops == ["3.000 @ 29700.1", "6.000 @ 29997.1"]
    assert [str(o.price) for o in script.final if o.is_open and o.has_price] == ["31815.2"]


def test_an_exit_that_its_strategy_cancels_is_sent_again_and_not_in_a_circle():
    script = run(
        {1: BUY, 8: lambda s: s.cancel_all_orders(BTC.id)},
        manager(stop_losses=((0.01, 1.0),)),
        [30_000.0] * 12,
        covers=False,
    )
    assert script.watch.stops == ["3.000 @ 29700.1"] * 2

    class Stubborn(Script):
        def on_order_accepted(self, event: Any) -> None:
            self.cancel_order(self.cache.order(event.client_order_id))

    other = Stubborn({1: BUY}, tag="002")
    script = run({}, manager(stop_losses=((0.01, 1.0),)), [30_000.0] * 12, others=[other], covers=False)
    assert 8 <= len(script.watch.stops) <= 12  # once a second
