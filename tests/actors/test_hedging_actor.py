"""The hedging actor in real engine runs."""

from __future__ import annotations

import math
from typing import Any

import pytest
from nautilus_trader.model.enums import OmsType, OrderType, TimeInForce
from nautilus_trader.model.events import OrderFilled, OrderInitialized
from nautilus_trader.model.objects import Price

from nautilus_quant.host.hedging_memory import NAMESPACE, PARAMS, version_key
from nautilus_quant.host.messages import SafetyStatus, publish
from nautilus_quant.host.state import shared_store
from nautilus_quant.options.hedging_band import BandParams
from nautilus_quant.options.hedging_params import HedgeParams, Mode, Version
from tests.actors.hedging_runs import (
    CALL,
    COIN_CALL,
    OTHER,
    PERP,
    PUT,
    Holder,
    Run,
    Saboteur,
    hedger,
    market,
    moved,
)
from tests.host.engine import SECOND, START
from tests.host.options_kit import option

FLAT = [30_000.0] * 60


def wave(count: int, size: float = 600.0) -> list[float]:
    return [30_000.0 + size * math.sin(n / 20.0) for n in range(count)]


def at(n: int) -> int:
    return START + n * SECOND


def drawdown(run: Any, fraction: float, ts: int, state: str = "armed") -> None:
    status = SafetyStatus(
        ts=ts,
        state=state,
        equity=1e6,
        currency="USDT",
        hourly_loss=0.0,
        daily_loss=0.0,
        drawdown=fraction,
        entries=True,
    )
    publish(run.msgbus, status)


@pytest.fixture
def done():
    """Runs to be taken down afterwards."""
    runs: list[Run] = []
    yield runs.append
    for run in runs:
        run.close()


def go(done: Any, *args: Any, **options: Any) -> Run:
    run = Run(*args, **options)
    done(run)
    return run


# -- the band -----------------------------------------------------------------------------------------


def test_the_net_delta_stays_in_the_band(done):
    run = go(done, market(wave(240)), {2: [(CALL, 5.0)]}, hedger())
    # The option is filled at 2 s; a second later what the first greeks told is hedged.
    deltas = [delta for ts, delta in run.deltas if ts >= at(8)]
    assert len(deltas) > 200
    # No further than the band, a lot, and what a second of this path adds to it.
    assert max(map(abs, deltas)) < 0.05 + 0.001 + 0.05
    assert run.what().count("filled") > 10
    assert set(run.hedges) == {PERP.id}
    first = run.heard[0]
    # 5 calls by the forward that the venue told a second ago, 30 000 + 600 sin(1/20).
    delta = 5.0 * moved(CALL, 30_029.9875, at(2))[1]
    assert first.delta_before == pytest.approx(delta, abs=1e-4)
    assert 0.0 <= first.delta_after < 0.001
    # Half the spread of 1 at about 30 060, and nothing else.
    assert first.slippage == pytest.approx(0.5 / 30_060, rel=1e-3)


def test_between_two_looks_by_the_clock_it_follows_positions_and_prices(done):
    settings = {"every": 3_600.0, "move": 0.0005}
    run = go(done, market(wave(240)), {2: [(CALL, 5.0)], 100: [(CALL, -2.0)]}, hedger(settings))
    deltas = {ts: delta for ts, delta in run.deltas if ts >= at(8)}
    # A move of 5 bps, 15 dollars, changes 5 calls of about 1.6e-4 a dollar by 0.012.
    assert max(map(abs, deltas.values())) < 0.05 + 0.001 + 0.05 + 0.012
    # What is sold at 100 s is hedged in that second.
    assert any(at(100) <= update.ts <= at(101) and abs(update.delta_before) > 0.5 for update in run.heard)


def test_options_of_several_strategies_are_hedged_together(done):
    second = Holder({2: [(PUT, -3.0)]}, tag="002")
    run = go(
        done,
        market(FLAT, [CALL, PUT]),
        {2: [(CALL, 2.0)]},
        hedger(),
        instruments=[PERP, CALL, PUT],
        others=[second],
    )
    net = 2.0 * moved(CALL, 30_000, at(59))[1] - 3.0 * moved(PUT, 30_000, at(59))[1]
    assert run.hedges[PERP.id] == pytest.approx(-net, abs=0.051)
    assert run.actor.nets["BTC"].positions == 3


def test_what_has_expired_is_listened_to_no_more(done):
    soon = option(START + 30 * SECOND, 30_000.0, True)
    told = market(FLAT[:25], [CALL, soon]) + [one for one in market(FLAT) if one.ts_init >= at(25)]
    run = go(
        done,
        told,
        {2: [(soon, 3.0), (CALL, 1.0)]},
        hedger(),
        instruments=[PERP, CALL, soon],
    )
    assert any(update.delta_before > 1.0 for update in run.heard)
    bus = run.engine.kernel.msgbus

    def hears(one: Any) -> bool:
        found = bus.subscriptions(f"data.quotes.{one.id.venue}.{one.id.symbol}")
        return any(run.actor.handle_quote_tick == each.handler for each in found)

    assert [hears(one) for one in (PERP, CALL, soon)] == [True, True, False]


def test_only_chosen_strategies_are_hedged(done):
    second = Holder({2: [(PUT, -3.0)]}, tag="002")
    run = go(
        done,
        market(FLAT, [CALL, PUT]),
        {2: [(CALL, 2.0)]},
        hedger(strategies=("Holder-001",)),
        instruments=[PERP, CALL, PUT],
        others=[second],
    )
    assert run.hedges[PERP.id] == pytest.approx(-2.0 * moved(CALL, 30_000, at(59))[1], abs=0.051)


def test_a_perpetual_of_who_holds_no_options_is_none_of_its_business(done):
    trend = Holder({2: [(PERP, 7.0)]}, tag="002")
    run = go(done, market(FLAT), {2: [(CALL, 2.0)]}, hedger(), others=[trend])
    assert run.hedges[PERP.id] == pytest.approx(-2.0 * moved(CALL, 30_000, at(59))[1], abs=0.051)


def test_a_perpetual_of_who_holds_options_is_part_of_the_hedge(done):
    run = go(done, market(FLAT), {2: [(CALL, 2.0), (PERP, -1.0)]}, hedger())
    assert run.hedges[PERP.id] == pytest.approx(1.0 - 2.0 * moved(CALL, 30_000, at(59))[1], abs=0.051)


@pytest.mark.parametrize("adjusted", [True, False])
def test_options_paid_in_coin_by_their_premium_adjusted_delta(done, adjusted):
    run = go(
        done,
        market(FLAT, [COIN_CALL]),
        {2: [(COIN_CALL, 5.0)]},
        hedger({"premium_adjusted": adjusted}),
        instruments=[PERP, COIN_CALL],
    )
    premium, delta = moved(COIN_CALL, 30_000, at(59))
    expected = delta - premium / 30_000 if adjusted else delta
    assert run.hedges[PERP.id] == pytest.approx(-5.0 * expected, abs=0.051)
    # The two differ by more than the band: 5 premiums of about 0.033 coins.
    assert 5.0 * premium / 30_000 > 0.15


def test_what_cannot_be_priced_is_not_hedged_and_told(done):
    run = go(done, blind(), {2: [(CALL, 5.0)]}, hedger())
    assert run.orders == []
    [alert] = [alert for alert in run.alerts if alert.key == "hedging|BTC|stuck"]
    assert alert.severity == "CRITICAL"
    assert "unknown" in alert.text


def blind() -> list[Any]:
    """Options with a crossed quote and no greeks: a premium no volatility has."""
    data = [one for one in market(FLAT, greeks=lambda _: False) if one.instrument_id == PERP.id]
    from tests.actors.hedging_runs import quote

    data += [quote(CALL, 29_990.0, 30_010.0, at(n)) for n in range(60)]
    return sorted(data, key=lambda one: one.ts_init)


def test_a_hedge_in_whole_lots_never_overshoots(done):
    coarse = {"width": 0.3}
    run = go(done, market(wave(120)), {2: [(CALL, 5.0)]}, hedger(coarse))
    after = [update.delta_after * update.delta_before for update in run.heard if update.what == "filled"]
    assert after
    assert all(product >= 0.0 for product in after)


def test_hedging_venues_keep_one_position_at_a_time(done):
    run = go(done, market(wave(240)), {2: [(CALL, 5.0)]}, hedger(), oms=OmsType.HEDGING)
    deltas = [delta for ts, delta in run.deltas if ts >= at(8)]
    assert max(map(abs, deltas)) < 0.05 + 0.001 + 0.05
    held = run.engine.cache.positions_open(instrument_id=PERP.id)
    assert len({position.side for position in held}) == 1


# -- modes --------------------------------------------------------------------------------------------


def styles(run: Run) -> list[OrderType]:
    return [event.order_type for event in run.orders if isinstance(event, OrderInitialized)]


def test_conservative_rests_then_takes(done):
    # Nobody trades at our price, so the order rests until its patience ends.
    settings = {"mode": "conservative", "patience": 4.0}
    run = go(done, market(FLAT), {2: [(CALL, 5.0)]}, hedger(settings))
    first, second = [event for event in run.orders if isinstance(event, OrderInitialized)][:2]
    assert (first.order_type, first.post_only) == (OrderType.LIMIT, True)
    assert Price.from_str(first.options["price"]) == Price.from_str("30000.5")  # the ask: it sells
    assert second.ts_init - first.ts_init == pytest.approx(4 * SECOND, abs=1.1 * SECOND)
    assert second.time_in_force == TimeInForce.IOC
    assert run.what()[:2] == ["cancelled", "filled"]


def test_aggressive_goes_to_market(done):
    run = go(done, market(FLAT), {2: [(CALL, 5.0)]}, hedger({"mode": "aggressive"}))
    assert set(styles(run)) == {OrderType.MARKET}


def test_a_large_drawdown_is_an_emergency_until_it_is_over(done):
    settings = {"mode": "conservative", "patience": 30.0, "width": 4.0, "widest": 4.0}
    calls = {
        20: lambda s: drawdown(s, 0.06, at(20)),
        40: lambda s: drawdown(s, 0.045, at(40)),
        50: lambda s: drawdown(s, 0.039, at(50)),
    }
    run = go(done, market(FLAT), {2: [(CALL, 7.0)]}, hedger(settings), calls=calls)
    modes = [(update.ts, update.mode) for update in run.heard if update.what == "mode"]
    assert [mode for _, mode in modes] == ["emergency", "conservative"]
    assert modes[0][0] == pytest.approx(at(20), abs=SECOND)
    assert modes[1][0] == pytest.approx(at(50), abs=SECOND)  # 0.045 is not yet below 0.8 times 0.05
    fills = [event for event in run.orders if isinstance(event, OrderFilled)]
    assert [event.order_type for event in fills] == [OrderType.MARKET]
    assert at(20) <= fills[0].ts_event <= at(21)
    # Half a band of 4 coins would do; an emergency is hedged to the middle.
    assert abs(run.actor.nets["BTC"].delta) < 0.01
    severities = [alert.severity for alert in run.alerts if alert.key == "hedging|BTC|emergency"]
    assert severities == ["CRITICAL", "INFO"]


def test_an_order_that_rests_is_taken_back_in_an_emergency(done):
    settings = {"mode": "conservative", "patience": 50.0}
    calls = {20: lambda s: drawdown(s, 0.06, at(20))}
    run = go(done, market(FLAT), {2: [(CALL, 7.0)]}, hedger(settings), calls=calls)
    assert styles(run) == [OrderType.LIMIT, OrderType.MARKET]
    fill = next(event for event in run.orders if isinstance(event, OrderFilled))
    assert at(20) <= fill.ts_event <= at(22)


def test_a_limit_on_the_delta_is_an_emergency(done):
    settings = {"max_delta": 3.0, "mode": "conservative"}
    run = go(done, market(FLAT), {2: [(CALL, 10.0)]}, hedger(settings))
    assert styles(run)[0] == OrderType.MARKET
    assert "net delta" in next(update.reason for update in run.heard if update.what == "mode")


def test_too_much_vega_is_sold_again_in_options(done):
    run = go(
        done,
        market(FLAT, [CALL, PUT]),
        {2: [(CALL, 20.0)]},
        hedger({"max_vega": 200.0}),
        instruments=[PERP, CALL, PUT],
    )
    net = run.actor.nets["BTC"]
    assert abs(net.vega) <= 200.0
    assert abs(net.delta) < 0.06
    assert set(run.hedges) & {CALL.id, PUT.id}


# -- venues that fail ---------------------------------------------------------------------------------


def test_after_rejects_another_instrument_hedges(done):
    saboteur = Saboteur("reject")
    run = go(
        done,
        market(FLAT, linear=(PERP, OTHER)),
        {2: [(CALL, 5.0)]},
        hedger({"failures": 2, "pause": 300.0}),
        actors=[saboteur],
        instruments=[PERP, OTHER, CALL],
    )
    assert [name for _, name, _ in saboteur.seen[:3]] == [PERP.id.value, PERP.id.value, OTHER.id.value]
    assert run.hedges == {OTHER.id: pytest.approx(-5.0 * moved(CALL, 30_000, at(3))[1], abs=0.051)}
    assert any(alert.key == f"hedging|BTC|breaker|{PERP.id}" for alert in run.alerts)


def test_after_silence_another_instrument_hedges_once_what_was_sent_is_given_up(done):
    saboteur = Saboteur("vanish")
    run = go(
        done,
        market(FLAT, linear=(PERP, OTHER)),
        {2: [(CALL, 5.0)]},
        hedger({"failures": 1, "pause": 300.0, "answer": 3.0, "lost": 5.0}),
        actors=[saboteur],
        instruments=[PERP, OTHER, CALL],
    )
    (first, name, _), (second, other, _) = saboteur.seen[:2]
    assert (name, other) == (PERP.id.value, OTHER.id.value)
    assert second - first == pytest.approx(8 * SECOND, abs=SECOND)
    assert run.what()[0] == "lost"


def test_after_its_pause_an_instrument_is_tried_again(done):
    saboteur = Saboteur("reject", until=at(20))
    run = go(
        done,
        market(wave(120)),
        {2: [(CALL, 5.0)]},
        hedger({"failures": 1, "pause": 10.0}),
        actors=[saboteur],
    )
    # Rejected at 2 s; half open at 12 s, rejected; twice as long later, at 32 s, it fills.
    tried = [round((ts - START) / SECOND) for ts, _, _ in saboteur.seen[:3]]
    assert tried == [2, 12, 32]
    assert run.what()[:3] == ["rejected", "rejected", "filled"]


# -- a crash ------------------------------------------------------------------------------------------


def crash(actor: Any) -> None:
    """What a crash and a restart leave of an actor: its state, and orders nobody asked back."""
    actor._book._tools.orders.cancel = lambda _: False
    actor.stop()
    actor.reset()
    actor.start()


def test_a_restart_after_a_crash_goes_on_with_an_order_that_rests(done):
    actor = hedger({"mode": "conservative", "patience": 20.0}, state="memory://hedging-rests")
    with shared_store("memory://hedging-rests"):
        run = go(done, market(FLAT), {2: [(CALL, 5.0)]}, actor, calls={10: lambda _: crash(actor)})
    sent = [event for event in run.orders if isinstance(event, OrderInitialized)]
    # The one that was there is asked back 5 s after the restart, and the next one takes.
    assert [event.ts_init for event in sent] == [at(2), pytest.approx(at(15), abs=SECOND)]
    assert run.hedges[PERP.id] == pytest.approx(-5.0 * moved(CALL, 30_000, at(3))[1], abs=0.051)


def test_a_stop_asks_back_what_rests(done):
    actor = hedger({"mode": "conservative", "patience": 40.0})
    run = go(done, market(FLAT), {2: [(CALL, 5.0)]}, actor, calls={10: lambda _: actor.stop()})
    assert run.kinds()[-1] == "OrderCanceled"
    assert run.hedges == {}


def test_what_the_kill_switch_closes_is_not_hedged_again(done):
    settings = {"mode": "conservative", "patience": 40.0}
    calls = {
        5: lambda s: drawdown(s, 0.11, at(5), "flattening"),
        30: lambda s: drawdown(s, 0.0, at(30)),
    }
    run = go(done, market(FLAT), {2: [(CALL, 5.0)]}, hedger(settings), calls=calls)
    assert [type(e).__name__ for e in run.orders if at(5) <= e.ts_init < at(30)] == ["OrderCanceled"]
    told = [alert.severity for alert in run.alerts if alert.key == "hedging|BTC|stuck"]
    assert told == ["CRITICAL", "INFO"]
    sent = [event for event in run.orders if isinstance(event, OrderInitialized)]
    assert sent[1].ts_init >= at(30)


def crashed(done: Any, state: str) -> Any:
    """A run that ends between sending a hedge and hearing of it; what it knew is left in the store."""
    saboteur = Saboteur("vanish")
    run = go(done, market(FLAT[:4]), {2: [(CALL, 5.0)]}, hedger(state=state), actors=[saboteur])
    assert len(saboteur.seen) == 1
    return run.orders[0]


def test_a_hedge_that_reached_the_venue_before_the_crash_is_not_sent_again(done):
    state = "memory://hedging-reached"
    with shared_store(state) as store:
        lost = crashed(done, state)
        [document] = store.documents(NAMESPACE).values()
        assert document["sent"]["order"] == lost.client_order_id.value
        # The venue reports what the crash kept from being heard: the option and the hedge.
        venue = Holder({2: [(CALL, 5.0), (PERP, -float(lost.quantity))]}, tag="002")
        run = go(done, market(FLAT), {}, hedger(state=state), others=[venue])
    assert run.orders == []
    assert abs(run.actor.nets["BTC"].delta) < 0.05
    assert run.what() == ["unknown"]


def test_a_hedge_that_never_reached_the_venue_is_sent_once_it_cannot_arrive_any_more(done):
    state = "memory://hedging-lost"
    with shared_store(state):
        crashed(done, state)
        venue = Holder({2: [(CALL, 5.0)]}, tag="002")
        run = go(done, market(FLAT), {}, hedger({"lost": 20.0}, state=state), others=[venue])
    sent = [event for event in run.orders if isinstance(event, OrderInitialized)]
    assert len(sent) == 1
    # Sent at 2 s, to be answered by 7 s, and lost 20 s later.
    assert sent[0].ts_init == pytest.approx(at(27), abs=SECOND)
    assert run.hedges[PERP.id] == pytest.approx(-5.0 * moved(CALL, 30_000, at(3))[1], abs=0.051)


# -- versions -----------------------------------------------------------------------------------------


def stored(number: int, width: float) -> dict[str, Any]:
    params = HedgeParams(band=BandParams(width=width), mode=Mode.AGGRESSIVE)
    return Version(number=number, params=params, ts=1, source="study").to_dict()


def test_a_new_version_is_picked_up_while_it_runs(done):
    state = "memory://hedging-versions"
    with shared_store(state) as store:

        def add(_: Any) -> None:
            store.put_now(PARAMS, version_key("BTC", 1), stored(1, 0.01), ts=at(30))

        actor = hedger({"reload": 5.0}, state=state)
        run = go(done, market(FLAT), {2: [(CALL, 5.0)]}, actor, calls={30: add})
    assert run.actor.versions == {"BTC": 1}
    [told] = [update for update in run.heard if update.what == "version"]
    assert at(30) <= told.ts <= at(35)


def test_dear_fills_take_a_version_back_and_a_restart_knows(done):
    state = "memory://hedging-slips"
    with shared_store(state) as store:
        store.put_now(PARAMS, version_key("BTC", 1), stored(1, 0.02), ts=1)
        # Half a spread of 90 on 30 000 is 30 bps.
        dear = market(wave(120), half=90.0)
        run = go(done, dear, {2: [(CALL, 5.0)]}, hedger({"slippage_fewest": 3}, state=state))
        assert run.actor.versions == {"BTC": 0}
        [told] = [update for update in run.heard if update.what == "rolled_back"]
        assert "slipped 29.9 bps, the most is 15" in told.reason
        assert "version 1 is taken back" in told.reason
        assert any(entry.body["what"] == "rolled_back" for entry in store.entries())
        again = go(done, market(FLAT[:10]), {}, hedger(state=state))
        assert again.actor.versions == {"BTC": 0}
