"""What the runner tells of a node."""

from __future__ import annotations

from decimal import Decimal

from nautilus_trader.model.data import Bar

from nautilus_quant.host.messages import Alert, publish
from nautilus_quant.host.runner_monitor import Monitor
from nautilus_quant.host.target import TargetStrategy, TargetStrategyConfig
from nautilus_quant.monitoring.gates import GateLine
from tests.host.engine import BTC, GateActor, Valve, engine, quotes
from tests.strategies.bar_runs import BARS, bars


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


class Other(GateActor):
    """One more, since ids are those of classes."""


class Wants(TargetStrategy):
    """Wants the same at every bar."""

    def on_bar(self, bar: Bar) -> None:
        self.set_target(BTC.id, 1.0, ts=bar.ts_event)


def test_gates_are_told_of_though_no_order_was_ever_made():
    valve = Valve(Decimal(0))
    closes = [30_000.0] * 20
    strategy = Wants(TargetStrategyConfig(instrument=BTC.id, bar=BARS))
    data = [*quotes(closes), *bars(closes)]
    made = engine(data, strategies=[strategy], actors=[GateActor(valve), Other(Valve(name="other"))])
    monitor = Monitor(made.kernel, name="x", mode="backtest", currency="USDT")
    made.run()
    snapshot = monitor.snapshot()
    assert (snapshot.orders, snapshot.denied) == (0, 0)
    # Asked at every bar, and recorded once, since the answer never changed.
    assert len(valve.asked) > 10
    assert snapshot.gates == {
        "valve": GateLine(deny=1, codes={"VALVE": 1}),
        "other": GateLine(allow=1),
    }
    made.dispose()


def test_a_preview_that_was_cut_counts_again_when_the_answer_has_changed():
    valve = Valve(Decimal(0))
    closes = [30_000.0] * 30

    class Turns(Wants):
        def on_bar(self, bar: Bar) -> None:
            valve.allowed = Decimal("0.5") if 10 <= len(valve.asked) < 12 else Decimal(0)
            super().on_bar(bar)

    strategy = Turns(TargetStrategyConfig(instrument=BTC.id, bar=BARS))
    made = engine([*quotes(closes), *bars(closes)], strategies=[strategy], actors=[GateActor(valve)])
    monitor = Monitor(made.kernel, name="x", mode="backtest", currency="USDT")
    made.run()
    line = monitor.snapshot().gates["valve"]
    assert (line.deny, line.sized_down) == (2, 1)
    assert line.codes == {"VALVE": 3}
    assert line.allow >= 1  # the smaller order
    made.dispose()
