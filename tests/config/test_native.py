import json

import msgspec
import pytest
from nautilus_trader.config import ImportableConfig, TradingNodeConfig

from nautilus_quant.config import native_live, node_config

KEYS = {"BINANCE_API_KEY": "public-part", "BINANCE_API_SECRET": "s3cret"}
LIVE = "mode: canary\nactors: {safety: {use: safety_engine}, w: {use: 'config_probes:Watcher'}}\n"


def decoded(native):
    """As `python -m nautilus_trader.live` does it: from text, without a decoding hook."""
    return msgspec.json.decode(json.dumps(native), type=TradingNodeConfig)


def test_nautilus_trader_reads_it_without_a_hook(read):
    config = decoded(native_live(read()))
    client = config.data_clients["BINANCE"]
    assert isinstance(client, ImportableConfig)
    assert client.create().account_type.value == "USDT_FUTURES"
    assert config.exec_clients["BINANCE"].path == "nautilus_quant.venues.paper:PaperExecClientConfig"
    assert config.environment.value == "sandbox"


def test_paper_fills_with_the_balances_of_the_file(read):
    text = "venues: {BINANCE: {balances: [5_000 USDT], leverage: 4, prob_slippage: 0.5}}"
    config = decoded(native_live(read(text))).exec_clients["BINANCE"].create()
    assert config.starting_balances == ["5000 USDT"]
    assert config.default_leverage == 4
    assert config.prob_slippage == 0.5
    assert config.state == "sqlite:///var/deployment/paper.db"
    assert config.account_type == "MARGIN"


def test_real_orders_go_to_the_venues_own_client(read):
    native = native_live(read(LIVE, **KEYS))
    client = native["exec_clients"]["BINANCE"]
    assert client["path"] == "nautilus_trader.adapters.binance.config:BinanceExecClientConfig"
    assert client["factory"]["path"] == "nautilus_quant.venues.adapters:BinanceLiveExecClientFactory"
    assert native["environment"] == "live"
    assert native["exec_engine"]["open_check_interval_secs"] == 10.0
    assert client["config"]["instrument_provider"] == {"load_ids": ["BTCUSDT-PERP.BINANCE"]}


@pytest.mark.parametrize(
    "venue", ["OKX: {adapter: okx}", "BYBIT: {adapter: bybit}", "DERIBIT: {adapter: deribit}"]
)
def test_every_adapter_decodes(read, venue):
    names = ("OKX_API_KEY", "OKX_API_SECRET", "OKX_API_PASSPHRASE", "BYBIT_API_KEY", "BYBIT_API_SECRET")
    env = KEYS | dict.fromkeys((*names, "DERIBIT_API_KEY", "DERIBIT_API_SECRET"), "x")
    config = decoded(native_live(read(f"{LIVE}venues:\n  {venue}\n", **env)))
    name = venue.partition(":")[0]
    assert name.lower() in type(config.data_clients[name].create()).__module__
    assert name.lower() in type(config.exec_clients[name].create()).__module__
    assert config.exec_clients[name].factory is not None


def test_long_runs_are_purged_and_logged_to_a_file_that_rotates(read):
    config = decoded(
        native_live(read("log: {level: ERROR, file: logs/a/node.log, max_size: 50_000, backups: 2}"))
    )
    assert config.exec_engine.purge_closed_orders_interval_mins == 10
    assert config.exec_engine.purge_closed_positions_interval_mins == 10
    assert config.logging.log_level == "ERROR"
    assert (config.logging.log_directory, config.logging.log_file_name) == ("logs/a", "node")
    assert (config.logging.log_file_max_size, config.logging.log_file_max_backup_count) == (50_000, 2)
    assert decoded(native_live(read("log: {file: ''}"))).logging.log_file_name is None


def test_plugins_get_state_currency_and_ids(read):
    native = native_live(read(f"{LIVE}state: sqlite:///somewhere.db\nreporting_currency: USDC\n", **KEYS))
    safety, watcher = native["actors"]
    assert safety["actor_path"] == "nautilus_quant.actors:SafetyEngine"
    assert safety["config"]["state"] == watcher["config"]["state"] == "sqlite:///somewhere.db"
    assert safety["config"]["reporting_currency"] == "USDC"
    assert "reporting_currency" not in watcher["config"]
    assert (safety["config"]["component_id"], watcher["config"]["component_id"]) == ("safety", "w")
    (strategy,) = native["strategies"]
    assert strategy["config"]["order_id_tag"] == "btc"
    assert "external_order_claims" not in strategy["config"]


def test_settings_of_nautilus_trader_pass_through(read, refused):
    text = "nautilus: {exec_engine: {qsize: 5}, cache: {tick_capacity: 77}}"
    config = decoded(native_live(read(text)))
    assert config.exec_engine.qsize == 5
    assert config.exec_engine.reconciliation
    assert config.cache.tick_capacity == 77
    (problem,) = refused("nautilus:\n  cahce: {}")
    assert (problem.line, problem.path) == (3, "nautilus.cahce")
    assert problem.hint == "did you mean `cache`?"
    (problem,) = refused("nautilus:\n  exec_engine: {qsize: none}")
    assert problem.path == "nautilus.exec_engine.qsize"
    (problem,) = refused("nautilus:\n  strategies: []")
    assert "has its own key" in problem.rule


def test_secrets_stay_in_the_environment(read):
    text = f'{LIVE}venues: {{BINANCE: {{api_secret: "${{MY_SECRET}}"}}}}\nstate: postgresql+psycopg://nq:pw@db/nq\n'
    deployment = read(text, MY_SECRET="s3cret", **KEYS)
    printed = json.dumps(native_live(deployment))
    assert "s3cret" not in printed
    assert ":pw@" not in printed
    assert "postgresql+psycopg://nq@db/nq" in printed
    assert "s3cret" in json.dumps(native_live(deployment, secrets=True))


def test_the_typed_config_has_everything(read):
    config = node_config(
        read(f"{LIVE}trader_id: DESK-7\nvenues: {{BINANCE: {{api_secret: mine}}}}\n", **KEYS)
    )
    assert config.trader_id.value == "DESK-7"
    assert config.exec_clients["BINANCE"].create().api_secret == "mine"
