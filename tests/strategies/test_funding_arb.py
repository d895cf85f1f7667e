"""The funding arbitrage in real engine runs: rates come, funding is paid, positions follow."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model.data import InstrumentStatus
from nautilus_trader.model.enums import MarketStatusAction
from nautilus_trader.model.identifiers import InstrumentId, Venue

from nautilus_quant.host.funding_messages import FundingPaid
from nautilus_quant.host.messages import AllocationUpdate, TargetUpdate, publish, subscribe
from nautilus_quant.host.scaler_messages import CarryHeld, CarrySize
from nautilus_quant.host.scaler_settings import CarryPairConfig, CarryRuleConfig
from nautilus_quant.host.state import shared_store
from nautilus_quant.host.venue_health import VenueHealthUpdate
from nautilus_quant.strategies.funding_arb import FundingArb, FundingArbConfig
from tests.strategies.funding_runs import (
    HOUR,
    OTHER,
    PERP,
    SECOND,
    SPOT,
    START,
    USDT,
    alerts_of,
    arb,
    build,
    held,
    quote,
    quotes,
    rates,
)
from tests.venues.funding_kit import Scheduled

HIGH = [0.001] * 12
FLAT = [40_000.0] * 96
NAME = "BTCUSDT-CASH-BTCUSDT-PERP-PERPS"
KEY = "BTCUSDT.CASH|BTCUSDT-PERP.PERPS"


def orders(engine: Any) -> list[tuple[str, str, Decimal, float, bool]]:
    """Instrument, side, size, hours after the start, and whether it may only reduce."""
    made = sorted(engine.cache.orders(), key=lambda order: order.ts_last)
    return [
        (
            o.instrument_id.value,
            o.side_string(),
            o.quantity.as_decimal(),
            (o.ts_last - START) // HOUR,
            o.is_reduce_only,
        )
        for o in made
        if o.status_string() == "FILLED"
    ]


def run(data: Any, strategy: FundingArb, **options: Any) -> tuple[Any, list[Any]]:
    engine = build(data, [strategy], **options)
    heard = alerts_of(engine)
    engine.run()
    return engine, heard


def test_it_enters_on_a_high_rate_hedged_and_is_paid():
    strategy = arb()
    engine = build(quotes(FLAT) + rates(HIGH), [strategy])
    paid: list[FundingPaid] = []
    subscribe(engine.kernel.msgbus, FundingPaid, paid.append)
    engine.run()
    # Five payments are needed to foretell one, the fifth after 32 hours. A share of 0.9 of what each venue
    # holds: 90 000 at the cash venue buy 2.25.
    assert held(engine) == {PERP.id.value: Decimal("-2.250"), SPOT.id.value: Decimal("2.25000")}
    assert [row[3] for row in orders(engine)] == [32, 32]
    # 2.25 × 40 000 × 0.001 at each of the seven stamps after it.
    assert [one.amount for one in paid] == [90] * 7
    wallet = engine.cache.account_for_venue(Venue("PERPS")).balance_total(USDT).as_decimal()
    # 100 000 + 630 − 2.25 × 39 999.5 × 0.0004
    assert wallet == pytest.approx(Decimal("100594.00045"))
    engine.dispose()


def test_a_low_rate_does_not_pay_for_getting_in():
    engine, _ = run(quotes(FLAT) + rates([0.0001] * 12), arb())
    assert orders(engine) == []
    engine.dispose()


@pytest.mark.parametrize("style", ["simultaneous", "passive_aggressive"])
def test_it_leaves_on_a_flip(style: str):
    data = [
        quote(item, 40_000.0 + (0, -2, 2)[n % 3], START + n * 30 * SECOND)  # what rests is reached
        for n in range(130 * 120)
        if n * 30 % 3_600 < 600
        for item in (SPOT, PERP)
    ]
    engine, _ = run(data + rates([0.001] * 8 + [-0.0005] * 8), arb(style=style, leg_timeout=90.0))
    assert held(engine) == {}
    done = orders(engine)
    assert done[0][3] == 32
    assert all(row[3] > 56 for row in done if row[1] == "SELL" and row[0] == SPOT.id.value)
    closing = [row for row in done if row[0] == PERP.id.value and row[1] == "BUY"]
    assert closing
    assert all(row[4] for row in closing)  # reduce-only
    engine.dispose()


def test_two_perpetuals_are_held_towards_the_one_that_pays():
    data = quotes(FLAT, (PERP, OTHER)) + rates([-0.0002] * 12) + rates([0.0009] * 12, OTHER)
    engine, _ = run(data, arb([(PERP, OTHER)]))
    found = held(engine)
    assert found[OTHER.id.value] == -found[PERP.id.value] < 0
    engine.dispose()


def test_too_little_paid_is_told_and_scaled_down():
    data = quotes(FLAT) + rates([0.001] * 5 + [0.0003] * 7)
    engine, heard = run(data, arb(rule={"persistence": 0.0, "stay_caution": 0.0}))
    (alert,) = [one for one in heard if one.key == f"carry|{NAME}"]
    assert (alert.severity, alert.source) == ("WARNING", "carry")
    assert alert.numbers["ratio"] < 0.7
    assert 0 < held(engine)[SPOT.id.value] < Decimal("2.25")
    engine.dispose()


def test_a_backtest_that_pays_nothing_is_noticed():
    engine, heard = run(quotes(FLAT) + rates(HIGH), arb(), funding=False)
    (alert,) = [one for one in heard if one.key == f"carry|{NAME}"]
    assert alert.numbers["ratio"] == 0.0
    assert held(engine) == {}
    engine.dispose()


def test_near_liquidation_both_legs_are_cut_at_once():
    """The account of the short leg is small, and the price rises: it is cut between two decisions."""
    strategy = arb(min_distance=0.06, target_distance=0.12, rule={"margin": 0.05, "max_share": 1.0})
    prices = [40_000.0] * 36 + [42_500.0] * 6
    engine, heard = run(quotes(prices) + rates(HIGH[:6]), strategy, perp_balance=10_000.0)
    critical = [one for one in heard if one.key == f"carry|{NAME}|bound" and one.severity == "CRITICAL"]
    assert len(critical) == 1
    assert critical[0].numbers["held"] == pytest.approx(71_782.5)
    left = held(engine)
    assert left[SPOT.id.value] == -left[PERP.id.value]
    # 10 000 / (0.12 + 0.025 × 1.12) may be entered, 1.689. 10 000 − 27 − 1.689 × 2 500.5 = 5 749.6 on 71 782:
    # 5 749.6 − 71 782·x = 0.025 × 71 782·(1 + x) at x = 5.4 %. Of it 5 749.6 / 0.148 may stay, and what the
    # cut costs and the funding paid meanwhile are not worth another trade.
    assert float(left[SPOT.id.value]) == pytest.approx(5_749.6 / 0.148 / 42_500, abs=0.001)
    assert len(orders(engine)) == 4
    cut = [row for row in orders(engine) if row[:2] == (PERP.id.value, "BUY")]
    assert all(row[4] for row in cut)
    sent = [order.ts_init for order in engine.cache.orders(instrument_id=PERP.id) if order.is_buy]
    assert sent == [START + 36 * HOUR]  # with the quote, a second before the next decision
    engine.dispose()


def test_a_venue_that_has_lost_capital_holds_less():
    prices = [40_000.0] * 36 + [43_000.0] * 4
    far = arb(min_distance=0.02, target_distance=0.04)
    engine, _ = run(quotes(prices) + rates(HIGH[:5]), far, perp_balance=10_000.0)
    # 0.9 × 10 000 / 0.2 of short at 40 000 are 1.125; of the 10 000 − 18 − 3 375.6 left, 29 730 / 43 000.
    left = held(engine)
    assert float(left[SPOT.id.value]) == pytest.approx(29_730 / 43_000, rel=0.01)
    assert left[SPOT.id.value] == -left[PERP.id.value]
    engine.dispose()


def status(instrument: Any, action: MarketStatusAction, hours: float, **rest: Any) -> InstrumentStatus:
    ts = START + int(hours * HOUR)
    return InstrumentStatus(instrument.id, action, ts, ts, **rest)


def test_a_halt_leaves_alone_what_is_hedged_and_opens_nothing():
    flip = rates([0.001] * 6 + [-0.002] * 6)
    halts = [status(PERP, MarketStatusAction.HALT, 50.5), status(PERP, MarketStatusAction.TRADING, 80.5)]
    engine, heard = run(quotes(FLAT) + flip + halts, arb(statuses=True))
    assert [row[3] for row in orders(engine) if row[0] == PERP.id.value and row[1] == "BUY"] == [80]
    assert "halted" in next(one for one in heard if one.key.endswith("bound")).text
    engine.dispose()


@pytest.mark.parametrize(
    "told",
    [
        [status(SPOT, MarketStatusAction.PAUSE, 1.0)],
        [status(SPOT, MarketStatusAction.NEW_PRICE_INDICATION, 1.0, is_trading=False)],
        # What says nothing of trading ends no halt.
        [
            status(SPOT, MarketStatusAction.HALT, 1.0),
            status(SPOT, MarketStatusAction.SHORT_SELL_RESTRICTION_CHANGE, 2.0),
        ],
    ],
)
def test_what_never_trades_is_never_opened(told: list[Any]):
    engine, _ = run(quotes(FLAT) + rates(HIGH) + told, arb(statuses=True))
    assert orders(engine) == []
    engine.dispose()


def test_a_venue_that_is_down_is_left_alone_until_it_is_back():
    strategy = arb()
    engine = build(quotes(FLAT) + rates([0.001] * 6 + [-0.002] * 6), [strategy])
    for hours, health in ((20.0, "DEGRADED"), (45.0, "DOWN"), (80.5, "UP")):
        engine.kernel.clock.set_time_alert_ns(
            health,
            START + int(hours * HOUR),
            lambda event: publish(
                engine.kernel.msgbus,
                VenueHealthUpdate(
                    key="PERPS", ts=event.ts_event, health=event.name, previous="UP", latency=0.1
                ),
            ),
        )
    heard = alerts_of(engine)
    engine.run()
    told = [one.text for one in heard if one.key == f"carry|{NAME}|bound"]
    assert ["halted" in text for text in told] == [True, False]
    assert {row[3] for row in orders(engine)} == {32, 80}
    assert held(engine) == {}
    engine.dispose()


def test_an_instrument_that_ends_is_left_before():
    ends = {PERP.id.value: "2024-01-04T08:30:00Z"}  # 80.5 hours after the start
    engine, _ = run(quotes(FLAT) + rates(HIGH), arb(delistings=ends, leave_before=20 * 3_600.0))
    assert held(engine) == {}
    assert {row[3] for row in orders(engine)} == {32, 61}
    engine.dispose()
    close = [status(SPOT, MarketStatusAction.PRE_CLOSE, 50.5)]
    engine, _ = run(quotes(FLAT) + rates(HIGH) + close, arb(statuses=True))
    assert held(engine) == {}
    assert {row[3] for row in orders(engine)} == {32, 50}
    engine.dispose()


def test_without_allocation_it_wants_but_does_not_trade():
    strategy = arb(allocation=0.0)
    engine = build(quotes(FLAT) + rates(HIGH), [strategy])
    heard: list[TargetUpdate] = []
    subscribe(engine.kernel.msgbus, TargetUpdate, heard.append)
    engine.run()
    assert any(update.exposure for update in heard)
    assert all(-1.0 <= update.exposure <= 1.0 for update in heard)
    assert engine.cache.orders() == []
    engine.dispose()


def test_an_allocation_scales_what_is_held_and_what_is_told():
    strategy = arb(allocation=0.5)
    engine = build(quotes(FLAT) + rates(HIGH), [strategy])
    told: list[CarryHeld] = []
    subscribe(engine.kernel.msgbus, CarryHeld, told.append)
    engine.run()
    assert held(engine)[SPOT.id.value] == Decimal("1.12500")
    assert told[-1].size == pytest.approx(45_000.0)
    assert told[-1].full == pytest.approx(90_000.0)
    assert told[-1].pair == KEY
    engine.dispose()


def test_a_second_run_is_the_same():
    strategy = arb()
    engine = build(quotes(FLAT) + rates(HIGH), [strategy])
    engine.run()
    first = orders(engine)
    assert first
    engine.reset()
    engine.run()
    assert orders(engine) == first
    engine.dispose()


# -- restarts --------------------------------------------------------------------------------------------


def restarted(name: str, at: float, strategy: FundingArb, data: Any) -> Any:
    """Run, stop at some hours, forget everything but the state, and go on."""
    engine = build(data, [strategy])
    pause = START + int(at * HOUR)
    engine.run(end=pause, streaming=True)
    strategy.stop()
    strategy.reset()
    strategy.start()
    engine.run(start=pause)
    return engine


@pytest.mark.parametrize("at", [20.5, 40.5])
def test_a_restart_goes_on_as_if_it_had_not_been(at: float):
    data = quotes([40_000.0] * 120) + rates([0.001] * 8 + [-0.0005] * 7)
    whole, _ = run(data, arb())
    expected = orders(whole)
    whole.dispose()
    assert len(expected) >= 4
    url = f"memory://funding-arb-{at}"
    with shared_store(url):
        engine = restarted(url, at, arb(state=url), data)
        assert orders(engine) == expected
        engine.dispose()


def test_without_its_state_it_has_to_learn_again():
    data = quotes(FLAT) + rates(HIGH)
    engine = restarted("", 20.5, arb(), data)
    # Three stamps were seen before; five more are needed.
    assert orders(engine)[0][3] > 32
    engine.dispose()


@pytest.mark.parametrize("damage", [{"scaler": {}}, {"scaler": None}, {"schedule": {"last": 7}}])
def test_a_damaged_state_begins_anew_and_does_not_stop_the_node(damage: dict[str, Any]):
    url = "memory://funding-arb-damaged"
    data = quotes(FLAT) + rates(HIGH)
    with shared_store(url) as store:
        store.put("carry", "FundingArb-000|scaler", {"scaler": {}, "schedule": {}, **damage}, ts=1)
        engine, _ = run(data, arb(state=url))
        assert [row[3] for row in orders(engine)] == [32, 32]
        engine.dispose()


def test_sizes_and_payments_are_in_the_journal():
    url = "memory://funding-arb-journal"
    with shared_store(url) as store:
        engine, _ = run(quotes(FLAT) + rates(HIGH), arb(state=url))
        entries = [entry.body for entry in store.entries() if entry.kind == "carry"]
        engine.dispose()
    sizes = [body for body in entries if body["what"] == "size"]
    assert sizes[0]["why"] == "unknown"
    entered = next(body for body in sizes if body["size"])
    assert entered["why"] == "capital"
    assert entered["expected"] == pytest.approx(0.021)  # 21 payments of 0.001
    assert {"fixed", "root", "linear", "error", "borrow", "best", "kelly", "flip", "level"} <= set(entered)
    assert len(sizes) < 10  # changes alone
    payments = [body for body in entries if body["what"] == "paid"]
    assert [body["paid"] for body in payments] == pytest.approx([90.0] * 7)
    assert payments[-1]["ratio"] == pytest.approx(1.0)


def test_what_others_are_paid_on_the_same_instrument_is_not_its_own():
    url = "memory://funding-arb-others"
    with shared_store(url) as store:
        other = Scheduled(PERP, {START: "-1.500"}, "099")
        engine = build(quotes(FLAT) + rates(HIGH), [arb(state=url), other])
        engine.run()
        paid = [entry.body["paid"] for entry in store.entries() if entry.body.get("what") == "paid"]
        engine.dispose()
    assert paid == pytest.approx([90.0] * 7)


# -- a scaler of the node --------------------------------------------------------------------------------


def saying(engine: Any, size: float, hours: float, why: str = "profit") -> None:
    ts = START + int(hours * HOUR)
    engine.kernel.clock.set_time_alert_ns(
        f"say-{hours}",
        ts,
        lambda event: publish(
            engine.kernel.msgbus, CarrySize(key=KEY, ts=event.ts_event, size=size, why=why, edge=0.01)
        ),
    )


def test_it_follows_a_scaler_and_adds_nothing_when_that_falls_silent():
    strategy = arb(size_stale_after=7_200.0)
    engine = build(quotes(FLAT) + rates(HIGH), [strategy])
    publish(engine.kernel.msgbus, CarrySize(key=KEY, ts=START, size=0.0, why="unknown", edge=0.0))
    saying(engine, 20_000.0, 40.0)
    saying(engine, 30_000.0, 45.0)
    engine.run()
    done = orders(engine)
    # Nothing at 32 h, where it would have entered alone; then as told, and no more when nobody tells.
    assert sorted({row[3] for row in done}) == [40, 45]
    assert held(engine)[SPOT.id.value] == Decimal("0.75000")
    engine.dispose()


class Blind(FundingArb):
    """Does not know what it holds any more from 42 hours on, as without a price of one leg."""

    def _notional(self, name: str) -> float:
        blind = self.clock.timestamp_ns() >= START + 42 * HOUR
        return math.nan if blind else super()._notional(name)


def test_who_does_not_know_what_is_held_adds_nothing_and_still_leaves():
    strategy = Blind(arb(size_stale_after=7_200.0).config)
    engine = build(quotes(FLAT) + rates(HIGH), [strategy])
    publish(engine.kernel.msgbus, CarrySize(key=KEY, ts=START, size=0.0, why="unknown", edge=0.0))
    for size, hours in ((20_000.0, 40.0), (30_000.0, 45.0), (0.0, 50.0)):
        saying(engine, size, hours)
    heard = alerts_of(engine)
    engine.run()
    assert sorted({row[3] for row in orders(engine)}) == [40, 50]
    assert held(engine) == {}
    assert "size unknown" in next(one for one in heard if one.key.endswith("bound")).text
    engine.dispose()


def test_who_does_not_know_what_is_held_leaves_what_ends():
    close = [status(SPOT, MarketStatusAction.PRE_CLOSE, 50.5)]
    strategy = Blind(arb(statuses=True).config)
    engine, _ = run(quotes(FLAT) + rates(HIGH) + close, strategy)
    assert held(engine) == {}
    assert {row[3] for row in orders(engine)} == {32, 50}
    engine.dispose()


def test_a_silent_scaler_leaves_the_way_out_to_the_own_rule():
    strategy = arb(size_stale_after=7_200.0)
    engine = build(quotes([40_000.0] * 130) + rates([0.001] * 6 + [-0.002] * 10), [strategy])
    publish(engine.kernel.msgbus, CarrySize(key=KEY, ts=START, size=0.0, why="unknown", edge=0.0))
    saying(engine, 20_000.0, 40.0)
    engine.run()
    assert held(engine) == {}
    assert max(row[3] for row in orders(engine)) > 48
    engine.dispose()


@pytest.mark.parametrize("silent", [True, False])
def test_who_hears_no_scaler_any_more_tells_itself_what_is_not_paid(silent: bool):
    strategy = arb(size_stale_after=7_200.0)
    engine = build(quotes(FLAT) + rates(HIGH), [strategy], funding=False)
    publish(engine.kernel.msgbus, CarrySize(key=KEY, ts=START, size=0.0, why="unknown", edge=0.0))
    for hours in (40.0,) if silent else range(40, 96):
        saying(engine, 20_000.0, hours)
    heard = alerts_of(engine)
    engine.run()
    assert bool([one for one in heard if one.key == f"carry|{NAME}"]) is silent
    engine.dispose()


def test_what_the_scaler_says_is_not_heard_where_it_should_not_be():
    engine = build(quotes(FLAT) + rates(HIGH), [arb(scaler="own")])
    publish(engine.kernel.msgbus, CarrySize(key=KEY, ts=START, size=0.0, why="no edge", edge=0.0))
    engine.run()
    assert held(engine)[SPOT.id.value] == Decimal("2.25000")
    engine.dispose()


def test_no_allocation_any_more_closes_both_legs():
    strategy = arb()
    engine = build(quotes(FLAT) + rates(HIGH), [strategy])
    engine.kernel.clock.set_time_alert_ns(
        "stop",
        START + 50 * HOUR,
        lambda event: publish(
            engine.kernel.msgbus, AllocationUpdate(key=strategy.id.value, ts=event.ts_event, allocation=0.0)
        ),
    )
    engine.run()
    assert held(engine) == {}
    assert {row[3] for row in orders(engine)} == {32, 50}
    engine.dispose()


# -- configuration ---------------------------------------------------------------------------------------


def test_one_pair_in_two_lines():
    config = FundingArbConfig(instrument=SPOT.id, partner=PERP.id, borrow=0.1)
    assert config.carries == (CarryPairConfig(one=SPOT.id, two=PERP.id, borrow=0.1),)
    assert [pair.name for pair in FundingArb(config).pairs()] == [NAME]


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({}, "need a partner"),
        ({"hedges": (CarryPairConfig(one=OTHER.id, two=PERP.id),)}, "`one` of the first"),
        ({"partner": PERP.id, "every": 0.0}, "every > 0"),
        ({"partner": PERP.id, "min_distance": 0.3}, "distance < target"),
        ({"partner": PERP.id, "delistings": {"X": "soon"}}, "ISO 8601"),
        ({"partner": PERP.id, "delistings": {"X": "2026-01-01T00:00:00"}}, "time zone"),
        ({"partner": PERP.id, "delistings": {"X": "2026-01-01T00:00:00Z"}}, "its own instruments"),
        ({"partner": PERP.id, "rule": CarryRuleConfig(untimed="sometimes")}, "sometimes"),
    ],
)
def test_impossible_settings(config: dict[str, Any], why: str):
    with pytest.raises(ValueError, match=why):
        FundingArb(FundingArbConfig(instrument=SPOT.id, **config))


def test_an_unknown_instrument_stops_it_with_a_word():
    unknown = InstrumentId.from_str("ETHUSDT.CASH")
    strategy = FundingArb(FundingArbConfig(instrument=unknown, partner=PERP.id))
    engine, _ = run(quotes(FLAT[:2]), strategy)
    assert strategy.is_stopped
    engine.dispose()
