"""A market of our own: perpetuals of eight coins, spot, options; seeded, reproducible, alive everywhere.

Pure part, which needs numpy only:

- `params`, `market`, `listing`: what is traded, what a market is, how its time is divided
- `process`, `premium`, `book`, `tape`, `stress`: prices, premia and funding, books, trades, accidents
- `outlet`: what a venue has of its own where several show one market; `delivery`: how late its events come,
  and when not at all; `opening`: where all venues of a market have got to
- `options`, `series`, `surface`, `board`, `option_book`: options, their implied volatilities and quotes
- `state`, `blocks`, `history`: one minute of all that as a function of what the minute before left

NautilusTrader's side, loaded when first asked for:

- `SimulatedDataClientConfig`, `SimulatedDataClient`, `SimulatedLiveDataClientFactory`: a live node's feed
- `instruments`, `convert`, `option_convert`: NautilusTrader objects from blocks
- `catalog`: the same events as a catalog for a backtest
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_quant.venues.simulated.market import MarketConfig
from nautilus_quant.venues.simulated.options import Options
from nautilus_quant.venues.simulated.outlet import Outlet
from nautilus_quant.venues.simulated.stress import Stress

if TYPE_CHECKING:
    from nautilus_quant.venues.simulated.client import SimulatedDataClient
    from nautilus_quant.venues.simulated.config import SimulatedDataClientConfig
    from nautilus_quant.venues.simulated.factory import SimulatedLiveDataClientFactory

__all__ = [
    "MarketConfig",
    "Options",
    "Outlet",
    "SimulatedDataClient",
    "SimulatedDataClientConfig",
    "SimulatedLiveDataClientFactory",
    "Stress",
]

_HOMES = {
    "SimulatedDataClient": "client",
    "SimulatedDataClientConfig": "config",
    "SimulatedLiveDataClientFactory": "factory",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
