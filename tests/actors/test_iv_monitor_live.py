"""The monitor of implied volatilities on a live kernel: it fits beside the loop, and publishes on it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from nautilus_quant.actors import iv_monitor
from nautilus_quant.actors.iv_monitor import IVMonitor, IVMonitorConfig
from nautilus_quant.host.messages import subscribe
from nautilus_quant.host.options import SurfaceUpdate
from nautilus_quant.host.state import StateStore
from nautilus_quant.options.archive import read
from tests.host.live import live_system
from tests.host.options_kit import Market
from tests.options.surface_kit import DAY, svi


@pytest.fixture
def live():
    with live_system() as system:
        yield system


@pytest.fixture
def market(live):
    now = live.now
    made = Market({now + days * DAY: svi(days) for days in (9, 23)}, start=now)
    for instrument in made.instruments:
        live.cache.add_instrument(instrument)
    return made


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def quote(live, market) -> None:
    for tick in market.quotes(live.now):
        live.cache.add_quote_tick(tick)


def wait(live, until) -> None:
    end = time.monotonic() + 30.0
    while not until():
        assert time.monotonic() < end
        live.loop.run_until_complete(asyncio.sleep(0.01))


def start(live, pool: ThreadPoolExecutor, **config: Any) -> tuple[IVMonitor, list[SurfaceUpdate]]:
    # Nobody serves quotes here: they are put into the cache by hand.
    actor = IVMonitor(IVMonitorConfig(every=3_600.0, quotes=False, greeks=False, **config))
    live.kernel.trader.add_actor(actor)
    actor.register_executor(live.loop, pool)  # as a node does when it starts
    heard: list[SurfaceUpdate] = []
    subscribe(live.kernel.msgbus, SurfaceUpdate, heard.append)
    actor.start()
    return actor, heard


def test_it_fits_beside_the_loop_and_publishes_on_it(live, market, pool, monkeypatch, tmp_path):
    threads: list[str] = []
    fit = iv_monitor.fit_surface

    def watched(*args: Any) -> Any:
        threads.append(threading.current_thread().name)
        return fit(*args)

    monkeypatch.setattr(iv_monitor, "fit_surface", watched)
    actor, heard = start(live, pool, archive=str(tmp_path / "iv"), state=f"sqlite:///{tmp_path}/state.db")
    where: list[str] = []
    subscribe(live.kernel.msgbus, SurfaceUpdate, lambda _: where.append(threading.current_thread().name))
    quote(live, market)
    actor._on_timer(None)
    wait(live, lambda: heard)
    assert heard[0].statistics["atm|7-14"] == pytest.approx(0.5, abs=2e-3)
    assert threads != [threading.current_thread().name]
    assert where == [threading.current_thread().name]
    actor.stop()
    (recorded,) = read(tmp_path / "iv", "BTC")
    assert recorded.surface == heard[0].surface
    assert recorded.known >= recorded.surface.ts
    with StateStore.open(f"sqlite:///{tmp_path}/state.db", read_only=True) as store:
        assert store.get("iv", "BTC")["book"]["past"]["past"]["atm|7-14"]


def test_a_slow_fit_is_not_overtaken_and_a_failed_one_is_done_again(live, market, pool, monkeypatch):
    fit, started, release, fail = iv_monitor.fit_surface, [], threading.Event(), [True]

    def slow(*args: Any) -> Any:
        started.append(1)
        release.wait(20.0)
        if fail.pop() if fail else False:
            raise FloatingPointError("no luck")
        return fit(*args)

    monkeypatch.setattr(iv_monitor, "fit_surface", slow)
    actor, heard = start(live, pool)
    quote(live, market)
    actor._on_timer(None)
    actor._on_timer(None)
    actor._on_timer(None)
    wait(live, lambda: started)
    release.set()
    wait(live, lambda: not actor._followed["BTC"].is_fitting)
    assert len(started) == 1
    assert heard == []
    actor._on_timer(None)
    wait(live, lambda: heard)
    assert len(started) == 2
    actor.stop()


def test_what_arrives_after_the_end_is_left(live, market, pool, monkeypatch):
    fit, release = iv_monitor.fit_surface, threading.Event()

    def slow(*args: Any) -> Any:
        release.wait(20.0)
        return fit(*args)

    monkeypatch.setattr(iv_monitor, "fit_surface", slow)
    actor, heard = start(live, pool)
    quote(live, market)
    actor._on_timer(None)
    time.sleep(0.05)
    actor.stop()
    release.set()
    wait(live, lambda: not actor._followed["BTC"].is_fitting)
    assert heard == []
