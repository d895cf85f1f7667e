"""What working orders may still open: reserved until it is filled, cancelled or refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from nautilus_quant.gating.intent import Side

SCALE = 1_000_000
"""Minor units in one unit of the reporting currency; sums of whole numbers neither drift nor leak."""

_ZERO = Decimal(0)


def minor(value: float) -> int:
    """Return an amount of the reporting currency in minor units, rounded up but for the noise of floats."""
    return math.ceil(value * SCALE - 1e-3)


class OpenOrder(NamedTuple):
    """
    One working order, as far as it matters to a budget.

    Parameters
    ----------
    strategy, instrument, side
        Whose it is, and which way it trades.
    leaves
        What can still fill [base coin, or contracts].
    unit
        Value of one unit, at the worst price it can fill at [reporting currency]; NaN when nobody can tell.
    reduce_only
        Whether its venue keeps it from opening anything. It closes before all others do.
    link
        The same text for orders of which one takes the place of the other (OCO, OUO); they count once.

    """

    strategy: str
    instrument: str
    side: Side
    leaves: Decimal
    unit: float
    reduce_only: bool = False
    link: str = ""


type Told = Callable[[str, str, Side, int], None]
"""Called with strategy, instrument, side and the amount reserved from now on [minor units]."""


type _Key = tuple[str, str, int]
"""Strategy, instrument, and the side as a plain number: members of an enumeration are slow to hash."""


class _Desk:
    """Orders of one strategy on one instrument and side, and the position they close first."""

    __slots__ = ("amount", "capacity", "orders", "side", "unknown")

    def __init__(self, side: Side) -> None:
        self.side = side
        self.orders: dict[str, OpenOrder] = {}
        self.capacity = _ZERO
        self.amount = 0
        self.unknown = False


class Reservations:
    """
    Opening value of all working orders, by strategy, instrument and side.

    Orders on one side first close the position that stands against them, in whatever sequence they fill;
    what they can do beyond that is reserved. Every call states how things are now, never what changed:
    events that come twice, late or in another sequence change nothing.

    Parameters
    ----------
    told
        Hears every change of an amount.

    """

    def __init__(self, told: Told | None = None) -> None:
        self._told = told
        self._desks: dict[_Key, _Desk] = {}
        self._where: dict[str, _Key] = {}
        self._unknown = 0

    def __len__(self) -> int:
        """Count the orders."""
        return len(self._where)

    def __contains__(self, name: object) -> bool:
        """Tell whether an order is held, by its client order id."""
        return name in self._where

    @property
    def is_known(self) -> bool:
        """Whether the value of everything reserved could be told."""
        return not self._unknown

    def order(self, name: str) -> OpenOrder | None:
        """Return an order as it was last put."""
        key = self._where.get(name)
        return None if key is None else self._desks[key].orders[name]

    def names(self, strategy: str, instrument: str) -> list[str]:
        """Return the orders of a strategy on an instrument, by client order id."""
        desks = [self._desks.get((strategy, instrument, side)) for side in (1, -1)]
        return [name for desk in desks if desk is not None for name in desk.orders]

    def all_names(self) -> list[str]:
        """Return all orders, by client order id."""
        return list(self._where)

    def amount(self, strategy: str, instrument: str, side: Side) -> int:
        """Return what is reserved [minor units]."""
        desk = self._desks.get((strategy, instrument, int(side)))
        return 0 if desk is None else desk.amount

    def put(self, name: str, order: OpenOrder) -> None:
        """Hold an order as it is now, in place of what was known of it; without leaves it is dropped."""
        key = (order.strategy, order.instrument, int(order.side))
        if self._where.get(name, key) != key or not order.leaves > 0:
            self.drop(name)
        if not order.leaves > 0:
            return
        desk = self._desks.get(key)
        if desk is None:
            desk = self._desks[key] = _Desk(order.side)
        desk.orders[name] = order
        self._where[name] = key
        self._settle(key, desk)

    def drop(self, name: str) -> None:
        """Let go of an order that is filled, cancelled or refused; unknown ones are fine."""
        key = self._where.pop(name, None)
        if key is not None:
            desk = self._desks[key]
            del desk.orders[name]
            self._settle(key, desk)

    def hold(self, strategy: str, instrument: str, long: Decimal, short: Decimal) -> None:
        """State the position of a strategy: sells close what is `long`, buys what is `short`."""
        for side, capacity in ((Side.SELL, long), (Side.BUY, short)):
            key = (strategy, instrument, int(side))
            desk = self._desks.get(key)
            if desk is None:
                if not capacity > 0:
                    continue
                desk = self._desks[key] = _Desk(side)
            if capacity != desk.capacity:
                desk.capacity = capacity
                self._settle(key, desk)

    def replace(self, orders: Mapping[str, OpenOrder]) -> None:
        """Hold exactly these orders, e.g. what a venue says is open after a restart."""
        for name in [name for name in self._where if name not in orders]:
            self.drop(name)
        for name, order in orders.items():
            self.put(name, order)

    def _settle(self, key: _Key, desk: _Desk) -> None:
        worth = _opening_value(desk.orders.values(), desk.capacity) if desk.orders else 0.0
        unknown = not math.isfinite(worth)
        self._unknown += unknown - desk.unknown
        desk.unknown = unknown
        amount = 0 if unknown else minor(worth)
        if amount != desk.amount:
            desk.amount = amount
            if self._told is not None:
                self._told(key[0], key[1], desk.side, amount)
        if not desk.orders and not desk.capacity > 0:
            del self._desks[key]


def _opening_value(orders: Iterable[OpenOrder], capacity: Decimal) -> float:
    """Return what orders of one side may open beyond `capacity`; infinite when that is unknown."""
    left, claims = capacity, _claims(orders)
    for leaves, _, reduce_only in claims:
        if reduce_only:
            left -= leaves
    left = max(left, _ZERO)
    worth = 0.0
    for leaves, unit, reduce_only in claims:
        if reduce_only:
            continue
        if leaves > left:
            worth += float(leaves - left) * unit
        left = max(left - leaves, _ZERO)
    return worth


def _claims(orders: Iterable[OpenOrder]) -> list[tuple[Decimal, float, bool]]:
    """Return leaves, unit and whether it only reduces, of linked orders the largest; oldest first."""
    found: list[tuple[Decimal, float, bool]] = []
    linked: dict[str, int] = {}
    for order in orders:
        # The worst that an unknown value can be, which no maximum loses.
        unit = order.unit if math.isfinite(order.unit) else math.inf
        claim = (order.leaves, unit, order.reduce_only)
        at = linked.get(order.link) if order.link else None
        if at is None:
            linked[order.link] = len(found)
            found.append(claim)
        else:
            before = found[at]
            found[at] = (
                max(before[0], claim[0]),
                max(before[1], claim[1]),
                before[2] and claim[2],
            )
    return found
