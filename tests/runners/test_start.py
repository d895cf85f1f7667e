"""A node that does not get to trade must be noticed."""

import json
import subprocess
import sys
from pathlib import Path


def test_a_node_that_never_connects_fails_with_the_reason_instead_of_running_on():
    script = Path(__file__).with_name("node_that_never_connects.py")
    ended = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(ended.stdout) == {
        "ok": False,
        "reason": "the node did not start: a data client did not connect in time",
        "phase": "failed",
    }
