"""A backtest as a user runs it."""

import pytest

STATISTICS = {"pnl", "sharpe", "max_drawdown", "profit_factor", "win_rate", "trades"}

MOMENTUM = """
mode: paper
name: bt
venues:
  SIM: {adapter: simulated, balances: [100_000 USDT], seed: 7, step: 1s, symbols: [BTC]}
strategies:
  momentum-btc: {use: momentum, instrument: BTCUSDT-PERP.SIM, bar: 1-SECOND, fast: 10, slow: 30}
actors:
  safety: {use: safety_engine, kill_file: ./kill}
  regime: {use: regime_gate}
backtest: {start: 2025-01-01, duration: 20m}
"""


@pytest.fixture
def prepared(deployed):
    deployed.config.write_text(MOMENTUM, encoding="utf-8")
    return deployed


def backtest(deployed, *args):
    return deployed.run("nautilus_quant.backtest", str(deployed.config), *args)


@pytest.mark.slow
def test_the_same_twice_with_a_report(prepared):
    report = prepared.folder / "out/report.html"
    first = backtest(prepared, "--json", "--report", str(report))
    assert first.code == 0, first.err
    result = first.json
    assert result.keys() >= STATISTICS
    assert (result["mode"], result["duration_s"], result["reason"]) == ("backtest", 1200.0, "end of data")
    assert result["orders"] > 0
    assert result["fills"] > 0
    assert result["gates"].keys() == {"safety", "regime"}
    assert result["pnl"] == pytest.approx(result["equity_end"] - result["equity_start"])
    assert result["regimes"]
    assert "plotly" in report.read_text(encoding="utf-8")
    assert backtest(prepared, "--json").out == first.out


def test_table_for_people_and_no_state_left(prepared):
    ended = backtest(prepared)
    assert ended.code == 0
    assert "max drawdown" in ended.out
    assert "took" in ended.out
    assert not list(prepared.folder.glob("var/**/*.db"))


RECORDED = """
mode: paper
venues:
  REC: {adapter: replay, balances: [100_000 USDT], sources: [{path: BTCUSDT-1m-2024-03.csv}]}
strategies:
  momentum-btc: {use: momentum, instrument: BTCUSDT-PERP.REC, bar: 1-MINUTE, fast: 10, slow: 30}
backtest: {start: 2031-01-01, end: 2031-02-01}
"""


def test_a_period_without_data_is_a_message_and_not_a_traceback(deployed):
    opened = range(1_709_294_400_000, 1_709_294_700_000, 60_000)
    lines = [f"{ts},100,101,99,100,1,{ts + 59_999},100,1,1,100,0" for ts in opened]
    (deployed.folder / "BTCUSDT-1m-2024-03.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    deployed.config.write_text(RECORDED, encoding="utf-8")
    ended = backtest(deployed)
    assert ended.code == 2
    assert "backtest: its period must have data of the instruments named, there is none" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.slow
def test_a_bug_in_a_strategy_is_not_hidden(deployed):
    deployed.write(strategy="Breaks", more="backtest: {start: 2025-01-01, duration: 10s}")
    ended = backtest(deployed, "--json")
    assert ended.code != 0
    assert "a bug in somebody's strategy" in ended.err
    assert not ended.out


@pytest.mark.slow
def test_nautilus_traders_own_command_runs_what_print_native_prints(prepared):
    result = backtest(prepared, "--json").json  # and writes the catalog
    native = prepared.folder / "native.json"
    native.write_text(backtest(prepared, "--print-native").out, encoding="utf-8")
    ended = prepared.run("nautilus_trader.backtest", "--fsspec-url", str(native))
    assert ended.code == 0, ended.err
    assert ended.out.count("OrderFilled(") >= result["fills"] > 0
