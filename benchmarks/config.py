"""What reading a deployment costs."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from benchmarks.figure import Figure
from benchmarks.timing import each

CANARY = Path(__file__).resolve().parent.parent / "configs" / "canary.yaml"


def measure() -> list[Figure]:
    """Load and check a layered file, the imports already done."""
    from nautilus_quant.config import load, native_live

    load(CANARY)
    loading = each(lambda _: load(CANARY), 50)
    both = each(lambda _: native_live(load(CANARY)), 20)
    return [
        Figure(
            "config: load and check canary.yaml", median(loading) / 1_000, "ms", 50.0, note="median of 50"
        ),
        Figure("config: load to native config", median(both) / 1_000, "ms", 100.0, note="median of 20"),
    ]
