"""Paper trading: NautilusTrader's simulated fills at a venue whose account survives the process."""

from nautilus_quant.venues.paper.client import PaperExecutionClient
from nautilus_quant.venues.paper.config import PaperExecClientConfig
from nautilus_quant.venues.paper.factory import SandboxLiveExecClientFactory

__all__ = ["PaperExecClientConfig", "PaperExecutionClient", "SandboxLiveExecClientFactory"]
