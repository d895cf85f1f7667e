"""The line between a paper venue and its node."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from nautilus_trader.common.component import Clock, MessageBus
from nautilus_trader.model.identifiers import TraderId

Send = Callable[[str, Any], None]
Handler = Callable[[Any], None]

EVENTS = "ExecEngine.process"
ACCOUNTS = "Portfolio.update_account"


class VenueWire:
    """
    A message bus of the venue's own, so that nothing reaches the node before the venue has written it down.

    NautilusTrader's matching engine sends its events to endpoints of the bus it is given. On this bus those
    endpoints book first and then forward to the node, or hold the message while the line is cut.

    Parameters
    ----------
    trader_id : TraderId
        Trader of the node.
    clock : Clock
        Clock of the venue.
    send : callable
        Sends (endpoint, message) to the node.
    book : callable
        Called with each order event before it is sent.
    book_account : callable
        Called with each account state before it is sent.
    """

    def __init__(
        self, trader_id: TraderId, clock: Clock, *, send: Send, book: Handler, book_account: Handler
    ) -> None:
        self.bus = MessageBus(trader_id=trader_id, clock=clock, name="PaperVenue")
        self.bus.register(EVENTS, lambda event: self._pass(EVENTS, event, book))
        self.bus.register(ACCOUNTS, lambda state: self._pass(ACCOUNTS, state, book_account))
        self._send = send
        self._held: deque[tuple[str, Any]] = deque()
        self._cut = False

    def cut(self) -> None:
        """Hold everything the venue has to say."""
        self._cut = True

    def mend(self) -> None:
        """Deliver what was held, in order, and go on."""
        self._cut = False
        while self._held:
            self._send(*self._held.popleft())

    def _pass(self, endpoint: str, message: Any, book: Handler) -> None:
        book(message)
        if self._cut:
            self._held.append((endpoint, message))
        else:
            self._send(endpoint, message)
