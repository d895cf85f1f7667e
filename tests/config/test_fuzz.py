"""Whatever stands in a file, the answer is a deployment or a list of problems, never a traceback."""

import copy
import json

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nautilus_quant.config import ConfigError, Deployment, load, native_backtest, native_live, show

RICH = """\
mode: paper
name: fuzz
allocation: 50%
state: sqlite:///var/fuzz/state.db
log: {level: INFO, max_size: 50_000, file: fuzz.log}
timeouts: {connection: 5s}
backtest: {start: "2025-01-01", duration: 2m, data: [bars, quotes]}
nautilus: {exec_engine: {qsize: 1_000}}
venues:
  SIM:
    adapter: simulated
    balances: [100_000 USDT, 1 BTC]
    seed: 7
    symbols: [BTC, ETH]
    stress: [{kind: crash, at: 30s, size: 20%, over: 5s, symbol: BTC}]
  BINANCE: {adapter: binance, balances: [5 USDT], account_type: USDT_FUTURES, api_key: "${KEY:-none}"}
strategies:
  momentum-btc: {use: momentum, instrument: BTCUSDT-PERP.SIM, bar: 1-SECOND, fast: 5, min_interval: 500ms}
  ema-eth:
    use: nautilus_trader.examples.strategies.ema_cross:EMACross
    instrument_id: ETHUSDT-PERP.BINANCE
    bar_type: ETHUSDT-PERP.BINANCE-1-MINUTE-LAST-EXTERNAL
    trade_size: 0.5
    order_time_in_force: IOC
  probe-x:
    use: config_probes:Probe
    instrument: ETHUSDT-PERP.SIM
    legs: [{instrument: BTCUSDT-PERP.SIM, weight: 2}]
    levels: {a: 1.5}
  many:
    use: config_probes:Probe
    each: [BTCUSDT-PERP.SIM, {instrument: ETHUSDT-PERP.SIM, slow: 40}]
  many_btcusdt: {fast: 3}
actors:
  safety: {use: safety_engine, max_hourly_loss: 0.5%, hourly_halt: 1h, kill_file: /tmp/quant_kill_switch}
  regime: {use: regime_gate, matrix: {momentum: [RANGING], default: ALL}, kinds: {EMACross-eth: momentum}}
exec_algorithms:
  twap: {use: twap}
"""
TREE = yaml.safe_load(RICH)

WORDS = """
${NAME} ${ 5% -5% 6h 1e400 0x1 BTCUSDT-PERP.SIM BTC. .SIM SIM simulated replay binance momentum canary NaN
os:system builtins:int decimal:Decimal nautilus_quant.actors:SafetyEngine config_probes:Probe a:b:c
1-SECOND 0-SECOND 999999999999-DAY 1-TICK-MID-INTERNAL 100_000 memory:// 2025-01-01 \u0000 \U0001f680
"""
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(WORDS.split()),
)
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
relaxed = settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def survive(tmp_path):
    def survive(content):
        path = tmp_path / "fuzz.yaml"
        path.write_bytes(content)
        problems = ()
        deployment = None
        try:
            deployment = load(path, env={})
        except ConfigError as error:
            problems, said = error.problems, str(error)
        if deployment is None:
            assert problems
            assert all(problem.rule and problem.rule in said for problem in problems)
            return None
        assert isinstance(deployment, Deployment)
        for plain in (show(deployment), native_live(deployment), native_backtest(deployment)):
            json.dumps(plain, allow_nan=False)
        return deployment

    return survive


def places(node, path=()):
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


PLACES = list(places(TREE))


def changed(path, change):
    tree = copy.deepcopy(TREE)
    if not path:
        return change(tree)
    parent = tree
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = change(parent[path[-1]])
    return tree


def test_the_file_to_be_spoilt_is_good(survive):
    assert survive(RICH.encode()) is not None


@relaxed
@given(st.data())
def test_text_edits(survive, data):
    text = RICH
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 12))
        put = data.draw(st.text("{}[]:,-#&*!|>'\"%@` \n\tabc019.$_\u00e9", max_size=6))
        text = text[:at] + put + text[at + cut :]
    survive(text.encode())


@relaxed
@given(st.data())
def test_other_values(survive, data):
    tree = changed(data.draw(st.sampled_from(PLACES)), lambda _: data.draw(trees))
    survive(json.dumps(tree).encode())


@relaxed
@given(st.data())
def test_other_keys(survive, data):
    path = data.draw(st.sampled_from([path for path in PLACES if path]))
    name = data.draw(st.sampled_from([path[-1] for path in PLACES if path]) | st.text(max_size=10))

    def add(node):
        return {**node, str(name): data.draw(trees)} if isinstance(node, dict) else {str(name): node}

    survive(json.dumps(changed(path, add)).encode())


@relaxed
@given(st.binary(max_size=200))
def test_bytes(survive, content):
    survive(content)
