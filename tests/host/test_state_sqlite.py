"""SQLite files: made where they are asked for, never harmed, believed only when whole."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.host import state_database
from nautilus_quant.host.state import StateError, StateStore
from nautilus_quant.host.statejson import NoStateError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A state with a claim, a latch and five entries."""
    file = tmp_path / "state.db"
    make(file)
    return file


def make(file: Path) -> None:
    with StateStore.open(file) as store:
        store.claim("paper")
        for i in range(5):
            store.append("order_decision", {"order": f"O-{i}", "strategy": "S-1"}, ts=100 + i)
        store.put_now("safety", "latch", {"state": "halted"}, ts=200)


@contextmanager
def raw(file: Path) -> Iterator[sqlite3.Connection]:
    """Write into the file behind the store's back."""
    with closing(sqlite3.connect(file)) as connection, connection:
        yield connection


def verify(file: Path) -> list[str]:
    with StateStore.open(file, read_only=True) as store:
        return store.verify()


def test_folders_are_made(tmp_path: Path) -> None:
    with StateStore.open(f"sqlite:///{tmp_path}/a/b/state.db") as store:
        store.put_now("a", "k", {"v": 1}, ts=1)
    assert (tmp_path / "a/b/state.db").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="directory for the state cannot be created"):
        StateStore.open(tmp_path / "file" / "state.db")


def test_odd_names_are_names(tmp_path: Path) -> None:
    with StateStore.open(tmp_path / "50% of #1?.db") as store:
        store.put_now("a", "k", {"v": 1}, ts=1)
    assert (tmp_path / "50% of #1?.db").exists()


def test_the_file_is_in_wal_mode(path: Path) -> None:
    with raw(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_filters_use_an_index(path: Path) -> None:
    with raw(path) as connection:
        for filters in ("order_id = ''", "strategy = '' ORDER BY seq", "kind = '' ORDER BY seq", "ts >= 5"):
            plan = connection.execute(
                f"EXPLAIN QUERY PLAN SELECT * FROM nq_journal WHERE {filters}"
            ).fetchall()
            assert "USING INDEX nq_journal_" in str(plan)


def test_all_is_there_after_opening_again(path: Path) -> None:
    with StateStore.open(path) as store:
        assert store.mode == "paper"
        assert store.get("safety", "latch") == {"state": "halted"}
        assert [entry.order for entry in store.entries()] == [f"O-{i}" for i in range(5)]
        store.append("lifecycle", {}, ts=300)
        assert store.verify() == []


def test_reading_needs_a_state_and_makes_none(tmp_path: Path) -> None:
    with pytest.raises(NoStateError, match="no node has run"):
        StateStore.open(tmp_path / "a" / "state.db", read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_reading_changes_and_creates_nothing(path: Path) -> None:
    before = path.read_bytes()
    with StateStore.open(path, read_only=True) as store:
        assert store.get("safety", "latch") == {"state": "halted"}
        assert store.check() == []
        assert store.flush()
        store.claim("paper")
        with pytest.raises(StateError, match="belongs to mode 'paper'"):
            store.claim("live")
        for write in (
            lambda: store.put("a", "k", {}, ts=1),
            lambda: store.put_now("a", "k", {}, ts=1),
            lambda: store.delete("a", "k"),
            lambda: store.append("k", {}, ts=1),
            lambda: store.append_now("k", {}, ts=1),
        ):
            with pytest.raises(StateError, match="reading only"):
                write()
        assert store.problems == ()
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["state.db"]


def test_reading_beside_a_writer_sees_what_is_committed(path: Path) -> None:
    with StateStore.open(path) as writer, StateStore.open(path, read_only=True) as reader:
        writer.put_now("safety", "latch", {"state": "armed"}, ts=300)
        assert reader.get("safety", "latch") == {"state": "armed"}
        writer.append_now("lifecycle", {}, ts=301)
        assert len(reader.entries()) == 6


@pytest.mark.parametrize(
    "content", [b"this is no database at all, " * 50, b"SQLite format 3\0" + b"\xff" * 4096]
)
@pytest.mark.parametrize("read_only", [False, True])
def test_a_damaged_file_is_explained_and_left_alone(tmp_path: Path, content: bytes, read_only: bool) -> None:
    file = tmp_path / "state.db"
    file.write_bytes(content)
    with pytest.raises(StateError, match=r"damaged.*nothing was changed.*backup"):
        StateStore.open(file, read_only=read_only)
    assert file.read_bytes() == content


def test_a_page_damaged_later_is_found(path: Path) -> None:
    with raw(path) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("VACUUM")
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name='nq_journal'").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    content = bytearray(path.read_bytes())
    content[(page - 1) * size : page * size] = b"\xee" * size
    path.write_bytes(content)
    with StateStore.open(path, read_only=True) as store:
        with pytest.raises(StateError, match="damaged"):
            store.entries()
        with pytest.raises(StateError, match="damaged"):
            store.check()


def test_a_damaged_index_is_found_by_the_check(path: Path) -> None:
    with raw(path) as connection:
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name='nq_journal_ts'").fetchone()[
            0
        ]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        connection.execute("PRAGMA journal_mode=DELETE")
    content = bytearray(path.read_bytes())
    content[(page - 1) * size + 8 : page * size] = bytes(size - 8)
    path.write_bytes(content)
    with StateStore.open(path, read_only=True) as store:
        assert any(problem.startswith("damaged file") for problem in store.check())


def test_somebody_elses_database_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with raw(file) as connection:
        connection.execute("CREATE TABLE songs (title)")
    for read_only in (False, True):
        with pytest.raises(StateError, match="something else"):
            StateStore.open(file, read_only=read_only)
    with raw(file) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("songs",)]


def test_an_empty_file_is_a_new_state_but_not_for_reading(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    file.touch()
    with pytest.raises(StateError, match="something else"):
        StateStore.open(file, read_only=True)
    make(file)
    assert verify(file) == []


def test_a_newer_schema_is_refused(path: Path) -> None:
    with raw(path) as connection:
        connection.execute("UPDATE nq_meta SET value='2' WHERE key='schema'")
    with pytest.raises(StateError, match="newer version, was schema 2"):
        StateStore.open(path)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://host/db", "sqlite or postgresql"),
        ("nonsense://", "sqlite or postgresql"),
        ("://", "is not one"),
        ("", "is not one"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
    ],
)
def test_other_urls_are_refused(url: str, said: str) -> None:
    with pytest.raises(StateError, match=said):
        StateStore.open(url)


def test_passwords_are_not_told() -> None:
    with pytest.raises(StateError) as refused:
        StateStore.open("postgresql+psycopg://nq:hunter2@127.0.0.1:1/none")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("text", ["{", '{"$decimal":"x"}', "[1]", '"text"'])
def test_a_document_edited_by_hand_is_refused(path: Path, text: str) -> None:
    with raw(path) as connection:
        connection.execute("UPDATE nq_documents SET body=?", (text,))
    with StateStore.open(path, read_only=True) as store:
        with pytest.raises(StateError, match="safety/latch"):
            store.get("safety", "latch")
        with pytest.raises(StateError, match="safety/latch"):
            store.documents("safety")


COLUMNS = ("ts", "kind", "order_id", "strategy", "body", "hash")


@given(seq=st.integers(1, 5), column=st.sampled_from(COLUMNS))
def test_an_edited_row_shows(tmp_path_factory: pytest.TempPathFactory, seq: int, column: str) -> None:
    file = tmp_path_factory.mktemp("edit") / "state.db"
    make(file)
    with raw(file) as connection:
        connection.execute(f"UPDATE nq_journal SET {column} = {column} || '1' WHERE seq = ?", (seq,))
    assert verify(file)


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM nq_journal WHERE seq = 3",
        "DELETE FROM nq_journal WHERE seq = 1",
        "DELETE FROM nq_journal WHERE seq >= 4",
        "DELETE FROM nq_journal",
        "UPDATE nq_journal SET seq = seq + 100 WHERE seq >= 3",
        "UPDATE nq_journal SET seq = CASE seq WHEN 2 THEN -1 WHEN 3 THEN 2 END WHERE seq IN (2, 3)",
        "INSERT INTO nq_journal SELECT 6, ts, kind, '', '', body, hash FROM nq_journal WHERE seq = 5",
    ],
)
def test_deleted_moved_and_added_rows_show(path: Path, change: str) -> None:
    with raw(path) as connection:
        connection.execute(change)
    assert verify(path)


def test_making_it_waits_for_another_process_but_not_for_ever(tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "state.db"
    monkeypatch.setattr(state_database, "LOCK_WAIT", 0.05)
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StateError, match="locked"):
            StateStore.open(file)


def test_making_it_waits_for_a_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "state.db"
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM sqlite_master").fetchall()
        with monkeypatch.context() as patch:
            patch.setattr(state_database, "LOCK_WAIT", 0.05)
            with pytest.raises(StateError, match="locked"):
                StateStore.open(file)
        timer = threading.Timer(0.2, other.execute, ["ROLLBACK"])
        timer.start()
        make(file)
        timer.join()
    assert verify(file) == []


def test_a_missing_driver_is_named() -> None:
    with pytest.raises(StateError, match=r"driver pg8000: pip install 'nt-quant\[postgres\]'"):
        StateStore.open("postgresql+pg8000://127.0.0.1/none")
