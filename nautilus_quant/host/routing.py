"""
Which execution client an order goes to, and how its venue counts positions.

NautilusTrader keeps this in read-only attributes of its execution engine, without public methods; this
module is the only one that reads them.
"""

# ruff: noqa: SLF001

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_trader.model.enums import OmsType

if TYPE_CHECKING:
    from nautilus_trader.execution.client import ExecutionClient
    from nautilus_trader.execution.engine import ExecutionEngine
    from nautilus_trader.model.identifiers import StrategyId, Venue


def clients(engine: ExecutionEngine) -> list[ExecutionClient]:
    """Return all execution clients of a node."""
    return list(engine._clients.values())


def client_of(engine: ExecutionEngine, venue: Venue) -> ExecutionClient | None:
    """Return the client that orders for a venue go to."""
    return engine._routing_map.get(venue, engine._default_client)


def oms_of(engine: ExecutionEngine, strategy_id: StrategyId, venue: Venue) -> OmsType:
    """Return how positions of a strategy at a venue are counted: netted, or each for itself."""
    override = engine._oms_overrides.get(strategy_id, OmsType.UNSPECIFIED)
    if override != OmsType.UNSPECIFIED:
        return override
    client = client_of(engine, venue)
    return OmsType.NETTING if client is None else client.oms_type
