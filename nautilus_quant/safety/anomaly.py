"""Anomalies of execution: a ladder of severities that is climbed at once and left slowly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from nautilus_quant.safety import stored
from nautilus_quant.safety.anomaly_measure import MeasureMonitor
from nautilus_quant.safety.anomaly_params import DEFAULTS, LadderParams, Measure, MeasureParams, Severity

VERSION = 1
MOST_STRATEGIES = 64
_SECOND = 1_000_000_000


class Change(NamedTuple):
    """The severity of an instrument or venue changed."""

    key: str
    """Instrument or venue."""
    ts: int
    """When, UNIX time [ns]."""
    severity: Severity
    previous: Severity
    until: int
    """When it falls by one if nothing happens until then [ns]; 0 at NONE."""
    code: str
    """The measure, or ``RECOVERY``, or ``STATE_DAMAGED``."""
    reason: str
    numbers: dict[str, float]


class AnomalyMonitor:
    """
    Follows how orders fare on one instrument or venue.

    Definition
    ----------
    1. ``t`` is the latest time seen so far: a clock that steps back stands still here.
    2. A value of a measure at ``t`` may *call* for a severity (see `MeasureMonitor`). One above that of now
       becomes it at once, until ``t`` and the recovery time of that severity.
    3. A value whose measure *holds* at least the severity of now moves its end to ``t`` and the recovery
       time.
    4. At its end a severity falls by one, and the next one down lasts one recovery time more. What was scored
       until then is spent, so that a new rise needs new evidence. What is usual is kept.
    5. The end is an absolute time: a restart neither shortens nor prolongs it.

    Parameters
    ----------
    key
        Instrument id, or venue.
    measures
        Rules by measure; what is left out is judged by `DEFAULTS`.
    ladder
        How surely and for how long something must be wrong.

    """

    __slots__ = ("_latest", "_now", "_params", "_strategies", "key", "ladder", "measures", "numbers",
                 "opened", "reason", "severity", "until")  # fmt: skip

    def __init__(
        self,
        key: str,
        measures: Mapping[Measure, MeasureParams] | None = None,
        ladder: LadderParams | None = None,
    ) -> None:
        self.key = key
        self.ladder = ladder or LadderParams()
        self._params = {**DEFAULTS, **(measures or {})}
        self.measures: dict[Measure, MeasureMonitor] = {}
        """What was measured so far."""
        self.severity = Severity.NONE
        self.until = 0
        """When the severity falls by one, UNIX time [ns]; 0 at NONE."""
        self.opened: int | None = None
        """When something was opened last [ns]."""
        self.reason = ""
        self.numbers: dict[str, float] = {}
        self._now = 0
        self._strategies: dict[str, int] = {}
        self._latest = ""

    def monitor(self, measure: Measure) -> MeasureMonitor:
        """Return the monitor of a measure, making it the first time."""
        found = self.measures.get(measure)
        if found is None:
            found = self.measures[measure] = MeasureMonitor(measure, self._params[measure], self.ladder)
        return found

    def observe(self, ts: int, measure: Measure, value: float, strategy: str = "") -> tuple[Change, ...]:
        """
        Take a value, and return what it changed.

        Parameters
        ----------
        ts
            UNIX time [ns].
        measure, value
            What was measured [unit of the measure]; NaN when unknown.
        strategy
            Whose order it was.

        """
        monitor = self.measures.get(measure) or self.monitor(measure)
        if not self.severity and value == monitor.steady:
            monitor.more += 1
            self.note(ts, strategy)
            return ()
        changes = self.advance(ts)
        if not monitor.observe(value):
            return changes
        self._remember(strategy)
        called = monitor.calls()
        if called > self.severity:
            found = monitor.finding()
            self.reason, self.numbers = found.reason, found.numbers
            return (*changes, self._go(called, self._now, measure.value, found.reason, found.numbers))
        if self.severity and monitor.holds() >= self.severity:
            self.until = self._now + self._lasting(self.severity)
        return changes

    def note(self, ts: int, strategy: str) -> None:
        """Take note that an order of a strategy was measured at `ts` [ns]."""
        self._now = max(self._now, ts)
        if strategy and strategy == self._latest:
            self._strategies[strategy] = self._now
        else:
            self._remember(strategy)

    def advance(self, ts: int) -> tuple[Change, ...]:
        """End what is over at `ts` [ns], and return what that changed."""
        self._now = max(self._now, ts)
        if not self.severity:
            return ()
        changes: list[Change] = []
        while self.severity and self._now >= self.until:
            for monitor in self.measures.values():
                monitor.forget()
            lower = Severity(self.severity - 1)
            over = self.until
            reason = f"nothing as bad for {self._lasting(self.severity) / _SECOND:.0f} s"
            changes.append(self._go(lower, over, "RECOVERY", reason, {}))
        return tuple(changes)

    def severity_at(self, ts: int) -> Severity:
        """Return what `advance` would leave of the severity at `ts` [ns]; nothing changes."""
        now, severity, until = max(self._now, ts), self.severity, self.until
        while severity and now >= until:
            severity = Severity(severity - 1)
            until += self._lasting(severity)
        return severity

    def distrust(self, ts: int, reason: str) -> Change:
        """Halt because what was stored cannot be read."""
        self._now = max(self._now, ts)
        self.reason, self.numbers = reason, {}
        return self._go(Severity.HALT, self._now, "STATE_DAMAGED", reason, {})

    @property
    def strategies(self) -> tuple[str, ...]:
        """Whose orders were measured within the last recovery time, the latest last."""
        since = self._now - self._lasting(Severity.ALERT)
        return tuple(strategy for strategy, ts in self._strategies.items() if ts >= since)

    def _remember(self, strategy: str) -> None:
        if not strategy:
            return
        known = self._strategies
        if strategy != self._latest:
            known.pop(strategy, None)  # put last
            self._latest = strategy
            known[strategy] = self._now
            if len(known) > MOST_STRATEGIES:
                del known[next(iter(known))]
        else:
            known[strategy] = self._now

    def _lasting(self, severity: Severity) -> int:
        ladder = self.ladder
        seconds = ladder.halt_recovery if severity is Severity.HALT else ladder.recovery
        return round(seconds * _SECOND)

    def _go(self, severity: Severity, ts: int, code: str, reason: str, numbers: dict[str, float]) -> Change:
        previous, self.severity = self.severity, severity
        self.until = ts + self._lasting(severity) if severity else 0
        return Change(self.key, ts, severity, previous, self.until, code, reason, numbers)

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs; the rules belong to the config."""
        return {
            "version": VERSION,
            "severity": self.severity.name,
            "until": self.until,
            "now": self._now,
            "opened": self.opened,
            "reason": self.reason,
            "numbers": dict(self.numbers),
            "strategies": dict(self._strategies),
            "measures": {measure.value: monitor.to_dict() for measure, monitor in self.measures.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """
        Go on from what `to_dict` gave, under the rules of now; a severity ends when it was to end.

        Raises
        ------
        DamagedStateError
            When it is not what was written; nothing is taken over then.

        """
        stored.check_version("anomaly", state, VERSION)
        name = stored.field(state, "severity")
        if name not in Severity.__members__:
            raise stored.DamagedStateError(f"stored 'severity' must be a severity, was {name!r:.200}")
        until, now, opened = (
            stored.moment(state, "until"),
            stored.moment(state, "now"),
            stored.maybe_moment(state, "opened"),
        )
        numbers = stored.mapping(state, "numbers")
        numbers = {str(key): stored.number(numbers, key) for key in numbers}
        strategies = stored.mapping(state, "strategies")
        seen = {str(key): stored.moment(strategies, key) for key in strategies}
        measures = self._restored(stored.mapping(state, "measures"))
        self.severity, self.until, self._now, self.opened = Severity[name], until, now, opened
        self.reason, self.numbers = str(stored.field(state, "reason")), numbers
        self._strategies, self.measures, self._latest = seen, measures, ""
        return self

    def _restored(self, state: Mapping[str, Any]) -> dict[Measure, MeasureMonitor]:
        found = {}
        for name in state:
            measure = stored.choice({"measure": name}, "measure", Measure)
            monitor = MeasureMonitor(measure, self._params[measure], self.ladder)
            found[measure] = monitor.restore(stored.mapping(state, name))
        return found
