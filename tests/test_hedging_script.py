"""The hedging study comes out of one command, as its docstring says."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backtests import hedging


@pytest.mark.slow
def test_the_command_prints_every_way_and_draws_every_market(tmp_path, project):
    page = tmp_path / "drawn" / "hedging.html"
    done = subprocess.run(
        [
            sys.executable,
            str(project / "backtests" / "hedging.py"),
            *("--paths", "20", "--html", str(page)),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(project), "COLUMNS": "140", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("unhedged") == 2 * 2  # family and name, in both simulated markets
    assert "cost-aware band, conservative: deviates less" in done.stdout
    drawn = page.read_text()
    assert "simulated, stochastic volatility" in drawn
    assert "<script src=" not in drawn.lower()  # works offline


def test_recorded_hours_make_a_straddle_a_day_at_the_volatility_of_the_month_before(tmp_path):
    hours = 2 * 30 * 24 + 24 + 1
    # Up and down by 1 % in turns, then by 0.5 %.
    moves = np.where(np.arange(hours - 1) % 2, -1.0, 1.0) * np.where(np.arange(hours - 1) < 720, 0.01, 0.005)
    closes = 100.0 * np.exp(np.concatenate([[0.0], np.cumsum(moves)]))
    table = pa.table({"symbol": ["BTCUSDT"] * hours, "ts_open": np.arange(hours), "close": closes})
    pq.write_table(table, tmp_path / "hours.parquet")
    paths = hedging.hourly(tmp_path / "hours.parquet", "BTCUSDT")
    assert paths.price.shape == (721, 2)
    np.testing.assert_allclose(paths.price[0], 100_000.0)
    # At 1 % an hour the year has 93.6 %: S vol sqrt(T / 2 pi) for each of the two options.
    vol = 0.01 * np.sqrt(365 * 24)
    about = 2 * 100_000.0 * vol * np.sqrt(30 / 365 / (2 * np.pi))
    assert -paths.value[0, 0] == pytest.approx(about, rel=0.01)
    with pytest.raises(ValueError, match="needs 1441"):
        hedging.hourly(tmp_path / "hours.parquet", "ETHUSDT")
