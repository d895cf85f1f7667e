"""What the README tells people to type works: every block is run, only shorter."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from nautilus_quant.config import load
from nautilus_quant.config.registry import REGISTRY

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
LIMIT = 240.0
# Live nodes run shorter than a person would watch; sleeps stay, the node has to be up by then.
SHORTER = (
    (r"--duration 60 &", "--duration 25 &"),
    (r"--duration 60\b(?! &)", "--duration 3"),
    (r"--duration 150\b", "--duration 20"),
    (r"--duration (240|300)\b", "--duration 10"),
)
SOONER = {
    "duration: 6h": "duration: 1h",
    "evaluation_interval: 1min": "evaluation_interval: 3s",
    "min_dwell: 2min": "min_dwell: 6s",
    "vol_half_life: 10min": "vol_half_life: 30s",
}


class Block(NamedTuple):
    """One fenced block and the line it begins on."""

    line: int
    language: str
    text: str


def blocks() -> list[Block]:
    found = re.finditer(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return [Block(README[: m.start()].count("\n") + 1, m[1], m[2]) for m in found]


def of(language: str) -> pytest.MarkDecorator:
    chosen = [block for block in blocks() if block.language == language]
    return pytest.mark.parametrize("block", chosen, ids=[f"line-{block.line}" for block in chosen])


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the shipped configs, shorter and with a kill file of their own."""
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    for path in (tmp_path / "configs").glob("*.yaml"):
        text = path.read_text(encoding="utf-8").replace("/tmp/quant_kill_switch", str(tmp_path / "kill"))
        for shipped, sooner in SOONER.items():
            text = text.replace(shipped, sooner)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def environment(place: Path) -> dict[str, str]:
    """This interpreter's commands first; ``make`` only says what it would do: `make test` runs this test."""
    tools = place / "tools"
    tools.mkdir()
    real = shutil.which("make")
    (tools / "make").write_text(f'#!/bin/sh\nexec {real} -n -C "{ROOT}" "$@"\n', encoding="utf-8")
    (tools / "make").chmod(0o755)
    path = os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path}


def run(place: Path, *command: str) -> str:
    done = subprocess.run(
        command,
        cwd=place,
        env=environment(place),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_there_are_blocks_of_every_kind() -> None:
    kinds = [block.language for block in blocks()]
    assert set(kinds) == {"bash", "python", "yaml", "text"}  # text is only looked at
    assert README.count("```") == 2 * len(kinds)


@pytest.mark.slow
@of("bash")
def test_commands_work(block: Block, place: Path) -> None:
    script = block.text
    for pattern, shorter in SHORTER:
        script = re.sub(pattern, shorter, script)
    run(place, "bash", "-euo", "pipefail", "-c", script)


@pytest.mark.slow
@of("python")
def test_programs_work(block: Block, place: Path) -> None:
    (place / "program.py").write_text(block.text, encoding="utf-8")
    run(place, sys.executable, "-W", "error", "program.py")


@of("yaml")
def test_deployments_are_good(block: Block, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    (place / "mine.yaml").write_text(block.text, encoding="utf-8")
    assert load("mine.yaml").mode == "paper"


def test_the_plug_in_table_is_complete() -> None:
    ours = [(use, entry.path) for kind in ("actor", "strategy") for use, entry in REGISTRY[kind].items()]  # type: ignore[index]
    assert [path for use, path in ours if f"| `use: {use}` | `{path}` |" not in README] == []


def test_every_shipped_deployment_is_in_the_table() -> None:
    shipped = {path.name for path in (ROOT / "configs").glob("*.yaml")} - {"base.yaml"}
    assert {name for name in shipped if f"`{name}`" not in README} == set()


def test_every_command_is_in_the_table() -> None:
    from nautilus_quant.cli.app import app

    named = [command.name or command.callback.__name__ for command in app.registered_commands]  # type: ignore[union-attr]
    named += [str(group.name) for group in app.registered_groups]
    assert [name for name in named if f"`nq {name} " not in README and f"`nq {name}`" not in README] == []


def test_exit_codes_are_those_of_the_commands() -> None:
    from nautilus_quant.cli.codes import MEANINGS

    text = " ".join(README.split()).replace("`", "")
    assert [meaning for code, meaning in MEANINGS.items() if f"{code} {meaning}" not in text] == []


def test_import_paths_exist() -> None:
    for module in set(re.findall(r"^\| `(nautilus_quant\.[a-z_.]+)` \|", README, re.MULTILINE)):
        subprocess.run([sys.executable, "-c", f"import {module}"], check=True)


def test_the_disclaimer_is_there() -> None:
    text = " ".join(README.split())
    assert "not affiliated with or endorsed by Nautech Systems" in text
    assert "Nothing here is investment advice" in text
