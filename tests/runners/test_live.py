"""A live node as a user runs it: from the command line, with signals, twice, and with bugs in it."""

import json
import signal
import sqlite3

import pytest

from nautilus_quant.host.state import StateStore

KEYS = {
    "mode",
    "duration_s",
    "orders",
    "fills",
    "denied",
    "equity_start",
    "equity_end",
    "kill_switch",
    "regimes",
    "gates",
}


def running_with_position(status):
    return status["phase"] == "running" and bool(status["positions"])


def lifecycle(deployed):
    with StateStore.open(f"sqlite:///{deployed.folder}/var/test/paper.db", read_only=True) as store:
        return [entry.body for entry in store.entries(kind="lifecycle")]


def test_duration_ends_with_one_json_object_and_everything_else_elsewhere(deployed):
    ended = deployed.live("--duration", "2s", "--json")
    result = ended.json
    assert ended.code == 0
    assert result.keys() >= KEYS
    assert (result["mode"], result["kill_switch"], result["latch"]) == ("paper", False, "armed")
    assert result["reason"] == "duration of 2 s is over"
    assert 2.0 <= result["duration_s"] < 4.0
    assert result["equity_start"] == 100_000.0
    assert result["fills"] == 1
    # A market order, a bid, and the bid put back after the shutdown cancelled it.
    assert result["gates"]["safety"] == {"asked": 3, "allow": 3, "sized_down": 0, "deny": 0, "codes": {}}
    shutdown = {"asked": 1, "allow": 0, "sized_down": 0, "deny": 1, "codes": {"SHUTDOWN": 1}}
    assert result["gates"]["shutdown"] == shutdown
    assert "SIM-001" in ended.err  # the banner, with the account
    assert deployed.status()["phase"] == "stopped"
    assert list(deployed.folder.glob("var/test/node_*.log"))


@pytest.mark.slow
def test_sigterm_cancels_denies_new_risk_keeps_the_position_and_the_next_start_goes_on_with_it(deployed):
    first = deployed.start_live("--json")
    deployed.wait_for(first, running_with_position)
    ended = deployed.end(first, signal.SIGTERM)
    result = ended.json
    assert (ended.code, result["reason"]) == (0, "signal SIGTERM")
    assert [line["quantity"] for line in result["positions"]] == [0.001]
    # Holder puts its bid back when it is cancelled: that was new risk, and was denied.
    assert (result["fills"], result["denied"]) == (1, 1)
    assert result["gates"]["shutdown"]["deny"] == 1
    assert [(entry["event"], entry.get("ok")) for entry in lifecycle(deployed)] == [
        ("start", None),
        ("stop", True),
    ]

    second = deployed.live("--duration", "1s", "--json").json
    assert second["equity_start"] == pytest.approx(result["equity_end"], rel=1e-3)
    assert sum(line["quantity"] for line in second["positions"]) == pytest.approx(0.002)


@pytest.mark.slow
def test_ctrl_c_flattens_when_the_config_says_so(deployed):
    deployed.write(on_stop="flatten")
    process = deployed.start_live("--json")
    deployed.wait_for(process, running_with_position)
    ended = deployed.end(process, signal.SIGINT)
    assert (ended.code, ended.json["reason"], ended.json["positions"]) == (0, "signal SIGINT", [])
    assert ended.json["fills"] == 2


@pytest.mark.slow
def test_a_signal_before_the_node_exists_is_not_lost(deployed):
    process = deployed.start_live("--json")
    for line in process.stderr:  # pragma: no branch
        if "mode" in line:  # the banner comes before the start
            break
    ended = deployed.end(process, signal.SIGTERM)
    assert (ended.code, ended.json["reason"]) == (0, "signal SIGTERM")


@pytest.mark.slow
def test_the_kill_signal_is_heard_while_the_node_is_still_starting(deployed):
    process = deployed.start_live("--json", "--duration", "8")
    for line in process.stderr:  # pragma: no branch
        if "mode" in line:
            break
    ended = deployed.end(process, signal.SIGUSR1)
    assert (ended.code, ended.json["kill_switch"]) == (0, True)
    with StateStore.open(f"sqlite:///{deployed.folder}/var/test/paper.db", read_only=True) as store:
        assert store.get("safety", "latch")["tripped"]["reason"] == "SIGUSR1"


@pytest.mark.slow
def test_one_node_for_each_state(deployed):
    first = deployed.start_live("--json")
    deployed.wait_for(first, lambda status: status["phase"] == "running")
    second = deployed.live("--json")
    assert second.code == 3
    assert f"process {first.pid} holds" in second.err
    assert deployed.end(first, signal.SIGTERM).code == 0


def test_a_bug_in_a_strategy_ends_the_node_with_its_reason(deployed):
    deployed.write(strategy="Breaks")
    ended = deployed.live("--json")
    assert ended.code == 1
    assert "a bug in somebody's strategy" in ended.json["reason"]
    assert deployed.status()["phase"] == "failed"
    assert "Traceback" not in ended.out


@pytest.mark.slow
def test_a_strategy_that_cannot_start_ends_the_node_with_its_reason(deployed):
    deployed.write(strategy="Stumbles")
    ended = deployed.live("--json")
    assert ended.code == 1
    assert "cannot start without my file" in ended.json["reason"]


@pytest.mark.slow
def test_an_exception_in_the_event_loop_ends_the_node_with_its_reason(deployed):
    deployed.write(strategy="Forgets")
    ended = deployed.live("--json")
    assert (ended.code, ended.json["reason"]) == (1, "exception in the event loop: KeyError('forgotten')")


@pytest.mark.slow
def test_a_component_may_ask_for_the_end(deployed):
    deployed.write(strategy="Leaves")
    ended = deployed.live("--json")
    assert (ended.code, ended.json["reason"]) == (0, "shutdown command: target reached")


@pytest.mark.slow
def test_a_node_tripped_by_the_kill_file_goes_on_flat_and_halted(deployed):
    process = deployed.start_live("--json", "--duration", "20s")
    deployed.wait_for(process, running_with_position)
    (deployed.folder / "kill").touch()
    deployed.wait_for(process, lambda status: status["latch"] == "halted")
    ended = deployed.end(process, signal.SIGTERM)
    assert (ended.code, ended.json["kill_switch"], ended.json["positions"]) == (0, True, [])

    again = deployed.live("--duration", "1s", "--json")
    assert (again.json["kill_switch"], again.json["fills"]) == (True, 0)
    assert "KILL SWITCH" in again.err


def test_dry_build_names_the_parts_and_trades_nothing(deployed):
    ended = deployed.live("--dry-build", "--json")
    assert ended.code == 0
    assert ended.json["components"] == ["safety", "Holder-btc"]
    assert not deployed.status_file.exists()


def test_print_native_is_json_without_a_run(deployed):
    ended = deployed.live("--print-native")
    assert ended.code == 0
    assert ended.json["strategies"][0]["strategy_path"] == "runner_plugins:Holder"
    assert not (deployed.folder / "var").exists()


@pytest.mark.slow
def test_nautilus_traders_own_command_runs_what_print_native_prints(deployed):
    native = deployed.folder / "native.json"
    native.write_text(deployed.live("--print-native").out, encoding="utf-8")
    process = deployed.start("nautilus_trader.live", "--fsspec-url", str(native))
    seen = ""
    for line in process.stdout:  # pragma: no branch
        seen += line
        if "OrderFilled" in line:
            break
    deployed.end(process, signal.SIGTERM)
    assert "OrderFilled" in seen


def test_a_refused_config_is_a_message_and_not_a_traceback(deployed):
    deployed.config.write_text("mode: papr\nvenues: {}\n", encoding="utf-8")
    ended = deployed.live()
    assert ended.code == 2
    assert "did you mean `paper`" in ended.err
    assert "Traceback" not in ended.err + ended.out


def test_a_kill_file_in_no_folder_is_refused_before_anything_starts(deployed):
    text = deployed.config.read_text(encoding="utf-8").replace("/kill}", "/nowhere/kill}")
    deployed.config.write_text(text, encoding="utf-8")
    ended = deployed.live()
    assert ended.code == 2
    assert f"was {deployed.folder}/nowhere/kill (mkdir -p {deployed.folder}/nowhere)" in ended.err
    assert not (deployed.folder / "var").exists()


def test_a_duration_that_is_none_is_refused(deployed):
    for text in ("soon", "0", "-5"):
        ended = deployed.live("--duration", text)
        assert (ended.code, "Traceback" in ended.err) == (2, False), text


@pytest.mark.slow
def test_a_state_of_another_kind_is_refused(deployed):
    assert deployed.live("--duration", "200ms", "--json").code == 0
    connection = sqlite3.connect(deployed.folder / "var/test/paper.db")
    tables = [row[0] for row in connection.execute("select name from sqlite_master where type = 'table'")]
    connection.close()
    assert tables  # a real database, and:
    text = deployed.config.read_text(encoding="utf-8")
    text = text.replace("mode: paper", "mode: shadow\nstate: sqlite:///var/test/paper.db")
    deployed.config.write_text(text, encoding="utf-8")
    ended = deployed.live("--duration", "200ms", "--json")
    assert ended.code in {1, 2}
    assert "Traceback" not in ended.err
    assert not ended.out or "orders" not in json.loads(ended.out)
