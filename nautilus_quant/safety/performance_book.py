"""The performance of every strategy of a node, each under its own limits."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from nautilus_quant.gating.intent import Verdict
from nautilus_quant.safety.performance import Change, PerformanceLimits, PerformanceMonitor, Stage

if TYPE_CHECKING:
    from nautilus_quant.gating.intent import Intent

GATE = "performance"
_ALLOW = Verdict.allow(GATE)


class Per(StrEnum):
    """What is judged by itself."""

    STRATEGY = "strategy"
    INSTRUMENT = "instrument"


class PerformanceBook:
    """
    One `PerformanceMonitor` for each strategy, or for each strategy on each instrument.

    Parameters
    ----------
    limits
        What every strategy must achieve.
    overrides
        Limits by strategy id, instead of those.
    per
        Whether a strategy is judged as a whole or on each instrument by itself.

    """

    def __init__(
        self,
        limits: PerformanceLimits,
        overrides: Mapping[str, PerformanceLimits] | None = None,
        per: Per = Per.STRATEGY,
    ) -> None:
        self._limits = limits
        self._overrides = dict(overrides or {})
        self._per = per
        self._monitors: dict[str, PerformanceMonitor] = {}

    @property
    def monitors(self) -> Mapping[str, PerformanceMonitor]:
        """By key: ``strategy``, or ``strategy|instrument``."""
        return self._monitors

    def key_of(self, strategy: str, instrument: str) -> str:
        """Name what a trade of this strategy on this instrument counts for."""
        return f"{strategy}|{instrument}" if self._per is Per.INSTRUMENT else strategy

    def closed(
        self, strategy: str, instrument: str, ts: int, pnl: float, notional: float
    ) -> tuple[Change, ...]:
        """Take a closed trade; see `PerformanceMonitor.closed`."""
        return self.monitor(self.key_of(strategy, instrument)).closed(ts, pnl, notional)

    def judge(self, intent: Intent) -> Verdict:
        """Say whether the strategy may open anything now."""
        monitor = self._monitors.get(self.key_of(intent.strategy, intent.instrument))
        block = None if monitor is None else monitor.blocked(intent.ts)
        if block is None:
            return _ALLOW
        code, reason, numbers = block
        return Verdict.deny(GATE, code, reason, **numbers)

    def due(self) -> dict[str, int]:
        """Return the ends of the pauses that last [ns], by key."""
        return {key: m.until for key, m in self._monitors.items() if m.stage is Stage.PAUSED}

    def monitor(self, key: str) -> PerformanceMonitor:
        """Return the monitor of a key, making it the first time."""
        found = self._monitors.get(key)
        if found is None:
            limits = self._overrides.get(key.partition("|")[0], self._limits)
            found = self._monitors[key] = PerformanceMonitor(limits)
        return found

    def takes(self, key: str) -> bool:
        """Tell whether a stored key is of the kind judged here."""
        return ("|" in key) == (self._per is Per.INSTRUMENT)

    def restore(self, key: str, state: Mapping[str, Any], now: int) -> Change | None:
        """Go on from what `PerformanceMonitor.to_dict` gave; what cannot be read pauses from `now` [ns]."""
        monitor = self.monitor(key)
        try:
            monitor.restore(state)
        except (ValueError, TypeError) as error:
            return monitor.distrust(now, f"its stored performance cannot be read ({error})")
        return monitor.advance(now)
