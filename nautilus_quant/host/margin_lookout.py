"""When margin accounts are looked at: with every price, in a hurry where nothing can have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.common.component import Clock
    from nautilus_trader.core.data import Data

    from nautilus_quant.host.margin_desk import MarginDesk
    from nautilus_quant.host.margin_orders import MarginOrders

NEVER = 2**63 - 1


class MarginLookout:
    """
    Hears the market, and calls for a look at the accounts when one could find something.

    It is an object of its own, since what every price passes through must not look up what a NautilusTrader
    actor knows: that takes several times as long.

    Parameters
    ----------
    clock
        Of the node.
    desk, orders
        Accounts, and orders on their way.
    interval
        Between two looks [ns]. They are aligned to it, so that a live node and a backtest look at the same
        moments.
    look
        Called with the time [ns].

    """

    __slots__ = ("_clock", "_desk", "_interval", "_look", "_next", "_orders", "_rest_until")

    def __init__(
        self,
        clock: Clock,
        desk: MarginDesk,
        orders: MarginOrders,
        interval: int,
        look: Callable[[int], None],
    ) -> None:
        self._clock = clock
        self._desk = desk
        self._orders = orders
        self._interval = interval
        self._look = look
        self.wake()

    def wake(self) -> None:
        """Look with the next price: something has happened."""
        self._next = self._rest_until = 0

    def looked(self, now: int, rest_until: int, *, idle: bool) -> None:
        """
        Take note of a look at `now` [ns].

        Parameters
        ----------
        now
            UNIX time [ns].
        rest_until
            Until when nothing needs to be told while all accounts stay calm [ns]; 0 when something does.
        idle
            Whether there is nothing to look at until something happens.

        """
        self._rest_until = rest_until
        interval = self._interval
        self._next = NEVER if idle else now - now % interval + interval if interval else now

    def hear(self, _data: Data) -> None:
        """Take word from the market."""
        if self._next == NEVER:
            return
        now = self._clock.timestamp_ns()
        if now < self._next:
            return
        if now < self._rest_until and not self._orders.kept and self._desk.all_calm(now):
            return
        self._look(now)
