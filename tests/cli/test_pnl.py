"""``nq pnl``: what the snapshots in the state come to."""

from __future__ import annotations

import io
import json
import sys

import pytest
from rich.console import Console
from typer.testing import CliRunner

from nautilus_quant.account.snapshots import DAY, HOUR, Snapshot, SnapshotBook
from nautilus_quant.account.statement import PARTS, Part, Statement
from nautilus_quant.cli import pnl
from nautilus_quant.cli.app import app
from nautilus_quant.cli.codes import FAILED, OK, REFUSED
from tests.cli.deployments import open_state, shown, write_config

ONE = 10**28
FIRST = 20_119 * DAY  # 2025-01-31


def at(ts: int, equity: float, unrealised: float = 0.0, **parts: int) -> Snapshot:
    exact = tuple(parts.get(part.value, 0) * ONE for part in PARTS)
    return Snapshot(ts, equity, unrealised, 1, True, 1_000 * ONE, exact)


# 1 000 → 1 098 (+100 realised, −2 fees) | +500 transferred, −50 funding → 1 548 | +7 open → 1 555
SNAPSHOTS = [
    at(FIRST + HOUR, 1_000.0),
    at(FIRST + 2 * HOUR, 1_098.0, realised=100, fees=-2),
    at(FIRST + DAY + HOUR, 1_598.0, realised=100, fees=-2, transfers=500),
    at(FIRST + DAY + 2 * HOUR, 1_548.0, realised=100, fees=-2, transfers=500, funding=-50),
    at(FIRST + 2 * DAY + HOUR, 1_555.0, 7.0, realised=100, fees=-2, transfers=500, funding=-50),
]


@pytest.fixture
def config(tmp_path):
    book = SnapshotBook()
    for snapshot in SNAPSHOTS:
        book.add(snapshot)
    with open_state(tmp_path) as store:
        for day in book.dirty:
            store.put("snapshots", str(day), book.document(day), ts=FIRST)
        store.put("portfolio", "book", {"statement": Statement("USDT").to_dict()}, ts=FIRST)
        store.put(
            "portfolio", "trades", {"trades": [[60.0, 3_000.0], [70.0, 1_000.0], [-30.0, 1_000.0]]}, ts=FIRST
        )
    return write_config(tmp_path)


def test_the_numbers(config):
    answer = pnl.run(config)
    assert answer.code == OK
    data = answer.data
    assert (data["currency"], data["equity"], data["unrealised"], data["opening"]) == (
        "USDT",
        1_555.0,
        7.0,
        "1000",
    )
    assert data["total"] == {
        "realised": "100",
        "fees": "-2",
        "funding": "-50",
        "transfers": "500",
        "rounding": "0",
        "revaluation": "0",
    }
    assert data["parts"] == data["total"]
    assert [day["day"] for day in data["days"]] == ["2025-01-31", "2025-02-01", "2025-02-02"]
    assert [day["profit"] for day in data["days"]] == [98.0, -50.0, 7.0]
    assert [day["unrealised"] for day in data["days"]] == [0.0, 0.0, 7.0]
    assert data["days"][1]["funding"] == "-50"
    assert data["statistics"]["profit"] == 55.0
    # 1 098/1 000, then (1 598 − 1 098 − 500) = 0, then 1 548/1 598, then 1 555/1 548
    assert data["statistics"]["growth"] == pytest.approx(1.098 * 1_555 / 1_598 - 1.0)
    assert data["statistics"]["max_drawdown"] == pytest.approx(50 / 1_598)
    assert data["trades"] == {
        "trades": 3,
        "win_rate": pytest.approx(2 / 3),
        "profit_factor": pytest.approx(130 / 30),
        "expectancy": 0.02,
    }
    assert data["html"] is None
    json.dumps(data, allow_nan=False)


def test_the_last_day_is_measured_from_the_end_of_the_one_before(config):
    data = pnl.run(config, days=2).data
    assert [day["day"] for day in data["days"]] == ["2025-02-01", "2025-02-02"]
    assert [day["profit"] for day in data["days"]] == [-50.0, 7.0]
    assert data["parts"]["realised"] == "0"
    assert data["parts"]["transfers"] == "500"
    assert data["total"]["realised"] == "100"


def test_it_reads_well(config):
    rows = [" ".join(line.split()) for line in shown(pnl.run(config)).splitlines()]
    assert rows[0] == "equity 1,555.00 USDT on 2025-02-02 01:00, 1 positions open"
    assert "realised +100.00 +100.00" in rows
    assert "rounding – –" in rows
    assert "unrealised +7.00 +7.00" in rows
    assert "equity +555.00 1,555.00" in rows
    assert "2025-02-01 -50.00 -3.13% – – -50.00 +500.00 – 1,548.00" in rows
    assert "won of the last 3 trades 66.67%" in rows
    assert "profit factor 4.33" in rows


def test_numbers_stay_whole_on_a_narrow_terminal(config):
    console = Console(file=io.StringIO(), width=40, color_system=None)
    console.print(pnl.run(config).view, soft_wrap=True)
    text = console.file.getvalue()
    assert "…" not in text
    assert any(line.split()[-1:] == ["1,548.00"] for line in text.splitlines())


def test_stale_prices_are_told(tmp_path):
    book = SnapshotBook()
    book.add(SNAPSHOTS[0]._replace(fresh=False))
    with open_state(tmp_path) as store:
        store.put("snapshots", "x", book.document(FIRST // DAY), ts=FIRST)
    text = shown(pnl.run(write_config(tmp_path)))
    assert "by prices that were stale" in text
    assert "Sharpe, of 0 daily returns" in text


def test_the_chart(config, tmp_path):
    file = tmp_path / "charts" / "pnl.html"
    answer = pnl.run(config, html=file)
    assert answer.data["html"] == str(file)
    page = file.read_text()
    assert "Account of rig" in page
    data = json.loads(page.split('<script type="application/json" id="data">')[1].split("</script>")[0])
    equity, net, down = data["equity"]["data"]
    assert equity["y"] == [1_000.0, 1_098.0, 1_598.0, 1_548.0, 1_555.0]
    assert equity["x"][0] == (FIRST + HOUR) // 1_000_000
    assert net["y"][2] == pytest.approx(1_098.0)
    assert min(down["y"]) == pytest.approx(-100 * 50 / 1_598)
    assert {trace["name"] for trace in data["days"]["data"]} == {
        "realised", "fees", "funding", "transfers", "unrealised",
    }  # fmt: skip


def test_no_chart_without_plotly(config, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    answer = pnl.run(config, html=tmp_path / "pnl.html")
    assert answer.code == FAILED
    assert "needs plotly" in answer.data["message"]


def test_nothing_yet(tmp_path):
    config = write_config(tmp_path)
    assert pnl.run(config).code == FAILED
    open_state(tmp_path).close()
    answer = pnl.run(config)
    assert answer.code == FAILED
    assert "use: portfolio_monitor" in answer.data["message"]


def test_a_backtest_without_state(config):
    assert pnl.run(config, backtest=True).code == REFUSED


def test_the_command(config):
    runner = CliRunner()
    done = runner.invoke(app, ["pnl", str(config), "--days", "1", "--json"])
    assert done.exit_code == OK
    assert len(json.loads(done.stdout)["days"]) == 1
    assert runner.invoke(app, ["pnl"]).exit_code == REFUSED
    assert runner.invoke(app, ["pnl", str(config), "--days", "0"]).exit_code == REFUSED


@pytest.mark.parametrize("value", [1e-3, -1e-3, 0.0])
def test_little_is_nothing(value):
    from nautilus_quant.cli.pnl_view import signed

    assert signed(value) == "–"


def test_parts_are_exact_in_json(tmp_path):
    snapshot = at(FIRST, 1.0)
    parts = tuple(10**40 + 1 if part is Part.FEES else 0 for part in PARTS)
    book = SnapshotBook()
    book.add(snapshot._replace(parts=parts))
    with open_state(tmp_path) as store:
        store.put("snapshots", "x", book.document(FIRST // DAY), ts=FIRST)
    total = pnl.run(write_config(tmp_path)).data["total"]
    assert total["fees"] == "1000000000000.0000000000000000000000000001"
