"""What it costs to remember: a latch on disk at once, a decision in the journal behind the scenes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.figure import Figure
from benchmarks.timing import each, percentile, seconds

if TYPE_CHECKING:
    from nautilus_quant.host.state import StateStore

LATCH = {
    "state": "TRIPPED",
    "trigger": "drawdown",
    "reason": "drawdown of 10.1% exceeded 10%",
    "numbers": {"dd": 0.101},
}
DECISION = {
    "order": "O-20220101-000000-001-000-1",
    "strategy": "Momentum-btc",
    "outcome": "ALLOW",
    "allowed": "0.010",
    "verdicts": [{"gate": name, "allowed": "Infinity", "code": "ALLOW"} for name in ("safety", "regime")],
}


def measure() -> list[Figure]:
    """Write into a fresh SQLite file."""
    from nautilus_quant.host.state import StateStore

    with tempfile.TemporaryDirectory() as folder:
        store = StateStore.open(f"sqlite:///{Path(folder) / 'state.db'}")
        try:
            return list(figures(store))
        finally:
            store.close()


def figures(store: StateStore) -> list[Figure]:
    """Measure one operation after the other."""
    latch = each(lambda i: store.put_now("safety", "latch", LATCH, ts=i), 200)
    queued = each(lambda i: store.append("order_decision", DECISION, ts=i), 2_000)
    store.flush(60.0)

    def journal() -> None:
        for index in range(5_000):
            store.append("order_decision", DECISION, ts=index)
        if not store.flush(60.0):
            raise RuntimeError("the journal was not written within a minute")

    rate = 5_000 / seconds(journal)
    verified = seconds(store.verify)
    return [
        Figure(
            "state: latch on disk (put_now), p99",
            percentile(latch, 0.99) / 1_000,
            "ms",
            50.0,
            note="200 writes",
        ),
        Figure(
            "state: journal append, caller's time, median", median(queued), "µs", 30.0, note="2,000 queued"
        ),
        Figure("state: journal to disk", rate, "entries/s", 1_000.0, at_least=True, note="5,000 and a flush"),
        Figure(
            "state: verify the hash chain", verified / 7_000 * 1e6, "µs/entry", 100.0, note="7,000 entries"
        ),
    ]
