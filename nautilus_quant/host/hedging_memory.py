"""What a hedging book remembers over a restart, and what it writes into the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_quant.host.book_memory import BookMemory
from nautilus_quant.host.state import StateError
from nautilus_quant.options.hedging_params import Version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_trader.common.component import Logger

    from nautilus_quant.host.state import StateStore

NAMESPACE = "hedging"
"""Of its documents in the state store."""
PARAMS = "hedging_params"
"""Of the versions of its parameters: a document for each, which nobody changes."""
KIND = "hedge"
"""Of its entries in the journal."""


def version_key(underlying: str, number: int) -> str:
    """Return the key of a version of the parameters of an underlying."""
    return f"{underlying}|{number:06d}"


def stored_versions(store: StateStore, underlying: str) -> tuple[list[Version], list[str]]:
    """Return the versions a store has of the parameters of an underlying, and keys that cannot be read."""
    found, damaged = [], []
    for key, document in store.documents(PARAMS).items():
        if key.rpartition("|")[0] != underlying:
            continue
        try:
            found.append(Version.from_dict(document))
        except (KeyError, TypeError, ValueError):
            damaged.append(key)
    return sorted(found, key=lambda version: version.number), damaged


class HedgeMemory(BookMemory):
    """
    The state of hedgers in the state store.

    Parameters
    ----------
    owner
        Name of the book.
    state
        URL of the store; ``None`` keeps nothing over a restart.
    log
        Where problems are told.

    """

    namespace = NAMESPACE
    kind = KIND

    def __init__(self, owner: str, state: str | None, log: Logger) -> None:
        super().__init__(owner, state, log)
        self._told: set[str] = set()

    def versions(self, underlying: str) -> list[Version]:
        """Return the versions of the parameters that are there now; one that is damaged is told once."""
        try:
            found, damaged = stored_versions(self._store, underlying)
        except StateError as error:
            self._tell("versions", f"parameters of {underlying} cannot be read: {error}")
            return []
        for key in damaged:
            self._tell(key, f"parameters {key} cannot be read and are left out")
        return found

    def recall(self, underlying: str) -> dict[str, Any] | None:
        """Return what an earlier run kept of an underlying."""
        return self._store.get(NAMESPACE, f"{self._owner}|{underlying}") if self._keeps else None

    def save(self, underlying: str, document: Mapping[str, Any], ts: int, *, now: bool) -> bool:
        """
        Keep what a restart needs.

        Parameters
        ----------
        underlying, document, ts
            Whose state, which, and when, UNIX time [ns].
        now
            Whether it must be there before anything else happens.

        Returns
        -------
        bool
            Whether it is kept, or nothing is to be kept at all.

        """
        return self._put(underlying, document, ts, f"hedges of {underlying} are not saved", now=now)

    def note(self, underlying: str, what: str, ts: int, **body: Any) -> None:
        """Write into the journal what was done."""
        self._write_down(underlying, what, ts, {"underlying": underlying, **body})

    def _tell(self, key: str, text: str) -> None:
        if key not in self._told:
            self._told.add(key)
            self._log.warning(text)
