"""`nq kill` and `nq rearm`: heard by a node that runs, found by one that does not yet."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nautilus_quant.cli import kill, places, rearm
from nautilus_quant.cli.codes import FAILED, OK, REFUSED
from nautilus_quant.host.state import StateError, StateStore
from nautilus_quant.safety.kill_switch import KillState, KillSwitch
from tests.cli.deployments import NOON, open_state, set_latch, shown, write_config

NODE = """
import sys, time
from nautilus_quant.host.runner_lock import state_lock
from nautilus_quant.host.state import StateStore
from nautilus_quant.safety.kill_switch import KillSwitch
url, hears = sys.argv[1:]
with state_lock(url), StateStore.open(url) as store:
    print("running", flush=True)
    while True:
        time.sleep(0.05)
        request = store.get("safety", "kill_request")
        if request is not None and hears == "yes":
            kill = KillSwitch()
            kill.trip(time.time_ns(), "command", request["reason"])
            store.put_now("safety", "latch", kill.to_dict(), ts=1)
"""


@contextmanager
def node(folder: Path, *, hears: bool) -> Iterator[None]:
    """Run a process that holds the state as a node does, and listens, or hangs."""
    url = f"sqlite:///{folder}/state/rig.db"
    command = [sys.executable, "-c", NODE, url, "yes" if hears else "no"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "running\n"
            yield
        finally:
            process.kill()


def latch(folder: Path) -> KillSwitch:
    with open_state(folder) as store:
        return KillSwitch.from_dict(store.get("safety", "latch"))


def kinds(folder: Path) -> list[str]:
    with open_state(folder) as store:
        assert store.verify() == []
        return [entry.kind for entry in store.entries()]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path)


# --- kill


def test_without_a_node_the_latch_is_set_for_the_next_start(config: Path, tmp_path: Path) -> None:
    before = time.time_ns()
    answer = kill.run(config, reason="margin call")
    assert answer.code == OK
    assert answer.data["running"] is False
    switch = latch(tmp_path)
    assert switch.state is KillState.TRIPPED
    assert switch.tripped is not None
    assert (switch.tripped.trigger, switch.tripped.reason) == ("command", "margin call")
    assert before <= switch.tripped.ts <= time.time_ns()
    assert kinds(tmp_path) == ["kill_request", "kill_switch"]
    assert "next start" in shown(answer)


def test_the_request_says_who_and_why(config: Path, tmp_path: Path) -> None:
    kill.run(config, reason="margin call")
    with open_state(tmp_path) as store:
        request = store.get("safety", "kill_request")
        (entry,) = store.entries(kind="kill_request")
    assert request["reason"] == "margin call"
    assert "@" in request["by"]
    assert entry.body == request


def test_a_running_node_hears_it(config: Path, tmp_path: Path) -> None:
    with node(tmp_path, hears=True):
        answer = kill.run(config, reason="margin call", wait=30)
    assert (answer.code, answer.data["running"]) == (OK, True)
    assert answer.data["latch"]["state"] == "tripped"
    assert "has heard" in answer.data["message"]
    assert kinds(tmp_path) == ["kill_request"]  # the node itself journals the trip


def test_a_node_that_hangs_is_told_and_its_next_start_is_tripped(config: Path, tmp_path: Path) -> None:
    with node(tmp_path, hears=False):
        answer = kill.run(config, wait=0.2)
    assert (answer.code, answer.data["running"]) == (FAILED, True)
    assert "has not answered for 0.2 s" in answer.data["message"]
    assert latch(tmp_path).state is KillState.TRIPPED


def test_the_first_reason_stays(config: Path, tmp_path: Path) -> None:
    with open_state(tmp_path) as store:
        set_latch(store, KillState.FLATTENING)
    answer = kill.run(config, reason="too late")
    assert answer.code == OK
    assert "tripped already" in answer.data["message"]
    assert latch(tmp_path).tripped.trigger == "drawdown"
    assert kinds(tmp_path) == []


def test_the_state_alone_will_do(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state/rig.db"
    assert kill.run(state=url).code == OK
    assert latch(tmp_path).tripped.reason == "nq kill"


def test_without_a_safety_engine_nobody_would_act(tmp_path: Path) -> None:
    answer = kill.run(write_config(tmp_path, safety=False))
    assert answer.code == REFUSED
    assert not (tmp_path / "state").exists()


def test_another_modes_state_is_not_touched(config: Path, tmp_path: Path) -> None:
    with StateStore.open(tmp_path / "state" / "rig.db") as store:
        store.claim("live")
    with pytest.raises(StateError, match="belongs to mode 'live'"):
        kill.run(config)


def test_a_damaged_latch_is_not_guessed(config: Path, tmp_path: Path) -> None:
    with open_state(tmp_path) as store:
        store.put_now("safety", "latch", {"state": "armed"}, ts=1)
    with pytest.raises(StateError, match="kill switch is damaged"):
        kill.run(config)


def test_an_operator_needs_no_venue_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BINANCE_API_KEY", "BINANCE_API_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OKX_API_KEY", "given")
    environment = places.operator_environment()
    assert environment["BINANCE_API_KEY"] == environment["BINANCE_FUTURES_TESTNET_API_SECRET"] == "not-set"
    assert environment["OKX_API_KEY"] == "given"


def test_a_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "@" in places.who()

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert places.who().startswith("uid ")


# --- rearm


@pytest.mark.parametrize("state", [KillState.FLAT, KillState.HALTED])
def test_a_switch_at_rest_is_rearmed_from_the_next_start(
    config: Path, tmp_path: Path, state: KillState
) -> None:
    with open_state(tmp_path) as store:
        set_latch(store, state)
        store.put_now("safety", "kill_request", {"ts": 1, "reason": "old"}, ts=1)
    answer = rearm.run(config, reason="  fixed the feed ")
    assert answer.code == OK
    assert "next start" in answer.data["message"]
    assert answer.data["latch"]["state"] == state
    with open_state(tmp_path) as store:
        wish = store.get("safety", "rearm")
        (entry,) = store.entries(kind="rearm")
        assert store.get("safety", "kill_request") is None
        assert store.verify() == []
    assert wish["reason"] == "fixed the feed"
    assert wish["ts"] > NOON
    assert entry.body == {**wish, "effective": False, "latch": latch(tmp_path).to_dict()}
    assert latch(tmp_path).state is state  # the node itself re-arms when it starts


def test_the_wish_is_younger_than_the_trip_whatever_the_clock_says(config: Path, tmp_path: Path) -> None:
    tomorrow = time.time_ns() + 86_400 * 10**9
    with open_state(tmp_path) as store:
        set_latch(store, KillState.HALTED, ts=tomorrow)
    assert rearm.run(config, reason="clock was wrong").code == OK
    with open_state(tmp_path) as store:
        assert store.get("safety", "rearm")["ts"] == tomorrow + 1


@pytest.mark.parametrize("state", [KillState.TRIPPED, KillState.CANCELLING, KillState.FLATTENING])
def test_a_switch_at_work_is_left_alone(config: Path, tmp_path: Path, state: KillState) -> None:
    with open_state(tmp_path) as store:
        set_latch(store, state)
    answer = rearm.run(config, reason="impatience")
    assert answer.code == REFUSED
    assert f"at work: {state}" in answer.data["message"]
    assert "start it" in answer.data["message"]
    with open_state(tmp_path) as store:
        assert store.get("safety", "rearm") is None
        assert store.entries() == []


@pytest.mark.parametrize("state", [None, KillState.ARMED])
def test_an_armed_switch_needs_nothing(config: Path, tmp_path: Path, state: KillState | None) -> None:
    with open_state(tmp_path) as store:
        if state is not None:
            set_latch(store, state)
    answer = rearm.run(config, reason="to be sure")
    assert (answer.code, answer.data["latch"]["state"]) == (OK, "armed")
    assert kinds(tmp_path) == []


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_reason_is_needed(config: Path, tmp_path: Path, reason: str) -> None:
    assert rearm.run(config, reason=reason).code == REFUSED
    assert not (tmp_path / "state").exists()


def test_the_kill_file_must_be_gone(config: Path, tmp_path: Path) -> None:
    with open_state(tmp_path) as store:
        set_latch(store, KillState.HALTED)
    (tmp_path / "kill").touch()
    answer = rearm.run(config, reason="fixed")
    assert answer.code == REFUSED
    assert f"{tmp_path}/kill" in answer.data["message"]
    assert kinds(tmp_path) == []


def test_without_an_engine_there_is_nothing_to_rearm(tmp_path: Path) -> None:
    assert rearm.run(write_config(tmp_path, safety=False), reason="x").code == REFUSED
