"""What people and programs are shown."""

import dataclasses
import json
import math

import pytest

from nautilus_quant.monitoring.gates import GateLine
from nautilus_quant.monitoring.snapshot import PositionLine, Snapshot, to_document
from nautilus_quant.monitoring.status import read_status, write_status
from nautilus_quant.monitoring.summary import summary
from nautilus_quant.monitoring.table import plain_line


@pytest.fixture
def snapshot():
    return Snapshot(
        name="mine",
        mode="canary",
        phase="running",
        pid=77,
        started=1_700_000_000_000_000_000,
        ts=1_700_000_060_500_000_000,
        currency="USDT",
        equity=1_050.0,
        equity_start=1_000.0,
        orders=9,
        fills=4,
        denied=2,
        positions=(
            PositionLine(
                instrument="BTCUSDT-PERP.SIM",
                strategy="Momentum-btc",
                quantity=-0.5,
                entry=60_000.0,
                unrealised=math.nan,
            ),
        ),
        prices={"BTCUSDT-PERP.SIM": 61_000.5},
        regimes={"MARKET": "CRISIS"},
        gates={"safety": GateLine(allow=3, sized_down=1, deny=2, codes={"DAILY_LOSS": 2, "VAR": 1})},
        latch="halted",
        entries=False,
        hourly_loss=0.001,
        daily_loss=0.002,
        drawdown=0.003,
        reasons=("KILL_SWITCH: tripped",),
        data_age={"BTCUSDT-PERP.SIM": 1.5, "ETHUSDT-PERP.SIM": 0.5},
        loop_lag=0.004,
        alerts=("look here",),
    )


def test_document(snapshot):
    document = to_document(snapshot)
    assert document["started"] == "2023-11-14T22:13:20.000+00:00"
    assert document["ts"] == "2023-11-14T22:14:20.500+00:00"
    assert (document["pnl"], document["kill_switch"], document["last_data_age_s"]) == (50.0, True, 0.5)
    assert document["losses"] == {"hourly": 0.001, "daily": 0.002, "drawdown": 0.003}
    assert document["positions"][0]["unrealised"] is None
    assert document["gates"] == {
        "safety": {
            "asked": 6,
            "allow": 3,
            "sized_down": 1,
            "deny": 2,
            "codes": {"DAILY_LOSS": 2, "VAR": 1},
        }
    }
    json.dumps(document, allow_nan=False)


@pytest.mark.parametrize(("latch", "tripped"), [("none", False), ("armed", False), ("flat", True)])
def test_only_a_latch_that_is_not_armed_counts_as_tripped(snapshot, latch, tripped):
    assert dataclasses.replace(snapshot, latch=latch).kill_switch is tripped


def test_summary_has_the_keys_of_a_run(snapshot):
    document = summary(snapshot, duration_s=60.12345, reason="enough")
    assert (document["duration_s"], document["equity_start"], document["equity_end"]) == (60.123, 1000, 1050)
    assert (document["orders"], document["fills"], document["denied"]) == (9, 4, 2)
    json.dumps(document, allow_nan=False)


def test_nothing_is_known_at_first():
    first = Snapshot(name="n", mode="paper", phase="starting", pid=1, started=0, ts=0, currency="USDT")
    document = to_document(first)
    assert document["equity"] is document["pnl"] is document["last_data_age_s"] is None
    assert "equity –" in plain_line(first)


def test_plain_line(snapshot):
    assert plain_line(snapshot) == (
        "running | equity 1,050.00 USDT (+50.00) | -0.5 BTCUSDT-PERP.SIM | 9 orders 4 fills 2 denied | "
        "MARKET CRISIS | latch halted | data 0.5 s"
    )


def test_status_file_is_replaced_in_one_step(tmp_path, snapshot):
    path = tmp_path / "deep" / "status.json"
    assert read_status(path) is None
    for equity in (1.0, 2.0):
        write_status(path, to_document(dataclasses.replace(snapshot, equity=equity)))
        assert read_status(path)["equity"] == equity
    assert [file.name for file in path.parent.iterdir()] == ["status.json"]
