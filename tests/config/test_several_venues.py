"""Several simulated venues in one file: what becomes of their latency, incidents and funding."""

from __future__ import annotations

import json

import msgspec
import pytest
from nautilus_trader.config import BacktestRunConfig, TradingNodeConfig, msgspec_decoding_hook

from nautilus_quant.config import load, native_backtest, native_live, prepare_data, run_configs
from nautilus_quant.config.catalogs import catalog_path
from nautilus_quant.config.clients import paper_fields

THREE = """\
mode: paper
venues:
  SIM_A: {adapter: simulated, balances: [50_000 USDT], seed: 11, step: 1, outlet: {}}
  SIM_B:
    adapter: simulated
    balances: [60_000 USDT]
    seed: 11
    step: 1
    latency: 40ms
    funding_interval: 1h
    outlet: {basis: 3bps, spread: 2, taker_fee: 4bps, premium_mean: -3}
    incidents:
      - {kind: rejects, at: 10s, duration: 20s, probability: 50%}
      - {kind: outage, at: 1min, duration: 30s, every: 10min, announced: true}
  SIM_C:
    {adapter: simulated, balances: [70_000 USDT], seed: 11, step: 1, spot: true, outlet: {}, funding: off}
strategies:
  ema-a:
    use: nautilus_trader.examples.strategies.ema_cross:EMACross
    instrument_id: ETHUSDT-PERP.SIM_A
    bar_type: ETHUSDT-PERP.SIM_A-1-SECOND-LAST-EXTERNAL
    trade_size: 0.5
  ema-b:
    use: nautilus_trader.examples.strategies.ema_cross:EMACross
    instrument_id: ETHUSDT-PERP.SIM_B
    bar_type: ETHUSDT-PERP.SIM_B-1-SECOND-LAST-EXTERNAL
    trade_size: 0.5
  ema-c:
    use: nautilus_trader.examples.strategies.ema_cross:EMACross
    instrument_id: ETHUSDT.SIM_C
    bar_type: ETHUSDT.SIM_C-1-SECOND-LAST-EXTERNAL
    trade_size: 0.5
backtest: {start: 2025-03-01T12:00:00Z, duration: 4m}
"""
NOON = 1_740_830_400_000_000_000


@pytest.fixture
def three(write, tmp_path):
    def three(changes=""):
        write(THREE, "three.yaml")
        write(f"backtest: {{cache: {tmp_path / 'catalog'}}}", "cache.yaml")
        return load(write(f"extends: [three.yaml, cache.yaml]\n{changes}"), env={})

    return three


def decoded(native):
    return msgspec.json.decode(
        json.dumps(native), type=list[BacktestRunConfig], dec_hook=msgspec_decoding_hook
    )


def test_a_live_node_has_a_client_for_data_and_one_for_orders_of_each(three):
    native = native_live(three())
    assert list(native["data_clients"]) == list(native["exec_clients"]) == ["SIM_A", "SIM_B", "SIM_C"]
    data, paper = (native[kind]["SIM_B"]["config"] for kind in ("data_clients", "exec_clients"))
    for config in (data, paper):
        assert config["latency"] == 0.04
        assert [item["kind"] for item in config["incidents"]] == ["rejects", "outage"]
    assert data["outlet"]["basis"] == pytest.approx(0.0003)
    assert "outlet" not in paper
    msgspec.convert(native, TradingNodeConfig)


def test_a_backtest_has_the_same_latency_incidents_and_funding(three):
    (run,) = decoded(native_backtest(three()))
    one, two, three_ = run.venues
    assert [len(venue.modules or ()) for venue in run.venues] == [1, 2, 0]
    assert (one.latency_model, three_.latency_model) == (None, None)
    assert two.latency_model.config == {"base_latency_nanos": 40_000_000}
    funding, incidents = two.modules
    assert funding.actor_path.endswith(":FundingModule")
    assert funding.config == {"interval": 3_600.0, "delay": 0.04}
    assert incidents.actor_path.endswith(":IncidentModule")
    assert incidents.config["opening"] == NOON
    assert incidents.config["latency"] == 0.04
    assert incidents.config["seed"] == 11
    assert [item["kind"] for item in incidents.config["incidents"]] == ["rejects", "outage"]


def test_what_happens_to_data_alone_needs_no_module(three):
    quiet = three("venues: {SIM_B: {incidents: [{kind: stale, at: 5s}, {kind: data, at: 90s}]}}")
    (run,) = decoded(native_backtest(quiet))
    assert [module.actor_path.rpartition(":")[2] for module in run.venues[1].modules] == ["FundingModule"]


def test_an_opening_of_its_own_counts_for_incidents(three):
    origin = "{origin: 2025-03-01T11:59:00Z}"
    later = three(f"venues: {{SIM_A: {origin}, SIM_B: {origin}, SIM_C: {origin}}}")
    (run,) = decoded(native_backtest(later))
    assert run.venues[1].modules[1].config["opening"] == NOON - 60 * 10**9


def test_each_venue_has_a_catalog_of_its_own_and_the_run_plays_them_all(three):
    from nautilus_trader.backtest.node import BacktestNode

    deployment = three()
    paths = prepare_data(deployment)
    assert len(set(paths)) == 3
    node = BacktestNode(configs=run_configs(deployment))
    (result,) = node.run()
    (engine,) = node.get_engines()
    orders = engine.cache.orders()
    by_venue = {str(order.instrument_id.venue) for order in orders if order.filled_qty > 0}
    rejected = [order for order in orders if order.status_string() == "REJECTED"]
    node.dispose()
    assert result.total_orders == len(orders)
    assert by_venue == {"SIM_A", "SIM_B", "SIM_C"}
    assert {str(order.instrument_id.venue) for order in rejected} == {"SIM_B"}


def test_another_latency_or_incident_is_another_catalog(three):
    paths = {
        catalog_path(three(changes), three(changes).venues["SIM_B"])
        for changes in (
            "",
            "venues: {SIM_B: {latency: 50ms}}",
            "venues: {SIM_B: {incidents: []}}",
            "venues: {SIM_B: {outlet: {spread: 3}}}",
        )
    }
    assert len(paths) == 4


@pytest.mark.parametrize("change", ["step: 0.5", "volatility: 2", "origin: 2025-03-01"])
def test_venues_of_one_seed_show_one_market_or_are_refused(three, change):
    with pytest.raises(ValueError, match=r"SIM_C: has the seed of SIM_A and shows another market"):
        three(f"venues: {{SIM_C: {{{change}}}}}")


def test_two_markets_may_have_venues_each(three):
    assert three("venues: {SIM_C: {seed: 12, step: 0.5}}").venues["SIM_C"].options["seed"] == 12


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("outlet: {basis: 50%}", "basis must be at most 2 %"),
        ("incidents: [{kind: data, at: 5s, duration: 0s}]", "duration must be positive"),
        ("incidents: [{kind: fire, at: 5s}]", "must be one of"),
        ("outlet: {spraed: 2}", "did you mean `spread`"),
    ],
)
def test_mistakes_are_found_where_they_are(three, change, said):
    with pytest.raises(ValueError, match="refused") as caught:
        three(f"venues: {{SIM_B: {{{change}}}}}")
    assert said in str(caught.value)
    assert {problem.path.partition(".")[0] for problem in caught.value.problems} == {"venues"}


RATES = """\
mode: paper
venues:
  REC: {{adapter: replay, balances: [50_000 USDT], sources: [{sources}]{more}}}
strategies:
  m-btc: {{use: momentum, instrument: BTCUSDT-PERP.REC, bar: 1-MINUTE}}
"""


def test_recorded_rates_are_played_and_paid_where_there_are_any(write, tmp_path):
    import pandas as pd

    times = pd.to_datetime(["2024-01-01", "2024-01-02"], utc=True)
    rates = pd.DataFrame({"ts_funding": times, "symbol": "BTCUSDT", "funding_rate": [0.1, 0.2]})
    rates.to_parquet(tmp_path / "rates.parquet")
    bars, paid = (
        f"{{path: {tmp_path / name}, instrument: BTCUSDT-PERP.REC}}"
        for name in ("bars.parquet", "rates.parquet")
    )
    (run,) = native_backtest(load(write(RATES.format(sources=bars, more="")), env={}))
    assert "modules" not in run["venues"][0]
    (run,) = native_backtest(load(write(RATES.format(sources=f"{bars}, {paid}", more="")), env={}))
    assert [item["data_cls"].rpartition(":")[2] for item in run["data"]] == ["FundingRateUpdate", "Bar"]
    assert len(run["venues"][0]["modules"]) == 1


def test_recorded_rates_are_paid_at_their_time_on_paper_as_in_a_backtest(write):
    deployment = load(write(RATES.format(sources="{path: x.parquet}", more="")), env={})
    assert paper_fields(deployment, deployment.venues["REC"])["funding"] == "paid"
    deployment = load(write(RATES.format(sources="{path: x.parquet}", more=", funding: off")), env={})
    assert paper_fields(deployment, deployment.venues["REC"])["funding"] == "off"


def test_a_catalog_given_is_looked_into(write, tmp_path):
    for name in ("quote_tick", "funding_rate_update", "mark_price_update"):
        (tmp_path / "mine" / "data" / name).mkdir(parents=True)
    text = RATES.format(sources="{path: x.parquet}", more="")
    deployment = load(write(f"{text}backtest: {{catalogs: {{REC: {tmp_path / 'mine'}}}}}"), env={})
    (run,) = native_backtest(deployment)
    kinds = [item["data_cls"].rpartition(":")[2] for item in run["data"]]
    assert kinds == ["MarkPriceUpdate", "FundingRateUpdate", "Bar"]
    (tmp_path / "mine" / "data" / "funding_rate_update").rmdir()  # marks alone settle nothing
    (run,) = native_backtest(deployment)
    assert [item["data_cls"].rpartition(":")[2] for item in run["data"]] == ["Bar"]
