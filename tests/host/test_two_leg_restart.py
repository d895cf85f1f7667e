"""Two legs over stops and crashes, in real engine runs: gone on with, nothing doubled."""

from __future__ import annotations

import pytest

from nautilus_quant.host.state import StateStore
from tests.host.engine import BTC, SECOND, START, engine
from tests.host.two_leg_kit import DIPS, ETH, PAIR, SIZE, Two, market, orders_of, run


def start_again(strategy: Two, wishes, at: int) -> Two:
    """Stop at a second, and begin with what was kept and what the venue holds."""
    strategy.steps[at] = lambda s: s.stop()
    made = engine(market(), strategies=[strategy], instruments=(BTC, ETH))
    made.run(end=START + at * SECOND, streaming=True)
    strategy.told.clear()
    strategy.wishes, strategy.steps = wishes, {}
    strategy.reset()
    strategy.start()
    made.run(start=START + (at + 1) * SECOND)
    strategy.left = [strategy.position_of(leg) for leg in strategy.legs]
    strategy.sent = orders_of(made)
    made.dispose()
    return strategy


@pytest.mark.parametrize("keeps", [True, False])
def test_a_hedged_pair_is_found_again(tmp_path, keeps: bool) -> None:
    state = f"sqlite:///{tmp_path}/state.db" if keeps else None
    strategy = start_again(Two({5: SIZE}, state=state), {30: 0.0}, at=15)
    assert strategy.left == [0, 0]
    assert strategy.told == ["closed"]
    assert len(strategy.sent) == 4


def test_a_hedged_pair_nobody_remembers_stays_until_something_is_wanted() -> None:
    strategy = start_again(Two({5: SIZE}), {}, at=15)
    assert strategy.left == [10, -150]
    assert len(strategy.sent) == 2


class Mortal(Two):
    """Dies while its first leg is open: what it kept names the second as sent, and it never was."""

    dead = False

    def submit_order(self, order, *args, **kwargs) -> None:
        self.dead = self.dead or (self.mortal and order.instrument_id == ETH.id)
        if not self.dead:
            super().submit_order(order, *args, **kwargs)

    mortal = True

    def on_order_event(self, event) -> None:
        if not self.dead:
            super().on_order_event(event)

    def on_quote_tick(self, tick) -> None:
        if not self.dead:
            super().on_quote_tick(tick)

    def on_stop(self) -> None:
        """Nothing is tidied up."""

    def come_alive(self) -> None:
        self.dead = self.mortal = False
        self.reset()
        self.start()


@pytest.mark.parametrize(
    ("eth", "left", "last"),
    [
        (2_000.0, [10, -150], ("ETH", 150, False, "FILLED")),
        # ETH has fallen by 10: a unit hedged now is 150 worse than when it was wanted, for 12 of fees
        (1_990.0, [0, 0], ("BTC", 10, True, "FILLED")),
    ],
)
def test_a_leg_left_open_by_a_crash_is_hedged_or_taken_back_and_none_is_doubled(
    tmp_path, eth: float, left: list[int], last: tuple
) -> None:
    state = f"sqlite:///{tmp_path}/state.db"
    strategy = Mortal({5: SIZE}, state=state)
    made = engine(market(eth=(2_000.0,) * 8 + (eth,) * 52), strategies=[strategy], instruments=(BTC, ETH))
    made.run(end=START + 10 * SECOND, streaming=True)
    assert [strategy.position_of(leg) for leg in strategy.legs] == [10, 0]
    strategy.stop()
    kept = StateStore.open(state).documents("two_legs")[f"{strategy.id.value}|{PAIR.name}"]
    assert [order["done"] for order in kept["book"]["orders"]["orders"]] == [False, False]
    strategy.come_alive()
    made.run(start=START + 11 * SECOND)
    assert [strategy.position_of(leg) for leg in strategy.legs] == left
    assert orders_of(made) == [("BTC", 10, False, "FILLED"), last]
    made.dispose()


def test_a_crash_in_the_middle_of_closing_is_finished(tmp_path) -> None:
    state = f"sqlite:///{tmp_path}/state.db"
    strategy = Mortal({5: SIZE, 10: 0.0}, {8: lambda s: setattr(s, "mortal", True)}, state=state)
    strategy.mortal = False
    made = engine(market(), strategies=[strategy], instruments=(BTC, ETH))
    made.run(end=START + 15 * SECOND, streaming=True)
    assert [strategy.position_of(leg) for leg in strategy.legs] == [0, -150]
    strategy.stop()
    strategy.come_alive()
    made.run(start=START + 16 * SECOND)
    assert [strategy.position_of(leg) for leg in strategy.legs] == [0, 0]
    assert orders_of(made)[2:] == [("BTC", 10, True, "FILLED"), ("ETH", 150, True, "FILLED")]
    made.dispose()


def test_what_rests_and_fills_while_nobody_runs_is_hedged_and_taken_back(tmp_path) -> None:
    """Dead from second 7 to 10, in which four of ten fill; two more before the cancel is there."""
    steps = {7: lambda s: setattr(s, "dead", True)}
    config = {"style": "passive_aggressive", "leg_timeout": 60.0}
    strategy = Mortal({5: SIZE}, steps, state=f"sqlite:///{tmp_path}/state.db", **config)
    made = engine(
        market(btc=(30_000.0,) * 8 + DIPS, btc_size=2),
        strategies=[strategy],
        instruments=(BTC, ETH),
        liquidity_consumption=True,
    )
    made.run(end=START + 9 * SECOND, streaming=True)
    assert [strategy.position_of(leg) for leg in strategy.legs] == [4, 0]
    strategy.stop()
    strategy.come_alive()
    made.run(start=START + 10 * SECOND)
    assert [strategy.position_of(leg) for leg in strategy.legs] == [6, -90]
    assert orders_of(made) == [
        ("BTC", 6, False, "CANCELED"),
        ("ETH", 60, False, "FILLED"),
        ("ETH", 30, False, "FILLED"),
    ]
    made.dispose()


def test_what_was_kept_and_cannot_be_read_begins_anew(tmp_path) -> None:
    state = f"sqlite:///{tmp_path}/state.db"
    strategy = Two({5: SIZE, 20: 0.0}, state=state)
    store = StateStore.open(state)
    store.put_now("two_legs", f"Two-000|{PAIR.name}", {"book": 1}, ts=1)
    store.close()
    assert run(strategy).told == ["opened", "closed"]


def test_a_stop_takes_back_what_rests_and_leaves_nothing_unhedged() -> None:
    strategy = run(
        Two({5: SIZE}, {10: lambda s: s.stop()}, style="passive_aggressive", leg_timeout=30.0),
        data=market(btc=(30_000.0,) * 8 + DIPS, btc_size=2),
        liquidity_consumption=True,
    )
    assert strategy.left == [6, -90]
    assert ("BTC", 6, False, "CANCELED") in strategy.sent
