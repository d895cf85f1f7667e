"""Factory of the paper execution client."""

from __future__ import annotations

import asyncio

from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.live.factories import LiveExecClientFactory
from nautilus_trader.portfolio.base import PortfolioFacade

from nautilus_quant.venues.paper.client import PaperExecutionClient
from nautilus_quant.venues.paper.config import PaperExecClientConfig


class SandboxLiveExecClientFactory(LiveExecClientFactory):
    """
    Makes paper execution clients.

    NautilusTrader's node hands the portfolio only to a factory of this very name.
    """

    # A node built from JSON makes an instance of its factory and asks that for its name.
    __name__ = "SandboxLiveExecClientFactory"

    @staticmethod
    def create(  # type: ignore[override]  # noqa: PLR0917 the portfolio comes between, as in NautilusTrader
        loop: asyncio.AbstractEventLoop,
        name: str,  # noqa: ARG004 as in NautilusTrader's sandbox, the venue is the client's id
        config: PaperExecClientConfig,
        portfolio: PortfolioFacade,
        msgbus: MessageBus,
        cache: Cache,
        clock: LiveClock,
    ) -> PaperExecutionClient:
        """Return a paper execution client for the venue in `config`."""
        return PaperExecutionClient(loop, portfolio, msgbus, cache, clock, config)
