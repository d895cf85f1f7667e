"""The meta-learner in real engine runs: who is chosen trades, the others are watched and stay flat."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model.data import Bar, BarType, FundingRateUpdate
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.actors import MetaLearner, MetaLearnerConfig, RegimeGate, RegimeGateConfig
from nautilus_quant.gating.intent import Verdict
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.messages import RegimeUpdate, publish
from tests.actors.selection_runs import (
    Selective,
    Steady,
    arms,
    bars,
    buy,
    outcomes,
    path,
    run,
)
from tests.host.engine import BTC, SECOND, START, GateActor, Script


def test_the_better_arm_is_found_and_the_other_stays_flat():
    long, short = arms()
    records = run([long, short], path(1800, drift=2e-6))

    assert records[-1].weights == (1.0, 0.0)
    assert long.left > 0
    assert short.left == 0
    assert [record.trigger for record in records[:2]] == ["start", "arms"]
    assert {record.trigger for record in records[2:]} == {"interval"}
    assert len(records) == 2 + 30


def test_the_chosen_arm_has_the_budget_of_both():
    long, short = arms()
    run([long, short], path(1800, drift=2e-6))

    # 40 % of a million, bought at about 30 100; a twentieth of it may be missing by the threshold.
    assert float(long.left) == pytest.approx(400_000 / 30_100, rel=0.06)


def test_an_arm_that_is_not_chosen_is_watched_all_the_same():
    long, short = arms()
    records = run([long, short], path(1800, drift=2e-6))

    assert sum(record.returns[1] for record in records[1:]) == pytest.approx(-0.0036, rel=0.35)
    assert all(not math.isnan(value) for record in records[2:] for value in record.returns)


def test_forbidden_arms_are_not_chosen():
    long, short = arms()
    records = run([long, short], path(900, drift=2e-6), before=[GateActor(Selective("Long-1"))])

    assert {record.awake for record in records[1:]} == {(False, True)}
    assert {record.weights for record in records[1:]} == {(0.0, 1.0)}
    assert set(long.held.values()) == {Decimal(0)}


def test_with_all_arms_forbidden_everything_is_flat_and_it_says_so():
    gate = Selective()
    long, short = arms()

    class Closer(GateActor):
        def on_start(self) -> None:
            super().on_start()
            self.clock.set_time_alert_ns("close", START + 600 * SECOND + 1, self.close)

        def close(self, _event: Any) -> None:
            gate.forbidden = {"Long-1", "Short-2"}

    records = run([long, short], path(900, drift=2e-6), before=[Closer(gate)])

    assert records[-1].weights == (0.0, 0.0)
    assert "all flat" in records[-1].reason
    assert long.left == short.left == 0
    assert any(long.held.values()) or any(short.held.values())


def test_a_gate_that_does_not_know_closes_nothing():
    class Unsure(Selective):
        def check(self, intent: Any) -> Verdict:
            if intent.strategy in self.forbidden:
                return Verdict.deny(self.name, "REGIME_STALE", "no bars for a while")
            return Verdict.allow(self.name)

    gate = Unsure()
    long, short = arms()

    class Doubter(GateActor):
        def on_start(self) -> None:
            super().on_start()
            self.clock.set_time_alert_ns("doubt", START + 600 * SECOND + 1, self.doubt)

        def doubt(self, _event: Any) -> None:
            gate.forbidden = {"Long-1", "Short-2"}

    records = run([long, short], path(900, drift=2e-6), before=[Doubter(gate)])

    assert records[-1].awake == (False, False)
    assert records[-1].weights == (1.0, 0.0)
    assert long.left > 0


def test_a_regime_change_is_evaluated_at_once_with_the_price_of_its_bar():
    long, short = arms()
    prices = path(200, drift=2e-6)

    class Teller(GateActor):
        def on_start(self) -> None:
            super().on_start()
            self.msgbus.subscribe("data.bars.*", self.tell, priority=20)

        def tell(self, bar: Bar) -> None:
            if bar.ts_event == START + 100 * SECOND:
                publish(self.msgbus, RegimeUpdate(key=str(BTC.id), ts=bar.ts_event, regime="HIGH_VOL"))

    records = run([long, short], prices, before=[Teller(Selective())])
    (changed,) = [record for record in records if record.trigger == "regime"]

    assert changed.ts == START + 100 * SECOND
    assert changed.regime == "HIGH_VOL"
    assert next(r for r in records if r.ts > changed.ts).regime == "HIGH_VOL"
    assert records[0].regime == "ANY"


def test_a_crisis_of_the_market_is_one_of_every_instrument():
    class Teller(GateActor):
        def on_start(self) -> None:
            super().on_start()
            publish(self.msgbus, RegimeUpdate(key=str(BTC.id), ts=START, regime="RANGING"))
            publish(self.msgbus, RegimeUpdate(key="MARKET", ts=START, regime="CRISIS"))

    records = run(list(arms()), path(70), before=[Teller(Selective())])

    assert {record.regime for record in records} == {"CRISIS"}


def test_works_with_the_regime_gate():
    gate = RegimeGate(RegimeGateConfig(warm_up=30, matrix={"steady": ["ALL"]}))
    records = run(list(arms()), path(300, drift=2e-6), before=[gate])

    assert records[0].regime == "ANY"
    assert records[-1].regime in {"RANGING", "STRONG_TREND_UP", "HIGH_VOL"}
    assert any(record.trigger == "regime" for record in records)


def test_a_strategy_of_other_people_is_let_through_or_blocked():
    class Foreign(Script):
        pass

    # With two arms that are never observed the first is chosen, by its lower number.
    chosen, blocked = Foreign({5: buy}, tag="1"), Foreign({5: buy}, tag="2")
    records = run([chosen, blocked], path(60), arms={"Foreign-1": str(BTC.id), "Foreign-2": str(BTC.id)})

    assert records[0].weights == (1.0, 0.0)
    assert outcomes(chosen) == ["OrderFilled"]
    assert outcomes(blocked) == ["OrderDenied"]


def test_a_strategy_of_other_people_is_learnt_from_through_its_closed_positions():
    def sell(script: Script) -> None:
        script.submit_order(
            script.order_factory.market(BTC.id, OrderSide.SELL, Quantity.from_str("1.000"), reduce_only=True)
        )

    script = Script({5: buy, 100: sell})
    records = run([script], path(200, drift=1e-5), arms={"Script-001": str(BTC.id)})

    observed = [record.returns[0] for record in records if not math.isnan(record.returns[0])]
    assert observed == [pytest.approx((run.account - 1_000_000) / 1_000_000, rel=1e-4)]


def test_before_an_arm_has_said_anything_it_is_not_chosen():
    class Late(Steady):
        def on_bar(self, bar: Bar) -> None:
            if bar.ts_event > START + 130 * SECOND:
                super().on_bar(bar)

    late = Late(1.0, "Late", order_id_tag="1", allocation=0.2)
    records = run([late], path(200))

    assert [(r.trigger, r.weights) for r in records] == [
        ("start", (0.0,)),
        ("interval", (0.0,)),
        ("interval", (0.0,)),
        ("arms", (1.0,)),
        ("interval", (1.0,)),
    ]


def test_the_bar_that_closes_with_the_interval_is_part_of_it():
    records = run(list(arms()), path(200))
    boundary = START - START % (60 * SECOND) + 60 * SECOND

    assert next(record for record in records if record.trigger == "interval").ts == boundary


def test_without_a_bar_an_evaluation_waits_a_few_seconds_and_no_longer():
    prices = path(200)
    gap = [bar for bar in bars(prices) if not 30 * SECOND < bar.ts_event - START < 150 * SECOND]
    records = run(list(arms()), prices, bars_=gap)
    boundary = START - START % (60 * SECOND) + 60 * SECOND

    assert boundary + 5 * SECOND in {record.ts for record in records}


def test_what_does_not_compete_is_left_alone():
    long, short = arms()
    records = run([long, short], path(300), exclude=("Short-2",))

    assert records[0].arms == ("Long-1",)
    assert short.left < 0
    assert set(run.allocations) == {f"Long-1|{BTC.id}@selector"}


def test_an_arm_that_is_not_on_the_node_is_refused_by_name():
    with pytest.raises(Exception, match="'Nobody-1'"):
        run(list(arms()), path(5), arms={"Nobody-1": str(BTC.id)})


def test_funding_counts_against_who_pays_it():
    paid = FundingRateUpdate(BTC.id, Decimal("0.01"), START + 90 * SECOND, START + 90 * SECOND)
    records = run(list(arms()), path(200), extra=[paid])

    covering = next(record for record in records if record.ts > START + 90 * SECOND)
    assert covering.returns[0] == pytest.approx(-0.01, abs=5e-4)
    assert covering.returns[1] == pytest.approx(0.01, abs=5e-4)


def test_impact_makes_large_would_be_trades_dearer():
    class Late(Steady):
        def on_bar(self, bar: Bar) -> None:
            if bar.ts_event > START + 30 * SECOND:  # how much a day trades is known by then
                super().on_bar(bar)

    def earned(**config: Any) -> float:
        strategy = Late(1.0, "Late", order_id_tag="1", allocation=0.2)
        return sum(record.returns[0] for record in run([strategy], path(300), **config)[1:])

    assert earned(impact=1.0) < earned() - 1e-6


def test_bars_of_another_length_do_not_count_twice():
    minute = BarType.from_str(f"{BTC.id}-1-MINUTE-LAST-EXTERNAL")
    prices = path(300, drift=2e-6)
    price = Price(29_000.0, BTC.price_precision)
    others = [
        Bar(minute, price, price, price, price, Quantity(1, BTC.size_precision), ts, ts)
        for ts in (START + n * SECOND + 1 for n in range(60, 300, 60))
    ]
    alone, both = run(list(arms()), prices), run(list(arms()), prices, extra=others)

    # A wild price of the other bars would blow up the volatility, and shrink every reward.
    assert both[-1].rewards == pytest.approx(alone[-1].rewards, rel=0.2)


def test_it_goes_on_after_a_restart(tmp_path):
    state = f"sqlite:///{tmp_path}/state.db"
    prices = path(1200, drift=2e-6)
    first = run(list(arms()), prices[:900], state=state)
    again = run(list(arms()), prices[:60], state=state)[len(first) :]

    assert first[-1].weights == (1.0, 0.0)
    assert again[0].trigger == "start"
    assert again[0].weights == (1.0, 0.0)
    assert again[0].evidence[0] > 0.9 * first[-1].evidence[0]


def test_without_anything_to_choose_from_it_stays_out_of_the_way():
    script = Script({5: buy})
    records = run([script], path(60))

    assert records == []
    assert outcomes(script) == ["OrderFilled"]


def test_when_it_stops_nothing_more_is_opened():
    stopped: list[MetaLearner] = []

    class Stopper(Script):
        def on_start(self) -> None:
            super().on_start()
            stopped.extend(a for a in find_kernel_actors(self) if isinstance(a, MetaLearner))

    def stop(script: Script) -> None:
        stopped[0].stop()
        buy(script)

    script = Stopper({10: stop})
    run([script], path(60))

    assert outcomes(script) == ["OrderDenied"]


def find_kernel_actors(strategy: Any) -> list[Any]:
    gateway = find_gateway(strategy.msgbus)
    return gateway._kernel.trader.actors()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"policy": "tompson"}, "thompson"),
        ({"output": "two"}, "two"),
        ({"clip": 1e400}, "inf"),
    ],
)
def test_impossible_settings_are_refused_at_once(wrong, message):
    with pytest.raises(ValueError, match=message):
        MetaLearner(MetaLearnerConfig(**wrong))
