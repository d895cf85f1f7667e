"""The portfolio budget in real engine runs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.common.actor import Actor
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import OmsType, OrderSide, TimeInForce, TriggerType
from nautilus_trader.model.events import OrderDenied, OrderFilled, OrderModifyRejected
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.gating.intent import Side
from nautilus_quant.host.budget import BudgetGate
from nautilus_quant.host.budget_settings import BudgetSettings, BudgetUpdate
from nautilus_quant.host.gateway import OrderGateway, find_gateway
from nautilus_quant.host.messages import Alert, GateDecision, subscribe
from nautilus_quant.host.state import shared_store
from nautilus_quant.host.target import TargetStrategy, TargetStrategyConfig
from nautilus_quant.portfolio.reservations import SCALE
from tests.host.engine import BTC, SECOND, START, Script, Valve, engine, quotes
from tests.strategies.bar_runs import BARS, bars

ETH = TestInstrumentProvider.ethusdt_perp_binance()
MILLION = 1_000_000.0


class Keeper(Actor):
    """Runs the gate as any actor would."""

    def __init__(self, state: str | None = None, before: Any = None, **settings: Any) -> None:
        super().__init__()
        self.settings = BudgetSettings(**{"max_leverage": None, "publish": 1.0, **settings})
        self.url, self.before = state, before
        self.gate: Any = None
        self.updates: list[BudgetUpdate] = []
        self.alerts: list[Alert] = []
        self.decisions: list[GateDecision] = []

    def on_start(self) -> None:
        if self.before is not None:
            OrderGateway.join(self.msgbus, self.before)
        store = shared_store(self.url) if self.url else None
        self.gate = BudgetGate(self.msgbus, self.clock, self.settings, store, self.url)
        for kind, heard in (
            (BudgetUpdate, self.updates), (Alert, self.alerts), (GateDecision, self.decisions),
        ):  # fmt: skip
            subscribe(self.msgbus, kind, heard.append)
        self.gate.start()

    def on_stop(self) -> None:
        self.final = dict(self.gate.budget.exposures.cells)
        self.gate.stop()
        gateway = find_gateway(self.msgbus)
        if self.before is not None and gateway is not None:
            gateway.leave(self.before)

    @property
    def reserved(self) -> float:
        cells = self.gate.budget.exposures.cells.values()
        return sum(cell.buys + cell.sells for cell in cells) / SCALE

    @property
    def gross(self) -> float:
        return self.gate.budget.exposures.sums["total"].gross / SCALE


def market(side: OrderSide, size: str, instrument: Any = BTC, **options: Any) -> Any:
    def step(script: Script) -> None:
        made = script.order_factory.market(instrument.id, side, Quantity.from_str(size), **options)
        script.submit_order(made)

    return step


def limit(side: OrderSide, size: str, price: str, **options: Any) -> Any:
    def step(script: Script) -> None:
        made = script.order_factory.limit(
            BTC.id, side, Quantity.from_str(size), Price.from_str(price), **options
        )
        script.submit_order(made)

    return step


BUY, SELL = OrderSide.BUY, OrderSide.SELL


def play(keeper: Keeper, *scripts: Script, data: Any = None, **options: Any) -> None:
    made = engine(data, actors=[keeper], strategies=scripts, **options)
    made.run()
    for script in scripts:
        script.left = script.position
    made.dispose()


def denials(script: Script) -> list[str]:
    return [event.reason for event in script.events if isinstance(event, OrderDenied)]


def look(keeper: Keeper, seen: list[Any], what: str = "reserved") -> Any:
    return lambda script: seen.append(round(getattr(keeper, what), 2))


def test_three_strategies_of_one_instant_stay_within_the_sum():
    # Room for 0.1 x 1,000,000 = 100,000; each asks for 2 x 25,000 = 50,000: two fit, the third does not.
    # The orders rest, so none has become a position when the next asks.
    keeper = Keeper(max_gross=0.1)
    scripts = [Script({1: limit(BUY, "2.000", "25000.0")}, tag=f"00{n}") for n in range(3)]
    play(keeper, *scripts)
    assert [len(denials(script)) for script in scripts] == [0, 0, 1]
    assert "BUDGET_GROSS" in denials(scripts[2])[0]
    assert "100000.00 of 100000.00 USDT used" in denials(scripts[2])[0]


def test_three_strategies_at_market_in_one_instant():
    # 30,000.1 each; the limit is 70,000, so the third is told that 9,999.8 / 30,000 = 0.333 would pass.
    keeper = Keeper(amounts={"gross": 70_000.0})
    scripts = [Script({1: market(BUY, "1.000")}, tag=f"00{n}") for n in range(3)]
    seen: list[float] = []
    scripts[0].steps[5] = look(keeper, seen, "gross")
    play(keeper, *scripts)
    assert [script.left for script in scripts] == [1, 1, 0]
    assert "0.333" in denials(scripts[2])[0]
    assert seen == [60_000.0]


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


def cancel(script: Script) -> None:
    script.cancel_all_orders(BTC.id)


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


def modify(**changes: str) -> Any:
    def step(script: Script) -> None:
        (order,) = script.cache.orders_open(strategy_id=script.id)
        size, price = changes.get("quantity"), changes.get("price")
        script.modify_order(
            order,
            quantity=None if size is None else Quantity.from_str(size),
            price=None if price is None else Price.from_str(price),
        )

    return step


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


def test_a_flip_needs_no_more_room_than_its_new_side():
    keeper = Keeper(amounts={"gross": 31_000.0})
    script = Script({1: market(BUY, "1.000"), 2: market(SELL, "2.000"), 4: market(BUY, "2.100")})
    play(keeper, script)
    assert script.left == -1
    assert len(denials(script)) == 1  # 1.1 long is 33,000


def test_a_hedge_has_its_room_in_net_and_none_in_gross():
    net = Keeper(amounts={"net": 30_100.0, "instrument": 60_100.0})
    one, two = (
        Script({1: market(BUY, "1.000"), 3: market(BUY, "0.100")}),
        Script({2: market(SELL, "1.000")}, tag="2"),
    )
    play(net, one, two)
    assert "BUDGET_NET" in denials(one)[0] or "BUDGET_INSTRUMENT" in denials(one)[0]
    assert two.left == -1
    gross = Keeper(amounts={"gross": 30_100.0})
    one, two = Script({1: market(BUY, "1.000")}), Script({2: market(SELL, "1.000")}, tag="2")
    play(gross, one, two)
    assert "BUDGET_GROSS" in denials(two)[0]


def test_the_allocation_of_a_canary_binds_strategies_of_others():
    keeper = Keeper(allocation=0.01)
    script = Script({1: market(BUY, "1.000"), 2: market(BUY, "0.333"), 3: market(BUY, "0.100")})
    play(keeper, script)
    first, second = denials(script)
    assert "BUDGET_ALLOCATION" in first
    assert "0.333" in first  # 10,000 of 30,000
    assert "BUDGET_ALLOCATION" in second
    assert script.left == Decimal("0.333")


def test_limits_by_name_and_by_group():
    keeper = Keeper(
        max_strategy=1.0,
        overrides={"strategy:Script-002": 0.01},
        amounts={"group:majors": 45_000.0},
        groups={"majors": [str(BTC.id), str(ETH.id)]},
    )
    one = Script({1: market(BUY, "1.000"), 3: market(BUY, "10.000", ETH)})
    two = Script({2: market(BUY, "1.000"), 4: market(SELL, "2.000", ETH)}, tag="002")
    data = sorted([*quotes([30_000.0] * 20), *quotes([2_000.0] * 20, ETH)], key=lambda tick: tick.ts_init)
    play(keeper, one, two, data=data, instruments=(BTC, ETH))
    assert "BUDGET_GROUP" in denials(one)[0]
    assert "BUDGET_STRATEGY" in denials(two)[0]
    assert two.left == Decimal(-2)


def test_unknown_equity_and_prices_open_nothing():
    keeper = Keeper(max_gross=1.0)

    class Early(Script):
        def on_start(self) -> None:
            super().on_start()
            market(BUY, "1.000")(self)

    script = Early({3: market(BUY, "1.000")})
    play(keeper, script)
    assert [decision.code for decision in keeper.decisions] == ["BUDGET_PRICE"]  # nobody has quoted yet
    assert script.left == 1


def test_a_stale_equity_opens_nothing():
    keeper = Keeper(max_gross=1.0)
    # Nothing of BTC is heard for 100 s after a position was opened, while ETH goes on.
    data = [*quotes([30_000.0] * 3), *quotes([2_000.0] * 100, ETH)]
    late = Script({})
    late.on_start = lambda: late.subscribe_quote_ticks(ETH.id)  # type: ignore[method-assign]
    late.steps[90] = market(BUY, "1.000", ETH)
    play(keeper, Script({1: market(BUY, "1.000")}, tag="002"), late, data=data, instruments=(BTC, ETH))
    assert "BUDGET_EQUITY" in denials(late)[0]


def test_how_far_limits_are_used_is_told_once_a_burst():
    keeper = Keeper(allocation=0.1)
    script = Script({1: market(BUY, "1.000"), 10: market(BUY, "2.100"), 20: market(SELL, "3.000")})
    play(keeper, script)
    assert [(round(u.used["allocation"], -1), u.ts - START) for u in keeper.updates] == [
        (30_000.0, 2 * SECOND),
        (93_000.0, 11 * SECOND),
        (3_000.0, 21 * SECOND),
    ]
    # Commissions take a little of the equity and so of the bound of about 100,000.
    assert [(a.severity, a.ts - START) for a in keeper.alerts] == [
        ("WARNING", 11 * SECOND),
        ("INFO", 21 * SECOND),
    ]
    assert keeper.alerts[0].key == "budget|allocation"


def test_a_backtest_tells_at_reviews_alone_unless_asked():
    keeper = Keeper(allocation=0.1, publish=None, review=20.0)
    play(keeper, Script({n: market(BUY, "0.100") for n in range(1, 30)}))
    assert [update.ts - START for update in keeper.updates] == [20 * SECOND, 40 * SECOND]


def test_a_market_that_moves_raises_the_alert_by_itself():
    keeper = Keeper(amounts={"gross": 35_000.0}, review=5.0)
    prices = [30_000.0] * 10 + [34_000.0] * 20
    play(keeper, Script({1: market(BUY, "1.000")}), data=quotes(prices))
    assert [(a.severity, (a.ts - START) // SECOND) for a in keeper.alerts] == [("WARNING", 10)]


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


def test_a_hedging_venue_adds_both_sides():
    keeper, seen = Keeper(max_gross=1.0), []
    script = Script({1: market(BUY, "1.000"), 3: market(SELL, "1.000"), 5: look(keeper, seen, "gross")})
    play(keeper, script, oms=OmsType.HEDGING)
    assert seen == [60_000.0]


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


def test_a_gate_that_left_reserves_nothing_more():
    keeper = Keeper(max_gross=1.0)
    script = Script({})
    play(keeper, script)
    assert keeper.gate.budget.room(Side.BUY, "x", str(BTC.id), MILLION).amount == pytest.approx(MILLION)
    keeper.gate.stop()  # a second time is fine


def swinging(count: int = 60) -> list[float]:
    """Up and down by 1 % a second: a deviation of 1 % a period."""
    return [30_000.0 * (1.01 if n % 2 else 1.0) for n in range(count)]


def test_value_at_risk_limits_what_may_be_opened():
    # 1.645 x 1 % x 1.1 % of a value of 1.1 million; the limit of 0.5 % of a million is reached before.
    keeper = Keeper(max_var=0.005, var_level=0.95, var_horizon=1.0, period=1.0, min_window=20, relearn=1.0,
                    unknown_volatility=None)  # fmt: skip
    script = Script({5: market(BUY, "0.001"), 40: market(BUY, "20.000"), 41: market(BUY, "9.000")})
    play(keeper, script, data=quotes(swinging()))
    first, second = denials(script)
    assert "BUDGET_VAR_UNKNOWN" in first
    assert "BUDGET_VAR" in second
    # 5,000 / 1.645 / 0.00995 = 305,500, at 30,000 some ten.
    (cut,) = [d for d in keeper.decisions if d.code == "BUDGET_VAR"]
    assert 9.5 < float(cut.allowed) < 10.6
    assert script.left == 9
    assert keeper.updates[-1].bounds["var"] == pytest.approx(5_000.0, rel=0.02)
    assert keeper.updates[-1].used["var"] == pytest.approx(9 * 30_000 * 1.645 * 0.00995, rel=0.05)


def test_instruments_that_move_together_become_a_group():
    keeper = Keeper(amounts={"group": 50_000.0}, correlation=0.8, period=1.0, min_window=20, relearn=1.0)
    path = swinging()
    script = Script(
        {40: market(BUY, "1.000"), 42: market(BUY, "15.000", ETH), 44: market(SELL, "15.000", ETH)}
    )
    data = sorted(
        [*quotes(path), *quotes([price / 15.0 for price in path], ETH)], key=lambda tick: tick.ts_init
    )
    play(keeper, script, data=data, instruments=(BTC, ETH))
    (reason,) = denials(script)
    assert "BUDGET_GROUP" in reason
    assert "corr-BTCUSDT-PERP.BINANCE" in reason


def test_returns_survive_a_restart():
    url = "memory://budget-returns"
    settings = {"max_var": 0.005, "var_level": 0.95, "var_horizon": 1.0, "period": 1.0, "min_window": 20}
    with shared_store(url) as store:
        play(Keeper(url, unknown_volatility=None, **settings), Script({}), data=quotes(swinging()))
        assert store.get("budget", "returns") is not None
        ticks = [tick for tick in quotes(swinging(90)) if tick.ts_init >= START + 60 * SECOND]
        script = Script({1: market(BUY, "2.000")})
        play(Keeper(url, unknown_volatility=None, **settings), script, data=ticks)
        assert script.left == 2
        store.put("budget", "returns", {"version": 1, "interval": SECOND, "series": 3, "ts": 0}, ts=START)
        script = Script({1: market(BUY, "2.000")})
        play(Keeper(url, unknown_volatility=None, **settings), script, data=ticks)
        assert "BUDGET_VAR_UNKNOWN" in denials(script)[0]


def test_own_strategies_come_smaller():
    class Wants(TargetStrategy):
        def on_bar(self, bar: Any) -> None:
            self.set_target(BTC.id, 1.0, ts=bar.ts_event)

    keeper = Keeper(amounts={"gross": 90_000.0})
    wants = Wants(TargetStrategyConfig(instrument=BTC.id, bar=BARS, allocation=0.5, order_id_tag="1"))
    made = engine([*quotes([30_000.0] * 60), *bars([30_000.0] * 60)], actors=[keeper], strategies=[wants])
    made.run()
    assert wants.position_of(BTC.id) == Decimal("3.000")  # 500,000 were wanted
    assert [(d.outcome, d.code) for d in keeper.decisions] == [("SIZED_DOWN", "BUDGET_GROSS")] + [
        ("DENY", "BUDGET_GROSS")
    ] * (len(keeper.decisions) - 1)
    made.dispose()


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


def test_a_cheap_limit_to_sell_is_worth_the_market():
    keeper = Keeper(amounts={"gross": 29_000.0})
    script = Script({1: limit(SELL, "1.000", "100.0"), 3: limit(BUY, "1.000", "100.0")})
    play(keeper, script)
    assert "BUDGET_GROSS" in denials(script)[0]
    assert len(denials(script)) == 1


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
