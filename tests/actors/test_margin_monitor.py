"""The margin monitor in real engine runs, with strategies that know nothing of it."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.examples.strategies.ema_cross import EMACross, EMACrossConfig
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import OmsType, OrderSide
from nautilus_trader.model.events import OrderCanceled, OrderDenied, OrderFilled
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.actors.margin_monitor import MarginMonitor, MarginMonitorConfig, MarginUpdate
from nautilus_quant.actors.margin_monitor_config import MarginWindowConfig
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.messages import Alert, everything, subscribe
from nautilus_quant.host.state import shared_store
from tests.host.engine import BTC, SECOND, START, Script, engine, quotes
from tests.strategies.bar_runs import BARS, bars

# The runs begin on Tuesday, 14 November 2023, 22:13:20 UTC: 1333 minutes of the day, and 20 seconds.
ETH = TestInstrumentProvider.ethusdt_perp_binance()
MINUTE = 60
ACCOUNT = "BINANCE-001"


def windows(change: int = 22 * 60 + 15, before: float = 10.0, after: float = 5.0) -> tuple[Any, ...]:
    """One leverage until a minute of the day, another from then on; 22:15 is 100 s after the start."""
    return (
        MarginWindowConfig(name="day", start=0, end=change, leverage=before),
        MarginWindowConfig(name="night", start=change, end=0, leverage=after),
    )


# Nothing changes within the hour of a run.
CALM: dict[str, Any] = {
    "windows": (MarginWindowConfig(name="day", start=0, end=0, leverage=10.0),),
    "funding_interval": 0.0,
}
# 10x becomes 5x 100 s after the start; quiet from 70 s on, positions are cut from 80 s on.
NIGHT: dict[str, Any] = {
    "windows": windows(),
    "funding_interval": 0.0,
    "quiet": 30.0,
    "look_ahead": 60.0,
    "act_before": 20.0,
    "interval": 1.0,
}


def monitor(**config: Any) -> MarginMonitor:
    return MarginMonitor(MarginMonitorConfig(**{**CALM, **config}))


def order(side: OrderSide, size: str, instrument: Any = BTC, **options: Any) -> Any:
    def step(script: Script) -> None:
        made = script.order_factory.market(instrument.id, side, Quantity.from_str(size), **options)
        script.submit_order(made)

    return step


def limit(side: OrderSide, size: str, price: str) -> Any:
    def step(script: Script) -> None:
        made = script.order_factory.limit(BTC.id, side, Quantity.from_str(size), Price.from_str(price))
        script.submit_order(made)

    return step


def buy(size: str) -> Any:
    return order(OrderSide.BUY, size)


def sell(size: str, **options: Any) -> Any:
    return order(OrderSide.SELL, size, **options)


def run(
    script: Any, actor: MarginMonitor, prices: list[float] | None = None, others: Any = (), **options: Any
):
    made = engine(quotes(prices or [30_000.0] * 150), actors=[actor], strategies=[script, *others], **options)
    script.alerts, script.updates = [], []
    subscribe(made.kernel.msgbus, Alert, script.alerts.append)
    subscribe(made.kernel.msgbus, MarginUpdate, script.updates.append)
    made.run()
    for one in (script, *others):
        one.left = one.position
    script.gateway = find_gateway(made.kernel.msgbus)
    script.final = made.cache.orders()
    made.dispose()
    return script


def denials(script: Script) -> list[str]:
    return [event.reason for event in script.events if isinstance(event, OrderDenied)]


def test_new_risk_is_limited_by_utilisation():
    script = run(
        Script({1: buy("250.000"), 2: buy("49.588"), 3: buy("49.587"), 4: sell("299.587")}), monitor()
    )
    # 250 cost 250 × 30 000.1 × 0.018 % fee and 250 × 0.1 spread: equity 998 624.9955; at 10x 750 000 are used
    # of 0.9 × 998 624.9955 = 898 762.5; 148 762.5 × 10 / 30 000 = 49.587
    assert "uses 75.1% in the day window (10x): 49.587 more fit" in denials(script)[0]
    assert len(denials(script)) == 1
    assert script.left == 0


def test_without_a_binding_rule_nothing_is_denied():
    script = run(Script({1: buy("1.000"), 2: sell("2.000"), 3: buy("1.000")}), monitor())
    assert denials(script) == []
    assert script.gateway is None


def test_a_quiet_period_denies_and_reductions_pass():
    steps = {
        1: buy("100.000"),
        69: buy("1.000"),
        70: buy("1.000"),
        71: sell("40.000"),
        72: sell("10.000", reduce_only=True),
        73: sell("60.000"),  # closes 50, and would open 10
        99: buy("1.000"),
        100: buy("1.000"),  # the night has begun
    }
    script = run(Script(steps), monitor(**NIGHT))
    assert [reason.split(":")[0] for reason in denials(script)] == ["margin MARGIN_QUIET"] * 3
    assert "within 0.5 min before the night window (5x), which begins in 0.5 min" in denials(script)[0]
    assert script.left == 100 + 1 - 40 - 10 + 1


def test_orders_are_sized_for_the_next_window():
    # At 5x 0.9 × 1 000 000 × 5 / 30 000 = 150 fit, at 10x 300; the look-ahead begins at 40 s.
    script = run(Script({39: buy("151.000"), 41: buy("1.000")}), monitor(**NIGHT))
    assert "in the night window (5x)" in denials(script)[0]
    assert "0 more fit" in denials(script)[0]
    late = run(Script({41: buy("151.000"), 42: buy("150.000")}), monitor(**NIGHT))
    assert "150 more fit" in denials(late)[0]
    assert len(denials(late)) == 1


def test_several_strategies_in_one_instant_cannot_overshoot():
    """Of four that are asked 110 each, 330 would need more than 90 % of the equity at 10x."""
    names = ("001", "002", "003", "004")
    scripts = [Script({1: buy("110.000")}, tag=name) for name in names]
    run(scripts[0], monitor(), others=scripts[1:])
    assert sum(len(denials(script)) for script in scripts) == 2
    assert sum(script.left for script in scripts) == 220


def test_one_strategy_with_two_orders_in_one_instant():
    def both(script: Script) -> None:
        buy("200.000")(script)
        buy("200.000")(script)

    script = run(Script({1: both}), monitor())
    assert "100 more fit" in denials(script)[0]
    assert script.left == 200


def test_resting_orders_count_until_they_are_gone():
    def cancel(script: Script) -> None:
        script.cancel_all_orders(BTC.id)

    bid = limit(OrderSide.BUY, "200.000", "30000.0")
    steps = {1: bid, 2: buy("101.000"), 3: cancel, 5: buy("101.000"), 6: sell("101.000"), 7: buy("290.000")}
    script = run(Script(steps), monitor())
    assert len(denials(script)) == 1
    assert script.left == 290


def test_resting_orders_are_found_again_after_a_restart():
    actor = monitor()
    bid = limit(OrderSide.BUY, "200.000", "30000.0")

    def again(script: Script) -> None:
        actor.reset()
        actor.start()

    steps = {
        1: bid,
        2: lambda script: actor.stop(),
        3: buy("1.000"),
        4: again,
        5: buy("101.000"),
        6: buy("99.000"),
    }
    script = run(Script(steps), actor)
    assert [reason.split(":")[0] for reason in denials(script)] == [
        "margin GATE_STOPPED",
        "margin MARGIN_UTILISATION",
    ]
    assert script.left == 99


def test_an_order_that_is_moved_does_not_stand_in_its_own_way():
    def move(script: Script) -> None:
        (order,) = script.cache.orders_open()
        script.modify_order(order, price=Price.from_str("29990.0"))

    def enlarge(script: Script) -> None:
        (order,) = script.cache.orders_open()
        script.modify_order(order, quantity=Quantity.from_str("301.000"))

    steps = {1: limit(OrderSide.BUY, "280.000", "29000.0"), 2: move, 3: enlarge}
    script = run(Script(steps), monitor())
    assert [k for k in script.kinds() if "Modify" in k or "Updated" in k] == [
        "OrderUpdated",
        "OrderModifyRejected",
    ]


def test_margin_of_other_instruments_and_sides_counts():
    """Short 100 BTC and long 750 ETH at 2000: 3 m and 1.5 m of notional at 10x, 450 000 in all."""
    steps = {1: order(OrderSide.SELL, "100.000"), 2: order(OrderSide.BUY, "750.000", ETH), 3: buy("260.000")}
    script = Script(steps)
    made = engine(
        [*quotes([2_000.0] * 60, ETH), *quotes([30_000.0] * 60)],
        actors=[monitor(report_interval=0.0)], strategies=[script], instruments=(BTC, ETH),
    )  # fmt: skip
    made.run()
    last = everything(made.kernel.msgbus, MarginUpdate)[ACCOUNT]
    made.dispose()
    # The flip closes 100 short and opens 160 long: 4.8 m and 1.5 m need 630 000, which fits.
    assert denials(script) == []
    assert last.utilisation == pytest.approx(630_000.0 / last.equity)
    # 2.5 % of 4.8 m; the ETH of the test kit names no rate: 0.5 % of 1.5 m
    assert last.maintenance == pytest.approx(127_500.0 / last.equity)
    assert set(last.liquidation) == {str(BTC.id), str(ETH.id)}


@pytest.mark.parametrize("side", [OrderSide.BUY, OrderSide.SELL])
def test_the_liquidation_price_is_where_the_account_has_only_its_maintenance(side):
    script = run(Script({1: order(side, "250.000")}), monitor(report_interval=0.0))
    last = script.updates[-1]
    price, sign = last.liquidation[str(BTC.id)], 1 if side == OrderSide.BUY else -1
    equity = last.equity + sign * 250.0 * (price - 30_000.0)
    assert equity == pytest.approx(0.025 * 250.0 * price)
    assert last.distances[str(BTC.id)] == pytest.approx(sign * (30_000.0 - price) / 30_000.0)
    assert last.distance == pytest.approx(last.distances[str(BTC.id)])


def test_brackets_replace_the_rate_of_the_instrument():
    tiers = ((1_000_000.0, 0.01), (None, 0.05))
    actor = monitor(report_interval=0.0, brackets={str(BTC.id): tiers})
    script = run(Script({1: buy("200.000")}), actor)
    last = script.updates[-1]
    # 10 000 of the first million, 5 % of five more
    assert last.maintenance == pytest.approx(260_000.0 / last.equity)


# -- cutting ---------------------------------------------------------------------------------------


def closes(script: Script) -> list[tuple[int, str]]:
    found = [
        e for e in script.events if isinstance(e, OrderFilled) and e.client_order_id.value.startswith("MM")
    ]
    return [((e.ts_event - START) // SECOND, str(e.last_qty)) for e in found]


def test_positions_are_cut_before_the_change_whoever_holds_them():
    script, other = Script({1: buy("150.000")}), Script({1: buy("50.000")}, tag="002")
    run(script, monitor(**NIGHT, enforce="reduce"), others=[other])
    cut = closes(script) + closes(other)
    assert cut
    assert all(80 <= second < 100 for second, _ in cut)
    # 0.8 × 998 700 × 5 / 30 000 = 133.16 may be left, and a little less for the fees of closing.
    left = script.left + other.left
    assert Decimal("132.9") < left < Decimal("133.2")
    assert denials(script) + denials(other) == []
    assert [a.severity for a in script.alerts if a.key.endswith("reduction")] == ["WARNING", "INFO"]
    night = [u for u in script.updates if u.window == "night"]
    assert night[0].utilisation <= 0.8


def test_the_clock_cuts_where_prices_are_looked_at_seldom():
    script = run(Script({1: buy("200.000")}), monitor(**{**NIGHT, "interval": 3_600.0}, enforce="reduce"))
    assert closes(script)[0][0] in {80, 81}


def test_a_position_counts_as_soon_as_its_fill_is_told():
    class Eager(Script):
        def on_order_filled(self, event: OrderFilled) -> None:
            if not self.left:
                self.left = Decimal(1)
                buy("150.000")(self)

    script = run(Eager({1: buy("200.000")}), monitor())
    assert len(denials(script)) == 1


def test_a_plan_is_only_published_when_that_is_asked_for():
    script = run(Script({1: buy("200.000")}), monitor(**NIGHT, enforce="recommend", report_interval=0.0))
    assert script.left == 200
    plans = [u for u in script.updates if u.cuts]
    assert (plans[0].ts - START) // SECOND == 40
    (cut,) = plans[0].cuts
    assert (cut.strategy, cut.instrument) == ("Script-001", str(BTC.id))
    assert Decimal("66.8") < cut.quantity < Decimal("67.2")
    assert len([a for a in script.alerts if a.key.endswith("reduction")]) == 1


def test_nothing_is_planned_when_it_is_off():
    script = run(Script({1: buy("200.000")}), monitor(**NIGHT, enforce="off", report_interval=0.0))
    assert script.left == 200
    assert not any(u.cuts for u in script.updates)
    assert not [a for a in script.alerts if a.key.endswith("reduction")]


def test_orders_that_would_open_are_cancelled_first():
    bid = limit(OrderSide.BUY, "100.000", "29000.0")
    script = run(Script({1: buy("100.000"), 2: bid}), monitor(**NIGHT, enforce="reduce"))
    assert [e for e in script.events if isinstance(e, OrderCanceled)]
    assert closes(script) == []  # 100 fit without it
    assert script.left == 100


def test_exits_stay_and_do_not_count():
    ask = limit(OrderSide.SELL, "100.000", "31000.0")
    script = run(Script({1: buy("100.000"), 2: ask}), monitor(**NIGHT, enforce="reduce"))
    assert not [e for e in script.events if isinstance(e, OrderCanceled)]
    assert script.left == 100


def test_the_cut_is_enough_on_a_hedging_venue():
    script = Script({1: buy("100.000"), 2: sell("100.000")})
    run(script, monitor(**NIGHT, enforce="reduce"), oms=OmsType.HEDGING)
    # Both need margin: 200 in all, of which 133 may stay.
    assert sum(Decimal(size) for _, size in closes(script)) == pytest.approx(Decimal(67), abs=Decimal("0.3"))


def test_a_loss_that_uses_up_the_equity_is_cut_at_once():
    falling = [30_000.0] * 10 + [26_500.0] * 60
    script = run(Script({1: buy("280.000")}), monitor(enforce="reduce", interval=1.0), falling)
    # Equity 998 456.97 − 280 × 3500 leaves some 18 457; 280 × 26 500 / 10 = 742 000 are needed.
    assert closes(script)
    assert closes(script)[0][0] <= 12
    assert script.left < 10


# -- words and state -------------------------------------------------------------------------------


def test_alerts_are_told_once_and_when_they_are_over():
    prices = [30_000.0] * 150
    script = run(Script({1: buy("270.000"), 20: sell("60.000")}), monitor(interval=1.0), prices)
    told = [a for a in script.alerts if a.source == "margin"]
    assert [(a.key, a.severity) for a in told] == [
        (f"margin|{ACCOUNT}|initial", "WARNING"),
        (f"margin|{ACCOUNT}|initial", "INFO"),
    ]
    assert "initial margin uses 81.1% of the equity" in told[0].text
    assert told[0].numbers["utilisation"] == pytest.approx(810_000.0 / told[0].numbers["equity"])


def test_alerts_go_to_the_journal_and_survive_a_restart():
    url = "memory://margin-alerts"
    with shared_store(url) as store:
        run(Script({1: buy("270.000")}), monitor(state=url))
        entries = store.entries(kind="margin")
        assert [(e.body["what"], e.body["about"]) for e in entries] == [("alert", "initial")]
        assert store.documents("margin")[ACCOUNT]["alerts"] == {"initial": True, "maintenance": False}
        again = run(Script({1: buy("270.000")}), monitor(state=url))
        # The new run starts flat: the old alert ends, and begins again with the position.
        assert [a.severity for a in again.alerts if a.source == "margin"] == ["INFO", "WARNING"]


def test_damaged_state_is_passed_over():
    url = "memory://margin-damaged"
    with shared_store(url) as store:
        store.put("margin", ACCOUNT, {"version": 1}, ts=START)
        script = run(Script({1: buy("1.000")}), monitor(state=url))
    assert script.left == 1


def test_reductions_go_to_the_journal():
    url = "memory://margin-reduce"
    with shared_store(url) as store:
        run(Script({1: buy("200.000")}), monitor(**NIGHT, enforce="reduce", state=url))
        kinds = [e.body["what"] for e in store.entries(kind="margin")]
        assert kinds.count("plan") == 1
        assert kinds.count("reduce") >= 1
        (entry,) = [e for e in store.entries(kind="margin") if e.body["what"] == "plan"]
        assert entry.body["cuts"][0]["strategy"] == "Script-001"


def test_a_reduction_is_not_over_because_prices_are_missing():
    """Nobody may read that all fits while nothing is known."""
    config = {**NIGHT, "enforce": "recommend", "report_interval": 0.0}
    absurd = [30_000.0] * 50 + [90_000.0, 200_000.0] * 4 + [30_000.0] * 92
    script = run(Script({1: buy("200.000")}), monitor(**config), absurd)
    assert any(math.isnan(u.utilisation) for u in script.updates)
    assert [a.severity for a in script.alerts if a.key.endswith("reduction")] == ["WARNING"]


def test_no_price_means_no_new_risk():
    script = Script({0: order(OrderSide.BUY, "1.000", ETH)})
    made = engine(actors=[monitor()], strategies=[script], instruments=(BTC, ETH))
    made.run()
    made.dispose()
    assert "MARGIN_UNKNOWN" in denials(script)[0]


def crossing() -> EMACross:
    return EMACross(
        EMACrossConfig(
            instrument_id=BTC.id,
            bar_type=BarType.from_str(BARS),
            trade_size=Decimal("145.000"),
            fast_ema_period=3,
            slow_ema_period=6,
            request_bars=False,
            subscribe_quote_ticks=False,
            subscribe_trade_ticks=False,
        )
    )


@pytest.mark.parametrize("oms", [OmsType.NETTING, OmsType.HEDGING])
def test_a_foreign_strategy_is_judged_and_cut(oms):
    up = [30_000.0 + 20.0 * n for n in range(8)]
    prices = (up + up[::-1]) * 9

    def traded(actor: MarginMonitor) -> tuple[int, int]:
        made = engine([*quotes(prices), *bars(prices)], actors=[actor], strategies=[crossing()], oms=oms)
        made.run()
        orders = made.cache.orders()
        assert not made.cache.positions_open()
        made.dispose()
        cut = [o for o in orders if o.client_order_id.value.startswith("MM") and o.filled_qty > 0]
        return len(cut), sum(o.status.name == "DENIED" for o in orders)

    assert traded(monitor()) == (0, 0)
    at_once = {**NIGHT, "windows": windows(after=4.0), "look_ahead": 30.0, "act_before": 30.0}
    cuts, denied = traded(monitor(**at_once, enforce="reduce"))
    assert cuts >= 1
    assert denied >= 1


def test_a_reset_engine_runs_the_same_again():
    actor = monitor(**NIGHT, enforce="reduce")
    script = Script({1: buy("200.000"), 75: buy("1.000"), 110: buy("20.000")})
    made = engine(quotes([30_000.0] * 150), actors=[actor], strategies=[script])
    made.run()
    first = denials(script), [size for _, size in closes(script)]
    made.reset()
    script.seen, script.events = 0, []
    made.run()
    assert (denials(script), [size for _, size in closes(script)]) == first
    made.dispose()
