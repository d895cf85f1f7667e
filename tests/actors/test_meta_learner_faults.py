"""The meta-learner when something goes wrong: nothing is opened, and the node goes on."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.common.events import TimeEvent
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderDenied
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.actors import MetaLearner, MetaLearnerConfig
from nautilus_quant.gating.intent import Intent, Side, Verdict
from nautilus_quant.host.messages import RegimeUpdate, publish
from nautilus_quant.host.state import shared_store
from tests.actors.selection_runs import (
    COUNT,
    QUICK,
    Selective,
    Steady,
    arms,
    bars,
    buy,
    outcomes,
    path,
    run,
)
from tests.host.engine import BTC, SECOND, START, GateActor, Script, engine, quotes


class Explosive(MetaLearner):
    """Fails from one evaluation to another, where it is told to."""

    where = "evaluate"

    def __init__(self, config: MetaLearnerConfig, fails: range) -> None:
        super().__init__(config)
        self.fails, self.count = fails, 0
        self.errors: list[str] = []

    def _gather(self, gateway: Any, store: Any) -> Any:
        desk = super()._gather(gateway, store)
        (contest,) = desk.contests.values()
        inner = getattr(contest, self.where)

        def outer(*args: Any) -> Any:
            self.count += 1
            if self.count - 1 in self.fails:
                raise RuntimeError("a bug")
            return inner(*args)

        setattr(contest, self.where, outer)
        return desk

    def _fail(self, error: Exception, *markets: str) -> None:
        if not self._agenda.faulty.issuperset(markets):
            self.errors.append(repr(error))
        super()._fail(error, *markets)


def sell_one(script: Script) -> None:
    if script.position:
        one = Quantity.from_str("1.000")
        script.submit_order(script.order_factory.market(BTC.id, OrderSide.SELL, one, reduce_only=True))


@pytest.mark.parametrize(
    ("where", "fails"), [("evaluate", range(4, 6)), ("target", range(150, 250)), ("close", range(150, 250))]
)
def test_an_error_closes_the_gate_until_all_is_well_again_and_the_node_goes_on(where, fails):
    long = Steady(1.0, "Long", order_id_tag="1", allocation=0.2)
    script = Script({140: buy, 180: sell_one, 200: buy, 290: buy, 350: buy}, tag="7")
    competing = {"Long-1": str(BTC.id), "Script-7": str(BTC.id)}
    learner = Explosive(MetaLearnerConfig(**{**QUICK, "arms": competing, "output": "top_k"}), fails)
    learner.where = where
    prices = path(500)
    made = engine([*quotes(prices, spread=0.02), *bars(prices)], actors=[learner], strategies=[long, script])
    made.run()
    codes = [e.reason.partition(":")[0] for e in script.events if isinstance(e, OrderDenied)]
    made.dispose()

    assert learner.errors == ["RuntimeError('a bug')"]
    # What was missed is missing in the first evaluation after it, too; a failed evaluation is made up for.
    again = ["OrderFilled"] if where == "evaluate" else ["OrderDenied"]
    assert outcomes(script) == ["OrderFilled", "OrderFilled", "OrderDenied", *again, "OrderFilled"]
    assert all("SELECTOR_ERROR" in code for code in codes)


DAMAGED: list[tuple[str, dict[str, Any]]] = [
    (str(BTC.id), {}),
    (str(BTC.id), {"ts": 1, "selector": {"arms": ["Long-1"], "weights": ["a"]}}),
    (str(BTC.id), {"ts": 1, "selector": {"arms": ["Long-1"], "weights": [7.0]}}),
    ("funding clock", {"x": 1}),
]


@pytest.mark.parametrize(("key", "document"), DAMAGED)
def test_what_was_saved_and_is_damaged_is_left_and_learning_begins_anew(key, document):
    state = f"memory://meta-damaged-{next(COUNT)}"
    with shared_store(state) as store:
        store.put("learning", key, document, ts=1)
        records = run(list(arms()), path(200), state=state)

    assert [record.trigger for record in records[:3]] == ["start", "arms", "interval"]
    assert sum(records[-1].weights) == 1.0


def test_what_was_saved_of_a_later_time_keeps_beliefs_and_begins_its_books_anew(tmp_path):
    state = f"sqlite:///{tmp_path}/state.db"
    prices = path(900, drift=2e-6)
    first = run(list(arms()), prices, state=state)
    again = run(list(arms()), prices[:300], state=state)[len(first) :]

    # The books of the first run end 15 minutes later, and would wait for that.
    known = [record for record in again if all(map(math.isfinite, record.rewards))]
    assert len(known) >= 3
    assert again[0].evidence[0] > 0.9 * first[-1].evidence[0]


def rest_below(script: Script) -> None:
    price = Price(29_990.0, BTC.price_precision)
    script.submit_order(script.order_factory.limit(BTC.id, OrderSide.BUY, Quantity.from_str("1.000"), price))


class Forbids(GateActor):
    """Forbids a strategy after 20 seconds, with a change of regime."""

    def __init__(self, strategy: str) -> None:
        self.rule = Selective()
        self.strategy = strategy
        super().__init__(self.rule)

    def on_start(self) -> None:
        super().on_start()
        self.clock.set_time_alert_ns("forbid", START + 20 * SECOND + 1, self.forbid)

    def forbid(self, _event: Any) -> None:
        self.rule.forbidden = {self.strategy}
        publish(self.msgbus, RegimeUpdate(key=str(BTC.id), ts=START, regime="HIGH_VOL"))


def test_what_rests_of_a_strategy_of_other_people_is_cancelled_when_it_is_not_chosen():
    script = Script({5: rest_below}, tag="7")
    prices = [30_000.0] * 40 + [29_900.0] * 40
    records = run([script], prices, before=[Forbids("Script-7")], arms={"Script-7": str(BTC.id)})

    assert [record.weights for record in records[:2]] == [(1.0,), (0.0,)]
    assert script.kinds()[-1] == "OrderCanceled"


def test_the_protection_of_a_position_stays_when_its_strategy_is_not_chosen():
    def protect(script: Script) -> None:
        one = Quantity.from_str("1.000")
        for price in (29_500.0, 30_500.0):
            at = Price(price, BTC.price_precision)
            make = script.order_factory.stop_market if price < 30_000 else script.order_factory.limit
            script.submit_order(make(BTC.id, OrderSide.SELL, one, at))

    script = Script({5: buy, 6: protect}, tag="7")
    prices = [30_000.0] * 40 + [29_400.0] * 40
    run([script], prices, before=[Forbids("Script-7")], arms={"Script-7": str(BTC.id)})

    assert script.kinds().count("OrderCanceled") == 1
    assert script.kinds()[-1] == "OrderFilled"


def test_an_arm_that_is_not_chosen_opens_nothing_elsewhere_either():
    eth = TestInstrumentProvider.ethusdt_perp_binance()

    class Here(Selective):
        def check(self, intent: Any) -> Verdict:
            return super().check(intent) if intent.instrument == str(BTC.id) else Verdict.allow(self.name)

    def elsewhere(script: Script) -> None:
        script.submit_order(script.order_factory.market(eth.id, OrderSide.BUY, Quantity.from_str("1.000")))

    script = Script({30: elsewhere}, tag="7")
    data = [*quotes([30_000.0] * 60), *quotes([2_000.0] * 60, eth)]
    config = {**QUICK, "arms": {"Script-7": str(BTC.id)}}
    made = engine(
        sorted(data, key=lambda tick: tick.ts_init),
        actors=[GateActor(Here("Script-7")), MetaLearner(MetaLearnerConfig(**config))],
        strategies=[script],
        instruments=(BTC, eth),
    )
    made.run()
    made.dispose()
    assert "NOT_CHOSEN" in script.events[-1].reason


def test_what_strategies_of_other_people_use_is_not_added_to_the_budget_of_the_others():
    long = Steady(1.0, "Long", order_id_tag="1", allocation=0.1)
    other = Script({}, tag="7")
    competing = {"Long-1": str(BTC.id), "Script-7": str(BTC.id)}
    run([long, other], path(300), arms=competing, priors={"steady": (1.0, 100.0)})

    assert run.allocations[f"Long-1|{BTC.id}@selector"].allocation == pytest.approx(1.0)
    assert float(long.left) == pytest.approx(100_000 / 30_000, rel=0.06)


def test_an_arm_with_no_share_is_watched_and_never_chosen():
    watched = Steady(1.0, "Long", order_id_tag="1", allocation=0.0)
    short = Steady(-1.0, "Short", order_id_tag="2", allocation=0.2)
    records = run([watched, short], path(600, drift=5e-6))

    assert sum(record.returns[0] for record in records[2:]) > 0.001
    assert {record.weights for record in records[1:]} == {(0.0, 1.0)}


def test_events_of_the_clock_that_come_late_and_at_once_do_no_harm():
    learners: list[Any] = []

    class Late(MetaLearner):
        def on_start(self) -> None:
            super().on_start()
            learners.append(self)

    def stall(_script: Script) -> None:
        now = learners[0].clock.timestamp_ns()
        for late in (120, 0, 0):
            ts = now - late * SECOND
            learners[0]._on_timer(TimeEvent("meta_learner.evaluate", UUID4(), ts, now))

    store_name = f"memory://meta-late-{next(COUNT)}"
    long = Steady(1.0, "Long", order_id_tag="1", allocation=0.2)
    prices = path(200)
    config = MetaLearnerConfig(**{**QUICK, "state": store_name, "exclude": ("Script-7",)})
    with shared_store(store_name) as store:
        data = [*quotes(prices, spread=0.02), *bars(prices)]
        made = engine(data, actors=[Late(config)], strategies=[long, Script({60: stall}, tag="7")])
        made.run()
        made.dispose()
        times = [(entry.ts - START) // SECOND for entry in store.entries(kind="selection")]
    assert sorted(set(times)) == [0, 1, 40, 60, 100, 160]


class Stale(Selective):
    """Knows nothing for a time, as a regime gate without bars."""

    code = "REGIME_UNKNOWN"

    def __init__(self, *times: tuple[int, int]) -> None:
        super().__init__()
        self.times = times

    def check(self, intent: Any) -> Verdict:
        at = (intent.ts - START) / SECOND
        if any(first <= at < last for first, last in self.times):
            return Verdict.deny(self.name, self.code, "no bars")
        return Verdict.allow(self.name)


class Shut(Stale):
    """Knows that nothing may be opened for a time."""

    code = "REGIME"


def test_when_the_gates_open_again_it_does_not_wait_for_the_clock():
    records = run(list(arms()), path(200), before=[GateActor(Shut((30, 45)))])

    seen = [((r.ts - START) // SECOND, r.trigger, sum(r.weights)) for r in records]
    assert seen == [
        (0, "start", 0.0),
        (1, "arms", 1.0),
        (40, "interval", 0.0),
        (45, "gate", 1.0),
        (100, "interval", 1.0),
        (160, "interval", 1.0),
    ]


def test_a_restart_keeps_its_choice_until_a_bar_tells_the_gates_how_things_are():
    state = f"memory://meta-restart-{next(COUNT)}"
    prices = path(1200, drift=2e-6)
    with shared_store(state):
        first = run(list(arms()), prices[:900], state=state)
        later = bars(prices)[910:]
        ticks = quotes(prices, spread=0.02)[905:]
        long, short = arms()
        # Quotes come before the first bar; until then the regime gate knows nothing.
        again = run(
            [long, short], [], extra=ticks, bars_=later, before=[GateActor(Stale((0, 910)))], state=state
        )

    assert first[-1].weights == (1.0, 0.0)
    assert [(r.ts - START) // SECOND for r in again[len(first) :]][:1] == [910]
    assert again[len(first)].trigger == "start"
    assert again[len(first)].weights == (1.0, 0.0)


def test_a_market_that_is_not_there_is_refused_by_name():
    with pytest.raises(Exception, match="no such instrument"):
        run([Script({}, tag="7")], path(5), arms={"Script-7": "BTCUSDT-PERP.NOWHERE"})


def test_the_budget_is_that_of_the_arms_that_can_be_sized():
    learner = MetaLearner(MetaLearnerConfig(**QUICK, exclude=()))
    prices = path(5)
    made = engine(
        [*quotes(prices), *bars(prices)], actors=[learner], strategies=[*arms(), Script({}, tag="7")]
    )
    made.run(streaming=True)
    assert [contest.budget for contest in learner.contests.values()] == [pytest.approx(0.4)]
    made.dispose()


def test_a_reset_forgets_errors_contests_and_what_was_allotted():
    learner = Explosive(MetaLearnerConfig(**QUICK), range(4, 500))
    prices = path(400)
    made = engine([*quotes(prices, spread=0.02), *bars(prices)], actors=[learner], strategies=list(arms()))
    made.run()
    assert learner.contests
    assert asked(learner).code == "SELECTOR_ERROR"
    assert learner._agenda.faulty == {str(BTC.id)}
    learner.reset()
    assert learner.contests == {}
    assert learner._agenda.faulty == set()
    assert asked(learner).code == "SELECTOR_ERROR"  # until all who compete are known again
    made.dispose()


def asked(learner: MetaLearner) -> Verdict:
    one = Decimal(1)
    intent = Intent(START, "Long-1", str(BTC.id), Side.BUY, one, None, Decimal(0), one, 30_000.0)
    return learner.check(intent)
