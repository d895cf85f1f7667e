"""The arbitrage between venues over its life: allocations, restarts, settings."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.common.actor import Actor
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.carry.venue_health import VenueHealthParams
from nautilus_quant.host.state import shared_store
from nautilus_quant.host.venue_health import HealthBook
from nautilus_quant.strategies.cross_exchange_arb_config import rule_params
from tests.strategies.cross_venue_runs import (
    SECOND,
    START,
    UP,
    A,
    B,
    C,
    arb,
    build,
    jump,
    outage,
    quotes,
    run,
    short,
    wiggle,
)


def test_without_an_allocation_it_wants_and_leaves_but_does_not_trade() -> None:
    done = run(arb(allocation=0.0), quotes(UP, 160))
    assert done.orders == []
    assert [(second, coins != 0.0) for second, _, coins, _ in done.wishes()] == [(81, True), (111, False)]
    exposures = [target.exposure for target in done.targets if target.instrument == A.id.value]
    assert [value > 0.0 for value in exposures] == [True, False]
    assert exposures[0] == pytest.approx(0.1, rel=0.01)  # 20 000 of 200 000


def test_half_an_allocation_holds_half() -> None:
    done = run(arb(allocation=0.5), quotes(UP, 100))
    assert done.left == pytest.approx([0.249, -0.249], abs=0.001)


def test_a_second_run_is_the_same() -> None:
    strategy = arb()
    engine = build(quotes(UP, 160), [strategy])
    seen = []
    for _ in range(2):
        engine.run()
        seen.append(
            [(o.instrument_id, o.side, o.quantity, o.avg_px, o.ts_last) for o in engine.cache.orders()]
        )
        engine.reset()
    engine.dispose()
    assert seen[0] == seen[1]
    assert len(seen[0]) == 4


def test_orders_on_their_way_are_waited_for() -> None:
    strategy = arb(answer=4.0, leg_timeout=8.0)
    done = run(strategy, quotes({A: wiggle, B: jump(0.004, 80, 999)}, 100), latency=2.5)
    assert (done.book[83], done.book[84]) == ([0.0, 0.0], [0.499, -0.499])
    assert [wish[:3] for wish in done.wishes()] == [(81, "AB", 0.499)]
    (trade,) = strategy._rule.trades.values()
    assert (trade.since - START) // SECOND == 81  # since it was wanted
    assert trade.held


def test_a_restart_goes_on_with_what_it_held() -> None:
    url = "memory://cross-venues"
    with shared_store(url):
        strategy = arb(state=url)
        engine = build(quotes(UP, 160), [strategy])
        pause = START + 95 * SECOND + SECOND // 2
        engine.run(end=pause, streaming=True)
        assert strategy.held() == [0.499, -0.499]
        entered = dict(strategy._rule.trades)
        usual = strategy._rule.bases[strategy.pairs()[0].name].mean
        strategy.stop()
        strategy.reset()
        assert strategy._rule.trades == {}
        strategy.start()
        assert strategy._rule.trades == entered
        assert strategy._rule.bases[strategy.pairs()[0].name].mean == usual
        engine.run(start=pause)
        assert strategy.held() == [0.0, 0.0]
        assert len(engine.cache.orders()) == 4
        engine.dispose()


def _forget_the_fill(engine, store) -> None:
    """As if it was stopped between sending two hedges and hearing of them; one was never sent."""
    ((key, document),) = [
        item for item in store.documents("cross_venue").items() if item[0].endswith("|hedges")
    ]
    assert document["held"] == {A.id.value: "-0.49"}
    (order,) = [
        order
        for order in engine.cache.orders(instrument_id=A.id)
        if order.quantity.as_decimal() == Decimal("0.49")
    ]
    orders = {
        order.client_order_id.value: [A.id.value, "-0.49", "0"],
        "O-NEVER-SENT": [B.id.value, "-0.2", "0"],
    }
    store.put("cross_venue", key, {**document, "held": {}, "orders": orders}, ts=1)


def test_a_restart_knows_of_a_hedge_elsewhere() -> None:
    url = "memory://cross-venues-hedge"
    paths = {A: wiggle, B: jump(0.004, 80, 101), C: lambda second: wiggle(second + 3)}
    with shared_store(url):
        strategy = arb((A, B, C), max_unhedged=1e7, outage_grace=20.0, state=url)
        data = quotes(paths, 240, silent={C: (100, 160)})
        engine = build(data, [strategy], (A, B, C), incidents={"C": [outage(100, 60)]})
        pause = START + 130 * SECOND + SECOND // 2
        engine.run(end=pause, streaming=True)
        assert strategy.held() == [-0.49, 0.0, 0.49]
        strategy.stop()
        engine.run(start=pause, end=pause + 5 * SECOND, streaming=True)
        assert strategy.held() == [-0.49, 0.0, 0.49]  # the end changes nothing of it
        strategy.reset()
        with shared_store(url) as store:
            _forget_the_fill(engine, store)
        strategy.start()
        assert strategy._hedges.book.held == {A.id.value: Decimal("-0.49")}
        engine.run(start=pause + 5 * SECOND)
        assert strategy.held() == [0.0, 0.0, 0.0]
        engine.dispose()


def test_a_damaged_state_begins_anew_and_does_not_stop_the_node() -> None:
    url = "memory://cross-venues-damaged"
    with shared_store(url) as store:
        run(arb(state=url), quotes(UP, 60))
        documents = store.documents("cross_venue")
        assert {key.rpartition("|")[2] for key in documents} == {
            "rule",
            "fills",
            "outages",
            "hedges",
            "found",
        }
        for key in documents:
            store.put("cross_venue", key, {"version": 99}, ts=1)
        done = run(arb(state=url), quotes(UP, 160))
        assert len(done.orders) == 4


def test_every_decision_is_in_the_journal_with_its_numbers() -> None:
    url = "memory://cross-venues-journal"
    with shared_store(url) as store:
        run(arb(state=url), quotes(UP, 160))
        entries = [entry for entry in store.entries() if entry.kind == "cross_venue"]
    assert [entry.body["what"] for entry in entries] == ["difference", "converged"]
    assert short(entries[0].body["pair"]) == "AB"
    assert {"net", "gross", "fees", "funding", "hurdle", "skew"} <= set(entries[0].body)


# -- what it can be told ---------------------------------------------------------------------------------


def test_settings_reach_the_rule() -> None:
    config = arb(
        least_edge=0.001,
        caution=2.0,
        skew=0.0007,
        exit_gain=0.0004,
        stop=0.02,
        longest=50.0,
        sample=2.0,
        half_life=600.0,
    ).config
    params = rule_params(config)
    assert (params.edge.least, params.edge.caution, params.inventory.skew) == (0.001, 2.0, 0.0007)
    assert (params.hold.exit, params.hold.stop, params.hold.longest) == (0.0004, 0.02, 50.0)
    assert (params.basis.interval, params.basis.half_life) == (2.0, 300.0)
    assert (params.basis.least, params.retry) == (30, 5.0)


class _Others(Actor):
    """Has its own opinion of when a venue has recovered."""

    def on_start(self) -> None:
        HealthBook.on(self.msgbus).configure(VenueHealthParams(recovery=99.0))


def test_what_others_have_set_of_health_stays_but_for_the_ages() -> None:
    strategy, other = arb(stale_after=4.0), _Others()
    made = build(quotes(UP, 5), [strategy])
    made.add_actor(other)
    made.run()
    params = HealthBook.on(made.kernel.msgbus).params
    assert params == VenueHealthParams(stale_after=4.0, dead_after=12.0, recovery=99.0)
    made.dispose()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"transfers": {"X.Y": {}}}, "transfers of"),
        ({"transfers": {A.id.value: {"fixed": -1.0}}}, "0 <= terms"),
        ({"transfers": {A.id.value: {"rate": float("nan")}}}, "0 <= terms"),
        ({"targets": {"X.Y": 1.0}}, "targets of"),
        ({"targets": {A.id.value: float("nan")}}, "finite target"),
        ({"transfers": {A.id.value: {"cost": 1.0}}}, "fixed, share, seconds, rate"),
        ({"bad_fills": 0.95}, "bad < low"),
        ({"style": "slow"}, "slow"),
        ({"sample": 0.0}, "interval"),
        ({"low_inventory": 0.5}, "low < high"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_made(changes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        arb(**changes)


def test_one_venue_is_none() -> None:
    with pytest.raises(ValueError, match="two or more different instruments"):
        arb((A,))
    with pytest.raises(ValueError, match="two or more different instruments"):
        arb((A, A))


def test_an_inverse_contract_is_not_traded() -> None:
    inverse = TestInstrumentProvider.xbtusd_bitmex()
    assert inverse.id == InstrumentId(Symbol("BTC/USD"), Venue("BITMEX"))
    done = run(arb((A, inverse)), quotes({A: wiggle}, 20), (A, inverse))
    assert done.orders == []
    assert done.wishes() == []
