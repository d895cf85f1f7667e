"""The kill switch as it is stored: read, said in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_quant.host.statejson import StateError
from nautilus_quant.monitoring.snapshot import iso_time
from nautilus_quant.safety.kill_switch import KillState, KillSwitch

if TYPE_CHECKING:
    from nautilus_quant.host.state import StateStore

NAMESPACE = "safety"
AT_REST = (KillState.FLAT, KillState.HALTED)


def read_latch(store: StateStore) -> KillSwitch:
    """
    Return the stored kill switch; armed when none was ever stored.

    Raises
    ------
    StateError
        When what is stored is damaged; a node refuses to start on it as well.

    """
    document = store.get(NAMESPACE, "latch")
    if document is None:
        return KillSwitch()
    try:
        return KillSwitch.from_dict(document)
    except ValueError as error:
        raise StateError(f"the stored kill switch is damaged: {error}") from error


def pending_rearm(store: StateStore, kill: KillSwitch) -> str:
    """Return the reason of a re-arming that waits for the next start; empty when none does."""
    wish = store.get(NAMESPACE, "rearm")
    if wish is None or kill.tripped is None or kill.state not in AT_REST:
        return ""
    return str(wish["reason"]) if wish["ts"] >= kill.tripped.ts else ""


def latch_data(kill: KillSwitch) -> dict[str, Any]:
    """Return state, trigger, reason and time of a kill switch."""
    trip = kill.tripped
    if trip is None:
        return {"state": str(kill.state), "trigger": None, "reason": None, "ts": None}
    return {"state": str(kill.state), "trigger": trip.trigger, "reason": trip.reason, "ts": iso_time(trip.ts)}


def latch_text(kill: KillSwitch) -> str:
    """Say where a kill switch stands, and why."""
    trip = kill.tripped
    if trip is None:
        return str(kill.state)
    return f"{kill.state} since {iso_time(trip.ts)}, tripped by {trip.trigger}: {trip.reason}"
