"""One look at a running system, in numbers and words only: what table, status file and summary share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from nautilus_quant.monitoring.gates import GateLine
from nautilus_quant.safety.kill_state import KillState

NO_ENGINE = "none"
"""State of the latch when no safety engine is configured, or it has not reported yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionLine:
    """
    One open position.

    Parameters
    ----------
    instrument, strategy
        Identifiers as NautilusTrader writes them.
    quantity
        Signed size, negative when short [base coin, or contracts].
    entry
        Average entry price [quote currency].
    unrealised
        Unrealised profit at the current mark [settlement currency]; NaN when there is no mark.
    protected
        How much of it is behind stops that rest at its venue, unsigned [base coin, or contracts].

    """

    instrument: str
    strategy: str
    quantity: float
    entry: float
    unrealised: float
    protected: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """
    One look at a running system.

    Parameters
    ----------
    name, mode
        Of the deployment.
    phase
        Where the process is in its life: starting, running, stopping, stopped or failed.
    stage
        Rollout stage, or ``None`` when no rollout is in force.
    pid
        Of the node's process.
    started, ts
        When the node started and when this was taken, UNIX time [ns].
    equity, equity_start
        Now and when trading started [`currency`]; NaN while unknown.
    orders, fills, denied
        Orders made, fills, and orders denied since the start.
    prices
        Last price by instrument, the mid where there are quotes [quote currency].
    regimes
        Regime by instrument, and ``"MARKET"``.
    gates
        For each gate, how often it was asked and what it said, previews that were cut included.
    latch
        State of the kill switch.
    entries
        Whether new risk is allowed as far as the safety engine knows.
    hourly_loss, daily_loss, drawdown
        Each as a fraction of its reference equity [-]; NaN without a safety engine.
    reasons
        Why new risk is not allowed.
    data_age
        Seconds since the last market data of each instrument [s].
    loop_lag
        How late the event loop woke this observer [s].
    alerts
        What somebody should look at, newest last.

    """

    name: str
    mode: str
    phase: str
    stage: str | None = None
    pid: int
    started: int
    ts: int
    currency: str
    equity: float = math.nan
    equity_start: float = math.nan
    orders: int = 0
    fills: int = 0
    denied: int = 0
    positions: tuple[PositionLine, ...] = ()
    prices: Mapping[str, float] = field(default_factory=dict)
    regimes: Mapping[str, str] = field(default_factory=dict)
    gates: Mapping[str, GateLine] = field(default_factory=dict)
    latch: str = NO_ENGINE
    entries: bool = True
    hourly_loss: float = math.nan
    daily_loss: float = math.nan
    drawdown: float = math.nan
    reasons: tuple[str, ...] = ()
    data_age: Mapping[str, float] = field(default_factory=dict)
    loop_lag: float = math.nan
    alerts: tuple[str, ...] = ()

    @property
    def pnl(self) -> float:
        """Change of equity since trading started [currency]."""
        return self.equity - self.equity_start

    @property
    def kill_switch(self) -> bool:
        """Whether the kill switch has tripped."""
        return self.latch not in {NO_ENGINE, KillState.ARMED}

    @property
    def last_data_age(self) -> float:
        """Seconds since market data of any instrument [s]; NaN before the first."""
        return min(self.data_age.values(), default=math.nan)


def to_document(snapshot: Snapshot) -> dict[str, Any]:
    """Return a snapshot as plain JSON: times as ISO 8601, what is unknown as ``null``."""
    return {
        "name": snapshot.name,
        "mode": snapshot.mode,
        "stage": snapshot.stage,
        "phase": snapshot.phase,
        "pid": snapshot.pid,
        "started": iso_time(snapshot.started),
        "ts": iso_time(snapshot.ts),
        "currency": snapshot.currency,
        "equity": known(snapshot.equity),
        "equity_start": known(snapshot.equity_start),
        "pnl": known(snapshot.pnl),
        "orders": snapshot.orders,
        "fills": snapshot.fills,
        "denied": snapshot.denied,
        "positions": [_position(line) for line in snapshot.positions],
        "prices": {instrument: known(price) for instrument, price in snapshot.prices.items()},
        "regimes": dict(snapshot.regimes),
        "gates": {gate: line.to_dict() for gate, line in snapshot.gates.items()},
        "latch": snapshot.latch,
        "kill_switch": snapshot.kill_switch,
        "entries": snapshot.entries,
        "reasons": list(snapshot.reasons),
        "losses": {
            "hourly": known(snapshot.hourly_loss),
            "daily": known(snapshot.daily_loss),
            "drawdown": known(snapshot.drawdown),
        },
        "last_data_age_s": known(snapshot.last_data_age),
        "data_age_s": {instrument: known(age) for instrument, age in snapshot.data_age.items()},
        "loop_lag_s": known(snapshot.loop_lag),
        "alerts": list(snapshot.alerts),
    }


def iso_time(ts: int) -> str:
    """Write UNIX time [ns] as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(ts / 1e9, tz=UTC).isoformat(timespec="milliseconds")


def known(value: float) -> float | None:
    """Return the number, or ``None`` for NaN and infinities, which JSON cannot say."""
    return value if math.isfinite(value) else None


def _position(line: PositionLine) -> dict[str, Any]:
    return {
        "instrument": line.instrument,
        "strategy": line.strategy,
        "quantity": known(line.quantity),
        "entry": known(line.entry),
        "unrealised": known(line.unrealised),
        "protected": known(line.protected),
    }
