"""Signals that ask a process to stop: the first one politely, the second one now."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
KILL_SIGNAL = signal.SIGUSR1


class StopSignals:
    """
    Hears SIGTERM, Ctrl+C and a closed terminal from the first import to the last flush.

    Before and after the event loop runs it stands in Python's own handlers, while the loop runs in
    the loop's. NautilusTrader's node puts handlers of its own in the loop, which would stop it
    without closing the gateway first: call `enter_loop` after the node is made.

    Parameters
    ----------
    on_force
        Called before the process is ended by a second Ctrl+C: put the terminal back.

    """

    def __init__(self, on_force: Callable[[], None]) -> None:
        self._on_force = on_force
        self._listener: Callable[[str], None] | None = None
        self._kill: Callable[[], None] | None = None
        self._kill_heard = False
        self.reason = ""
        # nohup starts us with SIGHUP ignored, and means it.
        self._signals = [s for s in STOP_SIGNALS if signal.getsignal(s) is not signal.SIG_IGN]

    def listen(self, listener: Callable[[str], None]) -> None:
        """Call `listener` with the reason on the first signal; at once if it has come already."""
        self._listener = listener
        if self.reason:
            listener(self.reason)

    def listen_kill(self, listener: Callable[[], None]) -> None:
        """Call `listener` when the kill switch is wanted before there is a safety engine to hear it."""
        self._kill = listener

    def install(self) -> None:
        """Hear signals outside of an event loop."""
        for number in self._signals:
            signal.signal(number, self._from_python)
        # Its default would end a node that is still connecting, with its positions open and no latch.
        signal.signal(KILL_SIGNAL, self._kill_from_python)

    def enter_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hear signals inside the loop, in place of whoever did."""
        for number in self._signals:
            loop.add_signal_handler(number, self.hear, number)
        loop.add_signal_handler(KILL_SIGNAL, self.hear_kill)  # until the safety engine takes it over
        if self._kill_heard:
            self.hear_kill()

    def leave_loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Go back to hearing them outside."""
        for number in self._signals:
            loop.remove_signal_handler(number)
        loop.remove_signal_handler(KILL_SIGNAL)
        self.install()

    def hear(self, number: int) -> None:
        """Take one signal."""
        if not self.reason:
            self.reason = f"signal {signal.Signals(number).name}"
            if self._listener is not None:
                self._listener(self.reason)
        elif number == signal.SIGINT:
            # Latches and the paper account are on disk already: what is lost is a tidy end.
            self._on_force()
            os._exit(128 + number)

    def hear_kill(self) -> None:
        """Pass on that the kill switch is wanted, once somebody listens."""
        self._kill_heard = True
        if self._kill is not None:
            self._kill()

    def _kill_from_python(self, _number: int, _frame: FrameType | None) -> None:
        self._kill_heard = True  # a store must not be written from inside a signal handler

    def _from_python(self, number: int, _frame: FrameType | None) -> None:
        self.hear(number)
