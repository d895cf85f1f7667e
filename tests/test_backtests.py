"""The research examples run as their docstrings say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SMALL = """
extends: {configs}/base.yaml
mode: paper
backtest: {{start: 2025-01-01, duration: 6m, cache: {folder}/catalog}}
"""

# Two arms on two markets, judged twice a minute.
CHOOSING = """
extends: {configs}/meta.yaml
mode: paper
backtest: {{start: 2025-01-01, duration: 6m, cache: {folder}/catalog}}
actors:
  meta: {{evaluation_interval: 30s, min_dwell: 1m, vol_half_life: 1m}}
strategies:
  fast: {{each: [BTCUSDT-PERP.SIM, ETHUSDT-PERP.SIM]}}
  short: {{each: [BTCUSDT-PERP.SIM, ETHUSDT-PERP.SIM]}}
  slow: null
  long: null
  grid: null
  pair: null
"""
VERDICT = r"The selector (beats|does NOT beat) equal weight after costs"


def example(
    name: str, project: Path, folder: Path, *arguments: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(project / "backtests" / name), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(project), "COLUMNS": "120", **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def written(folder: Path, text: str, project: Path) -> str:
    config = folder / "small.yaml"
    config.write_text(text.format(configs=project / "configs", folder=folder))
    return str(config)


@pytest.mark.slow
def test_what_gates_cost_compares_the_variants(tmp_path, project):
    done = example("what_gates_cost.py", project, tmp_path, written(tmp_path, SMALL, project))
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if "gate" in line and "│" in line]
    assert [line.split("│")[1].strip() for line in lines] == [
        "all gates",
        "without the regime gate",
        "no gates",
    ]


@pytest.mark.slow
def test_selector_shows_each_market_the_total_and_its_verdict_on_both(tmp_path, project):
    config = written(tmp_path, CHOOSING, project)
    done = example("selector.py", project, tmp_path, config, "--html", "charts/selector.html")
    assert done.returncode == 0, done.stderr
    shown = done.stdout
    for market in ("BTCUSDT-PERP.SIM", "ETHUSDT-PERP.SIM"):
        assert re.search(
            rf"^{market}: \d+ evaluations, 2025-01-01 00:00 to 2025-01-01 00:0[56]$", shown, re.MULTILINE
        )
    for arm in ("Momentum-fast_btcusdt", "MeanReversion-short_ethusdt"):
        assert re.search(rf"^{arm} +-?\d\.\d+ ± ", shown, re.MULTILINE)
    for baseline in ("selector", "equal weight", "best single arm in hindsight", "arm chosen last"):
        assert len(re.findall(rf"^{baseline} .*[+-]\d+\.\d\d %", shown, re.MULTILINE)) == 3, baseline
    assert len(re.findall(VERDICT, shown)) == 3
    assert re.search(r"^\d+ evaluations in \d+ s$", shown, re.MULTILINE)
    page = (tmp_path / "charts" / "selector.html").read_text()
    assert re.search(VERDICT, page)
    assert "<script src=" not in page.lower()  # works offline


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extended", "more", "message"),
    [
        (
            "meta",
            "actors: {meta: null}",
            "small.yaml evaluates nothing: it needs an actor with `use: meta_learner`",
        ),
        ("meta", "strategies: {fast: {lookback: 5}}", "small.yaml:3: strategies.fast.lookback: unknown key"),
        ("backtest-meta", "name: away", "ohlcv_1h_perp_binance.parquet"),
    ],
    ids=["no meta-learner", "wrong setting", "no data"],
)
def test_selector_says_what_is_missing(tmp_path, project, extended, more, message):
    config = tmp_path / "small.yaml"
    config.write_text(f"extends: {project}/configs/{extended}.yaml\nmode: paper\n{more}\n")
    done = example("selector.py", project, tmp_path, str(config), NQ_DATA=str(tmp_path / "empty"))
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_every_example_says_what_it_does_and_how_to_run_it(project):
    for path in Path(project / "backtests").glob("*.py"):
        assert f"python backtests/{path.name}" in path.read_text(), path
