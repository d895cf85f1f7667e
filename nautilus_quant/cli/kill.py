"""``nq kill``: trip the kill switch from outside, whether a node runs or not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from nautilus_quant.cli.answer import Answer, note
from nautilus_quant.cli.codes import FAILED, OK, REFUSED
from nautilus_quant.cli.latch import NAMESPACE, latch_data, latch_text, read_latch
from nautilus_quant.cli.places import Place, find_place, who
from nautilus_quant.host.runner_lock import AlreadyRunningError, state_lock

if TYPE_CHECKING:
    from nautilus_quant.host.state import StateStore
    from nautilus_quant.safety.kill_switch import KillSwitch

WAIT = 10.0
"""How long to wait for a running node's answer [s]; it looks once a second."""

_POLL = 0.1


def run(
    config: Path | None = None,
    *,
    state: str | None = None,
    reason: str = "",
    wait: float = WAIT,
) -> Answer:
    """
    Ask for the kill switch, and see that somebody heard it.

    Parameters
    ----------
    config
        The deployment's file.
    state
        URL of the state instead, when the config cannot be read.
    reason
        What the journal shall say.
    wait
        How long a running node may take to answer [s].

    Returns
    -------
    Answer
        OK: tripped, and on disk. FAILED: a node runs and did not answer; the latch is set for its next start.
        REFUSED: no safety engine would act on it.

    """
    place = find_place(config, state)
    if not place.guarded:
        return note(
            REFUSED, "no safety engine is configured, so nobody would act: stop the node with SIGTERM"
        )
    with place.open() as store:
        kill = read_latch(store)
        if not kill.is_armed:
            return note(OK, f"tripped already: {latch_text(kill)}", latch=latch_data(kill), running=None)
        _request(store, reason or "nq kill")
        return _trip(place, store, reason or "nq kill", wait)


def _request(store: StateStore, reason: str) -> None:
    """Leave the request where a running node looks; journal and document are one transaction."""
    now = time.time_ns()
    request = {"ts": now, "reason": reason, "by": who()}
    store.append("kill_request", request, ts=now)
    store.put_now(NAMESPACE, "kill_request", request, ts=now)


def _trip(place: Place, store: StateStore, reason: str, wait: float) -> Answer:
    try:
        with state_lock(place.url):  # no node can start while we hold it
            kill = _set_latch(store, reason)
    except AlreadyRunningError:
        return _await_node(store, reason, wait)
    message = (
        f"no node runs here: the next start finds the kill switch tripped and closes all ({reason}). "
        "Nothing watches open positions until then"
    )
    return note(OK, message, latch=latch_data(kill), running=False)


def _await_node(store: StateStore, reason: str, wait: float) -> Answer:
    deadline = time.monotonic() + wait
    while (kill := read_latch(store)).is_armed and time.monotonic() < deadline:
        time.sleep(_POLL)
    if not kill.is_armed:
        return note(OK, f"the node has heard: {latch_text(kill)}", latch=latch_data(kill), running=True)
    kill = _set_latch(store, reason)
    message = (
        f"a node runs and has not answered for {wait:g} s. Its next start will find the kill switch tripped. "
        "Look at its log; close positions at the venue by hand if it hangs, and end it with kill -KILL"
    )
    return note(FAILED, message, latch=latch_data(kill), running=True)


def _set_latch(store: StateStore, reason: str) -> KillSwitch:
    kill, now = read_latch(store), time.time_ns()
    if kill.trip(now, "command", reason):
        store.append("kill_switch", kill.to_dict(), ts=now)
        store.put_now(NAMESPACE, "latch", kill.to_dict(), ts=now)
    return kill
