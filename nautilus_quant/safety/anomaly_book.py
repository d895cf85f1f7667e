"""Anomalies of all instruments and venues of a node, and what they mean for an order."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from nautilus_quant.gating.intent import UNLIMITED, Verdict
from nautilus_quant.safety.anomaly import AnomalyMonitor, Change
from nautilus_quant.safety.anomaly_params import LadderParams, Measure, MeasureParams, Severity
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from nautilus_quant.gating.intent import Intent

GATE = "anomaly"
MOST_GRANTS = 1024
"""Sizes granted that are remembered; the oldest goes first."""
_SECOND = 1_000_000_000
_ALLOW = Verdict(GATE, UNLIMITED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttle:
    """
    What is left to orders that open while something is wrong.

    Parameters
    ----------
    every
        Least time between two opening orders of an instrument, or of a venue where that is throttled [s].
    share
        Share of the asked quantity that may be opened [fraction].

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    every: float = 60.0
    share: float = 0.5

    def __post_init__(self) -> None:
        require(0.0 <= self.every <= 3.2e7, "0 <= every <= a year [s]", self.every)
        require(0.0 < self.share <= 1.0, "0 < share <= 1 [fraction]", self.share)


type _Pair = tuple[AnomalyMonitor, AnomalyMonitor]
"""Who speaks for an instrument: its own monitor, and that of its venue."""

_SLIPPAGE = Measure.SLIPPAGE


class _Grant(NamedTuple):
    """A size that was offered to somebody who asked for more."""

    size: Decimal
    until: int


class AnomalyBook:
    """
    One `AnomalyMonitor` for each instrument and each venue.

    A venue is judged by all its orders. Their slippage counts there less what is usual on their instrument:
    else an order in a thin market would be an anomaly of the venue.

    Parameters
    ----------
    measures, ladder
        Rules; see `AnomalyMonitor`.
    throttle
        What is left to orders while something is wrong.

    """

    def __init__(
        self,
        measures: Mapping[Measure, MeasureParams] | None = None,
        ladder: LadderParams | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        self._measures = measures
        self._ladder = ladder or LadderParams()
        self._throttle = throttle or Throttle()
        self._every = round(self._throttle.every * _SECOND)
        self._share = Decimal(repr(float(self._throttle.share)))
        self.monitors: dict[str, AnomalyMonitor] = {}
        """By instrument id, and by venue."""
        self._pairs: dict[str, _Pair] = {}
        self._grants: dict[tuple[str, str, int], _Grant] = {}

    def monitor(self, key: str) -> AnomalyMonitor:
        """Return the monitor of an instrument or venue, making it the first time."""
        found = self.monitors.get(key)
        if found is None:
            found = self.monitors[key] = AnomalyMonitor(key, self._measures, self._ladder)
        return found

    def pair(self, instrument: str) -> tuple[AnomalyMonitor, AnomalyMonitor]:
        """Return the monitors of an instrument and of its venue, making them the first time."""
        return self._pairs.get(instrument) or self._pair(instrument)

    # -- orders that went ------------------------------------------------------------------------------

    def observe(
        self, ts: int, instrument: str, measure: Measure, value: float, strategy: str = ""
    ) -> tuple[Change, ...]:
        """Take a value; see `AnomalyMonitor.observe`."""
        one, venue = self._pairs.get(instrument) or self._pair(instrument)
        usual = one.monitor(measure).usual if measure is _SLIPPAGE else 0.0
        changes = one.observe(ts, measure, value, strategy)
        if math.isnan(usual):
            return changes
        return changes + venue.observe(ts, measure, value - usual, strategy)

    def repeats(self, ts: int, instrument: str, measure: Measure, value: float, strategy: str) -> bool:
        """
        Take a value that is the same as ever and changes nothing but counts; else False, and it is not taken.

        In a fraction of the time of `observe`, which takes such a value as well.
        """
        one, venue = self._pairs.get(instrument) or self._pair(instrument)
        if one.severity or venue.severity:
            return False
        own, whole = one.measures.get(measure), venue.measures.get(measure)
        if own is None or whole is None or value != own.steady:
            return False
        # Less what is usual, where it counts so: nothing is left of it.
        if whole.steady != (0.0 if measure is _SLIPPAGE else value):
            return False
        own.more += 1
        whole.more += 1
        one.note(ts, strategy)
        venue.note(ts, strategy)
        return True

    def opened(self, ts: int, instrument: str) -> None:
        """Take note that an order which opens was let through at `ts`, UNIX time [ns]."""
        for monitor in self._pairs.get(instrument) or self._pair(instrument):
            monitor.opened = ts if monitor.opened is None else max(monitor.opened, ts)

    def _pair(self, instrument: str) -> _Pair:
        venue = instrument.rpartition(".")[2]
        pair = self._pairs[instrument] = (self.monitor(instrument), self.monitor(venue))
        return pair

    # -- orders that come ------------------------------------------------------------------------------

    def judge(self, intent: Intent) -> Verdict:
        """
        Say how much may be opened: all, a share, or nothing.

        Codes: ``ANOMALY_HALT``, ``ANOMALY_THROTTLE``.
        """
        instrument, venue = self._pairs.get(intent.instrument) or self._pair(intent.instrument)
        throttle = Severity.THROTTLE
        if instrument.severity < throttle and venue.severity < throttle:
            return _ALLOW
        # Their ends may have come without anybody having looked at the clock.
        slow = [one for one in (instrument, venue) if one.severity_at(intent.ts) >= throttle]
        if not slow:
            return _ALLOW
        worst = max(slow, key=lambda one: one.severity_at(intent.ts))
        if worst.severity_at(intent.ts) is Severity.HALT:
            return self._halted(worst, intent.ts)
        return self._throttled(intent, worst, slow)

    def _halted(self, worst: AnomalyMonitor, now: int) -> Verdict:
        left = _seconds(worst.until - now)
        reason = f"{worst.key} is halted: {worst.reason}; nothing new for another {left:.0f} s"
        return Verdict.deny(GATE, "ANOMALY_HALT", reason, seconds_left=left, **worst.numbers)

    def _throttled(self, intent: Intent, worst: AnomalyMonitor, slow: list[AnomalyMonitor]) -> Verdict:
        now = intent.ts
        last = _last_opened(slow, now)
        if last is not None and now - last < self._every:
            left = _seconds(last + self._every - now)
            reason = (
                f"{worst.key} is throttled: {worst.reason}; one opening order in "
                f"{self._throttle.every:g} s, the next in {left:.0f} s"
            )
            return Verdict.deny(GATE, "ANOMALY_THROTTLE", reason, seconds_left=left, **worst.numbers)
        size = self._granted(intent)
        if intent.opening <= size:
            return _ALLOW
        reason = (
            f"{worst.key} is throttled: {worst.reason}; {self._throttle.share:.0%} of what is asked passes, "
            f"{size.normalize():f} here"
        )
        return Verdict.limit(
            GATE, size, "ANOMALY_THROTTLE", reason, share=float(self._share), **worst.numbers
        )

    def _granted(self, intent: Intent) -> Decimal:
        """Return the share of what was asked first: who comes back for that must not be cut again."""
        who, now = (intent.strategy, intent.instrument, int(intent.side)), intent.ts
        known = self._grants.get(who)
        if known is not None and now < known.until:
            return known.size
        self._grants.pop(who, None)
        size = intent.opening * self._share
        self._grants[who] = _Grant(size, now + max(self._every, _SECOND))
        if len(self._grants) > MOST_GRANTS:
            del self._grants[next(iter(self._grants))]
        return size

    # -- state -----------------------------------------------------------------------------------------

    def advance(self, key: str, ts: int) -> tuple[Change, ...]:
        """End what is over at `ts` [ns]; see `AnomalyMonitor.advance`."""
        return self.monitor(key).advance(ts)

    def restore(self, key: str, state: Mapping[str, Any], now: int) -> tuple[Change, ...]:
        """Go on from what `AnomalyMonitor.to_dict` gave; what cannot be read halts from `now` [ns]."""
        monitor = self.monitor(key)
        try:
            monitor.restore(state)
        except (ValueError, TypeError) as error:
            return (monitor.distrust(now, f"its stored anomalies cannot be read ({error})"),)
        return monitor.advance(now)


def _last_opened(monitors: list[AnomalyMonitor], now: int) -> int | None:
    last: int | None = None
    for monitor in monitors:
        if monitor.opened is not None:
            # A clock that steps back must neither open the way nor bar it for longer than usual.
            monitor.opened = min(monitor.opened, now)
            last = monitor.opened if last is None else max(last, monitor.opened)
    return last


def _seconds(left: int) -> float:
    return max(left, 0) / _SECOND
