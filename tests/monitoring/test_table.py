"""The table of a running node, as drawn."""

import dataclasses
import io
import math

import pytest
from rich.console import Console

from nautilus_quant.monitoring.gates import GateLine
from nautilus_quant.monitoring.snapshot import PositionLine, Snapshot
from nautilus_quant.monitoring.table import live_table, result_table

LIMITS = {"max_hourly_loss": 0.005, "max_daily_loss": 0.02, "max_drawdown": 0.1}


@pytest.fixture
def snapshot():
    held = {"quantity": -0.123, "entry": 60_000.25, "unrealised": -12.5}
    return Snapshot(
        name="mine",
        mode="canary",
        phase="running",
        pid=77,
        started=1_700_000_000_000_000_000,
        ts=1_700_000_061_000_000_000,
        currency="USDT",
        equity=1_050.0,
        equity_start=1_000.0,
        orders=9,
        fills=4,
        denied=2,
        positions=(PositionLine(instrument="BTCUSDT-PERP.SIM", strategy="Momentum-btc", **held),),
        prices={"BTCUSDT-PERP.SIM": 61_000.5, "ETHUSDT-PERP.SIM": 3_001.25},
        regimes={"BTCUSDT-PERP.SIM": "STRONG_TREND_DOWN", "ETHUSDT-PERP.SIM": "RANGING", "MARKET": "CRISIS"},
        gates={"safety": GateLine(allow=3, sized_down=1, deny=2, codes={"DAILY_LOSS": 2, "VAR": 1})},
        latch="halted",
        entries=False,
        hourly_loss=0.001,
        daily_loss=0.002,
        drawdown=0.003,
        data_age={"BTCUSDT-PERP.SIM": 1.5},
        loop_lag=0.004,
        alerts=("[look] here",),
    )


def drawn(shown, width=120):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(shown)
    return console.export_text()


def test_shows_equity_losses_beside_their_limits_market_gates_and_alerts(snapshot):
    text = drawn(live_table(snapshot, limits=LIMITS))
    for words in (
        "mine · canary · running 1 min 01 s",
        "1,050.00 USDT   +50.00 since the start",
        "hour 0.10 % of 0.5 %,  day 0.20 % of 2 %,  drawdown 0.30 % of 10 %",
        "halted, no new risk",
        "9 made, 4 fills, 2 denied",
        "1.5 s old, loop lag 4 ms",
        "[look] here",
    ):
        assert words in text
    rows = [line.strip("│ ").split() for line in text.splitlines()]
    held = ["Momentum-btc", "-0.123", "60,000.2", "-12.50"]
    assert ["BTCUSDT-PERP.SIM", "61,000.5", "STRONG_TREND_DOWN", *held] in rows
    assert ["ETHUSDT-PERP.SIM", "3,001.25", "RANGING"] in rows
    assert ["market", "CRISIS"] in rows
    assert ["safety", "6", "3", "1", "2", "DAILY_LOSS", "2,", "VAR", "1"] in rows


@pytest.mark.parametrize("width", [66, 80])
def test_a_narrow_terminal_cuts_words_never_numbers(snapshot, width):
    text = drawn(live_table(snapshot, limits=LIMITS), width)
    for number in ("61,000.5", "-0.123", "60,000.2", "-12.50", "3,001.25"):
        assert number in text


def test_what_has_ended_says_why_and_what_became_of_the_equity(snapshot):
    ended = dataclasses.replace(snapshot, phase="stopped", name="canary")
    text = drawn(live_table(ended, ended="signal [SIGTERM]"))
    assert "─ canary · stopped after 1 min 01 s ─" in text
    assert "signal [SIGTERM]" in text
    assert "1,000.00 → 1,050.00 USDT" in text


def test_at_the_end_every_alert_is_shown(snapshot):
    many = dataclasses.replace(snapshot, alerts=tuple(f"look at {n}" for n in range(9)))
    assert "look at 0" not in drawn(live_table(many))
    text = drawn(live_table(many, ended="enough"))
    assert all(f"look at {n}" in text for n in range(9))


def test_two_strategies_in_one_instrument_share_its_price_and_regime(snapshot):
    line = snapshot.positions[0]
    other = dataclasses.replace(line, strategy="MeanReversion-btc", unrealised=math.nan)
    text = drawn(live_table(dataclasses.replace(snapshot, positions=(line, other))))
    assert text.count("BTCUSDT-PERP.SIM") == 1
    assert "Momentum-btc" in text
    assert "MeanReversion-btc" in text


def test_before_the_safety_engine_reports_nothing_is_called_allowed(snapshot):
    starting = dataclasses.replace(snapshot, latch="none", entries=True, phase="starting")
    assert "allowed" not in drawn(live_table(starting))
    assert "no safety engine" in drawn(live_table(dataclasses.replace(starting, phase="running")))


def test_a_backtest_has_no_wall_clock(snapshot):
    assert "mine · canary · running ─" in drawn(live_table(dataclasses.replace(snapshot, started=0)))


def test_results_are_words():
    text = drawn(result_table("backtest", {"trades": 12, "sharpe": None, "reason": "[enough]"}))
    for words in ("backtest", "12", "–", "[enough]"):
        assert words in text
