"""The arbitrage between venues in real engine runs: entries, outages with an open leg, missed fills."""

from __future__ import annotations

import itertools

import pytest
from nautilus_trader.common.actor import Actor
from nautilus_trader.model.data import BookOrder, OrderBookDepth10
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.carry.two_leg_told import PairChange, Phase, What
from nautilus_quant.host.fee_terms import FeeTerms
from nautilus_quant.host.fees import FeeBook
from nautilus_quant.host.messages import AllocationUpdate, publish
from tests.strategies.cross_venue_runs import (
    MID,
    SECOND,
    START,
    UP,
    A,
    B,
    C,
    Run,
    arb,
    jump,
    outage,
    perp,
    quotes,
    rate,
    run,
    spot,
    wiggle,
)


def allot(second: int, instrument, share: float):
    def step(strategy) -> None:
        key = f"{strategy.id}|{instrument.id}"
        update = AllocationUpdate(key=key, ts=START + second * SECOND, allocation=share, source="test")
        publish(strategy.msgbus, update)

    return {second: step}


# -- entering and leaving --------------------------------------------------------------------------------


def test_two_venues_are_traded_apart_and_together_again() -> None:
    done = run(arb(), quotes(UP, 160))
    assert done.wishes() == [(81, "AB", 0.499, "difference"), (111, "AB", 0.0, "converged")]
    assert done.book[100] == [0.499, -0.499]
    assert done.left == [0.0, 0.0]
    assert done.told == [("AB", "opened"), ("AB", "closed")]
    # Each fill is a quote's ask or bid, and is charged by its own venue.
    prices = {n: {item: MID * (1 + path(n)) for item, path in UP.items()} for n in (81, 111)}
    buy, sell = round(prices[81][A] + 2.0, 1), round(prices[81][B] - 2.0, 1)
    back, again = round(prices[111][A] - 2.0, 1), round(prices[111][B] + 2.0, 1)
    assert done.equity["A"] == pytest.approx(100_000 + 0.499 * (back - buy - 0.0004 * (back + buy)), abs=0.02)
    assert done.equity["B"] == pytest.approx(
        100_000 + 0.499 * (sell - again - 0.0005 * (sell + again)), abs=0.02
    )
    assert sum(done.equity.values()) > 200_000 + 30


def test_what_was_promised_is_what_came() -> None:
    done = run(arb(caution=0.0), quotes(UP, 160))
    entered = done.updates[0].numbers
    promised = entered["net"] * entered["price"] * entered["coins"]
    # The usual difference is some two basis points above nothing when it leaves: it saw the jump itself.
    assert sum(done.equity.values()) - 200_000 == pytest.approx(promised, abs=3e-4 * 20_000)


@pytest.mark.parametrize(("taker", "enters"), [("0.0004", True), ("0.0014", False)])
def test_fees_of_both_venues_decide(taker: str, enters: bool) -> None:
    dear = perp("SIM_D", taker)
    data = quotes({A: wiggle, dear: jump(0.003, 80, 110)}, 130)
    assert bool(run(arb((A, dear)), data, (A, dear)).orders) == enters


class Volume(Actor):
    """Has traded enough at a venue for its better tier."""

    def on_start(self) -> None:
        terms = FeeTerms(tiers=((0.0, 0.0001, 0.0014), (1e6, 0.0, 0.0002)), initial_volume=2e6)
        FeeBook.on(self.msgbus).start(self.clock, {"SIM_D": terms})

    def on_stop(self) -> None:
        FeeBook.on(self.msgbus).stop()


def test_it_reckons_with_the_tier_an_account_is_in() -> None:
    dear = perp("SIM_D", "0.0014")
    data = quotes({A: wiggle, dear: jump(0.003, 80, 110)}, 100)
    done = run(arb((A, dear)), data, (A, dear), actors=[Volume()])
    assert done.left == [0.499, -0.499]
    # 0.0004 and 0.0002, in and out
    assert done.updates[0].numbers["fees"] == pytest.approx(0.0012, rel=0.01)


def test_the_cheap_venue_may_be_either() -> None:
    done = run(arb(), quotes({A: jump(0.004, 80, 110), B: wiggle}, 100))
    assert done.left == [-0.498, 0.498]


def test_an_entry_that_rests_is_filled_by_others_and_the_other_leg_follows() -> None:
    swings = {A: lambda n: wiggle(n) - (0.0004 if n % 2 else 0.0), B: jump(0.004, 80, 110)}
    done = run(arb(style="passive_aggressive", lead=0, leg_timeout=3.0), quotes(swings, 100))
    assert done.orders[0][:2] == ("A", "BUY")
    assert done.left == pytest.approx([0.499, -0.499], abs=0.002)
    calm = run(arb(style="passive_aggressive", lead=0), quotes(UP, 100))
    assert calm.left == [0.0, 0.0]  # nobody sold to it, and B was not touched
    assert {venue for venue, _, _ in calm.orders} == {"A"}
    assert calm.heard("fills") == []  # what rests and is taken back was not missed


def test_differences_that_stay_are_learnt_and_not_traded() -> None:
    apart = quotes({A: wiggle, B: lambda second: 0.004 + wiggle(second)}, 200)
    assert run(arb(), apart).orders == []


def test_funding_that_is_due_before_the_end_is_paid_for() -> None:
    def told(at: int):
        rates = [rate(A, 0.006, 60, at), rate(B, 0.0001, 60, at)]
        wide = quotes({A: wiggle, B: jump(0.006, 80, 110)}, 94)
        return run(arb(sample=20.0, least_samples=3), [*wide, *rates]).wishes()

    # A difference lasts a sample at least: 81 to 101
    assert told(3_000) == [(81, "AB", 0.499, "difference")]
    # Paid at 95, A is not bought, but sold before: from 75 on, that is less than a sample away.
    assert told(95) == [(75, "AB", -0.5, "difference")]


def test_contracts_of_other_sizes_are_held_in_coins() -> None:
    mini = perp("SIM_E", "0.0004", "1", "0.001")
    done = run(arb((mini, B)), quotes({mini: wiggle, B: jump(0.004, 80, 200)}, 130, size=9_000.0), (mini, B))
    assert done.left[0] == pytest.approx(498, abs=1.0)
    assert done.left[0] * 0.001 == pytest.approx(-done.left[1], abs=0.001)


def levels(item, path, seconds: int):
    """Ten levels a second: little at the touch, more behind it."""
    made = []
    for second in range(seconds):
        mid, ts = MID * (1 + path(second)), START + second * SECOND + 5
        sides = []
        for side, sign in ((OrderSide.BUY, -1), (OrderSide.SELL, 1)):
            sides.append(
                [
                    BookOrder(side, Price(mid + sign * (2.0 + 4.0 * n), 1), Quantity(0.05 + 0.05 * n, 3), 0)
                    for n in range(10)
                ]
            )
        made.append(OrderBookDepth10(item.id, *sides, [1] * 10, [1] * 10, 0, second, ts, ts))
    return made


def test_what_stands_deeper_in_the_books_is_walked_as_long_as_it_pays() -> None:
    tops = quotes(UP, 100, size=0.05)
    books = [depth for item, path in UP.items() for depth in levels(item, path, 100)]
    shallow = run(arb(), tops).updates[0].numbers
    deep = run(arb(book="depth10"), [*tops, *books]).updates[0].numbers
    assert shallow["coins"] == pytest.approx(0.05)
    assert deep["coins"] > 0.3
    assert deep["buy"] > shallow["buy"]
    assert deep["sell"] < shallow["sell"]


# -- three venues ----------------------------------------------------------------------------------------


def test_the_best_of_three_goes_first() -> None:
    done = run(
        arb((A, B, C), max_notional=8_000.0),
        quotes({A: jump(-0.002, 80, 110), B: jump(0.004, 80, 110), C: wiggle}, 160),
        (A, B, C),
    )
    assert done.wishes()[0][:2] == (81, "AB")
    assert done.left == [0.0, 0.0, 0.0]
    assert sum(done.equity.values()) > 300_000


def test_a_venue_that_goes_down_with_an_open_leg_is_hedged_elsewhere_and_then_unwound() -> None:
    paths = {A: wiggle, B: jump(0.004, 80, 101), C: lambda second: wiggle(second + 3)}
    done = run(
        arb((A, B, C), max_unhedged=1e7, outage_grace=20.0),
        quotes(paths, 240, silent={C: (100, 160)}),
        (A, B, C),
        incidents={"C": [outage(100, 60)]},
    )
    assert done.book[95] == [0.499, -0.989, 0.49]
    # Everything comes back at 101, when C takes no orders: the others are closed, and its leg stands alone,
    assert done.book[105] == [0.0, 0.0, 0.49]
    # until it is known to be down and its own pair had its chance; then A, which is cheaper than B, hedges,
    assert done.book[120] == [-0.49, 0.0, 0.49]
    # and when it is back both are closed.
    assert done.book[159] == [-0.49, 0.0, 0.49]
    assert done.left == [0.0, 0.0, 0.0]
    assert [second for second, _ in done.heard("SIM_C|access", "CRITICAL")] == [109]
    assert [text.split(" coins")[0] for _, text in done.heard("|hedge")] == [
        "hedge elsewhere: -0.49",
        "hedge elsewhere: 0.49",
    ]
    assert len(done.heard("SIM_C|access", "WARNING")) == 1


def test_a_pair_that_can_trade_neither_leg_is_hedged_by_another_venue() -> None:
    def stick(strategy) -> None:
        (pair,) = [name for name in strategy._pairs if strategy.pair(name).phase is Phase.UNHEDGED]
        machine = strategy.pair(pair)
        change = PairChange(
            what=What.STUCK,
            ts=START,
            reason="told to",
            target=machine.target,
            matched=machine.matched,
            held=machine.held,
            unhedged=machine.unhedged,
            used=0.0,
        )
        strategy.on_pair(pair, change)

    paths = {A: wiggle, B: jump(0.004, 80, 101), C: lambda second: wiggle(second + 3)}
    done = run(
        arb((A, B, C), {103: stick}, max_unhedged=1e7, outage_grace=20.0, hedge_elsewhere_after=2.0),
        quotes(paths, 240),
        (A, B, C),
        incidents={"C": [outage(100, 60)]},
    )
    # C refuses, and does not count as down yet, when A hedges.
    assert done.book[105] == [-0.49, 0.0, 0.49]
    assert all(second > 105 for second, _ in done.heard("SIM_C|access", "CRITICAL"))
    assert done.left == [0.0, 0.0, 0.0]


def test_nobody_is_left_to_hedge() -> None:
    paths = {A: wiggle, B: jump(0.004, 80, 101), C: lambda second: wiggle(second + 3)}
    done = run(
        arb((A, B, C), max_unhedged=1e7, outage_grace=20.0),
        quotes(paths, 260, silent=dict.fromkeys((A, B, C), (103, 160))),
        (A, B, C),
        incidents={"A": [outage(103, 57)], "B": [outage(103, 57)], "C": [outage(100, 60)]},
    )
    # Nothing is heard any more, and yet it is noticed, by the clock.
    ((second, text),) = done.heard("|hedge", "CRITICAL")
    assert 111 <= second <= 125
    assert text.startswith("0.49 coins stand alone")
    assert done.heard("|hedge", "INFO")
    assert done.left == [0.0, 0.0, 0.0]


def test_the_others_trade_on_while_one_is_down() -> None:
    paths = {A: wiggle, B: jump(0.004, 120, 150), C: jump(-0.004, 60, 70)}
    done = run(
        arb((A, B, C)),
        quotes(paths, 200, silent={C: (62, 999)}),
        (A, B, C),
        incidents={"C": [outage(62, 900)]},
    )
    opened = [(pair, what) for second, pair, coins, what in done.wishes() if second >= 120 and coins]
    assert ("AB", "difference") in opened
    assert not any("C" in pair for pair, _ in opened)
    assert [venue for venue, _, status in done.orders if status == "FILLED"].count("B") >= 2


def test_a_venue_that_is_killed_is_left_and_the_others_trade_on() -> None:
    paths = {A: wiggle, B: jump(0.007, 80, 200), C: jump(-0.004, 80, 200)}
    done = run(
        arb((A, B, C), allot(100, C, 0.0), inventory_limit=20_000.0, max_notional=10_000.0, pause=5.0),
        quotes(paths, 180),
        (A, B, C),
    )
    assert done.book[95][2] > 0.0
    assert done.book[102][2] == 0.0
    assert done.book[170][2] == 0.0
    assert done.book[170][0] == pytest.approx(-done.book[170][1])
    assert done.book[170][0] > 0.0


# -- two venues in trouble -------------------------------------------------------------------------------


class Exposed:
    """Adds up what was not hedged over time, as the price is."""

    def __init__(self, done: Run) -> None:
        steps = sorted(done.book.items())
        self.used = sum(
            abs(sum(held)) * MID * (later - second)
            for (second, held), (later, _) in itertools.pairwise(steps)
        )


def test_with_two_venues_the_leg_that_is_alone_is_covered_within_the_budget() -> None:
    done = run(
        arb(max_unhedged=300_000.0, outage_grace=20.0, max_notional=10_000.0),
        quotes({A: wiggle, B: jump(0.004, 80, 101)}, 240, silent={A: (100, 160)}),
        incidents={"A": [outage(100, 60)]},
    )
    assert done.book[95] == [0.249, -0.249]
    assert Exposed(done).used <= 300_000.0
    assert abs(sum(done.book[158])) < 1e-9
    assert done.left == [0.0, 0.0]


def test_missed_fills_are_told_by_their_ratio() -> None:
    # In and out every twenty seconds; B refuses its ninth order, and then two in a row.
    paths = {A: wiggle, B: lambda n: wiggle(n) + (0.012 if n >= 80 and n % 20 < 8 else 0.0)}
    bursts = [outage(at, lasts, "rejects") for at, lasts in ((161, 1), (181, 4))]
    done = run(
        arb(least_fills=8, fills_half_life=1e6, max_notional=2_000.0, pause=2.0),
        quotes(paths, 200),
        incidents={"B": bursts},
    )
    told = [(one.severity, one.numbers["ratio"]) for one in done.alerts if "SIM_B|fills" in one.key]
    assert [severity for severity, _ in told[:2]] == ["WARNING", "CRITICAL"]
    assert told[0][1] == pytest.approx(8 / 9, abs=0.01)
    assert told[1][1] == pytest.approx(10 / 13, abs=0.01)
    assert done.heard("SIM_A|fills") == []
    assert abs(sum(done.left)) < 1e-9
    assert [status for venue, _, status in done.orders if venue == "B"].count("REJECTED") == 3


def test_orders_that_fill_say_nothing_of_ratios() -> None:
    paths = {A: wiggle, B: lambda n: wiggle(n) + (0.012 if n >= 80 and n % 20 < 8 else 0.0)}
    done = run(arb(least_fills=4), quotes(paths, 300))
    assert len(done.orders) > 12
    assert done.heard("fills") == []


def test_nothing_is_entered_on_prices_of_the_past() -> None:
    # B is dearer while nothing is heard of it: only the last price is known, and that is old
    data = quotes({A: jump(-0.004, 85, 120), B: wiggle}, 150, silent={B: (75, 130)})
    done = run(arb(), data)
    assert [second for second, *_ in done.wishes() if second < 130] == []


# -- spot: inventories and transfers ---------------------------------------------------------------------


def test_spot_is_sold_from_what_is_there_and_coins_are_advised_to_be_moved() -> None:
    one, two = spot("SIM_A"), spot("SIM_B")
    terms = {one.id.value: {"fixed": 0.0002, "share": 0.0, "seconds": 1_800.0}}
    done = run(
        arb((one, two), transfers=terms, max_notional=40_000.0, skew=0.0),
        quotes({one: wiggle, two: jump(0.003, 80, 999)}, 140),
        (one, two),
        balances={"A": ["50000 USDT", "1 BTC"], "B": ["50000 USDT", "0.6 BTC"]},
    )
    assert done.wishes()[0][1:] == ("AB", 0.6, "difference, coins are moved")
    assert done.book[100][1] == pytest.approx(-0.6, abs=0.001)  # all it had
    assert done.book[139] == done.book[100]  # not traded back
    assert done.heard("SIM_B|sell")[0][1].startswith("no room is left to sell")
    (advice,) = done.advice
    assert (advice.source[-1], advice.target[-1]) == ("A", "B")
    assert advice.coins == pytest.approx(0.6, abs=0.01)
    assert advice.cost == 0.0002


def test_an_inventory_comes_back_when_the_other_direction_pays() -> None:
    one, two = spot("SIM_A"), spot("SIM_B")
    terms = {item.id.value: {"share": 0.0001} for item in (one, two)}
    path = lambda n: wiggle(n) + (0.003 if 80 <= n < 110 else -0.003 if 110 <= n < 140 else 0.0)  # noqa: E731
    done = run(
        arb((one, two), transfers=terms),
        quotes({one: wiggle, two: path}, 160),
        (one, two),
        balances={"A": ["50000 USDT", "1 BTC"], "B": ["50000 USDT", "1 BTC"]},
    )
    assert done.book[105][0] == pytest.approx(0.5, abs=0.01)
    assert (111, "AB", 0.0, "the other way round") in done.wishes()
    assert done.left[0] <= 0.0
    assert sum(done.equity.values()) > 100_000
