"""The performance guard in real engine runs, with strategies that know nothing of it."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from nautilus_trader.config import ActorConfig
from nautilus_trader.examples.strategies.ema_cross import EMACross, EMACrossConfig
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import OmsType, OrderSide
from nautilus_trader.model.events import OrderCanceled, OrderDenied, OrderFilled, PositionClosed
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.actors.performance_guard import (
    PerformanceGuard,
    PerformanceGuardConfig,
    PerformanceOverride,
)
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.messages import subscribe
from nautilus_quant.host.performance import PerformanceUpdate
from nautilus_quant.host.state import StateError, shared_store
from nautilus_quant.safety.performance import PerformanceLimits, Stage
from tests.host.engine import BTC, SECOND, START, USDT, Script, engine, quotes
from tests.strategies.bar_runs import BARS, bars

QUICK: dict[str, Any] = {
    "window": 4,
    "min_trades": 2,
    "probation": 1,
    "min_win_rate": 0.5,
    "pause": 20.0,
    "max_pause": 60.0,
}
ETH = TestInstrumentProvider.ethusdt_perp_binance()
FALLING = [30_000.0 - 10.0 * n for n in range(100)]


def guard(**config: Any) -> PerformanceGuard:
    return PerformanceGuard(PerformanceGuardConfig(**{**QUICK, **config}))


def order(side: OrderSide, size: str = "1.000", **options: Any) -> Any:
    def step(script: Script) -> None:
        made = script.order_factory.market(BTC.id, side, Quantity.from_str(size), **options)
        script.submit_order(made)

    return step


BUY, SELL = order(OrderSide.BUY), order(OrderSide.SELL)
TWO_LOSSES = {1: BUY, 2: SELL, 3: BUY, 4: SELL}  # in a falling market; the second closes at 4 s


def run(script: Any, actor: PerformanceGuard, prices: list[float] | None = None, **options: Any) -> Any:
    made = engine(quotes(prices or FALLING), actors=[actor], strategies=[script], **options)
    heard: list[PerformanceUpdate] = []
    closed: list[PositionClosed] = []
    subscribe(made.kernel.msgbus, PerformanceUpdate, heard.append)
    made.kernel.msgbus.subscribe(
        "events.position.*", lambda e: closed.append(e) if isinstance(e, PositionClosed) else None
    )
    made.run()
    script.left = sum((p.signed_decimal_qty() for p in made.cache.positions_open()), Decimal(0))
    script.heard, script.closed, script.guard = heard, closed, actor
    script.gateway = find_gateway(made.kernel.msgbus)
    made.dispose()
    return script


def denials(script: Script) -> list[str]:
    return [event.reason for event in script.events if isinstance(event, OrderDenied)]


def test_a_losing_strategy_is_paused_and_may_enter_again_afterwards():
    script = run(Script({**TWO_LOSSES, 10: BUY, 23: BUY, 30: BUY}), guard())
    assert len(denials(script)) == 2
    assert "won 0.0% over the last 2 trades, the floor is 50.0%" in denials(script)[0]
    assert script.left == 1
    assert [(u.key, u.stage, u.ts - START) for u in script.heard] == [
        ("Script-001", "PAUSED", 4 * SECOND),
        ("Script-001", "PROBATION", 24 * SECOND),
    ]
    assert script.heard[0].until == START + 24 * SECOND
    assert script.gateway is None


def eth(side: OrderSide, size: str) -> Any:
    def step(script: Script) -> None:
        script.submit_order(script.order_factory.market(ETH.id, side, Quantity.from_str(size)))

    return step


def test_what_reduces_passes_in_a_pause_and_nothing_more():
    steps = {
        0: eth(OrderSide.BUY, "3.000"),
        **TWO_LOSSES,
        6: eth(OrderSide.SELL, "1.000"),
        7: eth(OrderSide.SELL, "5.000"),  # would go short by three
        8: eth(OrderSide.SELL, "2.000"),
    }
    script = Script(steps)
    data = [*quotes([2_000.0] * 100, ETH), *quotes(FALLING)]
    made = engine(data, actors=[guard()], strategies=[script], instruments=(BTC, ETH))
    made.run()
    filled = [
        str(e.last_qty) for e in script.events if isinstance(e, OrderFilled) and e.instrument_id == ETH.id
    ]
    assert filled == ["3.000", "1.000", "2.000"]
    assert len(denials(script)) == 1
    assert not made.cache.positions_open()
    made.dispose()


def test_each_instrument_by_itself_when_asked_for():
    steps = {**TWO_LOSSES, 6: eth(OrderSide.BUY, "3.000"), 7: BUY}
    script = Script(steps)
    data = [*quotes([2_000.0] * 100, ETH), *quotes(FALLING)]
    actor = guard(per="instrument")
    made = engine(data, actors=[actor], strategies=[script], instruments=(BTC, ETH))
    made.run()
    assert len(denials(script)) == 1
    assert actor.stages == {f"Script-001|{BTC.id}": Stage.PROBATION}
    made.dispose()


def test_a_flip_ends_a_trade_and_parts_of_a_close_do_not():
    steps = {
        1: order(OrderSide.BUY, "2.000"),
        2: SELL,  # half of it
        3: order(OrderSide.SELL, "3.000"),  # the other half, and two short
        4: order(OrderSide.BUY, "2.000"),
    }
    script = run(Script(steps), guard(min_trades=4))
    assert len(script.closed) == 2
    (document,) = [m.to_dict() for m in script.guard._book.monitors.values()]
    results = [pnl for pnl, _ in document["trades"]]
    assert results == [event.realized_pnl.as_double() for event in script.closed]
    assert results[0] < 0.0
    values = [float(event.peak_qty) * event.avg_px_open for event in script.closed]
    assert [notional for _, notional in document["trades"]] == pytest.approx(values)
    assert values[0] == pytest.approx(2 * (29_990.0 + 0.1))


def test_the_results_are_what_is_left_of_the_balance():
    """Commissions included: the sum of results is the change of the account."""
    script = Script({1: BUY, 2: SELL, 3: order(OrderSide.SELL, "2.000"), 9: order(OrderSide.BUY, "2.000")})
    actor = guard(min_trades=4)
    made = engine(quotes(FALLING), actors=[actor], strategies=[script])
    made.run()
    (account,) = made.cache.accounts()
    (monitor,) = actor._book.monitors.values()
    trades = monitor.to_dict()["trades"]
    assert len(trades) == 2
    change = account.balance_total(USDT).as_double() - 1_000_000.0
    assert sum(pnl for pnl, _ in trades) == pytest.approx(change, abs=1e-6)
    made.dispose()


def test_resting_entries_are_cancelled_by_a_pause():
    def bid(script: Script) -> None:
        size, price = Quantity.from_str("1.000"), Price.from_str("25000.0")
        script.submit_order(script.order_factory.limit(BTC.id, OrderSide.BUY, size, price))

    steps = {0: bid, **TWO_LOSSES}
    script = run(Script(steps), guard())
    assert [type(e) for e in script.events if isinstance(e, OrderCanceled)] == [OrderCanceled]
    kept = run(Script(steps), guard(cancel=False))
    assert not [e for e in kept.events if isinstance(e, OrderCanceled)]


def test_resting_exits_stay_in_a_pause():
    def sell_eth(one: Script) -> None:
        size, price = Quantity.from_str("3.000"), Price.from_str("3000.00")
        one.submit_order(one.order_factory.limit(ETH.id, OrderSide.SELL, size, price))

    script = Script({0: eth(OrderSide.BUY, "3.000"), 1: sell_eth, 2: BUY, 3: SELL, 4: BUY, 5: SELL})
    data = [*quotes([2_000.0] * 100, ETH), *quotes(FALLING)]
    actor = guard()
    made = engine(data, actors=[actor], strategies=[script], instruments=(BTC, ETH))
    made.run()
    assert "Script-001" in actor.stages
    assert not [e for e in script.events if isinstance(e, OrderCanceled)]
    made.dispose()


def test_strategies_hear_of_a_loss_after_the_guard_did():
    """What a strategy does on hearing that its position closed is judged with that position."""

    class Eager(Script):
        def on_position_closed(self, event: PositionClosed) -> None:
            BUY(self)

    script = run(Eager({1: BUY, 2: SELL}), guard(min_trades=1))
    assert len(denials(script)) == 1


def test_changes_go_to_the_journal_and_trades_to_the_state():
    with shared_store("memory://performance-journal") as store:
        script = run(Script(TWO_LOSSES), guard(state="memory://performance-journal"))
        entries = store.entries(kind="performance")
        assert [(e.body["stage"], e.body["code"], e.ts) for e in entries] == [
            (u.stage, u.code, u.ts) for u in script.heard
        ]
        assert entries[0].body["trades"] == 2
        assert entries[0].body["until"] == START + 24 * SECOND
        assert set(store.documents("performance")) == {"Script-001"}


def second_half(url: str, script: Script, start: int, **config: Any) -> PerformanceGuard:
    actor = guard(state=url, **config)
    ticks = [tick for tick in quotes(FALLING) if tick.ts_init > START + start * SECOND]
    made = engine(ticks, actors=[actor], strategies=[script])
    made.run()
    made.dispose()
    return actor


def first_half(url: str) -> None:
    made = engine(quotes(FALLING)[:8], actors=[guard(state=url)], strategies=[Script(TWO_LOSSES)])
    made.run()
    made.dispose()


def test_a_restart_keeps_the_pause_until_its_end():
    url = "memory://performance-restart"
    with shared_store(url):
        first_half(url)
        script = Script({0: BUY, 14: BUY, 16: BUY})  # at 9, 23 and 25 s; the pause ends at 24 s
        actor = second_half(url, script, 8)
    assert len(denials(script)) == 2
    assert actor.stages == {"Script-001": Stage.PROBATION}


def test_a_restart_after_the_pause_goes_on_with_probation():
    url = "memory://performance-late"
    with shared_store(url) as store:
        first_half(url)
        script = Script({0: BUY, 1: SELL})  # one more loss
        actor = second_half(url, script, 30)
        assert not denials(script)
        assert actor.stages == {"Script-001": Stage.PROBATION}  # the second time, by the end of the data
        document = store.get("performance", "Script-001")
        assert document is not None
        assert document["until"] == START + (32 + 40) * SECOND  # twice as long


def test_damaged_state_pauses():
    url = "memory://performance-damaged"
    with shared_store(url) as store:
        store.put("performance", "Script-001", {"version": 1, "stage": "FINE"}, ts=START)
        store.put("performance", "Script-001|other", {"version": 1}, ts=START)
        script = Script({0: BUY})
        second_half(url, script, 0)
    assert "cannot be read" in denials(script)[0]


def test_a_state_that_takes_nothing_does_not_stop_the_guard(monkeypatch):
    from nautilus_quant.host import gate_actor

    class Full:
        """A store that takes nothing more."""

        def documents(self, namespace: str) -> dict[str, Any]:
            return {}

        def put(self, *args: Any, **options: Any) -> None:
            raise StateError("the disk is full")

        put_now = append = put

        def close(self) -> None: ...

    monkeypatch.setattr(gate_actor, "shared_store", lambda url: Full())
    script = run(Script({**TWO_LOSSES, 10: BUY}), guard(state="memory://full"))
    assert len(denials(script)) == 1


def test_a_pause_is_written_before_anybody_hears_of_it(monkeypatch):
    url = "memory://performance-first"
    with shared_store(url) as store:
        stored: list[str] = []

        class Reader(Script):
            def on_start(self) -> None:
                super().on_start()
                subscribe(self.msgbus, PerformanceUpdate, self._on_update)

            def _on_update(self, update: PerformanceUpdate) -> None:
                document = store.get("performance", update.key)
                assert document is not None
                stored.append(document["stage"])

        run(Reader(TWO_LOSSES), guard(state=url))
    assert stored == ["PAUSED", "PROBATION"]


def test_pauses_are_committed_at_once_and_trades_are_queued(monkeypatch):
    from nautilus_quant.host import gate_actor

    calls: list[tuple[str, str, int]] = []

    class Desk:
        """A store that remembers how it was written to."""

        def documents(self, namespace: str) -> dict[str, Any]:
            return {}

        def put(self, namespace: str, key: str, document: Any, *, ts: int) -> None:
            calls.append(("put", document["stage"], len(document["trades"])))

        def put_now(self, namespace: str, key: str, document: Any, *, ts: int) -> None:
            calls.append(("put_now", document["stage"], len(document["trades"])))

        def append(self, *args: Any, **options: Any) -> None: ...

        def close(self) -> None: ...

    monkeypatch.setattr(gate_actor, "shared_store", lambda url: Desk())
    run(Script(TWO_LOSSES), guard(state="memory://desk"))
    assert calls == [("put", "OK", 1), ("put_now", "PAUSED", 0), ("put", "PROBATION", 0)]


def saw() -> list[float]:
    """Ups and downs that make a trend follower lose on each turn."""
    up = [30_000.0 + 20.0 * n for n in range(4)]
    return (up + up[::-1]) * 36


def crossing() -> EMACross:
    return EMACross(
        EMACrossConfig(
            instrument_id=BTC.id,
            bar_type=BarType.from_str(BARS),
            trade_size=Decimal("0.100"),
            fast_ema_period=3,
            slow_ema_period=6,
            request_bars=False,
            subscribe_quote_ticks=False,
            subscribe_trade_ticks=False,
        )
    )


@pytest.mark.parametrize("oms", [OmsType.NETTING, OmsType.HEDGING])
def test_a_foreign_strategy_is_judged_and_paused(oms):
    prices = saw()

    def trades(actor: PerformanceGuard) -> int:
        made = engine([*quotes(prices), *bars(prices)], actors=[actor], strategies=[crossing()], oms=oms)
        made.run()
        filled = sum(order.is_closed and order.filled_qty > 0 for order in made.cache.orders())
        assert not made.cache.positions_open()
        made.dispose()
        return filled

    free, paused = guard(min_win_rate=0.0, min_profit_factor=0.0, min_expectancy=-1.0), guard()
    without, with_pauses = trades(free), trades(paused)
    assert list(free.stages) == ["EMACross-000"]
    assert list(paused.stages) == ["EMACross-000"]
    assert with_pauses < 0.7 * without


def test_overrides_are_by_strategy_id():
    lenient = {"Script-002": {"min_win_rate": 0.0, "min_profit_factor": 0.0, "min_expectancy": -1.0}}
    actor = PerformanceGuard(
        PerformanceGuardConfig.parse(msgspec.json.encode({**QUICK, "overrides": lenient}))
    )
    one, two = Script({**TWO_LOSSES, 10: BUY}), Script({**TWO_LOSSES, 10: BUY}, tag="002")
    made = engine(quotes(FALLING), actors=[actor], strategies=[one, two])
    made.run()
    made.dispose()
    assert (len(denials(one)), len(denials(two))) == (1, 0)


def test_a_reset_engine_runs_the_same_again():
    actor, script = guard(), Script({**TWO_LOSSES, 10: BUY})
    made = engine(quotes(FALLING), actors=[actor], strategies=[script])
    made.run()
    first = denials(script)
    made.reset()
    assert actor.stages == {}
    script.seen, script.events = 0, []
    made.run()
    assert denials(script) == first
    made.dispose()


def test_defaults_are_those_of_the_rule():
    config, rule = PerformanceGuardConfig(), PerformanceLimits()
    for item in fields(PerformanceLimits):
        assert getattr(config, item.name) == getattr(rule, item.name), item.name


def test_impossible_configs_are_refused_when_the_actor_is_made():
    with pytest.raises(ValueError, match="min_trades <= window"):
        PerformanceGuard(PerformanceGuardConfig(window=5))
    with pytest.raises(ValueError, match="pause <= max_pause"):
        guard(overrides={"A-1": PerformanceOverride(pause=100.0)})


def test_the_config_survives_the_trip_through_json():
    config = PerformanceGuardConfig(per="instrument", overrides={"A-1": PerformanceOverride(window=30)})
    assert isinstance(config, ActorConfig)
    assert PerformanceGuardConfig.parse(config.json()) == config
    with pytest.raises(msgspec.ValidationError, match="windw"):
        PerformanceGuardConfig.parse('{"overrides": {"A-1": {"windw": 3}}}')
