"""What a book of exits remembers over a restart, and what it writes into the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_quant.host.book_memory import PositionMemory
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


class ExitMemory(PositionMemory):
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

    namespace = NAMESPACE
    kind = KIND

    def __init__(self, owner: str, state: str | None, log: Logger) -> None:
        super().__init__(owner, state, log)
        self._before = self._documents()
        self._written: dict[str, dict[str, Any]] = {}

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
        own: str = position.id.value
        if own in self._before:
            if _is_of(self._before[own], position):
                return own
            del self._before[own]
        open_now = {other.id.value for other in cache.positions_open()}
        found = [
            key
            for key, document in self._before.items()
            if key not in open_now and _is_of(document, position)
        ]
        return found[0] if len(found) == 1 else None

    def save(self, position: Position, ladder: ExitLadder, ts: int) -> None:
        """Keep a ladder that has changed."""
        if not self._keeps:
            return
        key, state = position.id.value, ladder.to_dict()
        if self._written.get(key) == state:
            return
        self._written[key] = state
        document = {"instrument": position.instrument_id.value, "ladder": state}
        self._put(key, document, ts, f"{key}: its exits are not saved, a restart would begin them anew")

    def forget(self, position: Position) -> None:
        """Drop the ladder of a position that is closed."""
        key = position.id.value
        self._written.pop(key, None)
        self._before.pop(key, None)
        self._delete(key, f"{key}: its exits are not forgotten")


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
