"""A live node in a process of its own, which a test may kill."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

SCRIPT = Path(__file__).parent / "node_script.py"


@pytest.fixture
def recorded_data() -> Path:
    folder = os.environ.get("NQ_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("NQ_DATA does not name a folder with recorded market data")
    return Path(folder)


@pytest.fixture
def rising(tmp_path) -> str:
    """Thirty one-minute bars; the close starts at 50 000 and rises by 10 a bar."""
    close = pd.Series([50_000.0 + 10 * i for i in range(30)])
    table = pd.DataFrame(
        {
            "symbol": "BTCUSDT",
            "ts_open": pd.date_range("2024-03-01", periods=30, freq="1min", tz="UTC"),
            "open": close - 3,
            "high": close + 50,
            "low": close - 50,
            "close": close,
            "volume": 100.0,
        }
    )
    path = tmp_path / "rising.parquet"
    table.to_parquet(path)
    return str(path)


@pytest.fixture
def run_node(rising):
    """Run the node of `node_script.py` to its end; return exit code and the facts it told."""

    def run(**settings):
        settings = {"source": {"path": rising}} | settings
        process = subprocess.run(
            [sys.executable, "-W", "ignore", str(SCRIPT), json.dumps(settings)],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        facts = [json.loads(line) for line in process.stdout.splitlines() if line.startswith("{")]
        assert facts, process.stdout + process.stderr
        assert "ERROR" not in process.stdout, process.stdout
        return process.returncode, facts

    return run
