"""Three venues of one market in one file: a live node and a backtest of it hear the very same."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.test_parity import run, stamp

pytestmark = pytest.mark.slow

S = 10**9
BASE = """
mode: paper
venues:
  SIM_A:
    {{adapter: simulated, balances: [100_000 USDT], seed: 21, spot: true, history: 60s, origin: {origin},
     latency: 5ms, outlet: {{}}}}
  SIM_B:
    {{adapter: simulated, balances: [100_000 USDT], seed: 21, spot: true, history: 60s, origin: {origin},
     latency: 40ms, outlet: {{basis: 5bps, price_decimals: -1, premium_mean: 9}}, funding_interval: 60s,
     incidents: [{{kind: outage, at: 28s, duration: 6s, announced: true}}]}}
  SIM_C:
    {{adapter: simulated, balances: [100_000 USDT], seed: 21, spot: true, history: 60s, origin: {origin},
     latency: 130ms, outlet: {{basis: 9bps}}, incidents: [{{kind: stale, at: 26s, duration: 8s}}]}}
actors:
  hears:
    use: "tests.integration.venue_recorder:VenueRecorder"
    path: "{folder}/{name}.jsonl"
    instruments: [BTCUSDT-PERP.SIM_A, BTCUSDT.SIM_A, BTCUSDT-PERP.SIM_B, BTCUSDT.SIM_B, BTCUSDT-PERP.SIM_C]
"""
LIVE = "state: sqlite:///{folder}/state.db\n"
BACKTEST = """
backtest:
  {{start: '{start}', duration: {seconds}s, cache: {folder}/catalog,
   data: [quotes, depth, trades, marks, funding]}}
"""


def read(path: Path, first: int, last: int) -> list[tuple[int, str]]:
    """Lines between two times [ns], by time of arrival; those of one time in any order."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return sorted((line["ts"], line["what"]) for line in lines if first <= line["ts"] < last)


def test_a_live_node_and_a_backtest_of_three_venues_hear_the_same(tmp_path, project):
    origin = int(time.time()) - 3
    files = {"folder": tmp_path, "origin": f"'{stamp(origin)}'"}
    live = tmp_path / "live.yaml"
    live.write_text((LIVE + BASE).format(name="live", **files))
    run("live", live, project, "--duration", "37")
    twin = tmp_path / "backtest.yaml"
    period = {"start": stamp(origin), "seconds": 80}
    twin.write_text((BASE + BACKTEST).format(name="backtest", **period, **files))
    run("backtest", twin, project)

    # From when all is surely subscribed, however busy the machine, to the last whole second before the end.
    times = [json.loads(line)["ts"] for line in (tmp_path / "live.jsonl").read_text().splitlines()]
    first, last = max((origin + 12) * S, (min(times) // S + 3) * S), (max(times) // S - 1) * S
    assert first < (origin + 25) * S, "the node took too long to start for what happens at its venues"
    assert last - first >= 10 * S
    lived, tested = (read(tmp_path / f"{name}.jsonl", first, last) for name in ("live", "backtest"))
    kinds = Counter(what.partition(" ")[0] for _, what in lived)
    assert kinds["QuoteTick"] > 150
    assert kinds["TradeTick"] > 100
    assert kinds["OrderBookDepth10"] > 20
    assert kinds["InstrumentStatus"] == 4
    assert lived == tested
