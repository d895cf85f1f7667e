"""State of a backtest: in memory, quick, gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, override

from nautilus_quant.host.journal import Draft, Entry, Head, Note, Row, chain, check_chain
from nautilus_quant.host.state import MEMORY, StateStore, document_key, timestamp
from nautilus_quant.host.statejson import StateError, decode, encode


class MemoryStore(StateStore):
    """A store without a disk; entries are encoded and hashed only when somebody reads them."""

    url = MEMORY

    def __init__(self) -> None:
        self._mode: str | None = None
        self._documents: dict[tuple[str, str], str] = {}
        self._raw: list[tuple[int, str, Mapping[str, Any]]] = []
        self._rows: list[Row] = []

    @property
    @override
    def mode(self) -> str | None:
        return self._mode

    @override
    def claim(self, mode: str) -> None:
        if self._mode not in (None, mode):
            raise StateError(f"this state belongs to mode {self._mode!r}, was asked for by {mode!r}")
        self._mode = mode

    @override
    def get(self, namespace: str, key: str) -> dict[str, Any] | None:
        text = self._documents.get((namespace, key))
        return None if text is None else decode(text)

    @override
    def documents(self, namespace: str) -> dict[str, dict[str, Any]]:
        found = sorted(item for item in self._documents.items() if item[0][0] == namespace)
        return {key: decode(text) for (_, key), text in found}

    @override
    def put(self, namespace: str, key: str, document: Mapping[str, Any], *, ts: int) -> None:
        timestamp(ts)
        self._documents[document_key(namespace, key)] = encode(dict(document))

    @override
    def put_now(self, namespace: str, key: str, document: Mapping[str, Any], *, ts: int) -> None:
        self.put(namespace, key, document, ts=ts)

    @override
    def delete(self, namespace: str, key: str) -> None:
        self._documents.pop((namespace, key), None)

    @override
    def append(self, kind: str, body: Mapping[str, Any], *, ts: int) -> None:
        self._raw.append((ts, kind, body))

    @override
    def append_now(self, kind: str, body: Mapping[str, Any], *, ts: int) -> None:
        self._raw.append((ts, kind, body))

    @override
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
        rows = self._chained()
        found: list[Entry] = []
        for row in reversed(rows) if newest_first else rows:
            if limit is not None and len(found) >= limit:
                break
            if _matches(row, kind, order, strategy, since):
                found.append(row.entry())
        return found

    @override
    def verify(self) -> list[str]:
        rows = self._chained()
        head = Head(rows[-1].seq, rows[-1].hash) if rows else Head()
        return check_chain(rows, head)

    @property
    @override
    def problems(self) -> tuple[str, ...]:
        return ()

    @override
    def flush(self, timeout: float = 5.0) -> bool:
        return True

    @override
    def _close(self) -> None:
        """Nothing to let go: what was kept can still be read."""

    def _chained(self) -> list[Row]:
        rows = self._rows
        head = Head(rows[-1].seq, rows[-1].hash) if rows else Head()
        rows += chain(head, self._drafts(len(rows)))
        return rows

    def _drafts(self, start: int) -> Iterator[Draft]:
        for ts, kind, body in self._raw[start:]:
            yield Note(ts, kind, body).draft()


def _matches(row: Row, kind: str | None, order: str | None, strategy: str | None, since: int | None) -> bool:
    return (
        (kind is None or row.kind == kind)
        and (order is None or row.order == order)
        and (strategy is None or row.strategy == strategy)
        and (since is None or row.ts >= since)
    )
