"""A policy with every bound different from every other, and orders that keep to it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from nautilus_quant.gating.intent import Intent, Side
from nautilus_quant.gating.policy import InstrumentPolicy, OrderTerms
from nautilus_quant.gating.policy_merge import InstrumentFacts, merge

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND
MID = 30_000.0
PERP = InstrumentFacts(
    product="derivative",
    price_increment=Decimal("0.1"),
    size_increment=Decimal("0.001"),
    min_quantity=0.002,
    max_quantity=100.0,
    min_notional=10.0,
    min_price=250.0,
    max_price=800_000.0,
)
SPOT = PERP._replace(product="spot")


def policy(venue: str = "BINANCE", facts: InstrumentFacts = PERP, **wishes: Any) -> InstrumentPolicy:
    return merge(venue, facts, wishes)


def market(quantity: float = 1.0, **options: Any) -> OrderTerms:
    return OrderTerms(
        **{"type": "MARKET", "time_in_force": "GTC", "side": 1, "ts": NOW, **options}, quantity=quantity
    )


def limit(price: float = 30_000.0, quantity: float = 1.0, **options: Any) -> OrderTerms:
    return market(quantity, **{"type": "LIMIT", **options, "price": price})


def intent(
    opening: str = "1",
    reducing: str = "0",
    *,
    ts: int = NOW,
    order: str = "O-1",
    price: float | None = None,
    command: str = "submit",
    strategy: str = "S-1",
    instrument: str = "BTCUSDT-PERP.BINANCE",
    side: Side = Side.BUY,
    source: object | None = None,
) -> Intent:
    total = Decimal(opening) + Decimal(reducing)
    return Intent(
        ts,
        strategy,
        instrument,
        side,
        total,
        price,
        Decimal(reducing),
        Decimal(opening),
        1.0,
        order,
        command,
        source,
    )
