"""What all gates that are actors do alike: stand in the chain first, save, tell, wake up, and leave last."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from nautilus_trader.common.actor import Actor

from nautilus_quant.host.alarm import Alarm
from nautilus_quant.host.cadence import SaveCadence
from nautilus_quant.host.gateway import OrderGateway
from nautilus_quant.host.kernel import find_kernel, is_backtest
from nautilus_quant.host.messages import Alert, publish
from nautilus_quant.host.state import StateError, StateStore, shared_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from nautilus_trader.common.events import TimeEvent
    from nautilus_trader.config import ActorConfig

    from nautilus_quant.gating.intent import Intent, Verdict

BEFORE_STRATEGIES = 20
"""Priority on the bus: handlers of higher priority hear a message first; strategies have 0."""

type Document = Callable[[], Mapping[str, Any]]
"""Gives what is saved; called only where something is."""

type Heard = tuple[str, Callable[[Any], None], int]
"""Topic, handler, and priority on the bus."""


class GateActor(Actor):
    """
    Base of the actors that are gates: each shows what is its own, and nothing else.

    A gate names itself (`name`), judges (`check`), and says which topics it hears (`_topics`). Where it has a
    memory, it goes on with what was saved (`_resume`) and writes it down (`_save_all`); `_begin` comes last.
    It stands in the chain before anything else is tried. Whatever then fails, it is asked: a gate must deny
    what it cannot judge, also when it never got as far as `_resume`.

    Parameters
    ----------
    config
        Of the gate; its ``state``, if it has one, is the URL of the state store.

    Attributes
    ----------
    name
        Of the gate in the chain, and of its alerts.
    namespace
        Of its documents in the state store; its name, where nothing else is said.

    """

    name: str
    namespace: str = ""

    def __init__(self, config: ActorConfig) -> None:
        super().__init__(config)
        self._state_url: str | None = getattr(config, "state", None)
        self._gateway: OrderGateway | None = None
        self._store: StateStore | None = None
        self._cadence: SaveCadence | None = None
        self._live = False
        self._wakes: list[WakeUps] = []

    def check(self, intent: Intent) -> Verdict:
        """Judge an order; see `nautilus_quant.gating.intent.Gate`. Override me."""
        raise NotImplementedError(f"{type(self).__name__} must override `check`")

    def _topics(self) -> Iterable[Heard]:
        """Return what is heard while the gate runs; called again to stop. Override me."""
        return ()

    def _resume(self, gateway: OrderGateway, store: StateStore) -> None:
        """Make ready, and go on where the last run ended; nothing is heard yet. Override me."""

    def _begin(self) -> None:
        """Subscribe data and set timers; all topics are heard by now. Override me."""

    def _save_all(self, ts: int) -> None:
        """Write down what the next run needs; called now and then, and before the end. Override me."""

    # -- life --------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Stand in the chain of gates first, then go on where the last run ended, then listen."""
        self._gateway = OrderGateway.join(self.msgbus, self)
        self._live = not is_backtest(find_kernel(self.msgbus))
        self._store = shared_store(self._state_url)
        self._cadence = None if self._state_url is None else SaveCadence(self.msgbus, self._state_url)
        self._resume(self._gateway, self._store)
        for topic, handler, priority in self._topics():
            self.msgbus.subscribe(topic, handler, priority=priority)
        self._begin()

    def on_stop(self) -> None:
        """Stop listening, save, and leave the chain."""
        for topic, handler, _ in self._topics():
            self.msgbus.unsubscribe(topic, handler)
        for wake in self._wakes:
            wake.clear()
        self.clock.cancel_timers()
        if self._store is not None:
            self._save_all(self.clock.timestamp_ns())
            self._store.close()
            self._store = None
        if self._gateway is not None:
            self._gateway.leave(self)
            self._gateway = None

    # -- state -------------------------------------------------------------------------------------

    def _save_sometimes(self, ts: int) -> None:
        """Save if it is time to; what a kill would lose is bounded."""
        if self._cadence is not None and self._cadence.is_due(ts):
            self._save_all(ts)

    def _save(self, key: str, document: Document, ts: int, *, now: bool = False) -> None:
        """Save a document, on the disk when it returns if `now`; what cannot be saved is told."""
        if self._store is None or self._state_url is None:
            return
        try:
            put = self._store.put_now if now else self._store.put
            put(self.namespace or self.name, key, document(), ts=ts)
        except StateError as error:
            self.log.error(f"{key} of gate {self.name} is not saved, a restart would forget it: {error}")

    def _write_down(self, kind: str, body: Mapping[str, Any], ts: int) -> None:
        """Add to the journal; what cannot be added is told."""
        if self._store is None:
            return
        try:
            self._store.append(kind, body, ts=ts)
        except StateError as error:
            self.log.warning(f"an entry of gate {self.name} is not in the journal, {body}: {error}")

    # -- words and time ----------------------------------------------------------------------------

    def _alert(
        self, about: str, ts: int, severity: str, text: str, numbers: Mapping[str, float] | None = None
    ) -> None:
        """Tell a person, once for each change of state."""
        (self.log.info if severity == "INFO" else self.log.warning)(text)
        alert = Alert(
            key=f"{self.name}|{about}",
            ts=ts,
            source=self.name,
            severity=severity,
            text=text,
            numbers=numbers or {},
        )
        publish(self.msgbus, alert)

    def _wake_ups(self, what: str, handler: Callable[[str, int], None]) -> WakeUps:
        """Return alerts of its clock by key; all are off when it stops."""
        made = WakeUps(self, what, handler)
        self._wakes.append(made)
        return made


class WakeUps:
    """
    Alerts of an actor's clock, no more than one for each key.

    Parameters
    ----------
    actor
        Whose clock it is; asked when the first alert is set, since it has none before it is registered.
    what
        What they are for; part of their names.
    handler
        Called with key and time, UNIX time [ns], when one is due.

    """

    def __init__(self, actor: Actor, what: str, handler: Callable[[str, int], None]) -> None:
        self._actor = actor
        self._what = what
        self._handler = handler
        self._alarms: dict[str, Alarm] = {}

    def set(self, key: str, ts: int) -> None:
        """Wake up at `ts`, UNIX time [ns], and at no other time any more."""
        alarm = self._alarms.get(key)
        if alarm is None:
            name = f"{self._actor.id.value}-{self._what}-{key}"
            alarm = self._alarms[key] = Alarm(self._actor.clock, name, partial(self._ring, key))
        if alarm.at != ts:
            alarm.set(ts)

    def drop(self, key: str) -> None:
        """Do not wake up for a key; nothing happens when there was no alert."""
        alarm = self._alarms.get(key)
        if alarm is not None:
            alarm.cancel()

    def clear(self) -> None:
        """Drop all."""
        for alarm in self._alarms.values():
            alarm.cancel()

    def _ring(self, key: str, event: TimeEvent) -> None:
        self._handler(key, event.ts_event)
