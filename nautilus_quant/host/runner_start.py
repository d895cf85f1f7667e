"""Know whether a live node has started to trade: NautilusTrader only logs it when it has not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nautilus_trader.system.kernel import NautilusKernel


def watch_start(kernel: NautilusKernel) -> asyncio.Event:
    """
    Return an event which is set when the kernel's start has ended, well or not.

    The kernel returns early, with a line in its log, when clients do not connect, when the
    execution state cannot be reconciled or when the portfolio cannot be valued; the node then
    runs on without trading. Nothing public tells, so the one call is wrapped.
    """
    ended = asyncio.Event()
    start = kernel.start_async

    async def start_and_tell() -> None:
        await start()
        ended.set()

    kernel.start_async = start_and_tell  # type: ignore[method-assign]
    return ended


def why_not_started(kernel: NautilusKernel) -> str:
    """Say which of the conditions for trading does not hold."""
    if not kernel.data_engine.check_connected():
        return "a data client did not connect in time"
    if not kernel.exec_engine.check_connected():
        return "an execution client did not connect in time"
    if not kernel.portfolio.initialized:
        return "the portfolio could not be valued in time: no price for an open position or order"
    return "the execution state could not be reconciled with the venue"
