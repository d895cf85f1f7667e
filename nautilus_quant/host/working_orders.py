"""What is on its way to a venue, or rests there, and what of it was let through to close."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nautilus_trader.model.identifiers import InstrumentId, StrategyId
    from nautilus_trader.model.orders import Order

_ROOM = 64
"""Orders of one strategy on one instrument from which on closed ones are looked for [orders]."""


class WorkingOrders:
    """
    Orders on their way to a venue or resting there, by strategy and instrument.

    The cache could tell, but intersects indexes that grow with every order ever sent; this book
    forgets closed orders when it is next read, so a look costs what is open and no more.
    """

    def __init__(self, orders: Iterable[Order] = ()) -> None:
        self._books: dict[tuple[StrategyId, InstrumentId], dict[str, Order]] = {}
        self._exits: dict[tuple[StrategyId, InstrumentId], dict[str, Order]] = {}
        self._room: dict[tuple[StrategyId, InstrumentId], int] = {}
        for order in orders:
            self.add(order)

    def add(self, order: Order, *, closes: bool = False) -> None:
        """
        Count an order from now until it is closed.

        Parameters
        ----------
        order
            Let through just now.
        closes
            Whether it was let through because it only closes.

        """
        key = (order.strategy_id, order.instrument_id)
        name = order.client_order_id.value
        book = self._books.get(key)
        if book is None:
            book = self._books[key] = {}
        book[name] = order
        if closes and not order.is_reduce_only:
            self._exits.setdefault(key, {})[name] = order
        if len(book) > _ROOM and len(book) > self._room.get(key, _ROOM):
            self.of(*key)
            self.exits(*key)
            self._room[key] = max(_ROOM, 2 * len(book))  # so that tidying up is rare, and memory bounded

    def of(self, strategy_id: StrategyId, instrument_id: InstrumentId) -> list[Order]:
        """Return the open ones of a strategy on an instrument."""
        return _open_of(self._books.get((strategy_id, instrument_id)))

    def exits(self, strategy_id: StrategyId, instrument_id: InstrumentId) -> list[Order]:
        """Return those of the open ones which were to close, and which no venue keeps from doing more."""
        return _open_of(self._exits.get((strategy_id, instrument_id)))

    def of_strategy(self, strategy_id: StrategyId) -> list[Order]:
        """Return the open ones of a strategy on whatever instrument."""
        mine = [key for key in self._books if key[0] == strategy_id]
        return [order for key in mine for order in self.of(*key)]

    def exits_of_strategy(self, strategy_id: StrategyId) -> list[Order]:
        """Return its `exits` on whatever instrument."""
        mine = [key for key in self._exits if key[0] == strategy_id]
        return [order for key in mine for order in self.exits(*key)]

    @property
    def has_exits(self) -> bool:
        """Whether anybody sent what was to close a position and could do more, and it was not seen closed."""
        return bool(self._exits)

    def __len__(self) -> int:
        """Count what is held, closed ones that nobody has noticed yet included."""
        return sum(map(len, self._books.values()))


def _open_of(book: dict[str, Order] | None) -> list[Order]:
    if not book:
        return []
    closed = [key for key, order in book.items() if order.is_closed]
    for key in closed:
        del book[key]
    return list(book.values())
