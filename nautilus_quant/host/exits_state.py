"""What a book of exits remembers over a restart, and what it writes into the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_quant.host.state import StateError, shared_store
from nautilus_quant.portfolio.exits_ladder import ExitLadder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from nautilus_trader.cache.cache import Cache
    from nautilus_trader.common.component import Logger
    from nautilus_trader.model.position import Position

    from nautilus_quant.portfolio.exits import ExitParams
    from nautilus_quant.portfolio.sizing import Lot

NAMESPACE = "exits"
"""Of the documents in the state store."""
KIND = "exit"
"""Of the entries in the journal."""
_SAME = 1e-3  # entry prices that differ by less are of the same position


class ExitMemory:
    """
    Ladders by position, in the state store.

    Parameters
    ----------
    owner
        Name of the book.
    state
        URL of the store; ``None`` keeps nothing over a restart.
    log
        Where problems are told.

    """

    def __init__(self, owner: str, state: str | None, log: Logger) -> None:
        self._owner = owner
        self._log = log
        self._store = shared_store(state)
        self._keeps = state is not None
        self._before = dict(self._store.documents(NAMESPACE)) if self._keeps else {}
        self._written: dict[str, dict[str, Any]] = {}

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

    def ladder(
        self, position: Position, lot: Lot, params: ExitParams, tick: Decimal, cache: Cache
    ) -> ExitLadder | None:
        """
        Return the ladder an earlier run kept for a position; each once.

        What a venue reports after a restart may have another id, so the same instrument, side and entry price
        will do.
        """
        key = self._find(position, cache)
        if key is None:
            return None
        document = self._before.pop(key)
        try:
            return ExitLadder.restore(document["ladder"], lot, params=params, tick=tick)
        except (ValueError, KeyError, TypeError, ArithmeticError) as error:
            self._log.error(f"exits of {position.id} begin anew, what was kept is damaged: {error!r}")
            return None

    def _find(self, position: Position, cache: Cache) -> str | None:
        own = self._key(position)
        if own in self._before:
            if _is_of(self._before[own], position):
                return own
            del self._before[own]
        open_now = {self._key(other) for other in cache.positions_open()}
        found = [
            key
            for key, document in self._before.items()
            if key.startswith(f"{self._owner}|") and key not in open_now and _is_of(document, position)
        ]
        return found[0] if len(found) == 1 else None

    def save(self, position: Position, ladder: ExitLadder, ts: int) -> None:
        """Keep a ladder that has changed."""
        if not self._keeps:
            return
        key, state = self._key(position), ladder.to_dict()
        if self._written.get(key) == state:
            return
        self._written[key] = state
        document = {"instrument": position.instrument_id.value, "ladder": state}
        try:
            self._store.put(NAMESPACE, key, document, ts=ts)
        except StateError as error:
            self._log.error(f"{key}: its exits are not saved, a restart would begin them anew: {error}")

    def forget(self, position: Position) -> None:
        """Drop the ladder of a position that is closed."""
        key = self._key(position)
        self._written.pop(key, None)
        self._before.pop(key, None)
        if not self._keeps:
            return
        try:
            self._store.delete(NAMESPACE, key)
        except StateError as error:
            self._log.warning(f"{key}: its exits are not forgotten: {error}")

    def note(self, position: Position, what: str, ts: int, **body: Any) -> None:
        """Write into the journal what was done."""
        entry = {
            "what": what,
            "position": position.id.value,
            "strategy": position.strategy_id.value,
            "instrument": position.instrument_id.value,
            **body,
        }
        try:
            self._store.append(KIND, entry, ts=ts)
        except StateError as error:
            self._log.warning(f"{what} of {position.id} is not in the journal: {error}")

    def _key(self, position: Position) -> str:
        return f"{self._owner}|{position.id.value}"


def _is_of(document: Mapping[str, Any], position: Position) -> bool:
    try:
        ladder = document["ladder"]
        same_side = (int(ladder["side"]) > 0) is bool(position.is_long)
        off = abs(float(ladder["entry"]) - position.avg_px_open)
        return (
            document["instrument"] == position.instrument_id.value
            and same_side
            and off <= _SAME * position.avg_px_open
        )
    except (KeyError, TypeError, ValueError):
        return False
