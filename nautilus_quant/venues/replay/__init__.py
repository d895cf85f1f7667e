"""Replay: recorded data through a live node, at a chosen speed."""

from nautilus_quant.venues.recorded.source import Source
from nautilus_quant.venues.replay.client import FINISHED, ReplayDataClient, ReplayFinished
from nautilus_quant.venues.replay.config import ReplayDataClientConfig
from nautilus_quant.venues.replay.factory import ReplayLiveDataClientFactory

__all__ = [
    "FINISHED",
    "ReplayDataClient",
    "ReplayDataClientConfig",
    "ReplayFinished",
    "ReplayLiveDataClientFactory",
    "Source",
]
