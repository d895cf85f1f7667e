"""The research examples run as their docstrings say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = """
extends: {configs}/base.yaml
mode: paper
backtest: {{start: 2025-01-01, duration: 6m, cache: {folder}/catalog}}
"""


@pytest.mark.slow
def test_what_gates_cost_compares_the_variants(tmp_path, project):
    config = tmp_path / "small.yaml"
    config.write_text(SMALL.format(configs=project / "configs", folder=tmp_path))
    done = subprocess.run(
        [sys.executable, str(project / "backtests" / "what_gates_cost.py"), str(config)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(project), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if "gate" in line and "│" in line]
    assert [line.split("│")[1].strip() for line in lines] == [
        "all gates",
        "without the regime gate",
        "no gates",
    ]


def test_every_example_says_what_it_does_and_how_to_run_it(project):
    for path in Path(project / "backtests").glob("*.py"):
        assert f"python backtests/{path.name}" in path.read_text(), path
