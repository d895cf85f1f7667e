"""What data clients can be asked for."""

from __future__ import annotations

import pytest
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.live.data_client import LiveMarketDataClient
from nautilus_trader.model.identifiers import ClientId, TraderId, Venue

from nautilus_quant.host import subscribing
from nautilus_quant.host.subscribing import can_subscribe


class Knowing(LiveMarketDataClient):
    """Of an adapter that has funding rates and nothing else."""

    async def _subscribe_funding_rates(self, command):
        """Known."""


class Engine:
    def __init__(self, *clients):
        self._clients = dict(enumerate(clients))


class Client:
    """What is looked at of a client, of the class of another."""

    def __new__(cls, kind, name, venue):
        methods = {name: getattr(kind, name) for name in dir(kind) if name.startswith("_subscribe_")}
        made = type(kind.__name__, (), methods)
        client = made()
        client.id, client.venue = ClientId(name), None if venue is None else Venue(venue)
        return client


@pytest.fixture
def bus(monkeypatch):
    bus = MessageBus(trader_id=TraderId("TESTER-001"), clock=LiveClock())

    def having(*clients):
        kernel = type("Kernel", (), {"data_engine": Engine(*clients)})()
        monkeypatch.setattr(subscribing, "find_kernel", lambda _: kernel)
        return bus

    return having


def test_adapters_are_asked_for_what_they_know(bus):
    node = bus(Client(Knowing, "OKX", "OKX"), Client(LiveMarketDataClient, "BINANCE", "BINANCE"))
    assert can_subscribe(node, "OKX", "funding_rates")
    assert not can_subscribe(node, "OKX", "instrument_status")
    assert not can_subscribe(node, "BINANCE", "funding_rates")


def test_a_client_of_many_venues_goes_by_its_own_name(bus):
    node = bus(Client(LiveMarketDataClient, "BINANCE", None))
    assert not can_subscribe(node, "BINANCE", "funding_rates")
    assert can_subscribe(node, "OKX", "funding_rates")


def test_where_there_is_no_node_anything_may_be_asked():
    bus = MessageBus(trader_id=TraderId("TESTER-001"), clock=LiveClock())
    assert can_subscribe(bus, "OKX", "funding_rates")


def test_the_simulated_market_and_replays_know_what_funding_needs(bus):
    from nautilus_quant.venues.replay.client import ReplayDataClient
    from nautilus_quant.venues.simulated.client import SimulatedDataClient

    for kind in (ReplayDataClient, SimulatedDataClient):
        node = bus(Client(kind, "SIM", "SIM"))
        assert can_subscribe(node, "SIM", "funding_rates")
        assert can_subscribe(node, "SIM", "mark_prices")
