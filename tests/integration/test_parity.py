"""The same market and the same config decide the same in a live node and in a backtest, event for event."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

BASE = """
mode: paper
venues:
  SIM:
    adapter: simulated
    balances: [100_000 USDT]
    leverage: 10
    seed: 21
    symbols: [BTC, ETH]
    bars: [1-SECOND]
    origin: {origin}
    stress:
      - {{kind: crash, at: 35s, size: 4%, over: 3s, recover: 5s, duration: 10s}}
strategies:
  momentum-btc:
    {{use: momentum, instrument: BTCUSDT-PERP.SIM, bar: 1-SECOND, fast: 3, slow: 8, vol_half_life: 10,
     leverage: 2, vol_target: 4, history: false}}
  reversion-eth:
    {{use: mean_reversion, instrument: ETHUSDT-PERP.SIM, bar: 1-SECOND, lookback: 10, entry: 1.0, exit: 0.2,
     vol_half_life: 5, vol_target: 4, history: false}}
actors:
  safety:
    {{use: safety_engine, kill_file: {folder}/kill, max_daily_loss: 50%, max_drawdown: 60%,
     max_hourly_loss: 0.5%}}
  regime: {{use: regime_gate, warm_up: 12, dwell: 2, adx_period: 5, fast_half_life: 3, slow_half_life: 10}}
  recorder: {{use: "tests.integration.recorder:Recorder", path: "{folder}/{name}.jsonl"}}
"""
LIVE = "state: sqlite:///{folder}/state.db\n"
BACKTEST = "backtest: {{start: '{start}', duration: {seconds}s, cache: {folder}/catalog}}\n"


ORDER = ("bar", "regime", "target", "decision", "order", "fill")


def stamp(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def run(module: str, config: Path, project: Path, *options: str) -> dict:
    command = [sys.executable, "-m", f"nautilus_quant.{module}", str(config), "--json", *options]
    done = subprocess.run(
        command,
        cwd=config.parent,
        env={**os.environ, "PYTHONPATH": str(project)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def read(path: Path) -> list[dict]:
    """
    Read what was decided, by time.

    Within one bar time the order of events of different kinds says nothing: a live node's fills come back
    through a queue, behind the bar of the next instrument.
    """
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return sorted(lines, key=lambda line: (line["ts"], ORDER.index(line["kind"]), json.dumps(line)))


def agree(one: dict, other: dict) -> bool:
    """
    Tell whether two lines say the same, quantities to two in a thousand.

    When both strategies decide on bars of one moment, the fill of the first has reached the second's equity
    in a backtest and not yet in a live node, where it comes back through a queue: its fee and half spread.
    """
    sizes = [float(line.get("quantity", 0.0)) for line in (one, other)]
    return {**one, "quantity": 0} == {**other, "quantity": 0} and sizes[0] == pytest.approx(
        sizes[1], rel=2e-3
    )


def first_difference(live: list[dict], tested: list[dict]) -> str:
    """Say where two runs part, and on what they decided there."""
    for n, (one, other) in enumerate(zip(live, tested, strict=False)):
        if not agree(one, other):
            before = "\n  ".join(json.dumps(line) for line in live[max(0, n - 4) : n])
            same = "same market so far, another decision"
            cause = "the market itself differs" if one["kind"] == "bar" else same
            return f"line {n}: {cause}\n  {before}\n  live     {one}\n  backtest {other}"
    return ""


def test_a_live_node_and_a_backtest_decide_the_same(tmp_path, project):
    origin = int(time.time())
    live = tmp_path / "live.yaml"
    live.write_text((LIVE + BASE).format(folder=tmp_path, name="live", origin=f"'{stamp(origin)}'"))
    summary = run("live", live, project, "--duration", "75")
    lived = read(tmp_path / "live.jsonl")
    bars = [line for line in lived if line["kind"] == "bar"]
    first, last = bars[0]["ts"], bars[-1]["ts"]
    assert (last - first) / 1e9 > 60

    twin = tmp_path / "backtest.yaml"
    start = first // 10**9
    text = (BASE + BACKTEST).format(
        folder=tmp_path,
        name="backtest",
        origin=f"'{stamp(origin)}'",
        start=stamp(start),
        seconds=(last - first) // 10**9 + 1,
    )
    twin.write_text(text)
    run("backtest", twin, project)
    tested = [line for line in read(tmp_path / "backtest.jsonl") if first <= line["ts"] <= last]
    lived = [line for line in lived if first <= line["ts"] <= last]
    difference = first_difference(lived, tested)
    assert not difference, difference
    kinds = {line["kind"] for line in lived}
    assert kinds == {"bar", "regime", "target", "decision", "order", "fill"}
    assert any(line["kind"] == "decision" and line["outcome"] != "ALLOW" for line in lived)
    assert summary["fills"] > 0
