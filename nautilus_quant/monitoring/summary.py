"""The end of a run, as one JSON object: the same keys for a live node and a backtest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_quant.monitoring.snapshot import known, to_document

if TYPE_CHECKING:
    from nautilus_quant.monitoring.snapshot import Snapshot


def summary(snapshot: Snapshot, *, duration_s: float, reason: str) -> dict[str, Any]:
    """
    Sum up a run by its last snapshot.

    Parameters
    ----------
    snapshot
        Taken when everything had stopped.
    duration_s
        How long it traded [s]: by the wall clock live, by data time in a backtest.
    reason
        Why it ended, in words.

    """
    document = to_document(snapshot)
    return {
        "mode": snapshot.mode,
        "name": snapshot.name,
        "duration_s": round(duration_s, 3),
        "orders": snapshot.orders,
        "fills": snapshot.fills,
        "denied": snapshot.denied,
        "currency": snapshot.currency,
        "equity_start": known(snapshot.equity_start),
        "equity_end": known(snapshot.equity),
        "pnl": known(snapshot.pnl),
        "kill_switch": snapshot.kill_switch,
        "latch": snapshot.latch,
        "regimes": document["regimes"],
        "gates": document["gates"],
        "positions": document["positions"],
        "alerts": document["alerts"],
        "reason": reason,
    }
