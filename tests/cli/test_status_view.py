"""`nq status`: running, hung, dead or never started, and what the latch on disk says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from nautilus_quant.cli import status_view
from nautilus_quant.cli.codes import FAILED, NOT_RUNNING, OK, TRIPPED
from nautilus_quant.host.runner_lock import state_lock
from nautilus_quant.monitoring.gates import GateLine
from nautilus_quant.monitoring.snapshot import PositionLine, Snapshot, iso_time, to_document
from nautilus_quant.monitoring.words import lasted
from nautilus_quant.safety.kill_switch import KillState
from tests.cli.deployments import NOON, SECOND, open_state, set_latch, shown, write_config


def document(**changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "name": "rig",
        "mode": "paper",
        "phase": "running",
        "pid": os.getpid(),
        "started": NOON,
        "ts": time.time_ns(),
        "currency": "USDT",
        "equity": 100_123.456,
        "equity_start": 100_000.0,
        "orders": 7,
        "fills": 5,
        "denied": 2,
        "positions": (
            PositionLine(instrument="BTC.SIM", strategy="S-1", quantity=-0.5, entry=1.0, unrealised=2.0),
        ),
        "reasons": ("DAILY_LOSS: lost 2.1%",),
    }
    return to_document(Snapshot(**{**facts, **changes}))


@pytest.fixture
def gone() -> int:
    """Id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def at(folder: Path, status: dict[str, Any] | None, state: KillState | None = KillState.ARMED):
    if status is not None:
        (folder / "status.json").write_text(json.dumps(status))
    if state is not None:
        with open_state(folder) as store:
            set_latch(store, state)
    return status_view.run(write_config(folder))


def test_a_running_node(tmp_path: Path) -> None:
    answer = at(tmp_path, document())
    assert (answer.code, answer.data["node"], answer.data["kill_switch"]) == (OK, "running", False)
    assert answer.data["status"]["orders"] == 7
    text = shown(answer)
    since = lasted((time.time_ns() - NOON) / 1e9)
    assert re.search(rf"running for {since}, process {os.getpid()}, seen \d+ s ago", text)
    assert "100,123.46 USDT, +123.46 since the start" in text
    assert "7 made, 5 fills, 2 denied" in text
    assert "-0.5 BTC.SIM" in text
    assert "DAILY_LOSS: lost 2.1%" in text


def test_what_each_gate_saw_and_how_positions_are_protected(tmp_path: Path) -> None:
    line = GateLine(allow=5, sized_down=1, deny=6, codes={"VAR": 3, "GROSS": 2, "NET": 1, "LEVERAGE": 1})
    held = PositionLine(
        instrument="BTC.SIM", strategy="S-1", quantity=2.0, entry=1.0, unrealised=2.0, protected=1.5
    )
    status = document(gates={"budget": line, "regime": GateLine()}, positions=(held,))
    answer = at(tmp_path, status)
    assert answer.data["status"]["gates"]["budget"]["asked"] == 12
    text = shown(answer)
    rows = [part.strip("│ ").split() for part in text.splitlines()]
    assert ["budget", "12", "5", "1", "6", "VAR", "3,", "GROSS", "2,", "NET", "1,", "others", "1"] in rows
    assert ["regime", "0", "0", "0", "0"] in rows
    assert "2 BTC.SIM (1.5 behind stops)" in text


def test_alerts_are_shown_once_beside_the_reasons_for_no_new_risk(tmp_path: Path) -> None:
    many = tuple(f"alert {n}" for n in range(20))
    text = shown(at(tmp_path, document(alerts=("DAILY_LOSS: lost 2.1%", *many))))
    assert text.count("DAILY_LOSS: lost 2.1%") == 1
    assert text.count("look at") == 10
    assert "alert 19" in text


def test_a_status_file_of_an_older_node_has_no_codes(tmp_path: Path) -> None:
    status = {**document(), "gates": {"safety": {"allow": 3, "deny": 2}}}
    rows = [part.strip("│ ").split() for part in shown(at(tmp_path, status)).splitlines()]
    assert ["safety", "5", "3", "0", "2"] in rows


@pytest.mark.parametrize("state", [state for state in KillState if state is not KillState.ARMED])
def test_a_running_node_that_has_tripped(tmp_path: Path, state: KillState) -> None:
    answer = at(tmp_path, document(), state)
    assert (answer.code, answer.data["kill_switch"]) == (TRIPPED, True)
    assert answer.data["latch"] == {
        "state": str(state),
        "trigger": "drawdown",
        "reason": "drawdown of 11% exceeded 10%",
        "ts": "2025-01-31T12:00:00.000+00:00",
        "rearm": "",
    }
    assert f"{state} since 2025-01-31" in shown(answer)


@pytest.mark.parametrize(
    ("state", "ts", "said"),
    [
        (KillState.HALTED, NOON + 1, True),
        (KillState.FLAT, NOON, True),
        (KillState.HALTED, NOON - 1, False),  # for an earlier trip
        (KillState.FLATTENING, NOON + 1, False),
        (KillState.ARMED, NOON + 1, False),
    ],
)
def test_a_rearming_that_waits_is_told(tmp_path: Path, state: KillState, ts: int, said: bool) -> None:
    with open_state(tmp_path) as store:
        store.put_now("safety", "rearm", {"ts": ts, "reason": "feed fixed"}, ts=ts)
    answer = at(tmp_path, document(phase="stopped"), state)
    assert answer.data["latch"]["rearm"] == ("feed fixed" if said else "")
    assert ("re-armed from the next start on: feed fixed" in shown(answer)) is said


def test_a_stopped_node(tmp_path: Path) -> None:
    answer = at(tmp_path, document(phase="stopped", positions=(), equity=float("nan"), reasons=()))
    assert (answer.code, answer.data["node"]) == (NOT_RUNNING, "stopped")
    assert "flat" in shown(answer)


def test_a_dead_node(tmp_path: Path, gone: int) -> None:
    answer = at(tmp_path, document(pid=gone, ts=time.time_ns() - 60 * SECOND))
    assert (answer.code, answer.data["node"]) == (NOT_RUNNING, "dead")
    assert answer.data["age_s"] == pytest.approx(60, abs=30)


def test_a_killed_node_is_dead_at_once(tmp_path: Path, gone: int) -> None:
    answer = at(tmp_path, document(pid=gone))
    assert (answer.code, answer.data["node"]) == (NOT_RUNNING, "dead")


def test_a_node_in_another_container_runs_as_long_as_it_holds_its_lock(tmp_path: Path, gone: int) -> None:
    with state_lock(f"sqlite:///{tmp_path}/state/rig.db"):
        answer = at(tmp_path, document(pid=gone))
    assert (answer.code, answer.data["node"]) == (OK, "running")


def test_a_hung_node(tmp_path: Path) -> None:
    answer = at(tmp_path, document(ts=time.time_ns() - 60 * SECOND))
    assert (answer.code, answer.data["node"]) == (FAILED, "hung")


def test_before_the_first_start(tmp_path: Path) -> None:
    answer = at(tmp_path, None, None)
    assert (answer.code, answer.data["node"], answer.data["latch"]) == (NOT_RUNNING, "never started", None)
    assert shown(answer)
    assert not (tmp_path / "state").exists()


def test_a_damaged_state_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "rig.db").write_text("no database " * 200)
    answer = at(tmp_path, document(), None)
    assert answer.code == FAILED
    assert "damaged" in answer.data["state"]
    assert "damaged" in shown(answer)


def test_a_status_file_of_something_else_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text("{")
    assert at(tmp_path, None).data["node"] == "never started"


NOW = NOON + 100 * SECOND


@pytest.mark.parametrize(
    ("age", "pid", "life"),
    [
        (0.0, -1, "running"),
        (15.0, -1, "running"),
        (15.1, -1, "dead"),
        (-15.0, -1, "running"),
        pytest.param(-15.1, os.getpid(), "hung", id="from the future"),  # somebody set the clock
        pytest.param(60.0, os.getpid(), "hung", id="old"),
        (60.0, "x", "dead"),
    ],
)
def test_age_and_process_decide(age: float, pid: Any, life: str) -> None:
    status = {"phase": "running", "pid": pid, "ts": iso_time(NOW - round(age * SECOND))}
    assert status_view.judge(status, NOW).state == life


@pytest.mark.parametrize("ts", [None, "yesterday", 5])
def test_a_status_without_a_time_is_as_good_as_its_process(ts: Any) -> None:
    assert status_view.judge({"phase": "running", "pid": os.getpid(), "ts": ts}, NOW).state == "hung"
    assert status_view.judge({"phase": "running", "pid": 0}, NOW).state == "dead"


def test_a_process_of_somebody_else_is_there_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(_pid: int, _signal: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", forbidden)
    assert status_view.judge({"phase": "running", "pid": 1}, NOW).state == "hung"
