"""``nq status``: what a node says of itself, how old that is, and what is on disk."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nautilus_quant.cli.answer import Answer
from nautilus_quant.cli.codes import FAILED, NOT_RUNNING, OK, TRIPPED
from nautilus_quant.cli.latch import latch_data, pending_rearm, read_latch
from nautilus_quant.cli.places import Place, find_place
from nautilus_quant.host.runner_lock import is_held
from nautilus_quant.host.statejson import NoStateError, StateError
from nautilus_quant.monitoring.gates import GateLine
from nautilus_quant.monitoring.status import read_status
from nautilus_quant.monitoring.words import lasted, money, signed

if TYPE_CHECKING:
    from rich.console import RenderableType

_SHOWN_ALERTS = 10
FRESH = 15.0
"""How old the status of a healthy node may be [s]; it is written every 2 s."""


@dataclass(frozen=True, slots=True)
class Life:
    """Whether a node lives: ``running``, ``stopped``, ``hung``, ``dead``, ``never started``; and in words."""

    state: str
    words: str


def run(config: Path) -> Answer:
    """
    Say how a deployment's node is.

    Returns
    -------
    Answer
        OK: it runs. TRIPPED: it runs, and the kill switch has tripped. NOT_RUNNING: it does not run.
        FAILED: its process is there and says nothing any more, or the state is damaged.

    """
    place = find_place(config, None)
    assert place.deployment is not None
    status = _status(Path(place.deployment.status_file))
    life = judge(status, time.time_ns(), lost=_is_lost(status, place.url))
    latch, problem = _latch(place)
    tripped = latch is not None and latch["state"] != "armed"
    data = {
        "name": place.deployment.name,
        "node": life.state,
        "age_s": None if status is None else _age(status, time.time_ns()),
        "kill_switch": tripped,
        "latch": latch,
        "state": problem or "readable",
        "status": status,
    }
    return Answer(_code(life, tripped=tripped, problem=problem), data, _view(life, data))


def judge(status: dict[str, Any] | None, now: int, *, lost: bool = False) -> Life:
    """
    Tell a running node from a hung or a dead one.

    Parameters
    ----------
    status
        What the status file says, ``None`` when there is none.
    now
        UNIX time [ns].
    lost
        Whether it is known that its process has ended, however fresh its status.

    """
    if status is None:
        return Life("never started", "never started: there is no status file yet")
    phase, pid, age = status.get("phase"), status.get("pid"), _age(status, now)
    said = "an unknown time" if age is None else lasted(age)
    if phase in ("stopped", "failed"):
        return Life("stopped", phase if age is None else f"{phase} {lasted(age)} ago")
    if age is not None and -FRESH <= age <= FRESH and not lost:
        since = _age(status, now, of="started")
        lasting = "" if since is None else f" for {lasted(since)}"
        return Life("running", f"{phase}{lasting}, process {pid}, seen {lasted(age)} ago")
    if _is_alive(pid) and not lost:
        return Life("hung", f"hangs: process {pid} is there and has said nothing for {said}: look at its log")
    return Life("dead", f"dead: process {pid} ended without a word, last seen {said} ago; start it again")


def _code(life: Life, *, tripped: bool, problem: str) -> int:
    if problem or life.state == "hung":
        return FAILED
    if life.state != "running":
        return NOT_RUNNING
    return TRIPPED if tripped else OK


def _status(path: Path) -> dict[str, Any] | None:
    try:
        return read_status(path)
    except ValueError:  # not JSON: somebody else's file
        return None


def _age(status: dict[str, Any], now: int, *, of: str = "ts") -> float | None:
    try:
        return now / 1e9 - datetime.fromisoformat(status[of]).timestamp()
    except (KeyError, TypeError, ValueError):
        return None


def _is_lost(status: dict[str, Any] | None, state: str) -> bool:
    """Whether the process is gone for sure: nobody has its id, and nobody holds its lock."""
    return status is not None and not _is_alive(status.get("pid")) and is_held(state) is False


def _is_alive(pid: object) -> bool:
    """Whether a process of this id exists on this machine."""
    if not isinstance(pid, int) or pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _latch(place: Place) -> tuple[dict[str, Any] | None, str]:
    """Read the latch from disk, which is what the next start believes."""
    try:
        with place.open(read_only=True) as store:
            kill = read_latch(store)
            return {**latch_data(kill), "rearm": pending_rearm(store, kill)}, ""
    except NoStateError:
        return None, ""
    except StateError as error:
        return None, str(error)


def _view(life: Life, data: dict[str, Any]) -> RenderableType:
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    from nautilus_quant.monitoring.table import gates_table

    grid = Table.grid(padding=(0, 2))
    grid.add_row("node", Text(life.words))
    latch = data["latch"]
    if latch is not None:
        why = f" since {latch['ts']}, {latch['trigger']}: {latch['reason']}" if latch["ts"] else ""
        grid.add_row("kill switch", Text(f"{latch['state']}{why}"))
        if latch["rearm"]:
            grid.add_row("", Text(f"re-armed from the next start on: {latch['rearm']}"))
    if data["state"] != "readable":
        grid.add_row("state", Text(data["state"], style="red"))
    for label, text in _lines(data["status"] or {}):
        grid.add_row(label, Text(text))
    if gates := _gates(data["status"] or {}):
        grid.add_row("gates", gates_table(gates))
    calm = life.state == "running" and not data["kill_switch"]
    return Panel(grid, title=data["name"], title_align="left", border_style="cyan" if calm else "red")


def _lines(status: dict[str, Any]) -> list[tuple[str, str]]:
    lines = []
    if status.get("equity") is not None:
        equity = f"{money(_number(status['equity']))} {status.get('currency', '')}"
        lines.append(("equity", f"{equity}, {signed(_number(status.get('pnl')))} since the start"))
    if status.get("orders") is not None:
        orders = f"{status['orders']} made, {status.get('fills')} fills, {status.get('denied')} denied"
        lines.append(("orders", orders))
    held = [_held(line) for line in status.get("positions") or ()]
    if status:
        lines.append(("positions", ", ".join(held) or "flat"))
    reasons = status.get("reasons") or ()
    lines += [("no new risk", reason) for reason in reasons]
    alerts = [alert for alert in status.get("alerts") or () if alert not in reasons]
    return lines + [("look at", alert) for alert in alerts[-_SHOWN_ALERTS:]]


def _gates(status: dict[str, Any]) -> dict[str, GateLine]:
    said = status.get("gates") or {}
    return {gate: GateLine.from_dict(line) for gate, line in said.items() if isinstance(line, dict)}


def _held(line: dict[str, Any]) -> str:
    behind = line.get("protected")
    stops = f" ({behind:g} behind stops)" if behind else ""
    return f"{line['quantity']:g} {line['instrument']}{stops}"


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan
