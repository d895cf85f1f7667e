"""The `nq` command: quick to answer, and kind about mistakes."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from nautilus_quant import __version__
from nautilus_quant.cli.app import app

HEAVY = ("nautilus_trader", "pandas", "numpy", "scipy", "pyarrow", "sqlalchemy", "plotly")
COMMANDS = (
    "live",
    "backtest",
    "status",
    "kill",
    "rearm",
    "explain",
    "doctor",
    "data",
    "config",
    "arms",
    "abtest",
    "assign",
)


@pytest.fixture
def nq():
    runner = CliRunner()
    return lambda *args: runner.invoke(app, list(args))


def test_version(nq):
    assert nq("--version").output.strip() == f"nautilus_quant {__version__}"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(nq, command):
    result = nq(command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_no_arguments_show_the_commands(nq):
    assert all(command in nq("--help").output for command in COMMANDS)


@pytest.mark.parametrize("module", ["nautilus_quant.live", "nautilus_quant.backtest", "nautilus_quant"])
def test_help_imports_nothing_heavy(module):
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['x', '--help']\n"
        "try:\n"
        f"    runpy.run_module({module!r}, run_name='__main__', alter_sys=True)\n"
        "except SystemExit as ended:\n"
        "    assert not ended.code, ended.code\n"
        f"heavy = [name for name in {HEAVY} if name in sys.modules]\n"
        "assert not heavy, heavy\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "Usage" in ended.stdout


def test_plugins_in_the_working_folder_are_found_and_hide_nothing(tmp_path):
    (tmp_path / "mine.py").touch()
    (tmp_path / "json.py").write_text("raise ImportError('not this one')", encoding="utf-8")
    code = (
        "import sys\n"
        "sys.path.remove('')\n"
        "sys.argv = ['nq', '--version']\n"
        "from nautilus_quant.cli import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit:\n"
        "    import json, mine\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


def test_a_missing_config_is_a_message(nq, tmp_path):
    for args in (["live"], ["backtest"], ["config", "check"], ["status"], ["rearm", "--reason", "x"]):
        result = nq(*args, str(tmp_path / "none.yaml"))
        assert result.exit_code == 2, result.output
        assert "none.yaml" in result.output


def test_config_check_lists_problems_as_data(nq, tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("mode: papr\nvenues: {}\n", encoding="utf-8")
    result = nq("config", "check", str(file), "--json")
    assert result.exit_code == 2
    assert '"hint": "did you mean `paper`?"' in result.output


def test_config_check_show_and_schema(nq, project):
    shipped = str(project / "configs/canary.yaml")
    assert "good (canary, " in nq("config", "check", shipped).output
    assert '"mode": "canary"' in nq("config", "show", shipped).output
    assert "json-schema.org" in nq("config", "schema").output


def test_kill_and_explain_want_to_know_where(nq, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert nq("kill").exit_code == 2
    assert nq("explain", "O-1").exit_code == 2


def test_data_import_refuses_in_words(nq, tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("a,b\n1,2\n", encoding="utf-8")
    result = nq("data", "import", str(bad), "--catalog", str(tmp_path / "catalog"))
    assert result.exit_code == 1
    assert "bad.csv" in result.output
