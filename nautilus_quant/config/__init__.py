"""One strict YAML per deployment, from backtest to live.

Start-up matters (``nq --help``), so names are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

_HOME: Final = {
    "Fraction": "units",
    "Seconds": "units",
    "parse_fraction": "units",
    "parse_seconds": "units",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    """Import a public name from the file it lives in."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
