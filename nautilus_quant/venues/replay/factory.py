"""Factory of the replay client."""

from __future__ import annotations

import asyncio

from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.live.factories import LiveDataClientFactory

from nautilus_quant.venues.replay.client import ReplayDataClient
from nautilus_quant.venues.replay.config import ReplayDataClientConfig


class ReplayLiveDataClientFactory(LiveDataClientFactory):
    """Makes replay clients for NautilusTrader's node."""

    @staticmethod
    def create(  # type: ignore[override]  # noqa: PLR0917 NautilusTrader's order
        loop: asyncio.AbstractEventLoop,
        name: str,
        config: ReplayDataClientConfig,
        msgbus: MessageBus,
        cache: Cache,
        clock: LiveClock,
    ) -> ReplayDataClient:
        """Return a replay client."""
        return ReplayDataClient(loop, name, config, msgbus, cache, clock)
