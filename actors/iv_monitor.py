"""Fits the volatility surfaces of a node's options, tells what is unusual of them, and keeps them."""

from __future__ import annotations

import math
from datetime import timedelta
from heapq import merge
from itertools import dropwhile
from typing import TYPE_CHECKING, Any

from nautilus_trader.common.actor import Actor

from nautilus_quant.actors.iv_monitor_config import IVMonitorConfig
from nautilus_quant.host.alarm import Alarm
from nautilus_quant.host.kernel import find_kernel, is_backtest
from nautilus_quant.host.messages import Alert, publish
from nautilus_quant.host.options import OptionDesk, SurfaceUpdate
from nautilus_quant.host.options_check import checks
from nautilus_quant.host.options_vega import net_vega
from nautilus_quant.host.state import StateError, StateStore, shared_store
from nautilus_quant.options.archive import ArchiveWriter, Recorded, read, underlyings
from nautilus_quant.options.buckets import DAY
from nautilus_quant.options.cone import Horizon, PriceGrid, cone
from nautilus_quant.options.surface_book import SurfaceBook
from nautilus_quant.options.surface_fit import fit_surface
from nautilus_quant.options.surface_watch import Note, SurfaceWatch

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Iterator

    from nautilus_trader.common.events import TimeEvent
    from nautilus_trader.model.identifiers import InstrumentId

    from nautilus_quant.options.chain import Chain
    from nautilus_quant.options.surface import Surface

__all__ = ["IVMonitor", "IVMonitorConfig"]

SOURCE = "iv"
"""Of its alerts and documents."""


class _Followed:
    """One underlying."""

    def __init__(self, underlying: str, config: IVMonitorConfig) -> None:
        self.underlying = underlying
        self.book = SurfaceBook(config.surface_params, config.score_params, config.score_bounds)
        self.watch = SurfaceWatch(underlying, config.vega_bounds, config.vega_target, config.arbitrage_bounds)
        self.prices = PriceGrid()
        self.archived = self.saved = -1
        self.is_fitting = False

    def to_dict(self) -> dict[str, Any]:
        return {
            "book": self.book.to_dict(),
            "watch": self.watch.to_dict(),
            "prices": self.prices.to_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.book.restore(state["book"])
        self.watch.restore(state["watch"])
        self.prices.restore(state["prices"])


class IVMonitor(Actor):  # type: ignore[misc]
    """
    Fits a volatility surface to the options of each underlying, again and again.

    Every surface is published as `nautilus_quant.host.options.SurfaceUpdate`, with its figures by days to
    expiry and how unusual they are; what is extraordinary, could be arbitraged, or has drifted is told once
    in an alert, and so are greeks of a venue that are not what its own volatility and forward come to. In a
    live node a fit runs beside the event loop.

    Parameters
    ----------
    config
        An `IVMonitorConfig`.

    Raises
    ------
    ValueError
        If a parameter is impossible.

    """

    def __init__(self, config: IVMonitorConfig | None = None) -> None:
        super().__init__(config or IVMonitorConfig())
        if self.config.replay and self.config.archive is None:
            raise ValueError("replay needs an archive to read from")
        _Followed("", self.config)  # refuses what is impossible now rather than in a running node
        self._followed: dict[str, _Followed] = {}
        self._subscribed: set[InstrumentId] = set()
        self._desk: OptionDesk | None = None
        self._store: StateStore | None = None
        self._writer: ArchiveWriter | None = None
        self._replay: Iterator[Recorded] = iter(())
        self._next: Recorded | None = None
        self._alarm: Alarm | None = None
        self._loop: AbstractEventLoop | None = None

    def surface(self, underlying: str) -> Surface | None:
        """Return the latest surface of an underlying, however old."""
        followed = self._followed.get(underlying)
        return None if followed is None else followed.book.surface

    def cone(self, underlying: str) -> tuple[Horizon, ...]:
        """Return the volatility cone of an underlying by the prices heard so far, against what is implied."""
        followed = self._followed.get(underlying)
        if followed is None:
            return ()
        return cone(followed.prices.closes, followed.prices.interval, surface=followed.book.surface)

    # -- life ----------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Go on with what the last run knew, subscribe, and fit from now on."""
        kernel = find_kernel(self.msgbus)
        self._loop = None if is_backtest(kernel) else kernel.loop
        self._desk = OptionDesk.on(self.msgbus, self.cache, self.clock)
        self._store = shared_store(self.config.state)
        if self.config.replay:
            self._start_replay()
            return
        if self.config.archive is not None:
            self._writer = ArchiveWriter(self.config.archive)
        self._look_for_options()
        self.clock.set_timer(
            f"{self.id.value}-fit", timedelta(seconds=float(self.config.every)), callback=self._on_timer
        )

    def on_stop(self) -> None:
        """Stop fitting, and save."""
        self.clock.cancel_timers()
        self._flush_archive()
        if self._store is not None:
            for followed in self._followed.values():
                self._save(followed, self.clock.timestamp_ns())
            self._store.close()
            self._store = None

    def on_reset(self) -> None:
        """Forget all surfaces."""
        self._followed.clear()
        self._subscribed.clear()
        if self._desk is not None:
            self._desk.reset()

    # -- what is followed ----------------------------------------------------------------------------

    def _look_for_options(self) -> None:
        """Follow what is listed now, subscribe what is new, and leave what has expired."""
        assert self._desk is not None
        wanted = self.config.underlyings or self._desk.underlyings()
        latest = self.clock.timestamp_ns() + round(self.config.max_days * DAY)
        alive: set[InstrumentId] = set()
        for underlying in wanted:
            self._follow(underlying)
            for instrument_id, contract in self._desk.contracts(underlying).items():
                if contract.expiry <= latest and self.config.venue in {None, instrument_id.venue.value}:
                    alive.add(instrument_id)
        for instrument_id in sorted(alive - self._subscribed):
            self._subscribe(instrument_id)
        for instrument_id in sorted(self._subscribed - alive):
            self._unsubscribe(instrument_id)
        self._subscribed = alive

    def _subscribe(self, instrument_id: InstrumentId) -> None:
        if self.config.quotes:
            self.subscribe_quote_ticks(instrument_id)
        if self.config.greeks:
            self.subscribe_option_greeks(instrument_id)

    def _unsubscribe(self, instrument_id: InstrumentId) -> None:
        if self.config.quotes:
            self.unsubscribe_quote_ticks(instrument_id)
        if self.config.greeks:
            self.unsubscribe_option_greeks(instrument_id)

    def _follow(self, underlying: str) -> _Followed:
        followed = self._followed.get(underlying)
        if followed is None:
            followed = self._followed[underlying] = self._restored(underlying)
        return followed

    # -- fitting -------------------------------------------------------------------------------------

    def _on_timer(self, _event: TimeEvent) -> None:
        assert self._desk is not None
        self._look_for_options()
        for followed in self._followed.values():
            chain = self._desk.chain(followed.underlying, self.config.venue)
            if len(chain) and not followed.is_fitting:
                followed.is_fitting = True
                latest = chain.ts + round(self.config.max_days * DAY)
                near = chain.take(chain.expiry <= latest)
                self.run_in_executor(self._fit, (followed, near, followed.book.surface))
            self._watch_vega(followed)
            self._watch_greeks(followed)

    def _fit(self, followed: _Followed, chain: Chain, before: Surface | None) -> None:
        """Fit beside the loop, which alone may touch what others see."""
        surface = None
        try:
            surface = fit_surface(chain, followed.book.params, before)
        except Exception as error:  # noqa: BLE001 (whatever it is, the next chain is fitted again)
            self.log.error(f"the surface of {followed.underlying} cannot be fitted: {error!r}")
        if self._loop is None:
            self._take(followed, surface)
        else:
            self._loop.call_soon_threadsafe(self._take, followed, surface)

    def _take(self, followed: _Followed, surface: Surface | None) -> None:
        followed.is_fitting = False
        if surface is None or not self.is_running:
            return
        self._publish(followed, surface)
        if surface.slices:
            self._archive(followed, surface)
            self._save_sometimes(followed, surface.ts)

    def _publish(self, followed: _Followed, surface: Surface) -> None:
        book = followed.book
        book.take(surface)
        if surface.slices:
            followed.prices.add(surface.ts, surface.slices[0].forward)
            update = SurfaceUpdate(
                key=followed.underlying,
                ts=surface.ts,
                surface=surface,
                statistics=dict(book.statistics),
                scores=dict(book.scores),
            )
            publish(self.msgbus, update)
        self._tell(followed.watch.tell(surface, book))

    def _watch_vega(self, followed: _Followed) -> None:
        assert self._desk is not None
        self._tell(followed.watch.tell_vega(net_vega(self._desk, self.cache, followed.underlying)))

    def _watch_greeks(self, followed: _Followed) -> None:
        assert self._desk is not None
        found = checks(self._desk, followed.underlying, self.config.venue)
        doubted = {name.value: check.reason for name, check in found.items() if check.disagree}
        self._tell(followed.watch.tell_greeks(doubted, len(found)))

    def _tell(self, notes: list[Note]) -> None:
        for note in notes:
            (self.log.info if note.severity == "INFO" else self.log.warning)(note.text)
            alert = Alert(
                key=f"{SOURCE}|{note.about}",
                ts=self.clock.timestamp_ns(),
                source=SOURCE,
                severity=note.severity,
                text=note.text,
                numbers={name: value for name, value in note.numbers.items() if math.isfinite(value)},
            )
            publish(self.msgbus, alert)

    # -- archive -------------------------------------------------------------------------------------

    def _archive(self, followed: _Followed, surface: Surface) -> None:
        every = self.config.archive_every * 1e9
        if self._writer is None or (followed.archived >= 0 and surface.ts - followed.archived < every):
            return
        followed.archived = surface.ts
        try:
            self._writer.add(surface, self.clock.timestamp_ns())
        except OSError as error:
            self.log.warning(f"surfaces are not archived in {self.config.archive}: {error}")

    def _flush_archive(self) -> None:
        if self._writer is None:
            return
        try:
            self._writer.flush()
        except OSError as error:
            self.log.warning(f"the last surfaces are not archived in {self.config.archive}: {error}")

    def _start_replay(self) -> None:
        root, now = self.config.archive, self.clock.timestamp_ns()
        wanted = self.config.underlyings or underlyings(root)
        recorded = merge(*(read(root, name, now) for name in wanted), key=lambda item: item.known)
        self._replay = dropwhile(lambda item: item.known < now, recorded)
        self._wait_for_next()

    def _wait_for_next(self) -> None:
        self._next = next(self._replay, None)
        if self._next is not None:
            at = max(self._next.known, self.clock.timestamp_ns())
            if self._alarm is None:
                self._alarm = Alarm(self.clock, f"{self.id.value}-replay", self._on_replay)
            self._alarm.set(at)

    def _on_replay(self, _event: TimeEvent) -> None:
        recorded = self._next
        if recorded is not None:
            followed = self._follow(recorded.surface.underlying)
            self._publish(followed, recorded.surface)
            self._watch_vega(followed)
        self._wait_for_next()

    # -- state ---------------------------------------------------------------------------------------

    def _restored(self, underlying: str) -> _Followed:
        document = None if self._store is None else self._store.get(SOURCE, underlying)
        followed = _Followed(underlying, self.config)
        if document is None:
            return followed
        try:
            followed.restore(document)
        except (KeyError, TypeError, ValueError) as error:
            # Of an older layout, or damaged: what is usual is learnt anew.
            self.log.warning(f"the past of {underlying} cannot be read and is left out: {error!r}")
            return _Followed(underlying, self.config)
        return followed

    def _save_sometimes(self, followed: _Followed, ts: int) -> None:
        """Save as often as figures are remembered; in a backtest at the end alone."""
        if self._loop is not None and ts - followed.saved >= self.config.score_every * 1e9:
            followed.saved = ts
            self._save(followed, ts)

    def _save(self, followed: _Followed, ts: int) -> None:
        if self._store is None or self.config.state is None:
            return
        try:
            self._store.put(SOURCE, followed.underlying, followed.to_dict(), ts=ts)
        except StateError as error:
            self.log.warning(f"the past of {followed.underlying} is not saved, a restart forgets it: {error}")
