"""The state's tables, and how a database is opened without ever harming what is in it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import BigInteger, Column, Index, MetaData, String, Table, Text, create_engine, event, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from nautilus_quant.host.statejson import NoStateError, StateError

SCHEMA = 1
"""Version of the tables; a newer one is refused."""

LOCK_WAIT = 5.0
"""How long a write waits for another process's to end [s]."""

APPLICATION_ID = 0x4E517374
"""Marks a SQLite file as ours (``PRAGMA application_id``)."""

TABLES = MetaData()
META = Table(
    "nq_meta",
    TABLES,
    Column("key", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)
DOCUMENTS = Table(
    "nq_documents",
    TABLES,
    Column("namespace", String(200), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("ts", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)
JOURNAL = Table(
    "nq_journal",
    TABLES,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("ts", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("order_id", Text, nullable=False),
    Column("strategy", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    Index("nq_journal_kind", "kind", "seq"),
    Index("nq_journal_order", "order_id"),
    Index("nq_journal_strategy", "strategy", "seq"),
    Index("nq_journal_ts", "ts"),
)


def parse_url(text: str) -> URL:
    """Read a database URL, or the path of a SQLite file; `StateError` when it is neither."""
    if text and "://" not in text:
        return URL.create("sqlite", database=text)
    try:
        url = make_url(text)
        backend = url.get_backend_name()
    except (ArgumentError, ValueError) as error:
        raise StateError(f"state URL is not one, was {text!r}: use sqlite:///var/state.db") from error
    if backend not in ("sqlite", "postgresql"):
        raise StateError(f"state is kept in sqlite or postgresql, was asked for in {backend!r}")
    if backend == "sqlite" and url.database in (None, "", ":memory:"):
        raise StateError(f"a SQLite state needs a file, was {text!r}; for none use memory://")
    return url


def sqlite_path(url: URL) -> Path | None:
    """Give the file of a SQLite URL, ``None`` for another database."""
    return Path(url.database or "").expanduser().absolute() if url.get_backend_name() == "sqlite" else None


def make_engine(url: URL, *, read_only: bool, durable: bool = False) -> Engine:
    """
    Prepare connections to `url`; nothing is opened yet.

    Parameters
    ----------
    url
        From `parse_url`.
    read_only
        Write nothing, create nothing.
    durable
        Sync each commit to the disk. Otherwise a commit survives the end of the process, however sudden, but
        a power cut may take the last ones.

    """
    path = sqlite_path(url)
    if path is None:
        return _make_server_engine(url)
    creator = _sqlite_creator(path, read_only=read_only, durable=durable)
    engine = create_engine("sqlite://", creator=creator, poolclass=QueuePool)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_server_engine(url: URL) -> Engine:
    milliseconds = int(LOCK_WAIT * 1e3)
    arguments = {"connect_timeout": int(LOCK_WAIT), "options": f"-c lock_timeout={milliseconds}"}
    try:
        return create_engine(url, pool_pre_ping=True, connect_args=arguments)
    except ModuleNotFoundError as error:
        hint = "pip install 'nt-quant[postgres]', and write postgresql+psycopg://…"
        raise StateError(f"state in PostgreSQL needs the driver {error.name}: {hint}") from error


def _sqlite_creator(path: Path, *, read_only: bool, durable: bool) -> Callable[[], sqlite3.Connection]:
    def connect() -> sqlite3.Connection:
        query = _read_only_query(path) if read_only else "mode=rwc"
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?{query}",
            uri=True,
            timeout=LOCK_WAIT,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
        except sqlite3.Error:  # the file is no database
            connection.close()
            raise
        return connection

    return connect


def _read_only_query(path: Path) -> str:
    """With no write-ahead log beside it nobody is writing, and a plain read-only opening would create one."""
    return "mode=ro" if Path(f"{path}-wal").exists() else "mode=ro&immutable=1"


def _begin_sqlite(connection: Connection) -> None:
    """Take the write lock when a writing transaction begins: two that read first would fork the chain."""
    writes = connection.get_execution_options().get("nq_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def explain(error: Exception, url: URL) -> StateError:
    """Put a database's error into words that say what to do."""
    cause = str(getattr(error, "orig", None) or error).strip()
    name = url.render_as_string(hide_password=True)
    if "malformed" in cause or "not a database" in cause:
        return StateError(
            f"state {name} is damaged or not a SQLite file ({cause}); nothing was changed. Move it away, "
            "with its -wal and -shm files, and put a backup in its place. A new, empty state knows no kill "
            "switch, no loss window and no drawdown peak: check the venue by hand before you trade on it",
        )
    return StateError(f"state {name} cannot be used: {cause}")


def prepare(engine: Engine, url: URL, *, read_only: bool) -> None:
    """Create what is missing, or raise `StateError` when what is there is not ours or is too new."""
    path = sqlite_path(url)
    if path is not None:
        _prepare_sqlite(engine, path, read_only=read_only)
    elif not read_only:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({APPLICATION_ID})")
            _create(connection)
    elif not inspect(engine).has_table(META.name):
        name = url.render_as_string(hide_password=True)
        raise NoStateError(f"there is no state at {name} yet: no node has run on it")
    _check_schema(engine)


def _prepare_sqlite(engine: Engine, path: Path, *, read_only: bool) -> None:
    if read_only and not path.exists():
        raise NoStateError(f"there is no state at {path} yet: no node has run on it")
    if not read_only:
        _make_directory(path.parent)
    with engine.connect() as connection:
        ours = connection.exec_driver_sql("PRAGMA application_id").scalar_one() == APPLICATION_ID
        tables = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
    if not ours and (tables or read_only):
        raise StateError(f"{path} is a SQLite file of something else; nothing was changed. Name another file")
    if not ours:
        _create_sqlite(engine)


def _create_sqlite(engine: Engine) -> None:
    _use_write_ahead_log(engine)
    with engine.execution_options(nq_write=True).begin() as connection:
        _create(connection)
        connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION_ID}")


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(f"the directory for the state cannot be created: {error}") from error


def _use_write_ahead_log(engine: Engine) -> None:
    """Make readers independent of writers. SQLite itself does not always wait here for another process."""
    deadline = time.monotonic() + LOCK_WAIT
    connection = engine.raw_connection()
    try:
        while not _is_write_ahead(connection.cursor()):
            if time.monotonic() > deadline:
                raise sqlite3.OperationalError("database is locked")
            time.sleep(0.01)
    finally:
        connection.close()


def _is_write_ahead(cursor: DBAPICursor) -> bool:
    try:
        cursor.execute("PRAGMA journal_mode=WAL")
        answer = cursor.fetchone()
        return answer is not None and answer[0] == "wal"
    except sqlite3.OperationalError:
        return False
    finally:
        cursor.close()


def _create(connection: Connection) -> None:
    TABLES.create_all(connection)
    for key, value in (("schema", str(SCHEMA)), ("head", "")):
        insert = insert_into(connection, META).on_conflict_do_nothing()
        connection.execute(insert, {"key": key, "value": value})


def insert_into(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Start an INSERT which understands ON CONFLICT, in the connection's dialect."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def _check_schema(engine: Engine) -> None:
    with engine.connect() as connection:
        found = connection.execute(META.select().where(META.c.key == "schema")).one().value
    if int(found) > SCHEMA:
        hint = f"this version knows schema {SCHEMA}: upgrade it"
        raise StateError(f"state was written by a newer version, was schema {found}; {hint}")
