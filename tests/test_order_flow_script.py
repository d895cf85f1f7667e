"""The study of order flow on the recorded market: runs, is finite, decides."""

from __future__ import annotations

import importlib.util
import math
import os
import re
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

MARKETS = ("BINANCE_USDM:BTCUSDT", "BINANCE_SPOT:BTCUSDT")


def script(project: Path) -> Any:
    spec = importlib.util.spec_from_file_location("order_flow", project / "backtests" / "order_flow.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules["order_flow"] = made  # where dataclasses look
    spec.loader.exec_module(made)
    return made


def start(project: Path, folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(project / "backtests" / "order_flow.py"), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(project), "COLUMNS": "200", **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("market", MARKETS)
def test_features_are_finite_and_gates_decide(nq_data, project, market):
    found = script(project).replay(nq_data, market, 250_000.0)
    assert found.compared == found.equal > 500  # the book is that of the ticker
    assert len(found.points) > 300
    warm = found.points[60:]  # ten buckets of five seconds for the toxicity
    for point in warm:
        numbers = [value for value in point._replace(impact_bps=0.0) if isinstance(value, float)]
        assert len(numbers) == 9
        assert all(math.isfinite(value) for value in numbers), point
        assert point.impact_bps > 0.0  # infinite where the order is more than twenty levels hold
        assert abs(point.score) <= 1.0
        assert max(abs(point.imbalance), abs(point.delta), abs(point.large)) <= 1.0
        assert 0.0 <= point.toxicity <= 1.0
    said = Counter(code for point in warm for code in point.flow)
    assert said["FLOW_UNKNOWN"] == 0
    assert 0 < said["FLOW_AGAINST"] < 0.2 * len(warm)
    for point in warm:
        buying, selling = point.flow
        assert not (buying == selling == "FLOW_AGAINST")
        assert buying != "FLOW_AGAINST" or point.score < 0.0
        assert selling != "FLOW_AGAINST" or point.score > 0.0
    assert {code for point in warm for code in point.liquidity} <= {"ALLOW", "IMPACT"}
    assert len({code for point in warm for code in point.liquidity}) == 2


@pytest.mark.data
@pytest.mark.slow
def test_the_script_prints_its_table_and_writes_its_page(nq_data, project, tmp_path):
    done = start(project, tmp_path, "--html", "charts/flow.html", NQ_DATA=str(nq_data))
    assert done.returncode == 0, done.stderr
    for market in MARKETS:
        assert re.search(rf"{market}.*[\d,]+/[\d,]+.*%.*[+-]\d", done.stdout), done.stdout
    page = (tmp_path / "charts" / "flow.html").read_text()
    assert "<script src=" not in page.lower()  # works offline
    for words in (*MARKETS, "buying blocked by flow", "toxicity (VPIN)", "book imbalance", "CVD"):
        assert words in page


@pytest.mark.parametrize(
    ("arguments", "environ", "message"),
    [
        ((), {"NQ_DATA": ""}, "export NQ_DATA=/path/to/data"),
        ((), {"NQ_DATA": "/nowhere"}, "l2_binance_20240808_bookticker.parquet"),
        (("--notional", "0"), {}, "need 0 < notional < inf"),
    ],
    ids=["no data", "not there", "no worth"],
)
def test_what_is_wrong_is_said(project, tmp_path, arguments, environ, message):
    done = start(project, tmp_path, *arguments, **environ)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
