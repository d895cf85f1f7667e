"""What NautilusTrader's node builder calls."""

from __future__ import annotations

import asyncio

from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.live.factories import LiveDataClientFactory

from nautilus_quant.venues.simulated.client import SimulatedDataClient
from nautilus_quant.venues.simulated.config import SimulatedDataClientConfig


class SimulatedLiveDataClientFactory(LiveDataClientFactory):
    """Makes the market's data client."""

    @staticmethod
    def create(  # type: ignore[override]  # noqa: PLR0917 - the node builder passes our own config
        loop: asyncio.AbstractEventLoop,
        name: str,
        config: SimulatedDataClientConfig,
        msgbus: MessageBus,
        cache: Cache,
        clock: LiveClock,
    ) -> SimulatedDataClient:
        """Return a new data client, called `name`."""
        return SimulatedDataClient(loop, name, config, msgbus, cache, clock)
