"""What a book of expiring options finds again after a restart."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from nautilus_quant.host.expiry_memory import ExpiryMemory
from nautilus_quant.host.state import StateError, shared_store

DAY = 86_400_000_000_000


class Log:
    """Keeps what is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def error(self, text: str) -> None:
        self.told.append(text)

    warning = error


def position(name: str = "A-S-001", instrument: str = "A.SIM", *, long: bool = True) -> Any:
    def value(text: str) -> Any:
        return SimpleNamespace(value=text)

    return SimpleNamespace(
        id=value(name), instrument_id=value(instrument), strategy_id=value("S-001"), is_long=long
    )


def kept(instrument: str = "A.SIM", *, long: bool = True) -> dict[str, Any]:
    return {"instrument": instrument, "long": long, "plan": None}


def memory(url: str | None, log: Any = None) -> ExpiryMemory:
    return ExpiryMemory("book", url, log or Log())


def test_what_was_kept_is_found_once() -> None:
    with shared_store("memory://expiry-memory-once"):
        memory("memory://expiry-memory-once").save(position(), kept(), 1)
        again = memory("memory://expiry-memory-once")
        assert again.recall(position(), ()) == kept()
        assert again.recall(position(), ()) is None
        assert memory("memory://other").recall(position(), ()) is None


def test_a_venue_may_give_a_position_another_id() -> None:
    url = "memory://expiry-memory-renamed"
    with shared_store(url) as store:
        first = memory(url)
        first.save(position(), kept(), 1)
        first.save(position("B-S-001", "B.SIM"), kept("B.SIM"), 1)
        external = position("A-EXTERNAL")
        assert memory(url).recall(position("A-EXTERNAL", long=False), ()) is None  # the other side
        assert memory(url).recall(external, ("A-S-001",)) is None  # its owner is still there
        assert memory(url).recall(external, ()) == kept()
        assert sorted(store.documents("expiry")) == ["book|B-S-001"]


def test_two_that_fit_are_none() -> None:
    url = "memory://expiry-memory-two"
    with shared_store(url):
        first = memory(url)
        first.save(position(), kept(), 1)
        first.save(position("A-T-002"), kept(), 1)
        assert memory(url).recall(position("A-EXTERNAL"), ()) is None


def test_what_is_left_over_is_told_and_forgotten() -> None:
    url = "memory://expiry-memory-left"
    with shared_store(url) as store:
        memory(url).save(position(), kept(), 1)
        again = memory(url)
        assert again.left_over() == {"A-S-001": kept()}
        assert again.left_over() == {}
        assert store.documents("expiry") == {}


def test_rolls_are_remembered_until_a_day_after_the_expiry() -> None:
    url = "memory://expiry-memory-rolled"
    with shared_store(url) as store:
        first = memory(url)
        first.mark_rolled("S-001", "A.SIM", 10 * DAY, 9 * DAY)
        assert memory(url).was_rolled("S-001", "A.SIM")
        assert not memory(url).was_rolled("S-002", "A.SIM")
        later = memory(url)
        later.mark_rolled("S-001", "B.SIM", 20 * DAY, 11 * DAY + 1)
        assert not later.was_rolled("S-001", "A.SIM")
        assert sorted(store.documents("expiry")) == ["book|rolled|S-001|B.SIM"]


def test_without_a_state_it_remembers_while_it_lives() -> None:
    made = memory(None)
    assert made.save(position(), kept(), 1)
    made.mark_rolled("S-001", "A.SIM", DAY, 1)
    assert made.was_rolled("S-001", "A.SIM")
    assert made.recall(position(), ()) is None


def test_a_store_that_fails_is_told_and_says_so(monkeypatch: Any) -> None:
    url = "memory://expiry-memory-broken"

    def broken(*_: object, **__: object) -> None:
        raise StateError("disk full")

    with shared_store(url) as store:
        log = Log()
        made = memory(url, log)
        for name in ("put_now", "delete", "append"):
            monkeypatch.setattr(type(store), name, broken)
        assert made.save(position(), kept(), 1) is False
        made.mark_rolled("S-001", "A.SIM", DAY, 1)
        made.forget(position())
        made.note(position(), "rolled", 1)
        assert len(log.told) == 4
        assert made.was_rolled("S-001", "A.SIM")
