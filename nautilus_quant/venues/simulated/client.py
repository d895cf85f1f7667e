"""The simulated market as a data client of a live node."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
from collections.abc import Sequence
from typing import Final

import numpy as np
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.common.enums import LogColor
from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.core.data import Data
from nautilus_trader.live.data_client import LiveMarketDataClient
from nautilus_trader.model.identifiers import ClientId, InstrumentId, Venue
from nautilus_trader.model.instruments import Instrument
from numpy.typing import NDArray

from nautilus_quant.venues.simulated.answers import Answers
from nautilus_quant.venues.simulated.config import SimulatedDataClientConfig
from nautilus_quant.venues.simulated.feed import Feed, Wanted
from nautilus_quant.venues.simulated.instruments import instrument
from nautilus_quant.venues.simulated.market import SECOND
from nautilus_quant.venues.simulated.opening import Openings
from nautilus_quant.venues.simulated.place import Place
from nautilus_quant.venues.simulated.player import Player

_BURST: Final = 20
"""Steps published at most before others get a turn on the loop."""

_KEEP: Final = 600 * SECOND
"""How long an expired option nobody traded stays in the cache [ns]."""

_LATE: Final = 10 * SECOND
"""A loop that was away for longer [ns] has missed what happened, as with a real venue."""


class SimulatedDataClient(Answers, LiveMarketDataClient):
    """
    Publishes the market as time goes by.

    Events carry the exact time of their step as both ``ts_event`` and ``ts_init`` and come no earlier than
    that. Quotes are published for every instrument of which anything is subscribed, since simulated fills
    need them.

    Parameters
    ----------
    loop, name, config, msgbus, cache, clock
        As NautilusTrader's node builder hands them over.

    """

    def __init__(  # noqa: PLR0917 - the node builder calls by position
        self,
        loop: asyncio.AbstractEventLoop,
        name: str,
        config: SimulatedDataClientConfig,
        msgbus: MessageBus,
        cache: Cache,
        clock: LiveClock,
    ) -> None:
        super().__init__(
            loop=loop,
            client_id=ClientId(name),
            venue=Venue(config.venue),
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            instrument_provider=InstrumentProvider(),
            config=config,
        )
        self._market = config
        self._feed = Feed(config.market, config.listings, config.venue, config.delivery)
        self._latency = config.delivery.latency
        self._wanted = Wanted()
        self._place = Place(config, Openings.on(msgbus))
        self._player: Player | None = None
        self._pace: asyncio.Task[None] | None = None
        self._expiring: list[tuple[int, str]] = []
        """Options in the cache by expiry: a heap, so that a long life with short expiries stays small."""
        self._lost = False
        self._missed: list[Data] = []
        """Options that expired while nothing was published, and what they are settled at."""

    def connect(self) -> None:
        """
        Connect the client.

        The instruments are in the cache before anything is awaited: a simulated execution client connects
        right after this call and asks the cache, once, what it can trade, and when the market opened.
        """
        for listing in self._market.listings:
            self._cache.add_instrument(instrument(listing, self._market.venue, self._market.outlet))
        if self._player is None:
            self._player, how = self._place.find(self._now())
            self._log.info(how, LogColor.BLUE)
        super().connect()

    def _now(self) -> int:
        """Return the time of the events that arrive now, UNIX time [ns]."""
        return int(self._clock.timestamp_ns()) - self._latency

    async def _connect(self) -> None:
        assert self._player is not None
        await self._play_up_to_now(self._player, self._place.seen)
        self._place.keep(self._player, self._clock.timestamp_ns(), at_once=True)
        for item in self._cache.instruments(venue=self.venue):
            self._handle_data(item)
        self._tell_missed()
        self._publish(list(self._feed.snapshot(self._player.step)))
        self._pace = self.create_task(self._run(self._player))

    async def _disconnect(self) -> None:
        if self._pace is not None:
            self._pace.cancel()
            self._pace = None
        if self._player is not None:
            self._place.keep(self._player, self._clock.timestamp_ns(), at_once=True)
        self._place.close()

    async def _play_up_to_now(self, player: Player, since: int) -> None:
        """
        Go to the last step there is by now, publishing nothing, a few blocks at a time.

        What options that expired after `since` [ns] are settled at is noted in `_missed`.
        """
        while True:
            self._feed.turn_to(player.block)
            before, going_on = player.block, player.skip_block(self._now())
            self._note_missed(before.ts if going_on else before.ts[: player.step + 1], since)
            if not going_on:
                break
            await asyncio.sleep(0)
        if player.step < 0:  # between the beginning of a block and its first step
            await asyncio.sleep(max(player.next_ts - self._now(), 0) / SECOND)
            player.advance()
        self._list_new()

    def _note_missed(self, times: NDArray[np.int64], since: int) -> None:
        options = self._feed.options
        if options is None:
            return
        for step in range(int(np.searchsorted(times, since, side="right")), len(times)):
            for close in options.closes(step):
                self._missed += [options.instrument(close.instrument_id), close]

    def _tell_missed(self) -> None:
        """Publish what was missed, as of now; positions held over the time find their settlement here."""
        missed, self._missed = self._missed, []
        self._list([event for event in missed if isinstance(event, Instrument)])
        self._publish([event for event in missed if not isinstance(event, Instrument)])

    def _list_new(self) -> None:
        """Tell of every option listed now that was not known before."""
        options = self._feed.options
        if options is not None:
            unknown = [name for name in options.speakers if self._cache.instrument(name) is None]
            self._list([options.instrument(name) for name in unknown])

    def _list(self, options: Sequence[Instrument]) -> None:
        """Tell of new options; they are in the cache before anything else is heard of them."""
        for item in options:
            self._cache.add_instrument(item)
            heapq.heappush(self._expiring, (item.expiration_ns, str(item.id)))
        if self.is_connected:
            self._publish(options)

    def _forget(self, now: int) -> None:
        """Drop long expired options from the cache, but for those that were traded."""
        while self._expiring and self._expiring[0][0] + _KEEP < now:
            instrument_id = InstrumentId.from_str(heapq.heappop(self._expiring)[1])
            used = self._cache.orders(instrument_id=instrument_id) or self._cache.positions(
                instrument_id=instrument_id
            )
            if not used and self._cache.instrument(instrument_id) is not None:
                self._cache.purge_instrument(instrument_id)

    async def _run(self, player: Player) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # disconnecting is no incident
            while True:
                await asyncio.sleep(max(player.next_ts - self._now(), 0) / SECOND)
                await self._publish_due(player)

    async def _publish_due(self, player: Player) -> None:
        """Publish what has come due; a slow loop is made up for in bursts."""
        late = self._now() - player.next_ts
        if late > _LATE:
            self._log.warning(f"The loop was away for {late / SECOND:.1f} s; its market data is lost")
            await self._play_up_to_now(player, player.now)
            self._tell_missed()
            self._publish(list(self._feed.snapshot(player.step)))
        for _ in range(_BURST):
            if player.next_ts > self._now():
                return
            if player.advance():
                self._list(self._feed.turn_to(player.block))
                self._forget(player.now)
                self._place.keep(player, player.now)
            self._show_connection(not self._feed.silent(player.step))
            self._publish(list(self._feed.events(player.step, self._wanted, player.history)))
        await asyncio.sleep(0)

    def _show_connection(self, there: bool) -> None:
        """Look disconnected while an outage lasts."""
        if there == self._lost:
            self._lost = not there
            self._set_connected(there)
            self._log.warning(f"Incident: market data {'back' if there else 'lost'}")

    def _publish(self, events: Sequence[Data]) -> None:
        for event in events:
            self._handle_data(event)
