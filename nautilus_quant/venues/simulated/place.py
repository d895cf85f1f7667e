"""Where a market keeps its place, so that a node killed and started again finds it where it would be."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from nautilus_quant.venues.simulated.config import SimulatedDataClientConfig
from nautilus_quant.venues.simulated.listing import listings
from nautilus_quant.venues.simulated.market import BLOCK_SECONDS, Timeline
from nautilus_quant.venues.simulated.opening import Opening, Openings
from nautilus_quant.venues.simulated.player import Player, Start, read_checkpoint
from nautilus_quant.venues.simulated.state import Chains, MarketState

if TYPE_CHECKING:
    from nautilus_quant.host.state import StateStore

NAMESPACE: Final = "simulated"

MARKETS: Final = "simulated_markets"
"""Namespace of where the markets have got to which several venues show."""


class Place:
    """
    Finds and keeps the place of a market in a state store; without a store it only begins anew.

    Parameters
    ----------
    config
        The market and the store's URL. The venue is the key, so two markets may share a store.
    openings
        The markets of the node; venues of one market go on from one place.

    """

    def __init__(self, config: SimulatedDataClientConfig, openings: Openings | None = None) -> None:
        self._config = config
        self._openings = openings or Openings()
        self._open: StateStore | None = None
        self._generation = 0
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
        if config.outlet is not None:
            return self._join(kept, now)
        start = self._kept(kept, now) if kept is not None else None
        self.seen = now if kept is None or start is None else int(kept.get("seen", now))
        how = "A market opens" if kept is None else "Another market than the one kept opens"
        if start is not None:
            how = "The market goes on that opened"
        start = start or Start(config.timeline(now))
        used = start.within(now, config.max_catch_up)
        if used is not start:
            how = f"After more than {config.max_catch_up:.0f} s alone, from its last prices: {how}"
        self._openings.venues[config.venue] = used.timeline.origin
        return Player(used, config.longest_bar), f"{how} at {used.timeline.origin}, seed {config.seed}"

    def _join(self, kept: dict[str, Any] | None, now: int) -> tuple[Player, str]:
        """Go on with a market that several venues show, or open it: all of them from one place."""
        config, opening = self._config, self._opening(now)
        timeline = Timeline(config.market, opening.origin)
        own = read_checkpoint(config.market, kept, now) if kept is not None else None
        if own is not None and own.timeline.origin != opening.origin:
            own = None
        known = (own.state if own is not None else None) or MarketState.initial(len(listings(config.market)))
        if own is None or kept is None or not self._goes_on(own, kept, opening):
            state = replace(known, chains=opening.chains or Chains.initial())
            own = Start(timeline, opening.block, state)
        self.seen = now if kept is None else int(kept.get("seen", now))
        self._generation = opening.generation
        self._openings.venues[config.venue] = opening.origin
        how = f"The market opened at {opening.origin}, seed {config.seed}; {config.venue} shows it"
        return Player(own, config.longest_bar), how

    def _goes_on(self, own: Start, kept: dict[str, Any], opening: Opening) -> bool:
        behind = (opening.block - own.block) * BLOCK_SECONDS
        return kept.get("generation") == opening.generation and behind <= self._config.max_catch_up

    def _opening(self, now: int) -> Opening:
        """Find the place all venues of the market go on from, and let the others know."""
        config, market = self._config, self._config.market
        found = self._openings.markets.get(market.common) or self._read_opening()
        if found is None or not self._fits(found, now):
            found = Opening(origin=config.timeline(now).origin)
        latest = Timeline(market, found.origin).block_of(now) - market.history_blocks
        if (latest - found.block) * BLOCK_SECONDS > config.max_catch_up:
            found = replace(found, block=latest, generation=found.generation + 1)
        self._share(found, now, at_once=True)
        return found

    def _fits(self, opening: Opening, now: int) -> bool:
        """Tell whether it is of the time the config says, if it says any, and not of the future."""
        if Timeline(self._config.market, opening.origin).block_start(opening.block) > now:
            return False
        return self._config.origin is None or opening.origin == self._config.timeline(now).origin

    def _read_opening(self) -> Opening | None:
        store = self._store()
        document = store.get(MARKETS, self._config.market.common) if store is not None else None
        return None if document is None else Opening.from_dict(document)

    def _share(self, opening: Opening, ts: int, *, at_once: bool = False) -> None:
        self._openings.markets[self._config.market.common] = opening
        store = self._store()
        if store is not None:
            put = store.put_now if at_once else store.put
            put(MARKETS, self._config.market.common, opening.to_dict(), ts=ts)

    def _kept(self, kept: dict[str, Any], now: int) -> Start | None:
        origin = self._config.origin
        if origin is not None and self._config.timeline(now).origin != kept.get("origin"):
            return None
        return read_checkpoint(self._config.market, kept, now)

    def keep(self, player: Player, ts: int, *, at_once: bool = False) -> None:
        """Write the place down; `at_once` returns only when that is done."""
        if self._config.outlet is not None:
            self._keep_opening(player, ts)
        store = self._store()
        if store is None:
            return
        put = store.put_now if at_once else store.put
        document = player.checkpoint() | {"seen": player.now}
        if self._config.outlet is not None:
            document["generation"] = self._generation
        put(NAMESPACE, self._config.venue, document, ts=ts)

    def _keep_opening(self, player: Player, ts: int) -> None:
        block, state = player.begins
        known = self._openings.markets.get(self._config.market.common)
        if known is not None and block > known.block and known.generation == self._generation:
            self._share(replace(known, block=block, chains=state.chains), ts)

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
