"""
Which execution client an order goes to, and how its venue counts positions.

NautilusTrader keeps this in read-only attributes of its execution engine, without public methods; this
module is the only one that reads them.
"""

# ruff: noqa: SLF001

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_trader.adapters.sandbox.execution import SandboxExecutionClient
from nautilus_trader.live.execution_client import LiveExecutionClient
from nautilus_trader.model.enums import OmsType

if TYPE_CHECKING:
    from nautilus_trader.execution.client import ExecutionClient
    from nautilus_trader.execution.engine import ExecutionEngine
    from nautilus_trader.model.identifiers import StrategyId, Venue
    from nautilus_trader.model.orders import Order
    from nautilus_trader.model.position import Position


def clients(engine: ExecutionEngine) -> list[ExecutionClient]:
    """Return all execution clients of a node."""
    return list(engine._clients.values())


def client_of(engine: ExecutionEngine, venue: Venue) -> ExecutionClient | None:
    """Return the client that orders for a venue go to."""
    return engine._routing_map.get(venue, engine._default_client)


def client_for(engine: ExecutionEngine, item: Order | Position) -> ExecutionClient | None:
    """Return the client that holds an order or a position: that of its account, else of its venue."""
    account_id = item.account_id
    if account_id is not None:
        for client in engine._clients.values():
            if client.account_id == account_id:
                return client
    return client_of(engine, item.instrument_id.venue)


def serves(engine: ExecutionEngine, client: ExecutionClient, item: Order | Position) -> bool:
    """Tell whether an order or a position is with this client."""
    return client_for(engine, item) is client


def nets(engine: ExecutionEngine, position: Position) -> bool:
    """
    Tell whether the venue of a position knows only the sum of all strategies' positions.

    NautilusTrader's simulated exchanges fill each strategy's position by itself, real ones do not.
    """
    client = client_for(engine, position)
    if not isinstance(client, LiveExecutionClient) or isinstance(client, SandboxExecutionClient):
        return False
    return bool(client.oms_type == OmsType.NETTING)


def oms_of(engine: ExecutionEngine, strategy_id: StrategyId, venue: Venue) -> OmsType:
    """Return how positions of a strategy at a venue are counted: netted, or each for itself."""
    override = engine._oms_overrides.get(strategy_id, OmsType.UNSPECIFIED)
    if override != OmsType.UNSPECIFIED:
        return override
    client = client_of(engine, venue)
    return OmsType.NETTING if client is None else client.oms_type
