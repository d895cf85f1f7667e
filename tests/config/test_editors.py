import jsonschema
import pytest
import yaml

from nautilus_quant.config import schema

pytestmark = pytest.mark.xdist_group("a schema")


@pytest.fixture(scope="module")
def validator():
    whole = schema()
    jsonschema.Draft202012Validator.check_schema(whole)
    return jsonschema.Draft202012Validator(whole)


VALID = """\
extends: [base.yaml, other.yaml]
mode: canary
allocation: 1.5%
timeouts: {connection: 2min, shutdown: 1}
backtest: {duration: 1d12h}
venues:
  SIM: {adapter: simulated, balances: [100_000 USDT], seed: 7, step: 250ms}
  BINANCE: {adapter: binance, account_type: USDT_FUTURES, api_key: "${KEY}"}
  GONE: null
strategies:
  a: {use: momentum, instrument: BTCUSDT-PERP.SIM, fast: 5, slow: "${SLOW:-30}", min_interval: 5s}
  b: {use: "my.module:Class", config: "my.module:Config", whatever: [1, {two: 3}]}
  c: {fast: 3}
  d: {use: momentum, each: [BTCUSDT-PERP.SIM, {instrument: ETHUSDT-PERP.SIM, fast: 4}], fast: 5}
  e: {use: "my.module:Class", each: [BTCUSDT-PERP.SIM], partner: ETHUSDT-PERP.SIM}
  f: {each: [ADAUSDT-PERP.SIM]}
  g: {each: null, instrument: ADAUSDT-PERP.SIM}
actors:
  safety: {use: safety_engine, enabled: true, max_hourly_loss: 0.1%, hourly_halt: 2h}
"""


def test_what_people_write_is_valid(validator):
    assert [error.message for error in validator.iter_errors(yaml.safe_load(VALID))] == []


@pytest.mark.parametrize(
    "text",
    [
        "mod: paper",
        "mode: papr",
        "allocation: much",
        "timeouts: {connection: soon}",
        "venues: {SIM: {adapter: simulatd}}",
        "venues: {SIM: {adapter: simulated, sed: 7}}",
        "strategies: {a: {use: momentm}}",
        "strategies: {a: {use: momentum, fsat: 7}}",
        "strategies: {a: {use: momentum, fast: quick}}",
        "strategies: {a: {use: momentum, each: []}}",
        "strategies: {a: {use: momentum, each: BTCUSDT-PERP.SIM}}",
        "strategies: {a: {use: momentum, each: [BTCUSDT]}}",
        "strategies: {a: {each: [{partner: BTCUSDT-PERP.SIM}]}}",
        "strategies: {a: {each: [BTCUSDT-PERP.SIM, BTCUSDT-PERP.SIM]}}",
        "actors: {a: {use: regime_gate, each: [BTCUSDT-PERP.SIM]}}",
        "actors: {s: {use: safety_engine, max_drawdown: 2}}",
        "backtest: {data: [ticks]}",
        "log: {level: LOUD}",
    ],
)
def test_mistakes_are_marked(validator, text):
    assert list(validator.iter_errors(yaml.safe_load(text)))


def test_plugins_of_the_suite_are_described():
    strategies = schema()["properties"]["strategies"]["additionalProperties"]["anyOf"][1]["oneOf"]
    momentum = next(option for option in strategies if option["title"] == "momentum")
    assert {"use", "enabled", "instrument", "fast", "slow"} <= momentum["properties"].keys()
    assert momentum["additionalProperties"] is False
