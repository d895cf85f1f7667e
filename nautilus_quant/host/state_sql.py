"""State in SQLite or PostgreSQL."""

from __future__ import annotations

import atexit
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, override

from sqlalchemy import Select, delete, select, update
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from nautilus_quant.host.journal import Draft, Entry, Head, Note, Row, chain, check_chain
from nautilus_quant.host.state import StateStore, document_key, timestamp
from nautilus_quant.host.state_database import (
    DOCUMENTS,
    JOURNAL,
    META,
    explain,
    insert_into,
    make_engine,
    parse_url,
    prepare,
    sqlite_path,
)
from nautilus_quant.host.state_outbox import QUEUE_LIMIT, Batch, Key, Outbox, Write
from nautilus_quant.host.state_rescue import rescue, take_in
from nautilus_quant.host.state_writer import Writer
from nautilus_quant.host.statejson import StateError, decode, encode

DURABLE = frozenset({"safety"})
"""Namespaces whose `put_now` survives a power cut too, at the price of a disk sync."""


class SqlStore(StateStore):
    """
    A store in a database, which several processes may use at once.

    Parameters
    ----------
    url
        SQLAlchemy URL.
    read_only
        Change and create nothing.

    """

    def __init__(self, url: str, *, read_only: bool = False) -> None:
        self._parsed = parse_url(url)
        self.url = self._parsed.render_as_string(hide_password=True)
        self.read_only = read_only
        self._engine = make_engine(self._parsed, read_only=read_only)
        self._durable: Engine | None = None
        self._outbox = Outbox()
        self._attempted = Head()
        self._writer: Writer | None = None
        self._inode: int | None = None
        try:
            self._start()
        except BaseException:
            self._abandon()
            raise
        atexit.register(self._close)

    def _start(self) -> None:
        with self._explained():
            prepare(self._engine, self._parsed, read_only=self.read_only)
        if not self.read_only:
            self._writer = Writer(self._outbox, self._commit)
            take_in(self._parsed, self._take_in)
            self._inode = _inode_of(self._parsed)

    def _abandon(self) -> None:
        if self._writer is not None:
            self._writer.stop()
        self._dispose()

    def _dispose(self) -> None:
        for engine in (self._engine, self._durable):
            if engine is not None:
                engine.dispose()

    # --- documents

    @property
    @override
    def mode(self) -> str | None:
        with self._reading() as connection:
            return connection.execute(select(META.c.value).where(META.c.key == "mode")).scalar()

    @override
    def claim(self, mode: str) -> None:
        if not self.read_only:
            self._claim_if_free(mode)
        found = self.mode
        if found != mode:
            raise StateError(
                f"state {self.url} belongs to mode {found!r}, was asked for by {mode!r}: "
                "modes never share state, name another file",
            )

    @override
    def get(self, namespace: str, key: str) -> dict[str, Any] | None:
        queued = self._outbox.find((namespace, key))
        if queued is not None:
            return None if queued.text is None else decode(queued.text)
        query = select(DOCUMENTS.c.body).where(DOCUMENTS.c.namespace == namespace, DOCUMENTS.c.key == key)
        with self._reading() as connection:
            text = connection.execute(query).scalar()
        return None if text is None else _document(namespace, key, text)

    @override
    def documents(self, namespace: str) -> dict[str, dict[str, Any]]:
        queued = self._outbox.documents(namespace)
        query = select(DOCUMENTS.c.key, DOCUMENTS.c.body).where(DOCUMENTS.c.namespace == namespace)
        with self._reading() as connection:
            texts: dict[str, str | None] = {row.key: row.body for row in connection.execute(query)}
        texts |= {key: write.text for key, write in queued.items()}
        return {
            key: _document(namespace, key, text) for key, text in sorted(texts.items()) if text is not None
        }

    @override
    def put(self, namespace: str, key: str, document: Mapping[str, Any], *, ts: int) -> None:
        self._queue((namespace, key), Write(encode(dict(document)), timestamp(ts)))

    @override
    def put_now(self, namespace: str, key: str, document: Mapping[str, Any], *, ts: int) -> None:
        self.put(namespace, key, document, ts=ts)
        self._open_writer().drain(durable=namespace in DURABLE)

    @override
    def delete(self, namespace: str, key: str) -> None:
        self._queue((namespace, key), Write(None, 0))

    # --- journal

    @override
    def append(self, kind: str, body: Mapping[str, Any], *, ts: int) -> None:
        writer = self._open_writer()
        self._outbox.append(Note(timestamp(ts), kind, body))
        writer.wake()

    @override
    def append_now(self, kind: str, body: Mapping[str, Any], *, ts: int) -> None:
        self.append(kind, body, ts=ts)
        self._open_writer().drain()

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
        query = select(JOURNAL).order_by(JOURNAL.c.seq.desc() if newest_first else JOURNAL.c.seq).limit(limit)
        for column, wanted in (
            (JOURNAL.c.kind, kind),
            (JOURNAL.c.order_id, order),
            (JOURNAL.c.strategy, strategy),
        ):
            if wanted is not None:
                query = query.where(column == wanted)
        if since is not None:
            query = query.where(JOURNAL.c.ts >= since)
        return [row.entry() for row in self._rows(query)]

    @override
    def verify(self) -> list[str]:
        self._settle()
        with self._reading() as connection:
            rows = connection.execution_options(yield_per=1000).execute(
                select(JOURNAL).order_by(JOURNAL.c.seq)
            )
            return check_chain((Row(*row) for row in rows), _head(connection))

    @override
    def check(self) -> list[str]:
        problems = [] if sqlite_path(self._parsed) is None else self._check_pages()
        return problems + self.verify()

    # --- writing

    @property
    @override
    def problems(self) -> tuple[str, ...]:
        gone = self._missing()
        return gone if self._writer is None else (*gone, *self._writer.problems)

    def _missing(self) -> tuple[str, ...]:
        """Notice a file that was removed or replaced: SQLite would go on writing where nobody looks again."""
        if self._inode is None or self._inode == _inode_of(self._parsed):
            return ()
        return (f"the state file {sqlite_path(self._parsed)} was removed or replaced while it was in use",)

    @override
    def flush(self, timeout: float = 5.0) -> bool:
        if self._writer is not None:
            self._writer.wake()
        return self._outbox.wait_empty(timeout)

    @override
    def _close(self) -> None:
        atexit.unregister(self._close)
        writer, self._writer = self._writer, None
        try:
            if writer is not None:
                self._stop(writer)
        finally:
            self._dispose()

    def _stop(self, writer: Writer) -> None:
        writer.stop()
        try:
            writer.drain()
        except StateError as error:
            path = rescue(self._parsed, self._outbox.take(QUEUE_LIMIT))
            raise StateError(f"{error}. What was left is in {path} and is read at the next start") from error

    def _take_in(self, batch: Batch) -> None:
        writer = self._open_writer()
        for note in batch.notes:
            self._outbox.append(note)
        for key, write in batch.documents.items():
            if not self._is_newer(key, write.ts):
                self._outbox.put(key, write)
        writer.drain(durable=True)

    def _is_newer(self, key: Key, ts: int) -> bool:
        query = select(DOCUMENTS.c.ts).where(DOCUMENTS.c.namespace == key[0], DOCUMENTS.c.key == key[1])
        with self._reading() as connection:
            stored = connection.execute(query).scalar()
        return stored is not None and stored > ts

    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise StateError(f"state {self.url} is {'open for reading only' if self.read_only else 'closed'}")
        return self._writer

    def _queue(self, key: Key, write: Write) -> None:
        writer = self._open_writer()
        self._outbox.put(document_key(*key), write)
        writer.wake()

    def _settle(self) -> None:
        """Write what is queued, so that a reader sees it."""
        if self._writer is not None:
            self._writer.drain()

    def _commit(self, batch: Batch, durable: bool) -> None:
        with self._writing(durable=durable) as connection:
            head = _head(connection, lock=True)  # all writers of all processes stand in a row here
            rows = chain(head, self._not_yet_written(connection, batch.notes))
            _write_documents(connection, batch)
            if rows:
                self._attempted = Head(len(batch.notes), rows[-1].hash)
                connection.execute(JOURNAL.insert(), [_columns(row) for row in rows])
                _set_head(connection, Head(rows[-1].seq, rows[-1].hash))
        self._attempted = Head()

    def _not_yet_written(self, connection: Connection, notes: list[Note]) -> Iterator[Draft]:
        """Skip what a transaction whose answer was lost has written after all."""
        count, last = self._attempted
        if count and connection.execute(select(JOURNAL.c.seq).where(JOURNAL.c.hash == last)).scalar() is None:
            count = 0
        return (note.draft() for note in notes[count:])

    def _claim_if_free(self, mode: str) -> None:
        with self._writing(durable=True) as connection:
            insert = insert_into(connection, META).on_conflict_do_nothing()
            connection.execute(insert, {"key": "mode", "value": mode})

    # --- connections

    def _rows(self, query: Select[Any]) -> list[Row]:
        self._settle()
        with self._reading() as connection:
            return [Row(*row) for row in connection.execute(query)]

    def _check_pages(self) -> list[str]:
        with self._reading() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(5)").scalars().all()
        return [f"damaged file: {text}" for text in found if text != "ok"]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise explain(error, self._parsed) from error

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._explained(), self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection

    @contextmanager
    def _writing(self, *, durable: bool) -> Iterator[Connection]:
        if durable and self._durable is None:
            self._durable = make_engine(self._parsed, read_only=False, durable=True)
        engine = self._durable if durable and self._durable is not None else self._engine
        with self._explained(), engine.execution_options(nq_write=True).begin() as connection:
            yield connection


def _document(namespace: str, key: str, text: str) -> dict[str, Any]:
    try:
        document = decode(text)
    except (ValueError, ArithmeticError, TypeError) as error:
        raise StateError(
            f"state document {namespace}/{key} is damaged ({error}), was {text!r:.80}"
        ) from error
    if not isinstance(document, dict):
        raise StateError(f"state document {namespace}/{key} must be a mapping, was {text!r:.80}")
    return document


def _head(connection: Connection, *, lock: bool = False) -> Head:
    query = select(META.c.value).where(META.c.key == "head")
    text = connection.execute(query.with_for_update() if lock else query).scalar_one()
    if not text:
        return Head()
    seq, _, last = text.partition(" ")
    return Head(int(seq), last)


def _set_head(connection: Connection, head: Head) -> None:
    connection.execute(update(META).where(META.c.key == "head").values(value=f"{head.seq} {head.hash}"))


def _columns(row: Row) -> dict[str, Any]:
    return dict(zip(JOURNAL.columns.keys(), row, strict=True))


def _write_documents(connection: Connection, batch: Batch) -> None:
    rows = []
    for (namespace, key), write in batch.documents.items():
        if write.text is None:
            name = (DOCUMENTS.c.namespace == namespace, DOCUMENTS.c.key == key)
            connection.execute(delete(DOCUMENTS).where(*name))
        else:
            rows.append({"namespace": namespace, "key": key, "ts": write.ts, "body": write.text})
    if rows:
        insert = insert_into(connection, DOCUMENTS)
        upsert = insert.on_conflict_do_update(
            index_elements=["namespace", "key"],
            set_={"ts": insert.excluded.ts, "body": insert.excluded.body},
        )
        connection.execute(upsert, rows)


def _inode_of(url: URL) -> int | None:
    """Return what tells a state file from another of its name; ``None`` when it is gone, or is no file."""
    path = sqlite_path(url)
    try:
        return None if path is None else path.stat().st_ino
    except OSError:
        return None
