"""Incidents of a venue in a backtest: outages and bursts of rejections, as on paper."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from nautilus_trader.backtest.config import SimulationModuleConfig
from nautilus_trader.backtest.execution_client import BacktestExecClient
from nautilus_trader.backtest.modules import SimulationModule
from nautilus_trader.common.enums import ComponentState
from nautilus_trader.common.messages import ComponentStateChanged
from nautilus_trader.model.orders import Order

from nautilus_quant.config.units import Seconds
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.venues.incidents import Incident, Incidents

_NANOS = 1_000_000_000
_STATES = "events.system.*"
UNREACHABLE = "venue unreachable"


class IncidentModuleConfig(SimulationModuleConfig, frozen=True, kw_only=True):
    """
    What happens to orders.

    Parameters
    ----------
    incidents
        Outages and rejections.
    opening
        When the market opened, UNIX time [ns]: incidents count from there. Not given: the start of the run.
    latency
        How long commands are under way [s]: what happens when they arrive counts. The same as in the venue's
        latency model.
    seed
        Of the rejections.

    """

    incidents: tuple[Incident, ...] = ()
    opening: int | None = None
    latency: Seconds = 0.0
    seed: int = 0


class IncidentModule(SimulationModule):
    """
    Rejects what a venue in trouble would reject: commands in an outage, and a share of orders in a burst.

    Orders that work during an outage go on working, and are heard of at once. What is missing of the data is
    the data's own affair: the simulated market leaves it out.

    Parameters
    ----------
    config
        Its configuration.

    """

    def __init__(self, config: IncidentModuleConfig | None = None) -> None:
        super().__init__(config or IncidentModuleConfig())
        self._incidents = Incidents(self.config.incidents)
        self._latency = round(self.config.latency * _NANOS)
        self._random = random.Random(self.config.seed)
        self._opening: int | None = self.config.opening

    def register_venue(self, exchange: Any) -> None:
        """Wait for the start: the venue has no client yet."""
        super().register_venue(exchange)
        self.msgbus.subscribe(_STATES, self._on_state)

    def refusal(self, now: int, *, order: bool) -> str:
        """Say why a command sent at `now` [ns] is rejected, if it is; bursts reject new orders only."""
        elapsed = now + self._latency - (self._opening or 0)
        if self._incidents.down(elapsed):
            return UNREACHABLE
        chance = self._incidents.reject_probability(elapsed) if order else 0.0
        return "drill" if chance > 0.0 and self._random.random() < chance else ""

    def _on_state(self, event: Any) -> None:
        """Stand before the venue's client, before anybody trades."""
        is_start = (
            isinstance(event, ComponentStateChanged)
            and event.component_type == "Trader"
            and event.state == ComponentState.STARTING
        )
        if not is_start:
            return
        if self._opening is None:
            self._opening = self.clock.timestamp_ns()
        known = self.exchange.exec_client
        if isinstance(known, IncidentClient):
            return
        engine = find_kernel(self.msgbus).exec_engine
        client = IncidentClient(self)
        engine.deregister_client(known)
        engine.register_client(client)
        self.exchange.register_client(client)
        client.start()

    def process(self, ts_now: int) -> None:
        """Nothing: commands are looked at as they come."""

    def log_diagnostics(self, logger: Any) -> None:
        """Nothing to say."""

    def reset(self) -> None:
        """Begin anew."""
        self._random = random.Random(self.config.seed)
        self._opening = self.config.opening


class IncidentClient(BacktestExecClient):
    """
    Takes commands in place of a venue's own client, and rejects some.

    Parameters
    ----------
    module
        Decides.

    """

    def __init__(self, module: IncidentModule) -> None:
        super().__init__(
            module.exchange,
            module.msgbus,
            module.cache,
            module.clock,
            frozen_account=True,  # how its account is worked out was said by the client it replaces
        )
        self._module = module

    def submit_order(self, command: Any) -> None:
        """Submit an order, or reject it."""
        if not self._refuse([command.order]):
            super().submit_order(command)

    def submit_order_list(self, command: Any) -> None:
        """Submit all orders of a list, or reject all."""
        if not self._refuse(command.order_list.orders):
            super().submit_order_list(command)

    def modify_order(self, command: Any) -> None:
        """Modify an order, or refuse to."""
        if not self._refuse_change(command, self.generate_order_modify_rejected):
            super().modify_order(command)

    def cancel_order(self, command: Any) -> None:
        """Cancel an order, or refuse to."""
        if not self._refuse_change(command, self.generate_order_cancel_rejected):
            super().cancel_order(command)

    def cancel_all_orders(self, command: Any) -> None:
        """Cancel all orders of an instrument; nothing happens in an outage."""
        if self._reason(order=False):
            self._log.error(f"Cannot cancel all orders of {command.instrument_id}: {UNREACHABLE}")
        else:
            super().cancel_all_orders(command)

    def batch_cancel_orders(self, command: Any) -> None:
        """Cancel several orders."""
        for cancel in command.cancels:
            self.cancel_order(cancel)

    def _reason(self, *, order: bool) -> str:
        return self._module.refusal(self._clock.timestamp_ns(), order=order)

    def _refuse(self, orders: list[Order]) -> bool:
        reason = self._reason(order=True)
        if reason:
            now = self._clock.timestamp_ns()
            for order in orders:
                key = (order.strategy_id, order.instrument_id, order.client_order_id)
                self.generate_order_submitted(*key, now)
                self.generate_order_rejected(*key, reason, now)
        return bool(reason)

    def _refuse_change(self, command: Any, reject: Callable[..., None]) -> bool:
        reason = self._reason(order=False)
        if reason:
            reject(
                command.strategy_id,
                command.instrument_id,
                command.client_order_id,
                command.venue_order_id,
                reason,
                self._clock.timestamp_ns(),
            )
        return bool(reason)
