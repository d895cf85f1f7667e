"""The drill as it ships: a strategy is long when the market crashes, and the kill switch gets it out."""

import signal

import pytest

from nautilus_quant.host.state import StateStore

DRILL = """
extends: {project}/configs/drill-crash.yaml
name: test
actors: {{safety: {{kill_file: {folder}/kill}}}}
"""


@pytest.mark.slow
def test_the_crash_trips_the_kill_switch_while_a_strategy_is_long(deployed, project):
    deployed.config.write_text(DRILL.format(project=project, folder=deployed.folder), encoding="utf-8")
    process = deployed.start_live("--json", "--duration", "60")
    deployed.wait_for(process, lambda status: any(line["quantity"] > 1.0 for line in status["positions"]))
    deployed.wait_for(process, lambda status: status["latch"] == "halted")
    result = deployed.end(process, signal.SIGTERM).json
    assert (result["kill_switch"], result["latch"], result["positions"]) == (True, "halted", [])
    assert result["fills"] >= 2
    # Three times the equity in a crash of a fifth would have cost three fifths.
    assert 0.75 < result["equity_end"] / result["equity_start"] < 0.9

    with StateStore.open(f"sqlite:///{deployed.folder}/var/test/paper.db", read_only=True) as store:
        tripped = next(entry.body for entry in store.entries(kind="kill_switch"))
    assert tripped["tripped"]["trigger"] == "drawdown"
