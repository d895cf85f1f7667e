"""Watch a system from outside: count its order events, and take snapshots of it when asked."""

from __future__ import annotations

import math
import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from nautilus_trader.model.enums import PriceType
from nautilus_trader.model.events import OrderDenied, OrderFilled, OrderInitialized

from nautilus_quant.account.equity import OpenPosition, unrealised
from nautilus_quant.host.exits_rest import protected
from nautilus_quant.host.messages import Alert, RegimeUpdate, SafetyStatus, everything, latest
from nautilus_quant.host.runner_gates import GateWatch
from nautilus_quant.host.valuation import Valuer
from nautilus_quant.monitoring.snapshot import PositionLine, Snapshot
from nautilus_quant.monitoring.words import amount

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nautilus_trader.model.events import OrderEvent
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.position import Position
    from nautilus_trader.system.kernel import NautilusKernel

_MAX_ALERTS = 50


class Monitor:
    """
    What a runner knows of the system it runs.

    It takes no part: it listens to order events, and reads everything else when a snapshot is
    asked for, so that its cost does not grow with the market data.

    Parameters
    ----------
    kernel
        The system.
    name, mode
        Of the deployment.
    currency
        Reporting currency.

    """

    def __init__(self, kernel: NautilusKernel, *, name: str, mode: str, currency: str) -> None:
        self._kernel = kernel
        self._name, self._mode, self._currency = name, mode, currency
        self._valuer = Valuer.on(kernel.msgbus, currency)
        self._events: Counter[type] = Counter()
        self._gates = GateWatch(kernel.msgbus)
        self._alerts: list[str] = []
        self._equity_start = math.nan
        self.phase = "starting"
        self.started = kernel.clock.timestamp_ns()
        kernel.msgbus.subscribe("events.order.*", self._on_order_event)

    def alert(self, text: str) -> None:
        """Remember what somebody should look at; repeated texts count once."""
        if text not in self._alerts:
            self._alerts.append(text)
            del self._alerts[:-_MAX_ALERTS]

    def equity(self) -> float:
        """Return the equity now [reporting currency]; NaN while it is not known."""
        return self._valuer.value(self._kernel.clock.timestamp_ns()).equity

    def mark_start(self) -> None:
        """Take the equity of now as the one trading started with, unless one is known."""
        if math.isnan(self._equity_start):
            self._equity_start = self.equity()

    def accounts(self) -> dict[str, str]:
        """Return the balances of each account in words."""
        return {
            account.id.value: ", ".join(
                f"{amount(total.as_decimal())} {code}" for code, total in account.balances_total().items()
            )
            for account in self._kernel.cache.accounts()
        }

    def snapshot(self, *, loop_lag: float = math.nan) -> Snapshot:
        """Look at the system now."""
        self.mark_start()
        msgbus = self._kernel.msgbus
        safety = latest(msgbus, SafetyStatus, "safety")
        return Snapshot(
            name=self._name,
            mode=self._mode,
            phase=self.phase,
            pid=os.getpid(),
            started=self.started,
            ts=self._kernel.clock.timestamp_ns(),
            currency=self._currency,
            equity=self.equity(),
            equity_start=self._equity_start,
            orders=self._events[OrderInitialized],
            fills=self._events[OrderFilled],
            denied=self._events[OrderDenied],
            positions=tuple(self._position(p) for p in self._kernel.cache.positions_open()),
            prices=self._prices(),
            regimes={key: update.regime for key, update in sorted(everything(msgbus, RegimeUpdate).items())},
            gates=self._gates.lines(),
            data_age=self._data_age(),
            loop_lag=loop_lag,
            alerts=(*self._alerts, *(() if safety is None else safety.reasons), *self._told()),
            **_safety_fields(safety),
        )

    def _told(self) -> Iterator[str]:
        """Yield what plug-ins say somebody should know, as long as it is so."""
        for alert in everything(self._kernel.msgbus, Alert).values():
            if alert.severity != "INFO":
                yield f"{alert.source}: {alert.text}"

    def _on_order_event(self, event: OrderEvent) -> None:
        if self.phase == "starting" and event.reconciliation:
            return  # what an earlier run has done
        self._events[type(event)] += 1

    def _position(self, position: Position) -> PositionLine:
        instrument = position.instrument_id.value
        held = OpenPosition(
            instrument=instrument,
            quantity=float(position.signed_qty),
            entry=float(position.avg_px_open),
            currency=position.settlement_currency.code,
            multiplier=float(position.multiplier),
            inverse=bool(position.is_inverse),
        )
        price = self._valuer.price(instrument, self._kernel.clock.timestamp_ns())
        return PositionLine(
            instrument=instrument,
            strategy=position.strategy_id.value,
            quantity=held.quantity,
            entry=held.entry,
            unrealised=unrealised(held, price.value),
            protected=float(protected(self._kernel.cache, position)),
        )

    def _prices(self) -> dict[str, float]:
        """Return the last price of every instrument that has one."""
        cache = self._kernel.cache
        found = (
            (known.value, cache.price(known, PriceType.MID) or cache.price(known, PriceType.LAST))
            for known in sorted(cache.instrument_ids())
        )
        return {name: float(price) for name, price in found if price is not None}

    def _data_age(self) -> dict[str, float]:
        now = self._kernel.clock.timestamp_ns()
        seen = ((i.id.value, self._last_data(i)) for i in self._kernel.cache.instruments())
        return {name: (now - ts) / 1e9 for name, ts in sorted(seen) if ts}

    def _last_data(self, instrument: Instrument) -> int:
        """When anything of an instrument came last, UNIX time [ns]; 0 for never."""
        cache = self._kernel.cache
        last = [cache.quote_tick(instrument.id), cache.trade_tick(instrument.id)]
        last += [cache.bar(bar_type) for bar_type in cache.bar_types(instrument_id=instrument.id)]
        return max((data.ts_init for data in last if data is not None), default=0)


def _safety_fields(safety: SafetyStatus | None) -> dict[str, Any]:
    if safety is None:
        return {}
    return {
        "latch": safety.state,
        "entries": safety.entries,
        "hourly_loss": safety.hourly_loss,
        "daily_loss": safety.daily_loss,
        "drawdown": safety.drawdown,
        "reasons": safety.reasons,
    }
