"""A live run whose data client never connects: what the runner says of it, on stdout."""

import json

from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.config import LiveDataClientConfig, LoggingConfig, TradingNodeConfig
from nautilus_trader.live.data_client import LiveMarketDataClient
from nautilus_trader.live.factories import LiveDataClientFactory
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.identifiers import ClientId, Venue

from nautilus_quant.host.runner_live import LiveRun, make_loop
from nautilus_quant.host.runner_monitor import Monitor


class Deaf(LiveMarketDataClient):
    async def _connect(self):
        raise ConnectionRefusedError("nobody there")

    async def _disconnect(self):
        pass


class DeafFactory(LiveDataClientFactory):
    @staticmethod
    def create(loop, name, config, msgbus, cache, clock):  # noqa: PLR0917 (NautilusTrader's signature)
        return Deaf(
            loop=loop,
            client_id=ClientId(name),
            venue=Venue(name),
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            instrument_provider=InstrumentProvider(),
        )


class Silent:
    def ready(self, accounts):
        pass

    def look(self, snapshot):
        pass


loop = make_loop()
config = TradingNodeConfig(
    logging=LoggingConfig(log_level="OFF"),
    data_clients={"SIM": LiveDataClientConfig()},
    timeout_connection=0.5,
    timeout_disconnection=0.5,
    timeout_post_stop=0.1,
)
node = TradingNode(config=config, loop=loop)
node.add_data_client_factory("SIM", DeafFactory)
node.build()
monitor = Monitor(node.kernel, name="deaf", mode="paper", currency="USDT")
outcome = loop.run_until_complete(LiveRun(node, monitor, Silent(), duration=None, flatten=False).run())
print(json.dumps({"ok": outcome.ok, "reason": outcome.reason, "phase": monitor.phase}))
node.dispose()
