"""The safety engine on a live kernel: the world outside of the market, and what breaks in it."""

from __future__ import annotations

import os
import signal
from decimal import Decimal

import pytest
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.actors import SafetyEngine, SafetyEngineConfig
from nautilus_quant.gating.intent import Intent, Side
from nautilus_quant.host.state import StateError, StateStore
from tests.host.live import live_system

BTC = TestInstrumentProvider.btcusdt_perp_binance()
BUY = OrderSide.BUY


@pytest.fixture
def live():
    with live_system() as system:
        yield system


@pytest.fixture
def client(live):
    client = live.venue("BINANCE", BTC)
    live.balance(client, USDT=100_000)
    return client


@pytest.fixture
def started(live, client, tmp_path):
    """Start engines on this kernel; all are stopped at the end."""
    running = []

    def start(**config) -> SafetyEngine:
        settings = {"state": f"sqlite:///{tmp_path}/state.db", "kill_file": f"{tmp_path}/kill", **config}
        engine = SafetyEngine(SafetyEngineConfig(**settings))
        live.kernel.trader.add_actor(engine)
        engine.start()
        live.quote(BTC, 30_000)
        poll(live, engine)
        running.append(engine)
        return engine

    yield start
    for engine in running:
        if engine.is_running:
            engine.stop()


def poll(live, engine: SafetyEngine, times: int = 3) -> None:
    """Let some seconds' work of the timer happen, and what it asked for in threads."""
    for _ in range(times):
        engine._on_poll(None)
        if engine._triggers._asking is not None:
            live.loop.run_until_complete(engine._triggers._asking)
    live.turn()


def entry(live) -> Intent:
    return Intent(
        ts=live.now,
        strategy="S-001",
        instrument=BTC.id.value,
        side=Side.BUY,
        quantity=Decimal(1),
        price=None,
        reducing=Decimal(0),
        opening=Decimal(1),
        notional=30_000.0,
    )


def answer(live, engine: SafetyEngine) -> str:
    return engine._guard.check(entry(live)).code


def test_entries_are_open_on_a_healthy_machine(live, started):
    assert answer(live, started()) == "ALLOW"


def test_nothing_new_is_opened_while_the_state_cannot_be_written(live, started, monkeypatch):
    engine = started()
    kind = type(engine._store)
    monkeypatch.setattr(kind, "problems", property(lambda _: ("disk full",)))
    poll(live, engine)
    verdict = engine._guard.check(entry(live))
    assert verdict.code == "STATE_UNWRITABLE"
    assert verdict.reason.endswith("disk full")
    monkeypatch.undo()
    poll(live, engine)
    assert answer(live, engine) == "ALLOW"


def test_a_state_that_cannot_be_read_stops_neither_the_kill_file_nor_the_valuations(
    live, started, monkeypatch, tmp_path
):
    engine = started()

    def broken(*_: object) -> None:
        raise StateError("locked")

    monkeypatch.setattr(type(engine._store), "get", broken)
    poll(live, engine)
    assert answer(live, engine) == "ALLOW"
    (tmp_path / "kill").touch()
    poll(live, engine)
    assert engine._guard.kill.tripped.trigger == "file"


def test_a_journal_that_is_full_does_not_keep_a_loss_from_being_judged(live, client, started, monkeypatch):
    engine = started(valuation_interval=0.0)
    live.trade(client, BTC, BUY, "10", 30_000)

    def full(*_: object, **__: object) -> None:
        raise StateError("the journal queue is full")

    monkeypatch.setattr(type(engine._store), "append", full)
    monkeypatch.setattr(type(engine._store), "append_now", full)
    client.fill_at = 28_500.0
    for price in (28_600, 28_500, 28_500):
        live.quote(BTC, price)
        live.turn()
    assert not engine._guard.kill.is_armed
    assert live.cache.positions_open() == []


def test_a_valuation_that_fails_closes_new_risk_until_one_succeeds(live, started, monkeypatch):
    engine = started()

    def broken(_now: int) -> None:
        raise ZeroDivisionError

    for way in ("value", "fresh_equity"):
        monkeypatch.setattr(engine._valuer, way, broken)
    poll(live, engine)
    assert answer(live, engine) == "SAFETY_ERROR"
    monkeypatch.undo()
    poll(live, engine)
    assert answer(live, engine) == "ALLOW"


def test_a_clock_set_back_does_not_stop_the_valuations(live, started):
    engine = started()
    engine._lookout.next = live.now + 3_600 * 10**9  # what a clock leaves behind that was an hour ahead
    before = engine._guard.monitor.status.ts
    poll(live, engine)
    assert engine._guard.monitor.status.ts > before


def test_positions_found_at_the_start_get_prices(live, client, started):
    live.trade(client, BTC, BUY, "1", 30_000)
    engine = started()
    assert engine._quoted == {BTC.id.value}


def test_a_request_that_came_while_the_node_was_starting_trips(live, started, tmp_path):
    with StateStore.open(f"sqlite:///{tmp_path}/state.db") as store:
        store.put_now("safety", "kill_request", {"ts": 1, "reason": "enough"}, ts=1)
    engine = started()
    assert engine._guard.kill.tripped.reason == "enough"
    assert engine._store.get("safety", "kill_request") is None


def test_a_re_arming_is_written_with_its_limits_at_once(live, started, tmp_path):
    engine = started()
    engine._guard.monitor._latched = True
    engine._guard.kill.trip(live.now, "drawdown", "test")
    engine._begin()
    for _ in range(8):
        engine._on_step(None)
        engine._watch._truth._asked_at = 0
        live.turn()
    assert engine._guard.kill.state == "halted"
    engine.stop()
    url = f"sqlite:///{tmp_path}/state.db"
    with StateStore.open(url) as store:
        assert store.get("safety", "limits")["latched"]
        store.put_now("safety", "rearm", {"ts": live.now, "reason": "checked"}, ts=live.now)
    seen = {}

    class Watching(SafetyEngine):
        def _restore(self) -> None:
            super()._restore()
            with StateStore.open(url, read_only=True) as store:  # what a kill -9 now would leave
                for name in ("latch", "limits", "rearm"):
                    seen[name] = store.get("safety", name)

    again = Watching(SafetyEngineConfig(state=url, kill_file=f"{tmp_path}/kill", component_id="AGAIN"))
    live.kernel.trader.add_actor(again)
    again.start()
    assert seen["latch"]["state"] == "armed"
    assert not seen["limits"]["latched"]
    assert seen["rearm"] is None  # it counts once
    again.stop()


def test_a_signal_after_the_end_does_not_end_the_process(live, started):
    engine = started()
    engine.stop()
    os.kill(os.getpid(), signal.SIGUSR1)
    live.turn()
    assert engine._guard.kill.is_armed


def test_a_coin_that_is_held_gets_a_price_though_nobody_trades_it(live, client, started):
    coin = TestInstrumentProvider.ethusdt_binance()
    live.cache.add_instrument(coin)
    live.balance(client, USDT=100_000, ETH=5)
    engine = started()
    assert answer(live, engine) == "STALE_EQUITY"
    assert engine._quoted == {coin.id.value}
    live.quote(coin, 3_000)
    poll(live, engine)
    assert answer(live, engine) == "ALLOW"
    assert engine._guard.monitor.status.equity == pytest.approx(115_000)
