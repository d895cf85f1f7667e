"""The scaler of carries in real engine runs, with strategies that follow it, and alone."""

from __future__ import annotations

from typing import Any

import pytest

from nautilus_quant.actors.funding_arb_scaler import FundingArbScaler, FundingArbScalerConfig
from nautilus_quant.host.messages import everything, latest, subscribe
from nautilus_quant.host.scaler_messages import CarryCapture, CarryHeld, CarrySize
from nautilus_quant.host.scaler_settings import CarryPairConfig, CarryRuleConfig
from nautilus_quant.host.state import shared_store
from tests.strategies.funding_runs import (
    HOUR,
    OTHER,
    PERP,
    SPOT,
    START,
    alerts_of,
    arb,
    build,
    held,
    quotes,
    rates,
)
from tests.venues.funding_kit import Scheduled

FLAT = [40_000.0] * 96
HOME = CarryPairConfig(one=SPOT.id, two=PERP.id, name="home")
AWAY = CarryPairConfig(one=SPOT.id, two=OTHER.id, name="away")
KEYS = {"home": "BTCUSDT.CASH|BTCUSDT-PERP.PERPS", "away": "BTCUSDT.CASH|BTCUSDT-PERP.OTHERS"}


def scaler(*pairs: CarryPairConfig, rule: dict[str, Any] | None = None, **config: Any) -> FundingArbScaler:
    given = {"every": 3_600.0, "reporting_currency": "USDT", **config}
    return FundingArbScaler(
        FundingArbScalerConfig(
            hedges=pairs or (HOME, AWAY), rule=CarryRuleConfig(impact=0.0001, **(rule or {})), **given
        )
    )


def market(hours: list[float] = FLAT, one: float = 0.001, other: float = 0.0008) -> list[Any]:
    count = len(hours) // 8
    return quotes(hours, (SPOT, PERP, OTHER)) + rates([one] * count) + rates([other] * count, OTHER)


def test_alone_it_says_how_much_of_each_and_why():
    actor = scaler()
    engine = build(market(), [], [actor])
    told: list[CarrySize] = []
    subscribe(engine.kernel.msgbus, CarrySize, told.append)
    engine.run()
    first = [one for one in told if one.ts == START]
    assert {one.key for one in first} == set(KEYS.values())
    assert {one.why for one in first} == {"unknown"}  # whoever follows waits
    sizes = {name: latest(engine.kernel.msgbus, CarrySize, key) for name, key in KEYS.items()}
    assert sizes["home"].size > sizes["away"].size > 0.0
    # Both buy spot at one venue, which holds 100 000: 90 % of it in all.
    assert sizes["home"].size + sizes["away"].size <= 90_000.0 + 1e-6
    assert sizes["home"].why == "capital"
    assert sizes["home"].numbers["expected"] == pytest.approx(0.021)
    assert actor.decisions["home"].size == sizes["home"].size
    hourly = [one.ts for one in told if one.key == KEYS["home"]][1:]
    assert hourly == [START + n * HOUR + 1_000_000_000 for n in range(1, 96)]
    assert engine.cache.orders() == []
    engine.dispose()


def test_two_strategies_follow_it_and_it_follows_what_they_are_paid():
    actor = scaler()
    follows = [arb([(SPOT, PERP)], order_id_tag="001"), arb([(SPOT, OTHER)], order_id_tag="002")]
    engine = build(market(), follows, [actor])
    told: list[CarryCapture] = []
    subscribe(engine.kernel.msgbus, CarryCapture, told.append)
    engine.run()
    found = held(engine)
    assert found[PERP.id.value] < found[OTHER.id.value] < 0
    sizes = {name: latest(engine.kernel.msgbus, CarrySize, key).size for name, key in KEYS.items()}
    known = {one.pair: one.size for one in everything(engine.kernel.msgbus, CarryHeld).values()}
    for name, instrument in (("home", PERP), ("away", OTHER)):
        assert float(-found[instrument.id.value]) * 40_000.0 == pytest.approx(sizes[name], rel=0.1)
        assert known[KEYS[name]] == pytest.approx(float(-found[instrument.id.value]) * 40_000.0)
    # What each is paid is its own: the rate on what it holds.
    last = {one.key: one for one in told}
    assert last[KEYS["home"]].paid == pytest.approx(float(-found[PERP.id.value]) * 40.0)
    assert last[KEYS["away"]].paid == pytest.approx(float(-found[OTHER.id.value]) * 32.0)
    assert all(one.ratio == pytest.approx(1.0, rel=1e-6) for one in last.values())
    engine.dispose()


@pytest.mark.parametrize("tag", ["099", "1001"])
def test_what_others_are_paid_on_the_same_instrument_is_not_counted(tag: str):
    actor, other = scaler(HOME), Scheduled(PERP, {START: "-1.500"}, tag)
    engine = build(quotes(FLAT, (SPOT, PERP)) + rates([0.001] * 12), [arb(), other], [actor])
    told: list[CarryCapture] = []
    subscribe(engine.kernel.msgbus, CarryCapture, told.append)
    engine.run()
    known = {one.key: one.size for one in everything(engine.kernel.msgbus, CarryHeld).values()}
    (size,) = known.values()
    assert size > 50_000.0
    assert told[-1].paid == pytest.approx(0.001 * size)
    assert told[-1].ratio == pytest.approx(1.0, rel=1e-6)
    engine.dispose()


def test_what_is_held_stays_at_a_rate_at_which_nothing_would_be_entered():
    fallen = rates([0.001] * 5 + [0.0001] * 7)
    rule = {"persistence": 0.0, "half_life": 1.0, "capture_low": 0.01, "capture_high": 0.02}
    actor = scaler(HOME, rule=rule)
    engine = build(quotes(FLAT, (SPOT, PERP)) + fallen, [arb(rule=rule)], [actor])
    engine.run()
    assert actor.decisions["home"].why in ("held", "capital")
    assert actor.decisions["home"].size > 80_000.0
    engine.dispose()
    nobody = scaler(HOME, rule=rule)
    engine = build(quotes(FLAT, (SPOT, PERP)) + fallen, [], [nobody])
    engine.run()
    assert nobody.decisions["home"].size < 0.9 * actor.decisions["home"].size
    engine.dispose()


def test_an_alert_when_too_little_is_paid_comes_once_and_from_it_alone():
    actor = scaler(HOME)
    data = quotes(FLAT, (SPOT, PERP, OTHER)) + rates([0.001] * 5 + [0.0002] * 7)
    engine = build(data, [arb(rule={"persistence": 0.0})], [actor])
    heard = alerts_of(engine)
    engine.run()
    (alert,) = [one for one in heard if one.key.startswith("carry|")]
    assert (alert.key, alert.severity) == ("carry|home", "WARNING")
    assert alert.numbers["ratio"] < 0.7
    assert actor.decisions["home"].why in ("capture", "no edge")
    engine.dispose()


def test_it_goes_on_with_what_it_had_learnt():
    url = "memory://scaler-restart"
    data = market()
    with shared_store(url) as store:
        actor = scaler(state=url)
        engine = build(data, [], [actor])
        pause = START + 20 * HOUR
        engine.run(end=pause, streaming=True)
        actor.stop()
        assert "FundingArbScaler|scaler" in store.documents("carry")
        actor.reset()
        actor.start()
        entered: list[CarrySize] = []
        subscribe(engine.kernel.msgbus, CarrySize, lambda one: entered.append(one) if one.size > 0 else None)
        engine.run(start=pause)
        # The fifth payment comes after 32 hours, also if three came before the restart.
        assert min(one.ts for one in entered) // HOUR == START // HOUR + 32
        entries = [entry.body for entry in store.entries() if entry.kind == "carry"]
        assert {body["book"] for body in entries} == {"FundingArbScaler"}
        engine.dispose()


def test_an_instrument_that_is_not_there_stops_it_with_a_word():
    unknown = CarryPairConfig(one=SPOT.id, two=type(PERP.id).from_str("ETHUSDT-PERP.PERPS"))
    actor = scaler(unknown)
    engine = build(market(FLAT[:8]), [], [actor])
    engine.run()
    assert actor.is_stopped
    engine.dispose()


@pytest.mark.parametrize(
    ("config", "why"), [({"every": 0.0}, "every > 0"), ({"rule": {"capture_low": 0.9}}, "low < high")]
)
def test_impossible_settings(config: dict[str, Any], why: str):
    with pytest.raises(ValueError, match=why):
        scaler(**config)


def test_what_a_backtest_must_play():
    assert scaler().config.data_kinds == ("funding",)
