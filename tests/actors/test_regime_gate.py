"""The regime gate in real engine runs, with strategies that know nothing of it."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Any

import msgspec
import numpy as np
import pytest
from nautilus_trader.config import ActorConfig
from nautilus_trader.model.currencies import ETH, USDT
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderDenied, OrderFilled
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.actors import RegimeGate, RegimeGateConfig
from nautilus_quant.gating.intent import Side
from nautilus_quant.gating.regime import Regime, RegimeParams
from nautilus_quant.gating.regime_history import BarValues
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.messages import RegimeUpdate, everything, subscribe
from nautilus_quant.host.state import shared_store
from tests.gating.regime_bars import bars_of, joined, noise
from tests.host.engine import BTC, SECOND, START, Script, engine, quotes
from tests.venues.test_settlement import option

SECONDS = f"{BTC.id}-1-SECOND-LAST-EXTERNAL"
MINUTES = f"{BTC.id}-1-MINUTE-LAST-EXTERNAL"
QUICK: dict[str, Any] = {
    "adx_period": 5,
    "slow_half_life": 50.0,
    "warm_up": 20,
    "dwell": 2,
    "min_fall": 0.002,
}
CRASH_AT = 60


def bars(values: list[BarValues], bar_type: str = SECONDS) -> list[Bar]:
    size = Quantity(1, BTC.size_precision)
    kind = BarType.from_str(bar_type)
    made = []
    for value in values:
        price = [Price(p, BTC.price_precision) for p in value[1:]]
        made.append(Bar(kind, *price, size, value.ts, value.ts))
    return made


def market(*, crash: bool = False, count: int = 100, start: int = START) -> list[BarValues]:
    """Bars of a second, calm, or with a crash in the 61st."""
    calm = noise(count, 0.0005)
    if crash:
        calm[CRASH_AT] = -0.05
    return bars_of(joined(calm, price=30_000.0), start, SECOND)


def buy(script: Script) -> None:
    script.submit_order(script.order_factory.market(BTC.id, OrderSide.BUY, Quantity.from_str("1.000")))


def run(
    script: Script, gate: RegimeGate, values: list[BarValues] | None = None, extra: list[Bar] | None = None
):
    values = market() if values is None else values
    offset = values[0].ts - START - SECOND
    ticks = quotes([value.close for value in values])  # each a moment before its bar
    made = engine([*ticks, *bars(values), *(extra or ())], actors=[gate], strategies=[script])
    heard: list[RegimeUpdate] = []
    subscribe(made.kernel.msgbus, RegimeUpdate, heard.append)
    assert not offset
    made.run()
    script.left = script.position
    script.heard = heard
    script.latest = everything(made.kernel.msgbus, RegimeUpdate)
    made.dispose()
    return script


def permissive(**config: Any) -> RegimeGate:
    return RegimeGate(RegimeGateConfig(**{**QUICK, "matrix": {"default": ["ALL"]}, **config}))


def strict(*regimes: str, **config: Any) -> RegimeGate:
    return RegimeGate(RegimeGateConfig(**{**QUICK, "matrix": {"script": list(regimes)}, **config}))


def denials(script: Script) -> list[str]:
    return [event.reason for event in script.events if isinstance(event, OrderDenied)]


ORDERLY = ("RANGING", "STRONG_TREND_UP", "STRONG_TREND_DOWN", "HIGH_VOL")


def test_nothing_new_is_opened_before_the_regime_is_known():
    script = run(Script({5: buy, 50: buy}), strict(*ORDERLY))
    assert "REGIME" in denials(script)[0]
    assert "more good bars are needed to know" in denials(script)[0]
    assert len(denials(script)) == 1
    assert script.left == 1


def test_a_crisis_stops_entries_from_the_bar_that_shows_it():
    before, after = CRASH_AT, CRASH_AT + 2
    script = run(Script({before: buy, after: buy}), strict(*ORDERLY), market(crash=True))
    assert len(denials(script)) == 1
    assert f"{BTC.id} is CRISIS; script may open positions in HIGH_VOL, RANGING" in denials(script)[0]
    assert script.left == 1


def test_a_position_may_always_be_closed():
    def sell(script: Script) -> None:
        script.submit_order(script.order_factory.market(BTC.id, OrderSide.SELL, Quantity.from_str("1.000")))

    script = run(Script({50: buy, CRASH_AT + 5: sell}), strict(*ORDERLY), market(crash=True))
    assert not denials(script)
    assert script.left == 0


def test_changes_are_published_with_the_time_of_their_bar():
    values = market(crash=True)
    script = run(Script({}), permissive(), values)
    first, known = script.heard[0], script.heard[2]
    assert (first.key, first.regime, first.ts) == (BTC.id.value, "WARMING_UP", values[0].ts)
    assert (known.key, known.previous, known.ts) == (BTC.id.value, "WARMING_UP", values[19].ts)
    crisis = [update for update in script.heard if update.regime == "CRISIS"]
    assert [(u.key, u.ts) for u in crisis] == [(BTC.id.value, values[60].ts), ("MARKET", values[60].ts)]
    assert crisis[0].numbers["fall_sigmas"] > 4.0
    assert set(script.latest) == {BTC.id.value, "MARKET"}


def test_it_hears_a_bar_before_strategies_do():
    class Reader(Script):
        def on_start(self) -> None:
            self.subscribe_bars(BarType.from_str(SECONDS))

        def on_bar(self, bar: Bar) -> None:
            update = everything(self.msgbus, RegimeUpdate)[BTC.id.value]
            self.regimes.append((bar.ts_event, update.regime))

    script = Reader({})
    script.regimes = []
    values = market(crash=True)
    run(script, permissive(), values)
    assert (values[60].ts, "CRISIS") in script.regimes
    assert (values[59].ts, "CRISIS") not in script.regimes


def test_the_kind_of_a_strategy_comes_from_its_class_unless_told():
    assert len(denials(run(Script({50: buy}), strict(kinds={})))) == 1  # nothing allowed for `script`
    assert not denials(run(Script({50: buy}), strict(kinds={"Script-001": "else"}, matrix={"else": ["ALL"]})))
    assert not denials(run(Script({50: buy}), strict("ALL", kinds={"Script-002": "grid"})))
    assert (
        "grid may open"
        in denials(
            run(Script({CRASH_AT + 2: buy}), strict("ALL", kinds={"Script-001": "grid"}), market(crash=True))
        )[0]
    )


def test_longer_bars_of_the_same_instrument_are_not_mixed_in():
    longer = bars(bars_of([30_000.0, 15_000.0, 45_000.0], START, 30 * SECOND), MINUTES)
    alone = run(Script({}), permissive())
    mixed = run(Script({}), permissive(), extra=longer)
    assert alone.heard == mixed.heard


def test_only_the_bars_that_were_asked_for_count():
    script = run(Script({}), permissive(bar="1-MINUTE"))
    assert script.heard == []
    own = run(Script({}), permissive(bar="1-SECOND-LAST", instruments=(BTC.id,)))
    assert own.heard == run(Script({}), permissive()).heard


def test_changes_go_to_the_journal():
    with shared_store("memory://regime-journal") as store:
        values = market(crash=True)
        script = run(Script({}), permissive(state="memory://regime-journal"), values)
        entries = store.entries(kind="regime")
        assert [(e.body["key"], e.body["regime"], e.ts) for e in entries] == [
            (update.key, update.regime, update.ts) for update in script.heard
        ]


def test_a_restart_goes_on_with_the_crisis_of_before():
    with shared_store("memory://regime-restart"):
        values = market(crash=True, count=110)
        first = [value for value in values if value.ts <= START + 70 * SECOND]
        run(Script({}), permissive(state="memory://regime-restart"), first)
        gate = strict(*ORDERLY, state="memory://regime-restart")
        # the second run starts where the first ended: its bars are those after
        script = Script({})
        ticks = [tick for tick in quotes([v.close for v in values]) if tick.ts_init > START + 70 * SECOND]
        rest = [value for value in values if value.ts > START + 70 * SECOND]
        script.steps = {1: buy}
        made = engine([*ticks, *bars(rest)], actors=[gate], strategies=[script])
        heard: list[RegimeUpdate] = []
        subscribe(made.kernel.msgbus, RegimeUpdate, heard.append)
        made.run()
        made.dispose()
    assert (heard[0].key, heard[0].regime, heard[0].previous) == (BTC.id.value, "CRISIS", "CRISIS")
    assert heard[0].ts == START + 70 * SECOND
    assert "is CRISIS" in denials(script)[0]


def test_a_state_of_other_bars_or_of_long_ago_is_not_taken():
    with shared_store("memory://regime-other"):
        run(Script({}), permissive(state="memory://regime-other"))
        fresh = run(Script({}), permissive(state="memory://regime-other", bar="1-MINUTE"))
        assert fresh.heard == []
        late = permissive(state="memory://regime-other")
        made = engine(bars(market(start=START + 1_000 * SECOND)), actors=[late])
        heard: list[RegimeUpdate] = []
        subscribe(made.kernel.msgbus, RegimeUpdate, heard.append)
        made.run()
        made.dispose()
        assert heard[0].regime == "WARMING_UP"


def test_history_asked_for_by_anybody_warms_it_up():
    class Historian(Script):
        """Answers its own request, as a data client would: history goes over the bus."""

        def on_start(self) -> None:
            super().on_start()
            past = market(count=50, start=START - 50 * SECOND)
            for bar in bars(past):
                self.msgbus.publish(f"historical.data.bars.{SECONDS}", bar)

    assert not denials(run(Historian({2: buy}), strict(*ORDERLY)))


def test_a_reset_engine_runs_the_same_again():
    gate, script = permissive(), Script({})
    made = engine(bars(market(crash=True)), actors=[gate], strategies=[script])
    heard: list[RegimeUpdate] = []
    subscribe(made.kernel.msgbus, RegimeUpdate, heard.append)
    made.run()
    first = list(heard)
    assert gate.regimes[BTC.id.value] is not Regime.WARMING_UP
    made.reset()
    assert gate.regimes == {}
    heard.clear()
    made.run()
    made.dispose()
    assert [(u.key, u.regime, u.ts) for u in heard] == [(u.key, u.regime, u.ts) for u in first]


def test_a_full_journal_does_not_stop_trading(monkeypatch):
    from nautilus_quant.host import gate_actor

    class Full:
        """A store that takes nothing more."""

        def documents(self, namespace: str) -> dict[str, Any]:
            return {}

        def append(self, kind: str, body: Any, *, ts: int) -> None:
            raise gate_actor.StateError("the queue is full")

        def close(self) -> None: ...

    monkeypatch.setattr(gate_actor, "shared_store", lambda url: Full())
    script = run(Script({50: buy}), permissive())
    assert any(isinstance(event, OrderFilled) for event in script.events)


def test_defaults_are_those_of_the_rule():
    config = RegimeGateConfig()
    rule = RegimeParams()
    for item in fields(RegimeParams):
        assert getattr(config, item.name) == getattr(rule, item.name), item.name


def test_impossible_configs_are_refused_when_the_actor_is_made():
    with pytest.raises(ValueError, match="did you mean RANGING"):
        RegimeGate(RegimeGateConfig(matrix={"grid": ["RANGEING"]}))
    with pytest.raises(ValueError, match="vol_leave < vol_enter"):
        RegimeGate(RegimeGateConfig(vol_leave=3.0))
    with pytest.raises(ValueError, match="`instruments` needs `bar`"):
        RegimeGate(RegimeGateConfig(instruments=(BTC.id,)))


def test_the_config_survives_the_trip_through_json():
    config = RegimeGateConfig(
        matrix={"grid": ["RANGING"], "default": "ALL"}, kinds={"A-1": "grid"}, bar="1-HOUR"
    )
    assert isinstance(config, ActorConfig)
    assert RegimeGateConfig.parse(config.json()) == config
    with pytest.raises(msgspec.ValidationError, match="dwell"):
        RegimeGateConfig.parse('{"dwell": 0}')


def test_numbers_of_a_calm_market_are_finite():
    script = run(Script({}), permissive(), bars_of([30_000.0] * 60, START, SECOND))
    assert all(np.isfinite(list(update.numbers.values())).all() for update in script.heard)


def test_an_option_is_judged_by_a_market_of_its_underlying():
    found: list[tuple[str, str]] = []

    def ask(script: Script) -> None:
        gateway = find_gateway(script.msgbus)
        for item in (coin, ether):
            script.cache.add_instrument(item)
            intent = gateway.exposure.preview(script.id, item.id, Side.BUY, Decimal(1), 500.0)
            verdict = gateway.preview(intent).verdicts[0]
            found.append((item.underlying.code, verdict.code))

    coin = option(USDT, expiry=START + 10_000 * SECOND)
    ether = option(USDT, expiry=START + 10_000 * SECOND, underlying=ETH)
    steps = dict.fromkeys((5, 50, CRASH_AT + 5), ask)
    run(Script(steps), strict(*ORDERLY), market(crash=True))
    assert [code for name, code in found if name == "BTC"] == ["REGIME", "ALLOW", "REGIME"]
    assert {code for name, code in found if name == "ETH"} == {"REGIME_UNKNOWN"}
