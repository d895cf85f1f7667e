"""From a deployment to a finished live run: lock, state, node, signals, and everything put away after."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from nautilus_trader.common.component import sync_logger_to_disk
from nautilus_trader.common.config import resolve_config_path
from nautilus_trader.config import LoggingConfig

from nautilus_quant import __version__
from nautilus_quant.config.native import node_config
from nautilus_quant.config.registry import SAFETY_ENGINE
from nautilus_quant.host.runner_live import LiveRun, Observer, Outcome, build_node, make_loop
from nautilus_quant.host.runner_lock import state_lock
from nautilus_quant.host.runner_monitor import Monitor
from nautilus_quant.host.state import shared_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nautilus_trader.config import TradingNodeConfig
    from nautilus_trader.live.node import TradingNode

    from nautilus_quant.config.deployment import Deployment
    from nautilus_quant.host.runner_signals import StopSignals
    from nautilus_quant.host.state import StateStore
    from nautilus_quant.monitoring.snapshot import Snapshot

_FLUSH = 10.0


@dataclass(frozen=True, slots=True)
class Finished:
    """A run that is over, and the last look at it."""

    outcome: Outcome
    snapshot: Snapshot


@contextmanager
def open_state(deployment: Deployment) -> Iterator[StateStore]:
    """
    Hold a deployment's state for this process alone.

    Raises
    ------
    AlreadyRunningError
        When another node runs on it.
    StateError
        When it cannot be opened, or belongs to another kind of deployment.

    """
    with state_lock(deployment.state), shared_store(deployment.state) as store:
        store.claim(deployment.state_kind)
        yield store


def run_live(
    deployment: Deployment,
    store: StateStore,
    observer: Observer,
    signals: StopSignals,
    *,
    duration: float | None,
) -> Finished:
    """
    Run a deployment's node until it is over.

    Parameters
    ----------
    deployment
        A checked deployment.
    store
        Its state, held with `open_state`.
    observer
        Is shown how it goes.
    signals
        Installed already.
    duration
        Stop after trading so long [s]; ``None`` runs until told to stop.

    """
    loop = make_loop()
    node = build_node(quiet(node_config(deployment)), loop)
    try:
        monitor = Monitor(
            node.kernel,
            name=deployment.name,
            mode=str(deployment.mode),
            currency=deployment.reporting_currency,
        )
        run = LiveRun(
            node,
            monitor,
            observer,
            duration=duration,
            flatten=deployment.on_stop == "flatten",
            lasting=[venue.name for venue in deployment.venues.values() if not venue.paper],
        )
        _note(store, node, "start", config=deployment.path, version=__version__, pid=os.getpid())
        guarded = safety_fields(deployment) is not None
        signals.listen_kill(
            partial(_ask_for_kill, store, node)
            if guarded
            else partial(run.request_stop, "SIGUSR1, and no safety engine to hear it")
        )
        signals.enter_loop(loop)
        signals.listen(run.request_stop)
        outcome = loop.run_until_complete(run.run())
        signals.leave_loop(loop)
        stays = {"resting": list(outcome.resting), "bare": list(outcome.bare)}
        _note(store, node, "stop", ok=outcome.ok, reason=outcome.reason, **stays)
        if not store.flush(_FLUSH):
            outcome = replace(outcome, ok=False, reason=f"state not written within {_FLUSH:g} s")
        finished = Finished(outcome, monitor.snapshot())
    finally:
        node.dispose()
        sync_logger_to_disk()  # NautilusTrader buffers its log and does not write the rest of it at the end
    observer.look(finished.snapshot)
    return finished


def build_only(deployment: Deployment) -> list[str]:
    """Build a deployment's node, put it away, and return the names of its components."""
    node = build_node(quiet(node_config(deployment)), make_loop())
    trader = node.trader
    names = [
        str(name) for name in (*trader.actor_ids(), *trader.strategy_ids(), *trader.exec_algorithm_ids())
    ]
    node.dispose()
    return names


def quiet(config: TradingNodeConfig) -> TradingNodeConfig:
    """Return the config with the log in its file only: the terminal belongs to the table."""
    logging = config.logging or LoggingConfig()
    if logging.log_directory and logging.log_file_name:
        folder = Path(logging.log_directory)
        folder.mkdir(parents=True, exist_ok=True)
        _prune(folder, logging.log_file_name, keep=logging.log_file_max_backup_count)
    # Flushed every second, which need not wait for the disk.
    logging = msgspec.structs.replace(logging, log_level="OFF", fileout_sync_on_flush=False)
    return msgspec.structs.replace(config, logging=logging)


def _prune(folder: Path, name: str, *, keep: int) -> None:
    """Remove the oldest logs: NautilusTrader rotates within a run, but each run begins a new file."""
    logs = sorted(folder.glob(f"{name}_*.log"), key=lambda log: log.stat().st_mtime)
    for log in logs[: len(logs) - keep] if len(logs) > keep else []:
        log.unlink(missing_ok=True)


def safety_fields(deployment: Deployment) -> dict[str, Any] | None:
    """Return the safety engine's settings, defaults included; ``None`` when none is configured."""
    engines = (p for p in deployment.plugins if p.safety or p.path == SAFETY_ENGINE)
    plugin = next(engines, None)
    if plugin is None:
        return None
    config = msgspec.convert(plugin.config, resolve_config_path(plugin.config_path))
    return msgspec.structs.asdict(config)


def _ask_for_kill(store: StateStore, node: TradingNode) -> None:
    """Leave the wish where the safety engine looks for it as soon as it runs."""
    now = node.kernel.clock.timestamp_ns()
    store.put("safety", "kill_request", {"ts": now, "reason": "SIGUSR1", "by": "signal"}, ts=now)


def _note(store: StateStore, node: TradingNode, event: str, **facts: Any) -> None:
    store.append("lifecycle", {"event": event, **facts}, ts=node.kernel.clock.timestamp_ns())
