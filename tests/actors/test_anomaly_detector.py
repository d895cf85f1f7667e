"""The anomaly detector in real engine runs, with strategies that know nothing of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.examples.strategies.ema_cross import EMACross, EMACrossConfig
from nautilus_trader.model.data import BarType, QuoteTick
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import (
    OrderDenied,
    OrderFilled,
    OrderRejected,
)
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.actors.anomaly_detector import AnomalyDetector
from nautilus_quant.actors.anomaly_detector_config import AnomalyDetectorConfig, MeasureOverride
from nautilus_quant.gating.intent import Intent, Side
from nautilus_quant.host.anomaly import RollbackRequest
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.messages import Alert, subscribe
from nautilus_quant.host.state import StateError, shared_store
from nautilus_quant.safety.anomaly_params import Measure, Severity
from tests.host.engine import BTC, SECOND, START, Script, engine, quotes
from tests.strategies.bar_runs import BARS, bars

QUICK: dict[str, Any] = {
    "min_samples": 5,
    "persist": 2,
    "within": 3,
    "half_life": 2.0,
    "min_rolling": 3,
    "throttle_every": 5.0,
    "recovery": 10.0,
    "halt_recovery": 20.0,
}
ETH = TestInstrumentProvider.ethusdt_perp_binance()
KEY, VENUE = BTC.id.value, "BINANCE"


def detector(**config: Any) -> AnomalyDetector:
    return AnomalyDetector(AnomalyDetectorConfig(**{**QUICK, **config}))


def market(side: OrderSide, size: str = "1.000", instrument: Any = BTC, **options: Any) -> Any:
    def step(script: Script) -> None:
        made = script.order_factory.market(instrument.id, side, Quantity.from_str(size), **options)
        script.submit_order(made)

    return step


BUY, SELL = market(OrderSide.BUY), market(OrderSide.SELL)


def spreads(plan: dict[int, float], count: int = 70) -> list[QuoteTick]:
    """Quotes around 30000, whose spread changes at the given seconds; half of it is what an order pays."""
    made, spread = [], 0.2
    for n in range(count):
        spread = plan.get(n, spread)
        ts = START + n * SECOND
        sides = Price(30_000.0 - spread / 2, 1), Price(30_000.0 + spread / 2, 1)
        made.append(QuoteTick(BTC.id, *sides, Quantity(1000, 3), Quantity(1000, 3), ts, ts))
    return made


# Half of 120 on 30000 is 20 bps: 13 deviations of 1.4826 bps. Half of 240 is 40 bps: 27 of them.
WORSE = {20: 120.0, 23: 240.0}
SELLING = {0: market(OrderSide.BUY, "50.000"), **dict.fromkeys(range(1, 27), SELL)}


def run(script: Any, actor: AnomalyDetector, data: Any = None, **options: Any) -> Any:
    others = options.pop("others", ())
    made = engine(data or spreads(WORSE), actors=[actor], strategies=[script, *others], **options)
    script.alerts, script.requests = [], []
    subscribe(made.kernel.msgbus, Alert, script.alerts.append)
    subscribe(made.kernel.msgbus, RollbackRequest, script.requests.append)
    made.run()
    script.left = script.position
    made.dispose()
    return script


def denials(script: Script) -> list[str]:
    return [event.reason for event in script.events if isinstance(event, OrderDenied)]


def fills(script: Script) -> list[str]:
    return [f"{e.order_side.name} {e.last_qty}" for e in script.events if isinstance(e, OrderFilled)]


def climbs(script: Any, key: str = KEY) -> list[tuple[str, int]]:
    """What was told of a key: how bad it became, and at which second."""
    told = [alert for alert in script.alerts if alert.key == f"anomaly|{key}"]
    return [(alert.text.split(" -> ")[1].split(":")[0], (alert.ts - START) // SECOND) for alert in told]


def test_slippage_throttles_then_halts_and_all_recovers():
    actor = detector()
    script = run(Script(SELLING), actor)
    assert climbs(script) == [
        ("ROLLBACK", 21),  # the second order that paid 20 bps
        ("HALT", 24),  # the second that paid 40
        ("ROLLBACK", 46),  # twenty seconds after the last order that was as bad
        ("THROTTLE", 56),
        ("ALERT", 66),
    ]
    assert [alert.severity for alert in script.alerts if alert.key.endswith(KEY)] == [
        "WARNING", "CRITICAL", "INFO", "INFO", "INFO",
    ]  # fmt: skip
    assert "slippage" in script.alerts[0].text
    assert script.alerts[0].numbers["score"] == pytest.approx(20.0 / 1.4826, rel=0.01)
    assert script.left == 50 - 26  # what reduces passed all the time


def test_orders_that_open_are_slowed_then_barred_then_let_through_again():
    steps = {**SELLING, 5: BUY, 22: BUY, 23: market(OrderSide.BUY, "0.500"), 25: BUY, 40: BUY}
    script = run(Script(steps), detector())
    throttled, halted = denials(script)[0], denials(script)[1:]
    assert "ANOMALY_THROTTLE" in throttled
    assert "50% of what is asked passes, 0.5 here" in throttled
    assert fills(script)[22] == "BUY 0.500"
    assert len(halted) == 2
    assert all("ANOMALY_HALT" in said for said in halted)


def test_one_opening_order_at_a_time_while_throttled():
    """At 20 bps for good, what was offered passes once; the next order of that size is cut anew."""
    buying = dict.fromkeys(range(28, 48), market(OrderSide.BUY, "0.500"))
    asked = {27: BUY}
    script = run(Script({**SELLING, **asked, **buying}), detector(), spreads({20: 120.0}))
    passed = [e.ts_event for e in script.events if isinstance(e, OrderFilled) and str(e.last_qty) == "0.500"]
    assert [(ts - START) // SECOND for ts in passed] == [28]
    gaps = [said for said in denials(script) if "the next in" in said]
    assert "the next in 4 s" in gaps[0]


def test_a_preview_and_the_order_it_leads_to_are_cut_once():
    sizes: list[Decimal] = []

    def ask(script: Script) -> None:
        gateway = find_gateway(script.msgbus)
        assert gateway is not None
        wish = Decimal(2)
        intent = Intent(
            script.clock.timestamp_ns(), "Script-001", KEY, Side.BUY, wish, None, Decimal(0), wish, 6e4,
            command="preview",
        )  # fmt: skip
        sizes.append(gateway.preview(intent).passes)
        market(OrderSide.BUY, f"{sizes[-1]:.3f}")(script)

    script = run(Script({**SELLING, 22: ask}), detector())
    assert sizes == [1]
    assert not denials(script)
    assert fills(script)[22] == "BUY 1.000"


def test_a_rollback_is_asked_for_once_for_each_strategy_measured():
    other = Script({15: market(OrderSide.BUY, "0.100"), 16: market(OrderSide.SELL, "0.100")}, tag="002")
    script = run(Script(SELLING), detector(), others=[other])
    found = [(request.key, request.severity, request.code) for request in script.requests]
    assert sorted(found) == [
        (f"BINANCE|*|{name}", "ROLLBACK", "slippage") for name in ("Script-001", "Script-002")
    ] + [(f"BINANCE|{KEY}|{name}", "ROLLBACK", "slippage") for name in ("Script-001", "Script-002")]
    (request,) = [r for r in script.requests if r.key == f"BINANCE|{KEY}|Script-001"]
    assert (request.venue, request.instrument, request.strategy) == (VENUE, KEY, "Script-001")
    assert "ROLLBACK from 12" in request.reason
    assert request.numbers["threshold"] == 12.0


def test_slippage_by_latency():
    """The price climbs by 10 bps a second and orders take two: 20 bps above the mid they were sent at."""
    climbing = [30_000.0 + 30.0 * n for n in range(60)]
    steps = dict.fromkeys(range(8), market(OrderSide.BUY, "0.100"))
    slow = LatencyModel(base_latency_nanos=2 * SECOND)
    script = run(Script(steps), detector(), quotes(climbing), latency_model=slow)
    assert climbs(script)[0][0] == "ROLLBACK"
    assert "rolling slippage is 2" in script.alerts[0].text
    assert "the limit is 15 bps" in script.alerts[0].text
    quick = run(Script(steps), detector(), quotes(climbing))
    assert quick.alerts == []


def test_a_steady_latency_is_silent_and_a_longer_one_after_a_restart_is_not():
    url = "memory://anomaly-latency"
    with shared_store(url):
        quick = LatencyModel(base_latency_nanos=SECOND // 5)
        steady = run(Script(SELLING), detector(state=url), spreads({}, 30), latency_model=quick)
        assert steady.alerts == []
        late = [tick for tick in spreads({}, 90) if tick.ts_init > START + 30 * SECOND]
        slow = LatencyModel(base_latency_nanos=14 * SECOND)
        tired = run(Script(dict.fromkeys(range(3), BUY)), detector(state=url), late, latency_model=slow)
    # (14 s - 1 s) / (1.4826 × 250 ms) = 35 at least: the second of them is a halt.
    assert climbs(tired)[0][0] == "HALT"
    assert "ack_latency" in tired.alerts[0].text


def reject(script: Script) -> None:
    """There is no market in ETH: the venue rejects."""
    market(OrderSide.BUY, "1.000", ETH)(script)


def test_rejects_throttle_the_instrument_and_its_venue():
    script = run(Script({**dict.fromkeys(range(3, 8), reject), 10: BUY}), detector(), instruments=(BTC, ETH))
    rejected = [event for event in script.events if isinstance(event, OrderRejected)]
    assert len(rejected) == 3
    assert climbs(script, ETH.id.value)[0] == ("THROTTLE", 5)
    assert climbs(script, VENUE)[0] == ("THROTTLE", 5)
    assert climbs(script) == []
    assert len(denials(script)) == 3
    assert "BINANCE is throttled: rolling reject_rate is 1" in denials(script)[2]


def test_makers_that_would_have_taken_are_no_rejects():
    def crossing(script: Script) -> None:
        size, price = Quantity.from_str("1.000"), Price.from_str("31000.0")
        script.submit_order(script.order_factory.limit(BTC.id, OrderSide.BUY, size, price, post_only=True))

    script = run(Script(dict.fromkeys(range(10), crossing)), detector(), spreads({}))
    assert sum(isinstance(event, OrderRejected) for event in script.events) == 10
    assert script.alerts == []


def second_half(url: str, script: Script, start: int) -> AnomalyDetector:
    actor = detector(state=url)
    made = engine(spreads({})[start:], actors=[actor], strategies=[script])
    made.run()
    made.dispose()
    return actor


def first_half(url: str) -> None:
    made = engine(spreads(WORSE)[:27], actors=[detector(state=url)], strategies=[Script(SELLING)])
    made.run()
    made.dispose()


def test_a_restart_keeps_the_halt_until_its_end():
    url = "memory://anomaly-restart"
    with shared_store(url):
        first_half(url)
        script = Script({0: BUY, 17: BUY, 18: BUY})
        actor = second_half(url, script, 28)  # the halt ends at 46 s
    assert ["HALT" in said for said in denials(script)][:2] == [True, True]
    assert "ANOMALY_THROTTLE" in denials(script)[2]
    assert actor.severities[KEY] is Severity.ALERT


def test_a_restart_after_the_end_opens():
    url = "memory://anomaly-late"
    with shared_store(url):
        first_half(url)
        store_end = 46 + 10 + 10 + 10
        data = [tick for tick in spreads({}, 90) if tick.ts_init >= START + (store_end + 1) * SECOND]
        script = Script({0: BUY})
        actor = detector(state=url)
        made = engine(data, actors=[actor], strategies=[script])
        made.run()
        made.dispose()
    assert not denials(script)
    assert set(actor.severities.values()) == {Severity.NONE}


def test_damaged_state_halts():
    url = "memory://anomaly-damaged"
    with shared_store(url) as store:
        store.put("anomaly", KEY, {"version": 1, "severity": "FINE"}, ts=START)
        script = Script({0: BUY, 30: market(OrderSide.BUY, "0.100")})
        second_half(url, script, 0)
    assert "cannot be read" in denials(script)[0]


def test_changes_go_to_the_journal():
    url = "memory://anomaly-journal"
    with shared_store(url) as store:
        script = run(Script(SELLING), detector(state=url))
        entries = [entry for entry in store.entries(kind="anomaly") if entry.body["key"] == KEY]
        assert [(e.body["severity"], (e.ts - START) // SECOND) for e in entries] == climbs(script)
        assert entries[0].body["code"] == "slippage"
        assert entries[0].body["numbers"]["threshold"] == 12.0
        assert set(store.documents("anomaly")) == {KEY, VENUE}


class Desk:
    """A store that remembers how it was written to."""

    def __init__(self, *, full: bool = False) -> None:
        self.calls: list[tuple[str, str, str]] = []
        self.full = full

    def documents(self, namespace: str) -> dict[str, Any]:
        return {}

    def put(self, namespace: str, key: str, document: Any, *, ts: int) -> None:
        self._take("put", key, document)

    def put_now(self, namespace: str, key: str, document: Any, *, ts: int) -> None:
        self._take("put_now", key, document)

    def append(self, *args: Any, **options: Any) -> None:
        if self.full:
            raise StateError("the disk is full")

    def close(self) -> None: ...

    def _take(self, how: str, key: str, document: Any) -> None:
        if self.full:
            raise StateError("the disk is full")
        self.calls.append((how, key, document["severity"]))


def test_a_halt_is_committed_at_once_and_the_rest_is_queued(monkeypatch):
    from nautilus_quant.host import gate_actor

    desk = Desk()
    monkeypatch.setattr(gate_actor, "shared_store", lambda url: desk)
    run(Script(SELLING), detector(state="memory://desk"))
    mine = [(how, severity) for how, key, severity in desk.calls if key == KEY]
    assert mine[:3] == [("put", "ROLLBACK"), ("put_now", "HALT"), ("put", "ROLLBACK")]
    assert [how for how, _ in mine].count("put_now") == 1


def test_a_state_that_takes_nothing_does_not_stop_the_detector(monkeypatch):
    from nautilus_quant.host import gate_actor

    monkeypatch.setattr(gate_actor, "shared_store", lambda url: Desk(full=True))
    script = run(Script({**SELLING, 25: BUY}), detector(state="memory://full"))
    assert len(denials(script)) == 1


def crossing() -> EMACross:
    return EMACross(
        EMACrossConfig(
            instrument_id=BTC.id,
            bar_type=BarType.from_str(BARS),
            trade_size=Decimal("0.100"),
            fast_ema_period=3,
            slow_ema_period=6,
            request_bars=False,
            subscribe_quote_ticks=False,
            subscribe_trade_ticks=False,
        )
    )


def saw() -> list[float]:
    up = [30_000.0 + 20.0 * n for n in range(4)]
    return (up + up[::-1]) * 36


def traded(actor: AnomalyDetector | None, spread: float = 0.2) -> int:
    prices, actors = saw(), [] if actor is None else [actor]
    data = [*quotes(prices, spread=spread), *bars(prices)]
    made = engine(data, actors=actors, strategies=[crossing()], bar_execution=False)
    made.run()
    count = sum(order.filled_qty > 0 for order in made.cache.orders())
    made.dispose()
    return count


def test_a_foreign_strategy_in_a_calm_market_goes_on_as_without():
    actor = AnomalyDetector()
    assert traded(actor) == traded(None) > 20
    assert set(actor.severities) == {KEY, VENUE}
    assert set(actor.severities.values()) == {Severity.NONE}


def test_a_foreign_strategy_in_a_market_too_wide_is_slowed():
    assert traded(detector(), spread=120.0) < 0.5 * traded(None, spread=120.0)


def test_a_reset_engine_runs_the_same_again():
    actor, script = detector(), Script({**SELLING, 25: BUY})
    made = engine(spreads(WORSE), actors=[actor], strategies=[script])
    made.run()
    first = denials(script)
    made.reset()
    assert actor.severities == {}
    script.events, script.seen = [], 0
    made.run()
    made.dispose()
    assert denials(script) == first
    assert len(first) == 1


def test_config_of_the_measures():
    text = msgspec.json.encode({"measures": {"ack_latency": {"halt": 50}}, "max_slippage": 0.003})
    actor = AnomalyDetector(AnomalyDetectorConfig.parse(text))
    monitor = actor._book.monitor(KEY)
    assert monitor.monitor(Measure.ACK_LATENCY).params.halt == 50.0
    assert monitor.monitor(Measure.ACK_LATENCY).params.alert == 4.0
    assert monitor.monitor(Measure.SLIPPAGE).params.limit == pytest.approx(30.0)
    with pytest.raises(ValueError, match=r"measures must be some of slippage, .* was speed"):
        detector(measures={"speed": MeasureOverride()})
    with pytest.raises(ValueError, match="alert <= throttle"):
        detector(measures={"slippage": MeasureOverride(alert=100.0)})
