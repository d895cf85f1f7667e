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

__all__ = ["MEMORY", "Entry", "StateError", "StateStore", "document_key", "shared_store", "timestamp"]

MEMORY = "memory://"
_SQLITE = "sqlite:///"


class StateStore(ABC):
    """
    Namespaced JSON documents and an append-only, hash-chained journal.

    Documents and entries hold what JSON holds, and also `Decimal`, NaN, infinities, bytes and numpy numbers.
    `put`, `delete` and `append` never wait for the disk; `put_now` and `append_now` are committed on return.
    All methods may be called from any thread.

    Notes
    -----
    Entries queue in order and are never dropped. While the database cannot be written, `problems` says so and
    the queue grows; at `QUEUE_LIMIT` entries `append` raises, so that nothing is accepted that would be lost.
    Documents coalesce: only the newest of each key is kept and written.

    Several processes may use one database; the newest write of a document wins, and the journal never forks.

    """

    url: str
    read_only: bool = False

    @classmethod
    def open(cls, url: str | Path | None, *, read_only: bool = False) -> StateStore:
        """
        Open the state at `url`, creating it when it is not there.

        Parameters
        ----------
        url
            ``sqlite:///relative``, ``sqlite:////absolute``, a path of a SQLite file,
            ``postgresql+psycopg://…``; ``None`` or ``memory://`` for a new one in memory.
        read_only
            Change nothing and create nothing; what is not there is an error.

        Raises
        ------
        StateError
            When it cannot be opened, is damaged, or was written by a newer version. Nothing is overwritten.

        """
        if url is None or str(url).startswith(MEMORY):
            from nautilus_quant.host.state_memory import MemoryStore

            return MemoryStore()
        from nautilus_quant.host.state_sql import SqlStore  # SQLAlchemy is slow to import

        return SqlStore(str(url), read_only=read_only)

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
        with _sharing:
            users = _users.get(self, 1) - 1
            if users:
                _users[self] = users
                return
            _users.pop(self, None)
            for name in [name for name, store in _shared.items() if store is self]:
                del _shared[name]
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


_shared: dict[str, StateStore] = {}
_users: dict[StateStore, int] = {}
_sharing = threading.Lock()


def shared_store(url: str | Path | None) -> StateStore:
    """
    Open the state at `url` once for this process; each caller closes it once.

    ``None`` and ``memory://`` give each caller a new, empty one, so that no backtest finds another's latches;
    ``memory://name`` is shared under that name while somebody holds it.
    """
    if url is None or str(url) == MEMORY:
        return StateStore.open(None)
    name = _full_name(str(url))
    with _sharing:
        store = _shared.get(name)
        if store is None:
            store = _shared[name] = StateStore.open(url)
        _users[store] = _users.get(store, 0) + 1
        return store


def _full_name(url: str) -> str:
    """Give one name to all ways of writing a file's URL."""
    if "://" in url and not url.startswith(_SQLITE):
        return url
    return _SQLITE + str(Path(url.removeprefix(_SQLITE)).expanduser().absolute())


def document_key(namespace: str, key: str) -> tuple[str, str]:
    """Check the name of a document: twice 1 to 200 printable characters."""
    for name in (namespace, key):
        if not 0 < len(name) <= 200 or not name.isprintable():
            raise StateError(f"names of state documents are 1 to 200 printable characters, was {name!r:.80}")
    return namespace, key


def timestamp(ts: int) -> int:
    """Check a time, UNIX time [ns], for the 64 bits a database has."""
    if not -(1 << 63) <= ts < 1 << 63:
        raise StateError(f"a time must fit 64 bits [ns], was {ts}")
    return int(ts)
