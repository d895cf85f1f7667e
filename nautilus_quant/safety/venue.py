"""What the kill switch sees of the venue, and what it asks for."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

_NONE: Mapping[str, Decimal] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueView:
    """
    The account as the node knows it now.

    Parameters
    ----------
    open_orders
        Orders that may still trade, in flight and emulated ones included, all but the switch's own closes.
    positions
        Signed quantity by position id, long > 0 [base units or contracts]. Leave out what is smaller than the
        smallest order of its venue: nobody can close it.
    working_closes
        Unsigned quantity by position id that the switch's own closing orders may still trade, from the moment
        they are submitted until they are filled, cancelled, rejected or denied.
    max_slice
        Largest closing order by position id that its book bears now (`slicing.max_slice`); one that is
        missing or not positive is no bound.
    confirmed
        Whether the venue itself has confirmed `positions` and `open_orders` since they last changed.
    connected
        Whether commands can reach any of the venues involved.
    unreachable
        Ids of positions at venues which cannot be reached now.

    """

    open_orders: int
    positions: Mapping[str, Decimal]
    confirmed: bool
    connected: bool
    working_closes: Mapping[str, Decimal] = field(default_factory=lambda: _NONE)
    max_slice: Mapping[str, Decimal] = field(default_factory=lambda: _NONE)
    unreachable: Container[str] = frozenset()

    @property
    def is_flat(self) -> bool:
        """Whether nothing is held and nothing can still trade; an unknown size is not flat."""
        quantities = (*self.positions.values(), *self.working_closes.values())
        return self.open_orders == 0 and all(quantity.is_zero() for quantity in quantities)


@dataclass(frozen=True, slots=True)
class CancelAll:
    """
    Cancel every open order of everybody, whether it would reduce or open.

    Parameters
    ----------
    attempt
        How often in a row this was asked.
    closes
        Whether the switch's own closing orders are to go as well; otherwise they are spared.

    """

    attempt: int
    closes: bool = False


@dataclass(frozen=True, slots=True)
class Close:
    """
    Send one reduce-only market order.

    Parameters
    ----------
    position
        Position id.
    quantity
        Size, > 0, never more than what of the position no working close covers.
    side
        +1 buys back a short, −1 sells a long.

    """

    position: str
    quantity: Decimal
    side: int


@dataclass(frozen=True, slots=True)
class Halt:
    """Stop all trading: the account is flat and the venue says so. Harmless when repeated."""


@dataclass(frozen=True, slots=True)
class Unhalt:
    """Let cancels and reducing orders through again: something is open though trading was halted."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """
    Tell people.

    Parameters
    ----------
    code
        ``NOT_LATCHED``, ``DISCONNECTED``, ``ORDERS_OPEN``, ``CLOSE_FAILED``, ``CLOSE_STUCK``, ``OVERCLOSED``,
        ``UNKNOWN_SIZE``, ``UNCONFIRMED`` or ``REOPENED``.
    message
        What is wrong, in words.
    count
        How often in a row.

    """

    code: str
    message: str
    count: int


Action = CancelAll | Close | Halt | Unhalt | Alarm
