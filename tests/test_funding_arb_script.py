"""The study of funding arbitrage: its parts, and a run of it on recorded hours."""

from __future__ import annotations

import importlib.util
import json
import math
import os
import re
import subprocess
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from nautilus_quant.carry.attribution import Sources
from nautilus_quant.carry.study import YEAR, Outcome, Sample

if TYPE_CHECKING:
    from pathlib import Path

NUMBER = r"([+-]\d+\.\d\d)"


@pytest.fixture(scope="module")
def script(project) -> Any:
    spec = importlib.util.spec_from_file_location("funding_arb", project / "backtests" / "funding_arb.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def start(project: Path, folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(project / "backtests" / "funding_arb.py"), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(project), "COLUMNS": "170", **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )


def outcome(name: str, capital: int, profit: float) -> Outcome:
    return Outcome(
        name=name,
        capital=Decimal(capital),
        samples=[Sample(ts=0, profit=0.0, notional=0.0), Sample(ts=YEAR, profit=profit, notional=1.0)],
        assets={"BTC": Sources(funding=Decimal(profit))},
        years={2021: Sources(funding=Decimal(profit))},
        captures={},
        promises=(),
        fills=2,
        traded=1.0,
        left={},
        equity=Decimal(0),
    )


def test_capacity_is_read_from_runs_that_differ_by_capital_alone(script):
    runs = [
        outcome("held throughout", 1_000_000, 9e5),
        outcome("7 days ahead", 1_000_000, 1e5),
        outcome("14 days ahead", 1_000_000, 2e5),
        outcome("7 days ahead, 100,000", 100_000, 2e4),
        outcome("7 days ahead, 10,000,000", 10_000_000, 5e5),
    ]
    points = script.capacity(runs)
    assert points == [(1e5, pytest.approx(0.2)), (1e6, pytest.approx(0.1)), (1e7, pytest.approx(0.05))]
    # Half of 20 % is what a million earned.
    assert "Half of the smallest's return is left at about 1,000,000." in script.said(points)
    assert script.said(points).startswith("A year's return by capital: +20.00% of 100,000, +10.00% of")


@pytest.mark.parametrize(
    ("points", "end"),
    [
        ([(1e5, 0.1), (1e6, 0.09)], "is left beyond what was tried."),
        ([(1e5, -0.1), (1e6, 0.09)], "The smallest earns nothing, so there is no capacity."),
    ],
)
def test_what_is_said_of_capacity(script, points, end):
    assert script.said(points).endswith(end)


def test_the_charts_hold_what_came_out(script):
    runs = [outcome("held throughout", 1_000, 50.0), outcome("7 days ahead", 1_000, 30.0)]
    drawn = script.charts(runs, [(1e3, 0.03)])
    assert [line["name"] for line in drawn["curves"]["data"]] == ["held throughout", "7 days ahead"]
    funding = drawn["sources"]["data"][0]
    assert (funding["name"], funding["y"]) == ("funding", [5.0, 3.0])
    assert drawn["years"]["data"][0]["y"] == [30.0]
    assert drawn["capacity"]["data"][0]["y"] == [3.0]
    json.dumps(drawn, allow_nan=False)


def test_every_run_differs_by_one_thing(script):
    asked = script.arguments().parse_args(["--horizons", "7", "30", "--capitals", "1000000", "5000000"])
    assert [task[:3] for task in script.coin_tasks(asked)] == [
        ("held throughout", 1_000_000, None),
        ("7 days ahead", 1_000_000, 7.0),
        ("30 days ahead", 1_000_000, 30.0),
        ("7 days ahead, 5,000,000", 5_000_000, 7.0),
    ]
    assert [(task.name, task.days, task.coin) for task in script.venue_tasks(asked)] == [
        ("BTC, 7 days ahead", 7.0, "BTC"),
        ("BTC, 30 days ahead", 30.0, "BTC"),
        ("ETH, 7 days ahead", 7.0, "ETH"),
        ("ETH, 30 days ahead", 30.0, "ETH"),
    ]


def test_it_says_what_is_missing(project, tmp_path):
    found = start(project, tmp_path, NQ_DATA="")
    assert found.returncode == 1
    assert found.stderr.strip() == "need recorded data: --data, or export NQ_DATA=/path/to/data"
    found = start(project, tmp_path, "--data", str(tmp_path))
    assert found.returncode == 1
    assert "ohlcv_1h_spot_binance.parquet: no such file" in found.stderr
    assert "Traceback" not in found.stderr


@pytest.mark.data
@pytest.mark.slow
def test_a_short_study_of_coins(nq_data, project, tmp_path):
    found = start(
        project,
        tmp_path,
        *("--only", "coins", "--start", "2021-02-01", "--end", "2021-02-20", "--coins", "BTC", "ETH"),
        *("--horizons", "7", "--capitals", "100000", "--html", "page/funding.html", "--jobs", "2"),
    )
    assert found.returncode == 0, found.stderr
    rows = re.findall(
        rf"(held throughout|7 days ahead(?:, 100,000)?) +│ +{NUMBER} │ +{NUMBER} │ +{NUMBER} │ +{NUMBER} │ "
        rf"+{NUMBER} │ +{NUMBER} │",
        found.stdout,
    )
    assert [row[0] for row in rows] == ["held throughout", "7 days ahead", "7 days ahead, 100,000"]
    for name, *shares in rows:
        *sources, total = map(float, shares)
        assert sum(sources) == pytest.approx(total, abs=0.03), name
        # Funding was at its highest then: whoever held anything received it, and paid for getting in.
        assert sources[0] > 20.0
        assert max(sources[3], sources[4]) < 0.0
        assert sources[2] == pytest.approx(0.0, abs=0.05)
    page = (tmp_path / "page" / "funding.html").read_text()
    assert "Funding arbitrage" in page
    assert "<script src=" not in page.lower()


@pytest.mark.data
@pytest.mark.slow
def test_venues_with_one_price_earn_funding_alone(nq_data, script, monkeypatch):
    monkeypatch.setattr(script, "VENUES", ("binance", "bybit", "dydx"))
    options = ["--only", "venues", "--data", str(nq_data), "--horizons", "7"]
    asked = script.arguments().parse_args(
        [*options, "--venue-start", "2022-11-05", "--venue-end", "2022-11-20"]
    )
    found = [script.perform(asked, task) for task in script.venue_tasks(asked)]
    assert [one.name for one in found] == ["BTC, 7 days ahead", "ETH, 7 days ahead"]
    assert any(one.fills for one in found)
    for one in found:
        assert one.total.basis == one.total.unhedged == 0
        assert bool(one.total.funding) == bool(one.fills)
        assert (one.total.slippage < 0) == bool(one.fills)
        assert not math.isnan(one.annual)
