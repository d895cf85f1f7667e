"""
One strict YAML per deployment, from backtest to live.

- `load` reads a file, with all it extends, into a `Deployment`, or raises a `ConfigError` with every problem
- `native_live`, `native_backtest`: the plain NautilusTrader configs behind it; `node_config`, `run_configs`
  the same as NautilusTrader's own types, with secrets
- `prepare_data` writes the catalogs a backtest plays
- `show`: what is in effect, secrets masked; `schema`: JSON Schema for editors
- `Fraction`, `Seconds`: types for fields of plug-ins which take ``0.5%`` and ``6h``

Start-up matters (``nq --help``), so names are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nautilus_quant.config.data import prepare_data
    from nautilus_quant.config.deployment import Deployment, Plugin, Venue
    from nautilus_quant.config.editors import schema
    from nautilus_quant.config.effective import show
    from nautilus_quant.config.loader import load
    from nautilus_quant.config.native import native_live, node_config
    from nautilus_quant.config.native_backtest import native_backtest, run_configs
    from nautilus_quant.config.problems import ConfigError, Problem
    from nautilus_quant.config.spec import BacktestSpec, Mode
    from nautilus_quant.config.units import Fraction, Seconds, parse_fraction, parse_seconds

__all__ = [
    "BacktestSpec",
    "ConfigError",
    "Deployment",
    "Fraction",
    "Mode",
    "Plugin",
    "Problem",
    "Seconds",
    "Venue",
    "load",
    "native_backtest",
    "native_live",
    "node_config",
    "parse_fraction",
    "parse_seconds",
    "prepare_data",
    "run_configs",
    "schema",
    "show",
]

_ROOMS = {
    "data": ("prepare_data",),
    "deployment": ("Deployment", "Plugin", "Venue"),
    "loader": ("load",),
    "native": ("native_live", "node_config"),
    "native_backtest": ("native_backtest", "run_configs"),
    "problems": ("ConfigError", "Problem"),
    "editors": ("schema",),
    "effective": ("show",),
    "spec": ("BacktestSpec", "Mode"),
    "units": ("Fraction", "Seconds", "parse_fraction", "parse_seconds"),
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name from the file it lives in."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
