"""What every store promises, in memory, in SQLite and in PostgreSQL."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from nautilus_quant.host.state import StateError, StateStore, shared_store
from nautilus_quant.host.statejson import NoStateError
from tests.host.postgres import postgres_server


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty state of each kind."""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres")
        name = f"db{abs(hash(request.node.name))}"
        from sqlalchemy import create_engine

        engine = create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return server.replace("/postgres", f"/{name}")
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/new/folder/state.db"


@pytest.fixture
def store(url: str) -> Iterator[StateStore]:
    with StateStore.open(url) as opened:
        yield opened


@pytest.fixture
def reopen(url: str, store: StateStore) -> Callable[[], StateStore]:
    """Look through another connection, as another process would; memory has no other."""

    def look() -> StateStore:
        return store if url == "memory://" else StateStore.open(url, read_only=True)

    return look


DOCUMENT = {"size": Decimal("1.50"), "loss": math.inf, "name": "käse", "list": [1, 2.5, None, True]}


def test_a_document_is_read_back_before_and_after_it_is_written(store: StateStore) -> None:
    assert store.get("safety", "latch") is None
    store.put("safety", "latch", DOCUMENT, ts=1)
    assert store.get("safety", "latch") == DOCUMENT
    assert store.flush()
    assert store.get("safety", "latch") == DOCUMENT


def test_the_newest_document_wins(store: StateStore) -> None:
    for i in range(5):
        store.put("a", "k", {"i": i}, ts=i)
    store.put_now("a", "k", {"i": 5}, ts=5)
    store.put("a", "k", {"i": 6}, ts=6)
    assert store.get("a", "k") == {"i": 6}
    assert store.flush()
    assert store.get("a", "k") == {"i": 6}


def test_what_is_put_is_a_copy(store: StateStore) -> None:
    document = {"list": [1]}
    store.put("a", "k", document, ts=1)
    document["list"].append(2)
    assert store.get("a", "k") == {"list": [1]}
    store.get("a", "k")["list"].append(3)
    assert store.get("a", "k") == {"list": [1]}


def test_documents_lists_one_namespace(store: StateStore) -> None:
    store.put_now("a", "y", {"v": 1}, ts=1)
    store.put("a", "x", {"v": 2}, ts=1)
    store.put("b", "x", {"v": 3}, ts=1)
    assert store.documents("a") == {"x": {"v": 2}, "y": {"v": 1}}
    assert store.documents("c") == {}
    store.delete("a", "y")
    assert store.documents("a") == {"x": {"v": 2}}


def test_a_deleted_document_is_gone(store: StateStore) -> None:
    store.put_now("a", "k", {"v": 1}, ts=1)
    store.delete("a", "k")
    store.delete("a", "never there")
    assert store.get("a", "k") is None
    assert store.flush()
    assert store.get("a", "k") is None
    assert store.documents("a") == {}


@pytest.mark.parametrize("name", ["", "a" * 201, "line\nbreak", "nul\0"])
def test_names_are_checked(store: StateStore, name: str) -> None:
    with pytest.raises(StateError, match="1 to 200 printable"):
        store.put(name, "k", {}, ts=1)
    with pytest.raises(StateError, match="1 to 200 printable"):
        store.put("a", name, {}, ts=1)


def test_times_are_checked(store: StateStore) -> None:
    with pytest.raises(StateError, match="64 bits"):
        store.put("a", "k", {}, ts=1 << 63)


def fill(store: StateStore) -> None:
    store.append("order_decision", {"order": "O-1", "strategy": "S-1", "outcome": "ALLOW"}, ts=10)
    store.append("order_decision", {"order": "O-2", "strategy": "S-2", "outcome": "DENY"}, ts=20)
    store.append_now("loss_limit", {"limits": ["daily"], "loss": Decimal("0.021")}, ts=30)
    store.append("order_decision", {"order": "O-1", "strategy": "S-1", "outcome": "DENY"}, ts=40)


def seqs(store: StateStore, **filters) -> list[int]:
    return [entry.seq for entry in store.entries(**filters)]


def test_entries_are_filtered(store: StateStore) -> None:
    fill(store)
    assert seqs(store) == [1, 2, 3, 4]
    assert seqs(store, kind="loss_limit") == [3]
    assert seqs(store, order="O-1") == [1, 4]
    assert seqs(store, strategy="S-2") == [2]
    assert seqs(store, since=20) == [2, 3, 4]
    assert seqs(store, newest_first=True) == [4, 3, 2, 1]
    assert seqs(store, limit=2) == [1, 2]
    assert seqs(store, limit=1, newest_first=True, order="O-1") == [4]
    assert seqs(store, kind="order_decision", order="O-1", strategy="S-1", since=11) == [4]
    assert seqs(store, kind="nothing") == []
    assert seqs(store, limit=0) == []


def test_an_entry_is_what_was_appended(store: StateStore) -> None:
    fill(store)
    (entry,) = store.entries(kind="loss_limit")
    assert (entry.ts, entry.kind, entry.body) == (
        30,
        "loss_limit",
        {"limits": ["daily"], "loss": Decimal("0.021")},
    )
    assert len(entry.hash) == 64


def test_the_chain_is_the_same_in_every_store(store: StateStore) -> None:
    fill(store)
    with StateStore.open(None) as other:
        fill(other)
        assert [entry.hash for entry in other.entries()] == [entry.hash for entry in store.entries()]


def test_the_chain_is_whole_while_it_grows(store: StateStore) -> None:
    assert store.verify() == []
    fill(store)
    assert store.verify() == []
    fill(store)
    assert store.check() == []
    assert seqs(store) == list(range(1, 9))


def test_what_another_process_sees(store: StateStore, reopen: Callable[[], StateStore]) -> None:
    fill(store)
    store.put_now("safety", "latch", {"state": "tripped"}, ts=50)
    with reopen() as other:
        assert other.get("safety", "latch") == {"state": "tripped"}
        assert seqs(other) == [1, 2, 3, 4]
        assert other.verify() == []


def test_a_state_belongs_to_the_mode_that_claimed_it(store: StateStore) -> None:
    assert store.mode is None
    store.claim("paper")
    store.claim("paper")
    assert store.mode == "paper"
    with pytest.raises(StateError, match=r"belongs to mode 'paper', was asked for by 'live'"):
        store.claim("live")
    assert store.mode == "paper"


def test_all_is_well_at_first(store: StateStore) -> None:
    assert store.healthy
    assert store.problems == ()
    assert store.flush()


def test_it_can_be_closed_twice(store: StateStore) -> None:
    store.put("a", "k", {"v": 1}, ts=1)
    store.close()
    store.close()


def test_memory_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with StateStore.open(None) as store:
        fill(store)
        store.put_now("safety", "latch", {}, ts=1)
    assert list(tmp_path.iterdir()) == []


def test_shared_stores_are_one_until_the_last_user_closes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = shared_store("sqlite:///state.db"), shared_store(f"sqlite:///{tmp_path}/state.db")
    assert first is second
    assert shared_store(tmp_path / "state.db") is first
    first.close()
    first.close()
    second.put_now("a", "k", {"v": 1}, ts=1)
    second.close()
    with pytest.raises(StateError, match="closed"):
        second.put("a", "k", {"v": 2}, ts=2)
    with shared_store("sqlite:///state.db") as third:
        assert third is not first
        assert third.get("a", "k") == {"v": 1}


def test_shared_memory_is_private_unless_it_has_a_name() -> None:
    assert shared_store(None) is not shared_store(None)
    assert shared_store("memory://") is not shared_store("memory://")
    one, two = shared_store("memory://rig"), shared_store("memory://rig")
    assert one is two
    one.close()
    two.close()
    assert shared_store("memory://rig") is not one


def test_importing_it_is_light() -> None:
    import subprocess
    import sys

    code = (
        "import sys, nautilus_quant.host.state as s; s.StateStore.open(None); "
        "sys.exit(any(m in sys.modules for m in ('nautilus_trader', 'sqlalchemy', 'numpy', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("url", ["sqlite", "postgresql"], indirect=True)
def test_reading_needs_a_state(url: str) -> None:
    with pytest.raises(NoStateError, match="there is no state at"):
        StateStore.open(url, read_only=True)


@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced"])
def test_a_state_file_taken_away_under_a_running_node_is_noticed(tmp_path: Path, replaced: bool) -> None:
    path = tmp_path / "state.db"
    with StateStore.open(f"sqlite:///{path}") as store:
        store.put_now("safety", "latch", {"state": "armed"}, ts=1)
        assert store.healthy
        path.rename(tmp_path / "elsewhere.db")
        if replaced:
            path.touch()
        assert not store.healthy
        assert "was removed or replaced" in store.problems[0]
        path.unlink(missing_ok=True)
        (tmp_path / "elsewhere.db").rename(path)
        assert store.healthy
