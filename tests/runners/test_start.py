"""A node that does not get to trade must be noticed."""

import json
import subprocess
import sys
from pathlib import Path

from nautilus_quant.host.runner_start import why_not_started
from tests.host.live import live_system


def test_a_node_that_never_connects_fails_with_the_reason_instead_of_running_on():
    script = Path(__file__).with_name("node_that_never_connects.py")
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(ended.stdout) == {
        "ok": False,
        "reason": "the node did not start: a data client did not connect in time",
        "phase": "failed",
    }


def test_what_is_missing_is_named():
    with live_system() as live:
        client = live.venue("BINANCE")
        assert why_not_started(live.kernel) == (
            "the portfolio could not be valued in time: no price for an open position or order"
        )
        live.kernel.portfolio.initialize_orders()
        live.kernel.portfolio.initialize_positions()
        assert live.kernel.portfolio.initialized
        assert why_not_started(live.kernel) == "the execution state could not be reconciled with the venue"
        client.disconnect()
        live.turn()
        assert why_not_started(live.kernel) == "an execution client did not connect in time"
