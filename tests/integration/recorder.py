"""A plug-in that writes down what a node decided, in order, for comparison with another run."""

from __future__ import annotations

import json
from pathlib import Path

from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig
from nautilus_trader.model.events import OrderFilled, OrderInitialized

from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.messages import RegimeUpdate, TargetUpdate


class RecorderConfig(ActorConfig, kw_only=True, frozen=True):
    path: str


class Recorder(Actor):
    """Appends one JSON line per regime, target, decision on new risk, order and fill."""

    def __init__(self, config: RecorderConfig) -> None:
        super().__init__(config)
        self.now = 0

    def on_start(self) -> None:
        self.file = Path(self.config.path).open("w", encoding="utf-8")  # noqa: SIM115
        # Before everything else hears of a bar, so that what follows carries the bar's time.
        self.msgbus.subscribe("data.bars.*", self._on_bar, priority=90)
        self.msgbus.subscribe("data.RegimeUpdate", self._on_regime)
        self.msgbus.subscribe("data.TargetUpdate", self._on_target)
        self.msgbus.subscribe("events.order.*", self._on_order)
        find_gateway(self.msgbus).listen(self._on_decision)

    def on_stop(self) -> None:
        self.file.close()

    def _write(self, kind: str, ts: int, **what: object) -> None:
        if not self.file.closed:
            self.file.write(json.dumps({"kind": kind, "ts": ts, **what}) + "\n")
            self.file.flush()

    def _on_bar(self, bar) -> None:
        self.now = bar.ts_event
        self._write("bar", bar.ts_event, instrument=str(bar.bar_type), close=str(bar.close))

    def _on_regime(self, update: RegimeUpdate) -> None:
        self._write("regime", update.ts, key=update.key, regime=update.regime)

    def _on_target(self, update: TargetUpdate) -> None:
        self._write("target", update.ts, key=update.key, exposure=update.exposure, reason=update.reason)

    def _on_decision(self, decision) -> None:
        intent = decision.intent
        binding = decision.binding
        self._write(
            "decision",
            self.now,
            strategy=intent.strategy,
            side=intent.side.name,
            quantity=str(intent.quantity),
            outcome=decision.outcome,
            gate="" if binding is None else f"{binding.gate}.{binding.code}",
        )

    def _on_order(self, event) -> None:
        if isinstance(event, OrderInitialized):
            self._write("order", self.now, side=str(event.side), quantity=str(event.quantity))
        elif isinstance(event, OrderFilled):
            self._write("fill", self.now, quantity=str(event.last_qty), price=str(event.last_px))
