"""``nq rearm``: let a person allow risk again, with a reason, once everything is closed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from nautilus_quant.cli.answer import Answer, note
from nautilus_quant.cli.codes import OK, REFUSED
from nautilus_quant.cli.latch import AT_REST, NAMESPACE, latch_data, latch_text, read_latch
from nautilus_quant.cli.places import find_place, who

if TYPE_CHECKING:
    from nautilus_quant.config.deployment import Deployment
    from nautilus_quant.host.state import StateStore
    from nautilus_quant.safety.kill_switch import KillSwitch


def run(config: Path, *, reason: str) -> Answer:
    """
    Re-arm the kill switch of a deployment, from its next start on.

    Parameters
    ----------
    config
        The deployment's file.
    reason
        Why risk is allowed again; goes into the journal.

    Returns
    -------
    Answer
        OK: done, or armed already. REFUSED: no reason, the kill file exists, or positions are being closed.

    """
    if not reason.strip():
        return note(
            REFUSED, "re-arming needs a reason, was empty: --reason 'what was wrong, and what was done'"
        )
    place = find_place(config, None, plugins=True)
    assert place.deployment is not None
    kill_file = kill_file_of(place.deployment)
    if kill_file is None:
        return note(REFUSED, "no safety engine is configured, so there is no kill switch to re-arm")
    if kill_file.exists():
        return note(REFUSED, f"the kill file {kill_file} exists and would trip it again: remove it first")
    with place.open() as store:
        return _rearm(store, reason.strip())


def kill_file_of(deployment: Deployment) -> Path | None:
    """Return where the safety engine looks for the kill file, ``None`` without an engine."""
    from nautilus_quant.host.runner_session import safety_fields

    fields = safety_fields(deployment)
    return None if fields is None else Path(fields["kill_file"])


def _rearm(store: StateStore, reason: str) -> Answer:
    kill = read_latch(store)
    if kill.tripped is None:
        return note(OK, "the kill switch is armed already, nothing to do", latch=latch_data(kill))
    if kill.state not in AT_REST:
        hint = "let the node finish, or start it, so that it closes everything and halts; then re-arm"
        return note(
            REFUSED, f"the kill switch is at work: {latch_text(kill)}. {hint}", latch=latch_data(kill)
        )
    _write(store, kill, kill.tripped.ts, reason)
    message = (
        "re-armed from the next start on, with a fresh drawdown peak; a node that runs stays halted until "
        f"it ends. It was {latch_text(kill)}"
    )
    return note(OK, message, latch=latch_data(kill), reason=reason)


def _write(store: StateStore, kill: KillSwitch, tripped: int, reason: str) -> None:
    """Journal and document in one transaction. The wish counts only when it is younger than the trip."""
    now = max(time.time_ns(), tripped + 1)
    wish = {"ts": now, "reason": reason, "by": who()}
    store.append("rearm", {**wish, "effective": False, "latch": kill.to_dict()}, ts=now)
    store.delete(NAMESPACE, "kill_request")  # an old one would trip the re-armed switch at once
    store.put_now(NAMESPACE, "rearm", wish, ts=now)
