"""When the database takes nothing: nothing accepted is lost, and everybody is told."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from nautilus_quant.host import state_database, state_outbox, state_writer
from nautilus_quant.host.journal import Note
from nautilus_quant.host.state import StateError, StateStore
from nautilus_quant.host.state_outbox import Batch, Outbox, Write
from nautilus_quant.host.state_writer import Writer


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_database, "LOCK_WAIT", 0.05)
    monkeypatch.setattr(state_writer, "RETRY", 0.01)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file's write lock, as a backup program or a stuck process may."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def wait_for(condition) -> None:
    done = threading.Event()
    for _ in range(500):
        if condition():
            return
        done.wait(0.02)
    pytest.fail("it did not happen within 10 s")


def test_a_locked_file_raises_the_alarm_and_loses_nothing(path: Path) -> None:
    with StateStore.open(path) as store:
        with locked(path):
            store.append("order_decision", {"order": "O-1"}, ts=1)
            wait_for(lambda: not store.healthy)
            assert "database is locked" in store.problems[0]
            assert not store.flush(0.01)
            with pytest.raises(StateError, match="database is locked"):
                store.put_now("safety", "latch", {"state": "tripped"}, ts=2)
            with pytest.raises(StateError, match="database is locked"):
                store.append_now("kill_switch", {}, ts=3)
            assert store.get("safety", "latch") == {"state": "tripped"}
            with pytest.raises(StateError, match="database is locked"):
                store.entries()
        wait_for(lambda: store.healthy)
        assert store.flush(10)
        assert [entry.kind for entry in store.entries()] == ["order_decision", "kill_switch"]
        assert store.verify() == []
    with StateStore.open(path, read_only=True) as store:
        assert store.get("safety", "latch") == {"state": "tripped"}


def test_a_full_queue_refuses_rather_than_forgets(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_outbox, "QUEUE_LIMIT", 20)
    monkeypatch.setattr(state_writer, "QUEUE_ALARM", 10)
    with StateStore.open(path) as store:
        with locked(path):
            for i in range(20):
                store.append("order_decision", {"order": f"O-{i}"}, ts=i)
            assert any("20 journal entries wait" in problem for problem in store.problems)
            with pytest.raises(StateError, match=r"queue is full: 20 entries wait.*refused"):
                store.append("order_decision", {"order": "O-20"}, ts=20)
            for i in range(100):  # documents need no more room than their keys
                store.put("a", "k", {"i": i}, ts=i)
        assert store.flush(10)
        assert [entry.order for entry in store.entries()] == [f"O-{i}" for i in range(20)]
        assert store.get("a", "k") == {"i": 99}


def test_what_cannot_be_written_at_the_end_is_taken_in_at_the_next_start(path: Path) -> None:
    store = StateStore.open(path)
    store.put_now("safety", "old", {"v": 0}, ts=1)
    with locked(path):
        store.append("kill_switch", {"order": "O-1"}, ts=5)
        store.put("safety", "latch", {"state": "tripped"}, ts=6)
        store.put("safety", "stale", {"v": "older"}, ts=7)
        store.delete("safety", "old")
        with pytest.raises(StateError, match=r"locked.*unsaved-.*read at the next start"):
            store.close()
    (left,) = path.parent.glob("*.unsaved-*.json")
    with sqlite3.connect(path) as raw:  # somebody wrote a newer one meanwhile
        raw.execute("INSERT INTO nq_documents VALUES ('safety', 'stale', 8, '{\"v\":\"newer\"}')")
    raw.close()
    with StateStore.open(path, read_only=True) as reader:
        assert reader.get("safety", "latch") is None
    with locked(path), pytest.raises(StateError, match="locked"):
        StateStore.open(path)
    assert left.exists()  # it waits for a better day
    with StateStore.open(path) as store:
        assert store.get("safety", "latch") == {"state": "tripped"}
        assert store.get("safety", "stale") == {"v": "newer"}
        assert [(entry.kind, entry.order) for entry in store.entries()] == [("kill_switch", "O-1")]
        assert store.verify() == []
    assert not left.exists()
    with StateStore.open(path) as store:  # only once
        assert len(store.entries()) == 1


def test_when_not_even_a_file_can_be_written_the_error_holds_everything(path: Path, monkeypatch) -> None:
    store = StateStore.open(path)
    with locked(path):
        store.append("kill_switch", {"order": "O-77"}, ts=5)

        def full(*_args, **_kwargs):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_text", full)
        with pytest.raises(StateError, match=r"No space left.*O-77"):
            store.close()


def test_what_another_process_takes_in_is_left_to_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    StateStore.open(path).close()
    left = path.with_name("state.db.unsaved-1.json")
    left.write_text('{"documents":[],"entries":[[1,"k",{}]]}')

    def too_late(self: Path, _target: Path) -> None:
        raise FileNotFoundError(self)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", too_late)
        with StateStore.open(path) as store:
            assert store.entries() == []
    with StateStore.open(path) as store:
        assert [entry.kind for entry in store.entries()] == ["k"]


def test_an_answer_that_was_lost_does_not_double_entries(path: Path) -> None:
    """The connection broke after the commit: the batch comes back, and must be recognised."""
    with StateStore.open(path) as store:
        notes = [Note(i, "k", {"order": f"O-{i}"}) for i in range(3)]
        store._commit(Batch({}, notes[:2]), False)
        head = store.entries()[-1].hash
        store._attempted = store._attempted._replace(seq=2, hash=head)  # as it stood before the answer came
        store._commit(Batch({}, notes), False)
        assert [entry.order for entry in store.entries()] == ["O-0", "O-1", "O-2"]
        store._attempted = store._attempted._replace(seq=1, hash=store.entries()[-1].hash)
        store._commit(Batch({}, notes[2:]), False)
        assert len(store.entries()) == 3
        store._attempted = store._attempted._replace(seq=1, hash="never written")
        store._commit(Batch({}, notes[:1]), False)
        assert len(store.entries()) == 4
        assert store.verify() == []


def test_many_entries_go_in_several_transactions(path: Path) -> None:
    with StateStore.open(path) as store:
        for i in range(2 * state_outbox.BATCH + 5):
            store.append("order_decision", {"order": f"O-{i}"}, ts=i)
        assert store.flush(30)
        assert len(store.entries()) == 2 * state_outbox.BATCH + 5
        assert store.verify() == []


def test_any_thread_may_append(path: Path) -> None:
    with StateStore.open(path) as store:

        def work(name: int) -> None:
            for i in range(100):
                (store.append_now if i % 10 == 0 else store.append)("k", {"order": f"{name}-{i}"}, ts=i)

        threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        orders = [entry.order for entry in store.entries()]
        assert store.verify() == []
    for name in range(4):
        assert [order for order in orders if order.startswith(f"{name}-")] == [
            f"{name}-{i}" for i in range(100)
        ]


# --- the parts


def test_an_outbox_gives_back_in_order_and_newer_documents_win() -> None:
    outbox = Outbox()
    first, second = Note(1, "k", {"n": 1}), Note(2, "k", {"n": 2})
    outbox.append(first)
    outbox.put(("a", "k"), Write("old", 1))
    outbox.put(("a", "other"), Write("x", 1))
    batch = outbox.take()
    assert (batch.notes, len(outbox), outbox.notes) == ([first], 3, 1)
    outbox.append(second)
    outbox.put(("a", "k"), Write("new", 2))
    assert outbox.find(("a", "k")) == Write("new", 2)
    assert outbox.find(("a", "other")) == Write("x", 1)  # on its way still counts
    assert outbox.documents("a") == {"k": Write("new", 2), "other": Write("x", 1)}
    outbox.give_back()
    again = outbox.take()
    assert again.notes == [first, second]
    assert again.documents == {("a", "k"): Write("new", 2), ("a", "other"): Write("x", 1)}
    outbox.done()
    assert len(outbox) == 0
    assert outbox.wait_empty(0)


def test_a_writer_that_waits_too_long_for_its_turn_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_writer, "PATIENCE", 0.05)
    outbox, entered, leave = Outbox(), threading.Event(), threading.Event()

    def slow(_batch: Batch, _durable: bool) -> None:
        entered.set()
        leave.wait(10)

    writer = Writer(outbox, slow)
    outbox.put(("a", "k"), Write("{}", 1))
    writer.wake()
    entered.wait(10)
    with pytest.raises(StateError, match="has not ended"):
        writer.drain()
    leave.set()
    assert outbox.wait_empty(10)
    writer.stop()


def test_a_writer_lives_through_any_error() -> None:
    outbox, failures = Outbox(), [RuntimeError("odd")]

    def commit(_batch: Batch, _durable: bool) -> None:
        if failures:
            raise failures.pop()

    writer = Writer(outbox, commit)
    outbox.put(("a", "k"), Write("{}", 1))
    writer.wake()
    assert outbox.wait_empty(10)
    assert writer.problems == ()
    writer.stop()
    assert writer.problems == ()


def test_a_dead_writer_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Writer, "_run", lambda self: None)
    writer = Writer(Outbox(), lambda _batch, _durable: None)
    writer._thread.join()
    assert writer.problems == ("the thread that writes the state has died",)
