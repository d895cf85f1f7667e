"""Finding a Python on machines as people have them: shims that lie, old versions, pyenv, nothing at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = ("bash", "cat", "env", "mktemp", "rm")
REAL = f'exec "{sys.executable}" "$@"'
OLD = "echo 'python 3.9 cannot do this' >&2; exit 1"
LYING_SHIM = "echo 'pyenv: python3.13: command not found' >&2; exit 127"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine with nothing but a shell, and a home without anything in it."""
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path


def install(path: Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{shutil.which('bash')}\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def find(machine: Path, project: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [machine / "bin" / "bash", project / "scripts" / "find_python.sh"],
        env={"PATH": str(machine / "bin"), "HOME": str(machine), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_one_on_path_is_taken(machine: Path, project: Path) -> None:
    install(machine / "bin" / "python3.13", REAL)
    assert find(machine, project).stdout.strip() == sys.executable


def test_plain_python3_will_do_when_it_is_new_enough(machine: Path, project: Path) -> None:
    install(machine / "bin" / "python3", REAL)
    assert find(machine, project).stdout.strip() == sys.executable


def test_a_shim_that_lies_is_passed_over(machine: Path, project: Path) -> None:
    for name in ("python3.13", "python3.14"):
        install(machine / "bin" / name, LYING_SHIM)
    install(machine / "bin" / "python3.12", REAL)
    assert find(machine, project).stdout.strip() == sys.executable


def test_versions_of_pyenv_are_found_though_none_is_active(machine: Path, project: Path) -> None:
    install(machine / "bin" / "python3", OLD)
    install(machine / ".pyenv" / "versions" / "3.9.18" / "bin" / "python", OLD)
    install(machine / ".pyenv" / "versions" / "3.13.0" / "bin" / "python", REAL)
    assert find(machine, project).stdout.strip() == sys.executable


def test_pyenv_may_live_elsewhere(machine: Path, project: Path) -> None:
    install(machine / "elsewhere" / "versions" / "3.12.7" / "bin" / "python", REAL)
    assert find(machine, project, PYENV_ROOT=str(machine / "elsewhere")).stdout.strip() == sys.executable


def test_uv_is_asked_when_it_is_there(machine: Path, project: Path) -> None:
    install(machine / "python-of-uv", REAL)
    install(machine / "bin" / "uv", f'[ "$1 $2" = "python find" ] && echo "{machine / "python-of-uv"}"')
    assert find(machine, project).stdout.strip() == sys.executable


def test_where_there_is_none_it_says_how_to_get_one(machine: Path, project: Path) -> None:
    install(machine / "bin" / "uv", "exit 2")
    install(machine / "bin" / "python3", OLD)
    result = find(machine, project)
    assert (result.returncode, result.stdout) == (1, "")
    for way in ("uv python install 3.13", "pyenv install 3.13", "apt install python3.13", "brew install"):
        assert way in result.stderr


def test_one_that_is_named_is_taken_or_refused(machine: Path, project: Path) -> None:
    install(machine / "mine", REAL)
    install(machine / "old", OLD)
    assert find(machine, project, PYTHON=str(machine / "mine")).stdout.strip() == sys.executable
    refused = find(machine, project, PYTHON=str(machine / "old"))
    assert refused.returncode == 1
    assert "PYTHON must be a 64-bit CPython 3.12 or newer" in refused.stderr


def test_scripts_can_be_run(project: Path) -> None:
    for script in (project / ".ci" / "run", *sorted((project / "scripts").glob("*.sh"))):
        assert os.access(script, os.X_OK), script
        subprocess.run(["bash", "-n", str(script)], check=True)
