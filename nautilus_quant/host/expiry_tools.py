"""What a desk of an expiring position works with, and the order it has on its way."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_quant.options.expiry_plan import Leg

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nautilus_trader.common.actor import Actor

    from nautilus_quant.host.expiry_hands import ExpiryHands
    from nautilus_quant.host.expiry_market import ExpiryMarket
    from nautilus_quant.host.expiry_orders import ExpiryOrders
    from nautilus_quant.host.expiry_settings import ExpirySettings

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Tools:
    """
    What a desk works with.

    Parameters
    ----------
    host
        Actor whose bus, cache and clock it uses.
    settings
        How options are left.
    orders, market
        Hands and eyes.
    say
        Tells what was done: what, code, reason, numbers.
    alert
        Tells a person: severity, about what, text.
    save
        Keeps a desk before it acts; says whether it is kept.
    rolled
        Remembers that a position was rolled.

    """

    host: Actor
    settings: ExpirySettings
    orders: ExpiryOrders
    market: ExpiryMarket
    say: Callable[[ExpiryHands, str, str, str, Mapping[str, float | str]], None]
    alert: Callable[[ExpiryHands, str, str, str], None]
    save: Callable[[ExpiryHands], bool]
    rolled: Callable[[ExpiryHands], None]


@dataclass(slots=True)
class Pending:
    """
    An order on its way.

    Parameters
    ----------
    order
        Its id.
    leg, quantity
        What it does, and how much [contracts].
    sent
        When it was sent, UNIX time [ns].
    old, new
        What was held then of the option and of the one it is rolled to, unsigned [contracts].
    legs
        What of a spread has filled while its legs have not been booked [contracts].

    """

    order: str
    leg: Leg
    quantity: Decimal
    sent: int
    old: Decimal
    new: Decimal
    legs: Decimal = _ZERO

    def to_dict(self) -> dict[str, Any]:
        """Return what a restart needs."""
        exact = {name: str(getattr(self, name)) for name in ("quantity", "old", "new", "legs")}
        return {"order": self.order, "leg": str(self.leg), "sent": self.sent, **exact}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Pending:
        """Go on from what `to_dict` gave."""
        exact = {name: Decimal(state[name]) for name in ("quantity", "old", "new", "legs")}
        return cls(order=state["order"], leg=Leg(state["leg"]), sent=int(state["sent"]), **exact)
