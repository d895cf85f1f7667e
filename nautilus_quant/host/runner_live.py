"""Run a live node from its first connection to its last flush, and know how it went."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from nautilus_trader.common.component import flush_logger
from nautilus_trader.live.node import TradingNode

from nautilus_quant.host.runner_monitor import Monitor
from nautilus_quant.host.runner_start import watch_start, why_not_started
from nautilus_quant.host.runner_stop import Shutdown, take_over_shutdown

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from nautilus_trader.common.messages import ShutdownSystem
    from nautilus_trader.config import TradingNodeConfig
    from nautilus_trader.model.events import AccountState

    from nautilus_quant.monitoring.snapshot import Snapshot

_FAILURE = "Unexpected exception"
_LOOK_EVERY = 1.0
_GRACE = 15.0


class Observer(Protocol):
    """Whoever wants to see how it goes, e.g. the terminal and the status file."""

    def ready(self, accounts: Mapping[str, str]) -> None:
        """Hear of the accounts and their balances in words, once, before anything trades."""

    def look(self, snapshot: Snapshot) -> None:
        """Take a look; comes about once a second."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    How a run ended.

    Parameters
    ----------
    ok, reason
        Whether it stopped as asked, and why it stopped.
    duration_s
        How long it traded [s].
    resting, bare
        In words: exits that stay at their venues, and positions that stay without exits.

    """

    ok: bool
    reason: str
    duration_s: float
    resting: tuple[str, ...] = ()
    bare: tuple[str, ...] = ()


def make_loop() -> asyncio.AbstractEventLoop:
    """Make and set the loop of this thread: uvloop where NautilusTrader brought it, else asyncio's."""
    try:
        import uvloop
    except ImportError:
        loop = asyncio.new_event_loop()
    else:
        loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop


def build_node(config: TradingNodeConfig, loop: asyncio.AbstractEventLoop) -> TradingNode:
    """Make a node with its clients."""
    node = TradingNode(config=config, loop=loop)
    node.build()
    return node


class LiveRun:
    """
    One run of one node.

    Parameters
    ----------
    node
        Built, not started.
    monitor
        Watches its kernel.
    observer
        Is shown how it goes.
    duration
        Stop after trading so long [s]; ``None`` runs until told to stop.
    flatten
        Whether open positions are closed at the end.
    lasting
        Venues that live on without the node: exits stay there when positions do.

    """

    def __init__(
        self,
        node: TradingNode,
        monitor: Monitor,
        observer: Observer,
        *,
        duration: float | None,
        flatten: bool,
        lasting: Collection[str] = (),
    ) -> None:
        self._node = node
        self._kernel = node.kernel
        self._log = node.kernel.logger
        self._loop = node.kernel.loop
        self._monitor = monitor
        self._observer = observer
        self._duration = duration
        self._shutdown = Shutdown(node.kernel, flatten=flatten, lasting=lasting)
        self._stop = asyncio.Event()
        self._reason = ""
        self._failed = False
        self._began = self._ended = 0.0
        self._announced = False
        self._resting: tuple[str, ...] = ()
        self._bare: tuple[str, ...] = ()

    def request_stop(self, reason: str) -> None:
        """Begin to stop; the first reason given is the one reported."""
        if not self._stop.is_set():
            self._reason = reason
            self._ended = time.monotonic()
            self._stop.set()

    def fail(self, reason: str) -> None:
        """Begin to stop because something broke; if that is under way, what broke is the reason reported."""
        self._monitor.alert(reason)
        if self._stop.is_set() and not self._failed:
            self._reason = f"{reason} (after {self._reason})"
        self._failed = True
        self.request_stop(reason)

    async def run(self) -> Outcome:
        """Start, trade, stop; never raises for what goes wrong inside the node."""
        self._loop.set_exception_handler(self._on_loop_exception)
        take_over_shutdown(self._kernel, self._on_shutdown_command)
        self._kernel.msgbus.subscribe("events.account.*", self._on_account)
        self._on_account()
        started = watch_start(self._kernel)
        running = self._loop.create_task(self._node.run_async(), name="node")
        looking = self._loop.create_task(self._look(), name="observer")
        stopping = self._loop.create_task(self._stop.wait(), name="stop")
        try:
            await self._begin(started, running, stopping)
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            self._notice(running)
            await self._end(running)
        finally:
            looking.cancel()
            stopping.cancel()
            await asyncio.gather(looking, stopping, return_exceptions=True)
        lasted = self._ended - self._began if self._began else 0.0
        return Outcome(not self._failed, self._reason, lasted, self._resting, self._bare)

    # -- beginning ---------------------------------------------------------------------------------

    async def _begin(
        self, started: asyncio.Event, running: asyncio.Task[None], stopping: asyncio.Task[Any]
    ) -> None:
        waiting = self._loop.create_task(started.wait(), name="start")
        await asyncio.wait({waiting, running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not started.is_set() or self._stop.is_set():
            return
        if not self._node.trader.is_running:
            self.fail(f"the node did not start: {why_not_started(self._kernel)}")
            return
        self._announce()
        self._began = time.monotonic()
        self._monitor.phase = "running"
        self._monitor.mark_start()
        if self._duration is not None:
            over = f"duration of {self._duration:g} s is over"
            self._loop.call_later(self._duration, self.request_stop, over)

    def _on_account(self, _state: AccountState | None = None) -> None:
        """Announce when every venue has reported its account: before the kernel starts strategies."""
        if len(self._kernel.cache.accounts()) >= len(self._kernel.exec_engine.registered_clients):
            self._announce()

    def _announce(self) -> None:
        if not self._announced:
            self._announced = True
            self._observer.ready(self._monitor.accounts())

    # -- noticing ----------------------------------------------------------------------------------

    def _notice(self, running: asyncio.Task[None]) -> None:
        """Treat a node that ended by itself as broken, whether it says so or not."""
        if not running.done() or self._stop.is_set():
            return
        error = None if running.cancelled() else running.exception()
        self.fail(f"the node ended by itself: {error!r}" if error else "the node ended by itself")

    def _on_loop_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self._log.error(f"event loop: {context.get('message')} {error!r}")
        if error is None or self._stop.is_set():
            return
        loop.default_exception_handler(context)
        self.fail(f"exception in the event loop: {error!r}")

    def _on_shutdown_command(self, command: ShutdownSystem) -> None:
        """Hear that a component wants the system down, or that an engine has failed."""
        self._shutdown.begin()
        reason = str(command.reason or "a component asked for it")
        if reason.startswith(_FAILURE):
            self.fail(reason)
        else:
            self.request_stop(f"shutdown command: {reason}")

    async def _look(self) -> None:
        lag = float("nan")
        while True:
            flush_logger()  # its last lines are what one wants to read of a node that died
            self._observer.look(self._monitor.snapshot(loop_lag=lag))
            due = self._loop.time() + _LOOK_EVERY
            await asyncio.sleep(_LOOK_EVERY)
            lag = max(0.0, self._loop.time() - due)

    # -- ending ------------------------------------------------------------------------------------

    async def _end(self, running: asyncio.Task[None]) -> None:
        self._monitor.phase = "stopping"
        if not self._node.trader.is_running:
            running.cancel()  # still connecting: or it would start to trade after the stop
        if left := await self._shutdown.run():
            self.fail(left)
        try:
            async with asyncio.timeout(self._stop_timeout()):
                await self._node.stop_async()
        except TimeoutError:
            self.fail(f"the node did not stop within {self._stop_timeout():g} s")
        self._tell_what_stays()
        self._shutdown.end()
        self._monitor.phase = "failed" if self._failed else "stopped"
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    def _tell_what_stays(self) -> None:
        """Say which exits stay and which positions are bare, once no strategy can change it any more."""
        self._resting, self._bare = tuple(self._shutdown.resting()), tuple(self._shutdown.bare())
        for text in self._resting:
            self._log.info(f"stays at its venue: {text}")
        for text in self._bare:
            self._log.warning(text)
            self._monitor.alert(text)

    def _stop_timeout(self) -> float:
        config = self._node._config  # noqa: SLF001 (NautilusTrader keeps it nowhere else)
        return float(config.timeout_post_stop + config.timeout_disconnection + _GRACE)
