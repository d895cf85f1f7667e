import json

import msgspec
import pytest
from nautilus_trader.config import BacktestRunConfig, msgspec_decoding_hook

from nautilus_quant.config import load, native_backtest, prepare_data, run_configs
from nautilus_quant.config.catalogs import catalog_path, period
from nautilus_quant.config.clients import paper_fields

SIMULATED = """\
mode: paper
venues:
  SIM: {adapter: simulated, balances: [50_000 USDT], seed: 11, step: 1}
strategies:
  ema-eth:
    use: nautilus_trader.examples.strategies.ema_cross:EMACross
    instrument_id: ETHUSDT-PERP.SIM
    bar_type: ETHUSDT-PERP.SIM-1-SECOND-LAST-EXTERNAL
    trade_size: 0.5
backtest: {start: 2025-03-01T12:00:00Z, duration: 2m}
"""
NOON = 1_740_830_400_000_000_000


@pytest.fixture
def simulated(write, tmp_path):
    def simulated(changes=""):
        write(SIMULATED, "sim.yaml")
        write(f"backtest: {{cache: {tmp_path / 'catalog'}}}", "cache.yaml")
        return load(write(f"extends: [sim.yaml, cache.yaml]\n{changes}"), env={})

    return simulated


def decoded(native):
    """As `python -m nautilus_trader.backtest` does it."""
    return msgspec.json.decode(
        json.dumps(native), type=list[BacktestRunConfig], dec_hook=msgspec_decoding_hook
    )


def test_time(simulated):
    assert period(simulated()) == (NOON, NOON + 120 * 10**9)
    later = "backtest: {duration: null, end: 2025-03-01T14:00:00.000001+01:00}"
    assert period(simulated(later)) == (NOON, NOON + 3_600 * 10**9 + 1_000)
    assert period(simulated("backtest: {start: null, duration: null}"))[1] is not None


@pytest.mark.parametrize(
    ("block", "key", "rule"),
    [
        ("start: yesterday", "start", "UTC time"),
        ("{duration: null, end: 2025-13-01}", "end", "UTC time"),
        ("end: 2025-03-02", "duration", "not both"),
        ("{duration: null, end: 2025-02-01}", "end", "after the start"),
        ("duration: 0", "duration", "must be a number > 0.0"),
        ("chunk_size: 100_000", "chunk_size", "in one go"),
        ("catalogs: {OKX: somewhere}", "catalogs.OKX", "not among the venues"),
        ("data: [bars, ticks]", "data[1]", "must be one of its choices"),
    ],
)
def test_impossible_backtests(simulated, block, key, rule):
    with pytest.raises(ValueError, match="refused") as caught:
        simulated(f"backtest: {block if block.startswith('{') else f'{{{block}}}'}")
    (problem,) = caught.value.problems
    assert problem.path == f"backtest.{key}"
    assert rule in problem.rule


def test_nautilus_trader_runs_it(simulated):
    deployment = simulated()
    (config,) = decoded(native_backtest(deployment))
    (venue,) = config.venues
    assert (venue.name, venue.starting_balances) == ("SIM", ["50000 USDT"])
    kinds = [item.data_cls.rpartition(":")[2] for item in config.data]
    assert kinds == ["QuoteTick", "MarkPriceUpdate", "FundingRateUpdate", "Bar"]
    assert {str(item.instrument_id) for item in config.data} == {"ETHUSDT-PERP.SIM"}
    assert config.engine.strategies[0].config["order_id_tag"] == "eth"
    assert run_configs(deployment)[0].start == NOON


@pytest.mark.parametrize(
    ("option", "config"),
    [
        ("{}", {}),
        ("{funding: predicted, mark_stale_after: 5m}", {"untimed": "predicted", "mark_stale_after": 300.0}),
    ],
)
def test_funding_that_is_played_is_paid_as_on_paper(simulated, option, config):
    told = simulated(f"venues: {{SIM: {option}}}\nbacktest: {{data: [bars, quotes, marks, funding]}}")
    (run,) = decoded(native_backtest(told))
    (module,) = run.venues[0].modules
    assert (module.actor_path, module.config) == (
        "nautilus_quant.venues.funding_module:FundingModule",
        config,
    )


def kinds_of(run):
    return [item.data_cls.rpartition(":")[2] for item in run.data]


@pytest.mark.parametrize("data", ["null", "[bars, quotes]"])
def test_perpetuals_pay_funding_unless_it_is_off(simulated, data):
    (run,) = decoded(native_backtest(simulated(f"backtest: {{data: {data}}}")))
    assert [module.actor_path.rpartition(":")[2] for module in run.venues[0].modules] == ["FundingModule"]
    assert "FundingRateUpdate" in kinds_of(run)
    off = simulated(f"venues: {{SIM: {{funding: off}}}}\nbacktest: {{data: {data}}}")
    (run,) = decoded(native_backtest(off))
    assert not run.venues[0].modules
    assert kinds_of(run) == ["QuoteTick", "Bar"]


def test_spot_pays_no_funding(simulated):
    spot = """
venues: {SIM: {spot: true}}
strategies:
  ema-eth: {instrument_id: ETHUSDT.SIM, bar_type: ETHUSDT.SIM-1-SECOND-LAST-EXTERNAL}
"""
    (run,) = decoded(native_backtest(simulated(spot)))
    assert not run.venues[0].modules
    assert kinds_of(run) == ["QuoteTick", "Bar"]


@pytest.mark.parametrize(
    ("fields", "kinds"),
    [
        ("{instruments: [ETHUSDT-PERP.SIM]}", ["OrderBookDepth10", "TradeTick"]),
        ("{instruments: [ETHUSDT-PERP.SIM], book: quotes}", ["TradeTick"]),
        ("{}", []),  # subscribes nothing by itself
    ],
)
@pytest.mark.parametrize("gate", ["order_flow_gate", "liquidity_monitor"])
def test_what_a_gate_subscribes_is_played(simulated, gate, fields, kinds):
    plugin = f"{{use: {gate}, {fields[1:]}" if fields != "{}" else f"{{use: {gate}}}"
    (config,) = decoded(native_backtest(simulated(f"actors: {{gate: {plugin}}}")))
    assert kinds_of(config) == ["QuoteTick", *kinds, "MarkPriceUpdate", "FundingRateUpdate", "Bar"]


def test_data_is_written_once_and_named_after_what_it_is_made_from(simulated):
    deployment = simulated()
    told = []
    (path,) = prepare_data(deployment, lambda name, share: told.append((name, share)))
    assert str(path) == catalog_path(deployment, deployment.venues["SIM"])
    assert told[0] == ("SIM", 0.0)
    assert told[-1] == ("SIM", 1.0)
    written = path.stat().st_mtime_ns
    assert prepare_data(deployment) == [path]
    assert path.stat().st_mtime_ns == written
    other = simulated("venues: {SIM: {seed: 12}}")
    assert catalog_path(other, other.venues["SIM"]) != str(path)


def test_nautilus_traders_own_command_says_what_it_does_and_our_runner_does_it_quietly(simulated):
    deployment = simulated("log: {level: WARNING}")
    assert decoded(native_backtest(deployment))[0].engine.logging.log_level == "WARNING"
    assert run_configs(deployment)[0].engine.logging.bypass_logging is True


def test_a_run_over_the_data_written(simulated):
    from nautilus_trader.backtest.node import BacktestNode

    deployment = simulated()
    prepare_data(deployment)
    node = BacktestNode(configs=run_configs(deployment))
    (result,) = node.run()
    node.dispose()
    assert result.iterations > 200
    assert result.total_orders > 0


def test_fills_as_in_paper(simulated):
    native = native_backtest(simulated("venues: {SIM: {prob_slippage: 0.25, leverage: 3}}"))
    (venue,) = decoded(native)[0].venues
    assert venue.default_leverage == 3
    assert venue.fill_model.config == {"prob_fill_on_limit": 1.0, "prob_slippage": 0.25, "random_seed": 11}


def test_fees_as_in_paper(simulated):
    from nautilus_trader.backtest.node import BacktestNode

    fees = (
        "{fee_model_path: 'nautilus_quant.host.fee_model:TieredFeeModel', "
        "config_path: 'nautilus_quant.host.fee_model:TieredFeeModelConfig', config: {schedule: okx_spot}}"
    )
    deployment = simulated(f"venues: {{SIM: {{fee_model: {fees}}}}}")
    assert paper_fields(deployment, deployment.venues["SIM"])["fee_model"]["config"] == {
        "schedule": "okx_spot"
    }
    prepare_data(deployment)
    node = BacktestNode(configs=run_configs(deployment))
    node.run()
    orders = [order for engine in node.get_engines() for order in engine.cache.orders() if order.is_closed]
    filled = [order for order in orders if order.filled_qty > 0]
    assert filled
    for order in filled:  # market orders: 0.1 % on OKX
        worth = float(order.filled_qty) * order.avg_px
        assert order.commissions()[0].as_double() == pytest.approx(worth * 0.001, rel=1e-6)
    node.dispose()


def test_state_stays_in_memory_unless_asked_for(read):
    text = "actors: {w: {use: 'config_probes:Watcher'}}\n"
    engine = native_backtest(read(text))[0]["engine"]
    assert engine["actors"][0]["config"]["state"] is None
    engine = native_backtest(read(f"{text}backtest: {{state: 'sqlite:///bt.db'}}"))[0]["engine"]
    assert engine["actors"][0]["config"]["state"] == "sqlite:///bt.db"


def test_a_real_venue_needs_a_catalog(read, tmp_path):
    deployment = read()
    with pytest.raises(FileNotFoundError, match=r"catalogs: \{BINANCE: path\}"):
        prepare_data(deployment)
    deployment = read(f"backtest: {{catalogs: {{BINANCE: {tmp_path / 'nowhere'}}}}}")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        prepare_data(deployment)
    (config,) = native_backtest(
        read(f"backtest: {{catalogs: {{BINANCE: {tmp_path}}}, data: [bars, trades]}}")
    )
    assert [item["data_cls"].rpartition(":")[2] for item in config["data"]] == ["TradeTick", "Bar"]
    assert config["data"][1]["bar_types"] == ["BTCUSDT-PERP.BINANCE-5-MINUTE-LAST-EXTERNAL"]


def test_the_simulated_market_has_what_is_named(simulated):
    with pytest.raises(ValueError, match=r"does not offer DOGEUSDT-PERP\.SIM"):
        simulated("strategies: {ema-eth: {instrument_id: DOGEUSDT-PERP.SIM}}")


REPLAYED = """\
mode: paper
venues:
  REC: {adapter: replay, balances: [1 BTC], sources: [{path: month.parquet, instrument: BTCUSDT-PERP.REC}]}
strategies:
  m-btc: {use: momentum, instrument: BTCUSDT-PERP.REC, bar: 1-MINUTE}
"""


def test_recorded_bars_are_played_from_a_catalog_of_their_own(write):
    write(REPLAYED, "replay.yaml")
    deployment = load(write("extends: replay.yaml"), env={})
    (data,) = native_backtest(deployment)[0]["data"]
    assert data["bar_types"] == ["BTCUSDT-PERP.REC-1-MINUTE-LAST-EXTERNAL"]
    assert data["start_time"] is None
    faster = load(write("extends: replay.yaml\nvenues: {REC: {speed: 60}}"), env={})
    assert native_backtest(faster)[0]["data"] == [data]


def test_recordings_are_of_their_venue(write):
    with pytest.raises(ValueError, match=r"BTCUSDT-PERP\.SIM is not on venue REC"):
        load(
            write(REPLAYED.replace("instrument: BTCUSDT-PERP.REC}]", "instrument: BTCUSDT-PERP.SIM}]")),
            env={},
        )


OPTIONS = """\
venues:
  SIM:
    options: {underlyings: [BTC], daily: 0, weekly: 0, monthly: 0, rapid: 1, every: 1min, strikes: 1}
"""


def test_options_are_played_and_settled(simulated):
    deployment = simulated(OPTIONS)
    prepare_data(deployment)
    (run,) = decoded(native_backtest(deployment, secrets=True))
    (venue,) = run.venues
    assert [module.actor_path for module in venue.modules] == [
        "nautilus_quant.venues.settlement:OptionSettlement",
        "nautilus_quant.venues.funding_module:FundingModule",
    ]
    played = [
        (item.data_cls.rpartition(":")[2], len(item.instrument_ids))
        for item in run.data
        if item.instrument_ids
    ]
    assert [name for name, _ in played] == ["InstrumentClose", "QuoteTick", "MarkPriceUpdate", "OptionGreeks"]
    # an expiry at the start, in each of two minutes, and one ahead; at least three strikes, calls and puts
    ((_, options), *_) = played
    assert {count for _, count in played} == {options}
    assert options >= 4 * 3 * 2


def test_a_venue_without_options_has_no_module(simulated):
    (run,) = native_backtest(simulated("venues: {SIM: {funding: off}}"), secrets=True)
    assert "modules" not in run["venues"][0]
