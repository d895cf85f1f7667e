"""Watches how orders fare on each instrument and venue; slows, asks for a rollback, or halts."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from nautilus_quant.actors.anomaly_detector_config import AnomalyDetectorConfig, measure_params
from nautilus_quant.gating.intent import ALLOW
from nautilus_quant.host.anomaly import OrderWatch, RollbackRequest
from nautilus_quant.host.gate_actor import BEFORE_STRATEGIES, GateActor
from nautilus_quant.host.messages import publish
from nautilus_quant.safety.anomaly_book import GATE, AnomalyBook, Throttle
from nautilus_quant.safety.anomaly_params import LadderParams, Severity

if TYPE_CHECKING:
    from nautilus_trader.model.events import OrderEvent

    from nautilus_quant.gating.intent import Decision, Intent, Verdict
    from nautilus_quant.host.gate_actor import Heard
    from nautilus_quant.host.gateway import OrderGateway
    from nautilus_quant.host.state import StateStore
    from nautilus_quant.safety.anomaly import Change
    from nautilus_quant.safety.anomaly_params import Measure

_ORDERS = "events.order.*"


class AnomalyDetector(GateActor):
    """
    Judges how the orders of all strategies of a node fare, whoever wrote them.

    Parameters
    ----------
    config
        An `AnomalyDetectorConfig`.

    Raises
    ------
    ValueError
        If a bound is impossible, or a measure unknown.

    """

    name = GATE

    def __init__(self, config: AnomalyDetectorConfig | None = None) -> None:
        super().__init__(config or AnomalyDetectorConfig())
        self._book = self._new_book()
        self._watch: OrderWatch | None = None
        self._changed: set[str] = set()
        self._recoveries = self._wake_ups("recovery", self._advance)

    @property
    def severities(self) -> dict[str, Severity]:
        """How bad it is now, by instrument id and by venue."""
        return {key: monitor.severity for key, monitor in self._book.monitors.items()}

    # -- life --------------------------------------------------------------------------------------

    def _topics(self) -> tuple[Heard, ...]:
        return ((_ORDERS, self._on_order, BEFORE_STRATEGIES),)

    def _resume(self, gateway: OrderGateway, store: StateStore) -> None:
        gateway.listen(self._on_decision)
        self._watch = OrderWatch(self.msgbus, self.cache, self._on_observation)
        now = self.clock.timestamp_ns()
        for key, document in store.documents(GATE).items():
            changes = self._book.restore(key, document, now)
            self._wait(key)
            monitor = self._book.monitor(key)
            if monitor.severity:
                self.log.warning(f"{key}: still {monitor.severity.name}: {monitor.reason}")
            self._follow(changes)

    def on_reset(self) -> None:
        """Forget all orders and severities."""
        self._book = self._new_book()
        self._watch = None
        self._changed.clear()

    # -- orders ------------------------------------------------------------------------------------

    def check(self, intent: Intent) -> Verdict:
        """Judge an order by how others fared before it."""
        return self._book.judge(intent)

    def _on_decision(self, decision: Decision) -> None:
        intent = decision.intent
        if decision.outcome == ALLOW and intent.opening and self._gateway is not None:
            self._book.opened(intent.ts, intent.instrument)

    def _on_order(self, event: OrderEvent) -> None:
        if self._watch is not None:
            self._watch.on_event(event)

    def _on_observation(
        self, ts: int, instrument: str, strategy: str, measure: Measure, value: float
    ) -> None:
        self._changed.add(instrument)
        if not self._book.repeats(ts, instrument, measure, value, strategy):
            changes = self._book.observe(ts, instrument, measure, value, strategy)
            for monitor in self._book.pair(instrument):
                if monitor.severity:
                    self._wait(monitor.key)
            if changes:
                self._follow(changes)
        if self._cadence is not None:
            self._save_sometimes(ts)

    def _wait(self, key: str) -> None:
        """Wake up when it may have recovered, unless there is nothing to recover from."""
        monitor = self._book.monitor(key)
        if monitor.severity:
            self._recoveries.set(key, monitor.until)

    def _advance(self, key: str, ts: int) -> None:
        self._follow(self._book.advance(key, ts))
        self._wait(key)

    # -- words -------------------------------------------------------------------------------------

    def _follow(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            halted = change.severity is Severity.HALT
            self._save(change.key, self._book.monitor(change.key).to_dict, change.ts, now=halted)
        for change in changes:
            self._tell(change)
            if change.previous < Severity.ROLLBACK <= change.severity:
                self._ask_back(change)

    def _tell(self, change: Change) -> None:
        severity, rises = change.severity, change.severity > change.previous
        text = f"{change.key}: {change.previous.name} -> {severity.name}: {change.reason}"
        level = "INFO" if not rises else "CRITICAL" if severity is Severity.HALT else "WARNING"
        self._alert(change.key, change.ts, level, text, change.numbers)
        body = {
            "key": change.key,
            "severity": change.severity.name,
            "previous": change.previous.name,
            "until": change.until,
            "code": change.code,
            "reason": change.reason,
            "numbers": dict(change.numbers),
        }
        self._write_down(GATE, body, change.ts)

    def _ask_back(self, change: Change) -> None:
        instrument, _, venue = change.key.rpartition(".")
        what = change.key if instrument else "*"
        for strategy in self._book.monitor(change.key).strategies:
            request = RollbackRequest(
                key=f"{venue}|{what}|{strategy}",
                ts=change.ts,
                venue=venue,
                instrument=what,
                strategy=strategy,
                severity=change.severity.name,
                code=change.code,
                reason=change.reason,
                numbers=change.numbers,
            )
            publish(self.msgbus, request)

    # -- state -------------------------------------------------------------------------------------

    def _new_book(self) -> AnomalyBook:
        given = self.config
        ladder = LadderParams(**{item.name: getattr(given, item.name) for item in fields(LadderParams)})
        throttle = Throttle(every=given.throttle_every, share=given.throttle_share)
        return AnomalyBook(measure_params(given), ladder, throttle)

    def _save_all(self, ts: int) -> None:
        for monitor in {one.key: one for name in self._changed for one in self._book.pair(name)}.values():
            self._save(monitor.key, monitor.to_dict, ts)
        self._changed.clear()
