"""What the order policy gate can be told."""

from __future__ import annotations

import math
from typing import Any

from msgspec import field
from nautilus_trader.common.config import NautilusConfig
from nautilus_trader.config import ActorConfig, NonNegativeFloat, PositiveFloat

from nautilus_quant.config.units import Fraction, Seconds


class PolicyOverride(NautilusConfig, kw_only=True, frozen=True):
    """
    What is to hold instead of what venue and instrument say; what is left out stays.

    Parameters
    ----------
    order_types, time_in_force
        All that are allowed, e.g. ``[MARKET, LIMIT]`` and ``[GTC, IOC]``.
    gtd
        Whether orders may be good till a date.
    post_only, reduce_only, quote_quantity
        Whether orders may be post-only, reduce-only, or of a size in quote currency.
    price_increment, size_increment
        Steps of price [quote currency] and quantity [base coin, or contracts].
    min_quantity, max_quantity, min_notional, max_notional
        Bounds of quantity [base coin, or contracts] and of its value [quote currency].
    price_collar, passive_collar
        How far from the mid price a limit price may lie on the side that costs money, and on the other
        [fraction]; 0 for any distance. See `nautilus_quant.gating.policy.InstrumentPolicy`.

    """

    order_types: list[str] | None = None
    time_in_force: list[str] | None = None
    gtd: bool | None = None
    post_only: bool | None = None
    reduce_only: bool | None = None
    quote_quantity: bool | None = None
    price_increment: PositiveFloat | None = None
    size_increment: PositiveFloat | None = None
    min_quantity: NonNegativeFloat | None = None
    max_quantity: PositiveFloat | None = None
    min_notional: NonNegativeFloat | None = None
    max_notional: PositiveFloat | None = None
    price_collar: Fraction | None = None
    passive_collar: Fraction | None = None

    def wishes(self) -> dict[str, Any]:
        """Return what is given, by name."""
        given = {name: getattr(self, name) for name in self.__struct_fields__}
        return given | {name: math.inf for name in ("price_collar", "passive_collar") if given[name] == 0.0}


class OrderPolicyGateConfig(ActorConfig, kw_only=True, frozen=True):
    """
    What the order policy gate can be told.

    Parameters
    ----------
    defaults
        Overrides for all venues.
    venues
        Overrides by venue, e.g. ``{BINANCE: {gtd: false, max_notional: 50_000}}``.
    instruments
        Overrides by instrument id; they win over those of the venue.
    orders_per_minute
        Orders a venue may be sent in the long run [orders per minute]; each venue has its own count.
        Cancels are never counted. Changes of orders are when they open risk.
    burst
        Orders that may be sent at once [orders]. More lets strategies lay out whole ladders.
    reserve
        How many of `burst` only orders that close may use [orders].
    rates
        Other `orders_per_minute` by venue.
    duplicate_window
        How long an order like one just sent is taken for the same one sent twice [s]; 0 never.
    require_reduce_only
        Whether an order that closes a position and would open another one with its rest is denied the
        rest. A closing order is never blocked, whatever its flags: those without reduce-only, where the
        venue knows it, are counted in `OrderPolicyGate.exits_without_reduce_only`, and told once per
        strategy.
    state
        URL of the state store; ``None`` keeps nothing over a restart. What was sent is written down with
        each order, so that a node which crashes over and over gets no new allowance each time.

    """

    defaults: PolicyOverride = field(default_factory=PolicyOverride)
    venues: dict[str, PolicyOverride] = field(default_factory=dict)
    instruments: dict[str, PolicyOverride] = field(default_factory=dict)
    orders_per_minute: PositiveFloat = 60.0
    burst: PositiveFloat = 30.0
    reserve: NonNegativeFloat = 10.0
    rates: dict[str, PositiveFloat] = field(default_factory=dict)
    duplicate_window: Seconds = 1.0
    require_reduce_only: bool = False
    state: str | None = None
