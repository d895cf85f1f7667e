"""What a strategy between venues remembers over a restart, and writes into the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from nautilus_quant.host.book_memory import BookMemory

if TYPE_CHECKING:
    from collections.abc import Mapping


class Remembers(Protocol):
    """A rule that can be kept."""

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""

    def restore(self, state: Mapping[str, Any]) -> object:
        """Go on from what `to_dict` gave."""


class CrossVenueMemory(BookMemory):
    """The rules of one strategy, in the state store."""

    namespace = "cross_venue"
    kind = "cross_venue"

    def read(self, rules: Mapping[str, Remembers]) -> None:
        """Let rules go on from what an earlier run kept; one that cannot be read begins anew."""
        known = self._documents()
        for name, rule in rules.items():
            if name not in known:
                continue
            try:
                rule.restore(known[name])
            except Exception as error:  # noqa: BLE001 (whatever is wrong with it, it must not stop the node)
                self._log.error(f"the saved {name} of {self._owner} cannot be read, begins anew: {error!r}")

    def keep(self, rules: Mapping[str, Remembers], ts: int, *, now: bool = False) -> bool:
        """Keep rules, on the disk when it returns if `now`; say whether they are."""
        problem = "is not kept over a restart"
        kept = [
            self._put(name, rule.to_dict(), ts, f"{name} {problem}", now=now) for name, rule in rules.items()
        ]
        return all(kept)

    def note(self, pair: str, what: str, ts: int, body: Mapping[str, Any]) -> None:
        """Write into the journal what was decided of a pair."""
        self._write_down(pair, what, ts, {"strategy": self._owner, "pair": pair, **body})
