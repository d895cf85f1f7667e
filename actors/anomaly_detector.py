"""Watches how orders fare on each instrument and venue; slows, asks for a rollback, or halts."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from nautilus_trader.common.actor import Actor

from nautilus_quant.actors.anomaly_detector_config import AnomalyDetectorConfig, measure_params
from nautilus_quant.gating.intent import ALLOW
from nautilus_quant.host.anomaly import Observation, OrderWatch, RollbackRequest
from nautilus_quant.host.cadence import SaveCadence
from nautilus_quant.host.gateway import OrderGateway
from nautilus_quant.host.messages import Alert, publish
from nautilus_quant.host.state import StateError, StateStore, shared_store
from nautilus_quant.safety.anomaly_book import GATE, AnomalyBook, Throttle
from nautilus_quant.safety.anomaly_params import LadderParams, Severity

if TYPE_CHECKING:
    from nautilus_trader.common.events import TimeEvent
    from nautilus_trader.model.events import OrderEvent

    from nautilus_quant.gating.intent import Decision, Intent, Verdict
    from nautilus_quant.safety.anomaly import Change

_ORDERS = "events.order.*"
_BEFORE_STRATEGIES = 20  # handlers of higher priority hear a message first; strategies have 0


class AnomalyDetector(Actor):  # type: ignore[misc]
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

    def __init__(self, config: AnomalyDetectorConfig | None = None) -> None:
        super().__init__(config or AnomalyDetectorConfig())
        self._book = self._new_book()
        self._watch: OrderWatch | None = None
        self._gateway: OrderGateway | None = None
        self._store: StateStore | None = None
        self._cadence: SaveCadence | None = None
        self._changed: set[str] = set()
        self._ends: dict[str, int] = {}

    @property
    def name(self) -> str:
        """Of the gate."""
        return GATE

    @property
    def severities(self) -> dict[str, Severity]:
        """How bad it is now, by instrument id and by venue."""
        return {key: monitor.severity for key, monitor in self._book.monitors.items()}

    # -- life --------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Stand in the chain of gates first, then go on with the severities of the last run, then listen."""
        self._gateway = OrderGateway.join(self.msgbus, self)
        self._gateway.listen(self._on_decision)
        self._watch = OrderWatch(self.msgbus, self.cache, self._on_observation)
        self._store = shared_store(self.config.state)
        self._cadence = SaveCadence(self.msgbus, self.config.state)
        self._restore(self._store)
        self.msgbus.subscribe(_ORDERS, self._on_order, priority=_BEFORE_STRATEGIES)

    def on_stop(self) -> None:
        """Stop listening, save, and leave the chain."""
        self.msgbus.unsubscribe(_ORDERS, self._on_order)
        for key in self._book.monitors:
            self._forget_alert(key)
        if self._store is not None:
            self._save_changed(self.clock.timestamp_ns())
            self._store.close()
            self._store = None
        if self._gateway is not None:
            self._gateway.leave(self)
            self._gateway = None

    def on_reset(self) -> None:
        """Forget all orders and severities."""
        self._book = self._new_book()
        self._watch = None
        self._changed.clear()
        self._ends.clear()

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

    def _on_observation(self, seen: Observation) -> None:
        instrument = seen.instrument
        changes = self._book.observe(seen.ts, instrument, seen.measure, seen.value, seen.strategy)
        for key in (instrument, instrument.rpartition(".")[2]):
            self._changed.add(key)
            if self._book.monitors[key].severity:
                self._set_alert(key)
        self._follow(changes)
        if self._cadence is not None and self._cadence.is_due(seen.ts):
            self._save_changed(seen.ts)

    # -- time --------------------------------------------------------------------------------------

    def _alert(self, key: str) -> str:
        return f"{self.id.value}-recovery-{key}"

    def _set_alert(self, key: str) -> None:
        until = self._book.monitor(key).until
        if self._ends.get(key) != until:
            self._forget_alert(key)
            self._ends[key] = until
            self.clock.set_time_alert_ns(self._alert(key), until, self._on_alert)

    def _forget_alert(self, key: str) -> None:
        self._ends.pop(key, None)
        if self._alert(key) in self.clock.timer_names:
            self.clock.cancel_timer(self._alert(key))

    def _on_alert(self, event: TimeEvent) -> None:
        key = event.name.removeprefix(self._alert(""))
        self._ends.pop(key, None)
        self._follow(self._book.advance(key, event.ts_event))
        if self._book.monitor(key).severity:
            self._set_alert(key)

    # -- words -------------------------------------------------------------------------------------

    def _follow(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            halted = change.severity is Severity.HALT
            self._save(change.key, change.ts, now=halted)
        for change in changes:
            self._tell(change)
            if change.previous < Severity.ROLLBACK <= change.severity:
                self._ask_back(change)

    def _tell(self, change: Change) -> None:
        severity, rises = change.severity, change.severity > change.previous
        text = f"{change.key}: {change.previous.name} -> {severity.name}: {change.reason}"
        (self.log.warning if rises else self.log.info)(text)
        level = "INFO" if not rises else "CRITICAL" if severity is Severity.HALT else "WARNING"
        alert = Alert(
            key=f"{GATE}|{change.key}",
            ts=change.ts,
            source=GATE,
            severity=level,
            text=text,
            numbers=change.numbers,
        )
        publish(self.msgbus, alert)
        self._write_down(change)

    def _write_down(self, change: Change) -> None:
        if self._store is None:
            return
        body: dict[str, Any] = {
            "key": change.key,
            "severity": change.severity.name,
            "previous": change.previous.name,
            "until": change.until,
            "code": change.code,
            "reason": change.reason,
            "numbers": dict(change.numbers),
        }
        try:
            self._store.append(GATE, body, ts=change.ts)
        except StateError as error:
            self.log.warning(f"{change.key}: its anomaly is not in the journal: {error}")

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

    def _restore(self, store: StateStore) -> None:
        now = self.clock.timestamp_ns()
        for key, document in store.documents(GATE).items():
            changes = self._book.restore(key, document, now)
            monitor = self._book.monitor(key)
            if monitor.severity:
                self._set_alert(key)
                self.log.warning(f"{key}: still {monitor.severity.name}: {monitor.reason}")
            self._follow(changes)

    def _save_changed(self, ts: int) -> None:
        for key in self._changed:
            self._save(key, ts, now=False)
        self._changed.clear()

    def _save(self, key: str, ts: int, *, now: bool) -> None:
        if self._store is None or self.config.state is None:
            return
        document = self._book.monitor(key).to_dict()
        try:
            (self._store.put_now if now else self._store.put)(GATE, key, document, ts=ts)
        except StateError as error:
            self.log.error(f"{key}: its anomalies are not saved, a restart would forget them: {error}")
