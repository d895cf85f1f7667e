"""``nq assign`` from a config file to a config file, on recorded and on simulated markets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from nautilus_quant.cli import assign_write
from nautilus_quant.cli.app import app
from nautilus_quant.cli.assign_data import Recording, recordings
from nautilus_quant.cli.assign_run import Wish, run
from nautilus_quant.config import load
from nautilus_quant.config.plugins import resolve_path
from nautilus_quant.config.registry import REGISTRY, lookup
from nautilus_quant.learning.assignment import KINDS, Assignment, Choice, Finding, find
from nautilus_quant.learning.measures import measure
from tests.cli.deployments import shown
from tests.learning.markets import market, returning, trending, walk

HOUR = 3_600_000_000_000
MARKETS = {"AAA": trending(3, 2_500), "BBB": 4.0 + returning(5, 14.0, 2_500), "CCC": walk(4, 2_500)}

CONFIG = """\
mode: paper
state: sqlite:///{folder}/state.db
status_file: {folder}/status.json
log: {{file: ""}}
venues:
  REC:
    adapter: replay
    balances: [100_000 USDT]
    half_spread_bps: 1
    sources:
{sources}
backtest: {{cache: {folder}/cache}}
strategies:
  old: {{use: momentum, instrument: AAAUSDT-PERP.REC, bar: 1-HOUR}}
"""


def record(folder: Path, name: str, log_prices: np.ndarray) -> Path:
    """Write hourly bars whose last price lies between a wick above and one below."""
    closes = np.exp(log_prices)
    opens = np.concatenate([closes[:1], closes[:-1]])
    frame = pd.DataFrame(
        {
            "ts_open": pd.date_range("2024-01-01", periods=len(closes), freq="h", tz="UTC"),
            "open": opens,
            "high": np.maximum(opens, closes) * 1.0001,
            "low": np.minimum(opens, closes) * 0.9999,
            "close": closes,
            "volume": 10.0,
        }
    )
    path = folder / f"{name}.parquet"
    frame.to_parquet(path)
    return path


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("assign")
    lines = []
    for name, prices in MARKETS.items():
        path = record(folder, name, prices)
        lines.append(f"      - {{path: {path}, instrument: {name}USDT-PERP.REC}}")
    file = folder / "base.yaml"
    file.write_text(CONFIG.format(folder=folder, sources="\n".join(lines)))
    return file


def ids(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}USDT-PERP.REC" for name in names)


def wish(*names: str, **changes: Any) -> Wish:
    asked = Wish(ids(*names), "1-HOUR", None, None, 2, 0.3, None)
    return asked._replace(**changes)


def by_instrument(answer: Any) -> dict[str, Any]:
    return {item["instrument"].partition("USDT")[0]: item for item in answer.data["instruments"]}


def test_known_markets_get_what_suits_them(config):
    answer = run(config, wish("AAA", "BBB", "CCC", days=200.0))
    found = by_instrument(answer)
    assert answer.code == 0
    assert [choice["use"] for choice in found["AAA"]["choices"]] == ["momentum"]
    assert found["BBB"]["choices"][0]["use"] == "mean_reversion"
    assert found["CCC"]["choices"] == []
    assert set(found["CCC"]["refused"]) == set(KINDS)
    assert found["BBB"]["measures"]["half_life"]["value"] == pytest.approx(14.0, rel=0.3)
    assert found["AAA"]["bars"] == 2_500
    json.dumps(answer.data, allow_nan=False)


def test_the_end_of_the_data_is_what_counts(config):
    deployment = load(config)
    (whole,) = recordings(deployment, ids("CCC"), "1-HOUR", 1_000.0).values()
    (end,) = recordings(deployment, ids("CCC"), "1-HOUR", 20.0).values()
    (default,) = recordings(deployment, ids("CCC"), "1-HOUR", None).values()
    assert [len(item.ts) for item in (whole, end, default)] == [2_500, 480, 2_160]
    assert (end.market.closes == whole.market.closes[-480:]).all()
    assert end.ts[-1] == pd.Timestamp("2024-01-01", tz="UTC").value + 2_500 * HOUR
    assert (whole.market.taker_fee, whole.market.interval) == (0.0005, HOUR)
    assert np.exp(MARKETS["CCC"][-1]) == pytest.approx(end.market.closes[-1], rel=1e-3)


def test_closes_are_matched_by_time():
    own = Recording(market(np.log(np.arange(1.0, 6.0))), np.array([10, 20, 30, 50, 60]), ())
    got = own.closes_at(np.array([5, 10, 40, 50, 60, 70]))
    assert got == pytest.approx([np.nan, 1.0, np.nan, 4.0, 5.0, np.nan], nan_ok=True)


def test_what_is_written_loads_and_says_why(config):
    file = config.parent / "deep" / "assigned.yaml"
    answer = run(config, wish("AAA", "BBB", days=200.0, write=file))
    assert answer.code == 0, answer.data["problem"]
    assert answer.data["file"] == str(file)
    deployment = load(file)
    assert set(deployment.strategies) == {
        "old",
        *(
            name
            for item in by_instrument(answer).values()
            for choice in item["choices"]
            for name in [f"{choice['use']}-{item['instrument']}".lower().replace("-", "_").replace(".", "_")]
        ),
    }
    momentum = deployment.strategies["momentum_aaausdt_perp_rec"]
    assert momentum.instruments == ids("AAA")
    assert momentum.bars == ("AAAUSDT-PERP.REC-1-HOUR-LAST-EXTERNAL",)
    (choice,) = by_instrument(answer)["AAA"]["choices"]
    assert {key: momentum.config[key] for key in choice["params"]} == choice["params"]
    text = file.read_text()
    assert f"# score {choice['score']:.2f}: {choice['reason']}" in text
    assert "# not stat_arb: " in text
    assert yaml.safe_load(text)["extends"] == "../base.yaml"


def test_a_second_time_replaces_its_own_file_and_no_other(config):
    file = config.parent / "again.yaml"
    run(config, wish("AAA", days=200.0, write=file))
    first = file.read_text()
    assert run(config, wish("AAA", days=200.0, write=file)).code == 0
    assert file.read_text() == first
    other = config.parent / "mine.yaml"
    other.write_text("mode: paper\n")
    answer = run(config, wish("AAA", days=200.0, write=other))
    assert answer.code == 2
    assert "was not written by this command" in answer.data["problem"]
    assert other.read_text() == "mode: paper\n"
    assert run(config, wish("AAA", days=200.0, write=config)).code == 2
    assert config.read_text().startswith("mode: paper")


def test_nothing_suits_means_no_file_and_a_failure(config):
    file = config.parent / "nothing.yaml"
    answer = run(config, wish("CCC", days=200.0, write=file))
    assert answer.code == 1
    assert not file.exists()
    assert "nothing suits: no strategy is assigned" in shown(answer)


def test_too_little_data_is_said(config):
    answer = run(config, wish("AAA", days=5.0))
    assert answer.code == 1
    (item,) = answer.data["instruments"]
    assert item["refused"]["momentum"] == "costs unknown: needs 250 bars, has 120"
    assert item["measures"]["trend"]["value"] is None
    assert "unknown: needs 250 bars, has 120" in shown(answer)


def test_what_would_not_load_is_not_written(config, monkeypatch):
    file = config.parent / "broken.yaml"
    monkeypatch.setattr(assign_write, "_name", lambda *_: "not a name")
    answer = run(config, wish("AAA", days=200.0, write=file))
    assert answer.code == 2
    assert "does not load" in answer.data["problem"]
    assert list(config.parent.glob("*broken*")) + list(config.parent.glob(".broken*")) == []


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"bars": "7-MINUTE"}, 2, "--bars: bars are like"),
        ({"min_score": 0.0}, 2, "--min-score must be in (0, 1], was 0.0"),
        ({"top": 0}, 2, "--top must be at least 1"),
        ({"spread": "wide"}, 2, "--spread: a fraction is a number"),
        ({"spread": "-1bps"}, 2, "--spread must be in [0, 1), was -1bps"),
        ({"days": -1.0}, 2, "--days must be positive"),
        ({"instruments": ("AAAUSDT.NOWHERE",)}, 1, "is at no venue of"),
        ({"instruments": ("DDDUSDT-PERP.REC",)}, 1, "no 1-HOUR bars of DDDUSDT-PERP.REC"),
        ({"bars": "1-MINUTE"}, 1, "there are 1-HOUR-LAST-EXTERNAL"),
    ],
)
def test_wishes_that_cannot_be_are_answered(config, changes, code, said):
    answer = run(config, wish("AAA", **changes))
    assert answer.code == code
    assert said in answer.data["message"]


def test_a_spread_can_be_given_and_counts_where_there_are_no_quotes(config):
    guessed = by_instrument(run(config, wish("AAA", days=200.0)))["AAA"]["measures"]
    given = by_instrument(run(config, wish("AAA", days=200.0, spread="30bps")))["AAA"]["measures"]
    assert "estimate" in guessed["spread"]["source"]
    assert (given["spread"]["value"], given["spread"]["source"]) == (0.003, "given")
    assert given["cost"]["value"] == pytest.approx(0.003 + 2 * 0.0005)


def test_names_are_short_and_nobody_elses():
    taken = {"mean_reversion_btcusdt_perp_sim"}
    names = [assign_write._name("BTCUSDT-PERP.SIM", "mean_reversion", taken) for _ in range(2)]
    names.append(assign_write._name("1000000MOGUSDT-241227-PERP.BINANCE_FUTURES", "momentum", taken))
    names.append(assign_write._name("1000000MOGUSDT-241227-PERP.BINANCE_FUTURES", "momentum", taken))
    assert names[:2] == ["mean_reversion_btcusdt_perp_sim_2", "mean_reversion_btcusdt_perp_sim_3"]
    assert len(set(names)) == 4
    assert all(len(name) <= 36 for name in names)


def findings() -> dict[str, Finding]:
    """One finding of each kind, as markets give it."""
    base = walk(20)
    pair = measure(market(2.0 + 0.8 * base + returning(24, 10.0, sigma=0.004)), {"BASE.X": np.exp(base)})
    known = {"BASE.X": measure(market(base, "BASE.X"))}
    found = {
        "momentum": find("momentum", measure(market(trending(3))), {}),
        "mean_reversion": find("mean_reversion", measure(market(10.0 + returning(2, 14.0))), {}),
        "grid": find("grid", measure(market(10.0 + returning(2, 14.0))), {}),
        "stat_arb": find("stat_arb", pair, known),
    }
    assert all(isinstance(item, Finding) for item in found.values())
    return found  # type: ignore[return-value]


CONFIGS = {
    "momentum": "nautilus_quant.strategies.momentum:MomentumConfig",
    "mean_reversion": "nautilus_quant.strategies.mean_reversion:MeanReversionConfig",
    "grid": "nautilus_quant.strategies.grid:GridConfig",
    "stat_arb": "nautilus_quant.strategies.stat_arb:StatArbConfig",
}


@pytest.mark.parametrize("use", KINDS)
def test_parameters_are_fields_of_the_strategy_and_build_it(use):
    entry = lookup("strategy", use)
    config_path = CONFIGS[use] if entry is None else entry.config_path
    config_cls = resolve_path(config_path)
    strategy_cls = resolve_path(config_path.removesuffix("Config"))
    params = findings()[use].params
    config = config_cls.parse(
        json.dumps({"instrument": "AAAUSDT-PERP.BINANCE", "bar": "1-HOUR", **params}).replace(
            "BASE.X", "BASEUSDT-PERP.BINANCE"
        )
    )
    for key, value in params.items():
        assert str(getattr(config, key)).replace("BASEUSDT-PERP.BINANCE", "BASE.X") == str(value), key
    strategy_cls(config)


def test_a_strategy_that_is_not_installed_is_not_assigned(config, monkeypatch):
    kept = {name: entry for name, entry in REGISTRY["strategy"].items() if name != "momentum"}
    monkeypatch.setattr("nautilus_quant.cli.assign_run.REGISTRY", {"strategy": kept})
    (item,) = run(config, wish("AAA", days=200.0)).data["instruments"]
    assert item["choices"] == []
    assert item["refused"]["momentum"] == "this installation has no such strategy"


def test_comments_stay_comments():
    choice = Choice("momentum", 0.5, {"fast": 2.0}, "two\nlines: [of] 'text'")
    made = Assignment("AAAUSDT-PERP.REC", (choice,), {"grid": "a\nreason"})

    class Base:
        path, strategies = "/somewhere/base file.yaml", {}

    text = assign_write.document(Base, {"x": made}, "1-HOUR", Path("/somewhere/out.yaml"))  # type: ignore[arg-type]
    assert yaml.safe_load(text) == {
        "extends": "base file.yaml",
        "strategies": {
            "momentum_aaausdt_perp_rec": {
                "use": "momentum",
                "instrument": "AAAUSDT-PERP.REC",
                "bar": "1-HOUR",
                "fast": 2.0,
            }
        },
    }


def test_the_command_on_the_simulated_market(tmp_path):
    """A new instrument, which no strategy of the config names, end to end."""
    base = tmp_path / "base.yaml"
    base.write_text(
        f"mode: paper\nstate: sqlite:///{tmp_path}/state.db\nlog: {{file: ''}}\n"
        "venues: {SIM: {adapter: simulated, balances: [100_000 USDT], seed: 7}}\n"
        f"backtest: {{cache: {tmp_path}/cache}}\n"
    )
    out = tmp_path / "assigned.yaml"
    args = ["assign", str(base), "--instrument", "LINKUSDT-PERP.SIM", "--bars", "10-SECOND", "--days", "0.03"]
    done = CliRunner().invoke(app, [*args, "--write", str(out), "--json"])
    answer = json.loads(done.stdout)
    (item,) = answer["instruments"]
    assert item["bars"] == 260
    assert item["measures"]["spread"]["source"] == "median of quotes"
    assert item["measures"]["cost"]["value"] > 0.001
    assert item["measures"]["trend"]["value"] > 0.0
    assert done.exit_code == (0 if item["choices"] else 1)
    assert out.exists() == bool(item["choices"])
    if item["choices"]:
        assert "LINKUSDT-PERP.SIM" in load(out).instruments
    table = CliRunner().invoke(app, args)
    assert table.exit_code == done.exit_code
    assert "LINKUSDT-PERP.SIM, 260 bars of 10-SECOND" in table.stdout


def test_a_config_without_instruments_asks_for_one(tmp_path):
    base = tmp_path / "base.yaml"
    base.write_text("mode: paper\nvenues: {SIM: {adapter: simulated, balances: [100_000 USDT]}}\n")
    done = CliRunner().invoke(app, ["assign", str(base)])
    assert done.exit_code == 2
    assert "say which with --instrument ID" in done.stdout


def test_a_coin_the_simulated_market_does_not_have_is_refused(tmp_path):
    base = tmp_path / "base.yaml"
    base.write_text("mode: paper\nvenues: {SIM: {adapter: simulated, balances: [100_000 USDT]}}\n")
    answer = run(base, wish(instruments=("DOGEUSDT-PERP.SIM",)))
    assert answer.code == 2
    assert "DOGE" in answer.data["message"]
