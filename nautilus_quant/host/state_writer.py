"""The thread that empties the outbox, and the way past it for what must be on disk now."""

from __future__ import annotations

import threading
from collections.abc import Callable

from nautilus_quant.host.state_outbox import QUEUE_ALARM, Batch, Outbox
from nautilus_quant.host.statejson import StateError

LINGER = 0.02
"""How long the thread lets entries gather for one transaction [s]: what a kill -9 may take."""

RETRY = 0.5
"""Pause after a failed transaction [s]."""

PATIENCE = 10.0
"""How long a caller waits for a transaction of the thread to end, and closing for the last one [s]."""

Commit = Callable[[Batch, bool], None]


class Writer:
    """
    Writes what is in an outbox, in order, whoever asks.

    Parameters
    ----------
    outbox
        Where the writes wait.
    commit
        Writes a batch in one transaction, synced to the disk or not, or raises.

    """

    def __init__(self, outbox: Outbox, commit: Commit) -> None:
        self._outbox = outbox
        self._commit = commit
        self._turn = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._trouble = ""
        self._thread = threading.Thread(target=self._run, name="nq-state-writer", daemon=True)
        self._thread.start()

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps writes from the disk; empty when all is well."""
        problems = [self._trouble] if self._trouble else []
        if self._outbox.notes >= QUEUE_ALARM:
            problems.append(
                f"{self._outbox.notes} journal entries wait to be written (alarm at {QUEUE_ALARM})"
            )
        if not self._stop.is_set() and not self._thread.is_alive():
            problems.append("the thread that writes the state has died")
        return tuple(problems)

    def wake(self) -> None:
        """Say that the outbox is not empty."""
        if not self._wake.is_set():
            self._wake.set()

    def drain(self, *, durable: bool = False) -> None:
        """
        Write everything queued, in the calling thread.

        Raises
        ------
        StateError
            When it is not all committed; it stays queued.

        """
        if not self._turn.acquire(timeout=PATIENCE):
            raise StateError(f"state was not written: another transaction has not ended for {PATIENCE} s")
        try:
            while len(batch := self._outbox.take()):
                self._write(batch, durable)
        finally:
            self._turn.release()

    def stop(self) -> None:
        """Write the rest if that works, and end the thread."""
        self._stop.set()
        self._wake.set()
        self._thread.join(PATIENCE)

    def _write(self, batch: Batch, durable: bool) -> None:
        try:
            self._commit(batch, durable)
        except BaseException as error:
            self._outbox.give_back()
            self._trouble = f"state cannot be written: {error}"
            raise
        self._trouble = ""
        self._outbox.done()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait()
            self._wake.clear()
            self._stop.wait(LINGER)
            try:
                self.drain()
            except Exception:  # noqa: BLE001 (kept in `problems`; the thread must live to try again)
                self._stop.wait(RETRY)
                self._wake.set()
