"""Subscriptions to a venue that sends everything it has."""

from __future__ import annotations

from typing import Any


class AcceptSubscriptions:
    """
    Accepts what NautilusTrader subscribes and unsubscribes.

    There is nothing to do: the data is played whether somebody subscribed to it or not.
    """

    async def _subscribe(self, command: Any) -> None:
        pass

    async def _unsubscribe(self, command: Any) -> None:
        pass

    async def _subscribe_instruments(self, command: Any) -> None:
        pass

    async def _unsubscribe_instruments(self, command: Any) -> None:
        pass

    async def _subscribe_instrument(self, command: Any) -> None:
        pass

    async def _unsubscribe_instrument(self, command: Any) -> None:
        pass

    async def _subscribe_order_book_deltas(self, command: Any) -> None:
        pass

    async def _unsubscribe_order_book_deltas(self, command: Any) -> None:
        pass

    async def _subscribe_order_book_depth(self, command: Any) -> None:
        pass

    async def _unsubscribe_order_book_depth(self, command: Any) -> None:
        pass

    async def _subscribe_quote_ticks(self, command: Any) -> None:
        pass

    async def _unsubscribe_quote_ticks(self, command: Any) -> None:
        pass

    async def _subscribe_trade_ticks(self, command: Any) -> None:
        pass

    async def _unsubscribe_trade_ticks(self, command: Any) -> None:
        pass

    async def _subscribe_mark_prices(self, command: Any) -> None:
        pass

    async def _unsubscribe_mark_prices(self, command: Any) -> None:
        pass

    async def _subscribe_index_prices(self, command: Any) -> None:
        pass

    async def _unsubscribe_index_prices(self, command: Any) -> None:
        pass

    async def _subscribe_funding_rates(self, command: Any) -> None:
        pass

    async def _unsubscribe_funding_rates(self, command: Any) -> None:
        pass

    async def _subscribe_bars(self, command: Any) -> None:
        pass

    async def _unsubscribe_bars(self, command: Any) -> None:
        pass

    async def _subscribe_instrument_status(self, command: Any) -> None:
        pass

    async def _unsubscribe_instrument_status(self, command: Any) -> None:
        pass

    async def _subscribe_instrument_close(self, command: Any) -> None:
        pass

    async def _unsubscribe_instrument_close(self, command: Any) -> None:
        pass
