"""
The kill drill: a live node, a crash, SIGKILL in every state of the kill switch, and a restart.

Whatever happens, the account ends flat, the node halted, the latch where it was, and nothing twice.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nautilus_quant.host.state import StateStore

pytestmark = pytest.mark.slow

CONFIG = """
mode: paper
state: sqlite:///{folder}/state.db
status_file: {folder}/status.json
venues:
  SIM:
    adapter: simulated
    balances: [100_000 USDT]
    leverage: 10
    seed: 3
    stress:
      - {{kind: crash, at: {at}, size: 30%, over: 2s}}
{venue}
strategies:
  all-in: {{use: "tests.integration.drill:AllIn", instrument: BTCUSDT-PERP.SIM, quantity: "6"}}
actors:
  safety:
    use: "tests.integration.drill:DyingSafetyEngine"
    kill_file: {folder}/kill
    mark: {folder}/died
{safety}
"""


def write(folder: Path, *, at: str = "6s", venue: str = "", **safety: object) -> Path:
    lines = "\n".join(f"    {key}: {value}" for key, value in safety.items())
    path = folder / "drill.yaml"
    path.write_text(CONFIG.format(folder=folder, safety=lines, venue=venue, at=at))
    return path


def start(config: Path, seconds: float, project: Path) -> subprocess.Popen:
    command = [sys.executable, "-m", "nautilus_quant.live", str(config), "--duration", str(seconds), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(project)}
    return subprocess.Popen(
        command, cwd=config.parent, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen) -> dict:
    out, err = process.communicate(timeout=150)
    assert process.returncode == 0, err[-4000:]
    return json.loads(out)


def end_once(process: subprocess.Popen, folder: Path, seen: Callable[[dict], bool]) -> dict:
    """End a node by SIGTERM as soon as its status satisfies `seen`."""
    wait_for(process, folder, seen)
    process.send_signal(signal.SIGTERM)
    return finish(process)


def wait_for(process: subprocess.Popen, folder: Path, seen: Callable[[dict], bool]) -> None:
    deadline = time.monotonic() + 120
    while not seen(status_of(process, folder)):
        if process.poll() is not None:
            pytest.fail(f"the node ended: {process.communicate()}")
        if time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"waited in vain: {status_of(process, folder)} {process.communicate()}")
        time.sleep(0.05)


def status_of(process: subprocess.Popen, folder: Path) -> dict:
    """What this node says of itself; what one before it left behind is nothing."""
    path = folder / "status.json"
    said = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return said if said.get("pid") == process.pid else {}


def holds(status: dict) -> bool:
    return status.get("phase") == "running" and bool(status["positions"])


def is_over(status: dict) -> bool:
    return status.get("phase") == "running" and status["latch"] == "halted" and not status["positions"]


def is_over_and_denied(status: dict) -> bool:
    """Tell whether the strategy, which wants more at its first quote, was refused as well."""
    return is_over(status) and status["denied"] > 0


def account(folder: Path) -> tuple[dict, list[str], dict]:
    """What the venue holds, the states the switch went through, and the latch."""
    store = StateStore.open(f"sqlite:///{folder}/state.db", read_only=True)
    try:
        states = [entry.body["state"] for entry in store.entries(kind="kill_switch")]
        assert store.verify() == []
        return store.get("paper", "SIM") or {}, states, store.get("safety", "latch") or {}
    finally:
        store.close()


def check_flat_and_halted(folder: Path, summary: dict) -> None:
    venue, _, latch = account(folder)
    assert summary["kill_switch"] is True
    assert summary["latch"] == "halted"
    assert summary["positions"] == []
    assert latch["state"] == "halted"
    assert venue["holdings"] in ([], {})


@pytest.mark.parametrize("state", ["tripped", "cancelling", "flattening", "flat", "halted"])
def test_killed_in_a_state_and_started_again(tmp_path, project, state):
    config = write(tmp_path, die_in=state)
    first = start(config, 60, project)
    out, err = first.communicate(timeout=120)
    if first.returncode != -signal.SIGKILL:
        # A state passed through within one step is never written: nothing to die in.
        assert state == "cancelling", (first.returncode, out, err[-3000:])
        check_flat_and_halted(tmp_path, json.loads(out))
        return
    _, states, latch = account(tmp_path)
    assert latch["state"] == state
    summary = end_once(start(config, 60, project), tmp_path, is_over_and_denied)
    check_flat_and_halted(tmp_path, summary)
    _, after, latch = account(tmp_path)
    assert after[: len(states)] == states
    assert latch["tripped"]["trigger"] == "drawdown"
    assert summary["equity_start"] < 100_000


def test_killed_between_a_closing_order_and_its_fill_nothing_is_sold_twice(tmp_path, project):
    config = write(tmp_path, die_after_closes=1)
    first = start(config, 60, project)
    first.communicate(timeout=120)
    assert first.returncode == -signal.SIGKILL
    summary = end_once(start(config, 60, project), tmp_path, is_over_and_denied)
    check_flat_and_halted(tmp_path, summary)


def test_rejects_and_an_outage_delay_the_flatten_and_do_not_stop_it(tmp_path, project):
    venue = "    reject_probability: 0.5\n    outages: [[9, 14]]"
    config = write(tmp_path, venue=venue)
    summary = end_once(start(config, 60, project), tmp_path, is_over)
    check_flat_and_halted(tmp_path, summary)


def test_the_kill_file_trips_a_running_node_and_forbids_re_arming(tmp_path, project):
    config = write(tmp_path, at="1h")
    process = start(config, 60, project)
    wait_for(process, tmp_path, holds)
    (tmp_path / "kill").touch()
    summary = end_once(process, tmp_path, is_over)
    check_flat_and_halted(tmp_path, summary)
    nq = [sys.executable, "-m", "nautilus_quant", "rearm", str(config), "--reason", "checked"]
    environment = {**os.environ, "PYTHONPATH": str(project)}
    refused = subprocess.run(nq, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert "kill" in (refused.stderr + refused.stdout)
    (tmp_path / "kill").unlink()
    allowed = subprocess.run(nq, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert allowed.returncode == 0, allowed.stderr
    again = end_once(start(config, 60, project), tmp_path, holds)
    assert again["kill_switch"] is False
    assert again["latch"] == "armed"


def test_a_signal_trips_it_too(tmp_path, project):
    config = write(tmp_path, at="1h")
    process = start(config, 60, project)
    wait_for(process, tmp_path, holds)
    process.send_signal(signal.SIGUSR1)
    summary = end_once(process, tmp_path, is_over)
    check_flat_and_halted(tmp_path, summary)
    _, _, latch = account(tmp_path)
    assert latch["tripped"]["trigger"] == "signal"
