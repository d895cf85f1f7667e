"""A data client that plays recorded data through a live node."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import pandas as pd
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus
from nautilus_trader.common.enums import LogColor
from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.core.data import Data
from nautilus_trader.core.datetime import unix_nanos_to_iso8601
from nautilus_trader.data.messages import RequestBars, RequestInstrument, RequestInstruments
from nautilus_trader.live.data_client import LiveMarketDataClient
from nautilus_trader.model.data import BarType
from nautilus_trader.model.identifiers import ClientId, Venue
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.system.kernel import NautilusKernel

from nautilus_quant.host.kernel import KernelNotFoundError, find_kernel
from nautilus_quant.venues.recorded.convert import stamped
from nautilus_quant.venues.recorded.frame import RecordedError
from nautilus_quant.venues.recorded.stream import Stream, nanoseconds
from nautilus_quant.venues.recorded.streams import Recording, open_sources
from nautilus_quant.venues.replay.config import ReplayDataClientConfig
from nautilus_quant.venues.replay.quotes import first_quote, quoted_bar_types
from nautilus_quant.venues.replay.subscriptions import AcceptSubscriptions
from nautilus_quant.venues.replay.timeline import Pace, chunks, merged

FINISHED = "events.replay.finished"
_IDLE_TURNS = 3  # turns of the loop with empty queues after which the node has dealt with everything
_MOST_TURNS = 10_000  # a node that never comes to rest is not waited for


@dataclass(frozen=True, slots=True)
class ReplayFinished:
    """
    Published on `FINISHED` after the last item.

    Parameters
    ----------
    venue : str
        Venue of the replay.
    items : int
        How many items were played, made-up quotes included.
    first, last : int
        Recorded UNIX times [ns].
    """

    venue: str
    items: int
    first: int
    last: int


class ReplayDataClient(AcceptSubscriptions, LiveMarketDataClient):
    """
    Plays recorded data as if it came from a venue now.

    Recorded times stay in ts_event; ts_init is the time of playing. Everything is played, subscribed or not:
    the simulated venue needs prices of instruments nobody subscribes. Playing begins when the node's trader
    runs; one first quote per instrument is there before, at the first recorded price.

    Parameters
    ----------
    loop : asyncio.AbstractEventLoop
        Event loop of the node.
    name : str
        Client id.
    config : ReplayDataClientConfig
        Configuration.
    msgbus : MessageBus
        Message bus of the node.
    cache : Cache
        Cache of the node; the instruments are in it from the start.
    clock : LiveClock
        Clock of the node.

    Raises
    ------
    RecordedError
        When a source cannot be read, is refused, or belongs to another venue.
    """

    def __init__(  # noqa: PLR0917 NautilusTrader's order
        self,
        loop: asyncio.AbstractEventLoop,
        name: str,
        config: ReplayDataClientConfig,
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
        self._settings = config
        self._recording = _open(config)
        self._first = min(stream.first for stream in self._recording.streams)
        self._play_from = max(self._first, nanoseconds(config.play_from) or 0)
        self._position = self._play_from - 1
        self._playing: asyncio.Task[None] | None = None
        self._kernel: NautilusKernel | None = None
        for finding in self._recording.findings:
            self._log.warning(f"Recorded data: {finding}")
        for instrument in self._recording.instruments:
            self._cache.add_instrument(instrument)

    @property
    def recording(self) -> Recording:
        """What is played."""
        return self._recording

    @property
    def position(self) -> int:
        """Recorded UNIX time [ns] up to which was played."""
        return self._position

    # -- connection --------------------------------------------------------------------------------

    async def _connect(self) -> None:
        try:
            self._kernel = find_kernel(self._msgbus)
        except KernelNotFoundError:
            self._log.warning("No kernel on this bus: playing at once and without waiting for the node")
        for instrument in self._recording.instruments:
            self._handle_data(instrument)
        self._quote_first_prices()
        self._playing = self.create_task(self._play(), log_msg="replay")

    async def _disconnect(self) -> None:
        if self._playing is not None and not self._playing.done():
            self._playing.cancel()

    def _quote_first_prices(self) -> None:
        quoted = set()
        for stream in self._recording.streams:
            instrument = stream.instrument
            first = next((item for batch in stream.batches(1) for item in batch), None)
            if first is None or instrument.id in quoted:
                continue
            tick = first_quote(instrument, first, self._settings.half_spread_bps, self._clock.timestamp_ns())
            if tick is not None:
                quoted.add(instrument.id)
                self._handle_data(tick)

    # -- playing -----------------------------------------------------------------------------------

    async def _play(self) -> None:
        try:
            await self._trader_runs()
            played = await self._play_all()
        except Exception as error:  # noqa: BLE001 a broken file must not leave a node that waits for ever
            self._log.exception("Replay failed", error)
            self._end("replay failed")
            return
        await self._settle()
        done = ReplayFinished(self._settings.venue, played, self._play_from, self._position)
        span = f"{unix_nanos_to_iso8601(done.first)} to {unix_nanos_to_iso8601(done.last)}"
        self._log.info(f"Replay finished: {played} items, {span}", LogColor.GREEN)
        self._msgbus.publish(FINISHED, done)
        self._end("replay finished")

    async def _play_all(self) -> int:
        pace = Pace(self._settings.speed, self._play_from, self._clock.timestamp_ns())
        batches = chunks(self._items())
        played = 0
        # The next batch is read in a thread while this one plays: files never hold up the loop
        batch = await asyncio.to_thread(next, batches, None)
        while batch is not None:
            coming = asyncio.create_task(asyncio.to_thread(next, batches, None))
            for item in batch:
                await self._play_item(item, pace)
            played += len(batch)
            batch = await coming
        return played

    async def _play_item(self, item: Data, pace: Pace) -> None:
        if item.ts_event != self._position:
            await self._settle()
            delay = pace.delay(item.ts_event, self._clock.timestamp_ns())
            if delay > 0.0:
                await asyncio.sleep(delay)
        self._position = item.ts_event
        self._handle_data(stamped(item, self._clock.timestamp_ns()))

    def _items(self) -> Iterator[Data]:
        streams = self._recording.streams
        wanted = quoted_bar_types(streams)
        quoted: dict[BarType, Instrument] = {
            s.bar_type: s.instrument for s in streams if s.bar_type in wanted
        }
        return merged(streams, quoted, self._settings.half_spread_bps, self._play_from)

    async def _trader_runs(self) -> None:
        # NautilusTrader tells nobody when its trader starts: a component's state has to be looked at
        while self._kernel is not None and not self._kernel.trader.is_running:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    async def _settle(self) -> None:
        """Give the node turns until it has dealt with what was played, orders and fills included."""
        idle = 0
        for _ in range(_MOST_TURNS):
            await asyncio.sleep(0)
            idle = 0 if self._backlog() else idle + 1
            if idle == _IDLE_TURNS:
                return

    def _backlog(self) -> int:
        kernel = self._kernel
        if kernel is None:
            return 0
        data, risk, execution = kernel.data_engine, kernel.risk_engine, kernel.exec_engine
        sizes = (
            data.data_qsize,
            data.cmd_qsize,
            data.req_qsize,
            data.res_qsize,
            risk.cmd_qsize,
            risk.evt_qsize,
        )
        return sum(size() for size in (*sizes, execution.cmd_qsize, execution.evt_qsize))

    def _end(self, reason: str) -> None:
        if self._settings.on_end == "stop":
            self.shutdown_system(reason)

    # -- requests ----------------------------------------------------------------------------------

    async def _request_instrument(self, request: RequestInstrument) -> None:
        instrument = self._cache.instrument(request.instrument_id)
        if instrument is None:
            self._log.error(f"The replay has no instrument {request.instrument_id}")
            return
        self._handle_instrument(instrument, request.id, request.start, request.end, request.params)

    async def _request_instruments(self, request: RequestInstruments) -> None:
        self._handle_instruments(
            self.venue, self._recording.instruments, request.id, request.start, request.end, request.params
        )

    async def _request_bars(self, request: RequestBars) -> None:
        stream = next((s for s in self._recording.streams if s.bar_type == request.bar_type), None)
        if stream is None:
            self._log.warning(f"The replay has no bars {request.bar_type}")
        bars = [] if stream is None else self._history(stream, request)
        self._handle_bars(request.bar_type, bars, request.id, request.start, request.end, request.params)

    def _history(self, stream: Stream, request: RequestBars) -> list[Data]:
        # Asked relative to now, answered relative to the replay's position; never beyond it
        behind = self._clock.timestamp_ns() - self._position
        start = _shifted(request.start, behind)
        end = _shifted(request.end, behind)
        return stream.window(
            self._first if start is None else start,
            self._position if end is None else min(end, self._position),
            request.limit or 0,
        )

    async def _request_quote_ticks(self, request: Any) -> None:
        self._handle_quote_ticks(
            request.instrument_id, [], request.id, request.start, request.end, request.params
        )

    async def _request_trade_ticks(self, request: Any) -> None:
        self._handle_trade_ticks(
            request.instrument_id, [], request.id, request.start, request.end, request.params
        )

    async def _request_funding_rates(self, request: Any) -> None:
        self._handle_funding_rates(
            request.instrument_id, [], request.id, request.start, request.end, request.params
        )


def _open(config: ReplayDataClientConfig) -> Recording:
    sources = [msgspec.structs.replace(source, venue=config.venue) for source in config.sources]
    recording = open_sources(sources)
    for instrument in recording.instruments:
        if instrument.id.venue.value != config.venue:
            raise RecordedError(f"{instrument.id} does not belong to the venue {config.venue} of the replay")
    return recording


def _shifted(time: datetime | None, by: int) -> int | None:
    return None if time is None else int(pd.Timestamp(time).value) - by
