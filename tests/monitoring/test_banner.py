"""What is said before the first order."""

from nautilus_quant.config import load
from nautilus_quant.monitoring.banner import NO_SAFETY, banner, limits


def rows_of(project, **changes):
    deployment = load(project / "configs/canary.yaml", env={}, plugins=False)
    return dict(banner(deployment, **{"safety": None, "accounts": {}, "latch": ""} | changes))


def test_mode_venue_account_limits_and_files(project):
    safety = {"max_hourly_loss": 0.004, "max_daily_loss": 0.02, "max_drawdown": 0.1, "kill_file": "/tmp/k"}
    rows = rows_of(project, safety=safety, accounts={"SIM-001": "100_000.00 USDT"})
    assert rows["mode"] == "canary (simulated fills)"
    assert rows["venue"] == "SIM: simulated, margin account, paper fills"
    assert rows["account"] == "SIM-001: 100_000.00 USDT"
    assert rows["capital"] == "1 % of the equity"
    assert rows["log"] == "var/canary/node_*.log"
    assert rows["limits"] == "loss in an hour 0.4 %, in a day 2 %, drawdown 10 %"
    assert rows["kill file"] == "/tmp/k"
    assert "KILL SWITCH" not in rows


def test_a_latched_switch_and_a_missing_engine_are_not_overlooked(project):
    rows = rows_of(project, latch="halted: drawdown")
    assert rows["KILL SWITCH"] == "halted: drawdown"
    assert rows["limits"] == limits(None) == NO_SAFETY


def test_what_becomes_of_exits_is_said_before_anything_has_some(project, tmp_path):
    assert rows_of(project)["on stop"] == "orders are cancelled, exits as well, positions stay open"

    def said(text):
        file = tmp_path / "live.yaml"
        venues = "venues:\n  BINANCE: {adapter: binance}\n"
        actors = "actors:\n  safety: {use: safety_engine}\n"
        file.write_text(f"mode: canary\n{text}\n{venues}{actors}", encoding="utf-8")
        deployment = load(file, env={"BINANCE_API_KEY": "k", "BINANCE_API_SECRET": "s"}, plugins=False)
        return dict(banner(deployment, safety=None, accounts={}, latch=""))["on stop"]

    assert said("") == "orders are cancelled but for stops and exits at BINANCE, positions stay open"
    assert said("on_stop: flatten") == "orders are cancelled, positions are closed"
