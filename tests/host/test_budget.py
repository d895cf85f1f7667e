"""The limits of the portfolio budget in real engine runs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model.enums import OmsType

from nautilus_quant.gating.intent import Side
from nautilus_quant.host.state import shared_store
from nautilus_quant.host.target import TargetStrategy, TargetStrategyConfig
from tests.host.budget_kit import (
    BUY,
    ETH,
    MILLION,
    SELL,
    Keeper,
    denials,
    limit,
    look,
    market,
    play,
    swinging,
)
from tests.host.engine import BTC, SECOND, START, Script, engine, quotes
from tests.strategies.bar_runs import BARS, bars


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


def test_a_hedging_venue_adds_both_sides():
    keeper, seen = Keeper(max_gross=1.0), []
    script = Script({1: market(BUY, "1.000"), 3: market(SELL, "1.000"), 5: look(keeper, seen, "gross")})
    play(keeper, script, oms=OmsType.HEDGING)
    assert seen == [60_000.0]


def test_a_gate_that_left_reserves_nothing_more():
    keeper = Keeper(max_gross=1.0)
    script = Script({})
    play(keeper, script)
    assert keeper.gate.budget.room(Side.BUY, "x", str(BTC.id), MILLION).amount == pytest.approx(MILLION)
    keeper.gate.stop()  # a second time is fine


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


def test_a_cheap_limit_to_sell_is_worth_the_market():
    keeper = Keeper(amounts={"gross": 29_000.0})
    script = Script({1: limit(SELL, "1.000", "100.0"), 3: limit(BUY, "1.000", "100.0")})
    play(keeper, script)
    assert "BUDGET_GROSS" in denials(script)[0]
    assert len(denials(script)) == 1
