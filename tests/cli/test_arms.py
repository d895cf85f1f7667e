"""``nq arms``: what the journal's evaluations come to."""

import io
import json
import sys
import time

import pytest
from rich.console import Console
from typer.testing import CliRunner

from nautilus_quant.cli import arms
from nautilus_quant.cli.app import app
from nautilus_quant.cli.codes import FAILED, OK, REFUSED
from nautilus_quant.host.state import StateStore
from tests.cli.deployments import open_state, shown, write_config
from tests.learning.evaluations import BTC, DAY, ETH, both, evaluation


def fill(store, evaluations):
    for item in evaluations:
        store.append("order_decision", {"order": "O-1"}, ts=item.ts)
        store.append("selection", item.to_dict(), ts=item.ts)


@pytest.fixture
def config(tmp_path):
    with open_state(tmp_path) as store:
        fill(store, both())
    return write_config(tmp_path)


def test_the_numbers(config):
    answer = arms.run(config)
    assert answer.code == OK
    assert list(answer.data["markets"]) == [BTC, ETH]
    assert answer.data["total"]["selector"] == pytest.approx(0.0215)
    assert answer.data["markets"][BTC]["arms"][0]["weight"] == 0.5
    assert answer.data["markets"][BTC]["arms"][1]["mean"] is None
    assert answer.data["html"] is None
    json.dumps(answer.data, allow_nan=False)


def test_it_reads_well(config):
    text = shown(arms.run(config))
    assert f"{BTC}: 5 evaluations, 2024-10-04 00:00 to 2024-10-09 00:00" in text
    assert "arms now, in UP" in text
    rows = [" ".join(line.split()) for line in text.splitlines()]
    assert "X-1 0.250 ± 0.125 4.5 yes 50.0 % 40.0 % +1.00 %" in rows
    assert "Y-2 – – no 50.0 % 40.0 % +4.00 %" in rows
    assert "none (flat) – – 0.0 % 20.0 % +0.00 %" in rows
    assert "selector +6.30 % –" in rows
    assert "equal weight +2.50 % -3.80 %" in rows
    assert "best single arm in hindsight (Y-2) +4.00 % -2.30 %" in rows
    assert "arm chosen last (X-1) +1.00 % -5.30 %" in rows
    assert "UP 3.0 +2.50 +2.00 +4.00 +4.00 +1.50 -0.50 2 0.33 0.50" in rows
    assert "DOWN 2.0 +3.80 +0.50 +4.00 -3.00 +0.20 -3.30 1 0.50 0.20" in rows
    assert "2 markets, each with the same capital" in rows
    assert rows[-2].startswith("The selector does NOT beat equal weight after costs: it has earned 1.10 % of")


def test_numbers_stay_whole_on_a_narrow_terminal(config):
    console = Console(file=io.StringIO(), width=40, color_system=None)
    console.print(arms.run(config).view, soft_wrap=True)
    text = console.file.getvalue()
    assert "…" not in text
    assert any(line.split()[:4] == ["DOWN", "2.0", "+3.80", "+0.50"] for line in text.splitlines())


def test_one_market(config):
    answer = arms.run(config, market=ETH)
    assert list(answer.data["markets"]) == [ETH]
    assert answer.data["total"]["selector"] == pytest.approx(-0.02)
    assert "each with the same capital" not in shown(answer)
    unknown = arms.run(config, market="X")
    assert unknown.code == FAILED
    assert unknown.data["markets"] == [BTC, ETH]


def test_since(config):
    assert arms.run(config, since="2024-10-06").data["markets"][BTC]["evaluations"] == 3
    none = arms.run(config, since="1s")
    assert none.code == FAILED
    assert "leave --since away" in none.data["message"]
    days = (time.time_ns() - both()[-1].ts) // DAY + 1
    assert arms.run(config, since=f"{days}d").data["markets"][BTC]["evaluations"] == 1
    refused = arms.run(config, since="soon")
    assert refused.code == REFUSED
    assert "soon" in refused.data["message"]


def test_an_empty_journal_says_what_to_do(tmp_path):
    with open_state(tmp_path) as store:
        store.append("lifecycle", {"event": "start"}, ts=1)
    answer = arms.run(write_config(tmp_path))
    assert answer.code == FAILED
    assert "use: meta_learner" in answer.data["message"]


def test_no_state_at_all_says_the_same_and_makes_none(tmp_path):
    answer = arms.run(write_config(tmp_path))
    assert answer.code == FAILED
    assert "use: meta_learner" in answer.data["message"]
    assert [path.name for path in tmp_path.iterdir()] == ["rig.yaml"]


def test_the_state_of_the_backtest(tmp_path, config):
    assert arms.run(config, backtest=True).code == REFUSED
    url = f"sqlite:///{tmp_path}/backtest.db"
    with StateStore.open(url) as store:
        fill(store, [evaluation(0, (0.0, 0.0), (1.0, 0.0)), evaluation(1, (0.5, 0.0), (1.0, 0.0))])
    config.write_text(config.read_text() + f"backtest: {{state: '{url}'}}\n")
    answer = arms.run(config, backtest=True)
    assert answer.data["markets"][BTC]["total"]["selector"] == 0.5
    assert arms.run(config).data["markets"][BTC]["evaluations"] == 5


def test_a_running_node_is_not_disturbed(tmp_path):
    with open_state(tmp_path) as store:
        fill(store, both())
        store.flush()
        answer = arms.run(write_config(tmp_path))
        assert answer.data["markets"][BTC]["evaluations"] == 5
        store.append("selection", evaluation(6, (0.0, 0.0), (1.0, 0.0)).to_dict(), ts=1)
        assert store.flush()
    assert arms.run(tmp_path / "rig.yaml").data["markets"][BTC]["evaluations"] == 6


def test_charts(config, tmp_path):
    file = tmp_path / "charts" / "arms.html"
    answer = arms.run(config, html=file)
    assert answer.data["html"] == str(file)
    assert "<title>Arms of rig</title>" in file.read_text(encoding="utf-8")
    assert f"charts written to {file}" in shown(answer)


def test_charts_without_plotly(config, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    answer = arms.run(config, html=tmp_path / "arms.html")
    assert answer.code == FAILED
    assert "nt-quant[report]" in answer.data["message"]


def test_the_command(config):
    runner = CliRunner()
    told = runner.invoke(app, ["arms", str(config), "--json", "--market", BTC])
    assert told.exit_code == OK
    assert json.loads(told.stdout)["markets"][BTC]["last_arm"] == "X-1"
    assert runner.invoke(app, ["arms"]).exit_code == REFUSED
    assert runner.invoke(app, ["arms", "--state", str(config.parent / "state/rig.db")]).exit_code == OK
    assert runner.invoke(app, ["arms", str(config), "--since", "soon"]).exit_code == REFUSED
