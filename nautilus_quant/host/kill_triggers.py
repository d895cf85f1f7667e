"""Who may pull the kill switch from outside a live node: a file, a command, a signal."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio

    from nautilus_trader.system.kernel import NautilusKernel

    from nautilus_quant.host.state import StateStore

SAFETY = "safety"
"""Namespace of the safety engine's documents in the state store."""


class KillTriggers:
    """
    Look for the kill file, for a request of ``nq kill``, and hear SIGUSR1.

    Parameters
    ----------
    kernel
        The live node.
    store
        Where ``nq kill`` leaves its request.
    kill_file
        The switch trips when this file appears.
    trip
        Called with what pulled the switch and the reason; more than once does no harm.
    complain
        Called with what could not be done and the error.

    Raises
    ------
    ValueError
        When the directory of the kill file does not exist: nobody could ever put one there.

    """

    def __init__(
        self,
        kernel: NautilusKernel,
        store: StateStore,
        kill_file: str,
        trip: Callable[[str, str], Any],
        complain: Callable[[str, Exception], Any],
    ) -> None:
        self._loop = kernel.loop
        self._store = store
        self._file = Path(kill_file)
        self._trip = trip
        self._complain = complain
        self._asking: asyncio.Task[None] | None = None
        if not self._file.parent.is_dir():
            raise ValueError(f"kill_file must lie in a directory that exists, was {kill_file!r}")

    def start(self) -> None:
        """Hear the signal from now on; the rest is looked for by `look`."""
        try:
            self._loop.add_signal_handler(signal.SIGUSR1, self._trip, "signal", "SIGUSR1")
        except (AttributeError, NotImplementedError, RuntimeError, ValueError) as error:
            # Windows has no such signal, and only a main thread hears any.
            self._complain("SIGUSR1 cannot trip the kill switch here, the file and `nq kill` can", error)

    def stop(self) -> None:
        """Hear and look no more."""
        if self._asking is not None:
            self._asking.cancel()
        try:
            if self._loop.remove_signal_handler(signal.SIGUSR1):
                # Its default would end the process, in the middle of an orderly stop.
                signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        except (AttributeError, NotImplementedError, RuntimeError, ValueError):
            return

    def look(self) -> None:
        """Look for the file now, and for a request as soon as the state answers."""
        try:
            if self._file.exists():
                self._trip("file", f"{self._file} appeared")
        except OSError as error:
            self._complain(f"{self._file} cannot be looked for", error)
        if self._asking is None or self._asking.done():
            self._asking = self._loop.create_task(self._look_for_request())

    async def _look_for_request(self) -> None:
        """Read the state in a thread: a database may be slow, or far away."""
        try:
            request = await self._loop.run_in_executor(None, self._store.get, SAFETY, "kill_request")
            if request is not None:
                self._store.delete(SAFETY, "kill_request")
                self._trip("command", str(request.get("reason", "nq kill")))
        except Exception as error:  # noqa: BLE001 (tried again a second later; a timer must not die of it)
            self._complain("the state could not be read for a kill request", error)
