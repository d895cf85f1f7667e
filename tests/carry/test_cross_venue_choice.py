"""Which pairs are traded when they share books and inventories."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.carry.cross_venue import EdgeParams, Ending, Market, edge
from nautilus_quant.carry.cross_venue_choice import Candidate, choose, look, sides_of
from nautilus_quant.carry.cross_venue_inventory import InventoryParams, Stock
from nautilus_quant.gating.intent import Side

EDGE = EdgeParams(least=0.0005, caution=0.0)
PLAIN = InventoryParams(skew=0.0)
STAYS = (Ending(),)


def market(mid, half=0.05, size=5.0):
    return Market([(mid - half, size)], [(mid + half, size)], 0.0, 0.0)


def pairs(venues, **options):
    return [Candidate(f"{a}{b}", a, b, STAYS, **options) for a, b in itertools.permutations(venues, 2)]


def names(chosen):
    return [one.candidate.pair for one in chosen]


def test_the_widest_pair_goes_first_and_uses_its_books_alone():
    markets = {"A": market(100.0), "B": market(101.0), "C": market(102.0)}
    stocks = dict.fromkeys("ABC", Stock(0.0, 0.0, 3.0))
    (one,) = choose(pairs("ABC"), markets, stocks, EDGE, PLAIN)
    assert (one.candidate.pair, one.edge.coins) == ("AC", 3.0)


def test_two_pairs_of_four_venues():
    markets = {"A": market(100.0), "B": market(101.0), "C": market(102.0), "D": market(103.0)}
    stocks = dict.fromkeys("ABCD", Stock(0.0, 0.0, 3.0))
    assert names(choose(pairs("ABCD"), markets, stocks, EDGE, PLAIN)) == ["AD", "BC"]


def test_a_venue_is_not_bought_and_sold_at():
    markets = {"A": market(100.0), "B": market(101.0), "C": market(102.0)}
    stocks = dict.fromkeys("ABC", Stock(0.0, 0.0, 3.0))

    def found(**sides):
        return names(choose(pairs("ABC"), markets, stocks, EDGE, PLAIN, sides=sides))

    assert found(A=Side.BUY, C=Side.SELL) == ["AC"]
    assert found(C=Side.BUY) == ["AB"]
    assert found(A=Side.SELL) == ["BC"]
    assert found(A=Side.SELL, C=Side.BUY) == []


def test_room_and_skew_are_those_of_the_inventories():
    markets = {"A": market(100.0), "B": market(100.4)}
    candidate = Candidate("AB", "A", "B", STAYS)
    stocks = {"A": Stock(2.0, 0.0, 4.0), "B": Stock(-1.0, 0.0, 4.0, free_to_sell=0.5)}
    one = look(candidate, markets, stocks, EDGE, InventoryParams(skew=0.0004))
    assert one.skew == pytest.approx(0.0004 * (0.5 + 0.25))  # long where it buys, short where it sells
    assert one.edge.hurdle == pytest.approx(0.0008)
    assert one.edge.coins == 0.5
    back = look(Candidate("BA", "B", "A", STAYS), markets, stocks, EDGE, InventoryParams(skew=0.0004))
    assert back.skew == -one.skew


def test_inventories_decide_between_pairs_that_are_alike():
    markets = {"A": market(100.0), "B": market(102.0), "C": market(102.0)}
    stocks = {"A": Stock(0.0, 0.0, 9.0), "B": Stock(-3.0, 0.0, 9.0), "C": Stock(3.0, 0.0, 9.0)}
    candidates = [Candidate("AB", "A", "B", STAYS, 2.0), Candidate("AC", "A", "C", STAYS, 2.0)]
    assert names(choose(candidates, markets, stocks, EDGE, InventoryParams(skew=0.001))) == ["AC"]


def test_the_better_ending_counts():
    markets = {"A": market(100.0), "B": market(100.3)}
    stocks = dict.fromkeys("AB", Stock(0.0))
    moved = Ending(trades=False, transfer=0.0005)
    both = look(Candidate("AB", "A", "B", (Ending(), moved), 1.0), markets, stocks, EDGE, PLAIN)
    assert not both.edge.trades
    dear = look(
        Candidate("AB", "A", "B", (Ending(), moved._replace(transfer=0.01)), 1.0),
        markets,
        stocks,
        EDGE,
        PLAIN,
    )
    assert dear.edge.trades
    unknown = Ending(fair=math.nan)
    assert look(
        Candidate("AB", "A", "B", (unknown, moved), 1.0), markets, stocks, EDGE, PLAIN
    ) == both._replace(candidate=Candidate("AB", "A", "B", (unknown, moved), 1.0))


def test_what_is_unknown_or_too_small_is_left_alone():
    markets = {"A": market(100.0), "B": market(101.0), "D": Market([], [], 0.0, 0.0)}
    stocks = dict.fromkeys("ABD", Stock(0.0, 0.0, 3.0))
    assert choose(pairs("AD"), markets, stocks, EDGE, PLAIN) == []
    assert choose(pairs("AZ"), markets, stocks, EDGE, PLAIN) == []
    assert choose(pairs("AB"), markets, {"A": Stock(0.0)}, EDGE, PLAIN) == []
    assert choose(pairs("AB", smallest=3.1), markets, stocks, EDGE, PLAIN) == []
    assert names(choose(pairs("AB", smallest=3.0), markets, stocks, EDGE, PLAIN)) == ["AB"]


def test_sides_are_read_from_pairs():
    assert sides_of([("A", "B", 1), ("C", "D", -1), ("E", "F", 0)]) == {
        "A": Side.BUY,
        "B": Side.SELL,
        "C": Side.SELL,
        "D": Side.BUY,
    }


@given(
    st.dictionaries(st.sampled_from("ABCDE"), st.floats(99.0, 101.0), min_size=2),
    st.dictionaries(st.sampled_from("ABCDE"), st.sampled_from(list(Side))),
    st.floats(0.0, 0.001),
)
@settings(max_examples=60)
def test_what_is_chosen_can_be_done_together(mids, sides, strength):
    markets = {name: market(mid) for name, mid in mids.items()}
    stocks = {name: Stock((ord(name) - 67.0), 0.0, 4.0) for name in mids}
    inventory = InventoryParams(skew=strength)
    chosen = choose(pairs(sorted(mids)), markets, stocks, EDGE, inventory, sides=sides)
    used = [venue for one in chosen for venue in (one.candidate.buy, one.candidate.sell)]
    assert len(used) == len(set(used))
    for one in chosen:
        buy, sell = one.candidate.buy, one.candidate.sell
        assert sides.get(buy, Side.BUY) is Side.BUY
        assert sides.get(sell, Side.SELL) is Side.SELL
        assert one.edge.coins <= min(stocks[buy].room(Side.BUY), stocks[sell].room(Side.SELL))
        again = edge(markets[buy], markets[sell], Ending(), EDGE, most=one.edge.coins, skew=one.skew)
        assert again.net >= again.hurdle - 1e-12
    # nothing better is left over that could have been done as well
    free = {name for name in mids if name not in used}
    for one in pairs(sorted(free)):
        if sides.get(one.buy, Side.BUY) is Side.BUY and sides.get(one.sell, Side.SELL) is Side.SELL:
            left = look(one, markets, stocks, EDGE, inventory)
            assert left is None or left.edge.coins == 0.0
