"""Deployments in a folder of their own, and the commands that run them, as a user would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent

CONFIG = """
mode: paper
name: test
on_stop: {on_stop}
timeouts: {{post_stop: 200ms, connection: 10s}}
venues:
  SIM: {{adapter: simulated, balances: [100_000 USDT], seed: 7, step: 100ms, symbols: [BTC]}}
strategies:
  holder-btc: {{use: "runner_plugins:{strategy}", instrument: BTCUSDT-PERP.SIM}}
actors:
  safety: {{use: safety_engine, kill_file: {folder}/kill}}
{more}
"""


@dataclass
class Ended:
    code: int
    out: str
    err: str

    @property
    def json(self):
        assert self.out, self.err
        return json.loads(self.out)


class Deployed:
    """A configuration in a folder, and its commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "test.yaml"
        self.status_file = folder / "var/test/status.json"
        self.write()

    def write(self, *, strategy="Holder", on_stop="keep", more=""):
        text = CONFIG.format(strategy=strategy, on_stop=on_stop, folder=self.folder, more=more)
        self.config.write_text(text, encoding="utf-8")

    def start(self, module, *args):
        path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
        return subprocess.Popen(
            [sys.executable, "-m", module, *args],
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": path, "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, module, *args):
        return self.end(self.start(module, *args))

    def live(self, *args):
        return self.run("nautilus_quant.live", str(self.config), *args)

    def start_live(self, *args):
        return self.start("nautilus_quant.live", str(self.config), *args)

    def end(self, process, sent: signal.Signals | None = None):
        if sent is not None:
            process.send_signal(sent)
        out, err = process.communicate(timeout=60)
        return Ended(process.returncode, out, err)

    def status(self):
        return json.loads(self.status_file.read_text(encoding="utf-8"))

    def wait_for(self, process, seen):
        """Wait until the status file of a running node satisfies `seen`."""
        for _ in range(600):
            if self.status_file.exists() and seen(self.status()):
                return
            if process.poll() is not None:
                pytest.fail(f"the node ended: {process.communicate()}")
            time.sleep(0.05)
        process.kill()
        pytest.fail(f"waited in vain: {self.status_file} {process.communicate()}")


@pytest.fixture(autouse=True)
def ctrl_c():
    """Hear Ctrl+C, and let child processes: a shell's background jobs, such as this one may be, ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def deployed(tmp_path):
    return Deployed(tmp_path)
