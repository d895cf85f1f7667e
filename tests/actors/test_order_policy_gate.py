"""The order policy gate in real engine runs, with strategies that know nothing of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.examples.algorithms.twap import TWAPExecAlgorithm
from nautilus_trader.model.identifiers import ExecAlgorithmId
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.actors.order_policy_config import PolicyOverride
from nautilus_quant.gating.intent import Side
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.state import shared_store
from tests.actors.order_policy_kit import (
    BUY,
    ETH,
    FLAT,
    SELL,
    at_limit,
    at_market,
    denials,
    gate,
    rule,
    run,
    times,
)
from tests.host.engine import BTC, SECOND, START, Script, engine, quotes

# -- number and repetition -----------------------------------------------------------------------------


def ladder(count: int) -> Any:
    def step(script: Script) -> None:
        for n in range(count):
            at_limit(f"{29_000 + n}.0")(script)

    return step


def test_a_burst_is_cut_while_orders_that_close_and_cancels_pass():
    def cancel(script: Script) -> None:
        script.cancel_all_orders(BTC.id)

    tight = {"orders_per_minute": 60.0, "burst": 8.0, "reserve": 3.0}
    steps = {
        2: at_market(size="9.000"),
        20: ladder(9),
        21: times(9, at_market(SELL)),
        22: ladder(1),
        23: cancel,
    }
    script = run(steps, gate(**tight))
    # 8 tokens at 20 s, 5 of them not reserved; at 21 s 4 are there, at 22 s after nine exits -4
    assert len(script.reached_venue()) == 1 + 5 + 9
    assert [text.split(":")[0] for text in denials(script)] == ["RATE_LIMIT"] * 5
    assert script.kinds().count("OrderCanceled") == 5
    assert script.left == 0


def test_a_throttle_is_told_when_it_starts_and_when_it_is_over():
    tight = {"orders_per_minute": 60.0, "burst": 8.0, "reserve": 3.0}
    actor = gate(**tight)
    script = run({20: ladder(9), 21: ladder(9), 40: ladder(1)}, actor)
    told = [(a.key, a.severity, (a.ts - START) / SECOND) for a in script.alerts]
    # at 21 s one more goes, so that 3 tokens are left; half of the five others are back 2.5 s later
    assert told == [("policy|rate|BINANCE", "WARNING", 20.0), ("policy|rate|BINANCE", "INFO", 23.5)]
    assert actor.throttled == {"BINANCE": 4 + 8}
    assert script.kinds().count("OrderAccepted") == 5 + 1 + 1


def test_a_restart_goes_on_with_the_count(tmp_path):
    url = f"sqlite:///{tmp_path}/state.db"
    tight = {"orders_per_minute": 1.0, "burst": 5.0, "reserve": 2.0, "state": url}
    first = run({2: ladder(4)}, gate(**tight), FLAT[:4])
    again = run({2: ladder(1)}, gate(**tight), FLAT[:4])
    assert (len(denials(first)), len(denials(again))) == (1, 1)
    with shared_store(url) as store:
        assert list(store.documents("policy")) == ["BINANCE"]
    fresh = run({2: ladder(1)}, gate(**{**tight, "state": None}), FLAT[:4])
    assert denials(fresh) == []


def test_a_live_node_writes_every_order_down_before_it_could_crash(tmp_path, monkeypatch):
    monkeypatch.setattr("nautilus_quant.host.gate_actor.is_backtest", lambda _kernel: False)
    url = f"sqlite:///{tmp_path}/state.db"
    kept: list[float] = []

    def look(_script: Script) -> None:
        with shared_store(url) as store:
            store.flush()
            kept.append(store.get("policy", "BINANCE")["tokens"])

    actor = gate(orders_per_minute=1e-6, burst=30.0, state=url)
    run({3: at_market(), 4: look, 5: at_market(SELL), 6: look}, actor, FLAT[:8])
    assert kept == pytest.approx([29.0, 28.0], abs=1e-6)


def test_an_order_sent_twice_is_sent_once():
    script = run({3: times(2, at_market()), 5: at_market()}, gate())
    assert len(denials(script)) == 1
    assert denials(script)[0].startswith("DUPLICATE: O-")
    assert script.left == 2
    assert denials(run({3: times(2, at_market())}, gate(duplicate_window=0.0))) == []


def test_a_quote_that_was_filled_or_cancelled_may_be_renewed_at_once():
    def cancel(script: Script) -> None:
        script.cancel_all_orders(BTC.id)

    patient = {"duplicate_window": 5.0}
    marketable, resting = at_limit("30100.0"), at_limit("29000.0")
    renewed = run({3: marketable, 5: marketable, 7: resting, 8: cancel, 9: resting}, gate(**patient))
    assert denials(renewed) == []
    assert len(denials(run({3: resting, 5: resting}, gate(**patient)))) == 1
    # an order at market never rests, so its fill does not tell it from its double
    assert len(denials(run({3: at_market(), 5: at_market()}, gate(**patient)))) == 1


def test_slices_of_one_parent_pass_however_alike():
    def twap(script: Script) -> None:
        at_market(
            size="0.900",
            exec_algorithm_id=ExecAlgorithmId("TWAP"),
            exec_algorithm_params={"horizon_secs": 1.0, "interval_secs": 0.25},
        )(script)

    script = run({3: twap}, gate(), algorithms=[TWAPExecAlgorithm()])
    assert denials(script) == []
    assert len(script.final) >= 4


def test_what_another_gate_denies_counts_neither_as_sent_nor_as_repeated():
    """NautilusTrader denies after us: an order for more than it takes, over and over."""
    actor = gate(burst=4.0, reserve=1.0, instruments=rule(max_quantity=5_000.0))
    script = run(
        {n: at_market(size="2000.000") for n in range(3, 3 + 12)}
        | {15: times(3, at_market(size="2001.000"))},
        actor,
    )
    assert len(denials(script)) == 15
    assert not [text for text in denials(script) if text.startswith(("RATE_LIMIT", "DUPLICATE"))]


# -- exits ---------------------------------------------------------------------------------------------


def test_an_exit_that_does_not_say_so_passes_and_is_told_once():
    actor = gate()
    script = run(
        {
            3: at_market(),
            5: at_market(SELL),
            7: at_market(),
            9: at_market(SELL),
            11: at_market(),
            13: at_market(SELL, reduce_only=True),
        },
        actor,
    )
    assert denials(script) == []
    assert actor.exits_without_reduce_only == {"Script-001": 2}
    (alert,) = script.alerts
    assert (alert.key, alert.severity, alert.ts) == ("policy|exits|Script-001", "WARNING", START + 5 * SECOND)
    assert "Script-001 closes with orders that are not reduce-only" in alert.text


def test_where_a_venue_knows_no_reduce_only_nobody_is_told():
    actor = gate(defaults=PolicyOverride(reduce_only=False))
    script = run({3: at_market(), 5: at_market(SELL)}, actor)
    assert (actor.exits_without_reduce_only, script.alerts) == ({}, [])


def test_an_order_that_turns_a_position_round_may_be_cut_to_its_exit():
    steps = {3: at_market(), 5: at_market(SELL, "3.000"), 7: at_market(SELL)}
    script = run(steps, gate(require_reduce_only=True))
    (told,) = denials(script)
    assert told.startswith("REDUCE_ONLY_EXITS: an order that closes 1.000 must not open 2.000 with its rest")
    assert told.endswith("; 1 would pass")
    assert script.left == 0
    assert run(steps, gate()).left == -3


# -- what it needs to know -----------------------------------------------------------------------------


def test_an_instrument_nobody_knows_takes_no_new_risk():
    asked: list[Any] = []
    actor = gate()

    def step(script: Script) -> None:
        gateway = find_gateway(script.msgbus)
        asked.append(gateway.preview(gateway.exposure.preview(script.id, ETH.id, Side.BUY, Decimal(1))))

    run({3: step}, actor)
    assert asked[0].outcome == "DENY"
    assert asked[0].binding.code == "NO_INSTRUMENT"


def test_a_preview_comes_smaller():
    asked: list[Any] = []

    def step(script: Script) -> None:
        gateway = find_gateway(script.msgbus)
        asked.extend(
            gateway.preview(gateway.exposure.preview(script.id, BTC.id, Side.BUY, Decimal(size)))
            for size in ("3", "1")
        )

    run({3: step}, gate(instruments=rule(max_notional=45_000.0)))
    assert [(d.outcome, d.allowed) for d in asked] == [("SIZED_DOWN", Decimal("1.5")), ("ALLOW", 1)]


def test_without_quotes_a_collared_limit_is_denied_and_others_pass():
    def eth(script: Script) -> None:
        size = Quantity.from_str("1.000")
        script.submit_order(script.order_factory.limit(ETH.id, BUY, size, Price.from_str("2000.00")))
        script.submit_order(script.order_factory.market(ETH.id, BUY, size))

    script = run({3: eth}, gate(), instruments=(BTC, ETH))
    (told,) = [text for text in denials(script) if text.startswith("PRICE")]
    assert told.startswith("PRICE_UNKNOWN: price has a collar, and there is no price of the instrument")


def test_new_facts_of_an_instrument_are_taken_over():
    actor = gate()

    def coarser(script: Script) -> None:
        body = CryptoPerpetual.to_dict(BTC)
        fresh = CryptoPerpetual.from_dict({**body, "max_quantity": "0.500"})
        script.cache.add_instrument(fresh)
        script.msgbus.publish("data.instrument.BINANCE.BTCUSDT-PERP", fresh)

    script = run({3: at_market(), 5: coarser, 7: at_market()}, actor)
    (told,) = denials(script)
    assert told.startswith("MAX_QUANTITY: quantity must be at most 0.5, was 1; nearest valid is 0.500")


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (
            {"venues": {"OKX": PolicyOverride(order_types=["LIMT"])}},
            "order_types for OKX: unknown name 'LIMT', did you mean LIMIT?",
        ),
        ({"reserve": 30.0}, "need 0 <= reserve <= burst - 1 [orders], was (30.0, 30.0)"),
    ],
)
def test_impossible_settings_are_refused_when_it_is_made(config, text):
    with pytest.raises(ValueError) as told:
        gate(**config)
    assert text in str(told.value)


def test_it_takes_nothing_with_it():
    script = run({3: at_market()}, gate())
    assert script.gateway is None


def test_a_second_run_repeats_the_first():
    script = Script({20: ladder(40)})
    made = engine(quotes(FLAT), actors=[gate()], strategies=[script])
    made.run()
    first = script.kinds()
    made.reset()
    script.seen, script.events = 0, []
    made.run()
    assert script.kinds() == first
    assert "OrderDenied" in first
    made.dispose()
