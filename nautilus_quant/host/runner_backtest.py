"""Run a deployment over recorded or simulated data, with NautilusTrader's own backtest node."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nautilus_trader.backtest.node import BacktestNode
from nautilus_trader.common.component import is_backtest_force_stop

from nautilus_quant.config.native_backtest import run_configs
from nautilus_quant.config.problems import ConfigError, Problem
from nautilus_quant.host.runner_monitor import Monitor
from nautilus_quant.host.valuation import Valuer
from nautilus_quant.monitoring.results import (
    CurveStatistics,
    TradeStatistics,
    curve_statistics,
    trade_statistics,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from nautilus_trader.backtest.engine import BacktestEngine
    from nautilus_trader.backtest.results import BacktestResult
    from nautilus_trader.core.data import Data
    from nautilus_trader.model.position import Position

    from nautilus_quant.config.deployment import Deployment
    from nautilus_quant.monitoring.snapshot import Snapshot

type Progress = Callable[[float, int], None]
"""Called with the share done in [0, 1] and the time in the data, UNIX time [ns]."""

_SAMPLE = 60_000_000_000
_POLL = 0.1
_AFTER_VALUER = 13


@dataclass(frozen=True, slots=True)
class BacktestFinished:
    """A backtest that is over: the last look at it, and what the usual statistics say."""

    engine: BacktestEngine
    snapshot: Snapshot
    native: BacktestResult
    curve: CurveStatistics
    trades: TradeStatistics
    problem: str

    @property
    def duration_s(self) -> float:
        """Length of the data [s]."""
        return float(self.native.elapsed_time)


def run_backtest(deployment: Deployment, progress: Progress) -> BacktestFinished:
    """
    Run a deployment's backtest; its data must be prepared already.

    Parameters
    ----------
    deployment
        A checked deployment.
    progress
        Told now and then how far it is, from another thread.

    Raises
    ------
    ConfigError
        When there is no data in the period.

    """
    node = BacktestNode(configs=run_configs(deployment))
    node.build()
    engine = node.get_engines()[0]
    monitor = Monitor(
        engine.kernel,
        name=deployment.name,
        mode="backtest",
        currency=deployment.reporting_currency,
    )
    recorder = EquityRecorder(monitor, engine)
    with _reported(engine, progress):
        native = node.run()[0]
    if not native.iterations:
        rule = "its period must have data of the instruments named, there is none"
        raise ConfigError([Problem(file=str(deployment.path), line=0, path="backtest", rule=rule)])
    recorder.sample()
    monitor.phase = "stopped"
    problem = "the engine stopped before the end of the data" if is_backtest_force_stop() else ""
    return BacktestFinished(
        engine=engine,
        snapshot=monitor.snapshot(),
        native=native,
        curve=curve_statistics(recorder.curve),
        trades=trade_statistics(_profits(engine)),
        problem=problem,
    )


class EquityRecorder:
    """
    Keeps the equity curve of a backtest, one point a minute of data time.

    It listens to market data instead of setting a timer: a timer would be an event of the
    backtest, and a backtest must not depend on who watches it.

    Parameters
    ----------
    monitor
        Values the account.
    engine
        Whose data is listened to.

    """

    def __init__(self, monitor: Monitor, engine: BacktestEngine) -> None:
        self._monitor = monitor
        self._clock = engine.kernel.clock
        self._due = 0
        self.curve: list[tuple[int, float]] = []
        for topic in ("data.quotes.*", "data.trades.*", "data.bars.*"):
            engine.kernel.msgbus.subscribe(topic, self._on_data, priority=_AFTER_VALUER)

    def sample(self) -> None:
        """Add a point now."""
        self._monitor.mark_start()
        self.curve.append((self._clock.timestamp_ns(), self._monitor.equity()))

    def _on_data(self, data: Data) -> None:
        ts = data.ts_init
        if ts >= self._due:
            self._due = ts - ts % _SAMPLE + _SAMPLE
            self.sample()


def write_report(engine: BacktestEngine, path: Path, title: str) -> None:
    """
    Write NautilusTrader's tear sheet as HTML.

    Raises
    ------
    ImportError
        When plotly is not installed.

    """
    from nautilus_trader.analysis.tearsheet import create_tearsheet

    path.parent.mkdir(parents=True, exist_ok=True)
    create_tearsheet(engine, output_path=str(path), title=title)


@contextmanager
def _reported(engine: BacktestEngine, progress: Progress) -> Iterator[None]:
    """Tell how far the engine is, by looking at it from a thread: it needs no hook and costs it nothing."""
    done = threading.Event()

    def watch() -> None:
        total = 0
        while not done.wait(_POLL):
            if engine.iteration:
                total = total or len(engine.data)
                progress(min(engine.iteration / max(total, 1), 1.0), engine.kernel.clock.timestamp_ns())

    thread = threading.Thread(target=watch, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _profits(engine: BacktestEngine) -> Iterator[float]:
    """Yield the realised profit of every closed position, those of netted positions included."""
    cache, now = engine.kernel.cache, engine.kernel.clock.timestamp_ns()
    valuer = Valuer.on(engine.kernel.msgbus)
    closed: list[Position] = [*cache.positions_closed(), *cache.position_snapshots()]
    for position in closed:
        profit = position.realized_pnl
        if profit is not None and position.is_closed:
            yield float(profit) * valuer.rate(profit.currency.code, now)
