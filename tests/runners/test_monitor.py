"""What the runner tells of a node."""

from __future__ import annotations

from nautilus_quant.host.messages import Alert, publish
from nautilus_quant.host.runner_monitor import Monitor
from tests.host.engine import engine


def test_alerts_of_plug_ins_are_shown_until_they_are_over():
    made = engine()
    monitor = Monitor(made.kernel, name="x", mode="paper", currency="USDT")
    bus = made.kernel.msgbus

    def tell(severity: str) -> tuple[str, ...]:
        alert = Alert(key="margin|SIM", ts=1, source="margin", severity=severity, text=f"{severity} at 85 %")
        publish(bus, alert)
        return monitor.snapshot().alerts

    assert tell("WARNING") == ("margin: WARNING at 85 %",)
    assert tell("CRITICAL") == ("margin: CRITICAL at 85 %",)
    assert tell("INFO") == ()
    made.dispose()
