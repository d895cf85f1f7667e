"""Two publishers of one allocation: their product counts, from the first bar, over silence and restarts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig

from nautilus_quant.host.messages import AllocationUpdate, everything, latest, publish
from tests.actors import selection_runs
from tests.host.engine import BTC, SECOND, START, engine
from tests.host.test_target import Wishes, run

WHOLE, ON_BTC = "", f"|{BTC.id}"


def says(source: str, share: float, on: str = WHOLE):
    return lambda s: publish(
        s.msgbus, AllocationUpdate(key=f"{s.id.value}{on}", ts=0, allocation=share, source=source)
    )


def test_two_publishers_are_multiplied_and_a_silent_one_is_held_to_its_last_word():
    steps = {
        8: says("rollout", 0.1),
        10: says("selector", 0.5, ON_BTC),
        20: says("selector", 1.0, ON_BTC),
        30: says("selector", 0.0, ON_BTC),
    }
    strategy = run(Wishes({5: 1.0}, steps))
    # 33.33 in full; a tenth of it is 3.33, half of that 1.67, back to 3.33, then flat
    assert strategy.orders == [Decimal(x) for x in ("33.33", "30.00", "1.67", "1.67", "3.33")]
    assert strategy.left == 0


def test_nobody_gives_back_what_another_has_taken():
    strategy = run(Wishes({5: 1.0}, {3: says("selector", 0.0), 10: says("rollout", 1.0)}))
    assert strategy.orders == []


def test_one_source_still_replaces_what_it_said_before():
    strategy = run(Wishes({5: 1.0}, {3: says("rollout", 0.1), 4: says("rollout", 0.2)}))
    assert strategy.orders == [Decimal("6.67")]


@pytest.mark.parametrize("order", [("selector", "rollout"), ("rollout", "selector")])
def test_a_strategy_that_starts_late_hears_both(order):
    shares = {"selector": 0.5, "rollout": 0.1}
    strategy = Wishes({5: 1.0})
    made = engine(strategies=[strategy])
    for source in order:
        update = AllocationUpdate(key=strategy.id.value, ts=0, allocation=shares[source], source=source)
        publish(made.kernel.msgbus, update)
    made.run()
    assert strategy.position_of(BTC.id) == Decimal("1.666")
    made.dispose()


def test_a_restart_goes_on_with_the_last_word_of_each():
    strategy = Wishes({5: 1.0}, {6: says("rollout", 0.1), 7: says("selector", 0.5)})
    made = engine(strategies=[strategy])
    made.run(end=START + 20 * SECOND, streaming=True)
    assert round(strategy.position_of(BTC.id), 2) == Decimal("1.67")
    strategy.stop()
    strategy.reset()
    strategy.seen, strategy.steps = 0, {}
    strategy.start()
    made.run(start=START + 21 * SECOND)
    assert round(strategy.position_of(BTC.id), 2) == Decimal("1.67")
    made.dispose()


def test_the_board_keeps_the_last_word_of_each_source():
    made = engine(strategies=[Wishes({})])
    msgbus = made.kernel.msgbus
    told = [("selector", 0.5), ("rollout", 0.1), ("selector", 0.7), ("", 0.9)]
    for source, share in told:
        publish(msgbus, AllocationUpdate(key="S-1", ts=0, allocation=share, source=source))
    kept = {place: update.allocation for place, update in everything(msgbus, AllocationUpdate).items()}
    assert kept == {"S-1@selector": 0.7, "S-1@rollout": 0.1, "S-1": 0.9}
    found = latest(msgbus, AllocationUpdate, "S-1@rollout")
    assert found is not None
    assert (found.key, found.allocation) == ("S-1", 0.1)
    made.dispose()


class Rollout(Actor):
    """Lets one strategy use a hundredth of its share, and says so once."""

    def __init__(self, strategy: str) -> None:
        super().__init__(ActorConfig())
        self.strategy = strategy

    def on_start(self) -> None:
        update = AllocationUpdate(key=self.strategy, ts=0, allocation=0.01, source="rollout")
        publish(self.msgbus, update)


def test_what_the_selector_chooses_is_rolled_out_all_the_same():
    prices = selection_runs.path(600, drift=2e-6)
    long, short = selection_runs.arms()
    records = selection_runs.run([long, short], prices, after=[Rollout("Long-1")])
    assert records[-1].weights == (1.0, 0.0)
    # The whole 40 % of the market go to the arm chosen, and it may use a hundredth of that.
    full = 0.4 * 1_000_000.0 / prices[-1]
    assert float(long.left) == pytest.approx(0.01 * full, rel=0.06)
    assert short.left == 0
