"""What a book remembers over a restart and writes into the journal; what fails is told, and never raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_quant.host.state import StateError, shared_store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_trader.common.component import Logger
    from nautilus_trader.model.position import Position


class BookMemory:
    """
    The documents of one book, in the state store.

    Parameters
    ----------
    owner
        Name of the book, the same after a restart; keys begin with it.
    state
        URL of the store; ``None`` keeps nothing over a restart.
    log
        Where problems are told.

    Attributes
    ----------
    namespace
        Of the documents in the state store.
    kind
        Of the entries in the journal.

    """

    namespace: str
    kind: str

    def __init__(self, owner: str, state: str | None, log: Logger) -> None:
        self._owner = owner
        self._log = log
        self._store = shared_store(state)
        self._keeps = state is not None

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

    def _documents(self) -> dict[str, dict[str, Any]]:
        """Return what an earlier run kept, by key."""
        if not self._keeps:
            return {}
        prefix = f"{self._owner}|"
        known = self._store.documents(self.namespace)
        return {key.removeprefix(prefix): value for key, value in known.items() if key.startswith(prefix)}

    def _put(
        self, key: str, document: Mapping[str, Any], ts: int, problem: str, *, now: bool = False
    ) -> bool:
        """Keep a document, on the disk when it returns if `now`; say whether it is, or nothing is to be."""
        if not self._keeps:
            return True
        write = self._store.put_now if now else self._store.put
        try:
            write(self.namespace, f"{self._owner}|{key}", document, ts=ts)
        except StateError as error:
            self._log.error(f"{problem}: {error}")
            return False
        return True

    def _delete(self, key: str, problem: str) -> None:
        if not self._keeps:
            return
        try:
            self._store.delete(self.namespace, f"{self._owner}|{key}")
        except StateError as error:
            self._log.warning(f"{problem}: {error}")

    def _write_down(self, whose: object, what: str, ts: int, body: Mapping[str, Any]) -> None:
        try:
            self._store.append(self.kind, {"what": what, **body}, ts=ts)
        except StateError as error:
            self._log.warning(f"{what} of {whose} is not in the journal: {error}")


class PositionMemory(BookMemory):
    """The documents of a book that looks after positions."""

    def note(self, position: Position, what: str, ts: int, **body: Any) -> None:
        """Write into the journal what was done."""
        about = {
            "position": position.id.value,
            "strategy": position.strategy_id.value,
            "instrument": position.instrument_id.value,
        }
        self._write_down(position.id, what, ts, {**about, **body})
