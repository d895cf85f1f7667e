"""`nq doctor`: every check well, doubtful and failed; nothing secret told."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import sys
from contextlib import closing
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.cli import doctor, doctor_deployment, doctor_machine, doctor_packages
from nautilus_quant.cli.check import Check, Level
from nautilus_quant.cli.codes import FAILED, OK
from nautilus_quant.cli.places import Place
from nautilus_quant.config import load
from nautilus_quant.safety.kill_switch import KillState
from tests.cli.deployments import NOON, journal, open_state, set_latch, shown, write_config

SECRET = "s3cr3t"
REAL = """\
name: rig
mode: {mode}
state: sqlite:///{folder}/state/rig.db
venues:
  BINANCE: {{adapter: binance, account_type: USDT_FUTURES{more}}}
actors:
  safety: {{use: safety_engine, kill_file: {folder}/kill}}
"""


def levels(checks) -> dict[str, Level]:
    return {check.name: check.level for check in checks}


def found(answer, name: str) -> dict[str, str]:
    return next(check for check in answer.data["checks"] if check["name"] == name)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path)


# --- the whole


def test_a_fit_deployment(config: Path, tmp_path: Path) -> None:
    answer = doctor.run(config)
    assert answer.code == OK, answer.data
    assert answer.data["ok"]
    names = [check["name"] for check in answer.data["checks"]]
    for name in (
        "python",
        "nautilus_trader",
        "clock",
        "memory",
        "disk",
        "config",
        "keys",
        "ports",
        "kill file",
        "state",
    ):
        assert name in names
    assert "pytest" not in names  # what developers need is not checked
    json.dumps(answer.data, allow_nan=False)
    assert "kill file" in shown(answer)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rig.yaml"]  # it left no trace


def test_without_a_deployment_it_looks_at_the_machine() -> None:
    answer = doctor.run()
    names = [check["name"] for check in answer.data["checks"]]
    assert "disk" in names
    assert "state" not in names


def test_a_refused_config_is_a_failed_check(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("mode: paper\nvenus: {}\n")
    answer = doctor.run(path)
    assert answer.code == FAILED
    assert "venus" in found(answer, "config")["found"]


def test_a_state_alone_is_checked(tmp_path: Path) -> None:
    with open_state(tmp_path) as store:
        journal(store, "O-1")
    answer = doctor.run(state=f"sqlite:///{tmp_path}/state/rig.db")
    assert found(answer, "state")["level"] == "ok"
    assert found(answer, "kill switch")["found"] == "armed"
    assert str(tmp_path) in found(answer, "disk")["found"]


def test_on_a_server_the_disk_is_that_of_the_working_folder() -> None:
    assert doctor._folder(Place("postgresql+psycopg://host/db")) == Path.cwd()


# --- deployment


def states(folder: Path) -> dict[str, Level]:
    deployment = load(write_config(folder), plugins=False)
    return levels(doctor_deployment.check_state(Place(deployment.state, deployment)))


def test_a_state_that_is_not_there_yet(tmp_path: Path) -> None:
    assert states(tmp_path) == {"state": Level.OK}


def test_a_tripped_switch_is_a_warning(tmp_path: Path) -> None:
    with open_state(tmp_path) as store:
        set_latch(store, KillState.HALTED)
    assert states(tmp_path) == {"state": Level.OK, "kill switch": Level.WARN}


def test_a_changed_journal_fails(tmp_path: Path) -> None:
    with open_state(tmp_path) as store:
        store.append("lifecycle", {"event": "start"}, ts=NOON)
    with closing(sqlite3.connect(tmp_path / "state/rig.db")) as raw, raw:
        raw.execute("DELETE FROM nq_journal")
    assert states(tmp_path)["state"] is Level.FAIL


def test_a_damaged_file_fails(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "rig.db").write_bytes(b"\xee" * 4096)
    assert states(tmp_path) == {"state": Level.FAIL}


def test_a_damaged_latch_fails(tmp_path: Path) -> None:
    with open_state(tmp_path) as store:
        store.put_now("safety", "latch", {"state": "sleeping"}, ts=NOON)
    assert states(tmp_path)["state"] is Level.FAIL


def test_another_modes_state_fails(tmp_path: Path) -> None:
    open_state(tmp_path).close()
    (tmp_path / "x").mkdir()
    deployment = load(write_config(tmp_path, mode="canary"), plugins=False)
    checks = levels(doctor_deployment.check_state(Place(deployment.state, deployment)))
    assert checks["state mode"] is Level.FAIL


def test_the_kill_file(config: Path, tmp_path: Path) -> None:
    (check,) = doctor_deployment.check_kill_file(load(config))
    assert check.level is Level.OK
    (tmp_path / "kill").touch()
    (check,) = doctor_deployment.check_kill_file(load(config))
    assert check.level is Level.FAIL
    assert "would trip" in check.found


def test_a_kill_file_in_a_folder_that_is_not_there(config: Path, tmp_path: Path) -> None:
    text = config.read_text().replace(f"{tmp_path}/kill", f"{tmp_path}/nowhere/kill")
    config.write_text(text)
    (check,) = doctor_deployment.check_kill_file(load(config))
    assert (check.level, "nowhere" in check.found) == (Level.FAIL, True)


def test_no_safety_engine_is_a_warning(tmp_path: Path) -> None:
    (check,) = doctor_deployment.check_kill_file(load(write_config(tmp_path, safety=False)))
    assert check.level is Level.WARN


def keys(folder: Path, mode: str, environment: dict[str, str]) -> Check:
    path = folder / "real.yaml"
    more = ", balances: [100_000 USDT]" if mode == "paper" else ""
    path.write_text(REAL.format(mode=mode, folder=folder, more=more))
    given_keys = {"BINANCE_API_KEY": "k", "BINANCE_API_SECRET": "s"}
    deployment = load(path, env={**os.environ, **given_keys}, plugins=False)
    (check,) = doctor_deployment.check_keys(deployment, environment)
    return check


def test_keys_are_named_and_never_told(tmp_path: Path) -> None:
    check = keys(tmp_path, "canary", {"BINANCE_API_KEY": SECRET, "BINANCE_API_SECRET": SECRET})
    assert check == Check.ok("keys BINANCE", "set: BINANCE_API_KEY, BINANCE_API_SECRET")


def test_a_missing_key_fails_where_orders_are_real(tmp_path: Path) -> None:
    check = keys(tmp_path, "canary", {"BINANCE_API_KEY": SECRET})
    assert check.level is Level.FAIL
    assert check.found == "not set: BINANCE_API_SECRET"
    assert check.hint == "export BINANCE_API_SECRET=..."


def test_paper_needs_no_keys(tmp_path: Path) -> None:
    check = keys(tmp_path, "paper", {})
    assert check.level is Level.OK
    assert "not needed for paper" in check.found


def test_folders(config: Path) -> None:
    checks = levels(doctor_deployment.check_folders(load(config, plugins=False)))
    assert checks == {"status file": Level.OK, "log file": Level.OK}


def test_a_folder_that_cannot_be_written(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    checks = levels(doctor_deployment.check_folders(load(config, plugins=False)))
    assert checks == {"status file": Level.FAIL, "log file": Level.FAIL}


def test_a_file_nobody_wants_is_not_checked() -> None:
    deployment = SimpleNamespace(status_file="", log_file="")
    assert list(doctor_deployment.check_folders(deployment)) == []


def test_recorded_data(tmp_path: Path) -> None:
    check = doctor_deployment.check_data
    assert check({}).level is Level.OK
    assert check({"NQ_DATA": str(tmp_path)}).found == f"NQ_DATA={tmp_path}"
    assert check({"NQ_DATA": f"{tmp_path}/none"}).level is Level.FAIL


def test_ports_are_found_by_the_names_of_fields() -> None:
    fields = {
        "port": 8080,
        "metrics_port": 9090,
        "report": 7,
        "port_name": 5,
        "web_port": True,
        "no_port": 0,
        "x_port": "1",
    }
    deployment = SimpleNamespace(plugins=[SimpleNamespace(name="web", config=fields)])
    assert doctor_deployment.ports_of(deployment) == [("web.port", 8080), ("web.metrics_port", 9090)]


# --- machine


def test_a_port_in_use_fails() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (check,) = doctor_machine.check_ports([("web", port)])
        assert check.level is Level.FAIL
    (check,) = doctor_machine.check_ports([("web", port)])
    assert check == Check.ok(f"port {port}", "web: free")


def test_no_ports_are_fine() -> None:
    assert levels(doctor_machine.check_ports([])) == {"ports": Level.OK}


@pytest.mark.parametrize(
    ("clock", "level"),
    [((True, 0.01), Level.OK), ((True, 0.6), Level.WARN), ((False, 0.01), Level.WARN), (None, Level.WARN)],
)
def test_the_clock(clock: tuple[bool, float] | None, level: Level) -> None:
    assert doctor_machine.judge_clock(clock).level is level


def test_what_the_clock_cannot_say_is_called_unknown() -> None:
    assert "unknown" in doctor_machine.judge_clock(None).found


@pytest.mark.parametrize("drift", [-0.06, 0.06])
def test_a_clock_that_steps(drift: float) -> None:
    assert doctor_machine.judge_drift(drift).level is Level.WARN
    assert doctor_machine.judge_drift(drift / 2).level is Level.OK


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells through adjtimex")
def test_the_kernel_is_asked() -> None:
    clock = doctor_machine.read_clock()
    assert clock is None or clock[1] >= 0.0


def test_other_systems_do_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert doctor_machine.read_clock() is None


def test_a_kernel_that_forbids_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda *_args, **_options: SimpleNamespace(adjtimex=lambda _timex: -1))
    assert doctor_machine.read_clock() is None
    monkeypatch.setattr("ctypes.CDLL", lambda *_args, **_options: SimpleNamespace())
    assert doctor_machine.read_clock() is None


@pytest.mark.parametrize(
    ("kilobytes", "level"), [(8_000_000, Level.OK), (900_000, Level.WARN), (100_000, Level.FAIL)]
)
def test_memory(tmp_path: Path, kilobytes: int, level: Level) -> None:
    source = tmp_path / "meminfo"
    source.write_text(f"MemTotal: 16000000 kB\nMemAvailable:   {kilobytes} kB\n")
    check = doctor_machine.check_memory(source)
    assert check.level is level
    assert check.found == f"{kilobytes * 1024 / 1e6:,.0f} MB available"


def test_memory_that_nobody_tells(tmp_path: Path) -> None:
    assert doctor_machine.check_memory(tmp_path / "none").level is Level.WARN
    (tmp_path / "empty").touch()
    assert doctor_machine.available_memory(tmp_path / "empty") is None


@pytest.mark.parametrize(("free", "level"), [(3e9, Level.OK), (1e9, Level.WARN), (1e8, Level.FAIL)])
def test_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, level: Level) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=free))
    check = doctor_machine.check_disk(tmp_path / "not" / "yet")
    assert (check.level, str(tmp_path) in check.found) == (level, True)


# --- packages


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ((3, 11), Level.FAIL),
        ((3, 12), Level.OK),
        ((3, 14), Level.OK),
        ((3, 15), Level.FAIL),
        (None, Level.OK),
    ],
)
def test_python(version: tuple[int, int] | None, level: Level) -> None:
    assert doctor_packages.check_python(version).level is level


@pytest.mark.parametrize(
    ("version", "wanted", "fits"),
    [
        ("1.231.0", ">=1.231,<2", True),
        ("2.0.0rc7", ">=1.231,<2", False),
        ("2.4", "<2.5,>=2", True),
        ("2.5.0", "<2.5,>=2", False),
        ("1.0", "==1", True),
        ("1.0.1", "==1", False),
        ("1.0.1", "!=1", True),
        ("1.4.9", "~=1.4.2", True),
        ("1.5", "~=1.4.2", False),
        ("1.4.1", "~=1.4.2", False),
        ("2", "<=2", True),
        ("2.1", ">2", True),
        ("2", ">2", False),
        ("2.1+local.7", ">=2.1", True),
        ("1", "", True),
        ("1", "===1", False),
        ("weird", ">=1", False),
    ],
)
def test_ranges(version: str, wanted: str, fits: bool) -> None:
    assert doctor_packages.satisfies(version, wanted) is fits


NUMBERS = st.lists(st.integers(0, 30), min_size=1, max_size=4).map(tuple)


@given(NUMBERS, NUMBERS)
def test_ranges_agree_with_numbers(have: tuple[int, ...], want: tuple[int, ...]) -> None:
    left, right = (".".join(map(str, numbers)) for numbers in (have, want))
    below = (*have, 0, 0, 0)[:4] < (*want, 0, 0, 0)[:4]
    assert doctor_packages.satisfies(left, f"<{right}") is below
    assert doctor_packages.satisfies(left, f">={right}") is not below


def test_requirements_as_pip_writes_them() -> None:
    version = metadata.version("rich")
    checks = list(
        doctor_packages.judge(
            [
                "rich>=1",
                "rich>=1",
                "typer (>=99)",
                "sqlalchemy[asyncio]>=2",
                "no-such-package>=3",
                "no-such-extra>=3 ; extra == 'report'",
                "plotly<1; extra == 'report'",
                "pytest<1; extra == 'dev'",
                "nt-quant[report]; extra == 'dev'",
                "pyyaml",
                "???",
            ]
        )
    )
    assert [(check.name, check.level) for check in checks] == [
        ("rich", Level.OK),
        ("typer", Level.FAIL),
        ("sqlalchemy", Level.OK),
        ("no-such-package", Level.FAIL),
        ("plotly", Level.WARN),
        ("pyyaml", Level.OK),
    ]
    assert checks[0].found == f"{version} (>=1)"
    assert checks[3].hint == "pip install 'no-such-package>=3'"


def test_a_tree_that_is_not_installed_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_packages, "DISTRIBUTION", "no-such-distribution")
    (check,) = doctor_packages.check_packages()
    assert check.level is Level.WARN


def test_this_installation_is_fit() -> None:
    assert Level.FAIL not in levels(doctor_packages.check_packages()).values()
