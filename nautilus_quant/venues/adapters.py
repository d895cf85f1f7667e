"""
Execution client factories of NautilusTrader's adapters, usable from plain JSON.

A node built from an importable config makes an *instance* of its factory and then asks it for its
``__name__``, which instances lack: NautilusTrader 1.231 cannot build any execution client that way.
These subclasses have the name.
"""

from __future__ import annotations

import importlib
from typing import Any

_MODULE = "nautilus_trader.adapters.{}.factories"
_TITLES = {"binance": "Binance", "okx": "OKX", "bybit": "Bybit", "deribit": "Deribit", "coinbase": "Coinbase"}


def __getattr__(name: str) -> Any:
    for adapter, title in _TITLES.items():
        if name == f"{title}LiveExecClientFactory":
            base = getattr(importlib.import_module(_MODULE.format(adapter)), name)
            made = type(name, (base,), {"__name__": name, "__module__": __name__, "__doc__": base.__doc__})
            globals()[name] = made
            return made
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
