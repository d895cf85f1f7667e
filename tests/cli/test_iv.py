"""``nq iv``: surfaces from an archive, from recorded chains and by the config of a node."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from nautilus_quant.cli import iv
from nautilus_quant.cli.codes import FAILED, OK, REFUSED
from nautilus_quant.cli.iv_html import figures
from nautilus_quant.options.archive import ArchiveWriter
from nautilus_quant.options.surface_fit import fit_surface
from tests.options.surface_kit import DAY, NOW, chain_of, smiles

pytestmark = pytest.mark.xdist_group("an archive of surfaces")

DAYS = (2, 9, 23, 60)
HOUR = DAY // 24


def chain(hours: int, vol: float):
    return chain_of(smiles(vol, DAYS), ts=NOW + hours * HOUR)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    root = tmp_path_factory.mktemp("archive")
    writer = ArchiveWriter(root)
    for n in range(40):
        surface = fit_surface(chain(n, 0.5 + 0.002 * (n % 5)))
        writer.add(surface, surface.ts + 1)
    writer.flush()
    return root


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A file laid out as the snapshots of Deribit's book summaries are."""
    rows = []
    for n in range(4):
        one = chain(6 * n, 0.5)
        forward = 90_000.0
        rows += [
            {
                "ts": one.ts,
                "currency": "BTC",
                "expiry": int(one.expiry[at]),
                "strike": float(one.strike[at]),
                "option_type": "call" if one.call[at] else "put",
                "instrument_name": f"BTC-{at}",
                "bid_price": float(one.bid[at] / forward),
                "ask_price": float(one.ask[at] / forward),
                "mark_price": float(one.mid[at] / forward),
                "mark_iv": 0.5,
                "underlying_price": float(forward),
                "index_price": 90_000.0 + 100.0 * n,
            }
            for at in range(len(one))
        ]
    table = pa.Table.from_pylist(rows)
    for name in ("ts", "expiry"):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table.column(name).cast(pa.timestamp("ns", "UTC")))
    file = tmp_path_factory.mktemp("recorded") / "chains.parquet"
    pq.write_table(table, file)
    return file


def shown(answer) -> str:
    console = Console(file=io.StringIO(), width=200)
    console.print(answer.view)
    return console.file.getvalue()


def test_the_last_surface_of_an_archive(archive):
    answer = iv.run(archive)
    assert answer.code == OK
    data = answer.data
    assert data["underlying"] == "BTC"
    assert data["ts"] == "2026-01-02T15:00:00Z"
    assert [one["expiry"] for one in data["term_structure"]] == [
        "2026-01-03T00:00:00Z",
        "2026-01-10T00:00:00Z",
        "2026-01-24T00:00:00Z",
        "2026-03-02T00:00:00Z",
    ]
    # The smile of 60 days has 50.8 % with 60 days to go; the same variance over 58.375 is a little more.
    assert data["term_structure"][-1]["atm"] == pytest.approx(0.508 * (60 / 58.375) ** 0.5, abs=1e-3)
    assert data["past"]["surfaces"] == 40
    assert data["past"]["slices_with_calendars"] == 0
    assert data["depth"]["atm|30+"] == 40
    assert set(data["scores"]) == set(data["statistics"])
    json.dumps(data, allow_nan=False)


def test_a_past_of_days_and_a_moment_of_the_past(archive):
    answer = iv.run(archive, at="2026-01-01T12:00", days=0.25)
    assert answer.data["ts"] == "2026-01-01T11:00:00Z"
    assert answer.data["past"]["surfaces"] == 6
    assert iv.run(archive, at="yesterday").code == REFUSED
    assert iv.run(archive, at="2025-01-01").code == FAILED


def test_the_view_says_what_there_is(archive):
    text = shown(iv.run(archive))
    assert "BTC on 2026-01-02 15:00 UTC" in text
    assert "2026-03-02 00:00" in text
    assert "40 with 160 slices" in text
    assert "risk reversal 25Δ" in text
    lines = [line for line in text.splitlines() if line.startswith("30+")]
    assert lines[0].count("+") >= 3


def test_recorded_chains_are_fitted(recorded):
    answer = iv.run(recorded)
    assert answer.code == OK
    assert answer.data["past"]["surfaces"] == 4
    assert answer.data["past"]["slices_with_butterflies"] == 0
    assert answer.data["past"]["rmse_worst"] < 1e-3
    last = answer.data["term_structure"][-1]
    # Premiums were converted at 90 000 whatever the expiry; parity finds the forward all the same.
    assert last["forward"] == pytest.approx(90_000 * 2.718281828 ** (0.08 * 60 / 365), rel=1e-4)
    assert [one["spot"] for one in answer.data["moments"]] == [90_000.0, 90_100.0, 90_200.0, 90_300.0]


def test_a_file_of_something_else_is_refused(tmp_path):
    file = tmp_path / "bars.parquet"
    pq.write_table(pa.table({"ts": [1], "close": [2.0]}), file)
    with pytest.raises(ValueError, match="is no recorded option chain: needs the columns"):
        iv.run(file)


def test_the_page_holds_the_charts(recorded, tmp_path):
    pytest.importorskip("plotly")
    file = tmp_path / "deep" / "iv.html"
    answer = iv.run(recorded, html=file)
    assert answer.data["html"] == str(file)
    text = file.read_text(encoding="utf-8")
    start = text.index('id="data">') + len('id="data">')
    drawn = json.loads(text[start : text.index("</script>", start)])
    assert set(drawn) == {"heat", "smile", "term", "cone", "past"}
    assert "Volatility of BTC on 2026-01-01 18:00 UTC" in text
    heat = drawn["heat"]["data"][0]
    assert len(heat["z"]) == len(heat["y"]) == 4
    assert heat["z"][-1][20] == pytest.approx(50.0 * (60 / 59.25) ** 0.5, abs=0.1)
    curves = [trace for trace in drawn["smile"]["data"] if trace["mode"] == "lines"]
    quotes = [trace for trace in drawn["smile"]["data"] if trace["mode"] == "markers"]
    assert len(curves) == len(quotes) == 4
    assert len(quotes[-1]["x"]) > 20


def test_without_plotly_it_says_how_to_get_it(recorded, tmp_path, monkeypatch):
    from nautilus_quant.monitoring import chart_page

    def missing() -> str:
        raise ImportError("an HTML report needs plotly: pip install 'nt-quant[report]'")

    monkeypatch.setattr(chart_page, "plotly_source", missing)
    answer = iv.run(recorded, html=tmp_path / "iv.html")
    assert answer.code == FAILED
    assert "pip install" in answer.data["message"]
    assert not (tmp_path / "iv.html").exists()


def test_calendar_arbitrage_is_shown_with_its_place(tmp_path):
    from tests.options.surface_kit import svi

    slices = {**smiles(0.5, DAYS), NOW + 9 * DAY: svi(9, 0.95)}
    surface = fit_surface(chain_of(slices))
    writer = ArchiveWriter(tmp_path)
    writer.add(surface, surface.ts)
    writer.flush()
    answer = iv.run(tmp_path)
    assert answer.data["past"]["slices_with_calendars"] == 1
    assert [one["free"] for one in answer.data["term_structure"]] == [True, True, False, True]
    assert "vol points below 2026-01-10 00:00 at strike" in shown(answer)


def test_the_cone_is_drawn_when_there_is_one(archive):
    from nautilus_quant.options.surface_study import SurfaceStudy

    study = SurfaceStudy()
    for n in range(40):
        surface = fit_surface(chain(n, 0.5))
        study.take(surface, 90_000.0 * (1.01 if n % 2 else 1.0))
    (horizon,) = study.cone()
    # Every hour ± ln 1.01: √(8 760)·0.00995 = 0.9313 a year.
    assert horizon.days == 1.0
    assert horizon.now == pytest.approx(0.9313, abs=1e-4)
    names = [trace["name"] for trace in figures(study)["cone"]["data"]]
    assert {"implied", "realised, 50%"} <= set(names)


def test_which_underlying_must_be_said_when_there_are_several(archive, tmp_path):
    (tmp_path / "underlying=BTC").mkdir()
    (tmp_path / "underlying=ETH").mkdir()
    answer = iv.run(tmp_path)
    assert answer.code == REFUSED
    assert answer.data["underlyings"] == ["BTC", "ETH"]
    assert iv.run(archive, underlying="ETH").code == REFUSED
    empty = tmp_path / "nothing"
    empty.mkdir()
    assert iv.run(empty).code == FAILED


def test_the_command_prints_one_json_object(archive, tmp_path):
    app = typer.Typer()
    app.command()(iv.iv)
    result = CliRunner().invoke(app, [str(archive), "--json"])
    assert result.exit_code == OK
    assert json.loads(result.stdout)["underlying"] == "BTC"
    assert CliRunner().invoke(app, [str(archive), "--at", "soon"]).exit_code == REFUSED
    other = tmp_path / "bars.parquet"
    pq.write_table(pa.table({"ts": [1]}), other)
    refused = CliRunner().invoke(app, [str(other)])
    assert refused.exit_code == FAILED
    assert "is no recorded option chain" in refused.stderr


def test_a_config_leads_to_the_archive_of_its_monitor(archive, tmp_path):
    plugin = "nautilus_quant.actors.iv_monitor"
    monitor = {"use": f"{plugin}:IVMonitor", "config": f"{plugin}_config:IVMonitorConfig"}
    file = tmp_path / "node.yaml"

    def written(**settings: str) -> Path:
        file.write_text(
            "mode: paper\n"
            "venues: {SIM: {adapter: simulated, balances: [100_000 USDT]}}\n"
            "strategies: {}\n"
            f"actors: {json.dumps({'iv': {**monitor, **settings}})}\n"
        )
        return file

    answer = iv.run(written(archive=str(archive)))
    assert answer.data["past"]["surfaces"] == 40
    without = iv.run(written())
    assert without.code == FAILED
    assert "archive" in without.data["advice"]
