"""The files in configs/ do what they say."""

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest
from nautilus_trader.config import BacktestRunConfig, TradingNodeConfig, msgspec_decoding_hook

from nautilus_quant.config import load, native_backtest, native_live, schema
from nautilus_quant.config.check import to_plain
from nautilus_quant.config.environment import resolve
from nautilus_quant.config.nodes import parse

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
ENV = {"NQ_DATA": "/data"}
FILES = sorted(path.name for path in CONFIGS.glob("*.yaml"))
DEPLOYMENTS = [name for name in FILES if not name.startswith("base")]


def plain(path):
    node, problems = parse(path.read_text(encoding="utf-8"), str(path))
    assert not problems
    return to_plain(resolve(node, ENV, problems))


@pytest.fixture(scope="module")
def validator():
    return jsonschema.Draft202012Validator(schema())


@pytest.mark.parametrize("name", FILES)
def test_the_schema_knows_every_key(validator, name):
    assert [error.message for error in validator.iter_errors(plain(CONFIGS / name))] == []


@pytest.mark.parametrize("name", FILES)
def test_editors_are_told_where_the_schema_is(name):
    first, _, _ = (CONFIGS / name).read_text(encoding="utf-8").partition("\n")
    assert first == "# yaml-language-server: $schema=./schema.json"


def test_the_schema_for_editors_is_the_one_in_force():
    # To write it anew: nq config schema > configs/schema.json
    shipped = json.loads((CONFIGS / "schema.json").read_text(encoding="utf-8"))
    assert shipped == json.loads(json.dumps(schema()))


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_nautilus_trader_takes_what_they_turn_into(name):
    deployment = load(CONFIGS / name, env=ENV)
    live = json.dumps(native_live(deployment))
    assert msgspec.json.decode(live, type=TradingNodeConfig).data_clients
    backtest = json.dumps(native_backtest(deployment))
    (run,) = msgspec.json.decode(backtest, type=list[BacktestRunConfig], dec_hook=msgspec_decoding_hook)
    assert run.data


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_nobody_trades_real_money_by_accident(name):
    deployment = load(CONFIGS / name, env=ENV)
    assert not deployment.real
    assert all(venue.paper and venue.embedded for venue in deployment.venues.values())
    assert deployment.plugin("safety_engine") is not None


@pytest.mark.parametrize("mode", ["paper", "shadow", "canary", "production"])
def test_one_key_changes_the_mode(tmp_path, mode):
    path = tmp_path / "other.yaml"
    path.write_text(f"extends: {CONFIGS / 'paper.yaml'}\nmode: {mode}\n")
    assert load(path, env={}).mode == mode


def test_the_recipe_in_canary_for_going_live(tmp_path):
    path = tmp_path / "live.yaml"
    path.write_text(
        f"""\
extends: {CONFIGS / "canary.yaml"}
venues:
  SIM: null
  BINANCE: {{adapter: binance, account_type: USDT_FUTURES}}
strategies:
  momentum-btc: {{instrument: BTCUSDT-PERP.BINANCE, bar: 1-MINUTE}}
  reversion-eth: {{instrument: ETHUSDT-PERP.BINANCE, bar: 1-MINUTE}}
  momentum-link: null
  reversion-ada: null
actors:
  flow: {{instruments: [BTCUSDT-PERP.BINANCE, ETHUSDT-PERP.BINANCE]}}
"""
    )
    deployment = load(path, env={"BINANCE_API_KEY": "k", "BINANCE_API_SECRET": "s"})
    assert deployment.real
    assert deployment.state_kind == "live"
    strategies = native_live(deployment)["strategies"]
    assert sum(item["config"]["allocation"] for item in strategies) == pytest.approx(0.01)
    # After a restart positions go back to the strategy that alone trades the instrument.
    assert strategies[0]["config"]["external_order_claims"] == ["BTCUSDT-PERP.BINANCE"]
