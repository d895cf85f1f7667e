"""How long people wait for ``--help``."""

from __future__ import annotations

from benchmarks.figure import Figure
from benchmarks.timing import command

COMMANDS = {
    "python -m nautilus_quant.live --help": ("-m", "nautilus_quant.live", "--help"),
    "python -m nautilus_quant.backtest --help": ("-m", "nautilus_quant.backtest", "--help"),
    "nq --help": (
        "-c",
        "import sys; sys.argv = ['nq', '--help']; from nautilus_quant.cli import main; main()",
    ),
}


def measure() -> list[Figure]:
    """Start each from nothing, several times."""
    return [
        Figure(name, command(*arguments), "s", 0.5, note="median wall time of 7 starts")
        for name, arguments in COMMANDS.items()
    ]
