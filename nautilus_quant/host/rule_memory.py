"""What a strategy's rule remembers: read at its start, written now and then, and at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_quant.host.cadence import SaveCadence
from nautilus_quant.host.state import shared_store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nautilus_trader.common.component import MessageBus

_SPARE = 2  # a history of twice the warm-up survives the odd missing bar
_LEAST = 400  # [bars]; the regime gate reads the same answer, and this is as much as it keeps

type Documents = Callable[[], Mapping[str, Mapping[str, Any]]]
"""Gives what is saved, by namespace; called only where something is."""


class RuleMemory:
    """
    The documents of one strategy in the state store, open while it runs.

    Parameters
    ----------
    msgbus
        Of the strategy.
    state
        URL of the state store; ``None`` keeps nothing.
    key
        Of its documents: who it is, and on which bars.
    documents
        What there is to save.

    """

    def __init__(self, msgbus: MessageBus, state: str | None, key: str, documents: Documents) -> None:
        self._store = shared_store(state)
        self._keeps = state is not None
        self._cadence = SaveCadence(msgbus, state)
        self._key = key
        self._documents = documents

    def get(self, namespace: str) -> dict[str, Any] | None:
        """Return what was saved; ``None`` when nothing was."""
        return self._store.get(namespace, self._key)

    def save(self, ts: int) -> None:
        """Save at `ts`, UNIX time [ns]."""
        if self._keeps:
            for namespace, document in self._documents().items():
                self._store.put(namespace, self._key, document, ts=ts)

    def save_sometimes(self, ts: int) -> None:
        """Save if it is time to, see `SaveCadence`."""
        if self._cadence.is_due(ts):
            self.save(ts)

    def close(self, ts: int) -> None:
        """Save, and let go of the store."""
        self.save(ts)
        self._store.close()


def history_length(warm_up: int) -> int:
    """Return how many past bars to ask for, so that a rule is ready at once [bars]."""
    return max(_SPARE * warm_up, _LEAST)
