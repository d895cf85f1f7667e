"""``nq scan``: recorded chains and archives, tables, JSON and charts."""

from __future__ import annotations

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from nautilus_quant.cli import scan
from nautilus_quant.cli.codes import FAILED, OK, REFUSED
from nautilus_quant.options.archive import ArchiveWriter
from nautilus_quant.options.scan_rows import ScanParams
from nautilus_quant.options.surface_fit import fit_surface
from tests.options.surface_kit import DAY, NOW, chain_of, smiles

DAYS = (9, 23, 60)
HOUR = DAY // 24
PLANTED = "BTC-40"


def rows_of(n: int, *, planted: float) -> list[dict]:
    one = chain_of(smiles(0.5 + 0.002 * (n % 3), DAYS), ts=NOW + 6 * n * HOUR, strikes=21)
    forward = 90_000.0
    rows = []
    for at in range(len(one)):
        extra = planted if f"BTC-{at}" == PLANTED else 0.0
        rows.append(
            {
                "ts": one.ts,
                "currency": "BTC",
                "expiry": int(one.expiry[at]),
                "strike": float(one.strike[at]),
                "option_type": "call" if one.call[at] else "put",
                "instrument_name": f"BTC-{at}",
                "bid_price": float((one.bid[at] + extra) / forward),
                "ask_price": float((one.ask[at] + extra) / forward),
                "mark_price": float(one.mid[at] / forward),
                "mark_iv": 0.5,
                "underlying_price": forward,
                "index_price": forward,
                "open_interest": 100.0 + at,
            }
        )
    return rows


def write(file, rows) -> None:
    table = pa.Table.from_pylist(rows)
    for name in ("ts", "expiry"):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table.column(name).cast(pa.timestamp("ns", "UTC")))
    pq.write_table(table, file)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The last of three chains has one option 400 dollars too dear."""
    file = tmp_path_factory.mktemp("recorded") / "chains.parquet"
    write(file, [row for n in range(3) for row in rows_of(n, planted=400.0 if n == 2 else 0.0)])
    return file


def shown(answer) -> str:
    console = Console(file=io.StringIO(), width=240)
    console.print(answer.view)
    return console.file.getvalue()


def test_what_was_planted_is_first_after_the_fees_of_the_venue(recorded):
    answer = scan.run(recorded)
    assert answer.code == OK
    data = answer.data
    assert data["fee"] == {"tier": "Standard", "taker": 0.0003, "cap": 0.125}
    first = data["options"][0]
    assert (first["name"], first["side"], first["open_interest"]) == (PLANTED, "sell", 140.0)
    assert first["fee"] == pytest.approx(27.0, rel=0.05)
    assert first["edge"] == pytest.approx(400.0 - first["half_spread"] - first["fee"], rel=0.25)
    assert PLANTED in {leg["name"] for leg in data["spreads"][0]["legs"]}
    assert data["quotes"] == 126
    assert data["compared"] > 90
    json.dumps(data, allow_nan=False)


def test_the_tables_say_it(recorded):
    text = shown(scan.run(recorded))
    assert "BTC on 2026-01-01 12:00 UTC" in text
    assert "fee 0.03% of the underlying, at most 12.5% of the premium" in text
    line = next(line for line in text.splitlines() if line.startswith(PLANTED))
    assert " sell " in line
    assert line.rstrip().split()[-2:] == ["140", "–"]
    assert "rich and cheap options" in text
    assert "spreads to buy" in text
    few = shown(scan.run(recorded, top=1))
    assert len(few.splitlines()) < len(text.splitlines())


def test_a_moment_before_has_nothing(recorded):
    answer = scan.run(recorded, at="2026-01-01T07:00")
    assert answer.data["ts"] == "2026-01-01T06:00:00Z"
    assert answer.data["options"] == []
    assert scan.run(recorded, at="soon").code == REFUSED
    assert scan.run(recorded, at="2025-01-01").code == FAILED


def test_fees_are_chosen(recorded):
    free = scan.run(recorded, fees="none")
    assert free.data["fee"]["taker"] == 0.0
    assert free.data["options"][0]["edge"] > scan.run(recorded).data["options"][0]["edge"]
    okx = scan.run(recorded, fees="okx_options", volume=6e6)
    assert okx.data["fee"]["tier"] == "VIP 1"
    refused = scan.run(recorded, fees="deribit")
    assert refused.code == REFUSED
    assert "deribit_options" in refused.data["message"]


def test_liquidity_is_asked_for(recorded):
    assert scan.run(recorded, params=ScanParams(min_open_interest=140.0)).data["options"]
    assert scan.run(recorded, params=ScanParams(min_open_interest=141.0)).data["options"] == []
    assert scan.run(recorded, params=ScanParams(min_size=1.0)).data["options"] == []


def test_an_archive_has_scores_and_no_quotes(tmp_path):
    writer = ArchiveWriter(tmp_path)
    for n in range(40):
        dear = 0.7 if n == 39 else 0.5 + 0.002 * (n % 5)
        surface = fit_surface(chain_of(smiles(dear, DAYS), ts=NOW + n * HOUR))
        writer.add(surface, surface.ts + 1)
    writer.flush()
    answer = scan.run(tmp_path)
    assert answer.code == OK
    assert answer.data["quotes"] is None
    assert {one["kind"] for one in answer.data["skews"]} >= {"atm"}
    assert answer.data["skews"][0]["score"] > 2.0
    text = shown(answer)
    assert "surfaces without quotes" in text
    assert "sell straddles" in text
    pytest.importorskip("plotly")
    assert scan.run(tmp_path, html=tmp_path / "scan.html").data["html"]


def test_the_page_holds_the_charts(recorded, tmp_path):
    pytest.importorskip("plotly")
    file = tmp_path / "deep" / "scan.html"
    answer = scan.run(recorded, html=file)
    assert answer.data["html"] == str(file)
    text = file.read_text(encoding="utf-8")
    start = text.index('id="data">') + len('id="data">')
    drawn = json.loads(text[start : text.index("</script>", start)])
    assert set(drawn) == {"residuals", "smiles", "spreads", "skews"}
    assert "Rich and cheap options on BTC, 2026-01-01 12:00 UTC" in text
    (dots,) = drawn["residuals"]["data"]
    at = int(np.argmax(dots["marker"]["color"]))
    assert dots["text"][at].startswith(f"{PLANTED}: +")
    quotes = [trace for trace in drawn["smiles"]["data"] if trace["mode"] == "markers"]
    assert len(quotes) == 3
    assert [size for trace in quotes for size in trace["marker"]["size"]].count(12) == len(
        answer.data["options"]
    )


def test_without_plotly_it_says_how_to_get_it(recorded, tmp_path, monkeypatch):
    from nautilus_quant.monitoring import chart_page

    def missing() -> str:
        raise ImportError("an HTML report needs plotly: pip install 'nt-quant[report]'")

    monkeypatch.setattr(chart_page, "plotly_source", missing)
    answer = scan.run(recorded, html=tmp_path / "scan.html")
    assert answer.code == FAILED
    assert "pip install" in answer.data["message"]


def test_which_underlying_must_be_there(recorded, tmp_path):
    assert scan.run(recorded, underlying="ETH").code == REFUSED
    empty = tmp_path / "nothing"
    empty.mkdir()
    assert scan.run(empty).code == FAILED


def test_the_command_prints_one_json_object(recorded, tmp_path):
    app = typer.Typer()
    app.command()(scan.scan)
    result = CliRunner().invoke(app, [str(recorded), "--json", "--errors", "1.5"])
    assert result.exit_code == OK
    assert json.loads(result.stdout)["underlying"] == "BTC"
    other = tmp_path / "bars.parquet"
    pq.write_table(pa.table({"ts": [1]}), other)
    refused = CliRunner().invoke(app, [str(other)])
    assert refused.exit_code == FAILED
    assert "is no recorded option chain" in refused.stderr
