"""Signals on the bus: published by an actor, voted on, and traded by a strategy in a real engine run."""

from __future__ import annotations

import doctest
import math

import pytest
from nautilus_trader.common.actor import Actor
from nautilus_trader.common.component import MessageBus, TestClock
from nautilus_trader.model.data import Bar, DataType, QuoteTick
from nautilus_trader.model.identifiers import TraderId

from nautilus_quant.host import signals
from nautilus_quant.host.messages import TargetUpdate, latest, publish, subscribe
from nautilus_quant.host.signals import SignalBoard, SignalUpdate, publish_signal
from nautilus_quant.host.target import TargetStrategy, TargetStrategyConfig
from nautilus_quant.learning import abtest, power
from nautilus_quant.signals import aggregate
from nautilus_quant.signals.aggregate import AggregatorParams, Vote
from nautilus_quant.signals.aggregate_weights import LearningParams
from tests.host.engine import BTC, SECOND, START, engine, quotes
from tests.strategies.bar_runs import bars

PARAMS = AggregatorParams(weights={"technical": 1.0, "model": 3.0}, max_age=10.0)
NAME = BTC.id.value


@pytest.fixture
def msgbus() -> MessageBus:
    return MessageBus(TraderId("TRADER-001"), TestClock())


@pytest.mark.parametrize("module", [aggregate, signals, abtest, power])
def test_the_examples_are_true(module) -> None:
    ended = doctest.testmod(module)
    assert ended.attempted > 0
    assert ended.failed == 0


def test_whoever_comes_late_hears_what_was_said(msgbus: MessageBus) -> None:
    publish_signal(msgbus, "model", BTC.id, -0.5, confidence=0.8, ts=5 * SECOND, reason="so it is")
    board = SignalBoard.on(msgbus, BTC.id, PARAMS)
    combined = board.combined(5 * SECOND)
    assert (combined.value, combined.confidence) == pytest.approx((-0.5, 0.6))
    kept = latest(msgbus, SignalUpdate, f"model|{NAME}")
    assert (kept.source, kept.instrument, kept.ts, kept.reason) == ("model", NAME, 5 * SECOND, "so it is")


def test_other_instruments_and_targets_nobody_asked_for_are_passed_over(msgbus: MessageBus) -> None:
    board = SignalBoard.on(msgbus, BTC.id, PARAMS)
    publish_signal(msgbus, "model", "ETHUSDT-PERP.BINANCE", 1.0, ts=0)
    publish(msgbus, target("model", 1.0))
    assert board.combined(0).used == ()


def target(strategy: str, exposure: float, instrument: str = NAME, ts: int = 0) -> TargetUpdate:
    key = f"{strategy}|{instrument}"
    return TargetUpdate(key=key, ts=ts, strategy=strategy, instrument=instrument, exposure=exposure)


def test_strategies_vote_by_their_targets(msgbus: MessageBus) -> None:
    names = ("Momentum-1", "Grid-2", "Pairs-3")
    params = AggregatorParams(weights=dict.fromkeys(names, 1.0), vote=Vote.MAJORITY, quorum=3)
    board = SignalBoard.on(msgbus, BTC.id, params, targets=True)
    for name, exposure in zip(names, (0.6, -1.0, 0.4), strict=True):
        publish(msgbus, target(name, exposure))
    publish(msgbus, target("Stranger-4", -1.0))
    publish(msgbus, target("Pairs-3", -1.0, instrument="ETHUSDT-PERP.BINANCE"))
    combined = board.combined(0)
    assert combined.value == pytest.approx(0.5)
    assert combined.confidence == pytest.approx(2 / 3)


def test_a_board_that_leaves_hears_no_more(msgbus: MessageBus) -> None:
    params = AggregatorParams(weights={"model": 1.0, "Grid-2": 1.0}, max_age=10.0)
    board = SignalBoard.on(msgbus, BTC.id, params, targets=True)
    board.leave(msgbus)
    publish_signal(msgbus, "model", BTC.id, 1.0, ts=0)
    publish(msgbus, target("Grid-2", 1.0))
    assert board.combined(0).used == ()


def test_a_board_learns_whom_to_trust(msgbus: MessageBus) -> None:
    params = AggregatorParams(weights={"technical": 1.0, "model": 1.0}, learning=LearningParams())
    board = SignalBoard.on(msgbus, BTC.id, params)
    publish_signal(msgbus, "model", BTC.id, 1.0, ts=0)
    publish_signal(msgbus, "technical", BTC.id, -1.0, ts=0)
    board.learn(math.nan, 0)
    board.learn(0.01, SECOND)
    assert board.aggregator.shares["model"] > 0.5
    assert board.combined(SECOND).value > 0.0


class Opinions(Actor):
    """Says what its script holds at the n-th quote."""

    def __init__(self, script: dict[int, list[tuple[str, float, float]]]) -> None:
        super().__init__()
        self.script = script
        self.seen = 0

    def on_start(self) -> None:
        self.subscribe_quote_ticks(BTC.id)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        for source, value, confidence in self.script.get(self.seen, []):
            publish_signal(self.msgbus, source, BTC.id, value, confidence=confidence, ts=tick.ts_event)
        self.seen += 1


class Follower(TargetStrategy):
    """Wants what the sources say together; a plain subscriber hears the signals, too."""

    def on_target_start(self) -> None:
        self.heard: list[SignalUpdate] = []
        self.board = SignalBoard.on(self.msgbus, self.config.instrument, PARAMS)
        self.subscribe_data(DataType(SignalUpdate))

    def on_bar(self, bar: Bar) -> None:
        combined = self.board.combined(bar.ts_event)
        self.set_target(self.config.instrument, combined.exposure, ts=bar.ts_event, reason=combined.reason)

    def on_data(self, data: SignalUpdate) -> None:
        self.heard.append(data)

    def on_stop(self) -> None:
        super().on_stop()
        self.board.leave(self.msgbus)


def test_a_strategy_trades_what_the_sources_say_together() -> None:
    script = {
        5: [("technical", 1.0, 0.8)],  # exposure 0.8 / 4 = 0.2
        10: [("model", -1.0, 0.4)],  # (0.2 − 0.3) / 0.5 × 0.5 = −0.1
        12: [("technical", math.nan, 1.0)],  # −0.3; the model's word is stale after the 20th second
    }
    strategy = Follower(TargetStrategyConfig(instrument=BTC.id, bar="1-SECOND"))
    closes = [30_000.0] * 40
    made = engine([*quotes(closes), *bars(closes)], actors=[Opinions(script)], strategies=[strategy])
    wanted: list[TargetUpdate] = []
    held: list[tuple[int, float]] = []
    subscribe(made.kernel.msgbus, TargetUpdate, wanted.append)
    made.kernel.msgbus.subscribe(
        "events.position.*", lambda event: held.append((event.ts_event, event.signed_qty))
    )
    made.run()
    by_second = {(update.ts - START) // SECOND: update.exposure for update in wanted}
    assert by_second[4] == 0.0
    assert by_second[9] == pytest.approx(0.2)
    assert by_second[11] == pytest.approx(-0.1)
    assert by_second[19] == pytest.approx(-0.3)
    assert by_second[25] == 0.0
    assert wanted[-1].reason == "0 of 1 sources needed are heard"
    sizes = [size * 30_000.0 / 1_000_000.0 for _, size in held]
    assert max(sizes) == pytest.approx(0.2, abs=0.01)
    assert min(sizes) == pytest.approx(-0.3, abs=0.01)
    assert float(strategy.position_of(BTC.id)) == 0.0
    assert [update.source for update in strategy.heard] == ["technical", "model", "technical"]
    made.dispose()
