"""
The order gateway: every order of every strategy passes one chain of gates.

It stands at the two addresses of NautilusTrader's message bus which lead to a venue:
``RiskEngine.execute``, where strategies, execution algorithms and the emulator's children send, and
``ExecEngine.execute``, where released emulated orders go straight. What the first let through, the
second lets pass. Cancels and queries are never looked at.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from nautilus_trader.common.component import Logger
from nautilus_trader.common.enums import ComponentState
from nautilus_trader.execution.messages import ModifyOrder, SubmitOrder, SubmitOrderList

from nautilus_quant.gating.intent import ALLOW, DENY, SIZED_DOWN, UNLIMITED, Decision, Gate, Intent, Verdict
from nautilus_quant.host.board import find_on_bus
from nautilus_quant.host.decisions import DecisionRecord, decision_message, denial_text
from nautilus_quant.host.denial import deny_modify, deny_order, single
from nautilus_quant.host.exposure import Exposure
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.liquidator import send_cancel
from nautilus_quant.host.messages import publish
from nautilus_quant.host.valuation import Valuer
from nautilus_quant.host.working_orders import WorkingOrders

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.execution.messages import TradingCommand
    from nautilus_trader.model.events import PositionEvent
    from nautilus_trader.model.identifiers import ClientOrderId
    from nautilus_trader.model.orders import Order
    from nautilus_trader.system.kernel import NautilusKernel

    from nautilus_quant.host.state import StateStore

_RISK = "RiskEngine.execute"
_EXEC = "ExecEngine.execute"
_PLACE = "nautilus_quant.gateway"
_LIFECYCLE = "events.system.*"
_POSITIONS = "events.position.*"
_MAX_IN_FLIGHT = 4096

type DecisionHandler = Callable[[Decision], Any]
type Check = Callable[[Intent], Verdict]


class OrderGateway:
    """
    Ask every gate about every order before it goes on its way.

    Made by the first gate that joins (`join`) and taken away when the last one has left and no
    strategy runs any more. A gate that leaves while strategies run is remembered as stopped, and
    no new risk passes until it joins again: protection that went away protects nothing.

    Parameters
    ----------
    kernel
        The system it guards.

    """

    def __init__(self, kernel: NautilusKernel) -> None:
        self._kernel = kernel
        self._msgbus: MessageBus = kernel.msgbus
        self._log = Logger("OrderGateway")
        self._gates: dict[str, Gate] = {}
        self._stopped: set[str] = set()
        self._checks: list[tuple[str, Check]] = []  # what is asked, in their order
        self._faulty: set[str] = set()
        self._handlers: list[DecisionHandler] = []
        self._journal: StateStore | None = None
        # Commands between the two addresses; in a live node a queue lies in between.
        self._in_flight: dict[int, TradingCommand] = {}
        cache = kernel.cache
        self._working = WorkingOrders([*cache.orders_open(), *cache.orders_inflight()])
        self.exposure = Exposure(kernel, self._working, Valuer.on(kernel.msgbus))
        self._counts: dict[str, Counter[str]] = {}
        self._whole: Decision | None = None  # the last one that no gate limited
        self._passed = 0  # such decisions since they were last added to the counts of the gates
        self.outcomes: Counter[str] = Counter()
        self._installed = False

    @classmethod
    def join(cls, msgbus: MessageBus, gate: Gate) -> OrderGateway:
        """
        Add a gate to the chain of this system, installing the gateway if it is the first.

        Raises
        ------
        ValueError
            When another gate of that name is in the chain.
        KernelNotFoundError
            When the bus belongs to no running system.

        """
        gateway = find_gateway(msgbus)
        if gateway is None:
            gateway = cls(find_kernel(msgbus))
            gateway._install()
        gateway._add(gate)
        return gateway

    def leave(self, gate: Gate) -> None:
        """Take a gate out of the chain; while strategies run, new risk stays closed in its place."""
        if self._gates.get(gate.name) is not gate:
            return
        self._stopped.add(gate.name)
        self._line_up()
        self._settle()

    @property
    def gates(self) -> tuple[str, ...]:
        """Names of the gates in the chain, in the order they are asked."""
        return tuple(self._gates)

    @property
    def counts(self) -> dict[str, Counter[str]]:
        """How often each gate allowed, sized down and denied, by its name."""
        passed, self._passed = self._passed, 0
        if passed:
            for name in self._gates:
                self._counts[name][ALLOW] += passed
        return self._counts

    def listen(self, handler: DecisionHandler) -> None:
        """Call `handler` with every decision on an order that would open risk (not on previews)."""
        if handler not in self._handlers:
            self._handlers.append(handler)

    def journal_to(self, store: StateStore | None) -> None:
        """Record every decision on new risk in a journal: the first one offered; ``None`` lets go of it."""
        if store is None or self._journal is None:
            self._journal = store

    def preview(self, intent: Intent) -> Decision:
        """Say what would be decided on an intent now, without counting or recording it."""
        opening = intent.opening
        if not opening:
            return tuple.__new__(Decision, (intent, (), opening, ALLOW))
        verdicts = []
        unlimited = True
        for name, check in self._checks:
            try:
                verdict = check(intent)
                allowed: object = verdict.allowed
            except Exception as error:  # noqa: BLE001 (any failure of a gate must close it)
                verdict = self._failed(name, error)
                allowed = verdict.allowed
            if allowed is not UNLIMITED:
                unlimited = False
                if not isinstance(allowed, Decimal):
                    verdict = self._failed(name, TypeError(f"a verdict allows a Decimal, was {verdict!r}"))
            verdicts.append(verdict)
        if unlimited:  # what nearly all say; as `Decision.of` would, without its detour
            self._whole = whole = tuple.__new__(Decision, (intent, tuple(verdicts), opening, ALLOW))
            return whole
        return Decision.of(intent, tuple(verdicts))

    def decide(self, intent: Intent) -> Decision:
        """Decide on an order: as `preview`, but recorded."""
        decision = self.preview(intent)
        self.record(decision)
        return decision

    def record(self, decision: Decision) -> None:
        """Count a decision, hand it to those who listen, and publish it when it cuts."""
        intent, verdicts, _, outcome = decision
        self.outcomes[outcome] += 1
        opening = intent.opening
        if not opening:
            return
        if decision is self._whole:  # as nearly always, and decimals are slow to compare
            self._passed += 1
        else:
            for verdict in verdicts:
                bound = verdict.bound
                said = ALLOW if bound >= opening else SIZED_DOWN if bound > 0 else DENY
                self._counts[verdict.gate][said] += 1
        if self._journal is not None:
            self._tell(self._write_down, decision)
        for handler in self._handlers:
            self._tell(handler, decision)
        if outcome != ALLOW:
            self._tell(self._announce, decision)

    def _tell(self, listener: DecisionHandler, decision: Decision) -> None:
        """Hand a decision on; who fails to take it must neither stop the node nor leave an order hanging."""
        try:
            listener(decision)
        except Exception as error:  # noqa: BLE001 (a full journal, a subscriber's bug: the decision stands)
            name = getattr(listener, "__qualname__", repr(listener))
            if name not in self._faulty:
                self._faulty.add(name)
                self._log.exception(f"{name} could not take decisions on orders, told once", error)

    def _write_down(self, decision: Decision) -> None:
        if self._journal is not None:
            self._journal.append("order_decision", DecisionRecord(decision), ts=decision.intent.ts)

    def _announce(self, decision: Decision) -> None:
        publish(self._msgbus, decision_message(decision))

    # -- the two addresses -------------------------------------------------------------------------

    def on_command(self, command: TradingCommand) -> None:
        """Handle what is sent to the risk engine."""
        if self._passes(command, "submit"):
            # By the object itself, which the risk engine hands on: its id would have to be read and hashed.
            self._in_flight[id(command)] = command
            if len(self._in_flight) > _MAX_IN_FLIGHT:
                del self._in_flight[next(iter(self._in_flight))]
            self._kernel.risk_engine.execute(command)

    def on_execution(self, command: TradingCommand) -> None:
        """Handle what is sent to the execution engine: known commands pass, others are judged."""
        known = self._in_flight.pop(id(command), None) is command
        if known or self._passes(command, "release"):
            self._kernel.exec_engine.execute(command)

    def _passes(self, command: TradingCommand, how: str) -> bool:
        try:
            return self._judge(command, how)
        except Exception as error:  # noqa: BLE001 (an order nobody could judge must not open risk, or hang)
            self._log.exception(f"could not judge {command!r}", error)
            return self._refuse(command, f"GATEWAY_ERROR: {error!r}")

    def _refuse(self, command: TradingCommand, reason: str) -> bool:
        """Deny what could not be judged; only an order that its venue lets reduce and no more may pass."""
        if isinstance(command, SubmitOrder) and command.order.is_reduce_only:
            return True
        if isinstance(command, SubmitOrder):
            deny_order(self._kernel, command.order, reason)
        elif isinstance(command, SubmitOrderList):
            for order in command.order_list.orders:
                deny_order(self._kernel, order, reason)
        elif isinstance(command, ModifyOrder):
            deny_modify(self._kernel, self._kernel.cache.order(command.client_order_id), reason)
        return False

    def _judge(self, command: TradingCommand, how: str) -> bool:
        if isinstance(command, SubmitOrder):
            return self._submit(command.order, command, how)
        if isinstance(command, SubmitOrderList):
            return self._submit_list(command)
        if isinstance(command, ModifyOrder):
            return self._modify(command)
        return True

    def _submit(self, order: Order, command: TradingCommand, how: str) -> bool:
        intent = self.exposure.submit(order, command.position_id, how)
        decision = self.decide(intent)
        if decision.outcome == ALLOW:
            self._working.add(order, closes=not intent.opening)
            return True
        deny_order(self._kernel, order, denial_text(decision))
        return False

    def _submit_list(self, command: SubmitOrderList) -> bool:
        """Pass a list as a whole or not at all, except that what only reduces is sent by itself."""
        orders = command.order_list.orders
        decisions = []
        for order in orders:
            decision = self.decide(self.exposure.submit(order, command.position_id))
            self._working.add(order, closes=not decision.intent.opening)
            decisions.append(decision)
        cut = next((d for d in decisions if d.outcome != ALLOW), None)
        if cut is None:
            return True
        for order, decision in zip(orders, decisions, strict=True):
            if decision.intent.opening or order.parent_order_id is not None:
                deny_order(self._kernel, order, denial_text(cut))
        for order, decision in zip(orders, decisions, strict=True):
            if not decision.intent.opening and order.parent_order_id is None:
                self._msgbus.send(_RISK, single(command, order))
        return False

    def _modify(self, command: ModifyOrder) -> bool:
        order = self._kernel.cache.order(command.client_order_id)
        if order is None:
            return True  # NautilusTrader answers for an order nobody knows
        decision = self.decide(
            self.exposure.modify(
                order,
                None if command.quantity is None else command.quantity.as_decimal(),
                None if command.price is None else float(command.price),
                None if command.trigger_price is None else float(command.trigger_price),
            )
        )
        if decision.outcome == ALLOW:
            return True
        deny_modify(self._kernel, order, denial_text(decision))
        return False

    def _on_position(self, event: PositionEvent) -> None:
        """Cancel what was to close a position, would now open one since others closed it, and may not."""
        if not self._working.has_exits:
            return
        exits = self._working.exits(event.strategy_id, event.instrument_id)
        for strategy_id in self.exposure.reducers.ids:  # what reduces a book hangs on everybody's positions
            exits += [o for o in self._working.exits_of_strategy(strategy_id) if o not in exits]
        if not exits:
            return
        gone: dict[ClientOrderId, Order] = {}
        cache = self._kernel.cache
        for order in exits:
            name = order.client_order_id
            intent = self.exposure.submit(order, cache.position_id(name), "rest", gone=gone)
            if not intent.opening or not (order.is_open or order.is_inflight):
                continue
            decision = self.preview(intent)
            if decision.outcome != ALLOW:
                gone[name] = order
                self.record(decision)
        for order in gone.values():
            send_cancel(self._kernel, order)

    # -- gates -------------------------------------------------------------------------------------

    def _line_up(self) -> None:
        self._checks = [
            (name, partial(_deny_stopped, name) if name in self._stopped else gate.check)
            for name, gate in self._gates.items()
        ]
        self._whole = None

    def _failed(self, name: str, error: Exception) -> Verdict:
        if name not in self._faulty:
            self._faulty.add(name)
            self._log.exception(f"gate {name} failed, no new risk passes it", error)
        return Verdict.deny(name, "GATE_ERROR", f"gate {name} failed: {error!r}")

    def _add(self, gate: Gate) -> None:
        known = self._gates.get(gate.name)
        if known is not None and known is not gate and gate.name not in self._stopped:
            raise ValueError(f"gate names must be unique, {gate.name!r} is in the chain {self.gates}")
        self._stopped.discard(gate.name)
        self._faulty.discard(gate.name)
        self._counts = self.counts  # what passed until now passed the others
        self._gates[gate.name] = gate
        self._counts.setdefault(gate.name, Counter())
        self._line_up()

    # -- coming and going --------------------------------------------------------------------------

    def _install(self) -> None:
        self._swap(_RISK, self._kernel.risk_engine.execute, self.on_command)
        self._swap(_EXEC, self._kernel.exec_engine.execute, self.on_execution)
        self._msgbus.subscribe(_PLACE, self.on_ping)
        self._msgbus.subscribe(_LIFECYCLE, self._on_lifecycle)
        self._msgbus.subscribe(_POSITIONS, self._on_position)

    def _uninstall(self) -> None:
        self._swap(_RISK, self.on_command, self._kernel.risk_engine.execute)
        self._swap(_EXEC, self.on_execution, self._kernel.exec_engine.execute)
        self._msgbus.unsubscribe(_PLACE, self.on_ping)
        self._msgbus.unsubscribe(_LIFECYCLE, self._on_lifecycle)
        self._msgbus.unsubscribe(_POSITIONS, self._on_position)

    def _swap(self, endpoint: str, old: Callable[..., Any], new: Callable[..., Any]) -> None:
        self._msgbus.deregister(endpoint, old)
        self._msgbus.register(endpoint, new)

    def _on_lifecycle(self, _event: object) -> None:
        self._settle()

    def _settle(self) -> None:
        """Forget stopped gates once no strategy runs, and go when none is left."""
        if not self._stopped or self._strategies_run():
            return
        self._counts = self.counts
        for name in self._stopped:
            del self._gates[name]
        self._stopped.clear()
        self._line_up()
        if not self._gates:
            self._uninstall()

    def _strategies_run(self) -> bool:
        idle = (ComponentState.STOPPED, ComponentState.DISPOSED, ComponentState.READY, ComponentState.FAULTED)
        return any(s.state not in idle for s in self._kernel.trader.strategies())

    def on_ping(self, _message: object) -> None:
        """Make the gateway findable on the bus; nothing is published there."""


def find_gateway(msgbus: MessageBus) -> OrderGateway | None:
    """Return the gateway of this system, or ``None`` when no gate runs."""
    return find_on_bus(msgbus, _PLACE, OrderGateway)


def _deny_stopped(name: str, _intent: Intent) -> Verdict:
    return Verdict.deny(name, "GATE_STOPPED", f"gate {name} was stopped while strategies run")
