"""Where a market keeps its place, so that a node killed and started again finds it where it would be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nautilus_quant.venues.simulated.config import SimulatedDataClientConfig
from nautilus_quant.venues.simulated.player import Player, Start, read_checkpoint

if TYPE_CHECKING:
    from nautilus_quant.host.state import StateStore

NAMESPACE: Final = "simulated"


class Place:
    """
    Finds and keeps the place of a market in a state store; without a store it only begins anew.

    Parameters
    ----------
    config
        The market and the store's URL. The venue is the key, so two markets may share a store.

    """

    def __init__(self, config: SimulatedDataClientConfig) -> None:
        self._config = config
        self._open: StateStore | None = None
        self.seen = 0
        """When the market was last seen before it was found, UNIX time [ns]."""

    def find(self, now: int) -> tuple[Player, str]:
        """
        Go on from the place kept, or begin.

        Parameters
        ----------
        now
            UNIX time [ns].

        Returns
        -------
        tuple
            The market, not yet played up to `now`, and in words where it comes from.

        """
        config, store = self._config, self._store()
        kept = store.get(NAMESPACE, config.venue) if store is not None else None
        start = self._kept(kept, now) if kept is not None else None
        self.seen = now if kept is None or start is None else int(kept.get("seen", now))
        how = "A market opens" if kept is None else "Another market than the one kept opens"
        if start is not None:
            how = "The market goes on that opened"
        start = start or Start(config.timeline(now))
        used = start.within(now, config.max_catch_up)
        if used is not start:
            how = f"After more than {config.max_catch_up:.0f} s alone, from its last prices: {how}"
        return Player(used, config.longest_bar), f"{how} at {used.timeline.origin}, seed {config.seed}"

    def _kept(self, kept: dict[str, Any], now: int) -> Start | None:
        origin = self._config.origin
        if origin is not None and self._config.timeline(now).origin != kept.get("origin"):
            return None
        return read_checkpoint(self._config.market, kept, now)

    def keep(self, player: Player, ts: int, *, at_once: bool = False) -> None:
        """Write the place down; `at_once` returns only when that is done."""
        store = self._store()
        if store is None:
            return
        put = store.put_now if at_once else store.put
        put(NAMESPACE, self._config.venue, player.checkpoint() | {"seen": player.now}, ts=ts)

    def close(self) -> None:
        """Let go of the store."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _store(self) -> StateStore | None:
        if self._open is None and self._config.state is not None:
            from nautilus_quant.host.state import shared_store

            self._open = shared_store(self._config.state)
        return self._open
