"""What a book of expiring options remembers over a restart, and what it writes into the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_quant.host.book_memory import PositionMemory

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from nautilus_trader.common.component import Logger
    from nautilus_trader.model.position import Position

NAMESPACE = "expiry"
"""Of the documents in the state store."""
KIND = "expiry"
"""Of the entries in the journal."""
_DAY = 86_400_000_000_000


class ExpiryMemory(PositionMemory):
    """
    What was done about positions that expire, in the state store.

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
        mine = self._documents()
        self._rolled = {
            key.removeprefix("rolled|"): int(value.get("expiry", 0))
            for key, value in mine.items()
            if key.startswith("rolled|")
        }
        self._before = {key: value for key, value in mine.items() if not key.startswith("rolled|")}

    def recall(self, position: Position, open_ids: Collection[str]) -> dict[str, Any] | None:
        """
        Return what an earlier run kept about a position; each once.

        What a venue reports after a restart may have another id, so the same instrument and side will do
        when there is just one that is not open under its own id.
        """
        own = position.id.value
        if own in self._before:
            return self._before.pop(own)
        found = [
            key
            for key, document in self._before.items()
            if key not in open_ids
            and document.get("instrument") == position.instrument_id.value
            and document.get("long") is bool(position.is_long)
        ]
        if len(found) != 1:
            return None
        document = self._before.pop(found[0])
        self._drop(found[0])
        return document

    def left_over(self) -> dict[str, dict[str, Any]]:
        """Return what was kept about positions that are not there any more, and forget it."""
        left, self._before = self._before, {}
        for key in left:
            self._drop(key)
        return left

    def save(self, position: Position, document: Mapping[str, Any], ts: int) -> bool:
        """
        Keep what a restart needs before it is acted on.

        Returns
        -------
        bool
            Whether it is kept, or nothing is to be kept at all.

        """
        problem = f"{position.id}: what is done about its expiry is not saved"
        return self._put(position.id.value, document, ts, problem, now=True)

    def forget(self, position: Position) -> None:
        """Drop what was kept about a position."""
        self._before.pop(position.id.value, None)
        self._drop(position.id.value)

    def _drop(self, key: str) -> None:
        self._delete(key, f"{key}: what was done about its expiry is not forgotten")

    # -- rolled once, and not again ----------------------------------------------------------------

    def was_rolled(self, strategy: str, instrument: str) -> bool:
        """Tell whether a strategy's position in an option has been rolled."""
        return f"{strategy}|{instrument}" in self._rolled

    def mark_rolled(self, strategy: str, instrument: str, expiry: int, ts: int) -> None:
        """Remember that it has been, until a day after the expiry."""
        for key in [key for key, expired in self._rolled.items() if expired + _DAY < ts]:
            del self._rolled[key]
            self._drop(f"rolled|{key}")
        key = f"{strategy}|{instrument}"
        self._rolled[key] = expiry
        document = {"expiry": expiry}
        self._put(f"rolled|{key}", document, ts, f"{key}: that it was rolled is not saved", now=True)
