"""Orders of two legs: what was sent, what became of it, and what is counted on."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ZERO = Decimal(0)
_KEPT = 64  # orders that are done; their venues may still tell of a fill
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Outcome(StrEnum):
    """What a venue, or what stands before it, says of an order."""

    WORKING = "working"
    FILLED = "filled"
    CANCELED = "canceled"
    REFUSED = "refused"
    """Denied, rejected, expired; or never heard of."""


class Purpose(StrEnum):
    """What an order is for."""

    LEAD = "lead"
    """It goes first, towards the target."""
    HEDGE = "hedge"
    """It follows with the leg that lags."""
    UNWIND = "unwind"
    """It takes back, or closes, the leg that is ahead."""


@dataclass(slots=True)
class LegOrder:
    """
    One order.

    Parameters
    ----------
    id
        The same for ever: an order with a known id is never sent again.
    leg
        0 or 1.
    quantity
        Signed [base coin, or contracts].
    purpose, passive, reducing
        What it is for, whether it rests, whether it may only reduce.
    sent, due
        When, and until when it may take, UNIX time [ns].
    filled
        How much has filled, not signed.
    canceled, asked
        When it was first and last asked back, UNIX time [ns]; 0 if never.
    done
        Whether its venue will fill no more of it.

    """

    id: str
    leg: int
    quantity: Decimal
    purpose: Purpose
    passive: bool
    reducing: bool
    sent: int
    due: int
    filled: Decimal = _ZERO
    canceled: int = 0
    asked: int = 0
    done: bool = False

    @property
    def rest(self) -> Decimal:
        """What may still fill, signed."""
        return _ZERO if self.done else (abs(self.quantity) - self.filled).copy_sign(self.quantity)


class LegOrders:
    """
    All orders of a pair: those that live, and the last that are done.

    Parameters
    ----------
    mark
        What their ids begin with: letters and digits, at most 15.

    """

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self._orders: dict[str, LegOrder] = {}
        self._recent: list[LegOrder] = []  # all that live, and what has ended since the last was added
        self._count = 0

    def live(self, leg: int | None = None) -> Iterator[LegOrder]:
        """Give the orders that are not done, of one leg or of both."""
        return iter([item for item in self._recent if not item.done and leg in (None, item.leg)])

    def get(self, order_id: str) -> LegOrder | None:
        """Return an order, if it is known."""
        return self._orders.get(order_id)

    def next_id(self, ts: int) -> str:
        """Return an id nobody has had, as every venue takes it, at `ts` [ns]."""
        self._count += 1
        return f"{self.mark}T{_short(ts // 1_000_000)}N{_short(self._count)}"

    def add(self, order: LegOrder) -> None:
        """Keep an order, and forget the oldest that are done."""
        self._orders[order.id] = order
        self._recent = [*self.live(), order]
        done = [item.id for item in self._orders.values() if item.done]
        for order_id in done[:-_KEPT]:
            del self._orders[order_id]

    def to_dict(self) -> dict[str, Any]:
        """Give what must be known after a restart, as JSON holds it: what is done is in what is held."""
        return {"count": self._count, "orders": [_written(item) for item in self.live()]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `to_dict` gave."""
        self._count = int(state["count"])
        self._orders = {item["id"]: _read(item) for item in state["orders"]}
        self._recent = [item for item in self._orders.values() if not item.done]


def _written(order: LegOrder) -> dict[str, Any]:
    fields = {name: getattr(order, name) for name in LegOrder.__slots__}
    return {**fields, "quantity": str(order.quantity), "filled": str(order.filled)}


def _read(fields: Mapping[str, Any]) -> LegOrder:
    exact = {name: Decimal(fields[name]) for name in ("quantity", "filled")}
    known = {name: fields[name] for name in LegOrder.__slots__ if name in fields}
    return LegOrder(**{**known, **exact, "purpose": Purpose(fields["purpose"])})


def _short(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
