"""
Who may say that an order reduces the risk of a whole book though it opens a position of its own.

A hedge of options is a position in something else. For the gates it would be new risk, and they would leave
a book unhedged just when it matters. So the one who hedges registers its own strategy id here; for orders
under that id, and no other, the gateway asks it how much of an order reduces what the book moves now. More
than that is new risk as ever; what cannot be said, or fails, reduces nothing.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

from nautilus_trader.common.component import Logger

from nautilus_quant.host.board import share_on_bus
from nautilus_quant.host.kernel import find_kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.model.identifiers import InstrumentId, StrategyId
    from nautilus_trader.model.orders import Order

    from nautilus_quant.gating.intent import Side

_PLACE = "nautilus_quant.book_reducers"
_ZERO = Decimal(0)


class BookReducer(Protocol):
    """Knows what a book moves."""

    def reducible(self, instrument_id: InstrumentId, side: Side, others: Sequence[Order]) -> Decimal:
        """
        Return the most that an order may trade and only reduce what the book moves now [units].

        Parameters
        ----------
        instrument_id, side
            Of the order.
        others
            Orders under the same strategy id that are on their way or rest, whatever they trade.

        """


class BookReducers:
    """
    The reducers of one bus, by the strategy id they trade under: `BookReducers.on`.

    Parameters
    ----------
    msgbus
        Of the node.

    Attributes
    ----------
    known
        Who speaks for which strategy id.

    """

    def __init__(self, msgbus: MessageBus) -> None:
        self._msgbus = msgbus
        self.known: dict[StrategyId, BookReducer] = {}
        self._faulty: set[StrategyId] = set()
        self._log = Logger("BookReducers")

    @classmethod
    def on(cls, msgbus: MessageBus) -> BookReducers:
        """Return the ones of this bus, making them the first time."""
        return share_on_bus(msgbus, _PLACE, cls, lambda: cls(msgbus))

    def on_ping(self, _message: object) -> None:
        """Make them findable; nothing is published there."""

    def register(self, strategy_id: StrategyId, reducer: BookReducer) -> None:
        """
        Ask `reducer` about orders under a strategy id from now on.

        Raises
        ------
        ValueError
            If a strategy runs under that id, or somebody else registered it: only its own orders are its
            business.

        """
        if self._is_strategy(strategy_id):
            raise ValueError(f"{strategy_id} is a strategy; who reduces a book needs an id of its own")
        if self.known.get(strategy_id, reducer) is not reducer:
            raise ValueError(f"{strategy_id} is registered by another one; choose another id")
        self.known[strategy_id] = reducer
        self._faulty.discard(strategy_id)

    def leave(self, strategy_id: StrategyId, reducer: BookReducer) -> None:
        """Ask it no more."""
        if self.known.get(strategy_id) is reducer:
            del self.known[strategy_id]

    @property
    def ids(self) -> tuple[StrategyId, ...]:
        """All ids that somebody speaks for."""
        return tuple(self.known)

    def reducible(
        self, strategy_id: StrategyId, instrument_id: InstrumentId, side: Side, others: Sequence[Order]
    ) -> Decimal:
        """Return the most that an order reduces of its book [units]; 0 whenever that cannot be said."""
        reducer = self.known.get(strategy_id)
        if reducer is None or self._is_strategy(strategy_id):
            return _ZERO
        try:
            most = reducer.reducible(instrument_id, side, others)
            return most if most.is_finite() and most > 0 else _ZERO
        except Exception as error:  # noqa: BLE001 (whatever fails reduces nothing)
            if strategy_id not in self._faulty:
                self._faulty.add(strategy_id)
                self._log.exception(f"{strategy_id} cannot say what its orders reduce, told once", error)
            return _ZERO

    def _is_strategy(self, strategy_id: StrategyId) -> bool:
        return strategy_id in find_kernel(self._msgbus).trader.strategy_ids()
