"""Several processes, and sudden ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from nautilus_quant.host.state import StateStore

APPEND = """
import sys
from nautilus_quant.host.state import StateStore
url, name, now = sys.argv[1:]
with StateStore.open(url) as store:
    for i in range(200):
        append = store.append_now if now == "now" and i % 5 == 0 else store.append
        append("order_decision", {"order": f"{name}-{i}"}, ts=i)
        store.put("counts", name, {"n": i}, ts=i)
"""

DIE = """
import os, signal, sys
from nautilus_quant.host.state import StateStore
store = StateStore.open(sys.argv[1])
for i in range(50):
    store.append("order_decision", {"order": f"O-{i}"}, ts=i)
store.put("a", "queued", {"v": 1}, ts=1)
store.put_now(sys.argv[2], "latch", {"state": "tripped"}, ts=2)
os.kill(os.getpid(), signal.SIGKILL)
"""

LEAVE = """
import sys
from nautilus_quant.host.state import StateStore
store = StateStore.open(sys.argv[1])
store.append("lifecycle", {"event": "stop"}, ts=1)
store.put("a", "k", {"v": 1}, ts=1)
"""


def start(code: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-W", "error", "-c", code, *arguments])


def test_the_chain_never_forks(tmp_path: Path) -> None:
    """All start at once, on a file that is not there yet."""
    url = f"sqlite:///{tmp_path}/state.db"
    names = ("node", "nq", "other", "last")
    processes = [start(APPEND, url, name, "now" if i % 2 else "later") for i, name in enumerate(names)]
    assert [process.wait(120) for process in processes] == [0] * len(names)
    with StateStore.open(url, read_only=True) as store:
        assert store.check() == []
        orders = [entry.order for entry in store.entries()]
        counts = store.documents("counts")
    assert len(orders) == 200 * len(names)
    for name in names:  # nothing lost, nothing doubled, each in its own order
        assert [order for order in orders if order.startswith(f"{name}-")] == [
            f"{name}-{i}" for i in range(200)
        ]
        assert counts[name] == {"n": 199}


def test_what_was_put_now_survives_sigkill(tmp_path: Path) -> None:
    for namespace in ("safety", "venue"):
        url = f"sqlite:///{tmp_path}/{namespace}.db"
        assert start(DIE, url, namespace).wait(60) == -signal.SIGKILL
        with StateStore.open(url, read_only=True) as store:
            assert store.get(namespace, "latch") == {"state": "tripped"}
            assert store.get("a", "queued") == {"v": 1}  # everything queued before went first
            assert [entry.order for entry in store.entries()] == [f"O-{i}" for i in range(50)]
            assert store.verify() == []
        with StateStore.open(url) as store:  # and the next node goes on
            store.append_now("lifecycle", {}, ts=3)
            assert store.verify() == []


def test_what_was_queued_is_written_when_the_program_just_ends(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    assert start(LEAVE, url).wait(60) == 0
    with StateStore.open(url, read_only=True) as store:
        assert store.get("a", "k") == {"v": 1}
        assert [entry.kind for entry in store.entries()] == ["lifecycle"]


def test_a_file_left_by_sigkill_is_read_without_its_writer(tmp_path: Path) -> None:
    """Its write-ahead log still lies there, and holds what was committed last."""
    url = f"sqlite:///{tmp_path}/state.db"
    start(DIE, url, "safety").wait(60)
    assert (tmp_path / "state.db-wal").stat().st_size > 0
    with StateStore.open(url, read_only=True) as store:
        assert store.get("safety", "latch") == {"state": "tripped"}
