"""The state store: documents by name and the decision journal, in memory or in a database."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nautilus_quant.host.journal import Entry
from nautilus_quant.host.statejson import StateError

__all__ = ["Entry", "StateError", "StateStore", "shared_store"]

MEMORY = "memory://"


class StateStore(ABC):
    """
    Namespaced JSON documents and an append-only, hash-chained journal.

    Documents and entries hold what JSON holds, and also `Decimal`, NaN, infinities, bytes and numpy numbers.
    `put`, `delete` and `append` never wait for the disk; `put_now` and `append_now` are committed on return.
    All methods may be called from any thread.

    Notes
    -----
    Entries queue in order and are never dropped. When the database cannot be written, the queue grows to
    `QUEUE_ALARM` entries, from where `problems` says so, and at `QUEUE_LIMIT` `append` raises, so that nothing
    is accepted that would be lost. Documents coalesce: only the newest of each key is kept and written.

    """

    url: str
    read_only: bool = False

    def __init__(self) -> None:
        self._references = 1
        self._shared_as: str | None = None

    @classmethod
    def open(cls, url: str | Path | None, *, read_only: bool = False) -> StateStore:
        """
        Open the state at `url`, creating it when it is not there.

        Parameters
        ----------
        url
            ``sqlite:///relative``, ``sqlite:////absolute``, a path of a SQLite file,
            ``postgresql+psycopg://…``; ``None`` or ``memory://`` for a new one in memory that leaves no trace.
        read_only
            Change nothing and create nothing; what is not there is an error.

        Raises
        ------
        StateError
            When it cannot be opened, is damaged, or was written by a newer version. Nothing is overwritten.

        """
        if url is None or str(url).startswith(MEMORY):
            from nautilus_quant.host.state_memory import MemoryStore  # noqa: PLC0415

            return MemoryStore()
        from nautilus_quant.host.state_sql import SqlStore  # noqa: PLC0415 (SQLAlchemy is slow to import)

        text = str(url)
        return SqlStore(text if "://" in text else f"sqlite:///{text}", read_only=read_only)

    @property
    @abstractmethod
    def mode(self) -> str | None:
        """The mode that claimed this state, or ``None``."""

    @abstractmethod
    def claim(self, mode: str) -> None:
        """
        Say that this state belongs to `mode` from now on.

        Raises
        ------
        StateError
            When it belongs to another: paper, shadow and live never share state.

        """

    @abstractmethod
    def get(self, namespace: str, key: str) -> dict[str, Any] | None:
        """Read a document, own queued writes included; ``None`` when there is none."""

    @abstractmethod
    def documents(self, namespace: str) -> dict[str, dict[str, Any]]:
        """Read all documents of a namespace by key, own queued writes included."""

    @abstractmethod
    def put(self, namespace: str, key: str, document: Mapping[str, Any], *, ts: int) -> None:
        """Queue a document for writing; `ts` is UNIX time [ns]."""

    @abstractmethod
    def put_now(self, namespace: str, key: str, document: Mapping[str, Any], *, ts: int) -> None:
        """
        Write a document and everything queued before it; all is committed on return.

        A commit outlives the process. In the namespace ``safety`` it is synced to the disk as well, and
        outlives a power cut.

        Raises
        ------
        StateError
            When it is not committed. It stays queued, and is written if the database comes back.

        """

    @abstractmethod
    def delete(self, namespace: str, key: str) -> None:
        """Queue the removal of a document; no error when there is none."""

    @abstractmethod
    def append(self, kind: str, body: Mapping[str, Any], *, ts: int) -> None:
        """
        Queue a journal entry; `ts` is UNIX time [ns]. Leave `body` alone afterwards.

        Raises
        ------
        StateError
            When the queue is full, which means the database has not taken anything for long.

        """

    @abstractmethod
    def append_now(self, kind: str, body: Mapping[str, Any], *, ts: int) -> None:
        """Write an entry and everything queued before it; all is committed on return, or `StateError`."""

    @abstractmethod
    def entries(
        self,
        *,
        kind: str | None = None,
        order: str | None = None,
        strategy: str | None = None,
        since: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Entry]:
        """
        Read journal entries, own queued ones included.

        Parameters
        ----------
        kind, order, strategy
            Only entries of this kind, about this client order id, about this strategy id.
        since
            Only entries with ``ts >= since``, UNIX time [ns].
        limit
            At most so many.
        newest_first
            From the end of the journal; otherwise from its start.

        """

    @abstractmethod
    def verify(self) -> list[str]:
        """Check the journal's hash chain; one text per problem, empty when it is whole."""

    def check(self) -> list[str]:
        """Check the store itself, where that can be done, and the chain; one text per problem."""
        return self.verify()

    @property
    @abstractmethod
    def problems(self) -> tuple[str, ...]:
        """What is wrong with writing, as texts; empty when all is well."""

    @property
    def healthy(self) -> bool:
        """Whether what is queued gets written. A safety engine adds no risk while this is false."""
        return not self.problems

    @abstractmethod
    def flush(self, timeout: float = 5.0) -> bool:
        """Wait at most `timeout` [s] until all that was queued is committed; say whether it is."""

    def close(self) -> None:
        """Write what is queued and let go; a shared store closes with its last user."""
        with _registry_lock:
            self._references -= 1
            if self._references > 0:
                return
            if self._shared_as is not None:
                _registry.pop(self._shared_as, None)
        self._close()

    @abstractmethod
    def _close(self) -> None:
        """Flush and release; called once or more."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()


_registry: dict[str, StateStore] = {}
_registry_lock = threading.Lock()


def shared_store(url: str | Path | None) -> StateStore:
    """
    Open the state at `url` once for this process; each caller closes it once.

    ``None`` and ``memory://`` give each caller a new, empty one, so that no backtest finds another's latches;
    ``memory://name`` is shared under that name while somebody holds it.
    """
    name = None if url is None or str(url) == MEMORY else str(url)
    if name is None:
        return StateStore.open(None)
    with _registry_lock:
        store = _registry.get(name)
        if store is not None:
            store._references += 1
            return store
        store = _registry[name] = StateStore.open(name)
        store._shared_as = name
        return store
